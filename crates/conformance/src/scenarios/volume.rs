//! Many messages, nothing lost, nothing twice.

use dunlin_core::messaging::Event;
use futures_util::future::{join, try_join_all};

use crate::bench::Bench;
use crate::oracle::Tally;
use crate::suite::Checked;

/// A thousand messages, each confirmed before the next is sent.
pub(super) async fn sequential_1000(bench: &Bench<'_>) -> Checked<Tally> {
    let endpoint = bench.channel().await?;
    let connection = bench.connect().await?;
    let oracle = bench.oracle();
    let mut target = connection.target(&endpoint).await?;
    let mut source = connection.source(&endpoint, "sequential").await?;
    for outgoing in oracle.issue(1_000) {
        target.put(&oracle, &[outgoing]).await?;
    }
    let tally = bench
        .conclude(&oracle, &connection, &mut source, &endpoint, 0)
        .await?;
    source.close().await?;
    Ok(tally)
}

/// How many deliveries the receiver of C06 holds at a time.
const HELD: usize = 100;
/// How many more a receiver may have fetched ahead of them.
const AHEAD: usize = 1_000;

/// Fifty senders with a thousand messages each, all at once, and a receiver beside them.
pub(super) async fn parallel_1000x50(bench: &Bench<'_>) -> Checked<Tally> {
    let endpoint = bench.channel().await?;
    let connection = bench.connect().await?;
    let oracle = bench.oracle();
    let mut source = connection.source(&endpoint, "parallel").await?;
    let send = async {
        let senders = (0..50).map(|_| async {
            let mut target = connection.target(&endpoint).await?;
            for _ in 0..10 {
                target.put(&oracle, &oracle.issue(100)).await?;
            }
            target.close().await
        });
        try_join_all(senders).await
    };
    let receive = async {
        let (mut seen, mut late) = (0, 0);
        while seen < 50_000 {
            let batch = source.take(HELD).await?;
            seen += batch.len();
            late += (batch.iter())
                .filter(|delivery| delivery.attempt > Some(1))
                .count();
            oracle.arrived(&batch);
            source.done(&batch).await?;
        }
        Ok(late)
    };
    let (sent, received): (Checked<Vec<()>>, Checked<usize>) = join(send, receive).await;
    sent?;
    let late = received?;
    // No fault is made here, so nothing may come twice. But so many tasks can keep a small machine busy for longer than a
    // connection may be silent, a broker waits for a sign of work, or a confirm may take, and all of these are told. What
    // was held when a connection broke comes again; so does, by the broker's own count, what it waited too long for; and
    // what was in doubt was sent again, which leaves a second copy only where ids are not recognised.
    let breaks = (connection.heard().iter())
        .filter(|event| matches!(event, Event::Reconnected))
        .count();
    let doubted = if bench.resolved().capabilities.dedup_by_id {
        0
    } else {
        oracle.doubts()
    };
    let bound = HELD * breaks + late.min(HELD + AHEAD) + doubted;
    let tally = bench
        .conclude(&oracle, &connection, &mut source, &endpoint, bound)
        .await?;
    source.close().await?;
    Ok(tally.noting(format!(
        "{} in doubt, {late} brought again by the broker, {breaks} reconnects told",
        oracle.doubts()
    )))
}
