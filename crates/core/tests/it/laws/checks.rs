//! The laws, each judged for one pair.

mod complemented;
mod failures;
mod fused;
mod halves;
mod proved;
mod twice;
mod undone;

pub(super) use undone::has_duplicates;

use bytes::Bytes;
use dunlin_core::message::Headers;
use dunlin_core::migration::document::{Reading, Value, parse};
use dunlin_core::migration::path::Segment;
use dunlin_core::migration::{
    Change, Disposition, Failure, Limits, Migrated, Migration, Options, Outcome, RECORD_HEADER, RecordMode,
    Secrets, Step, Steps,
};

use super::chance::Chance;
use super::documents::{RESERVED, RESERVED_NAME};
use super::pair::{Entry, Message, Pair, load, load_text, reformat};
use super::table::Hits;
use super::touched::{rest_is_kept, touched, touches_header, touches_key};

/// A law that does not hold for a pair.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) law: &'static str,
    pub(super) how: String,
}

type Law = Result<(), Broken>;

fn hold(law: &'static str, holds: bool, how: impl FnOnce() -> String) -> Law {
    if holds {
        Ok(())
    } else {
        Err(Broken { law, how: how() })
    }
}

#[derive(Debug)]
struct OneSecret;

impl Secrets for OneSecret {
    fn secret(&self, name: &str) -> Option<Bytes> {
        (name == "the-secret").then(|| Bytes::from_static(b"not to be shown"))
    }
}

/// The document after each step, with headers and key.
struct Watch(Vec<(Change, Message)>);

impl Steps for Watch {
    fn step(&mut self, step: &Step<'_>) {
        self.0
            .push((step.change, Message::of(step.document, step.headers, step.key)));
    }
}

struct Run {
    result: Result<Migrated, Failure>,
    steps: Vec<(Change, Message)>,
}

fn run(migration: &Migration, message: &Message, spaced: bool, headers: Option<Headers>) -> Run {
    let options = Options {
        record: RecordMode::Trust,
        limits: Limits::default(),
        secrets: &OneSecret,
    };
    let mut input = message.input(spaced);
    if let Some(headers) = headers {
        input.headers = headers;
    }
    let mut watch = Watch(Vec::new());
    let result = migration.migrate_watched(input, &options, &mut watch);
    Run {
        result,
        steps: watch.0,
    }
}

/// What a message is after one transformation; `None` where it fails or ends.
pub(super) fn after(entry: &Entry, message: &Message) -> Result<Option<Message>, String> {
    let migration = load(&[entry.to_json()])?;
    let run = run(&migration, message, false, None);
    let forwarded = run
        .result
        .is_ok_and(|migrated| migrated.disposition == Disposition::Forward);
    Ok(run
        .steps
        .into_iter()
        .next()
        .map(|(_, message)| message)
        .filter(|_| forwarded))
}

/// Judges all laws for a pair, and counts what happened.
pub(super) fn check(pair: &Pair, seed: u64, hits: &mut Hits) -> Law {
    let texts: Vec<_> = pair.chain.iter().map(Entry::to_json).collect();
    let migration = load(&texts).map_err(|findings| Broken {
        law: "what is written is loaded",
        how: findings,
    })?;
    let mut chance = Chance::new(seed ^ 0x00d1_6e57);
    digests(pair, &migration, &mut chance)?;

    let once = run(&migration, &pair.message, pair.spaced, None);
    let again = run(&migration, &pair.message, pair.spaced, None);
    same("the same input gives the same output", &once, &again, true)?;
    count(pair, &once, hits);
    match &once.result {
        Ok(migrated) => {
            outcomes(pair, &once, migrated)?;
            untouched(pair, &once, migrated)?;
        }
        Err(failure) => failures::failed(pair, failure)?,
    }
    each_step(pair, &once)?;
    halves::in_halves(pair, &migration, &once, hits)?;
    undone::inverses(pair, &migration, &once)?;
    twice::twice(pair, &once)?;
    fused::same(pair, &migration)?;
    proved::proved(pair, &migration, &once, &mut chance)?;
    // Four chains are loaded and compiled for it: a quarter of the pairs are enough, tens of thousands.
    if seed.is_multiple_of(4) {
        complemented::restored(pair, &mut chance)?;
    }
    Ok(())
}

fn count(pair: &Pair, once: &Run, hits: &mut Hits) {
    for (entry, (change, _)) in pair.chain.iter().zip(&once.steps) {
        hits.outcome(entry.operation(), &word(change.outcome));
    }
    match &once.result {
        Ok(migrated) => hits.outcome("(message)", disposition(migrated)),
        Err(failure) => match &failure.transformation {
            Some(blamed) => {
                let entry = &pair.chain[blamed.index];
                // The cost of a `when` says nothing about the operation.
                hits.failure(entry.operation(), failure.kind.name());
            }
            None => hits.failure("(message)", failure.kind.name()),
        },
    }
}

fn disposition(migrated: &Migrated) -> &'static str {
    match migrated.disposition {
        Disposition::Forward => "forward",
        Disposition::Dropped { .. } => "dropped",
        Disposition::Behind => "behind",
        Disposition::Ahead => "ahead",
    }
}

fn word(outcome: Outcome) -> String {
    match outcome.reason() {
        Some(reason) => format!("{}/{}", outcome.name(), reason.name()),
        None => outcome.name().to_owned(),
    }
}

/// F3.20, F3.21: a digest is that of the canonical form, whichever way a transformation is written.
fn digests(pair: &Pair, migration: &Migration, chance: &mut Chance) -> Law {
    let law = "formatting changes no digest";
    let loaded = |what: &str, other: Result<Migration, String>, text: &str| {
        let other = other.map_err(|findings| Broken {
            law,
            how: format!("{what} is refused\n{text}\n{findings}"),
        })?;
        for (one, two) in migration.transformations().iter().zip(other.transformations()) {
            hold(
                law,
                one.digest() == two.digest() && one.canonical() == two.canonical(),
                || format!("{what}: {} became {}\n{text}", one.canonical(), two.canonical()),
            )?;
        }
        hold(law, other.chain_id() == migration.chain_id(), || {
            format!("{what}: another chain")
        })
    };
    let canonical: Vec<_> = migration
        .transformations()
        .iter()
        .map(|one| one.canonical().to_owned())
        .collect();
    loaded("the canonical form", load(&canonical), &canonical.join("\n"))?;
    let (name, text) = reformat(&pair.chain, chance);
    loaded("another formatting", load_text(name, &text), &text)?;
    let undoing: Vec<_> = migration
        .transformations()
        .iter()
        .flat_map(|one| one.undoing().transformations)
        .collect();
    let back = load(&undoing).map_err(|findings| Broken {
        law: "an inverse can be loaded",
        how: format!("{}\n{findings}", undoing.join("\n")),
    })?;
    for (one, text) in back.transformations().iter().zip(&undoing) {
        hold(
            "an inverse is written in canonical form",
            one.canonical() == text,
            || text.clone(),
        )?;
    }
    Ok(())
}

/// Two runs came to the same. `whole`: with the outcomes of all transformations.
fn same(law: &'static str, one: &Run, other: &Run, whole: bool) -> Law {
    match (&one.result, &other.result) {
        (Ok(one), Ok(other)) => {
            let (left, right) = (forwarded(one), forwarded(other));
            let dropped = matches!(one.disposition, Disposition::Dropped { .. });
            hold(law, (dropped && !whole) || left == right, || {
                format!("{left:?}\n{right:?}")
            })?;
            hold(law, !whole || one.changes == other.changes, || {
                format!("{:?}\n{:?}", one.changes, other.changes)
            })?;
            hold(law, one.disposition == other.disposition || !whole, || {
                format!("{:?} {:?}", one.disposition, other.disposition)
            })
        }
        (Err(one), Err(other)) => hold(law, one == other, || format!("{one}\n{other}")),
        (Ok(_), Err(failure)) => hold(law, false, || format!("the second time it fails: {failure}")),
        (Err(failure), Ok(_)) => hold(law, false, || format!("only the first time it fails: {failure}")),
    }
}

type Forwarded = (Option<String>, Vec<(String, String)>, Option<Vec<u8>>);

/// Everything that leaves. The record stands where it stood, or behind the headers that were there; so it is put last.
fn forwarded(migrated: &Migrated) -> Forwarded {
    let payload = migrated
        .payload
        .as_ref()
        .map(|payload| String::from_utf8_lossy(payload).into_owned());
    let mut headers: Vec<_> = migrated
        .headers
        .iter()
        .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned()))
        .collect();
    headers.sort_by_key(|(name, _)| name == RECORD_HEADER);
    (payload, headers, migrated.key.as_ref().map(|key| key.to_vec()))
}

/// F5.01 to F5.06, F1.13: as many outcomes as transformations, and the input's own bytes where nothing was applied.
fn outcomes(pair: &Pair, once: &Run, migrated: &Migrated) -> Law {
    let dropped = matches!(migrated.disposition, Disposition::Dropped { .. });
    let law = "each transformation has one outcome";
    let counted =
        migrated.changes.len() == once.steps.len() && (dropped || migrated.changes.len() == pair.chain.len());
    hold(law, counted, || format!("{} outcomes", migrated.changes.len()))?;
    let ended = migrated
        .changes
        .iter()
        .position(|change| change.outcome == Outcome::Dropped);
    hold(
        law,
        ended.map(|at| at + 1) == dropped.then_some(migrated.changes.len()),
        || "dropped, and not at the end".to_owned(),
    )?;
    let input = pair.message.input(pair.spaced);
    let applied = migrated
        .changes
        .iter()
        .any(|change| change.outcome == Outcome::Applied);
    if !applied || dropped {
        let law = "where nothing was applied the payload is the input's own bytes";
        return hold(
            law,
            migrated.payload == input.payload && (dropped || migrated.key == input.key),
            || format!("{:?}", forwarded(migrated)),
        );
    }
    if let Some(payload) = &migrated.payload {
        let reading = Reading {
            depth: Limits::default().depth(),
            ..Reading::default()
        };
        let parsed = parse(payload, &reading);
        hold("what leaves can be read", parsed.is_ok(), || {
            format!("{parsed:?}: {}", String::from_utf8_lossy(payload))
        })?;
        let last = once
            .steps
            .last()
            .and_then(|(_, message)| message.document.as_ref())
            .map(Value::to_json);
        hold(
            "what leaves is the document",
            last.as_deref().map(str::as_bytes) == Some(payload),
            || format!("{last:?} {}", String::from_utf8_lossy(payload)),
        )?;
    }
    let shown = format!("{migrated:?} {input:?}");
    hold("nothing shows a value", !failures::shows_value(&shown), || {
        shown.clone()
    })
}

/// F1.09: a member that no path reaches leaves as it came.
fn untouched(pair: &Pair, once: &Run, migrated: &Migrated) -> Law {
    let planted = pair
        .message
        .document
        .as_ref()
        .is_some_and(|document| document.to_json().contains(RESERVED));
    if !planted || matches!(migrated.disposition, Disposition::Dropped { .. }) {
        return Ok(());
    }
    let reached = pair.chain.iter().zip(&once.steps).any(|(entry, _)| {
        touched(entry).iter().any(|segments| match segments.first() {
            None | Some(Segment::Anywhere) => true,
            Some(Segment::Name(name) | Segment::Token(name)) => name.as_str() == RESERVED_NAME,
            Some(Segment::Glob(glob)) => glob.prefix.is_empty(),
            Some(_) => false,
        })
    });
    let payload = migrated
        .payload
        .as_ref()
        .map(|payload| String::from_utf8_lossy(payload));
    let kept = payload.as_ref().is_some_and(|payload| payload.contains(RESERVED));
    // Where nothing was applied, the payload is the input's own, white space included.
    let applied = migrated
        .changes
        .iter()
        .any(|change| change.outcome == Outcome::Applied);
    hold(
        "what no path reaches leaves byte for byte",
        reached || kept || !applied,
        || format!("{payload:?}"),
    )
}

/// `applied` means that something changed, everything else that nothing did; and only what the paths reach.
fn each_step(pair: &Pair, once: &Run) -> Law {
    let mut before = pair.message.clone();
    for (entry, (change, message)) in pair.chain.iter().zip(&once.steps) {
        if message.document.is_none() && before.document.is_some() && pair.message.document.is_some() {
            // Nothing was left to do, and nobody has looked.
            let all_flagged = pair.chain.iter().all(|entry| entry.has("status"));
            hold("a document stays", all_flagged, || entry.to_json())?;
            return Ok(());
        }
        let changed = before.spelled() != message.spelled();
        let applied = change.outcome == Outcome::Applied;
        let tell = || {
            format!(
                "{}: {:?}\n{:?}\n{:?}",
                entry.to_json(),
                change.outcome,
                before.spelled(),
                message.spelled()
            )
        };
        hold(
            "where it was not applied nothing changed",
            applied || !changed,
            tell,
        )?;
        // Entries of `each` can undo each other.
        hold(
            "where it was applied something changed",
            !applied || changed || entry.operation() == "each",
            tell,
        )?;
        let kept = match (&before.document, &message.document) {
            (Some(before), Some(after)) => {
                let touched = touched(entry);
                rest_is_kept(
                    before,
                    after,
                    &touched.iter().map(Vec::as_slice).collect::<Vec<_>>(),
                )
            }
            (None, None) => true,
            _ => false,
        };
        hold("only what its paths reach is changed", kept, tell)?;
        let rest = |message: &Message| -> Message {
            let mut rest = message.clone();
            rest.headers.retain(|(name, _)| !touches_header(entry, name));
            rest.key = rest.key.filter(|_| !touches_key(entry));
            rest.document = None;
            rest
        };
        hold(
            "only the headers that it names are changed",
            rest(&before).spelled() == rest(message).spelled(),
            tell,
        )?;
        before = message.clone();
    }
    Ok(())
}

/// The limits would not let it in again.
fn is_too_deep(message: &Message) -> bool {
    message
        .document
        .as_ref()
        .is_some_and(|document| document.depth() > Limits::default().depth())
}
