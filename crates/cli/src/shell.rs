//! Where a command writes: results to standard output, everything else to standard error.
//!
//! Both are buffered, since a filter writes many short lines; whoever waits for input flushes first. Colour is there only on
//! a terminal, and not where `NO_COLOR` is set.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Stderr, Stdout, Write};

use clap::ValueEnum;
use dunlin_core::finding::{Finding, Findings, Severity};
use serde_json::json;

use crate::ending::Trouble;

/// How results and errors are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// The two ways out of a command.
pub(crate) struct Shell {
    /// Results.
    pub(crate) out: BufWriter<Stdout>,
    /// Everything else.
    pub(crate) err: BufWriter<Stderr>,
    /// How both are written.
    pub(crate) format: Format,
    out_colours: bool,
    err_colours: bool,
}

/// Something that stands out on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// What is wrong or gone.
    Bad,
    /// What deserves a look.
    Warning,
    /// What is right or new.
    Good,
    /// What stands above others.
    Strong,
    /// What may be passed over.
    Faint,
}

impl Shell {
    /// A shell of this process that writes in this format.
    pub(crate) fn new(format: Format) -> Self {
        Self {
            out: BufWriter::with_capacity(1 << 16, io::stdout()),
            err: BufWriter::new(io::stderr()),
            format,
            out_colours: colours_wanted() && io::stdout().is_terminal(),
            err_colours: colours_wanted() && io::stderr().is_terminal(),
        }
    }

    /// Whether results are for a program.
    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// The text as standard output shows it.
    pub(crate) fn paint(&self, tone: Tone, text: impl Display) -> String {
        painted(self.out_colours, tone, text)
    }

    /// Writes one value as one line of JSON.
    pub(crate) fn json(&mut self, value: &serde_json::Value) -> io::Result<()> {
        writeln!(self.out, "{value}")
    }

    /// Tells findings on standard error: for people with their lines, for programs one object per line.
    pub(crate) fn tell(&mut self, findings: &Findings) -> io::Result<()> {
        if self.is_json() {
            for finding in findings.sorted() {
                writeln!(self.err, "{}", finding.to_json())?;
            }
            return Ok(());
        }
        write!(self.err, "{}", rendered(findings, self.err_colours))
    }

    /// The findings as standard output shows them to people.
    pub(crate) fn rendered(&self, findings: &Findings) -> String {
        rendered(findings, self.out_colours)
    }

    /// Tells on standard error why the command could not do its work.
    ///
    /// A reader that has gone is told nothing.
    pub(crate) fn complain(&mut self, trouble: &Trouble) -> io::Result<()> {
        let message = match trouble {
            Trouble::Findings(findings) => return self.tell(findings),
            Trouble::Usage(message) | Trouble::Failed(message) => message.clone(),
            Trouble::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Trouble::Output(error) => format!("standard output cannot be written: {error}"),
        };
        if self.is_json() {
            writeln!(self.err, "{}", json!({"severity": "error", "message": message}))
        } else {
            let error = painted(self.err_colours, Tone::Bad, "error");
            writeln!(self.err, "{error}: {message}")
        }
    }

    /// Writes out what is held back.
    ///
    /// Standard output is not touched where there is nothing to write: a route may be writing to it, and may be stuck there.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.err.flush()?;
        if self.out.buffer().is_empty() {
            return Ok(());
        }
        self.out.flush()
    }
}

/// Whether the environment lets anything be coloured.
pub(crate) fn colours_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn painted(colours: bool, tone: Tone, text: impl Display) -> String {
    if !colours {
        return text.to_string();
    }
    let code = match tone {
        Tone::Bad => "1;31",
        Tone::Warning => "1;33",
        Tone::Good => "32",
        Tone::Strong => "1",
        Tone::Faint => "2",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// The findings with the words `error` and `warning` coloured; what is quoted from files stays as the renderer made it safe.
fn rendered(findings: &Findings, colours: bool) -> String {
    let text = findings.render();
    if !colours {
        return text;
    }
    let mut heads = findings.sorted().into_iter().peekable();
    let mut coloured = String::with_capacity(text.len());
    for line in text.lines() {
        match heads.next_if(|finding| finding.to_string() == line) {
            Some(finding) => coloured.push_str(&head(finding, line)),
            None => coloured.push_str(line),
        }
        coloured.push('\n');
    }
    coloured
}

/// The first line of a finding, coloured.
fn head(finding: &Finding, line: &str) -> String {
    let tone = match finding.severity {
        Severity::Error => Tone::Bad,
        Severity::Warning => Tone::Warning,
        Severity::Note => Tone::Faint,
    };
    let word = finding.severity.word();
    let place = finding.place.to_string();
    let rest = line
        .strip_prefix(&place)
        .and_then(|rest| rest.strip_prefix(": ")?.strip_prefix(word));
    match rest {
        Some(rest) => format!("{place}: {}{rest}", painted(true, tone, word)),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use dunlin_core::finding::Place;

    use super::*;

    #[test]
    fn colours_are_all_that_colours_add() {
        let mut findings = Findings::new();
        findings.error(&Place::whole("a: error: b.yaml"), "expected: error: a path");
        findings.warning(&Place::whole("c.yaml"), "a warning");
        let coloured = rendered(&findings, true);
        assert_eq!(
            coloured,
            "a: error: b.yaml: \u{1b}[1;31merror\u{1b}[0m: expected: error: a path\nc.yaml: \u{1b}[1;33mwarning\u{1b}[0m: a warning\n"
        );
        let plain = ["\u{1b}[1;31m", "\u{1b}[1;33m", "\u{1b}[0m"]
            .iter()
            .fold(coloured, |text, code| text.replace(code, ""));
        assert_eq!(plain, rendered(&findings, false));
    }
}
