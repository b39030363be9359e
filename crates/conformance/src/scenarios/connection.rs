//! A connection that died without a word.

use dunlin_core::Class;
use dunlin_core::messaging::Event;
use futures_util::future::try_join3;
use tokio::time::{Instant, sleep, timeout};

use crate::bench::{Bench, ROOM};
use crate::oracle::Tally;
use crate::stand::Act;
use crate::suite::{Checked, ensure};

/// Nothing passes any more on the connections that there are, and neither side is told: the system notices by itself, also where
/// it only waits, and goes on with the same receiver and the same sender.
pub(super) async fn half_open(bench: &Bench<'_>) -> Checked<Tally> {
    const WARM: usize = 50;
    let endpoint = bench.channel().await?;
    let connection = bench.connect().await?;
    let oracle = bench.oracle();
    let mut target = connection.target(&endpoint).await?;
    let mut source = connection.source_of(&endpoint, "half-open", WARM).await?;
    target.put(&oracle, &oracle.issue(WARM)).await?;
    source.drain(&oracle).await?;
    connection.heard();
    bench.act(Act::DropFlow).await?;
    let dropped = Instant::now();
    // Its connections are new, so they pass: what the source waits for is there.
    let observer = bench.connect().await?;
    observer
        .target(&endpoint)
        .await?
        .put(&oracle, &oracle.issue(WARM))
        .await?;
    let notice = async {
        loop {
            let told = |event: &Event| matches!(event, Event::Reconnected | Event::Unhealthy { .. });
            if connection.heard().iter().any(told) {
                return Checked::Ok(dropped.elapsed());
            }
            ensure(dropped.elapsed() <= bench.liveness(), || {
                format!(
                    "expected a dead connection to be noticed within {:?}, found no word of it",
                    bench.liveness()
                )
            })?;
            sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let batch = oracle.issue(WARM);
    let send = async {
        target.put(&oracle, &batch).await?;
        Ok(dropped.elapsed())
    };
    let receive = async {
        let end = dropped + bench.liveness() + bench.patience();
        while oracle.arrived_from(0) < 3 * WARM {
            ensure(Instant::now() < end, || {
                format!(
                    "expected {} messages over a new connection, found {}",
                    3 * WARM,
                    oracle.arrived_from(0)
                )
            })?;
            let mut received = Vec::new();
            match timeout(bench.quiet(), source.receiver.receive(ROOM, &mut received)).await {
                Ok(Err(error)) if error.class() != Class::Temporary => return Err(error.into()),
                Ok(Err(_)) => sleep(std::time::Duration::from_millis(20)).await,
                Ok(Ok(())) | Err(_) => {}
            }
            oracle.arrived(&received);
            source.done(&received).await?;
        }
        Ok(dropped.elapsed())
    };
    let (noticed, sent, received) = try_join3(notice, send, receive).await?;
    // What was settled a moment before the flow was dropped may not have reached the broker.
    let bound = WARM + oracle.doubts();
    let tally = bench
        .conclude(&oracle, &connection, &mut source, &endpoint, bound)
        .await?;
    source.close().await?;
    Ok(tally.noting(format!(
        "noticed after {:.1} s, sent after {:.1} s, received after {:.1} s",
        noticed.as_secs_f64(),
        sent.as_secs_f64(),
        received.as_secs_f64()
    )))
}
