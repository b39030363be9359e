//! Order inside a lane, and inside a key.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dunlin_core::Class;
use dunlin_core::messaging::{Delivery, Lane};
use futures_util::future::{try_join, try_join_all};
use tokio::time::{Instant, sleep, timeout};

use crate::bench::{Bench, ROOM};
use crate::oracle::{Oracle, Tally};
use crate::stand::Act;
use crate::suite::{Checked, ensure};

/// Ten thousand messages through two restarts of the broker: in a lane each comes behind the one before it, and a step back
/// happens once for each restart.
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
    let mut source = connection.source_of(&endpoint, "ordered", FLIGHT).await?;
    // Of each lane, the last number, and how often it stepped back. What was fetched before a restart may be handed out after
    // it, so the step comes when the connection is back, not when the broker goes.
    let mut last: HashMap<Lane, (u64, usize)> = HashMap::new();
    let (mut restarts, mut seen) = (0, 0);
    while oracle.missing() > 0 {
        let batch = source.take(oracle.missing().min(FLIGHT)).await?;
        oracle.arrived(&batch);
        for delivery in &batch {
            let Some(number) = oracle.number(delivery) else {
                continue;
            };
            let (before, steps) = last.get(&delivery.lane).copied().unwrap_or((0, 0));
            let back = number < before || (number == before && number > 0);
            ensure(!back || steps < restarts, || {
                format!("expected a message behind {before} after {restarts} restarts, found {number}")
            })?;
            last.insert(delivery.lane, (number, steps + usize::from(back)));
        }
        seen += batch.len();
        if (restarts == 0 && seen > COUNT / 3) || (restarts == 1 && seen > COUNT / 2) {
            restarts += 1;
            bench.act(Act::Restart).await?;
        }
        source.done(&batch).await?;
    }
    let rest = source.rest().await?;
    oracle.arrived(&rest);
    source.close().await?;
    // At each restart one window was out, and one whose settlements may not have reached the broker.
    Ok(oracle
        .judge(2 * 2 * FLIGHT)?
        .noting(format!("{restarts} restarts each")))
}

/// Sixteen keys, ten receivers: inside each key the first arrivals are in order; where the receivers compete for one lane, those
/// of each receiver are.
pub(super) async fn order_per_key(bench: &Bench<'_>) -> Checked<Tally> {
    const KEYS: usize = 16;
    const EACH: usize = 1_000;
    const RECEIVERS: usize = 10;
    const WINDOW: usize = 50;
    let endpoint = bench.channel_with(|wanted| wanted.lanes = RECEIVERS).await?;
    let connection = bench.connect().await?;
    let oracle = bench.oracle();
    let mut sources = Vec::new();
    for _ in 0..RECEIVERS {
        sources.push(connection.source_of(&endpoint, "by-key", WINDOW).await?);
    }
    // The last of them may still be on its way into the group.
    sleep(bench.quiet()).await;
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
    let apart = !bench.lanes_by_key();
    let arrivals = Arrivals::default();
    let receivers = sources.iter_mut().enumerate().map(|(receiver, source)| {
        let (oracle, arrivals) = (&oracle, &arrivals);
        async move {
            let mut idle_since = Instant::now();
            while arrivals.count() < KEYS * EACH && idle_since.elapsed() < bench.patience() {
                let mut batch = Vec::new();
                let step = Duration::from_millis(50);
                match timeout(step, source.receiver.receive(ROOM, &mut batch)).await {
                    Ok(Err(error)) if error.class() == Class::Temporary => sleep(step).await,
                    Ok(Err(error)) => return Err(error.into()),
                    Ok(Ok(())) | Err(_) => {}
                }
                if !batch.is_empty() {
                    idle_since = Instant::now();
                }
                oracle.arrived(&batch);
                arrivals.note(oracle, &batch, apart.then_some(receiver));
                source.done(&batch).await?;
            }
            Checked::Ok(())
        }
    });
    try_join(send, try_join_all(receivers)).await?;
    for ((key, receiver), numbers) in arrivals.lists().iter() {
        ensure(numbers.is_sorted(), || {
            let at = receiver.map_or(String::new(), |receiver| format!(" at receiver {receiver}"));
            format!(
                "expected `{key}` in order{at}, found it out of order (a stand whose receivers compete for one lane says so by \
                 `lanes_by_key`)"
            )
        })?;
    }
    for source in sources {
        source.close().await?;
    }
    // A group that is still finding itself may hand each receiver's flight to another once.
    let tally = oracle.judge(RECEIVERS * WINDOW)?;
    Ok(if apart {
        tally.noting("one lane for all, order at each receiver")
    } else {
        tally
    })
}

/// Of each key, and of each receiver where that matters, the numbers in the order of their first arrival.
#[derive(Default)]
struct Arrivals(Mutex<Lists>);

type Lists = HashMap<(String, Option<usize>), Vec<u64>>;

impl Arrivals {
    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self) -> usize {
        self.lists().values().map(Vec::len).sum()
    }

    fn note(&self, oracle: &Oracle, batch: &[Delivery], receiver: Option<usize>) {
        let mut lists = self.lists();
        for delivery in batch {
            let payload = delivery.message.payload.clone().unwrap_or_default();
            let text = String::from_utf8_lossy(&payload);
            let behind = text.split(r#""key":""#).nth(1);
            let key = behind.and_then(|rest| rest.split('"').next()).unwrap_or_default();
            let list = lists.entry((key.to_owned(), receiver)).or_default();
            if let Some(number) = oracle.number(delivery)
                && oracle.copies(number) == 1
            {
                list.push(number);
            }
        }
    }
}
