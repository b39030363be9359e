//! The adapter against real Redis servers.

mod bad_input;
mod conformance;
mod stand;
mod tls;
