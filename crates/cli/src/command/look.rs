//! `dunlin peek` and `dunlin tail`: the messages of a channel as envelopes, without taking them from anyone.

use std::io::Write;
use std::path::PathBuf;
use std::pin::pin;

use clap::{Args, ValueEnum};
use dunlin_core::envelope;
use dunlin_core::error::{Class, Error};
use dunlin_core::finding::{Findings, did_you_mean};
use dunlin_core::messaging::{Endpoint, Events, Receiver, Room, Start};
use dunlin_router::config::Loaded;
use dunlin_router::plan::{EndPlan, Plan};
use tokio::signal::unix::{SignalKind, signal};

use crate::ending::{Ending, Exit, Trouble};
use crate::project::{ConfigArgs, clock};
use crate::shell::Shell;
use crate::systems::registry;
use crate::wording::listed;

/// Messages and bytes of one call at most.
const ROOM: Room = Room {
    messages: 256,
    bytes: 1 << 20,
};

/// Shows the first messages of a channel as envelopes, without taking them
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dunlin peek shop/orders
  dunlin peek shop/orders -n 1 | jq .payload
  dunlin peek warehouse/orders.dead --config config/orders.yaml")]
pub(crate) struct Peek {
    #[command(flatten)]
    channel: Channel,
    /// How many messages are shown at most
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 10)]
    count: usize,
    /// Where to begin [default: earliest]
    #[arg(long, value_enum)]
    start: Option<From>,
}

/// Shows the messages of a channel as envelopes as they come, without taking them
///
/// It ends with Ctrl-C or SIGTERM, and the status is 0 then.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dunlin tail shop/orders
  dunlin tail shop/orders --start earliest | grep -c payload
  dunlin tail warehouse/orders.dead --config config/orders.yaml")]
pub(crate) struct Tail {
    #[command(flatten)]
    channel: Channel,
    /// Ends after so many messages
    #[arg(short = 'n', long, value_name = "COUNT")]
    count: Option<usize>,
    /// Where to begin [default: latest; a queue keeps no history, and is shown from its front]
    #[arg(long, value_enum)]
    start: Option<From>,
}

/// Which channel is looked at.
#[derive(Debug, Args)]
struct Channel {
    /// The channel, as in a route: the system's name in the configuration, and what the system calls the channel
    #[arg(value_name = "SYSTEM/CHANNEL")]
    name: String,
    /// The configuration [default: dunlin.yaml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    overrides: ConfigArgs,
}

/// Where a look begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum From {
    /// At the first message that is there
    Earliest,
    /// Behind the last message that is there
    Latest,
}

impl Peek {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &mut Shell) -> Ending {
        self.channel.look(self.start, false, Some(self.count), shell)
    }
}

impl Tail {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &mut Shell) -> Ending {
        self.channel.look(self.start, true, self.count, shell)
    }
}

impl Channel {
    fn look(&self, start: Option<From>, follow: bool, most: Option<usize>, shell: &mut Shell) -> Ending {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Trouble::Failed(format!("the runtime cannot be started: {error}")))?;
        let ending = runtime.block_on(self.show(start, follow, most, shell));
        // A system may have a thread that waits for a file; the process does not wait for it.
        runtime.shutdown_background();
        ending
    }

    async fn show(
        &self,
        start: Option<From>,
        follow: bool,
        most: Option<usize>,
        shell: &mut Shell,
    ) -> Ending {
        let (system_name, channel) = self.name.split_once('/').unwrap_or((&self.name, ""));
        let plan = self.plan()?;
        let Some(system) = plan.systems.get(system_name) else {
            return Err(Trouble::Failed(format!(
                "the system `{system_name}` cannot be used"
            )));
        };
        let failed = |error: Error| Trouble::Failed(format!("{}: {error}", self.name));
        let endpoint = endpoint(&plan, system_name, channel).unwrap_or_else(|| Endpoint::new(channel));
        let resolved = system.system.resolve(&endpoint).map_err(failed)?;
        let start = match start {
            Some(From::Earliest) => Start::Earliest,
            Some(From::Latest) => Start::Latest,
            None if follow && !resolved.capabilities.settling_deletes => Start::Latest,
            None => Start::Earliest,
        };
        let mut signal = pin!(first_signal());
        let opening = async {
            let session = system.system.connect(Events::ignored()).await.map_err(failed)?;
            let Some(browse) = session.browse() else {
                return Err(Trouble::Failed(format!(
                    "the system `{system_name}` cannot show messages without taking them"
                )));
            };
            let receiver = browse.look(&endpoint, &start, follow).await.map_err(failed)?;
            Ok((session, receiver))
        };
        let (session, mut receiver) = tokio::select! {
            biased;
            ended = &mut signal => return ended,
            opened = opening => opened?,
        };
        let shown = tokio::select! {
            biased;
            ended = &mut signal => ended.map(|_| Ok(())),
            shown = print(&mut *receiver, most, shell) => shown,
        };
        // Also after a signal: a queue has to be given back what was shown.
        let closed = receiver.close().await.and(session.close().await);
        // Why nothing more could be shown comes before what that did to the connection.
        shown?.and(closed).map_err(failed)?;
        Ok(Exit::Done)
    }

    /// The configuration as far as it is right: a route with a fault does not keep anyone from looking at a channel.
    fn plan(&self) -> Result<Plan, Trouble> {
        let registry = registry().map_err(|error| Trouble::Failed(error.to_string()))?;
        let mut findings = Findings::new();
        let loaded = Loaded::read(&self.overrides.sources(self.config.as_ref()), &mut findings);
        let Some(loaded) = loaded else {
            return Err(findings.into());
        };
        let system = self.name.split('/').next().unwrap_or_default();
        let known = &loaded.config.systems;
        // A system that is there and was refused is among the findings; a name that nobody gave has nothing to do with them.
        if !known.contains_key(system) && !loaded.is_said(&["systems", system]) {
            let names = listed(known.keys().map(|name| format!("`{name}`")));
            let meant = did_you_mean(system, known.keys().map(String::as_str));
            return Err(Trouble::Usage(format!(
                "expected a system of the configuration ({names}), found `{system}`{meant}"
            )));
        }
        let plan = Plan::of(&loaded, &registry, &clock(), &mut findings);
        if findings.has_errors() && !plan.systems.contains_key(system) {
            return Err(findings.into());
        }
        Ok(plan)
    }
}

/// The channel with the settings that a route gives it.
fn endpoint(plan: &Plan, system: &str, channel: &str) -> Option<Endpoint> {
    let of =
        |end: &EndPlan| (end.system == system && end.channel == channel).then(|| end.target.endpoint.clone());
    plan.routes.iter().find_map(|route| {
        let from = &route.from;
        if from.system == system && from.channel == channel {
            return Some(from.source.endpoint.clone());
        }
        let report = route.report.as_ref().map(|report| &report.end);
        [Some(&route.to.end), report, route.dead_letter.as_ref()]
            .into_iter()
            .flatten()
            .find_map(of)
    })
}

/// Waits for the first SIGINT or SIGTERM. Nothing was taken, so there is nothing to finish.
async fn first_signal() -> Ending {
    let failed = |error| Trouble::Failed(format!("signals cannot be listened to: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    tokio::select! {
        _ = terminate.recv() => Ok(Exit::Done),
        _ = interrupt.recv() => Ok(Exit::Done),
    }
}

/// Prints messages until there are no more, or there were so many.
async fn print(
    receiver: &mut dyn Receiver,
    most: Option<usize>,
    shell: &mut Shell,
) -> Result<Result<(), Error>, Trouble> {
    let mut left = most.unwrap_or(usize::MAX);
    let mut batch = Vec::new();
    while left > 0 {
        let room = Room {
            messages: ROOM.messages.min(left),
            ..ROOM
        };
        match receiver.receive(room, &mut batch).await {
            Ok(()) => {}
            Err(error) if error.class() == Class::Closed => break,
            Err(error) => return Ok(Err(error)),
        }
        left = left.saturating_sub(batch.len());
        for delivery in batch.drain(..) {
            let mut line = Vec::new();
            envelope::write(&delivery.message, delivery.address.as_ref(), &mut line)
                .map_err(|error| Trouble::Failed(error.to_string()))?;
            line.push(b'\n');
            shell.out.write_all(&line)?;
        }
        shell.flush()?;
    }
    Ok(Ok(()))
}
