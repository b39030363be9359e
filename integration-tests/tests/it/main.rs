//! What holds for the project as a whole: the shape of its source, its documentation, and whole routes.

mod addresses;
mod containers;
mod desk;
mod docs;
mod entrance;
mod examples;
mod files;
mod framed;
mod kills;
mod looking;
mod pairs;
mod refused;
mod schemas;
mod statuses;
mod terminal;
mod tidy;
mod way_back;
mod webhooks;
