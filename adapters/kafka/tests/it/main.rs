//! The adapter against real servers, one test binary for all of it.

mod conformance;
mod stand;
