//! What a failure tells, and what it must not.

use dunlin_core::migration::path::{Path, Segment};
use dunlin_core::migration::{Failure, FailureKind};

use super::super::documents::{CANARY, CANARY_DIGITS};
use super::super::pair::Pair;
use super::super::table::may_fail;
use super::{Law, hold};

/// F5.12 to F5.14, and the kinds that the page allows.
pub(super) fn failed(pair: &Pair, failure: &Failure) -> Law {
    let shown = format!("{failure} {failure:?}");
    // Values may have become names, which a path shows.
    let names_are_values = pair
        .chain
        .iter()
        .any(|entry| entry.to_json().contains("from_entries"));
    hold(
        "nothing shows a value",
        names_are_values || !shows_value(&shown),
        || shown.clone(),
    )?;
    hold(
        "a failure names its migration",
        failure.migration.as_deref() == Some("laws"),
        || shown.clone(),
    )?;
    let Some(blamed) = &failure.transformation else {
        let law = "only a limit fails a message as a whole";
        return hold(law, failure.kind == FailureKind::Limit, || shown.clone());
    };
    let entry = &pair.chain[blamed.index];
    let law = "a failure names its transformation";
    hold(law, blamed.id == format!("laws#{}", blamed.index + 1), || {
        shown.clone()
    })?;
    let of_when = entry.has("when")
        && matches!(
            failure.kind,
            FailureKind::Expression | FailureKind::Limit | FailureKind::InvalidText
        );
    let allowed = of_when || may_fail(entry.operation(), failure.kind.name());
    hold(
        "a failure is of a kind that its operation can have",
        allowed,
        || shown.clone(),
    )?;
    let Some(at) = failure.path.as_deref() else {
        let law = "a failure names its path";
        return hold(law, of_when || failure.kind == FailureKind::Limit, || {
            shown.clone()
        });
    };
    let concrete = match at.parse::<Path>() {
        Ok(path) => path
            .segments()
            .is_none_or(|segments| !segments.iter().any(Segment::is_wildcard)),
        // A name that is no text is printed as it is escaped, and a long path is cut: neither can be read.
        Err(_) => at.contains("\\u") || at.ends_with('…'),
    };
    hold(
        "a path has concrete indexes",
        concrete || failure.kind == FailureKind::Absent,
        || shown.clone(),
    )
}

pub(super) fn shows_value(text: &str) -> bool {
    text.contains(CANARY) || text.contains(CANARY_DIGITS) || text.contains("not to be shown")
}
