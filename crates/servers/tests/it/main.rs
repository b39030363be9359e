//! Servers are real: they are started, spoken to over TCP, killed, and started again with what they had.

mod ending;
mod plain;
mod wire;
