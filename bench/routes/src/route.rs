//! One contestant: a route of Dunlin, as the program would run it, in this process.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use dunlin_core::clock::Clock;
use dunlin_core::registry::Registry;
use dunlin_router::config::Sources;
use dunlin_router::plan::Plan;
use dunlin_router::progress::{Fate, State};
use dunlin_router::runner::Runner;
use dunlin_router::shutdown::shutdown;
use dunlin_router::tokio_clock::TokioClock;

use crate::document::CHAIN;
use crate::measure::{Job, Measured, Watch, runtime};

/// Forwards the messages of the job and measures it.
pub(crate) fn run(job: &Job) -> Result<Measured> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("dunlin.yaml");
    std::fs::write(folder.path().join("chain.yaml"), CHAIN)?;
    std::fs::write(&file, configuration(job))?;
    let clock: Arc<dyn Clock> = Arc::new(TokioClock);
    let sources = Sources {
        file: Some(file),
        ..Sources::default()
    };
    let plan =
        Plan::read(&sources, &registry()?, &clock).map_err(|findings| anyhow!("{}", findings.render()))?;
    let runner = Runner::new(plan, clock);
    let progress = runner.progress().remove(0);
    let (handle, listening) = shutdown();
    let measured = runtime()?.block_on(async move {
        let mut running = Box::pin(runner.run_on_threads(NonZeroUsize::MIN, listening));
        let mut watch = Watch::aside(job.messages);
        let mut ticks = tokio::time::interval(Duration::from_millis(1));
        let measured = loop {
            tokio::select! {
                ends = &mut running => bail!("the route ended early: {ends:?}"),
                _ = ticks.tick() => {}
            }
            if let State::Failed(reason) | State::Down(reason) = progress.state() {
                bail!("the route does not stand: {reason}");
            }
            let settled = progress.fate(Fate::Forwarded) + progress.fate(Fate::DeadLettered);
            if let Some(measured) = watch.settled(usize::try_from(settled)?)? {
                break measured;
            }
        };
        handle.ask();
        for end in running.await {
            end.result?;
        }
        Ok(measured)
    })?;
    Ok(measured)
}

fn registry() -> Result<Registry> {
    let mut registry = Registry::new();
    registry.add(dunlin_amqp::PLUGIN)?;
    registry.add(dunlin_nats::PLUGIN)?;
    registry.add(dunlin_redis::PLUGIN)?;
    #[cfg(feature = "kafka")]
    registry.add(dunlin_kafka::PLUGIN)?;
    Ok(registry)
}

fn configuration(job: &Job) -> String {
    let Job { from, to, name, .. } = job;
    let start = if from.system == "amqp" {
        ""
    } else {
        "start: earliest, "
    };
    let migrate = if job.migrate {
        "    migrate: chain.yaml\n"
    } else {
        ""
    };
    format!(
        "systems:\n  in: {{ url: {:?} }}\n  out: {{ url: {:?} }}\nroutes:\n  bench:\n    from: {{ system: in, channel: {:?}, \
         {start}group: {name:?} }}\n    to: {{ system: out, channel: {:?} }}\n{migrate}",
        from.url, to.url, from.channel, to.channel
    )
}
