//! What the cases of a migration reach: which transformations, with which outcomes.

use std::io::{self, Write};
use std::path::Path;

use dunlin_core::migration::{Failure, Migration, Outcome, SkipReason, Step, Steps, Transformation};
use serde_json::{Map, Value, json};

use super::shown;
use crate::shell::{Shell, Tone};
use crate::wording::listed;

/// The outcomes that a case can reach. What the record or a flag skips is not counted: nothing was tried.
const OUTCOMES: [&str; 6] = ["applied", "unchanged", "absent", "skipped", "dropped", "failed"];

/// How often each outcome of each transformation came.
pub(super) struct Coverage<'a> {
    migration: &'a Migration,
    counts: Vec<[u64; OUTCOMES.len()]>,
}

impl<'a> Coverage<'a> {
    /// Of this migration; nothing was reached yet.
    pub(super) fn of(migration: &'a Migration) -> Self {
        Self {
            migration,
            counts: vec![[0; OUTCOMES.len()]; migration.length()],
        }
    }

    /// Counts a failure, if a transformation is to blame.
    pub(super) fn failed(&mut self, failure: &Failure) {
        if let Some(blamed) = &failure.transformation {
            self.count(blamed.index, "failed");
        }
    }

    fn count(&mut self, index: usize, outcome: &str) {
        let place = OUTCOMES.iter().position(|word| *word == outcome);
        if let (Some(counts), Some(place)) = (self.counts.get_mut(index), place) {
            counts[place] += 1;
        }
    }

    /// Each transformation with its counts, those flagged as applied left out, since they are never performed.
    fn performed(&self) -> impl Iterator<Item = (&'a Transformation, &[u64; OUTCOMES.len()])> {
        self.migration
            .transformations()
            .iter()
            .zip(&self.counts)
            .filter(|(one, _)| !one.flagged())
    }

    /// Tells it to people.
    pub(super) fn tell(&self, file: &Path, shell: &mut Shell) -> io::Result<()> {
        let performed = self.performed().count();
        let never: Vec<&str> = self
            .performed()
            .filter(|(one, counts)| !works(one, counts))
            .map(|(one, _)| one.id())
            .collect();
        let reached = performed - never.len();
        let file = shown(file);
        writeln!(
            shell.out,
            "coverage of {file}: {reached} of {performed} transformations do their work in a case"
        )?;
        for id in never {
            let line = shell.paint(Tone::Warning, format!("never at work: {id}"));
            writeln!(shell.out, "  {line}")?;
        }
        for (one, counts) in self.performed() {
            let seen = OUTCOMES.iter().zip(counts).filter(|(_, count)| **count > 0);
            let seen = listed(seen.map(|(outcome, count)| format!("{outcome} {count}")));
            let missing = listed(missing(one, counts));
            let seen = if seen.is_empty() { "nothing" } else { &seen };
            if missing.is_empty() {
                writeln!(shell.out, "  {}: {seen}", one.id())?;
            } else {
                writeln!(shell.out, "  {}: {seen}; no case reaches: {missing}", one.id())?;
            }
        }
        Ok(())
    }

    /// Tells it to a program.
    pub(super) fn to_json(&self, file: &Path) -> Value {
        let transformations: Vec<Value> = self
            .performed()
            .map(|(one, counts)| {
                let outcomes: Map<String, Value> = OUTCOMES
                    .iter()
                    .zip(counts)
                    .filter(|(_, count)| **count > 0)
                    .map(|(outcome, count)| ((*outcome).to_owned(), (*count).into()))
                    .collect();
                let missing: Vec<&str> = missing(one, counts).collect();
                json!({
                    "id": one.id(),
                    "operation": one.operation(),
                    "outcomes": outcomes,
                    "not_reached": missing,
                })
            })
            .collect();
        json!({
            "migration": self.migration.name(),
            "file": shown(file),
            "transformations": transformations,
        })
    }
}

impl Steps for Coverage<'_> {
    fn step(&mut self, step: &Step<'_>) {
        let not_tried = matches!(
            step.change.outcome,
            Outcome::Skipped(SkipReason::AlreadyApplied | SkipReason::Flagged | SkipReason::Restored)
        );
        let transformations = self.migration.transformations();
        let index = transformations
            .iter()
            .position(|one| one.id() == step.transformation.id());
        if let Some(index) = index.filter(|_| !not_tried) {
            self.count(index, step.change.outcome.name());
        }
    }
}

/// The outcome that a transformation is written for.
fn purpose(transformation: &Transformation) -> &'static str {
    match transformation.operation() {
        "drop" => "dropped",
        _ => "applied",
    }
}

fn works(transformation: &Transformation, counts: &[u64; OUTCOMES.len()]) -> bool {
    let wanted = purpose(transformation);
    OUTCOMES
        .iter()
        .zip(counts)
        .any(|(outcome, count)| *outcome == wanted && *count > 0)
}

/// The outcomes that no case reaches, of those that may come: `dropped` is for `drop`, `skipped` for what has a condition.
fn missing(
    transformation: &Transformation,
    counts: &[u64; OUTCOMES.len()],
) -> impl Iterator<Item = &'static str> {
    let is_drop = transformation.operation() == "drop";
    // Canonical JSON that serde_json does not take holds a lone surrogate; then nothing is known of conditions.
    let canonical: Value = serde_json::from_str(transformation.canonical()).unwrap_or_default();
    let is_conditional = canonical.get("when").is_some() || canonical.get("where").is_some();
    let possible = move |outcome: &str| match outcome {
        "dropped" => is_drop,
        "skipped" => is_conditional,
        "applied" | "unchanged" => !is_drop,
        _ => true,
    };
    let counts = *counts;
    OUTCOMES
        .into_iter()
        .zip(counts)
        .filter(move |(outcome, count)| *count == 0 && possible(outcome))
        .map(|(outcome, _)| outcome)
}
