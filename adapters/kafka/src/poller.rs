//! The thread that polls a consumer, whether anybody receives or not.
//!
//! A consumer that is not polled loses its place in the group. So the group's own queue is polled all the time, while each
//! partition has a queue of its own that is read only as long as there is room: a full window stops the fetching, costs
//! nothing that was fetched before, and never the membership. (Pausing partitions would throw away what was fetched.)
//!
//! A consumer that fails for good is thrown away, and a new one joins the group after a pause.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dunlin_core::messaging::{Event, Room};
use dunlin_core::{Class, Error, ErrorKind, Result};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Message as _};
use tokio::sync::oneshot;

use crate::client::{self, Listener};
use crate::config::{Config, End};
use crate::error::{classify, code, is_refusal};
use crate::flight::Pushed;
use crate::headers;
use crate::lane::{Fetched, Partition};
use crate::offsets;
use crate::rebalance::{GroupContext, Shared, is_nothing};

/// The longest time between two looks at the group's queue.
const LOOK: Duration = Duration::from_millis(100);
/// How many records are taken of one partition before the next has its turn.
const TURN: usize = 256;
/// How often the starts of partitions are asked for where offsets jump.
const GAPS: Duration = Duration::from_secs(1);
/// The longest pause before a consumer is made anew.
const PAUSE: Duration = Duration::from_secs(5);

pub(crate) type GroupConsumer = BaseConsumer<GroupContext>;

/// What a consumer is made with, again after each failure.
pub(crate) struct Recipe {
    pub(crate) config: Arc<Config>,
    pub(crate) end: End,
    pub(crate) group: String,
    pub(crate) window: Room,
    pub(crate) shared: Arc<Shared>,
}

impl Recipe {
    /// A consumer that has not joined yet. Its password is read now.
    pub(crate) fn consumer(&self) -> Result<GroupConsumer> {
        let settings: ClientConfig = client::consumer(&self.config, &self.end, &self.group)?;
        let context = GroupContext {
            shared: Arc::clone(&self.shared),
            listener: Listener::default(),
            changed: AtomicBool::new(false),
            expelled: AtomicBool::new(false),
        };
        settings
            .create_with_context(context)
            .map_err(|error| classify("receiver", &error))
    }
}

/// Polls until the receiver is closed or gone, then leaves the group. The receiver of the answer learns when that is done.
pub(crate) fn start(recipe: Recipe, first: GroupConsumer) -> Result<oneshot::Receiver<()>> {
    let (done, ended) = oneshot::channel();
    let thread = thread::Builder::new()
        .name("dunlin-kafka".to_owned())
        .spawn(move || {
            run(&recipe, first);
            // Whoever waits may have given up.
            let _ = done.send(());
        });
    match thread {
        Ok(_) => Ok(ended),
        Err(cause) => Err(Error::new(
            ErrorKind::Io,
            "receiver",
            "expected a thread for the consumer, the system gives none",
        )
        .caused_by(cause)),
    }
}

fn run(recipe: &Recipe, first: GroupConsumer) {
    let shared = &recipe.shared;
    shared.polled_by(thread::current());
    let mut next = Some(first);
    let mut failures = 0_u32;
    while !shared.is_closing() {
        let consumer = match next.take().map_or_else(|| recipe.consumer(), Ok) {
            Ok(consumer) => consumer,
            Err(error) => {
                tell(shared, &|| classify_again(&error));
                pause(shared, &mut failures);
                continue;
            }
        };
        let end = Polling::new(recipe, consumer).and_then(|mut polling| {
            if failures > 0 {
                polling.returning = true;
            }
            polling.poll(&mut failures)
        });
        let lost = {
            let mut flight = shared.flight();
            let lanes: Vec<_> = flight.lanes().map(|(lane, _)| lane).collect();
            flight.owe(&lanes);
            flight.lose_all()
        };
        if !lost.is_empty() && !shared.is_closing() {
            shared.events.tell(Event::LanesLost { lanes: lost });
        }
        match end {
            Ok(()) => return,
            Err(error) => {
                tracing::warn!(%error, "the consumer failed; a new one joins the group");
                tell(shared, &|| classify_again(&error));
                pause(shared, &mut failures);
            }
        }
    }
}

/// The same error once more, for a second listener.
fn classify_again(error: &Error) -> Error {
    let mut copy =
        Error::new(error.kind(), error.operation(), error.message().to_owned()).class_of(error.class());
    for (_, value) in error.context() {
        copy = copy.with("client", value);
    }
    copy
}

/// Tells the route, and the receiver, too, unless it passes by itself.
fn tell(shared: &Shared, error: &dyn Fn() -> Error) {
    shared.events.tell(Event::Unhealthy { error: error() });
    if error().class() != Class::Temporary {
        shared.fail(error());
    }
}

/// Waits longer after each failure, and not in step with others.
fn pause(shared: &Shared, failures: &mut u32) {
    use std::hash::{BuildHasher, Hasher};
    *failures = failures.saturating_add(1);
    let longest = Duration::from_millis(250)
        .saturating_mul(1 << (*failures).min(6))
        .min(PAUSE);
    let chance = std::collections::hash_map::RandomState::new()
        .build_hasher()
        .finish()
        % 50;
    let percent = u32::try_from(chance).unwrap_or(0) + 50;
    let end = Instant::now() + longest * percent / 100;
    while !shared.is_closing() && Instant::now() < end {
        thread::park_timeout(end.saturating_duration_since(Instant::now()));
    }
}

/// One consumer, from joining the group to leaving it.
struct Polling<'a> {
    recipe: &'a Recipe,
    // Queues hold the consumer, so they stand in front of it: it is dropped last, and leaves the group by that.
    queues: HashMap<Partition, PartitionQueue<GroupContext>>,
    consumer: Arc<GroupConsumer>,
    /// Places at which offsets jumped since the last question, the lowest of each partition.
    jumps: HashMap<Partition, i64>,
    asked: Instant,
    /// The consumer follows one that failed.
    returning: bool,
    /// All is not well, and that was told.
    unwell: bool,
}

impl<'a> Polling<'a> {
    fn new(recipe: &'a Recipe, mut consumer: GroupConsumer) -> Result<Self> {
        let thread = thread::current();
        consumer.set_nonempty_callback(move || thread.unpark());
        consumer
            .subscribe(&[recipe.end.channel.name()])
            .map_err(|error| classify("receiver", &error))?;
        Ok(Self {
            recipe,
            queues: HashMap::new(),
            consumer: Arc::new(consumer),
            jumps: HashMap::new(),
            asked: Instant::now(),
            returning: false,
            unwell: false,
        })
    }

    fn shared(&self) -> &'a Shared {
        &self.recipe.shared
    }

    /// Polls until the receiver is closed.
    ///
    /// # Errors
    /// This consumer is of no use any more.
    fn poll(&mut self, failures: &mut u32) -> Result<()> {
        while !self.shared().is_closing() {
            let mut idle = self.poll_group()?;
            if self.consumer.context().changed.swap(false, Ordering::AcqRel) {
                self.follow_assignment();
                idle = false;
            }
            match self.read()? {
                0 => {}
                _ => {
                    idle = false;
                    *failures = 0;
                    self.well();
                }
            }
            self.shared().store(&self.consumer);
            if self.shared().flight().hastens()
                && let Err(error) = self.consumer.commit_consumer_state(CommitMode::Async)
            {
                tracing::debug!(%error, "the first place could not be committed ahead of time");
            }
            if self.shared().committing.swap(false, Ordering::AcqRel) {
                self.commit();
            }
            if !self.jumps.is_empty() && self.asked.elapsed() >= GAPS {
                let jumps: Vec<_> = self.jumps.drain().collect();
                offsets::tell_gaps(&self.consumer, self.shared(), &jumps);
                self.asked = Instant::now();
            }
            if idle {
                thread::park_timeout(LOOK);
            }
        }
        self.shared().store(&self.consumer);
        self.queues.clear();
        Ok(())
    }

    /// Lets the client tell what it has to tell, and says whether that was nothing.
    fn poll_group(&mut self) -> Result<bool> {
        let consumer = Arc::clone(&self.consumer);
        let (mut idle, mut nothing) = (true, 0);
        // A poll that ran a callback answers like one that found nothing, so it is asked a few times.
        while nothing < 4 {
            match consumer.poll(Duration::ZERO) {
                None => nothing += 1,
                Some(Err(error)) => self.failed(&error)?,
                // Records stand here only if they were fetched before their partition had a queue of its own.
                Some(Ok(record)) => {
                    idle = false;
                    let partition = Partition {
                        topic: record.topic().into(),
                        number: record.partition(),
                    };
                    self.take_in(&partition, &record)?;
                }
            }
        }
        Ok(idle)
    }

    /// Reads the partitions' queues while there is room, and says how many records came.
    fn read(&mut self) -> Result<usize> {
        let mut total = 0;
        loop {
            let mut round = 0;
            let partitions: Vec<_> = self.queues.keys().cloned().collect();
            for partition in partitions {
                if !self.shared().flight().has_room(self.recipe.window) {
                    break;
                }
                round += self.read_one(&partition)?;
            }
            if round == 0 {
                break;
            }
            total += round;
            self.shared().news.notify_waiters();
        }
        Ok(total)
    }

    fn read_one(&mut self, partition: &Partition) -> Result<usize> {
        let Some(queue) = self.queues.remove(partition) else {
            return Ok(0);
        };
        let mut count = 0;
        let mut end = Ok(());
        while count < TURN
            && let Some(polled) = queue.poll(Duration::ZERO)
        {
            count += 1;
            end = match polled {
                Ok(record) => self.take_in(partition, &record),
                Err(error) => self.failed(&error),
            };
            if end.is_err() {
                break;
            }
        }
        self.queues.insert(partition.clone(), queue);
        end.map(|()| count)
    }

    fn take_in(&mut self, partition: &Partition, record: &BorrowedMessage<'_>) -> Result<()> {
        let message = headers::message(record)?;
        let offset = record.offset();
        let pushed = self
            .shared()
            .flight()
            .push(partition, Fetched { offset, message });
        match pushed {
            Pushed::Taken | Pushed::Stray => {}
            Pushed::Jumped { expected, .. } => {
                self.jumps.entry(partition.clone()).or_insert(expected);
            }
            Pushed::Restarted { lost } => {
                tracing::warn!(
                    topic = &*partition.topic,
                    partition = partition.number,
                    offset,
                    "the log of a partition goes back: it was cut, or the topic was made anew"
                );
                self.shared().events.tell(Event::LanesLost { lanes: vec![lost] });
                self.shared().events.tell(Event::Gap {
                    channel: partition.topic.to_string(),
                    messages: None,
                });
            }
        }
        Ok(())
    }

    /// An error that the client tells between records.
    fn failed(&mut self, error: &KafkaError) -> Result<()> {
        if let KafkaError::MessageConsumptionFatal(code) = error {
            return Err(crate::error::of_code("receive", *code).class_of(Class::Temporary));
        }
        let Some(code) = code(error) else {
            return Ok(());
        };
        if is_refusal(code) || self.consumer.context().listener.trouble.is_refusal() {
            // The client would try the same password for ever.
            let trouble = &self.consumer.context().listener.trouble;
            return Err(trouble.explain("receive", || crate::error::of_code("receive", code)));
        }
        let told = crate::error::of_code("receive", code);
        match told.kind() {
            // It goes on by itself; but until it does nothing comes, and that has to be seen.
            ErrorKind::Disconnected if code != Code::AllBrokersDown => {}
            ErrorKind::Rejected | ErrorKind::Timeout => {
                tracing::debug!(%error, "the consumer reports an error that passes by itself");
            }
            _ => {
                self.unwell = true;
                tell(self.shared(), &|| {
                    crate::error::of_code("receive", code).with("channel", self.recipe.end.channel.name())
                });
            }
        }
        Ok(())
    }

    fn well(&mut self) {
        if std::mem::take(&mut self.unwell) {
            self.shared().events.tell(Event::Healthy);
        }
    }

    /// Gives new partitions a queue of their own, and lets go of the queues of lost ones.
    fn follow_assignment(&mut self) {
        let mine: Vec<Partition> = {
            let mut flight = self.shared().flight();
            flight.lanes().map(|(_, lane)| lane.partition.clone()).collect()
        };
        self.queues.retain(|partition, _| mine.contains(partition));
        let mut new = Vec::new();
        for partition in mine {
            if self.queues.contains_key(&partition) {
                continue;
            }
            let queue = self
                .consumer
                .split_partition_queue(&partition.topic, partition.number);
            if let Some(mut queue) = queue {
                let thread = thread::current();
                queue.set_nonempty_callback(move || thread.unpark());
                self.queues.insert(partition.clone(), queue);
            }
            new.push(partition);
        }
        if !new.is_empty() {
            offsets::look(&self.consumer, self.shared(), &new);
        }
        let expelled = &self.consumer.context().expelled;
        if !self.queues.is_empty()
            && (expelled.swap(false, Ordering::AcqRel) | std::mem::take(&mut self.returning))
        {
            self.shared().events.tell(Event::Reconnected);
        }
        self.well();
        self.shared().news.notify_waiters();
    }

    /// Has everything that is settled written down now. The client tells the end of a commit only to those who wait for
    /// it, so the thread does; the one who asked for it gives up before.
    fn commit(&self) {
        let places = self.shared().flight().settled();
        match self.consumer.commit_consumer_state(CommitMode::Sync) {
            Ok(()) => self.shared().flight().committed(&places),
            // It was committed by itself already.
            Err(error) if is_nothing(&error) => self.shared().flight().committed(&places),
            Err(error) => self.shared().fail_commit(classify("settle", &error)),
        }
        self.shared().news.notify_waiters();
    }
}
