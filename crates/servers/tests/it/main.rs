//! Servers are real: they are started, spoken to over TCP, killed, and started again with what they had.

mod ending;
mod logins;
mod network;
mod plain;
mod secure;
mod wire;
