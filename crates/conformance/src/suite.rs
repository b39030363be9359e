//! Chooses scenarios, runs them, and says what became of each.

use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dunlin_core::Capabilities;
use dunlin_core::messaging::Resolved;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use crate::bench::Bench;
use crate::oracle::Tally;
use crate::random::Random;
use crate::report::{Outcome, Report};
use crate::scenarios;
use crate::stand::{Hook, Stand, Wanted};

/// What a scenario found broken, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure(String);

/// The result of a check.
pub type Checked<T = ()> = Result<T, Failure>;

impl Failure {
    /// What was expected, and what was found.
    pub fn new(fault: impl Into<String>) -> Self {
        Self(fault.into())
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<dunlin_core::Error> for Failure {
    fn from(error: dunlin_core::Error) -> Self {
        Self(format!("unexpected error: {error:?}"))
    }
}

/// Fails with this text where the condition does not hold.
pub(crate) fn ensure(condition: bool, fault: impl FnOnce() -> String) -> Checked {
    if condition { Ok(()) } else { Err(Failure(fault())) }
}

/// One scenario of the suite.
pub(crate) struct Scenario {
    /// `K…` for the contract's own checks, `C…` for the rest.
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) needs: &'static [Need],
    pub(crate) run: Run,
}

/// The work of a scenario. It stays on one thread; what the system starts may run on others.
pub(crate) type Run = for<'a> fn(&'a Bench<'a>) -> LocalBoxFuture<'a, Checked<Tally>>;

/// What a scenario cannot do without.
pub(crate) enum Need {
    /// A capability of the channel, by its name.
    Capability(&'static str, fn(&Capabilities) -> bool),
    /// A hook of the stand.
    Hook(Hook),
    /// An address that is not routed.
    Unroutable,
    /// A message that the channel refuses on its own: too large, with a header that it cannot carry, or not routed.
    BadMessage,
}

impl Need {
    fn missing(&self, stand: &dyn Stand, resolved: &Resolved) -> Option<String> {
        match self {
            Self::Capability(name, has) => {
                (!has(&resolved.capabilities)).then(|| format!("the channel has no {name}"))
            }
            Self::Hook(hook) => {
                (!stand.hooks().contains(hook)).then(|| format!("the stand offers no {hook}"))
            }
            Self::Unroutable => {
                (stand.unroutable().is_none()).then(|| "every address is routed here".to_owned())
            }
            Self::BadMessage => (Bench::bad_message(stand, resolved).is_none())
                .then(|| "the channel refuses no message of its own accord".to_owned()),
        }
    }
}

/// A run of the suite.
#[derive(Clone, Debug)]
pub struct Suite {
    seed: u64,
    only: Option<Vec<String>>,
    quiet: bool,
    limit: Duration,
}

impl Default for Suite {
    fn default() -> Self {
        Self::new()
    }
}

impl Suite {
    /// Every scenario, with the seed of `DUNLIN_SEED` or one of the moment, which is printed.
    pub fn new() -> Self {
        let given = std::env::var("DUNLIN_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let moment = u64::from(now.subsec_nanos()) ^ now.as_secs();
        Self {
            seed: given.unwrap_or(moment),
            only: None,
            quiet: false,
            limit: Duration::from_secs(120),
        }
    }

    /// The same run with this seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Only the scenarios of these ids.
    #[must_use]
    pub fn only<'a>(mut self, ids: impl IntoIterator<Item = &'a str>) -> Self {
        self.only = Some(ids.into_iter().map(str::to_owned).collect());
        self
    }

    /// Prints nothing.
    #[must_use]
    pub fn quietly(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// The longest time of one scenario, and of each wait in it a tenth of that; two minutes otherwise.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs the scenarios one after another, each in a runtime of its own.
    ///
    /// # Panics
    /// Where no runtime can be started, or the stand cannot even open its system or make a channel.
    pub fn run(&self, stand: &dyn Stand) -> Report {
        let mut report = Report {
            stand: stand.name(),
            seed: self.seed,
            outcomes: Vec::new(),
        };
        self.say(&format!(
            "conformance of {} (DUNLIN_SEED={})",
            report.stand, self.seed
        ));
        let resolved = self.resolve(stand);
        let mut random = Random::new(self.seed);
        for scenario in scenarios::all() {
            let seed = random.number();
            if self
                .only
                .as_ref()
                .is_some_and(|only| !only.iter().any(|id| id == scenario.id))
            {
                continue;
            }
            let reason = scenario
                .needs
                .iter()
                .find_map(|need| need.missing(stand, &resolved));
            let outcome = match reason {
                Some(reason) => Outcome::Skipped(reason),
                None => self.run_one(stand, &scenario, &resolved, seed),
            };
            self.say(&format!("  {:<4} {:<24} {outcome}", scenario.id, scenario.name));
            report.outcomes.push((scenario.id, scenario.name, outcome));
        }
        let text = report.to_string();
        self.say(text.lines().last().unwrap_or_default());
        report
    }

    fn resolve(&self, stand: &dyn Stand) -> Resolved {
        let runtime = runtime();
        let resolved = runtime.block_on(async {
            let name = format!("c{:x}-probe", self.seed);
            let endpoint = stand.channel(&Wanted::named(name)).await?;
            stand.open()?.resolve(&endpoint)
        });
        match resolved {
            Ok(resolved) => resolved,
            Err(error) => panic!("the stand of {} cannot make a channel: {error:?}", stand.name()),
        }
    }

    fn run_one(&self, stand: &dyn Stand, scenario: &Scenario, resolved: &Resolved, seed: u64) -> Outcome {
        let limit = self.limit * patience();
        let bench = Bench::new(stand, resolved.clone(), scenario.id, seed, limit / 10);
        let runtime = runtime();
        let outcome = runtime.block_on(async {
            let run = AssertUnwindSafe((scenario.run)(&bench)).catch_unwind();
            tokio::time::timeout(limit, run).await
        });
        // What a broken system left running must not hold up the next scenario.
        runtime.shutdown_background();
        match outcome {
            Ok(Ok(Ok(tally))) => Outcome::Passed(tally),
            Ok(Ok(Err(fault))) => Outcome::Failed(fault.0),
            Ok(Err(panic)) => {
                let text = (panic.downcast_ref::<String>().map(String::as_str))
                    .or_else(|| panic.downcast_ref::<&str>().copied());
                Outcome::Failed(format!("it panicked: {}", text.unwrap_or("without a word")))
            }
            Err(_) => Outcome::Failed(format!("it did not end within {limit:?}")),
        }
    }

    fn say(&self, line: &str) {
        if !self.quiet {
            // Past the capture of the test harness: a skip is to be seen also where the test passes.
            let written = writeln!(std::io::stdout(), "{line}");
            debug_assert!(written.is_ok(), "standard output is closed");
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    let made = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    match made {
        Ok(runtime) => runtime,
        Err(error) => panic!("no runtime could be started: {error}"),
    }
}

/// By how much every time limit is multiplied.
fn patience() -> u32 {
    std::env::var("DUNLIN_PATIENCE")
        .ok()
        .and_then(|text| text.parse().ok())
        .filter(|patience| *patience > 0)
        .unwrap_or(1)
}
