//! K1 to K10: what every method of the contract promises by itself.

use std::collections::HashSet;
use std::time::Duration;

use dunlin_core::Class;
use dunlin_core::messaging::{Delivery, Room, Token, Verdict};
use futures_util::poll;

use crate::bench::{Bench, Filled, ROOM, within};
use crate::oracle::Tally;
use crate::stand::{Act, Hook};
use crate::suite::{Checked, ensure};

/// A `receive` that is dropped, at whatever point, has lost nothing.
pub(super) async fn dropped_receive(bench: &Bench<'_>) -> Checked<Tally> {
    let endpoint = bench.channel().await?;
    let connection = bench.connect().await?;
    let oracle = bench.oracle();
    let mut random = bench.random();
    let mut target = connection.target(&endpoint).await?;
    let mut source = connection.source(&endpoint, "dropping").await?;
    for _ in 0..50 {
        let before = random.percent(50);
        if before {
            target.put(&oracle, &oracle.issue(4)).await?;
        }
        let room = Room {
            messages: 1 + random.below(6),
            bytes: ROOM.bytes,
        };
        let mut batch = Vec::new();
        {
            let mut receive = source.receiver.receive(room, &mut batch);
            // Polled a few times and then dropped: before anything came, or with the message half on its way.
            let mut answered = poll!(&mut receive).is_ready();
            if !before {
                target.put(&oracle, &oracle.issue(4)).await?;
            }
            for _ in 0..random.below(3) {
                if answered {
                    break;
                }
                if random.percent(50) {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                answered = poll!(&mut receive).is_ready();
            }
        }
        ensure(batch.len() <= room.messages, || {
            format!(
                "expected at most {} deliveries, found {}",
                room.messages,
                batch.len()
            )
        })?;
        oracle.arrived(&batch);
        source.done(&batch).await?;
    }
    source.drain(&oracle).await?;
    let tally = oracle.judge(0)?;
    source.close().await?;
    Ok(tally.noting("50 calls dropped"))
}

/// Deliveries may be settled in any order, one by one or many at a time.
pub(super) async fn settle_in_any_order(bench: &Bench<'_>) -> Checked<Tally> {
    let endpoint = bench.channel().await?;
    let connection = bench.connect().await?;
    let oracle = bench.oracle();
    let mut random = bench.random();
    connection
        .target(&endpoint)
        .await?
        .put(&oracle, &oracle.issue(100))
        .await?;
    let mut source = connection.source(&endpoint, "shuffled").await?;
    let mut batch = source.take(100).await?;
    oracle.arrived(&batch);
    random.shuffle(&mut batch);
    let mut left = batch.as_slice();
    while !left.is_empty() {
        let (now, later) = left.split_at(1 + random.below(left.len().min(7)));
        source.done(now).await?;
        left = later;
    }
    source.close().await?;
    let mut source = connection.source(&endpoint, "shuffled").await?;
    let again = source.rest().await?;
    ensure(again.is_empty(), || {
        format!(
            "expected nothing after everything was settled, found {} deliveries",
            again.len()
        )
    })?;
    source.close().await?;
    oracle.judge(0)
}

/// Settling twice has the effect of settling once, and no effect on any other delivery.
pub(super) async fn settle_twice(bench: &Bench<'_>) -> Checked<Tally> {
    let Filled {
        endpoint,
        connection,
        oracle,
    } = bench.filled(20).await?;
    let mut source = connection.source(&endpoint, "twice").await?;
    let batch = source.take_sorted(&oracle, 20).await?;
    oracle.arrived(&batch);
    source.done(&batch[..10]).await?;
    source.done(&batch[..10]).await?;
    // Done first, then given back: the later verdict comes too late to count.
    source
        .settle(
            &batch[..10],
            Verdict::Retry {
                after: Duration::ZERO,
            },
        )
        .await?;
    source.close().await?;
    let mut source = connection.source(&endpoint, "twice").await?;
    let again = source.take(10).await?;
    ensure(numbers(&oracle, &again) == numbers(&oracle, &batch[10..]), || {
        "expected the ten that were not settled, found others".to_owned()
    })?;
    oracle.arrived(&again);
    source.done(&again).await?;
    let more = source.rest().await?;
    ensure(more.is_empty(), || {
        format!("expected nothing more, found {} deliveries", more.len())
    })?;
    source.close().await?;
    oracle.judge(10)
}

/// A token that the receiver never gave out settles nothing and is no error.
pub(super) async fn settle_unknown_token(bench: &Bench<'_>) -> Checked<Tally> {
    let Filled {
        endpoint,
        connection,
        oracle,
    } = bench.filled(10).await?;
    let mut source = connection.source(&endpoint, "unknown").await?;
    let batch = source.take(10).await?;
    oracle.arrived(&batch);
    let known: HashSet<Token> = batch.iter().map(|delivery| delivery.token).collect();
    let highest = batch.iter().map(|delivery| delivery.token.0).max().unwrap_or(0);
    let unknown: Vec<_> = [0, u64::MAX, u64::MAX / 2, highest.wrapping_add(1)]
        .into_iter()
        .map(Token)
        .filter(|token| !known.contains(token))
        .map(|token| (token, Verdict::Done))
        .collect();
    source.settle_tokens(&unknown).await?;
    source.close().await?;
    let mut source = connection.source(&endpoint, "unknown").await?;
    let again = source.take(10).await?;
    oracle.arrived(&again);
    source.done(&again).await?;
    source.close().await?;
    oracle.judge(10)
}

/// What is given back comes again, and counts up where attempts are counted.
pub(super) async fn retry_comes_back(bench: &Bench<'_>) -> Checked<Tally> {
    let Filled {
        endpoint,
        connection,
        oracle,
    } = bench.filled(5).await?;
    let mut source = connection.source(&endpoint, "retrying").await?;
    let mut before: Vec<Delivery> = source.take(5).await?;
    oracle.arrived(&before);
    for _ in 0..3 {
        source
            .settle(
                &before,
                Verdict::Retry {
                    after: Duration::ZERO,
                },
            )
            .await?;
        let again = source.take(5).await?;
        oracle.arrived(&again);
        for delivery in &again {
            let number = oracle.number(delivery);
            let earlier = before.iter().find(|earlier| oracle.number(earlier) == number);
            let counts = earlier.and_then(|earlier| earlier.attempt).zip(delivery.attempt);
            ensure(counts.is_none_or(|(first, second)| second > first), || {
                format!("expected a higher attempt after a retry, found {counts:?}")
            })?;
        }
        before = again;
    }
    source.done(&before).await?;
    source.close().await?;
    oracle.judge(15)
}

/// What is unsettled when a receiver closes comes again at the next one of the group, and only that.
pub(super) async fn unsettled_at_close(bench: &Bench<'_>) -> Checked<Tally> {
    let Filled {
        endpoint,
        connection,
        oracle,
    } = bench.filled(20).await?;
    let mut source = connection.source(&endpoint, "closing").await?;
    let batch = source.take_sorted(&oracle, 15).await?;
    oracle.arrived(&batch);
    source.done(&batch[..5]).await?;
    source.close().await?;
    let mut source = connection.source(&endpoint, "closing").await?;
    let again = source.take(15).await?;
    let settled = numbers(&oracle, &batch[..5]);
    ensure(numbers(&oracle, &again).is_disjoint(&settled), || {
        "expected what was not settled, found a delivery that was".to_owned()
    })?;
    oracle.arrived(&again);
    source.done(&again).await?;
    source.close().await?;
    oracle.judge(10)
}

/// Closing ends in time, also where a `receive` was blocked a moment before, and the blocked call does not hold the rest.
pub(super) async fn close_while_blocked(bench: &Bench<'_>) -> Checked<Tally> {
    let endpoint = bench.channel().await?;
    let connection = bench.connect().await?;
    let oracle = bench.oracle();
    let mut target = connection.target(&endpoint).await?;
    let mut source = connection.source(&endpoint, "blocked").await?;
    let limit = Duration::from_secs(10);
    {
        let mut batch = Vec::new();
        let mut receive = source.receiver.receive(ROOM, &mut batch);
        for _ in 0..5 {
            ensure(poll!(&mut receive).is_pending(), || {
                "expected an empty channel to be waited for, found an answer".to_owned()
            })?;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // The settler closes beside the pending read, as the contract has it.
        within(
            limit,
            "the settler to close beside a blocked receive",
            source.settler.close(),
        )
        .await??;
    }
    within(
        limit,
        "the receiver to close after a blocked receive",
        source.receiver.close(),
    )
    .await??;
    target.put(&oracle, &oracle.issue(1)).await?;
    let mut source = connection.source(&endpoint, "blocked").await?;
    let tally = bench
        .conclude(&oracle, &connection, &mut source, &endpoint, 0)
        .await?;
    source.close().await?;
    within(limit, "the session to close", connection.close()).await??;
    Ok(tally)
}

/// A message that no channel takes is an error in its own place of the confirm.
pub(super) async fn unroutable_is_an_error(bench: &Bench<'_>) -> Checked<Tally> {
    let endpoint = bench.channel().await?;
    let connection = bench.connect().await?;
    let oracle = bench.oracle();
    let mut target = connection.target(&endpoint).await?;
    let mut lost = oracle.issue(1).remove(0);
    lost.address = Some(bench.unroutable()?);
    let answers = target.send(std::slice::from_ref(&lost)).await?;
    oracle.answered(&lost, &answers[0]);
    match &answers[0] {
        Ok(_) => ensure(false, || {
            "expected an unroutable message to be an error, found a receipt".to_owned()
        })?,
        Err(error) => ensure(error.class() == Class::Unhealthy && !error.in_doubt(), || {
            format!("expected an unroutable message to be unhealthy and certain, found {error:?}")
        })?,
    }
    let mut source = connection.source(&endpoint, "routed").await?;
    let tally = bench
        .conclude(&oracle, &connection, &mut source, &endpoint, 0)
        .await?;
    source.close().await?;
    Ok(tally)
}

/// One message that is refused leaves its neighbours alone.
pub(super) async fn bad_message_alone(bench: &Bench<'_>) -> Checked<Tally> {
    let endpoint = bench.channel().await?;
    let connection = bench.connect().await?;
    let oracle = bench.oracle();
    let mut target = connection.target(&endpoint).await?;
    let good = oracle.issue(3);
    let batch = [good[0].clone(), bench.bad()?, good[1].clone(), good[2].clone()];
    let answers = target.send(&batch).await?;
    ensure(answers[0].is_ok(), || {
        format!("the message before a bad one failed: {:?}", answers[0])
    })?;
    ensure(answers[1].is_err(), || "the bad message was confirmed".to_owned())?;
    oracle.answered(&good[0], &answers[0]);
    let ordered = bench.resolved().capabilities.ordered_batches;
    for (outgoing, answer) in good[1..].iter().zip(&answers[2..]) {
        oracle.answered(outgoing, answer);
        match answer {
            Ok(_) => ensure(!ordered, || {
                "expected later messages of a batch to stay out with ordered_batches, found one stored"
                    .to_owned()
            })?,
            Err(error) => {
                let stays_out = ordered && error.class() == Class::Temporary && !error.in_doubt();
                ensure(stays_out, || {
                    format!("the message behind a bad one failed for good: {error:?}")
                })?;
            }
        }
    }
    if ordered {
        target.put(&oracle, &good[1..]).await?;
    }
    let mut source = connection.source(&endpoint, "neighbours").await?;
    let tally = bench
        .conclude(&oracle, &connection, &mut source, &endpoint, 0)
        .await?;
    source.close().await?;
    Ok(tally)
}

/// A receiver never gives out a token twice, over redeliveries and reconnects.
pub(super) async fn tokens_never_reused(bench: &Bench<'_>) -> Checked<Tally> {
    let Filled {
        endpoint,
        connection,
        oracle,
    } = bench.filled(50).await?;
    let mut source = connection.source(&endpoint, "tokens").await?;
    let mut seen: HashSet<Token> = HashSet::new();
    let mut cuts = 0;
    for round in 0..6 {
        let batch = source.take(50).await?;
        oracle.arrived(&batch);
        for delivery in &batch {
            ensure(seen.insert(delivery.token), || {
                format!(
                    "expected a new token for each delivery, found {:?} again",
                    delivery.token
                )
            })?;
        }
        if round == 5 {
            source.done(&batch).await?;
        } else if round % 2 == 1 && bench.has(Hook::Cut) {
            cuts += 1;
            bench.act(Act::Cut).await?;
        } else {
            source
                .settle(
                    &batch,
                    Verdict::Retry {
                        after: Duration::ZERO,
                    },
                )
                .await?;
        }
    }
    source.close().await?;
    Ok(oracle
        .judge(250)?
        .noting(format!("{} tokens over {cuts} cuts", seen.len())))
}

fn numbers(oracle: &crate::oracle::Oracle, batch: &[Delivery]) -> HashSet<u64> {
    batch
        .iter()
        .filter_map(|delivery| oracle.number(delivery))
        .collect()
}
