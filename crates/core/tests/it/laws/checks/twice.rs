//! Where the page says that twice is once.

use dunlin_core::migration::Outcome;
use dunlin_core::migration::path::{Path, Segment};

use super::super::pair::{Entry, Pair, load};
use super::super::touched::{path, paths};
use super::{Broken, Law, Run, hold, is_too_deep, run};

/// F4.01: twice is once.
pub(super) fn twice(pair: &Pair, once: &Run) -> Law {
    let law = "twice is once";
    for (entry, (change, message)) in pair.chain.iter().zip(&once.steps) {
        if change.outcome != Outcome::Applied || !is_idempotent(entry) || is_too_deep(message) {
            continue;
        }
        let calm = entry.without("strict");
        let migration = load(&[calm.to_json()]).map_err(|findings| Broken { law, how: findings })?;
        let run = run(&migration, message, false, None);
        let tell = |what: String| format!("{}: {what}\n{:?}", entry.to_json(), message.spelled());
        match (&run.result, run.steps.first()) {
            (Ok(_), Some((_, again))) => {
                hold(law, again.spelled() == message.spelled(), || {
                    tell(format!("{:?}", again.spelled()))
                })?;
            }
            (Ok(_), None) => {}
            // The condition is judged anew, on what it may not have been written for.
            (Err(failure), _) if entry.has("when") && failure.path.is_none() => {}
            (Err(failure), _) => hold(law, false, || tell(failure.to_string()))?,
        }
    }
    Ok(())
}

/// Whether the page promises that twice is once for this transformation.
fn is_idempotent(entry: &Entry) -> bool {
    let operation = entry.operation();
    let own = paths(entry, operation);
    // The first element is another one the second time.
    let counted = own
        .iter()
        .filter_map(Path::segments)
        .flatten()
        .any(|segment| match segment {
            Segment::Index(_) => true,
            Segment::Token(name) => name.is_element_token(),
            _ => false,
        });
    // A place that was left alone may hold one that was not.
    let deep = own.iter().any(Path::is_deep);
    let judged_deep = deep && entry.has("where");
    let plain_end = own.iter().all(|path| {
        path.segments()
            .is_none_or(|segments| !segments.last().is_some_and(Segment::is_wildcard))
    });
    match operation {
        "add" => !counted && entry.text("if_present").as_deref() != Some("fail"),
        "modify" => !counted && !deep,
        "remove" => !(counted || judged_deep),
        "rename" => !(counted || judged_deep) && plain_end,
        "move" | "copy" => {
            let (from, to) = (
                names_of(&own[0]),
                names_of(&path(&entry.text("to").unwrap_or_default())),
            );
            let apart = !from.starts_with(&to) && !to.starts_with(&from);
            let spreads =
                |(at, segment): (usize, &Segment)| segment.is_wildcard() && from.get(at) != Some(segment);
            let spread = to.iter().enumerate().any(spreads);
            let apart = from.is_empty() || to.is_empty() || apart;
            !counted && plain_end && apart && !spread && entry.text("on_conflict").as_deref() != Some("merge")
        }
        "pick" | "redact" => true,
        "cast" => !counted,
        "wrap" => !entry.has("in"),
        _ => false,
    }
}

/// The segments of a path, a pointer's tokens as the names that they may be. None of a header and of the key.
fn names_of(path: &Path) -> Vec<Segment> {
    let plain = |segment: &Segment| match segment {
        Segment::Token(name) => Segment::Name(name.clone()),
        other => other.clone(),
    };
    path.segments().unwrap_or_default().iter().map(plain).collect()
}
