//! The adapter against real servers, one test binary for all of it.

mod bad_input;
mod blocked;
mod conformance;
mod gate;
mod stand;
mod tls;
