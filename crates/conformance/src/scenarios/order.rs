//! Order inside a lane, and inside a key.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use dunlin_core::messaging::Lane;
use futures_util::future::{try_join, try_join_all};

use crate::bench::{Bench, ROOM};
use crate::oracle::Tally;
use crate::stand::Act;
use crate::suite::{Checked, ensure};

/// Ten thousand messages through two restarts of the broker: in a lane each comes behind the one before it, and a step back
/// happens at a restart alone.
pub(super) async fn order_single_partition(bench: &Bench<'_>) -> Checked<Tally> {
    const COUNT: usize = 10_000;
    const FLIGHT: usize = 50;
    let endpoint = bench.channel().await?;
    let connection = bench.connect().await?;
    let oracle = bench.oracle();
    let mut target = connection.target(&endpoint).await?;
    for _ in 0..COUNT / 500 {
        target.put(&oracle, &oracle.issue(500)).await?;
    }
    let mut source = connection.source(&endpoint, "ordered").await?;
    let mut last: HashMap<Lane, u64> = HashMap::new();
    let (mut restarts, mut seen) = (0, 0);
    while oracle.missing() > 0 {
        let batch = source.take(oracle.missing().min(FLIGHT)).await?;
        oracle.arrived(&batch);
        for delivery in &batch {
            let Some(number) = oracle.number(delivery) else {
                continue;
            };
            let before = last.insert(delivery.lane, number);
            ensure(before.is_none_or(|before| before < number), || {
                format!("expected a message behind {before:?}, found {number}")
            })?;
        }
        seen += batch.len();
        if (restarts == 0 && seen > COUNT / 3) || (restarts == 1 && seen > COUNT / 2) {
            restarts += 1;
            // What was in flight comes again, so each lane may step back once.
            last.clear();
            bench.act(Act::Restart).await?;
        }
        source.done(&batch).await?;
    }
    let rest = source.rest().await?;
    oracle.arrived(&rest);
    source.close().await?;
    Ok(oracle.judge(2 * FLIGHT)?.noting(format!("{restarts} restarts")))
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
