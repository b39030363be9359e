//! What can happen to each operation, by the page: every cell is to be hit.

use std::collections::BTreeMap;

/// An operation, the outcomes that it can have, and the kinds with which it can fail.
struct Row {
    operation: &'static str,
    outcomes: &'static [&'static str],
    failures: &'static [&'static str],
}

const fn row(
    operation: &'static str,
    outcomes: &'static [&'static str],
    failures: &'static [&'static str],
) -> Row {
    Row {
        operation,
        outcomes,
        failures,
    }
}

/// Outcomes beside `absent` and the three of `skipped`, which all have but `drop` (without `absent`). Failures beside
/// `expression` and `invalid_text` of `when` and `where`, and `absent` and `mismatch` of all that have a path.
const TABLE: &[Row] = &[
    row("add", &["applied", "unchanged"], &["conflict"]),
    row("remove", &["applied"], &[]),
    row("modify", &["applied", "unchanged"], &[]),
    row("rename", &["applied", "unchanged"], &["conflict"]),
    row("move", &["applied", "unchanged"], &["conflict", "type"]),
    row("copy", &["applied", "unchanged"], &["conflict", "type"]),
    row("pick", &["applied", "unchanged"], &["type"]),
    row("drop", &["dropped"], &[]),
    row("nest", &["applied"], &["conflict"]),
    row("unnest", &["applied"], &["conflict"]),
    row("flatten", &["applied", "unchanged"], &["type", "conflict"]),
    row(
        "expand",
        &["applied", "unchanged"],
        &["type", "conflict", "limit"],
    ),
    row("wrap", &["applied", "unchanged"], &[]),
    row("unwrap", &["applied", "unchanged"], &["conflict"]),
    row("to_entries", &["applied"], &["type", "conflict"]),
    row("from_entries", &["applied"], &["type", "conflict"]),
    row(
        "each",
        &["applied", "unchanged"],
        &["type", "conflict", "format", "range", "limit"],
    ),
    row("cast", &["applied", "unchanged"], &["type", "format", "range"]),
    row("translate", &["applied", "unchanged"], &["type", "range"]),
    row(
        "split",
        &["applied", "unchanged"],
        &["type", "conflict", "format"],
    ),
    row("join", &["applied", "unchanged"], &["type", "conflict"]),
    row("multiply", &["applied", "unchanged"], &["type", "range"]),
    row("time", &["applied", "unchanged"], &["type", "format", "range"]),
    row("text", &["applied", "unchanged"], &["type"]),
    row("hash", &["applied"], &[]),
    row("redact", &["applied", "unchanged"], &["type"]),
    row("encode", &["applied", "unchanged"], &["type"]),
    row("decode", &["applied", "unchanged"], &["type", "format", "limit"]),
    row("compute", &["applied", "unchanged"], &["type", "limit"]),
    row(
        "(message)",
        &["forward", "behind", "ahead", "dropped"],
        &["limit", "syntax", "record", "diverged"],
    ),
];

const SKIPPED: [&str; 3] = ["skipped/condition", "skipped/already_applied", "skipped/flagged"];

/// How often each cell must be hit.
const LEAST: u64 = 100;

/// How often each operation had each outcome, and failed with each kind.
#[derive(Debug, Default)]
pub(super) struct Hits(BTreeMap<(String, String), u64>);

impl Hits {
    pub(super) fn outcome(&mut self, operation: &str, outcome: &str) {
        self.count(operation, outcome.to_owned());
    }

    pub(super) fn failure(&mut self, operation: &str, kind: &str) {
        self.count(operation, format!("failed/{kind}"));
    }

    fn count(&mut self, operation: &str, what: String) {
        *self.0.entry((operation.to_owned(), what)).or_default() += 1;
    }

    pub(super) fn add(&mut self, other: Self) {
        for (cell, count) in other.0 {
            *self.0.entry(cell).or_default() += count;
        }
    }

    fn get(&self, operation: &str, what: &str) -> u64 {
        self.0
            .get(&(operation.to_owned(), what.to_owned()))
            .copied()
            .unwrap_or_default()
    }

    /// The table, one operation per line, and the cells that were hit too seldom.
    pub(super) fn table(&self) -> (String, Vec<String>) {
        let mut text = String::new();
        let mut missing = Vec::new();
        for row in TABLE {
            text.push_str(&format!("{:<13}", row.operation));
            for cell in cells(row) {
                let count = self.get(row.operation, &cell);
                text.push_str(&format!(" {cell} {count}"));
                if count < LEAST {
                    missing.push(format!("{} {cell}: {count}", row.operation));
                }
            }
            text.push('\n');
        }
        (text, missing)
    }

    /// What happened and is not in the table.
    pub(super) fn unexpected(&self) -> Vec<String> {
        let known: Vec<_> = TABLE
            .iter()
            .flat_map(|row| {
                cells(row)
                    .into_iter()
                    .map(|cell| (row.operation.to_owned(), cell))
            })
            .collect();
        self.0
            .keys()
            .filter(|cell| !known.contains(cell))
            .map(|cell| format!("{cell:?}"))
            .collect()
    }
}

/// Whether the page lets this operation fail with this kind, apart from the cost limit of its `when`.
pub(super) fn may_fail(operation: &str, kind: &str) -> bool {
    TABLE
        .iter()
        .filter(|row| row.operation == operation)
        .any(|row| cells(row).contains(&format!("failed/{kind}")))
}

fn cells(row: &Row) -> Vec<String> {
    let mut cells: Vec<String> = row.outcomes.iter().map(|&outcome| outcome.to_owned()).collect();
    let mut failures = row.failures.to_vec();
    if row.operation != "(message)" {
        if row.operation != "drop" {
            cells.push("absent".to_owned());
            failures.extend(["absent", "mismatch"]);
        }
        cells.extend(SKIPPED.map(str::to_owned));
        failures.extend(["expression", "invalid_text"]);
    }
    cells.extend(failures.iter().map(|kind| format!("failed/{kind}")));
    cells
}
