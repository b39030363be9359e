//! Restarts, missing channels, limits, groups that change, gaps, and clocks that jump.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use dunlin_core::message::Message;
use dunlin_core::messaging::{Event, Outgoing};
use dunlin_core::{Class, ErrorKind};
use futures_util::future::{try_join_all, try_join3};
use tokio::time::{Instant, sleep, timeout};

use crate::bench::{Bench, ROOM, SourceEnd, within};
use crate::oracle::{Oracle, Tally};
use crate::scenario::payload_limit;
use crate::stand::{Act, Hook};
use crate::suite::{Checked, Failure, ensure};

/// A hundred producers, ten thousand messages, the broker killed at a third and at the half: nothing is lost, and it goes
/// on within twenty seconds, in both directions.
pub(super) async fn broker_kill9_restart(bench: &Bench<'_>) -> Checked<Tally> {
    const PRODUCERS: usize = 100;
    const FLIGHT: usize = 100;
    const RECOVERY: Duration = Duration::from_secs(20);
    let endpoint = bench.channel().await?;
    let connection = bench.connect().await?;
    let oracle = bench.oracle();
    let mut source = connection.source_of(&endpoint, "restarted", FLIGHT).await?;
    let (confirmed, received) = (Cell::new(0_usize), Cell::new(0_usize));
    // When how many had been received, and how many of those the broker may have forgotten to be settled.
    let (history, forgotten) = (RefCell::new(vec![(Instant::now(), 0)]), Cell::new(0_usize));
    let total = PRODUCERS * 100;
    let produce = async {
        let producers = (0..PRODUCERS).map(|_| async {
            let mut target = connection.target(&endpoint).await?;
            for _ in 0..10 {
                target.put(&oracle, &oracle.issue(10)).await?;
                confirmed.set(confirmed.get() + 10);
                tokio::task::yield_now().await;
            }
            target.close().await
        });
        try_join_all(producers).await.map(drop)
    };
    let consume = async {
        let mut last = Instant::now();
        while confirmed.get() < total || oracle.missing() > 0 {
            let came = consume_some(&oracle, &mut source, FLIGHT).await?;
            received.set(received.get() + came);
            if came > 0 {
                last = Instant::now();
                history.borrow_mut().push((last, received.get()));
            }
            ensure(last.elapsed() < bench.patience(), || {
                format!("{} confirmed messages did not come in time", oracle.missing())
            })?;
        }
        Ok(())
    };
    let slowest = Cell::new(Duration::ZERO);
    let restart = async {
        for share in [total / 3, total / 2] {
            while confirmed.get() < share {
                sleep(Duration::from_millis(1)).await;
            }
            let written = Instant::now() - bench.forgets();
            bench.act(Act::Restart).await?;
            if !bench.forgets().is_zero() {
                let history = history.borrow();
                let safe = history.iter().rev().find(|(when, _)| *when < written);
                forgotten.set(forgotten.get() + received.get() - safe.map_or(0, |(_, count)| *count));
            }
            let back = Instant::now();
            for (what, count) in [("confirms", &confirmed), ("deliveries", &received)] {
                let before = count.get();
                while count.get() == before && count.get() < total {
                    ensure(back.elapsed() < RECOVERY, || {
                        format!("expected {what} again within {RECOVERY:?} of the restart, found none")
                    })?;
                    sleep(Duration::from_millis(1)).await;
                }
            }
            slowest.set(slowest.get().max(back.elapsed()));
        }
        Ok(())
    };
    try_join3(produce, consume, restart).await?;
    // At each restart one window was out, and one whose settlements may not have reached the broker.
    let bound = 2 * 2 * FLIGHT + oracle.doubts() + forgotten.get();
    let tally = bench
        .conclude(&oracle, &connection, &mut source, &endpoint, bound)
        .await?;
    source.close().await?;
    Ok(tally.noting(format!(
        "2 restarts, {} in doubt, back after {:.1} s at most",
        oracle.doubts(),
        slowest.get().as_secs_f64()
    )))
}

/// Receives what is there, or waits a moment for it, and settles it; says how much it was.
async fn consume_some(oracle: &Oracle, source: &mut SourceEnd, flight: usize) -> Checked<usize> {
    let mut batch = Vec::new();
    let room = dunlin_core::messaging::Room {
        messages: flight,
        bytes: ROOM.bytes,
    };
    match timeout(
        Duration::from_millis(50),
        source.receiver.receive(room, &mut batch),
    )
    .await
    {
        Ok(Err(error)) if error.class() != Class::Temporary => return Err(error.into()),
        Ok(Err(_)) => sleep(Duration::from_millis(5)).await,
        Ok(Ok(())) | Err(_) => {}
    }
    oracle.arrived(&batch);
    // A moment between receiving and settling, so that something is in flight when a fault comes.
    tokio::task::yield_now().await;
    source.done(&batch).await?;
    Ok(batch.len())
}

/// A channel that is deleted is an error for its sender, of the class that stops a route, and never a silent success.
pub(super) async fn missing_target(bench: &Bench<'_>) -> Checked<Tally> {
    let endpoint = bench.channel().await?;
    let connection = bench.connect().await?;
    let oracle = bench.oracle();
    let mut target = connection.target(&endpoint).await?;
    target.put(&oracle, &oracle.issue(1)).await?;
    bench.act(Act::Delete(&endpoint)).await?;
    let end = Instant::now() + bench.patience();
    loop {
        let answer = match timeout(bench.patience(), target.sender.send(&oracle.issue(1))).await {
            Err(_) => {
                return Err(Failure::new(
                    "expected an answer from a deleted channel, found none",
                ));
            }
            Ok(Err(error)) => Err(error),
            Ok(Ok(confirm)) => within(bench.patience(), "a confirm", confirm).await?.remove(0),
        };
        match answer {
            Ok(_) => {
                return Err(Failure::new(
                    "expected an error from a deleted channel, found a receipt",
                ));
            }
            Err(error) if error.class() == Class::Unhealthy => {
                return Ok(Tally {
                    messages: 1,
                    ..Tally::default()
                }
                .noting(format!("told as {:?}", error.kind())));
            }
            Err(error) => ensure(error.class() == Class::Temporary && Instant::now() < end, || {
                format!("expected a deleted channel to be unhealthy, found {error:?}")
            })?,
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// A payload above the limit is refused in its own place, before the wire, and the connection lives on.
pub(super) async fn too_large(bench: &Bench<'_>) -> Checked<Tally> {
    /// Room in the channel's own limit for what a system adds to a payload.
    const HEAD: usize = 4_096;
    let own = payload_limit(bench.resolved()).filter(|_| !bench.has(Hook::Limit));
    let (limit, fits) = match own {
        Some(limit) => (limit, limit.saturating_sub(HEAD)),
        None => (1_024, 1_024),
    };
    let endpoint = match own {
        Some(_) => bench.channel().await?,
        None => {
            bench
                .channel_with(|wanted| wanted.payload_limit = Some(limit))
                .await?
        }
    };
    let connection = bench.connect().await?;
    let mut target = connection.target(&endpoint).await?;
    let mut source = connection.source(&endpoint, "large").await?;
    let of = |length: usize| Outgoing::new(Message::new(format!("\"{}\"", "x".repeat(length - 2))));
    for (length, passes) in [(fits, true), (limit + 1, false), (2 * limit, false), (fits, true)] {
        let answer = target.send(&[of(length)]).await?.remove(0);
        match answer {
            Ok(_) => ensure(passes, || {
                format!("expected {length} bytes to be refused, found them taken")
            })?,
            Err(error) => ensure(
                !passes && error.kind() == ErrorKind::TooLarge && error.class() == Class::Permanent,
                || format!("expected {length} bytes to be too large above {limit} only, found {error:?}"),
            )?,
        }
    }
    let batch = source.take(2).await?;
    source.done(&batch).await?;
    let more = source.rest().await?;
    ensure(more.is_empty(), || {
        "expected nothing of what was refused, found a delivery".to_owned()
    })?;
    let reconnected = |event: &Event| matches!(event, Event::Reconnected);
    ensure(!connection.heard().iter().any(reconnected), || {
        "expected the connection to live on, found it made anew".to_owned()
    })?;
    source.close().await?;
    Ok(Tally {
        messages: 2,
        ..Tally::default()
    }
    .noting(format!("above {limit} bytes")))
}

/// One receiver, then three, then one, under load: all three get something, nothing is lost.
pub(super) async fn consumer_group_scale(bench: &Bench<'_>) -> Checked<Tally> {
    const FLIGHT: usize = 50;
    const TOTAL: usize = 3_000;
    const VISITORS: usize = 2;
    let endpoint = bench.channel_with(|wanted| wanted.lanes = 6).await?;
    let connection = bench.connect().await?;
    let oracle = bench.oracle();
    let mut first = connection.source_of(&endpoint, "scaled", FLIGHT).await?;
    let (sent, left, over) = (Cell::new(0_usize), Cell::new(0), Cell::new(false));
    let produce = async {
        let mut target = connection.target(&endpoint).await?;
        let mut batch = 0;
        // Until the visitors have come and gone, however long the broker takes to let them in, and a share more.
        while left.get() < VISITORS || sent.get() < TOTAL {
            let key = format!("key-{}", batch % 17);
            target.put(&oracle, &oracle.issue_keyed(&key, 30)).await?;
            batch += 1;
            sent.set(sent.get() + 30);
            sleep(Duration::from_millis(if sent.get() < TOTAL { 1 } else { 20 })).await;
        }
        over.set(true);
        target.close().await
    };
    let steady = async {
        let mut last = Instant::now();
        while !over.get() || oracle.missing() > 0 {
            if consume_some(&oracle, &mut first, FLIGHT).await? > 0 {
                last = Instant::now();
                if left.get() < VISITORS && sent.get() >= TOTAL / 3 {
                    // A receiver that is always the first to ask leaves nothing to those who compete with it.
                    sleep(Duration::from_millis(30)).await;
                }
            }
            ensure(!over.get() || last.elapsed() < bench.patience(), || {
                format!(
                    "{} messages did not come to the last receiver in time",
                    oracle.missing()
                )
            })?;
        }
        Ok(())
    };
    let visiting = async {
        let visitors = (0..VISITORS).map(|_| async {
            while sent.get() < TOTAL / 3 {
                sleep(Duration::from_millis(1)).await;
            }
            let mut source = connection.source_of(&endpoint, "scaled", FLIGHT).await?;
            let (mut got, since) = (0, Instant::now());
            while got == 0 || sent.get() < TOTAL * 2 / 3 {
                got += consume_some(&oracle, &mut source, FLIGHT).await?;
                ensure(got > 0 || since.elapsed() < bench.patience(), || {
                    "expected a receiver that joined to get its share, found it without any".to_owned()
                })?;
            }
            source.close().await?;
            left.set(left.get() + 1);
            Ok(())
        });
        try_join_all(visitors).await.map(drop)
    };
    try_join3(produce, steady, visiting).await?;
    // Two come and two go; at each change every receiver may have its flight handed to another.
    let bound = 4 * 3 * FLIGHT;
    let tally = bench
        .conclude(&oracle, &connection, &mut first, &endpoint, bound)
        .await?;
    first.close().await?;
    Ok(tally.noting("1, 3, 1 receivers"))
}

/// Unread messages that are deleted are told, and what is left arrives.
pub(super) async fn gap_detection(bench: &Bench<'_>) -> Checked<Tally> {
    const COUNT: usize = 40;
    let endpoint = bench.channel().await?;
    let connection = bench.connect().await?;
    let oracle = bench.oracle();
    let mut target = connection.target(&endpoint).await?;
    for outgoing in &oracle.issue(COUNT) {
        // Their arrival is not owed, since most of them will be deleted.
        let answers = target.send(std::slice::from_ref(outgoing)).await?;
        ensure(answers[0].is_ok(), || {
            format!("expected a receipt, found {:?}", answers[0])
        })?;
    }
    let mut source = connection.source(&endpoint, "gap").await?;
    let read = source.take(2).await?;
    oracle.arrived(&read);
    source.done(&read).await?;
    source.close().await?;
    bench
        .act(Act::Trim {
            endpoint: &endpoint,
            keep: 3,
        })
        .await?;
    let mut source = connection.source(&endpoint, "gap").await?;
    let left = source.rest().await?;
    oracle.arrived(&left);
    source.done(&left).await?;
    let mut told = None;
    let mut events = vec![
        connection
            .hears("gap", |event| matches!(event, Event::Gap { .. }))
            .await?,
    ];
    events.extend(connection.heard());
    for event in events {
        if let Event::Gap {
            messages: Some(messages),
            ..
        } = event
        {
            told = Some(told.unwrap_or(0) + messages);
        }
    }
    let lost = (COUNT - read.len() - left.len()) as u64;
    ensure(told.is_none_or(|told| told == lost), || {
        format!("expected {lost} messages to be counted as lost, found {told:?}")
    })?;
    let tally = bench
        .conclude(&oracle, &connection, &mut source, &endpoint, 0)
        .await?;
    source.close().await?;
    Ok(tally.noting(format!("told as lost: {told:?}")))
}

/// A time of day that jumps brings nothing again, and no id is forgotten by it.
pub(super) async fn clock_jump(bench: &Bench<'_>) -> Checked<Tally> {
    let endpoint = bench.channel().await?;
    let connection = bench.connect().await?;
    let oracle = bench.oracle();
    let batch = oracle.issue(10);
    let mut target = connection.target(&endpoint).await?;
    target.put(&oracle, &batch).await?;
    let mut source = connection.source(&endpoint, "clock").await?;
    let held = source.take(10).await?;
    oracle.arrived(&held);
    for seconds in [3_600, -7_200, 3_600] {
        bench.act(Act::JumpClock(seconds)).await?;
        let again = source.rest().await?;
        ensure(again.is_empty(), || {
            format!(
                "expected nothing from a jump of {seconds} s, found {} deliveries",
                again.len()
            )
        })?;
        if bench.resolved().capabilities.dedup_by_id {
            for answer in target.send(&batch).await? {
                ensure(answer.as_ref().is_ok_and(|receipt| receipt.duplicate), || {
                    format!("expected a known id after a jump of {seconds} s, found {answer:?}")
                })?;
            }
        }
    }
    source.done(&held).await?;
    let tally = bench
        .conclude(&oracle, &connection, &mut source, &endpoint, 0)
        .await?;
    source.close().await?;
    Ok(tally.noting("3 jumps of an hour or two"))
}
