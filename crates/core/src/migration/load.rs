//! From the texts that people write to what the engine works with, with every finding and its place.

pub mod fields;
