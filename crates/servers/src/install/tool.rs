//! Programs that tests and benchmarks run beside themselves, and that are no servers.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::{Program, debian, path};

/// Such a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// Valgrind, which counts instructions.
    Valgrind,
    /// jq, beside which the command line is measured.
    Jq,
}

/// A tool that can be run.
#[derive(Debug, Clone)]
pub struct Ready {
    program: Program,
    variables: Vec<(&'static str, OsString)>,
}

impl Tool {
    /// The name of its program.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Tool::Valgrind => "valgrind",
            Tool::Jq => "jq",
        }
    }

    /// Finds it on this machine, or else unpacks it from Debian's packages in the cache folder.
    ///
    /// # Errors
    /// When it can be had in neither way; with what was tried.
    pub fn ready(self) -> Result<Ready> {
        let name = self.name();
        let found = path::find(name)
            .with_context(|| format!("`{name}` is not on PATH"))
            .map(|path| Ready {
                program: Program::new(path.display().to_string(), vec![path.into()]),
                variables: Vec::new(),
            })
            .and_then(Ready::introduced);
        let not_found = match found {
            Ok(ready) => return Ok(ready),
            Err(error) => error,
        };
        match debian::tool(self)
            .map(|(program, variables)| Ready { program, variables })
            .and_then(Ready::introduced)
        {
            Ok(ready) => Ok(ready),
            Err(error) => bail!(
                "`{name}` is needed and could not be had; tried:\n  the program on this machine: {not_found:#}\n  an installation: {error:#}"
            ),
        }
    }
}

impl Ready {
    /// A call of it, without arguments.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut words = self.program.words.iter();
        let mut command = Command::new(words.next().map(OsString::as_os_str).unwrap_or_default());
        command.args(words);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Where it was found and which version it is, for people.
    #[must_use]
    pub fn describe(&self) -> &str {
        &self.program.origin
    }

    /// Asks it for its version, which shows that it runs.
    fn introduced(mut self) -> Result<Self> {
        let output = self
            .command()
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .context("it could not be started")?;
        let said = String::from_utf8_lossy(&output.stdout);
        let version = said.lines().next().unwrap_or_default().trim();
        if !output.status.success() || version.is_empty() {
            bail!(
                "it does not tell its version ({}): {}",
                output.status,
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        self.program.origin = format!("{} ({version})", self.program.origin);
        Ok(self)
    }
}
