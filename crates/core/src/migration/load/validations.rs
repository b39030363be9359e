//! Reads what a migration checks: the list of validations.

use super::draft::{Check, Status, Validation};
use super::fields::{Fields, Scope};
use super::transformations::STATUSES;
use crate::source::Content;

/// What a migration checks.
pub(super) struct Frame {
    pub(super) validations: Vec<Validation>,
    /// Whether `validate:` is written down.
    pub(super) is_written: bool,
}

/// Reads `validate`. The default is the syntax, and every schema that is given.
pub(super) fn validations(fields: &mut Fields<'_, '_>, given: Vec<Check>) -> Frame {
    let Some(node) = fields.node("validate") else {
        let checks = std::iter::once(Check::Syntax).chain(given);
        let validations = checks
            .map(|check| Validation {
                check,
                status: Status::Pending,
            })
            .collect();
        return Frame {
            validations,
            is_written: false,
        };
    };
    let mut validations: Vec<Validation> = Vec::new();
    let Some(nodes) = node.elements() else {
        fields.expected::<()>(node, "a list of validations");
        return Frame {
            validations,
            is_written: true,
        };
    };
    if nodes.is_empty() {
        fields.error(
            "validate",
            "`validate` is an empty list; expected at least one entry",
        );
    }
    for node in nodes {
        let read = match &node.content {
            Content::Object(_) => {
                Fields::read(node, "a validation", Scope::File, fields.findings(), |entry| {
                    validation(entry)
                })
            }
            _ => fields.choice_of(node, &Check::ALL).map(|check| Validation {
                check,
                status: Status::Pending,
            }),
        };
        let Some(validation) = read else { continue };
        if validations.iter().any(|other| other.check == validation.check) {
            fields.findings().error(
                &node.place,
                format!("`{}` stands twice in `validate`", validation.check.word()),
            );
        } else if validation.check != Check::Syntax && !given.contains(&validation.check) {
            let word = validation.check.word();
            fields.findings().error(
                &node.place,
                format!("`{word}` needs a schema of that name under `schemas`"),
            );
        } else {
            validations.push(validation);
        }
    }
    Frame {
        validations,
        is_written: true,
    }
}

/// Reads the fields of a validation with its own status.
pub(super) fn validation(fields: &mut Fields<'_, '_>) -> Option<Validation> {
    let check = fields.required_choice("check", &Check::ALL);
    let status = fields.choice("status", &STATUSES, Status::Pending);
    Some(Validation {
        check: check?,
        status,
    })
}
