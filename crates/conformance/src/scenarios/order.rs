//! Order inside a lane, and inside a key.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use futures_util::future::{try_join, try_join_all};

use crate::bench::{Bench, ROOM};
use crate::oracle::Tally;
use crate::stand::Act;
use crate::suite::{Checked, ensure};

/// Ten thousand messages of one lane through two restarts of the broker: each comes behind the one before it, and a step
/// back happens at a restart alone and goes on without a gap.
pub(super) async fn order_single_partition(bench: &Bench<'_>) -> Checked<Tally> {
    const COUNT: u64 = 10_000;
    const FLIGHT: usize = 50;
    let endpoint = bench.channel().await?;
    let connection = bench.connect().await?;
    let oracle = bench.oracle();
    let mut target = connection.target(&endpoint).await?;
    for _ in 0..20 {
        target.put(&oracle, &oracle.issue(500)).await?;
    }
    let mut source = connection.source(&endpoint, "ordered").await?;
    let mut last: Option<u64> = None;
    let (mut stepped_back, mut restarts) = (0, 0);
    let mut may_step_back = false;
    let mut seen = 0;
    while last != Some(COUNT - 1) {
        let left = usize::try_from(COUNT - 1 - last.unwrap_or(0))
            .unwrap_or(FLIGHT)
            .clamp(1, FLIGHT);
        let batch = source.take(left).await?;
        oracle.arrived(&batch);
        for delivery in &batch {
            let Some(number) = oracle.number(delivery) else {
                continue;
            };
            let next = last.map_or(0, |last| last + 1);
            if number < next && may_step_back {
                stepped_back += next - number;
            } else {
                ensure(number == next, || {
                    format!("expected message {next} next, found {number}")
                })?;
            }
            may_step_back = false;
            last = Some(number);
        }
        seen += batch.len();
        if (restarts == 0 && seen > 3_333) || (restarts == 1 && seen > 5_000) {
            restarts += 1;
            may_step_back = true;
            bench.act(Act::Restart).await?;
        }
        source.done(&batch).await?;
    }
    source.close().await?;
    Ok(oracle
        .judge(2 * FLIGHT)?
        .noting(format!("{restarts} restarts, {stepped_back} steps back")))
}

/// Sixteen keys, ten receivers: inside each key the first arrivals are in order.
pub(super) async fn order_per_key(bench: &Bench<'_>) -> Checked<Tally> {
    const KEYS: usize = 16;
    const EACH: usize = 1_000;
    let endpoint = bench.channel_with(|wanted| wanted.lanes = 10).await?;
    let connection = bench.connect().await?;
    let oracle = bench.oracle();
    let mut sources = Vec::new();
    for _ in 0..10 {
        sources.push(connection.source(&endpoint, "by-key").await?);
    }
    let keys: Vec<String> = (0..KEYS).map(|key| format!("key-{key}")).collect();
    let mut target = connection.target(&endpoint).await?;
    let send = async {
        for _ in 0..EACH / 100 {
            for key in &keys {
                target.put(&oracle, &oracle.issue_keyed(key, 100)).await?;
            }
        }
        Ok(())
    };
    // Of each key, the numbers in the order of their first arrival.
    let arrivals: Mutex<HashMap<String, Vec<u64>>> = Mutex::default();
    let count = || {
        let arrivals = arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        arrivals.values().map(Vec::len).sum::<usize>()
    };
    let receivers = sources.iter_mut().map(|source| async {
        let mut waited = std::time::Duration::ZERO;
        while count() < KEYS * EACH && waited < bench.patience() {
            let mut batch = Vec::new();
            let step = std::time::Duration::from_millis(50);
            let received = tokio::time::timeout(step, source.receiver.receive(ROOM, &mut batch)).await;
            waited = if received.is_err() {
                waited + step
            } else {
                std::time::Duration::ZERO
            };
            if let Ok(answer) = received {
                answer?;
            }
            oracle.arrived(&batch);
            {
                let mut arrivals = arrivals.lock().unwrap_or_else(PoisonError::into_inner);
                for delivery in &batch {
                    let payload = delivery.message.payload.clone().unwrap_or_default();
                    let text = String::from_utf8_lossy(&payload);
                    let key = text
                        .split(r#""key":""#)
                        .nth(1)
                        .and_then(|rest| rest.split('"').next());
                    let list = arrivals.entry(key.unwrap_or_default().to_owned()).or_default();
                    if let Some(number) = oracle.number(delivery)
                        && oracle.copies(number) == 1
                    {
                        list.push(number);
                    }
                }
            }
            source.done(&batch).await?;
        }
        Checked::Ok(())
    });
    try_join(send, try_join_all(receivers)).await?;
    for (key, numbers) in arrivals.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        ensure(numbers.is_sorted(), || {
            format!("expected `{key}` in order, found it out of order")
        })?;
    }
    for source in sources {
        source.close().await?;
    }
    oracle.judge(0)
}
