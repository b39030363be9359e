//! The adapter against real Redis servers.

mod bad_input;
mod bed;
mod conformance;
mod stand;
mod streams;
mod tls;
