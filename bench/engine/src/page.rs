//! What was measured, as a page for people.

use std::collections::BTreeSet;

use crate::cases::{GUARDED, MIGRATION, WEBHOOKS};
use crate::compare::{RUNS, Row};
use crate::contestant::Contestant;
use crate::documents::Kind;
use crate::goals;
use crate::instructions::Instructions;
use crate::measure;

/// The page, without its head.
pub(crate) fn page(rows: &[Row], instructions: &Instructions, rivals: &str, path: &str) -> String {
    let mut text = format!(
        "Thread CPU time; median of {RUNS} runs of {} rounds in which the contestants take turns. \
         Every output was held against that of the reference interpreter before anything was timed.\n\n\
         Vectors: {path}. Rivals: {rivals}.\n\n## Goals\n\n",
        measure::ROUNDS
    );
    text.push_str(&goals::table(rows, instructions));
    text.push_str("\n## Times\n\nNanoseconds for a message; in brackets the spread, in per cent of the median: that between the fastest and the slowest round, in the worst run.\n\n");
    text.push_str(&times(rows));
    text.push_str("\n## Ratios\n\nHow many times as long as the generic tier the others take, and bytes of input that the generic tier migrates on one core.\n\n");
    text.push_str(&ratios(rows));
    text.push_str("\n## Instructions per byte of input, 20 operations\n\n");
    if instructions.is_empty() {
        text.push_str("Not counted: valgrind could not be had.\n");
    } else {
        text.push_str(&counted(instructions));
    }
    text.push_str("\n## Allocations, and messages that went another way\n\n");
    text.push_str(&others(rows));
    text.push_str("\n## Documents\n\n");
    for kind in Kind::ALL {
        text.push_str(&format!("- **{}**: {}\n", kind.name(), kind.description()));
    }
    text.push_str(&format!(
        "- **{GUARDED}**: nested, with a chain of which three operations have a condition and two compute a text\n\
         - **{WEBHOOKS}**: real messages of many types, with twenty operations\n\
         - **{MIGRATION}**: the same messages with the migration in `config/webhooks`, which nobody wrote for a benchmark\n"
    ));
    text
}

/// Everybody who was in a case.
fn contestants(rows: &[Row]) -> BTreeSet<Contestant> {
    rows.iter().flat_map(|row| row.times.keys().copied()).collect()
}

fn head(first: &str, contestants: &BTreeSet<Contestant>) -> String {
    let titles: Vec<&str> = contestants.iter().map(|one| one.title()).collect();
    format!(
        "| {first} | {} |\n|---|--:|--:|{}\n",
        titles.join(" | "),
        "--:|".repeat(titles.len())
    )
}

fn times(rows: &[Row]) -> String {
    let all = contestants(rows);
    let mut text = head("document | bytes | operations", &all);
    for row in rows {
        text.push_str(&format!("| {} | {} | {} |", row.name, row.bytes, row.operations));
        for contestant in &all {
            match row.times.get(contestant) {
                Some(time) => {
                    text.push_str(&format!(" {:.0} ({:.0}) |", time.median, time.spread * 100.0));
                }
                None => text.push_str(" – |"),
            }
        }
        text.push('\n');
    }
    text
}

fn ratios(rows: &[Row]) -> String {
    let reference = Contestant::Generic;
    let mut all = contestants(rows);
    all.remove(&reference);
    let mut text = head("document | operations | MB/s", &all);
    for row in rows {
        let Some(own) = row.time(reference) else {
            continue;
        };
        #[expect(clippy::cast_precision_loss, reason = "a document is far below 2^53 bytes")]
        let rate = row.bytes as f64 / own * 1e3;
        text.push_str(&format!("| {} | {} | {rate:.0} |", row.name, row.operations));
        for &contestant in &all {
            match row.ratio(contestant, reference) {
                Some(ratio) => text.push_str(&format!(" {ratio:.2} |")),
                None => text.push_str(" – |"),
            }
        }
        text.push('\n');
    }
    text
}

fn counted(instructions: &Instructions) -> String {
    const DOCUMENTS: [&str; 6] = ["flat", "nested", "large", "scattered", "mixed", "pretty"];
    let mut text = format!(
        "| | {} |\n|---|{}\n",
        DOCUMENTS.join(" | "),
        "--:|".repeat(DOCUMENTS.len())
    );
    for contestant in Contestant::OURS {
        let figures = DOCUMENTS.map(|document| match instructions.get(contestant, document) {
            Some(figure) => format!("{figure:.1}"),
            None => "–".to_owned(),
        });
        if figures.iter().any(|figure| figure != "–") {
            text.push_str(&format!("| {} | {} |\n", contestant.title(), figures.join(" | ")));
        }
    }
    text
}

fn others(rows: &[Row]) -> String {
    let mut text = String::from(
        "| document | operations | allocations per message | handed to the interpreter | counters |\n|---|--:|---|--:|---|\n",
    );
    for row in rows {
        let allocations: Vec<String> = row
            .allocations
            .keys()
            .filter_map(|one| Some(format!("{} {:.2}", one.title(), goals::per_message(row, *one)?)))
            .collect();
        let counters: Vec<String> = row
            .counters
            .iter()
            .map(|(contestant, counters)| format!("{}: {counters}", contestant.title()))
            .collect();
        text.push_str(&format!(
            "| {} | {} | {} | {} of {} | {} |\n",
            row.name,
            row.operations,
            allocations.join(", "),
            row.handed,
            row.messages,
            counters.join("; ")
        ));
    }
    let reasons: BTreeSet<String> = rows
        .iter()
        .flat_map(|row| {
            row.unfused
                .iter()
                .map(move |why| format!("- {}: {why}\n", row.name))
        })
        .collect();
    if !reasons.is_empty() {
        text.push_str("\nChains that are not fused as a whole:\n\n");
        text.extend(reasons);
    }
    text
}
