//! `dunlin run`: runs the routes of a configuration until their sources end or a signal ends them.

mod drawing;
mod summary;
mod table;

use std::future::Future;
use std::io::{self, IsTerminal, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use dunlin_router::plan::Plan;
use dunlin_router::route::EndReason;
use dunlin_router::runner::{RouteEnd, Runner};
use dunlin_router::shutdown::{Asked, ShutdownHandle, shutdown};
use tokio::signal::unix::{SignalKind, signal};

use crate::ending::{Ending, Exit, Trouble};
use crate::engine::Engine;
use crate::project::{ConfigArgs, clock};
use crate::shell::{Format, Shell};
use crate::systems::registry;
use drawing::Drawing;
use summary::Summary;

/// How long a run that is aborted may take to let go of its connections.
const GRACE: Duration = Duration::from_secs(2);

/// Runs the routes of a configuration
///
/// A route ends when its source does. The first SIGTERM or SIGINT lets all routes finish what is in flight, a second one
/// aborts them: what is unsettled then comes again. A route that ends with an error leaves the others running.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dunlin run                                  the routes of dunlin.yaml
  dunlin run config/orders.yaml --set routes.orders.window=64
  dunlin run --dry-run                        reads and migrates, writes nothing, and counts the outcomes
  RUST_LOG=info dunlin run --format json | jq '.routes[].counts'")]
pub(crate) struct Run {
    /// The configuration [default: dunlin.yaml]
    config: Option<PathBuf>,
    #[command(flatten)]
    overrides: ConfigArgs,
    /// Reads and migrates what is there, in a group of its own, writes nothing, and counts the outcomes
    #[arg(long)]
    dry_run: bool,
    /// What takes messages through migrations; both give the same results
    #[arg(long, value_enum, default_value_t)]
    engine: Engine,
    /// How the summary is written
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

impl Run {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &mut Shell) -> Ending {
        let registry = registry().map_err(|error| Trouble::Failed(error.to_string()))?;
        let mut plan = Plan::read(&self.overrides.sources(self.config.as_ref()), &registry, &clock())?;
        shell.tell(&plan.warnings)?;
        shell.flush()?;
        plan = plan.by_engine(self.engine.into());
        if self.dry_run {
            plan = plan.dry();
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Trouble::Failed(format!("the runtime cannot be started: {error}")))?;
        let mut summary = Summary::of(&plan, self.dry_run);
        let ran = runtime.block_on(until_the_end(plan, &mut summary));
        let Ran { ends, signal } = ran?;
        summary.write(&ends, shell)?;
        Ok(match signal {
            Some(status) => Exit::Signal(status),
            None => Exit::failed_if(ends.iter().any(is_failure)),
        })
    }
}

/// How a run came to its end.
struct Ran {
    ends: Vec<RouteEnd>,
    /// The exit status, if a second signal ended it.
    signal: Option<u8>,
}

/// Whether a route did not end as it should: with an error, or stopped with messages in flight.
fn is_failure(end: &RouteEnd) -> bool {
    match &end.result {
        Ok(ended) => ended.reason != EndReason::SourceEnded && ended.left > 0,
        Err(_) => true,
    }
}

async fn until_the_end(plan: Plan, summary: &mut Summary) -> Result<Ran, Trouble> {
    let runner = Runner::new(plan, clock());
    summary.watch(runner.progress());
    let drawing = io::stderr()
        .is_terminal()
        .then(|| Drawing::start(runner.progress()));
    let (handle, stop) = shutdown();
    let second = second_signal(handle)
        .map_err(|error| Trouble::Failed(format!("signals cannot be listened to: {error}")))?;
    // Where the machine does not tell, one thread is right for one route, and slower for several.
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let mut running = Box::pin(runner.run_on_threads(threads, stop));
    let ran = tokio::select! {
        biased;
        ends = &mut running => Ran { ends, signal: None },
        status = second => {
            // The routes were told to abort; one that does not hear it is left where it is.
            let ends = tokio::time::timeout(GRACE, &mut running).await.unwrap_or_default();
            Ran { ends, signal: Some(status) }
        }
    };
    if let Some(drawing) = drawing {
        drawing.end().await;
    }
    Ok(ran)
}

/// Hands signals on to the routes, and returns the exit status of the second one.
fn second_signal(handle: ShutdownHandle) -> io::Result<impl Future<Output = u8>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        loop {
            let status = tokio::select! {
                _ = terminate.recv() => 143,
                _ = interrupt.recv() => 130,
            };
            match handle.ask() {
                Asked::Nothing | Asked::Drain => {
                    let note = b"finishing what is in flight; a second signal aborts\n";
                    // Where standard error is gone there is nobody to be told.
                    drop(io::stderr().write_all(note));
                }
                Asked::Abort => return status,
            }
        }
    })
}
