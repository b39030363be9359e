//! Kafka from Maven Central: the jars of the broker, and what they need at run time.

use std::ffi::OsString;
use std::process::Command;

use anyhow::{Context, Result};

use super::{Program, cached, path, run};
use crate::cache;

const VERSION: &str = "4.3.1";

const PROJECT: &str = r#"<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>test</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>VERSION</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
"#;

pub(super) fn install() -> Result<Program> {
    let java = path::find("java").context("`java`, version 17 or later, is not on PATH")?;
    let folder = cache::once(&format!("kafka-{VERSION}"), |folder| {
        let maven = path::find("mvn").context("`mvn`, which fetches Kafka, is not on PATH")?;
        let project = folder.join("pom.xml");
        std::fs::write(&project, PROJECT.replace("VERSION", VERSION))
            .context("the project for Maven could not be written")?;
        run(Command::new(&maven).args(["-q", "-B", "-f"]).arg(&project).args([
            "dependency:copy-dependencies",
            "-DincludeScope=runtime",
            "-DoutputDirectory=libs",
        ]))
        .map(drop)
    })?;
    let mut libraries = folder.join("libs").into_os_string();
    // Java itself resolves this: all jars of the folder.
    libraries.push("/*");
    let words: Vec<OsString> = vec![
        java.into(),
        "-XX:+UseSerialGC".into(),
        "-XX:TieredStopAtLevel=1".into(),
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn".into(),
        "-cp".into(),
        libraries,
    ];
    Ok(Program {
        origin: format!("installed, {}", cached(&folder)),
        words,
        root: None,
        path: None,
        container: None,
    })
}
