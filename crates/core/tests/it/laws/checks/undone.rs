//! What was done without loss is undone.

use dunlin_core::migration::document::Value;
use dunlin_core::migration::{Loss, Migration, Outcome};

use super::super::pair::{Entry, Message, Pair, load};
use super::super::places::spots;
use super::{Broken, Law, Run, hold, is_too_deep, run};

/// F3.47: where a lossless transformation was applied, its inverse gives back an equal document.
pub(super) fn inverses(pair: &Pair, migration: &Migration, once: &Run) -> Law {
    let law = "the inverse of what is lossless gives it back";
    let mut before = pair.message.clone();
    for (index, (entry, (change, message))) in pair.chain.iter().zip(&once.steps).enumerate() {
        let there = std::mem::replace(&mut before, message.clone());
        let undoing = migration.transformations()[index].undoing();
        let plain = there
            .document
            .as_ref()
            .is_none_or(|document| !has_duplicates(document))
            && !headers_repeat(&there);
        if change.outcome != Outcome::Applied
            || undoing.loss != Loss::Lossless
            || !plain
            || is_too_deep(message)
            || is_too_deep(&there)
        {
            continue;
        }
        if wrapped_by_itself(entry, message) {
            continue;
        }
        let back = load(&undoing.transformations).map_err(|findings| Broken { law, how: findings })?;
        let run = run(&back, message, false, None);
        let tell = |what: String| {
            format!(
                "{} undone by {}: {what}",
                entry.to_json(),
                undoing.transformations.join(", ")
            )
        };
        if let Err(failure) = &run.result {
            return hold(law, false, || tell(failure.to_string()));
        }
        let Some((_, found)) = run.steps.last() else {
            return hold(law, false, || tell("nothing".to_owned()));
        };
        let sorted = |message: &Message| {
            let mut headers = message.headers.clone();
            headers.sort();
            headers
        };
        let equal =
            found.document == there.document && sorted(found) == sorted(&there) && found.key == there.key;
        hold(law, equal, || {
            tell(format!("\n{:?}\n{:?}", there.spelled(), found.spelled()))
        })?;
    }
    Ok(())
}

/// unwrap.14: what comes out of a wrapping and would count as wrapped is not wrapped again.
fn wrapped_by_itself(entry: &Entry, after: &Message) -> bool {
    let Some(document) = &after.document else {
        return false;
    };
    entry.operation() == "unwrap"
        && spots(document)
            .iter()
            .any(|spot| match (&spot.value, entry.has("of")) {
                (Value::Array(_), false) => true,
                (Value::Object(members), true) => members.len() == 1,
                _ => false,
            })
}

fn headers_repeat(message: &Message) -> bool {
    let names: Vec<_> = message.headers.iter().map(|(name, _)| name).collect();
    (1..names.len()).any(|index| names[..index].contains(&names[index]))
}

pub(in crate::laws) fn has_duplicates(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            let repeated = (1..members.len()).any(|index| {
                members[..index]
                    .iter()
                    .any(|member| member.name == members[index].name)
            });
            repeated || members.iter().any(|member| has_duplicates(&member.value))
        }
        Value::Array(elements) => elements.iter().any(has_duplicates),
        _ => false,
    }
}
