//! Which messaging systems this program was built with.
//!
//! The only file that asks for the features of systems, and the only one that names an adapter.

use dunlin_core::error::Result;
use dunlin_core::memory;
use dunlin_core::messaging::Resolved;
#[cfg(feature = "file")]
use dunlin_core::registry::Plugin;
use dunlin_core::registry::Registry;
#[cfg(feature = "file")]
use dunlin_file::{PLUGIN as FILES, open as open_files};
#[cfg(feature = "file")]
use dunlin_schemas::avro::container::Containers;

/// The systems that are built in, each under the scheme of its addresses.
///
/// # Errors
/// Two systems with one scheme: a defect of this list.
pub(crate) fn registry() -> Result<Registry> {
    let mut registry = Registry::new();
    registry.add(memory::PLUGIN)?;
    #[cfg(feature = "amqp")]
    registry.add(dunlin_amqp::PLUGIN)?;
    #[cfg(feature = "file")]
    registry.add(Plugin {
        // The adapter knows no schema, and container files are told apart by theirs: the format is handed in here.
        open: |opening| open_files(opening, &[&Containers]),
        ..FILES
    })?;
    #[cfg(feature = "kafka")]
    registry.add(dunlin_kafka::PLUGIN)?;
    #[cfg(feature = "nats")]
    registry.add(dunlin_nats::PLUGIN)?;
    #[cfg(feature = "redis")]
    registry.add(dunlin_redis::PLUGIN)?;
    let features = [
        ("amqp", cfg!(feature = "amqp")),
        ("file", cfg!(feature = "file")),
        ("kafka", cfg!(feature = "kafka")),
        ("nats", cfg!(feature = "nats")),
        ("redis", cfg!(feature = "redis")),
    ];
    for (feature, _) in features.into_iter().filter(|(_, built_in)| !built_in) {
        registry.leave_out(feature);
    }
    Ok(registry)
}

/// Whether an end writes to the standard output of this process, so that nothing else may be written there.
pub(crate) fn is_standard_output(end: &Resolved) -> bool {
    end.canonical.starts_with("file:-#")
}

/// Whether an end is a file, which can be looked at without a network.
pub(crate) fn is_file(end: &Resolved) -> bool {
    end.canonical.starts_with("file:") && !end.canonical.starts_with("file:-")
}
