//! The outcomes of all systems in one table: a row for each scenario, a column for each stand.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// All outcomes, in the order in which systems and scenarios came.
#[derive(Debug, Default)]
pub(super) struct Table {
    stands: Vec<Stand>,
    /// Id and name of each scenario.
    scenarios: Vec<(String, String)>,
}

#[derive(Debug)]
struct Stand {
    system: String,
    name: String,
    seed: String,
    outcomes: BTreeMap<String, Outcome>,
}

#[derive(Debug)]
struct Outcome {
    word: Word,
    duplicates: u64,
    bound: u64,
    said: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Passed,
    Skipped,
    Failed,
}

const BEGIN: &str = "<!-- conformance -->";
const END: &str = "<!-- end of conformance -->";

impl Table {
    /// Reads what the tests of a system wrote into this folder, one file for each stand, and says how many outcomes there are.
    pub(super) fn read(&mut self, system: &str, folder: &Path) -> Result<usize> {
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .and_then(|entries| {
                entries
                    .map(|entry| Ok(entry?.path()))
                    .collect::<std::io::Result<_>>()
            })
            .with_context(|| format!("the outcomes of {system} cannot be read"))?;
        files.sort();
        let mut count = 0;
        for file in files {
            let text = std::fs::read_to_string(&file)
                .with_context(|| format!("the outcomes of {system} cannot be read"))?;
            count += self.add(system, &text)?;
        }
        Ok(count)
    }

    fn add(&mut self, system: &str, text: &str) -> Result<usize> {
        let mut lines = text.lines();
        let head = lines.next().unwrap_or_default();
        let (name, seed) = head
            .split_once('\t')
            .with_context(|| format!("expected a stand and its seed, found `{head}`"))?;
        let mut outcomes = BTreeMap::new();
        for line in lines {
            let (id, scenario, outcome) = outcome(line).with_context(|| format!("of {name}: `{line}`"))?;
            if !self.scenarios.iter().any(|(have, _)| *have == id) {
                self.scenarios.push((id.clone(), scenario));
            }
            outcomes.insert(id, outcome);
        }
        let count = outcomes.len();
        self.stands.push(Stand {
            system: system.to_owned(),
            name: name.to_owned(),
            seed: seed.to_owned(),
            outcomes,
        });
        Ok(count)
    }

    /// For a terminal: the table, then what was skipped and what failed, with reasons.
    pub(super) fn text(&self) -> String {
        let rows = self.rows();
        let widths: Vec<usize> = (0..rows[0].len())
            .map(|column| {
                rows.iter()
                    .map(|row| row[column].chars().count())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let mut text = String::new();
        for row in &rows {
            for (cell, width) in row.iter().zip(&widths) {
                let _ = write!(text, "{cell:<width$}  ");
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text.push('\n');
        for line in self.reasons() {
            let _ = writeln!(text, "{line}");
        }
        text
    }

    /// For the page.
    pub(super) fn markdown(&self) -> String {
        let rows = self.rows();
        let mut text = String::new();
        for (place, row) in rows.iter().enumerate() {
            let _ = writeln!(text, "| {} |", row.join(" | "));
            if place == 0 {
                let _ = writeln!(text, "|{}", "---|".repeat(row.len()));
            }
        }
        text.push('\n');
        for line in self.reasons() {
            let _ = writeln!(text, "- {line}");
        }
        text
    }

    /// How it went, in one line.
    pub(super) fn totals(&self) -> String {
        let count = |word| {
            let outcomes = self.stands.iter().flat_map(|stand| stand.outcomes.values());
            outcomes.filter(|outcome| outcome.word == word).count()
        };
        let outcomes = self.stands.iter().flat_map(|stand| stand.outcomes.values());
        format!(
            "{} passed, {} skipped, {} failed in {} stands; {} duplicates",
            count(Word::Passed),
            count(Word::Skipped),
            count(Word::Failed),
            self.stands.len(),
            outcomes.map(|outcome| outcome.duplicates).sum::<u64>()
        )
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let head = ["scenario".to_owned()].into_iter();
        let mut rows = vec![
            head.chain(self.stands.iter().map(|stand| self.title(stand)))
                .collect(),
        ];
        for (id, name) in &self.scenarios {
            let cells = self.stands.iter().map(|stand| cell(stand.outcomes.get(id)));
            rows.push(
                [format!("{id} {name}")]
                    .into_iter()
                    .chain(cells)
                    .collect::<Vec<_>>(),
            );
        }
        let counts = self.stands.iter().map(|stand| {
            let passed = |outcome: &&Outcome| outcome.word == Word::Passed;
            stand.outcomes.values().filter(passed).count().to_string()
        });
        rows.push(["passed".to_owned()].into_iter().chain(counts).collect());
        rows
    }

    /// The name of the system, with a number where it has several stands.
    fn title(&self, stand: &Stand) -> String {
        let mut twins = self.stands.iter().filter(|other| other.system == stand.system);
        let place = twins
            .clone()
            .position(|other| other.name == stand.name)
            .unwrap_or(0);
        match twins.nth(1) {
            Some(_) => format!("{} {}", stand.system, place + 1),
            None => stand.system.clone(),
        }
    }

    /// What each stand is, and why it skipped or failed what it did.
    fn reasons(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for stand in &self.stands {
            let title = self.title(stand);
            lines.push(format!("{title}: {} (DUNLIN_SEED={})", stand.name, stand.seed));
            let mut skipped: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for (id, _) in &self.scenarios {
                match stand.outcomes.get(id) {
                    Some(outcome) if outcome.word == Word::Skipped => {
                        skipped.entry(&outcome.said).or_default().push(id);
                    }
                    Some(outcome) if outcome.word == Word::Failed => {
                        lines.push(format!("{title} failed {id}: {}", outcome.said));
                    }
                    Some(_) | None => {}
                }
            }
            for (reason, ids) in skipped {
                lines.push(format!("{title} skipped {}: {reason}", ids.join(", ")));
            }
        }
        lines
    }
}

fn cell(outcome: Option<&Outcome>) -> String {
    match outcome {
        None => "did not run".to_owned(),
        Some(outcome) => match outcome.word {
            Word::Skipped => "–".to_owned(),
            Word::Failed => "FAILED".to_owned(),
            Word::Passed if outcome.bound == 0 => "passed".to_owned(),
            Word::Passed => format!("passed, {} of {}", outcome.duplicates, outcome.bound),
        },
    }
}

fn outcome(line: &str) -> Result<(String, String, Outcome)> {
    let fields: Vec<&str> = line.splitn(7, '\t').collect();
    let [id, name, word, _messages, duplicates, bound, said] = fields[..] else {
        anyhow::bail!("expected seven fields, found {}", fields.len());
    };
    let word = match word {
        "passed" => Word::Passed,
        "skipped" => Word::Skipped,
        "failed" => Word::Failed,
        other => anyhow::bail!("expected passed, skipped or failed, found `{other}`"),
    };
    let outcome = Outcome {
        word,
        duplicates: duplicates.parse().context("expected a number of duplicates")?,
        bound: bound.parse().context("expected a bound")?,
        said: said.to_owned(),
    };
    Ok((id.to_owned(), name.to_owned(), outcome))
}

/// Puts the table between the marks of a page.
pub(super) fn write_into(page: &Path, table: &str) -> Result<()> {
    let text = std::fs::read_to_string(page).with_context(|| format!("reading {}", page.display()))?;
    let replaced = replaced(&text, table)?;
    std::fs::write(page, replaced).with_context(|| format!("writing {}", page.display()))
}

fn replaced(text: &str, table: &str) -> Result<String> {
    let begin = text.find(BEGIN).map(|place| place + BEGIN.len());
    let end = text.find(END);
    let (begin, end) = begin
        .zip(end)
        .with_context(|| format!("expected `{BEGIN}` and `{END}` in the page"))?;
    ensure!(begin <= end, "expected `{BEGIN}` before `{END}` in the page");
    Ok(format!(
        "{}\n\n{}\n{}",
        &text[..begin],
        table.trim_end(),
        &text[end..]
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str =
        "a log\t7\nK1\tdropped\tpassed\t200\t0\t0\tsaid\nC18\tkilled\tpassed\t9\t3\t12\t3 runs\n";
    const OTHER: &str =
        "a queue\t8\nK1\tdropped\tfailed\t0\t0\t0\tlost one\nC18\tkilled\tskipped\t0\t0\t0\tno restart\n";

    fn table() -> Table {
        let mut table = Table::default();
        table.add("memory", ONE).unwrap();
        table.add("memory", OTHER).unwrap();
        table
    }

    #[test]
    fn a_row_tells_what_became_of_a_scenario_in_each_stand() {
        let text = table().text();
        let rows: Vec<Vec<&str>> = text
            .lines()
            .map(|line| {
                line.split("  ")
                    .filter(|cell| !cell.is_empty())
                    .map(str::trim)
                    .collect()
            })
            .collect();
        assert_eq!(rows[0], ["scenario", "memory 1", "memory 2"]);
        assert_eq!(rows[1], ["K1 dropped", "passed", "FAILED"]);
        assert_eq!(rows[2], ["C18 killed", "passed, 3 of 12", "–"]);
        assert_eq!(rows[3], ["passed", "2", "0"]);
    }

    #[test]
    fn what_was_skipped_or_failed_is_told_with_its_reason() {
        let text = table().text();
        for line in [
            "memory 1: a log (DUNLIN_SEED=7)",
            "memory 2 skipped C18: no restart",
            "memory 2 failed K1: lost one",
        ] {
            assert!(text.lines().any(|have| have == line), "{line} in {text}");
        }
        assert_eq!(
            table().totals(),
            "2 passed, 1 skipped, 1 failed in 2 stands; 3 duplicates"
        );
    }

    #[test]
    fn a_line_that_is_no_outcome_is_an_error() {
        assert!(Table::default().add("memory", "no tab\n").is_err());
        assert!(
            Table::default()
                .add("memory", "a\t1\nK1\tx\tperhaps\t0\t0\t0\t\n")
                .is_err()
        );
        assert!(
            Table::default()
                .add("memory", "a\t1\nK1\tx\tpassed\t0\tmany\t0\t\n")
                .is_err()
        );
    }

    #[test]
    fn the_table_stands_between_the_marks_of_the_page_and_nothing_else_changes() {
        let page = "before\n<!-- conformance -->\nold\n<!-- end of conformance -->\nbehind\n";
        assert_eq!(
            replaced(page, "| new |\n").unwrap(),
            "before\n<!-- conformance -->\n\n| new |\n<!-- end of conformance -->\nbehind\n"
        );
        assert!(replaced("before\n", "| new |\n").is_err());
    }
}
