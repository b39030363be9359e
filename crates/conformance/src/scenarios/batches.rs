//! Batches: one answer per message, and a failure that stays with its message.

use std::time::Duration;

use dunlin_core::Class;
use dunlin_core::messaging::Verdict;

use crate::bench::Bench;
use crate::oracle::Tally;
use crate::suite::{Checked, ensure};

/// Batches of three sizes with one bad message each: one answer per message, in order.
pub(super) async fn batch_send(bench: &Bench<'_>) -> Checked<Tally> {
    let mut tally = Tally::default();
    let mut random = bench.random();
    let ordered = bench.resolved().capabilities.ordered_batches;
    for size in [1, 10, 1_000] {
        let size = size.min(bench.resolved().limits.batch.unwrap_or(size));
        let endpoint = bench.channel().await?;
        let connection = bench.connect().await?;
        let oracle = bench.oracle();
        let mut target = connection.target(&endpoint).await?;
        let good = oracle.issue(size - 1);
        let place = random.below(size);
        let mut batch = good.clone();
        batch.insert(place, bench.bad()?);
        let answers = target.send(&batch).await?;
        for (at, (outgoing, answer)) in batch.iter().zip(&answers).enumerate() {
            if at == place {
                ensure(
                    answer
                        .as_ref()
                        .is_err_and(|error| error.class() != Class::Temporary && !error.in_doubt()),
                    || {
                        format!(
                            "expected the bad message of {size} to be refused for certain, found {answer:?}"
                        )
                    },
                )?;
                continue;
            }
            oracle.answered(outgoing, answer);
            let stays_out = ordered && at > place;
            match answer {
                Ok(_) => ensure(!stays_out, || {
                    format!("expected message {at} behind the bad one to stay out, found it stored")
                })?,
                Err(error) => ensure(
                    stays_out && error.class() == Class::Temporary && !error.in_doubt(),
                    || format!("expected message {at} of {size} to pass, found {error:?}"),
                )?,
            }
        }
        if ordered {
            target.put(&oracle, &good[place..]).await?;
        }
        let mut source = connection.source(&endpoint, "batches").await?;
        tally = tally.and(
            bench
                .conclude(&oracle, &connection, &mut source, &endpoint, 0)
                .await?,
        );
        source.close().await?;
    }
    Ok(tally)
}

/// Batches of three sizes of which one delivery fails: it comes again, and it alone.
pub(super) async fn batch_receive(bench: &Bench<'_>) -> Checked<Tally> {
    let mut tally = Tally::default();
    let mut random = bench.random();
    for size in [1, 10, 1_000] {
        let size = size.min(bench.resolved().limits.unsettled.unwrap_or(size));
        let endpoint = bench.channel().await?;
        let connection = bench.connect().await?;
        let oracle = bench.oracle();
        connection
            .target(&endpoint)
            .await?
            .put(&oracle, &oracle.issue(size))
            .await?;
        let mut source = connection.source(&endpoint, "failing").await?;
        let batch = source.take(size).await?;
        oracle.arrived(&batch);
        let failing = random.below(size);
        let verdicts: Vec<_> = (batch.iter().enumerate())
            .map(|(at, delivery)| {
                let retry = Verdict::Retry {
                    after: Duration::ZERO,
                };
                (delivery.token, if at == failing { retry } else { Verdict::Done })
            })
            .collect();
        source.settle_tokens(&verdicts).await?;
        let again = source.take(1).await?;
        oracle.arrived(&again);
        ensure(oracle.number(&again[0]) == oracle.number(&batch[failing]), || {
            "expected the failed delivery to come again, found another".to_owned()
        })?;
        source.done(&again).await?;
        let counted = bench
            .conclude(&oracle, &connection, &mut source, &endpoint, 1)
            .await?;
        tally = tally.and(counted);
        source.close().await?;
    }
    Ok(tally)
}
