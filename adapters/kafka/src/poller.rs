//! Polls one consumer, whether anybody receives or not.
//!
//! A consumer that is not polled loses its place in the group. So the group's own queue is polled all the time, while each
//! partition has a queue of its own that is read only as long as there is room: a full window stops the fetching, costs
//! nothing that was fetched before, and never the membership. (Pausing partitions would throw away what was fetched.)

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use dunlin_core::messaging::Event;
use dunlin_core::reconnect::Pauses;
use dunlin_core::{Class, ErrorKind, Result};
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Message as _};

use crate::copies::Copies;
use crate::error::{classify, code, is_refusal, of_code};
use crate::flight::Pushed;
use crate::headers;
use crate::lane::{Fetched, Partition};
use crate::offsets;
use crate::rebalance::{GroupContext, Shared, is_nothing};
use crate::supervisor::{GroupConsumer, Recipe, tell};

/// The longest time between two looks at the group's queue.
const LOOK: Duration = Duration::from_millis(100);
/// How many records are taken of one partition before the next has its turn.
const TURN: usize = 256;
/// How often the starts of partitions are asked for where offsets jump.
const GAPS: Duration = Duration::from_secs(1);
/// How often a consumer that was cut off is asked whether it is back.
const PROBE: Duration = Duration::from_secs(2);

/// Polls this consumer until its receiver is closed. `pauses` are there after failures, until records come.
///
/// # Errors
/// The consumer is of no use any more.
pub(crate) fn poll(recipe: &Recipe, consumer: GroupConsumer, pauses: &mut Option<Pauses>) -> Result<()> {
    let mut polling = Polling::new(recipe, consumer, pauses.is_some())?;
    let end = polling.poll(pauses);
    // What is left cannot be settled by a consumer that failed.
    polling
        .consumer
        .context()
        .broken
        .store(end.is_err(), Ordering::Release);
    end
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
    /// What was told to be not well.
    unwell: Option<ErrorKind>,
    probed: Instant,
    copies: Copies,
}

impl<'a> Polling<'a> {
    fn new(recipe: &'a Recipe, mut consumer: GroupConsumer, returning: bool) -> Result<Self> {
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
            returning,
            unwell: returning.then_some(ErrorKind::Disconnected),
            probed: Instant::now(),
            copies: Copies::default(),
        })
    }

    fn shared(&self) -> &'a Shared {
        &self.recipe.shared
    }

    /// Polls until the receiver is closed.
    ///
    /// # Errors
    /// This consumer is of no use any more.
    fn poll(&mut self, pauses: &mut Option<Pauses>) -> Result<()> {
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
                    *pauses = None;
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
            self.probe();
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
        while nothing < 4 && !self.consumer.context().changed.load(Ordering::Acquire) {
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
                    let fetched = read_record(&record, &mut self.copies)?;
                    self.take_in(&partition, vec![fetched]);
                }
            }
        }
        Ok(idle)
    }

    /// Reads each partition's queue once, as far as there is room, and says how many records came.
    fn read(&mut self) -> Result<usize> {
        let mut total = 0;
        let partitions: Vec<_> = self.queues.keys().cloned().collect();
        for partition in partitions {
            let room = self.shared().flight().room(self.recipe.window).min(TURN);
            if room == 0 {
                break;
            }
            total += self.read_one(&partition, room)?;
        }
        if total > 0 {
            self.shared().news.notify_waiters();
        }
        Ok(total)
    }

    fn read_one(&mut self, partition: &Partition, room: usize) -> Result<usize> {
        let Some(queue) = self.queues.remove(partition) else {
            return Ok(0);
        };
        // Taken in together, so that whoever receives is not kept from it by each single record.
        let mut fetched = Vec::new();
        let mut count = 0;
        let mut end = Ok(());
        while count < room
            && end.is_ok()
            && let Some(polled) = queue.poll(Duration::ZERO)
        {
            count += 1;
            end = match polled {
                Ok(record) => read_record(&record, &mut self.copies).map(|record| fetched.push(record)),
                Err(error) => self.failed(&error),
            };
        }
        self.queues.insert(partition.clone(), queue);
        self.take_in(partition, fetched);
        end.map(|()| count)
    }

    fn take_in(&mut self, partition: &Partition, fetched: Vec<Fetched>) {
        let strange: Vec<(i64, Pushed)> = {
            let mut flight = self.shared().flight();
            fetched
                .into_iter()
                .map(|fetched| (fetched.offset, flight.push(partition, fetched)))
                .filter(|(_, pushed)| !matches!(pushed, Pushed::Taken | Pushed::Stray))
                .collect()
        };
        for (offset, pushed) in strange {
            self.tell_strange(partition, offset, &pushed);
        }
    }

    /// Tells what is strange about a record that was taken in.
    fn tell_strange(&mut self, partition: &Partition, offset: i64, pushed: &Pushed) {
        match pushed {
            Pushed::Taken | Pushed::Stray => {}
            Pushed::Jumped { expected, .. } => {
                self.jumps.entry(partition.clone()).or_insert(*expected);
            }
            Pushed::Restarted { lost } => {
                tracing::warn!(
                    topic = &*partition.topic,
                    partition = partition.number,
                    offset,
                    "the log of a partition goes back: it was cut, or the topic was made anew"
                );
                self.shared().events.tell(Event::LanesLost { lanes: vec![*lost] });
                self.shared().events.tell(Event::Gap {
                    channel: partition.topic.to_string(),
                    messages: None,
                });
            }
        }
    }

    /// An error that the client tells between records.
    fn failed(&mut self, error: &KafkaError) -> Result<()> {
        if let KafkaError::MessageConsumptionFatal(code) = error {
            return Err(of_code("receive", *code).class_of(Class::Temporary));
        }
        let Some(code) = code(error) else {
            return Ok(());
        };
        if is_refusal(code) || self.consumer.context().listener.trouble.is_refusal() {
            // The client would try the same password for ever.
            let trouble = &self.consumer.context().listener.trouble;
            return Err(trouble.explain("receive", || of_code("receive", code)));
        }
        let told = of_code("receive", code);
        match told.kind() {
            // It goes on by itself; but until it does nothing comes, and that has to be seen.
            ErrorKind::Disconnected if code != Code::AllBrokersDown => {}
            ErrorKind::Rejected | ErrorKind::Timeout => {
                tracing::debug!(%error, "the consumer reports an error that passes by itself");
            }
            _ => {
                self.unwell = Some(told.kind());
                tell(
                    self.shared(),
                    &told.with("channel", self.recipe.end.channel.name()),
                );
            }
        }
        Ok(())
    }

    fn well(&mut self) {
        if self.unwell.take().is_some() {
            self.shared().failure();
            self.shared().events.tell(Event::Healthy);
        }
    }

    /// The client does not tell when a lost connection is back, and where no records come nothing else does. So it is
    /// asked for something small now and then.
    fn probe(&mut self) {
        if self.unwell != Some(ErrorKind::Disconnected) || self.probed.elapsed() < PROBE {
            return;
        }
        let one: Vec<_> = self.queues.keys().take(1).cloned().collect();
        if !one.is_empty() && offsets::committed(&*self.consumer, &one, LOOK * 5).is_ok() {
            self.well();
        }
        self.probed = Instant::now();
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
        let places = self.shared().flight().stored();
        match self.consumer.commit_consumer_state(CommitMode::Sync) {
            Ok(()) => self.shared().flight().committed(&places),
            // It was committed by itself already.
            Err(error) if is_nothing(&error) => self.shared().flight().committed(&places),
            Err(error) => {
                let error = classify("settle", &error);
                // A coordinator that moves, or a membership that was lost, is back in a moment; whoever waits asks again.
                match error.class() {
                    Class::Temporary => tracing::debug!(%error, "places could not be committed yet"),
                    Class::Unhealthy | Class::Permanent | Class::Closed => self.shared().fail_commit(error),
                }
            }
        }
        self.shared().news.notify_waiters();
    }
}

fn read_record(record: &BorrowedMessage<'_>, copies: &mut Copies) -> Result<Fetched> {
    Ok(Fetched {
        offset: record.offset(),
        message: headers::message(record, copies)?,
    })
}
