//! Configuration, plan and routes of Dunlin.
