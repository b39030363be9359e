//! Many messages, nothing lost, nothing twice.

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
        let mut seen = 0;
        while seen < 50_000 {
            let batch = source.take(HELD).await?;
            seen += batch.len();
            oracle.arrived(&batch);
            source.done(&batch).await?;
        }
        Ok(())
    };
    let (sent, received): (Checked<Vec<()>>, Checked) = join(send, receive).await;
    sent?;
    received?;
    // No fault is made here, but so many tasks keep a small machine busy for longer than some brokers wait for a sign of
    // life, and than a confirm may take: what was held then may come again, and what was in doubt was sent again.
    let bound = HELD + oracle.doubts();
    let tally = bench
        .conclude(&oracle, &connection, &mut source, &endpoint, bound)
        .await?;
    source.close().await?;
    Ok(tally.noting(format!("{} in doubt", oracle.doubts())))
}
