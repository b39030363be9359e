//! Servers are real: they are started, spoken to over TCP, killed, and started again with what they had.

#![expect(
    clippy::print_stdout,
    reason = "what is left out is said where the totals are counted"
)]

mod ending;
mod finding;
mod logins;
mod network;
mod plain;
mod secure;
mod wire;
