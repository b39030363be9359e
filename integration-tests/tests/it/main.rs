//! What holds for the project as a whole: the shape of its source, its documentation, and whole routes.

mod docs;
mod statuses;
mod tidy;
mod webhooks;
