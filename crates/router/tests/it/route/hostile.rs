//! The whole route over systems that do everything a broker may do, under operators who do everything an operator may do.
//!
//! Whatever happens on the way: once the faults end, every message is where it belongs, nothing was settled before what it
//! was owed for was stored, and no message is there more often than it was handed out or its answer was in doubt.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use dunlin_conformance::hostile::Happened;
use dunlin_conformance::{Behaviour, Hostile};
use dunlin_core::clock::ManualClock;
use dunlin_core::message::Message;
use dunlin_core::messaging::{Endpoint, Verdict};
use dunlin_router::fail_points::FailPoint;
use dunlin_router::plan::{
    Breaker, Drops, EndPlan, MigrationChoice, Order, Plan, PlannedSystem, ReportDetail, ReportPlan,
    RoutePlan, SourcePlan,
};
use dunlin_router::progress::Fate;
use dunlin_router::runner::{RouteEnd, Runner};
use dunlin_router::shutdown::{ShutdownHandle, shutdown};
use proptest::prelude::*;
use proptest::test_runner::Config;
use tokio::task::JoinHandle;

use super::migrating::migration;
use super::stand::{TestFailPoints, pass};

const WINDOW: usize = 24;

/// What happens to a route, from outside.
#[derive(Clone, Debug)]
enum Act {
    Issue(usize),
    Pass(u64),
    Reconnect,
    Revoke(usize),
    /// Asked to drain, then started anew.
    Restart,
    /// Asked twice, then started anew.
    Abort,
    /// Killed between two steps, then started anew.
    Crash,
    /// Killed at a point of its way, then started anew.
    CrashAt(FailPoint, usize),
    Calm,
    Rage,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let points: Vec<_> = FailPoint::ALL
        .into_iter()
        .filter(|point| *point != FailPoint::InMigrate)
        .collect();
    let act = prop_oneof![
        6 => (1..40_usize).prop_map(Act::Issue),
        6 => (1..3_000_u64).prop_map(Act::Pass),
        1 => Just(Act::Reconnect),
        1 => (0..3_usize).prop_map(Act::Revoke),
        1 => Just(Act::Restart),
        1 => Just(Act::Abort),
        1 => Just(Act::Crash),
        2 => (prop::sample::select(points), 1..4_usize).prop_map(|(point, time)| Act::CrashAt(point, time)),
        1 => Just(Act::Calm),
        1 => Just(Act::Rage),
    ];
    prop::collection::vec(act, 3..20)
}

/// What a message is meant to become, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meant {
    Forwarded,
    Dropped,
    DeadLettered,
}

fn meant(number: usize) -> Meant {
    match number % 10 {
        3 => Meant::DeadLettered,
        7 => Meant::Dropped,
        _ => Meant::Forwarded,
    }
}

fn message(number: usize) -> Message {
    let payload = match meant(number) {
        Meant::Forwarded => format!(r#"{{"n":{number}}}"#),
        Meant::Dropped => format!(r#"{{"n":{number},"test":true}}"#),
        Meant::DeadLettered => format!(r#"{{"n":{number}"#),
    };
    Message::new(payload)
        .with_id(number.to_string())
        .with_key((number % 5).to_string())
}

const MIGRATION: &str = "
migration: m
transformations:
  - drop: a test
    where: { test: true }
  - rename: n
    to: amount
";

struct World {
    clock: ManualClock,
    hostile: Hostile,
    rage: Behaviour,
    fail_points: Arc<TestFailPoints>,
    plan: RoutePlan,
    issued: usize,
    crashes: usize,
    running: Option<Running>,
}

struct Running {
    handle: ShutdownHandle,
    task: JoinHandle<Vec<RouteEnd>>,
    progress: Arc<dunlin_router::progress::Progress>,
}

impl World {
    fn new(seed: u64, order: Order, queue: bool, dedup: bool) -> Self {
        let clock = ManualClock::new();
        let mut rage = Behaviour {
            lanes: 3,
            // A gap is a loss that nobody can be blamed for; it has a test of its own.
            gaps: 0,
            ..Behaviour::hostile()
        };
        rage.capabilities.settling_deletes = queue;
        rage.capabilities.dedup_by_id = dedup;
        let hostile = Hostile::with_clock(seed, rage.clone(), Arc::new(clock.clone()));
        let system = PlannedSystem::of("wild", hostile.system());
        let end = |channel: &str| EndPlan::of(&system, Endpoint::new(channel), "wild").unwrap();
        let from = SourcePlan::of(&system, Endpoint::new("in"), "dunlin-wild").unwrap();
        let mut plan = RoutePlan::bridge("wild", from, end("out"));
        plan.migrations = vec![MigrationChoice::always(migration(MIGRATION))];
        plan.report = Some(ReportPlan::of(end("reports"), ReportDetail::Changes));
        plan.dead_letter = Some(end("dead"));
        plan.drops = Drops::Allow;
        plan.order = order;
        plan.window.messages = WINDOW;
        plan.batch = 8;
        plan.breaker = Breaker {
            row: None,
            share: None,
        };
        plan.retry.cap = Duration::from_secs(1);
        plan.drain = Duration::from_secs(2);
        Self {
            clock,
            hostile,
            rage,
            fail_points: Arc::default(),
            plan,
            issued: 0,
            crashes: 0,
            running: None,
        }
    }

    fn start(&mut self) {
        let systems = [PlannedSystem::of("wild", self.hostile.system())];
        let runner = Runner::new(
            Plan::by_hand(systems, [self.plan.clone()]),
            Arc::new(self.clock.clone()),
        )
        .with_fail_points(self.fail_points.clone());
        let progress = runner.progress().remove(0);
        let (handle, listening) = shutdown();
        self.running = Some(Running {
            handle,
            task: tokio::spawn(runner.run(listening)),
            progress,
        });
    }

    /// A route that has died at a fail point is started anew; it may die of nothing else.
    async fn look_after(&mut self) {
        if self
            .running
            .as_ref()
            .is_some_and(|running| running.task.is_finished())
        {
            let running = self.running.take().unwrap();
            let end = running.task.await.unwrap().remove(0);
            let error = end
                .result
                .expect_err("a route ends by itself only when it dies")
                .to_string();
            assert!(error.contains("panicked"), "{error}");
            self.crashes += 1;
        }
        if self.running.is_none() {
            self.start();
        }
    }

    async fn act(&mut self, act: &Act) {
        self.look_after().await;
        match act {
            Act::Issue(count) => {
                self.hostile
                    .issue("in", (self.issued..self.issued + count).map(message));
                self.issued += count;
            }
            Act::Pass(milliseconds) => pass(&self.clock, Duration::from_millis(*milliseconds)).await,
            Act::Reconnect => self.hostile.reconnect(),
            Act::Revoke(lane) => self.hostile.revoke("in", *lane),
            Act::Restart => self.stop(1).await,
            Act::Abort => self.stop(2).await,
            Act::Crash => {
                let running = self.running.take().unwrap();
                running.task.abort();
                assert!(running.task.await.is_err());
                self.crashes += 1;
            }
            Act::CrashAt(point, time) => self.fail_points.panic_at(*point, *time),
            Act::Calm => self.hostile.calm(),
            Act::Rage => self.hostile.behave(self.rage.clone()),
        }
        pass(&self.clock, Duration::from_millis(50)).await;
        self.look_after().await;
    }

    async fn stop(&mut self, asked: usize) {
        let running = self.running.take().unwrap();
        for _ in 0..asked {
            running.handle.ask();
            pass(&self.clock, Duration::from_millis(10)).await;
        }
        // The drain limit, and the limits for closing two ends and three senders.
        for _ in 0..60 {
            if running.task.is_finished() {
                break;
            }
            pass(&self.clock, Duration::from_millis(500)).await;
        }
        assert!(
            running.task.is_finished(),
            "a stop ends within its limits: {:#?}",
            running.progress.snapshot()
        );
        // A fail point may have been met on the way out.
        self.crashes += usize::from(running.task.await.unwrap().remove(0).result.is_err());
    }

    /// No more faults: everything that is owed must arrive, and the route must go on.
    async fn quiet(&mut self) {
        self.fail_points.disarm();
        self.hostile.calm();
        self.hostile.issue("in", [message(self.issued)]);
        self.issued += 1;
        for _ in 0..400 {
            self.look_after().await;
            let in_flight = self.running.as_ref().unwrap().progress.snapshot().in_flight;
            if self.hostile.unsettled("in") == 0 && in_flight == 0 {
                let running = self.running.take().unwrap();
                running.handle.ask();
                pass(&self.clock, Duration::from_secs(1)).await;
                let ended = running.task.await.unwrap().remove(0).result.unwrap();
                assert_eq!(ended.left, 0);
                let snapshot = running.progress.snapshot();
                let fates: u64 = Fate::ALL.into_iter().map(|fate| snapshot.fate(fate)).sum();
                assert_eq!(
                    fates,
                    snapshot.count(dunlin_router::progress::Count::Received),
                    "the counts add up"
                );
                return;
            }
            pass(&self.clock, Duration::from_millis(500)).await;
        }
        panic!(
            "never quiet: {} unsettled, {:#?}",
            self.hostile.unsettled("in"),
            self.running.as_ref().unwrap().progress.snapshot()
        );
    }

    /// Judges everything that happened, and says how many copies there are too many.
    fn judge(&self) -> usize {
        let mut handed: BTreeMap<usize, usize> = BTreeMap::new();
        let mut doubted: BTreeMap<usize, usize> = BTreeMap::new();
        let mut stored: BTreeMap<usize, usize> = BTreeMap::new();
        let mut reported: BTreeSet<usize> = BTreeSet::new();
        for happened in self.hostile.history() {
            match happened {
                Happened::Handed { number, .. } => *handed.entry(number).or_default() += 1,
                Happened::Doubted { channel, message } if channel != "reports" => {
                    *doubted.entry(number_of(&message)).or_default() += 1;
                }
                Happened::Stored { channel, message } if channel == "reports" => {
                    reported.insert(reported_number(&message));
                }
                Happened::Stored { channel, message } => {
                    let number = number_of(&message);
                    *stored.entry(number).or_default() += 1;
                    let text = String::from_utf8(message.payload.unwrap().to_vec()).unwrap();
                    match meant(number) {
                        Meant::Forwarded => {
                            assert_eq!(
                                (channel.as_str(), text),
                                ("out", format!(r#"{{"amount":{number}}}"#))
                            );
                        }
                        Meant::DeadLettered => {
                            assert_eq!((channel.as_str(), text), ("dead", format!(r#"{{"n":{number}"#)));
                        }
                        Meant::Dropped => panic!("{number} was dropped and is in `{channel}`"),
                    }
                }
                Happened::Settled {
                    number,
                    verdict: Verdict::Done,
                    ..
                } => {
                    let meant = meant(number);
                    let is_stored = stored.contains_key(&number);
                    let is_reported = reported.contains(&number);
                    assert!(
                        is_stored || meant == Meant::Dropped,
                        "{number} was settled before it was stored"
                    );
                    assert!(
                        is_reported || meant == Meant::DeadLettered,
                        "{number} was settled before its report was stored"
                    );
                }
                _ => {}
            }
        }
        assert_eq!(
            self.hostile.settled("in").len(),
            self.issued,
            "everything is settled"
        );
        for number in 0..self.issued {
            let copies = stored.get(&number).copied().unwrap_or(0);
            let meant = meant(number);
            assert_eq!(
                copies > 0,
                meant != Meant::Dropped,
                "{number} is lost, or should not be there"
            );
            assert_eq!(
                reported.contains(&number),
                meant != Meant::DeadLettered,
                "the report of {number}"
            );
            let explained = handed[&number] + doubted.get(&number).copied().unwrap_or(0);
            assert!(
                copies <= explained,
                "{number} is there {copies} times, and {explained} can be explained"
            );
        }
        stored.values().map(|copies| copies - 1).sum()
    }
}

fn number_of(message: &Message) -> usize {
    std::str::from_utf8(message.id.as_deref().unwrap())
        .unwrap()
        .parse()
        .unwrap()
}

fn reported_number(message: &Message) -> usize {
    std::str::from_utf8(message.key.as_deref().unwrap())
        .unwrap()
        .parse()
        .unwrap()
}

fn play(seed: u64, order: Order, queue: bool, dedup: bool, acts: &[Act]) -> (usize, World) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut world = World::new(seed, order, queue, dedup);
        for act in acts {
            world.act(act).await;
        }
        world.quiet().await;
        (world.judge(), world)
    })
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::with_cases(96) })]

    #[test]
    fn whatever_brokers_and_operators_do_nothing_is_lost_and_no_copy_is_unexplained(
        seed: u64,
        order in prop::sample::select(vec![Order::PerLane, Order::None]),
        queue: bool,
        dedup: bool,
        acts in acts(),
    ) {
        let (duplicates, world) = play(seed, order, queue, dedup, &acts);
        // A target that knows ids again has no copies at all, whatever the reason would have been.
        prop_assert!(!dedup || duplicates == 0, "{duplicates} duplicates at a target that knows ids again");
        prop_assert!(world.issued > 0);
    }
}

#[test]
fn a_long_hostile_run_is_counted() {
    for seed in 0..8 {
        let acts: Vec<Act> = (0..40)
            .flat_map(|round| {
                [
                    Act::Issue(25),
                    Act::Pass(700 + round * 13),
                    if round % 9 == 8 { Act::Crash } else { Act::Pass(50) },
                ]
            })
            .collect();
        let (duplicates, world) = play(seed, Order::PerLane, false, false, &acts);
        println!(
            "seed {seed}: {} messages, {} crashes, 0 lost, {duplicates} duplicates, each of them handed out again or in doubt",
            world.issued, world.crashes
        );
    }
}
