//! The applied record: a chain in two parts, messages that are ahead, and records that are not ours.

use dunlin_core::migration::{
    Disposition, Failure, FailureKind, Input, Limits, Migrated, Migration, Options, Outcome, RECORD_HEADER,
    RecordMode, SkipReason,
};

use super::super::pair::{Entry, Message, Pair, load};
use super::super::table::Hits;
use super::failures::shows_value;
use super::{Broken, Law, OneSecret, Run, Watch, disposition, forwarded, hold, run, same, word};

/// F7.03, F7.06, F7.10: the record says what is behind a message, and the rest is done as if it had been done at once.
pub(super) fn in_halves(pair: &Pair, migration: &Migration, once: &Run, hits: &mut Hits) -> Law {
    let law = "two halves are the whole";
    let texts: Vec<_> = pair.chain[..pair.cut].iter().map(Entry::to_json).collect();
    let first = load(&texts).map_err(|findings| Broken { law, how: findings })?;
    let half = run(&first, &pair.message, pair.spaced, None);
    let migrated = match &half.result {
        Ok(migrated) => migrated,
        // The depth of what leaves is judged at the end; the rest of the chain may have made it less deep.
        Err(failure) if failure.transformation.is_none() => return Ok(()),
        Err(_) => return same(law, &half, once, true),
    };
    if let Disposition::Dropped { .. } = migrated.disposition {
        return same(law, &half, once, true);
    }
    let between = Message {
        document: None,
        headers: migrated
            .headers
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_vec()))
            .collect(),
        key: migrated.key.as_ref().map(|key| key.to_vec()),
    };
    let record = migrated
        .headers
        .get(RECORD_HEADER)
        .map(|record| String::from_utf8_lossy(record).into_owned());
    let expected = migration
        .chain_hash(pair.cut)
        .filter(|_| pair.cut > 0)
        .map(|hash| format!("laws@{}:{}", pair.cut, hash.short()));
    hold(law, record == expected, || {
        format!("the record is {record:?}, not {expected:?}")
    })?;
    let mut input = between.input(false);
    input.payload.clone_from(&migrated.payload);
    let options = Options {
        record: RecordMode::Trust,
        limits: Limits::default(),
        secrets: &OneSecret,
    };
    let mut watch = Watch(Vec::new());
    let result = migration.migrate_watched(input, &options, &mut watch);
    let second = Run {
        result,
        steps: watch.0,
    };
    same(law, &second, once, false)?;
    if let (Ok(second), Ok(once)) = (&second.result, &once.result) {
        let ours = once.changes.iter().skip(pair.cut);
        hold(law, second.changes.iter().skip(pair.cut).eq(ours), || {
            format!("{:?}\n{:?}", second.changes, once.changes)
        })?;
        for (entry, change) in pair.chain.iter().zip(&second.changes).take(pair.cut) {
            hits.outcome(entry.operation(), &word(change.outcome));
            let skipped = change.outcome == Outcome::Skipped(SkipReason::AlreadyApplied);
            hold(law, skipped, || format!("{} is behind", entry.to_json()))?;
        }
        hits.outcome("(message)", disposition(second));
        // A message that is further than this chain is long leaves as it is.
        let ahead = run_on(&first, once);
        if pair.cut > 0
            && pair.cut < pair.chain.len()
            && !matches!(once.disposition, Disposition::Dropped { .. })
        {
            let ahead = ahead.map_err(|failure| Broken {
                law: "what is ahead is forwarded",
                how: failure.to_string(),
            })?;
            hits.outcome("(message)", disposition(&ahead));
            let kept = ahead.disposition == Disposition::Ahead && forwarded(&ahead) == forwarded(once);
            hold("what is ahead is forwarded as it is", kept, || {
                format!("{:?}", forwarded(&ahead))
            })?;
        }
    }
    strangers(pair, migration, hits)
}

fn run_on(migration: &Migration, before: &Migrated) -> Result<Migrated, Failure> {
    let input = Input {
        payload: before.payload.clone(),
        key: before.key.clone(),
        headers: before.headers.clone(),
    };
    let options = Options {
        record: RecordMode::Trust,
        limits: Limits::default(),
        secrets: &OneSecret,
    };
    migration.migrate(input, &options)
}

/// A record that is none, or that of another chain, fails the message, and so does a payload that is no JSON.
fn strangers(pair: &Pair, migration: &Migration, hits: &mut Hits) -> Law {
    let wrong = format!("laws@{}:0123456789abcdef", pair.cut.max(1));
    let wanted = [
        (RECORD_HEADER, "laws@canary", FailureKind::Record),
        (RECORD_HEADER, wrong.as_str(), FailureKind::Diverged),
    ];
    for (name, record, kind) in wanted {
        let mut headers = pair.message.headers();
        headers.append(name, record.to_owned());
        let refused = run(migration, &pair.message, false, Some(headers)).result;
        let found = refused.as_ref().err().map(|failure| failure.kind);
        hold(
            "a record that is not ours fails the message",
            found == Some(kind),
            || format!("{record}: {found:?}"),
        )?;
        hits.failure("(message)", kind.name());
        let shown = refused
            .err()
            .map(|failure| format!("{failure} {failure:?}"))
            .unwrap_or_default();
        hold("nothing shows a value", !shows_value(&shown), || shown.clone())?;
    }
    if pair.chain.iter().all(|entry| entry.has("status")) {
        return Ok(());
    }
    if let Some(payload) = pair
        .message
        .input(pair.spaced)
        .payload
        .filter(|payload| payload.len() > 1)
    {
        let mut torn = payload.to_vec();
        torn.push(b'}');
        let mut input = pair.message.input(false);
        input.payload = Some(torn.into());
        let options = Options {
            record: RecordMode::Trust,
            limits: Limits::default(),
            secrets: &OneSecret,
        };
        let found = migration.migrate(input, &options).err();
        let at = found.as_ref().and_then(|failure| failure.offset);
        let syntax = found
            .as_ref()
            .is_some_and(|failure| failure.kind == FailureKind::Syntax);
        let fits = syntax && at == Some(payload.len());
        hold("what is no JSON fails with its offset", fits, || {
            format!("{found:?}")
        })?;
        hits.failure("(message)", "syntax");
    }
    Ok(())
}
