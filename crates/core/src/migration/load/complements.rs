//! Reads whether a migration keeps complements, and refuses those that would undo what the chain is for.

use super::draft::{Entry, Status};
use super::fields::{Fields, Scope};
use crate::finding::{Finding, Findings, Place};
use crate::migration::complement::{Complements, TooLarge};

/// What a downward migration does with a message that has no complement for it.
#[derive(Clone, Copy)]
enum Missing {
    Perform,
    Fail,
}

/// Reads `complement` of a migration file, with the place of the field.
pub(super) fn complements(fields: &mut Fields<'_, '_>, is_down: bool) -> Option<(Complements, Place)> {
    let node = fields.node("complement")?;
    let read = Fields::read(node, "a complement", Scope::File, fields.findings(), |fields| {
        Some(complement(fields, is_down))
    });
    Some((read?, node.place.clone()))
}

/// Reads the fields of `complement`: those of an upward migration, or that of a downward one.
pub(super) fn complement(fields: &mut Fields<'_, '_>, is_down: bool) -> Complements {
    let max_bytes = fields.optional_count("max_bytes", Complements::MOST_BYTES);
    let too_large = fields.choice("too_large", &TooLarge::ALL, TooLarge::Fail);
    let missing = [("perform", Missing::Perform), ("fail", Missing::Fail)];
    let missing = fields.choice("missing", &missing, Missing::Perform);
    let foreign: &[&'static str] = if is_down {
        &["max_bytes", "too_large"]
    } else {
        &["missing"]
    };
    for field in foreign {
        if fields.has(field) {
            let which = if is_down { "an upward" } else { "a downward" };
            fields.error(
                field,
                format!("`{field}` has a meaning only in {which} migration"),
            );
        }
    }
    match (is_down, missing) {
        (false, _) => Complements::Kept {
            max_bytes: max_bytes.unwrap_or(Complements::MAX_BYTES),
            too_large,
        },
        (true, Missing::Perform) => Complements::None,
        (true, Missing::Fail) => Complements::Required,
    }
}

/// A complement holds what the message was: a chain that hides values is not to be given one.
pub(super) fn judge(complements: Complements, place: &Place, entries: &[Entry], findings: &mut Findings) {
    let Complements::Kept { .. } = complements else {
        return;
    };
    let hiding = entries
        .iter()
        .find(|entry| entry.status == Status::Pending && entry.transformation.step.op.hides());
    if let Some(entry) = hiding {
        let message = format!(
            "`{}` hides values, and a complement would carry them beside the message",
            entry.id
        );
        let help =
            "remove `complement`, or put what hides values into a migration of its own, which runs first";
        findings.push(Finding::error(place, message).help(help));
    }
}
