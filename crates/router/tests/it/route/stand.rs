//! The stand that the tests of a route share: a source, a target, a report and a dead letter, in memory.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dunlin_core::clock::{Clock, ManualClock};
use dunlin_core::memory::MemoryBroker;
use dunlin_core::message::Message;
use dunlin_core::messaging::{Endpoint, Events, Outgoing, Sender, Target};
use dunlin_core::settings::Settings;
use dunlin_router::fail_points::{FailPoint, FailPoints};
use dunlin_router::plan::{EndPlan, Plan, PlannedSystem, ReportDetail, ReportPlan, RoutePlan, SourcePlan};
use dunlin_router::progress::{Count, Fate, Progress, ProgressSnapshot};
use dunlin_router::route::{Ended, RouteError};
use dunlin_router::runner::{RouteEnd, Runner};
use dunlin_router::shutdown::{ShutdownHandle, shutdown};
use tokio::task::JoinHandle;

use super::faulty::Faulty;

/// A source and a sink, each a broker in memory whose calls can be made to fail.
pub(super) struct Stand {
    pub(super) clock: ManualClock,
    source_settings: Settings,
    pub(super) source: MemoryBroker,
    pub(super) sink: MemoryBroker,
    pub(super) source_faults: Faulty,
    pub(super) sink_faults: Faulty,
    pub(super) fail_points: Arc<TestFailPoints>,
}

/// A running route.
pub(super) struct Running {
    pub(super) handle: ShutdownHandle,
    pub(super) progress: Arc<Progress>,
    task: JoinHandle<Vec<RouteEnd>>,
}

impl Stand {
    pub(super) fn new() -> Self {
        Self::with(&Settings::new(), &Settings::new())
    }

    pub(super) fn with(source: &Settings, sink: &Settings) -> Self {
        let clock = ManualClock::new();
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let from = MemoryBroker::new("source", &shared);
        let to = MemoryBroker::new("sink", &shared);
        Self {
            clock,
            source_settings: source.clone(),
            source_faults: Faulty::around(from.system(source).unwrap()),
            sink_faults: Faulty::around(to.system(sink).unwrap()),
            source: from,
            sink: to,
            fail_points: Arc::default(),
        }
    }

    pub(super) fn systems(&self) -> [PlannedSystem; 2] {
        [
            PlannedSystem::of("in", self.source_faults.system()),
            PlannedSystem::of("out", self.sink_faults.system()),
        ]
    }

    /// A bridge from `in/orders` to `out/orders`.
    pub(super) fn bridge(&self) -> RoutePlan {
        let [source, _] = self.systems();
        let from = SourcePlan::of(&source, Endpoint::new("orders"), "dunlin-orders").unwrap();
        RoutePlan::bridge("orders", from, self.end("orders"))
    }

    /// An end at the sink.
    pub(super) fn end(&self, channel: &str) -> EndPlan {
        let [_, sink] = self.systems();
        EndPlan::of(&sink, Endpoint::new(channel), "orders").unwrap()
    }

    /// A report at the sink.
    pub(super) fn report(&self, detail: ReportDetail) -> ReportPlan {
        ReportPlan::of(self.end("reports"), detail)
    }

    /// Puts messages into the source.
    pub(super) async fn fill(&self, messages: impl IntoIterator<Item = Message>) {
        let mut sender = self.filler().await;
        let batch: Vec<_> = messages.into_iter().map(Outgoing::new).collect();
        for answer in sender.send(&batch).await.unwrap().await {
            answer.unwrap();
        }
    }

    /// Puts one message into the source that went this way.
    pub(super) async fn fill_addressed(&self, address: &'static str) {
        let outgoing = Outgoing::new(number(0)).addressed(address);
        for answer in self.filler().await.send(&[outgoing]).await.unwrap().await {
            answer.unwrap();
        }
    }

    async fn filler(&self) -> Box<dyn Sender> {
        // Past the wrapper, whose faults are meant for the route; with the channel's settings.
        let system = self.source.system(&self.source_settings).unwrap();
        let session = system.connect(Events::ignored()).await.unwrap();
        session
            .sender(&Target::new(Endpoint::new("orders"), "filler"))
            .await
            .unwrap()
    }

    /// Messages `0` to `count - 1`, each with its number as payload and id.
    pub(super) async fn fill_numbers(&self, count: usize) {
        self.fill((0..count).map(number)).await;
    }

    /// Runs this one route.
    pub(super) fn run(&self, route: RoutePlan) -> Running {
        let runner = Runner::new(
            Plan::by_hand(self.systems(), [route]),
            Arc::new(self.clock.clone()),
        )
        .with_fail_points(self.fail_points.clone());
        let (handle, listening) = shutdown();
        let progress = runner.progress().remove(0);
        Running {
            handle,
            progress,
            task: tokio::spawn(runner.run(listening)),
        }
    }

    /// The payloads in a channel of the sink, as text.
    pub(super) fn payloads(&self, channel: &str) -> Vec<String> {
        self.sink.stored(channel).iter().map(text).collect()
    }
}

impl Running {
    pub(super) fn count(&self, count: Count) -> u64 {
        self.progress.count(count)
    }

    pub(super) fn fate(&self, fate: Fate) -> u64 {
        self.progress.fate(fate)
    }

    pub(super) fn snapshot(&self) -> ProgressSnapshot {
        self.progress.snapshot()
    }

    /// Lets everything run until this holds. Time stands still meanwhile.
    pub(super) async fn until(&self, what: &str, mut holds: impl FnMut(&Progress) -> bool) {
        for _ in 0..20_000 {
            if holds(&self.progress) {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("never: {what}; the route stands so: {:#?}", self.snapshot());
    }

    /// Waits until so many messages had this fate.
    pub(super) async fn until_fate(&self, fate: Fate, messages: u64) {
        self.until(fate.name(), |progress| progress.fate(fate) >= messages)
            .await;
    }

    /// Asks the route to drain, and returns how it ended.
    pub(super) async fn stop(self) -> Result<Ended, RouteError> {
        self.handle.ask();
        self.ended().await
    }

    /// How it ended, by itself.
    pub(super) async fn ended(self) -> Result<Ended, RouteError> {
        for _ in 0..20_000 {
            if self.task.is_finished() {
                return self.task.await.unwrap().remove(0).result;
            }
            tokio::task::yield_now().await;
        }
        panic!(
            "the route never ended; it stands so: {:#?}",
            self.progress.snapshot()
        );
    }

    /// Ends the route as a crash would: nothing is closed, nothing in flight is settled.
    pub(super) async fn crash(self) {
        self.task.abort();
        assert!(
            self.task.await.is_err(),
            "the route had ended before it was to crash"
        );
    }

    pub(super) fn is_finished(&self) -> bool {
        self.task.is_finished()
    }
}

/// Lets everything run that can, while time stands still.
pub(super) async fn settle_down() {
    for _ in 0..500 {
        tokio::task::yield_now().await;
    }
}

/// Moves the clock in small steps, so that everything that waits wakes in its order.
pub(super) async fn pass(clock: &ManualClock, time: Duration) {
    let step = Duration::from_millis(50);
    let mut left = time;
    while !left.is_zero() {
        let now = left.min(step);
        clock.advance(now);
        left -= now;
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    settle_down().await;
}

pub(super) fn number(n: usize) -> Message {
    Message::new(format!("{{\"n\":{n}}}")).with_id(n.to_string())
}

pub(super) fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| text(&number(n))).collect()
}

pub(super) fn text(message: &Message) -> String {
    message
        .payload
        .as_ref()
        .map_or_else(String::new, |bytes| String::from_utf8(bytes.to_vec()).unwrap())
}

pub(super) fn header(message: &Message, name: &str) -> Option<String> {
    message
        .headers
        .get(name)
        .map(|value| String::from_utf8(value.to_vec()).unwrap())
}

/// Panics at a point when it has been reached so often.
#[derive(Debug, Default)]
pub(super) struct TestFailPoints(Mutex<Option<(FailPoint, usize)>>);

impl TestFailPoints {
    pub(super) fn panic_at(&self, point: FailPoint, time: usize) {
        *self.0.lock().unwrap() = Some((point, time));
    }

    pub(super) fn disarm(&self) {
        *self.0.lock().unwrap() = None;
    }
}

impl FailPoints for TestFailPoints {
    fn reach(&self, point: FailPoint) {
        let mut armed = self.0.lock().unwrap();
        if let Some((at, times)) = &mut *armed
            && *at == point
        {
            *times -= 1;
            if *times == 0 {
                *armed = None;
                drop(armed);
                // Not `panic!`, whose message would be printed for each of thousands of ends.
                std::panic::resume_unwind(Box::new(format!("a test ends the program at {point:?}")));
            }
        }
    }
}
