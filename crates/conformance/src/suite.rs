//! Chooses scenarios, runs them, and says what became of each.
//!
//! Scenarios mostly wait, so those that leave the broker alone run several at a time. Those that stop it, cut its connections
//! or hold its answers come afterwards, one by one. Their results are printed in the order of their ids all the same.

use std::collections::BTreeMap;
use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dunlin_core::messaging::Resolved;
use futures_util::FutureExt;

use crate::bench::Bench;
use crate::oracle::Tally;
use crate::random::Random;
use crate::recorder::Recorder;
use crate::report::{Outcome, Report};
use crate::scenario::Scenario;
use crate::scenarios;
use crate::stand::{Stand, Wanted};

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

/// A run of the suite.
#[derive(Clone, Debug)]
pub struct Suite {
    seed: u64,
    only: Option<Vec<String>>,
    quiet: bool,
    limit: Option<Duration>,
    at_once: usize,
    repeats: u32,
}

impl Default for Suite {
    fn default() -> Self {
        Self::new()
    }
}

impl Suite {
    /// Every scenario, or those that `DUNLIN_ONLY` names, with the seed of `DUNLIN_SEED` or one of the moment, which is printed.
    ///
    /// Scenarios that kill the broker run three times, or twenty with `DUNLIN_CONFORMANCE=full`.
    pub fn new() -> Self {
        let given = std::env::var("DUNLIN_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let moment = u64::from(now.subsec_nanos()) ^ now.as_secs();
        let full = std::env::var("DUNLIN_CONFORMANCE").is_ok_and(|word| word == "full");
        let only = std::env::var("DUNLIN_ONLY").ok();
        Self {
            seed: given.unwrap_or(moment),
            only: only.map(|ids| ids.split(',').map(str::to_owned).collect()),
            quiet: false,
            limit: None,
            at_once: 4,
            repeats: if full { 20 } else { 3 },
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

    /// The longest time of one scenario, and of each wait in it a tenth of that; otherwise the stand says how patient to be.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// At most so many scenarios at a time, of those that leave the broker alone; four otherwise.
    #[must_use]
    pub fn at_once(mut self, scenarios: usize) -> Self {
        self.at_once = scenarios.max(1);
        self
    }

    /// Scenarios that one pass proves little about run so often.
    #[must_use]
    pub fn repeats(mut self, times: u32) -> Self {
        self.repeats = times.max(1);
        self
    }

    /// Runs the scenarios, each in a runtime of its own.
    ///
    /// # Panics
    /// Where no runtime can be started, the stand cannot even open its system or make a channel, or the outcomes cannot be
    /// written into the folder that `DUNLIN_CONFORMANCE_TABLE` names.
    pub fn run(&self, stand: &dyn Stand) -> Report {
        let mut report = Report {
            stand: stand.name(),
            seed: self.seed,
            narrowed: std::env::var_os("DUNLIN_ONLY").is_some(),
            outcomes: Vec::new(),
        };
        self.say(&format!(
            "conformance of {} (DUNLIN_SEED={})",
            report.stand, self.seed
        ));
        let resolved = self.resolve(stand);
        let mut random = Random::new(self.seed);
        // Every scenario draws its seed, chosen or not, so that one alone repeats what it did among all.
        let chosen: Vec<(Scenario, u64)> = scenarios::all()
            .into_iter()
            .map(|scenario| (scenario, random.number()))
            .filter(|(scenario, _)| self.is_chosen(scenario.id))
            .collect();
        let lines = Lines {
            suite: self,
            ids: chosen
                .iter()
                .map(|(scenario, _)| (scenario.id, scenario.name))
                .collect(),
            state: Mutex::default(),
        };
        let mut together = Vec::new();
        let mut alone = Vec::new();
        for (place, (scenario, seed)) in chosen.iter().enumerate() {
            match scenario.missing(stand, &resolved) {
                Some(reason) => lines.put(place, Outcome::Skipped(reason)),
                None if scenario.is_alone() => alone.push((place, scenario, *seed)),
                None => together.push((place, scenario, *seed)),
            }
        }
        for (chosen, at_once) in [(together, self.at_once), (alone, 1)] {
            let next = AtomicUsize::new(0);
            std::thread::scope(|scope| {
                for _ in 0..at_once.min(chosen.len()) {
                    scope.spawn(|| {
                        while let Some((place, scenario, seed)) =
                            chosen.get(next.fetch_add(1, Ordering::Relaxed))
                        {
                            lines.put(*place, self.run_often(stand, scenario, &resolved, *seed));
                        }
                    });
                }
            });
        }
        report.outcomes = lines.finish();
        let text = report.to_string();
        self.say(text.lines().last().unwrap_or_default());
        if let Some(folder) = std::env::var_os("DUNLIN_CONFORMANCE_TABLE").filter(|_| !self.quiet)
            && let Err(error) = report.write_to(folder.as_ref())
        {
            panic!(
                "the outcomes could not be written into {}: {error}",
                folder.display()
            );
        }
        report
    }

    fn is_chosen(&self, id: &str) -> bool {
        (self.only.as_ref()).is_none_or(|only| only.iter().any(|chosen| chosen == id))
    }

    fn resolve(&self, stand: &dyn Stand) -> Resolved {
        let runtime = runtime(None);
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

    fn run_often(&self, stand: &dyn Stand, scenario: &Scenario, resolved: &Resolved, seed: u64) -> Outcome {
        let times = if scenario.repeated { self.repeats } else { 1 };
        let mut seeds = Random::new(seed);
        let mut total: Option<Tally> = None;
        for time in 1..=times {
            let seed = if time == 1 { seed } else { seeds.number() };
            match self.run_one(stand, scenario, resolved, seed) {
                Outcome::Passed(tally) => {
                    total = Some(match total {
                        None => tally,
                        Some(before) => before.and(Tally {
                            notes: Vec::new(),
                            ..tally
                        }),
                    });
                }
                Outcome::Failed(fault) if times > 1 => {
                    return Outcome::Failed(format!("run {time} of {times}: {fault}"));
                }
                other => return other,
            }
        }
        let tally = total.unwrap_or_default();
        Outcome::Passed(if times > 1 {
            tally.noting(format!("{times} runs"))
        } else {
            tally
        })
    }

    fn run_one(&self, stand: &dyn Stand, scenario: &Scenario, resolved: &Resolved, seed: u64) -> Outcome {
        let limit = self.limit.unwrap_or(stand.patience() * 10) * patience();
        let recorder = Recorder::default();
        let bench = Bench::new(
            stand,
            resolved.clone(),
            scenario.id,
            seed,
            limit / 10,
            recorder.clone(),
        );
        let recorder = scenario.recorded.then_some(recorder);
        let listening = recorder.as_ref().map(Recorder::listen);
        let runtime = runtime(recorder);
        let outcome = runtime.block_on(async {
            let run = AssertUnwindSafe((scenario.run)(&bench)).catch_unwind();
            tokio::time::timeout(limit, run).await
        });
        // What a broken system left running must not hold up the next scenario.
        runtime.shutdown_background();
        drop(listening);
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

/// Outcomes that come in any order, printed in the order of the scenarios.
struct Lines<'a> {
    suite: &'a Suite,
    ids: Vec<(&'static str, &'static str)>,
    state: Mutex<Printed>,
}

#[derive(Default)]
struct Printed {
    outcomes: BTreeMap<usize, Outcome>,
    lines: usize,
}

impl Lines<'_> {
    fn put(&self, place: usize, outcome: Outcome) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.outcomes.insert(place, outcome);
        while let (Some((id, name)), Some(outcome)) =
            (self.ids.get(state.lines), state.outcomes.get(&state.lines))
        {
            self.suite.say(&format!("  {id:<4} {name:<26} {outcome}"));
            state.lines += 1;
        }
    }

    fn finish(self) -> Vec<(&'static str, &'static str, Outcome)> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        (self.ids.into_iter().zip(state.outcomes.into_values()))
            .map(|((id, name), outcome)| (id, name, outcome))
            .collect()
    }
}

/// The runtime of one scenario, all of whose threads this recorder listens to.
fn runtime(recorder: Option<Recorder>) -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all();
    if let Some(recorder) = recorder {
        // These threads end with the scenario, so nothing has to be put back.
        builder.on_thread_start(move || std::mem::forget(recorder.listen()));
    }
    match builder.build() {
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
