//! Opening, closing, and what a restart finds.

use std::collections::BTreeSet;
use std::time::Duration;

use dunlin_core::messaging::{Endpoint, Verdict};
use tokio::time::Instant;

use crate::bench::{Bench, within};
use crate::descriptors;
use crate::oracle::{Oracle, Tally};
use crate::suite::{Checked, ensure};

const LIMIT: Duration = Duration::from_secs(10);

/// Who counts descriptors counts those of the whole process, so only one does at a time.
static COUNTING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Starting and stopping, idle and under load, is quick and leaves neither a task running nor a descriptor open.
pub(super) async fn open_close(bench: &Bench<'_>) -> Checked<Tally> {
    const ROUNDS: usize = 10;
    let endpoint = bench.channel().await?;
    let oracle = bench.oracle();
    let counting = COUNTING.lock().await;
    // The first round opens what a process opens once.
    open_and_close(bench, &endpoint, &oracle, 0).await?;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let (tasks_before, open_before) = (tasks(), descriptors::open());
    for round in 1..=ROUNDS {
        open_and_close(bench, &endpoint, &oracle, round).await?;
    }
    // Another test of this process may open something meanwhile; a leak leaves something behind in every round.
    let left_open = || {
        let (before, now) = open_before.as_ref().zip(descriptors::open())?;
        Some(now.difference(before).count())
    };
    let is_clean = || tasks() <= tasks_before && left_open().is_none_or(|count| count < ROUNDS);
    let end = Instant::now() + LIMIT / 2;
    while !is_clean() && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    ensure(tasks() <= tasks_before, || {
        format!(
            "expected {tasks_before} tasks after everything was closed, found {}",
            tasks()
        )
    })?;
    let left = left_open();
    ensure(left.is_none_or(|count| count < ROUNDS), || {
        format!("expected every socket and file to be closed, found {left:?} left over from {ROUNDS} rounds")
    })?;
    drop(counting);
    let connection = bench.connect().await?;
    let mut source = connection.source(&endpoint, "open-close").await?;
    let tally = bench
        .conclude(&oracle, &connection, &mut source, &endpoint, 50)
        .await?;
    source.close().await?;
    connection.close().await?;
    Ok(match left {
        Some(_) => tally,
        None => tally.noting("descriptors not counted: there is no /proc"),
    })
}

async fn open_and_close(bench: &Bench<'_>, endpoint: &Endpoint, oracle: &Oracle, round: usize) -> Checked {
    within(LIMIT, "opening and closing", async {
        let connection = bench.connect().await?;
        let mut source = connection.source(endpoint, "open-close").await?;
        let mut target = connection.target(endpoint).await?;
        if round % 2 == 1 {
            target.put(oracle, &oracle.issue(50)).await?;
            let batch = source.take_sorted(oracle, 30).await?;
            oracle.arrived(&batch);
            source.done(&batch[..20]).await?;
        }
        source.close().await?;
        target.close().await?;
        connection.close().await
    })
    .await?
}

/// A target writes and closes; a source that opens later gets everything.
pub(super) async fn open_close_isolated(bench: &Bench<'_>) -> Checked<Tally> {
    let endpoint = bench.channel().await?;
    let oracle = bench.oracle();
    let writer = bench.connect().await?;
    let mut target = writer.target(&endpoint).await?;
    target.put(&oracle, &oracle.issue(100)).await?;
    target.close().await?;
    writer.close().await?;
    let reader = bench.connect().await?;
    let mut source = reader.source(&endpoint, "later").await?;
    let tally = bench
        .conclude(&oracle, &reader, &mut source, &endpoint, 0)
        .await?;
    source.close().await?;
    reader.close().await?;
    Ok(tally)
}

/// What was settled before the process ended stays settled, what failed comes again; a log may bring what was settled
/// behind a failure, too, a queue may not.
pub(super) async fn checkpoint_capture(bench: &Bench<'_>) -> Checked<Tally> {
    let endpoint = bench.channel().await?;
    let oracle = bench.oracle();
    {
        let connection = bench.connect().await?;
        connection
            .target(&endpoint)
            .await?
            .put(&oracle, &oracle.issue(5))
            .await?;
        let mut source = connection.source(&endpoint, "checkpoint").await?;
        let batch = source.take_sorted(&oracle, 5).await?;
        oracle.arrived(&batch);
        for settled in [0, 1, 3] {
            source.done(&batch[settled..=settled]).await?;
        }
        source
            .settle(
                &batch[4..],
                Verdict::Retry {
                    after: Duration::ZERO,
                },
            )
            .await?;
        // What was settled is on its way; who is killed in that very moment may lose it, and nobody promises otherwise.
        tokio::time::sleep(bench.quiet()).await;
        // The process ends here: everything is dropped without a word.
    }
    let connection = bench.connect().await?;
    let mut source = connection.source(&endpoint, "checkpoint").await?;
    let mut found = BTreeSet::new();
    let end = Instant::now() + bench.patience();
    while !(found.contains(&2) && found.contains(&4)) {
        ensure(Instant::now() < end, || {
            format!("expected the failed messages 2 and 4 to come again, found {found:?}")
        })?;
        let batch = source.rest().await?;
        oracle.arrived(&batch);
        found.extend(batch.iter().filter_map(|delivery| oracle.number(delivery)));
        source.done(&batch).await?;
    }
    ensure(!found.contains(&0) && !found.contains(&1), || {
        format!("expected what was settled first to stay settled, found {found:?}")
    })?;
    ensure(
        !(found.contains(&3) && bench.resolved().capabilities.settling_deletes),
        || "expected a settled message of a queue to be gone, found it again".to_owned(),
    )?;
    source.close().await?;
    Ok(oracle.judge(3)?.noting(format!("again: {found:?}")))
}

/// A stop with unsettled deliveries brings all of them again.
pub(super) async fn at_least_once_restart(bench: &Bench<'_>) -> Checked<Tally> {
    let endpoint = bench.channel().await?;
    let oracle = bench.oracle();
    let connection = bench.connect().await?;
    connection
        .target(&endpoint)
        .await?
        .put(&oracle, &oracle.issue(200))
        .await?;
    let mut source = connection.source(&endpoint, "restart").await?;
    let count = 100.min(bench.resolved().limits.unsettled.unwrap_or(100));
    let batch = source.take_sorted(&oracle, count).await?;
    oracle.arrived(&batch);
    source.done(&batch[..count / 2]).await?;
    source.close().await?;
    connection.close().await?;
    let connection = bench.connect().await?;
    let mut source = connection.source(&endpoint, "restart").await?;
    let tally = bench
        .conclude(&oracle, &connection, &mut source, &endpoint, count - count / 2)
        .await?;
    ensure(tally.duplicates == count - count / 2, || {
        format!(
            "expected exactly the {} unsettled deliveries again, found {}",
            count - count / 2,
            tally.duplicates
        )
    })?;
    source.close().await?;
    connection.close().await?;
    Ok(tally)
}

/// A drain finishes what it can: nothing that was settled comes again, everything else does.
pub(super) async fn graceful_drain(bench: &Bench<'_>) -> Checked<Tally> {
    let endpoint = bench.channel().await?;
    let oracle = bench.oracle();
    let flight = 1_000.min(bench.resolved().limits.unsettled.unwrap_or(1_000));
    let settled = flight * 6 / 10;
    let connection = bench.connect().await?;
    connection
        .target(&endpoint)
        .await?
        .put(&oracle, &oracle.issue(flight))
        .await?;
    let mut source = connection.source(&endpoint, "drain").await?;
    let batch = source.take_sorted(&oracle, flight).await?;
    oracle.arrived(&batch);
    source.done(&batch[..settled]).await?;
    within(LIMIT, "the drain", async {
        source.close().await?;
        connection.close().await
    })
    .await??;
    let connection = bench.connect().await?;
    let mut source = connection.source(&endpoint, "drain").await?;
    let again = source.take(flight - settled).await?;
    oracle.arrived(&again);
    for delivery in &again {
        let number = oracle.number(delivery);
        ensure(number >= Some(settled as u64), || {
            format!("expected only what was left unsettled, found {number:?}")
        })?;
    }
    source.done(&again).await?;
    let more = source.rest().await?;
    ensure(more.is_empty(), || {
        format!("expected nothing more, found {} deliveries", more.len())
    })?;
    source.close().await?;
    oracle.judge(flight - settled)
}
