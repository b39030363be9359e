//! Giving back, stale tokens, and answers that never came.

use std::time::Duration;

use dunlin_core::Class;
use dunlin_core::messaging::{Delivery, Event, Verdict};
use futures_util::poll;
use tokio::time::Instant;

use crate::bench::{Bench, Filled, within};
use crate::oracle::{Oracle, Tally};
use crate::stand::Act;
use crate::suite::{Checked, Failure, ensure};

/// Every tenth of a thousand is given back: all arrive, and the delay is kept where that is promised.
pub(super) async fn nack_redelivers(bench: &Bench<'_>) -> Checked<Tally> {
    nack(bench, false).await
}

/// The same while the connection breaks.
pub(super) async fn lossy_through_reconnect(bench: &Bench<'_>) -> Checked<Tally> {
    nack(bench, true).await
}

async fn nack(bench: &Bench<'_>, cutting: bool) -> Checked<Tally> {
    const DELAY: Duration = Duration::from_millis(150);
    const FLIGHT: usize = 100;
    let Filled {
        endpoint,
        connection,
        oracle,
    } = bench.filled(1_000).await?;
    let flight = FLIGHT.min(bench.resolved().limits.unsettled.unwrap_or(FLIGHT));
    let mut source = connection.source_of(&endpoint, "nack", flight).await?;
    let (mut given_back, mut cuts, mut seen) = (Vec::new(), 0, 0);
    // A hundred retries; each cut adds what was in flight, or settled behind a gap.
    let mut bound = 100;
    let mut end = Instant::now() + bench.patience();
    while oracle.missing() > 0 || !given_back.is_empty() {
        ensure(Instant::now() < end, || {
            format!(
                "{} messages and {} retries did not come in time",
                oracle.missing(),
                given_back.len()
            )
        })?;
        let mut batch = Vec::new();
        let room = dunlin_core::messaging::Room {
            messages: flight,
            bytes: crate::bench::ROOM.bytes,
        };
        match within(
            bench.patience(),
            "receive",
            source.receiver.receive(room, &mut batch),
        )
        .await?
        {
            Err(error) if error.class() != Class::Temporary => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
        if !batch.is_empty() {
            end = Instant::now() + bench.patience();
        }
        let mut verdicts = Vec::new();
        for delivery in &batch {
            let number = oracle.number(delivery).unwrap_or_default();
            if let Some(at) = given_back.iter().position(|(given, _)| *given == number) {
                let (_, when): (u64, Instant) = given_back.swap_remove(at);
                // A cut ends delays: what was unsettled comes at once.
                let kept = cutting || when.elapsed() + Duration::from_millis(5) >= DELAY;
                ensure(!bench.resolved().capabilities.delayed_retry || kept, || {
                    format!(
                        "expected a retry after {DELAY:?}, found it after {:?}",
                        when.elapsed()
                    )
                })?;
            } else if number.is_multiple_of(10) && oracle.copies(number) == 0 {
                given_back.push((number, Instant::now()));
                verdicts.push((delivery.token, Verdict::Retry { after: DELAY }));
                continue;
            }
            verdicts.push((delivery.token, Verdict::Done));
        }
        seen += batch.len();
        oracle.arrived(&batch);
        if cutting && cuts < 2 && seen > 300 * (cuts + 1) {
            cuts += 1;
            bound += 2 * flight + behind_a_gap(bench, &oracle, &given_back, &batch);
            bench.act(Act::Cut).await?;
        }
        source.settle_tokens(&verdicts).await?;
    }
    let tally = bench
        .conclude(&oracle, &connection, &mut source, &endpoint, bound)
        .await?;
    source.close().await?;
    Ok(tally.noting(format!("100 given back, {cuts} cuts")))
}

/// How many settled messages a log may bring again after a cut: those behind the first that is not settled.
fn behind_a_gap(
    bench: &Bench<'_>,
    oracle: &Oracle,
    given_back: &[(u64, Instant)],
    batch: &[Delivery],
) -> usize {
    if bench.resolved().capabilities.settling_deletes {
        return 0;
    }
    let open = given_back.iter().map(|(number, _)| *number);
    let lowest = open
        .chain(batch.iter().filter_map(|delivery| oracle.number(delivery)))
        .min();
    lowest.map_or(0, |lowest| oracle.arrived_from(lowest))
}

/// Tokens of before a reconnect settle nothing, neither theirs nor anyone else's.
pub(super) async fn stale_ack(bench: &Bench<'_>) -> Checked<Tally> {
    let Filled {
        endpoint,
        connection,
        oracle,
    } = bench.filled(20).await?;
    let mut source = connection.source(&endpoint, "stale").await?;
    let stale = source.take(20).await?;
    oracle.arrived(&stale);
    connection.heard();
    bench.act(Act::Cut).await?;
    // Before the loss is noticed, a settlement may still count.
    connection
        .hears("Reconnected", |event| matches!(event, Event::Reconnected))
        .await?;
    source.done(&stale).await?;
    let fresh = source.take_sorted(&oracle, 20).await.map_err(|fault| {
        Failure::new(format!(
            "expected all twenty again, since tokens of before the cut mean nothing: {fault}"
        ))
    })?;
    oracle.arrived(&fresh);
    source.done(&fresh[..10]).await?;
    source.done(&stale).await?;
    source.close().await?;
    let mut source = connection.source(&endpoint, "stale").await?;
    let again = source.take(10).await?;
    oracle.arrived(&again);
    for delivery in &again {
        let number = oracle.number(delivery);
        ensure(
            fresh[10..].iter().any(|left| oracle.number(left) == number),
            || format!("expected the ten that were left, found {number:?}"),
        )?;
    }
    source.done(&again).await?;
    source.close().await?;
    oracle.judge(30)
}

/// The connection breaks between the broker's write and its confirm; sent again with the same id, the message is there
/// once where ids are recognised, else at most twice.
pub(super) async fn confirm_in_doubt(bench: &Bench<'_>) -> Checked<Tally> {
    let endpoint = bench.channel().await?;
    let connection = bench.connect().await?;
    let oracle = bench.oracle();
    let mut target = connection.target(&endpoint).await?;
    let batch = oracle.issue(10);
    bench.act(Act::HoldConfirms).await?;
    let mut confirm = within(bench.patience(), "send", target.sender.send(&batch)).await??;
    // The broker writes meanwhile.
    tokio::time::sleep(bench.quiet()).await;
    ensure(poll!(&mut confirm).is_pending(), || {
        "expected no answer while the broker gives none, found one".to_owned()
    })?;
    bench.act(Act::Cut).await?;
    // What is held must be gone with its connection before the hold ends.
    tokio::time::sleep(bench.quiet()).await;
    bench.act(Act::ReleaseConfirms).await?;
    let answers = within(bench.patience(), "a confirm whose connection broke", confirm).await?;
    for (outgoing, answer) in batch.iter().zip(&answers) {
        oracle.answered(outgoing, answer);
        if let Err(error) = answer {
            ensure(error.in_doubt() && error.class() == Class::Temporary, || {
                format!("expected an answer that never came to be temporary and in doubt, found {error:?}")
            })?;
        }
    }
    // A client that sends again by itself may have got its confirms on the next connection.
    let again: Vec<_> = (batch.iter().zip(&answers))
        .filter(|(_, answer)| answer.is_err())
        .map(|(outgoing, _)| outgoing.clone())
        .collect();
    target.put(&oracle, &again).await?;
    let bound = if bench.resolved().capabilities.dedup_by_id {
        0
    } else {
        again.len()
    };
    let mut source = connection.source(&endpoint, "doubt").await?;
    let tally = bench
        .conclude(&oracle, &connection, &mut source, &endpoint, bound)
        .await?;
    source.close().await?;
    let reconnected = connection
        .heard()
        .iter()
        .any(|event| matches!(event, Event::Reconnected));
    Ok(tally.noting(format!("{} in doubt, reconnect told: {reconnected}", again.len())))
}
