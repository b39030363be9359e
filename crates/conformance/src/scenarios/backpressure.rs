//! What happens while somebody does not answer.

use std::time::Duration;

use dunlin_core::messaging::{Delivery, Outgoing, Room, Source};
use futures_util::poll;
use tokio::time::Instant;

use crate::bench::{Bench, ROOM, within};
use crate::oracle::Tally;
use crate::stand::Act;
use crate::suite::{Checked, ensure};

/// A source is acknowledged after the target's confirm: while that is held back, the source shows the message unsettled.
pub(super) async fn ack_only_after_confirm(bench: &Bench<'_>) -> Checked<Tally> {
    let (from, to) = (bench.channel().await?, bench.channel().await?);
    let connection = bench.connect().await?;
    let oracle = bench.oracle();
    connection
        .target(&from)
        .await?
        .put(&oracle, &oracle.issue(10))
        .await?;
    let mut source = connection.source(&from, "acking").await?;
    let mut target = connection.target(&to).await?;
    let batch = source.take(10).await?;
    bench.act(Act::HoldConfirms).await?;
    let mut confirm = within(bench.patience(), "send", target.sender.send(&forward(&batch))).await??;
    for _ in 0..10 {
        ensure(poll!(&mut confirm).is_pending(), || {
            "expected a confirm to wait for the broker, found it answered before".to_owned()
        })?;
        tokio::time::sleep(bench.quiet() / 10).await;
    }
    let lag = bench.lag_if_told(&from, "acking").await?;
    ensure(lag.is_none_or(|lag| lag == 10), || {
        format!("expected ten unsettled messages while the confirm is held, found {lag:?}")
    })?;
    bench.act(Act::ReleaseConfirms).await?;
    let answers = within(bench.patience(), "a released confirm", confirm).await?;
    ensure(answers.iter().all(Result::is_ok), || {
        format!("expected receipts after the release, found {answers:?}")
    })?;
    source.done(&batch).await?;
    source.close().await?;
    let end = Instant::now() + bench.patience();
    loop {
        // A broker counts its statistics anew only now and then.
        let lag = connection.lag(&from, "acking").await?;
        if lag.is_none_or(|lag| lag == 0) {
            break;
        }
        ensure(Instant::now() < end, || {
            format!("expected nothing unsettled after the confirm, found {lag:?}")
        })?;
        tokio::time::sleep(bench.quiet()).await;
    }
    let mut arrived = connection.source(&to, "acking").await?;
    let tally = bench.conclude(&oracle, &connection, &mut arrived, &to, 0).await?;
    arrived.close().await?;
    Ok(tally)
}

/// Half of the prefetch is held, then settled: the flow goes on, and no more than the limit was ever out.
pub(super) async fn saturated_unacked(bench: &Bench<'_>) -> Checked<Tally> {
    let endpoint = bench.channel().await?;
    let connection = bench.connect().await?;
    let oracle = bench.oracle();
    let window = 100.min(bench.resolved().limits.unsettled.unwrap_or(100));
    connection
        .target(&endpoint)
        .await?
        .put(&oracle, &oracle.issue(10 * window))
        .await?;
    let wanted = Source::new(endpoint.clone(), "saturated").with_window(Room {
        messages: window,
        bytes: ROOM.bytes,
    });
    let mut source = connection.source_with(&wanted).await?;
    let mut held = source.take(window).await?;
    oracle.arrived(&held);
    let free = held.split_off(window / 2);
    if let Some(limit) = bench.resolved().limits.unsettled.filter(|limit| *limit <= window) {
        let mut batch = Vec::new();
        let more = tokio::time::timeout(
            bench.quiet().max(Duration::from_millis(300)),
            source.receiver.receive(ROOM, &mut batch),
        )
        .await;
        ensure(more.is_err() && batch.is_empty(), || {
            format!("expected at most {limit} unsettled deliveries, found more")
        })?;
    } else {
        tokio::time::sleep(bench.quiet().max(Duration::from_millis(300))).await;
    }
    source.done(&free).await?;
    // With the other half still held, the flow goes on.
    let through = source.take(window / 2).await?;
    oracle.arrived(&through);
    source.done(&through).await?;
    source.done(&held).await?;
    let tally = bench
        .conclude(&oracle, &connection, &mut source, &endpoint, 0)
        .await?;
    source.close().await?;
    Ok(tally)
}

/// A target that stands still: what is in memory stays within the window, the source keeps the rest, nothing times out in a
/// storm, and everything passes afterwards.
pub(super) async fn backpressure_bound(bench: &Bench<'_>) -> Checked<Tally> {
    const WINDOW: usize = 64;
    let (from, to) = (bench.channel().await?, bench.channel().await?);
    let connection = bench.connect().await?;
    let oracle = bench.oracle();
    connection
        .target(&from)
        .await?
        .put(&oracle, &oracle.issue(500))
        .await?;
    let wanted = Source::new(from.clone(), "bounded").with_window(Room {
        messages: WINDOW,
        bytes: ROOM.bytes,
    });
    let mut source = connection.source_with(&wanted).await?;
    let mut target = connection.target(&to).await?;
    // All that the window lets in is taken before the hold, which may hold deliveries, too.
    let mut taken = Vec::new();
    let mut count = 0;
    while count < WINDOW {
        let room = Room {
            messages: (WINDOW - count).min(16),
            bytes: ROOM.bytes,
        };
        let mut batch = Vec::new();
        within(
            bench.patience(),
            "receive",
            source.receiver.receive(room, &mut batch),
        )
        .await??;
        ensure(batch.len() <= room.messages, || {
            format!(
                "expected at most {} deliveries, found {}",
                room.messages,
                batch.len()
            )
        })?;
        count += batch.len();
        taken.push(batch);
    }
    bench.act(Act::HoldConfirms).await?;
    let mut flight = Vec::new();
    for batch in taken {
        let confirm = within(bench.patience(), "send", target.sender.send(&forward(&batch))).await??;
        flight.push((batch, confirm));
    }
    tokio::time::sleep(bench.quiet().max(Duration::from_secs(1))).await;
    for (_, confirm) in &mut flight {
        ensure(poll!(confirm).is_pending(), || {
            "a confirm was answered while the target stood still".to_owned()
        })?;
    }
    let lag = bench.lag_if_told(&from, "bounded").await?;
    ensure(lag.is_none_or(|lag| lag == 500), || {
        format!("expected all 500 messages to be unsettled at the source, found {lag:?}")
    })?;
    bench.act(Act::ReleaseConfirms).await?;
    for (batch, confirm) in flight {
        let answers = within(bench.patience(), "a released confirm", confirm).await?;
        ensure(answers.iter().all(Result::is_ok), || {
            format!("a confirm failed after the release: {answers:?}")
        })?;
        source.done(&batch).await?;
    }
    while count < 500 {
        let batch = source.take(WINDOW.min(500 - count)).await?;
        count += batch.len();
        for answer in target.send(&forward(&batch)).await? {
            answer?;
        }
        source.done(&batch).await?;
    }
    source.close().await?;
    let mut arrived = connection.source(&to, "bounded").await?;
    let tally = bench.conclude(&oracle, &connection, &mut arrived, &to, 0).await?;
    arrived.close().await?;
    Ok(tally)
}

fn forward(batch: &[Delivery]) -> Vec<Outgoing> {
    batch
        .iter()
        .map(|delivery| Outgoing::new(delivery.message.clone()))
        .collect()
}
