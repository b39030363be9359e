//! Two other implementations of Avro, for tests: Apache's own in Java, and `fastavro` in Python.

use std::process::Command;

use anyhow::{Context, Result};

use super::{path, run};
use crate::cache;

const APACHE: &str = "1.12.0";
const FASTAVRO: &str = "1.13.1";

const PROJECT: &str = r#"<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>test</groupId><artifactId>avro</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.avro</groupId><artifactId>avro</artifactId><version>VERSION</version></dependency>
    <dependency><groupId>org.xerial.snappy</groupId><artifactId>snappy-java</artifactId><version>1.1.10.7</version></dependency>
    <dependency><groupId>com.github.luben</groupId><artifactId>zstd-jni</artifactId><version>1.5.6-9</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>2.0.13</version></dependency>
  </dependencies>
</project>
"#;

/// Java with Apache Avro and its codecs in the class path. The first argument is a file of Java's source, which is run.
///
/// # Errors
/// When it cannot be had; with what was tried.
pub fn apache_avro() -> Result<Command> {
    let java = path::find("java").context("`java`, version 17 or later, is not on PATH")?;
    let folder = cache::once(&format!("apache-avro-{APACHE}"), |folder| {
        let maven = path::find("mvn").context("`mvn`, which fetches Apache Avro, is not on PATH")?;
        let project = folder.join("pom.xml");
        std::fs::write(&project, PROJECT.replace("VERSION", APACHE))
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
    let mut command = Command::new(java);
    command.arg("-cp").arg(libraries);
    Ok(command)
}

/// Python with `fastavro` and its codecs. The first argument is a file of Python's source.
///
/// # Errors
/// When it cannot be had; with what was tried.
pub fn fastavro() -> Result<Command> {
    let python = path::find("python3").context("`python3` is not on PATH")?;
    let folder = cache::once(&format!("fastavro-{FASTAVRO}"), |folder| {
        // A folder of its own is none of the machine's environments, which Debian lets nobody change.
        run(Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--target"])
            .arg(folder)
            .arg(format!("fastavro[snappy,zstandard]=={FASTAVRO}")))
        .map(drop)
    })?;
    let mut command = Command::new(python);
    command.env("PYTHONPATH", folder);
    Ok(command)
}
