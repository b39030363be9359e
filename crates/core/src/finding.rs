//! What is wrong with a text that a person wrote, where it stands, and what to do about it.
//!
//! Everything that Dunlin reads from people (transformation files, migrations, lock files, the configuration of the
//! router) is judged with these types, so that a finding looks the same wherever it comes from: file, line and column,
//! one sentence, the line of the source underlined, and help where the sentence alone does not say what to do.
//!
//! A reader collects findings and goes on, so that one pass reports everything. Nothing here reads a file, prints, or
//! colours: the caller decides where the text goes.

mod nearest;
mod render;
mod source_text;

use std::fmt;

pub(crate) use nearest::suggestion;
pub use nearest::{did_you_mean, meant, nearest};
pub use source_text::{Place, SourceText, Span};

/// How many findings are kept in full; those beyond it are only counted.
///
/// Nobody reads the two hundredth finding of a file, and a file made to be wrong at every byte must not fill memory.
pub const MOST_FINDINGS: usize = 200;

/// Whether a finding refuses the text or only remarks on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The text cannot be used.
    Error,
    /// The text can be used, but its author will want to know.
    Warning,
    /// Nothing is wrong; what was not looked at is said, so that nobody takes it for looked at.
    Note,
}

impl Severity {
    /// The word for it, as it is printed and as it stands in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One thing that is wrong, or remarkable, at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether it refuses the text.
    pub severity: Severity,
    /// Where: a file, and usually a span in it.
    pub place: Place,
    /// What was expected and what was found; lower case, no full stop.
    pub message: String,
    /// What to do, where the message alone does not say so.
    pub help: Option<String>,
}

impl Finding {
    /// A finding that refuses the text.
    pub fn error(place: &Place, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            place: place.clone(),
            message: message.into(),
            help: None,
        }
    }

    /// A finding that lets the text pass.
    pub fn warning(place: &Place, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            place: place.clone(),
            message: message.into(),
            help: None,
        }
    }

    /// A finding that finds nothing wrong.
    pub fn note(place: &Place, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Note,
            place: place.clone(),
            message: message.into(),
            help: None,
        }
    }

    /// The same finding, with advice on what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The finding as it is shown to a person: its line, the source underlined, and the help. Ends with a line feed.
    pub fn render(&self) -> String {
        render::render(self)
    }

    /// The finding for a program: `severity`, `file`, `line`, `column`, `end_line`, `end_column`, `message`, `help`.
    ///
    /// The four positions are `null` where a finding is about a whole file, and `help` is `null` where there is none:
    /// the members are always the same.
    pub fn to_json(&self) -> serde_json::Value {
        let position = |at: Option<(usize, usize)>| match at {
            Some((line, column)) => (serde_json::Value::from(line), serde_json::Value::from(column)),
            None => (serde_json::Value::Null, serde_json::Value::Null),
        };
        let (line, column) = position(self.place.start());
        let (end_line, end_column) = position(self.place.end());
        serde_json::json!({
            "severity": self.severity.word(),
            "file": self.place.file(),
            "line": line,
            "column": column,
            "end_line": end_line,
            "end_column": end_column,
            "message": self.message,
            "help": self.help,
        })
    }
}

/// One line: `orders.yaml:14:7: error: unknown field …`, without the source.
impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}: {}: {}",
            self.place,
            self.severity.word(),
            render::Plain(&self.message)
        )
    }
}

/// All findings of one reading, which may have gone through many files.
///
/// At most [`MOST_FINDINGS`] are kept; [`Findings::errors`] and [`Findings::warnings`] count all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    kept: Vec<Finding>,
    errors: usize,
    warnings: usize,
    notes: usize,
}

impl Findings {
    /// No findings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one finding in. The same finding a second time is dropped: two pointers may lead to one faulty file.
    pub fn push(&mut self, finding: Finding) {
        if self.kept.contains(&finding) {
            return;
        }
        match finding.severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
            Severity::Note => self.notes += 1,
        }
        if self.kept.len() < MOST_FINDINGS {
            self.kept.push(finding);
        } else if finding.severity == Severity::Error
            && let Some(lesser) = self.kept.iter_mut().find(|kept| kept.severity > Severity::Error)
        {
            // A page of warnings must not hide the reason why the text is refused.
            *lesser = finding;
        }
    }

    /// Reports an error at a place.
    pub fn error(&mut self, place: &Place, message: impl Into<String>) {
        self.push(Finding::error(place, message));
    }

    /// Reports a warning at a place.
    pub fn warning(&mut self, place: &Place, message: impl Into<String>) {
        self.push(Finding::warning(place, message));
    }

    /// Takes all findings of another reading in.
    pub fn append(&mut self, other: Self) {
        let beyond_errors = other.errors - other.count(Severity::Error);
        let beyond_warnings = other.warnings - other.count(Severity::Warning);
        let beyond_notes = other.notes - other.count(Severity::Note);
        for finding in other.kept {
            self.push(finding);
        }
        self.errors += beyond_errors;
        self.warnings += beyond_warnings;
        self.notes += beyond_notes;
    }

    fn count(&self, severity: Severity) -> usize {
        self.kept
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    }

    /// How many errors there are, those beyond the limit included.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// How many warnings there are, those beyond the limit included.
    pub fn warnings(&self) -> usize {
        self.warnings
    }

    /// How many notes there are, those beyond the limit included.
    pub fn notes(&self) -> usize {
        self.notes
    }

    /// Whether the text is refused.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.errors == 0 && self.warnings == 0 && self.notes == 0
    }

    /// The findings in the order of files and places, without those beyond the limit.
    pub fn sorted(&self) -> Vec<&Finding> {
        let mut sorted: Vec<&Finding> = self.kept.iter().collect();
        sorted.sort_by_key(|finding| (finding.place.file(), finding.place.span(), finding.severity));
        sorted
    }

    /// All findings as they are shown to a person, in the order of files and places. Ends with a line feed, or is empty.
    pub fn render(&self) -> String {
        let mut text: String = self.sorted().into_iter().map(Finding::render).collect();
        let beyond = self.errors + self.warnings + self.notes - self.kept.len();
        if beyond > 0 {
            text.push_str(&format!("and {beyond} more findings, which are not shown\n"));
        }
        text
    }

    /// All findings for a program: an array of [`Finding::to_json`], in the order of files and places.
    pub fn to_json(&self) -> serde_json::Value {
        self.sorted().into_iter().map(Finding::to_json).collect()
    }
}

/// As [`Findings::render`], without the last line feed.
impl fmt::Display for Findings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.render().trim_end_matches('\n'))
    }
}

impl std::error::Error for Findings {}

#[cfg(test)]
mod tests;
