//! The adapter against real servers.

mod bad_input;
mod conformance;
mod stand;
mod streams;
mod tls;
