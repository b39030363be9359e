//! The counts of a run as a table.
//!
//! Few routes stand side by side with a row for each count, which fits every terminal; many stand one below the other.

use std::collections::BTreeSet;

use comfy_table::{CellAlignment, Table, presets};
use dunlin_router::progress::{Count, Fate, ProgressSnapshot};

/// More routes than this stand one below the other.
const SIDE_BY_SIDE: usize = 4;

/// Counts something.
type Counting = fn(&ProgressSnapshot) -> u64;

/// What is counted.
const COUNTS: [(&str, Counting); 9] = [
    ("received", |seen| seen.count(Count::Received)),
    ("migrated", |seen| seen.count(Count::Migrated)),
    ("forwarded", |seen| {
        seen.fate(Fate::Forwarded) + seen.fate(Fate::UnsafeForwarded)
    }),
    ("dropped", |seen| {
        seen.fate(Fate::Dropped) + seen.fate(Fate::Discarded)
    }),
    ("dead-lettered", |seen| seen.fate(Fate::DeadLettered)),
    ("reported", |seen| seen.count(Count::Reported)),
    ("settled", |seen| seen.fate(Fate::Settled)),
    ("duplicates", |seen| {
        seen.fate(Fate::Joined) + seen.count(Count::UnexpectedDuplicates)
    }),
    ("failed", |seen| seen.count(Count::Failed)),
];

/// The table of these routes. Failures are told by their kinds, too.
pub(super) fn table(seen: &[ProgressSnapshot]) -> Table {
    let kinds: BTreeSet<&str> = seen
        .iter()
        .flat_map(|seen| seen.failures.keys().copied())
        .collect();
    let counts = COUNTS
        .iter()
        .map(|(name, count)| (*name, seen.iter().map(count).collect()));
    let failures = kinds.into_iter().map(|kind| {
        let of_kind = |seen: &ProgressSnapshot| seen.failures.get(kind).copied().unwrap_or(0);
        (kind, seen.iter().map(of_kind).collect())
    });
    let rows: Vec<(String, Vec<u64>)> = counts
        .map(|(name, numbers)| (name.to_owned(), numbers))
        .chain(failures.map(|(kind, numbers)| (format!("- {kind}"), numbers)))
        .collect();
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    if seen.len() <= SIDE_BY_SIDE {
        let names = seen.iter().map(|seen| seen.route.clone());
        table.set_header(std::iter::once(String::new()).chain(names));
        for (name, numbers) in &rows {
            table.add_row(std::iter::once(name.clone()).chain(numbers.iter().map(u64::to_string)));
        }
    } else {
        let names = rows.iter().map(|(name, _)| name.as_str());
        table.set_header(std::iter::once("route").chain(names));
        for (index, seen) in seen.iter().enumerate() {
            let numbers = rows.iter().map(|(_, numbers)| numbers[index].to_string());
            table.add_row(std::iter::once(seen.route.clone()).chain(numbers));
        }
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

#[cfg(test)]
mod tests {
    use dunlin_router::progress::Progress;

    use super::*;

    fn routes(count: usize) -> Vec<ProgressSnapshot> {
        (1..=count)
            .map(|number| Progress::new(format!("route-{number}")).snapshot())
            .collect()
    }

    #[test]
    fn few_routes_stand_side_by_side() {
        let shown = table(&routes(2)).to_string();
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[1], "│               ┆ route-1 ┆ route-2 │");
        assert_eq!(lines[3], "│ received      ┆       0 ┆       0 │");
        assert_eq!(lines.len(), 13);
    }

    #[test]
    fn many_routes_stand_one_below_the_other() {
        let shown = table(&routes(5)).to_string();
        assert_eq!(shown.lines().count(), 9);
        assert!(
            shown
                .lines()
                .nth(3)
                .unwrap()
                .starts_with("│ route-1 ┆        0 ┆")
        );
    }
}
