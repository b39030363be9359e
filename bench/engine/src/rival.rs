//! The other side of a comparison: a process of its own, asked for one batch at a time over its standard input.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;

/// The process. Dropping it ends it: its standard input closes.
#[derive(Debug)]
pub(crate) struct Rival {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Rival {
    /// Starts the program.
    pub(crate) fn start(program: &Path) -> Result<Self> {
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("the rival could not be started: {}", program.display()))?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("the rival has no output")?;
        Ok(Self {
            child,
            input,
            output: BufReader::new(output),
        })
    }

    /// Gives it a chain and documents, with the output that is expected for each. It checks its own output against them.
    pub(crate) fn prepare<'a>(
        &mut self,
        chain: &str,
        documents: impl ExactSizeIterator<Item = &'a [u8]>,
        expected: &[Bytes],
    ) -> Result<()> {
        self.say(&format!("prepare {}", documents.len()))?;
        self.say(chain)?;
        for (document, expected) in documents.zip(expected) {
            // The protocol is one line each; line feeds in a document are escaped.
            self.say(&serde_json::to_string(std::str::from_utf8(document)?)?)?;
            self.say(std::str::from_utf8(expected)?)?;
        }
        match self.answer()?.as_str() {
            "ready" => Ok(()),
            other => bail!("a rival does something else than the reference interpreter: {other}"),
        }
    }

    /// One batch of this many messages by one of them; the CPU time of its thread.
    pub(crate) fn run(&mut self, name: &str, messages: usize) -> Result<Duration> {
        self.say(&format!("run {name} {messages}"))?;
        Ok(Duration::from_nanos(
            self.answer()?.parse().context("the rival answered no time")?,
        ))
    }

    /// What it was built with.
    pub(crate) fn describe(&mut self) -> Result<String> {
        self.say("describe")?;
        self.answer()
    }

    fn say(&mut self, line: &str) -> Result<()> {
        let input = self.input.as_mut().context("the rival has no input")?;
        input.write_all(line.as_bytes())?;
        input.write_all(b"\n")?;
        input.flush().context("the rival went away")
    }

    fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("the rival went away");
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        drop(self.input.take());
        if let Err(error) = self.child.wait() {
            eprintln!("the rival did not end: {error}");
        }
    }
}
