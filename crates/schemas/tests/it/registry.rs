//! Registries: a real one, and one that answers whatever a test wants.

mod apicurio;
mod failing;
mod stand;
mod web;
