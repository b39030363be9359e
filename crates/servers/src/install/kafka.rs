//! Kafka from Maven Central: the jars of the broker, and what they need at run time.

use std::ffi::OsString;

use anyhow::Result;

use super::{Program, cached, java};

const VERSION: &str = "4.3.1";

pub(super) fn install() -> Result<Program> {
    let java = java::find()?;
    let folder = java::jars(
        &format!("kafka-{VERSION}"),
        "Kafka",
        &[
            &format!("org.apache.kafka:kafka_2.13:{VERSION}"),
            "org.slf4j:slf4j-simple:1.7.36",
        ],
    )?;
    let words: Vec<OsString> = vec![
        java.into(),
        "-XX:+UseSerialGC".into(),
        "-XX:TieredStopAtLevel=1".into(),
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn".into(),
        "-cp".into(),
        java::class_path(&folder),
    ];
    Ok(Program::new(format!("installed, {}", cached(&folder)), words))
}
