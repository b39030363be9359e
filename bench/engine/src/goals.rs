//! What the engine is to reach, and whether it does.

use std::fmt::Write as _;

use crate::cases::{GUARDED, WEBHOOKS};
use crate::compare::Row;
use crate::contestant::Contestant;
use crate::instructions::Instructions;

/// The documents that goals are stated for.
const DOCUMENTS: [&str; 3] = ["flat", "nested", "large"];
const TIERS: [Contestant; 2] = [Contestant::Generic, Contestant::Shape];

/// A bound that a figure keeps or does not.
#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
    /// There is none; the figure is told all the same.
    Told,
}

/// A figure, and what it belongs to.
type Figure = (&'static str, f64);

/// The table of goals.
pub(crate) fn table(rows: &[Row], instructions: &Instructions) -> String {
    let mut text =
        String::from("| goal, 20 operations | tier | bound | measured | |\n|---|---|--:|---|---|\n");
    let mut line = |goal: &str, bounds: [Bound; 2], figures: &dyn Fn(Contestant) -> Vec<Figure>| {
        for (tier, bound) in TIERS.into_iter().zip(bounds) {
            let figures = figures(tier);
            if figures.is_empty() {
                continue;
            }
            let shown: Vec<String> = figures
                .iter()
                .map(|(name, figure)| format!("{name} {figure:.2}"))
                .collect();
            let verdict = verdict(bound, &figures);
            let (title, bound) = (tier.title(), shown_bound(bound));
            let shown = shown.join(" · ");
            // Writing to a text cannot fail.
            let _ = writeln!(text, "| {goal} | {title} | {bound} | {shown} | {verdict} |");
        }
    };
    let documents = |figure: &dyn Fn(&Row) -> Option<f64>| -> Vec<Figure> {
        DOCUMENTS
            .iter()
            .filter_map(|name| Some((*name, figure(find(rows, name, 20)?)?)))
            .collect()
    };
    line(
        "times as fast as `serde_json::Value`",
        [Bound::AtLeast(10.0), Bound::AtLeast(20.0)],
        &|tier| documents(&|row| row.ratio(Contestant::Value, tier)),
    );
    line(
        "time in parts of our validate-only pass",
        [Bound::AtMost(1.25), Bound::AtMost(0.6)],
        &|tier| documents(&|row| row.ratio(tier, Contestant::Validate)),
    );
    line(
        "time of 20 operations in parts of that of 1",
        [Bound::AtMost(1.2), Bound::AtMost(1.03)],
        &|tier| documents(&|row| Some(row.time(tier)? / find(rows, row.name, 1)?.time(tier)?)),
    );
    line(
        "instructions per byte of input",
        [Bound::AtMost(15.0), Bound::AtMost(7.0)],
        &|tier| {
            let counted = |name: &&'static str| Some((*name, instructions.get(tier, name)?));
            DOCUMENTS[..2].iter().filter_map(counted).collect()
        },
    );
    line(
        "the same, large documents",
        [Bound::AtMost(8.0), Bound::AtMost(7.0)],
        &|tier| {
            let counted = |name: &&'static str| Some((*name, instructions.get(tier, name)?));
            DOCUMENTS[2..].iter().filter_map(counted).collect()
        },
    );
    line(
        "allocations per message",
        [Bound::AtMost(0.0), Bound::AtMost(0.0)],
        &|tier| documents(&|row| per_message(row, tier)),
    );
    line(
        "32 random optional members, time in parts of the generic tier",
        [Bound::Told, Bound::AtMost(1.0)],
        &|tier| {
            ["scattered", "mixed"]
                .into_iter()
                .filter_map(|name| Some((name, find(rows, name, 20)?.ratio(tier, Contestant::Generic)?)))
                .collect()
        },
    );
    line(
        "three conditions and two computed texts, times as fast as `serde_json::Value`",
        [Bound::Told, Bound::Told],
        &|tier| {
            let row = find(rows, GUARDED, 20);
            row.and_then(|row| Some((GUARDED, row.ratio(Contestant::Value, tier)?)))
                .into_iter()
                .collect()
        },
    );
    line(
        "real messages and twenty operations, times as fast as `serde_json::Value`",
        [Bound::AtLeast(8.0), Bound::Told],
        &|tier| {
            let row = rows.iter().find(|row| row.name == WEBHOOKS);
            row.and_then(|row| Some((WEBHOOKS, row.ratio(Contestant::Value, tier)?)))
                .into_iter()
                .collect()
        },
    );
    line(
        "with the outcome of each operation, in parts of the time without",
        [Bound::AtMost(1.05), Bound::Told],
        &|tier| match tier {
            Contestant::Generic => documents(&|row| row.ratio(Contestant::Outcomes, tier)),
            _ => Vec::new(),
        },
    );
    text
}

/// Allocations of one message, on average.
pub(crate) fn per_message(row: &Row, contestant: Contestant) -> Option<f64> {
    let count = u32::try_from(*row.allocations.get(&contestant)?).ok()?;
    Some(f64::from(count) / f64::from(u32::try_from(row.messages).ok()?))
}

fn find<'a>(rows: &'a [Row], name: &str, operations: usize) -> Option<&'a Row> {
    rows.iter()
        .find(|row| row.name == name && row.operations == operations)
}

fn verdict(bound: Bound, figures: &[Figure]) -> &'static str {
    let holds = |holds: &dyn Fn(f64) -> bool| {
        if figures.iter().all(|(_, figure)| holds(*figure)) {
            "pass"
        } else {
            "**falls short**"
        }
    };
    match bound {
        Bound::AtLeast(least) => holds(&|figure| figure >= least),
        Bound::AtMost(most) => holds(&|figure| figure <= most),
        Bound::Told => "",
    }
}

fn shown_bound(bound: Bound) -> String {
    match bound {
        Bound::AtLeast(least) => format!("≥ {least}"),
        Bound::AtMost(most) => format!("≤ {most}"),
        Bound::Told => "–".to_owned(),
    }
}
