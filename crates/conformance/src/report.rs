//! What came out of a run.

use std::fmt;
use std::fmt::Write;
use std::path::Path;

use crate::oracle::Tally;

/// The outcome of every scenario.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was tested.
    pub stand: String,
    /// Repeats this run, as `DUNLIN_SEED`.
    pub seed: u64,
    /// `DUNLIN_ONLY` left scenarios out, so that their number says nothing.
    pub narrowed: bool,
    /// Id, name and outcome, in the order of the suite.
    pub outcomes: Vec<(&'static str, &'static str, Outcome)>,
}

/// How a scenario ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Held.
    Passed(Tally),
    /// Not run, for this reason.
    Skipped(String),
    /// Broken, like this.
    Failed(String),
}

impl Outcome {
    fn word(&self) -> &'static str {
        match self {
            Self::Passed(_) => "passed",
            Self::Skipped(_) => "skipped",
            Self::Failed(_) => "FAILED",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed(tally) => write!(f, "passed: {tally}"),
            Self::Skipped(reason) => write!(f, "skipped: {reason}"),
            Self::Failed(fault) => write!(f, "FAILED: {fault}"),
        }
    }
}

impl Report {
    /// How many scenarios passed.
    pub fn passed(&self) -> usize {
        self.count("passed")
    }

    /// How many were skipped.
    pub fn skipped(&self) -> usize {
        self.count("skipped")
    }

    /// The ids of those that failed.
    pub fn failed(&self) -> Vec<&'static str> {
        let failed = |(_, _, outcome): &&(_, _, Outcome)| matches!(outcome, Outcome::Failed(_));
        self.outcomes
            .iter()
            .filter(failed)
            .map(|(id, _, _)| *id)
            .collect()
    }

    /// The outcome of the scenario of this id.
    pub fn outcome(&self, id: &str) -> Option<&Outcome> {
        let found = self.outcomes.iter().find(|(have, _, _)| *have == id);
        found.map(|(_, _, outcome)| outcome)
    }

    /// Writes one line for each scenario into a file of this folder, for whoever puts several stands into one table: id, name,
    /// word, messages, duplicates, bound, and what else there is to say, apart by tabs. The first line names the stand and the
    /// seed.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write_to(&self, folder: &Path) -> std::io::Result<()> {
        let plain = |text: &str| text.replace(['\t', '\n', '\r'], " ");
        let mut text = format!("{}\t{}\n", plain(&self.stand), self.seed);
        for (id, name, outcome) in &self.outcomes {
            let (counts, said) = match outcome {
                Outcome::Passed(tally) => (
                    [tally.messages, tally.duplicates, tally.bound],
                    tally.notes.join("; "),
                ),
                Outcome::Skipped(reason) | Outcome::Failed(reason) => ([0; 3], reason.clone()),
            };
            let [messages, duplicates, bound] = counts;
            let word = outcome.word().to_lowercase();
            // Writing to a text cannot fail.
            let _ = writeln!(
                text,
                "{id}\t{name}\t{word}\t{messages}\t{duplicates}\t{bound}\t{}",
                plain(&said)
            );
        }
        let name: String = (self.stand.chars())
            .map(|letter| {
                if letter.is_ascii_alphanumeric() {
                    letter
                } else {
                    '-'
                }
            })
            .collect();
        std::fs::write(folder.join(format!("{name}.tsv")), text)
    }

    fn count(&self, word: &str) -> usize {
        let like = |(_, _, outcome): &&(_, _, Outcome)| outcome.word() == word;
        self.outcomes.iter().filter(like).count()
    }

    /// Ends a test: nothing failed, and no fewer scenarios passed than when the number was committed, so that a capability
    /// that is lost cannot turn into a quiet skip.
    ///
    /// # Panics
    /// Where that does not hold, with every failure.
    pub fn at_least(&self, minimum: usize) {
        let failed = self.failed();
        assert!(failed.is_empty(), "{self}");
        assert!(
            self.narrowed || self.passed() >= minimum,
            "expected at least {minimum} passed scenarios, found {}\n{self}",
            self.passed()
        );
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "conformance of {} (DUNLIN_SEED={})", self.stand, self.seed)?;
        for (id, name, outcome) in &self.outcomes {
            writeln!(f, "  {id:<4} {name:<26} {outcome}")?;
        }
        let duplicates: usize = (self.outcomes.iter())
            .map(|(_, _, outcome)| match outcome {
                Outcome::Passed(tally) => tally.duplicates,
                Outcome::Skipped(_) | Outcome::Failed(_) => 0,
            })
            .sum();
        write!(
            f,
            "  {} passed, {} skipped, {} failed; {duplicates} duplicates",
            self.passed(),
            self.skipped(),
            self.failed().len()
        )
    }
}
