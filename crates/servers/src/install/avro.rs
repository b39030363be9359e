//! Two other implementations of Avro, for tests: Apache's own in Java, and `fastavro` in Python.

use std::process::Command;

use anyhow::Result;

use super::{java, python};

const APACHE: &str = "1.12.0";
const FASTAVRO: &str = "1.13.1";

/// Java with Apache Avro and its codecs in the class path. The first argument is a file of Java's source, which is run.
///
/// # Errors
/// When it cannot be had; with what was tried.
pub fn apache_avro() -> Result<Command> {
    let java = java::find()?;
    let folder = java::jars(
        &format!("apache-avro-{APACHE}"),
        "Apache Avro",
        &[
            &format!("org.apache.avro:avro:{APACHE}"),
            "org.xerial.snappy:snappy-java:1.1.10.7",
            "com.github.luben:zstd-jni:1.5.6-9",
            "org.slf4j:slf4j-nop:2.0.13",
        ],
    )?;
    let mut command = Command::new(java);
    command.arg("-cp").arg(java::class_path(&folder));
    Ok(command)
}

/// Python with `fastavro` and its codecs. The first argument is a file of Python's source.
///
/// # Errors
/// When it cannot be had; with what was tried.
pub fn fastavro() -> Result<Command> {
    python::with(
        &format!("fastavro-{FASTAVRO}"),
        &format!("fastavro[snappy,zstandard]=={FASTAVRO}"),
    )
}
