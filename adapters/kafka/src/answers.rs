//! The answers to one batch, as the client's reports bring them in.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dunlin_core::messaging::Receipt;
use dunlin_core::position::Position;
use dunlin_core::{Error, ErrorKind, Result};
use foldhash::fast::RandomState;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::Message as _;
use rdkafka::producer::{DeliveryResult, ProducerContext};
use tokio::sync::{Notify, oneshot};

use crate::client::{Listener, log};
use crate::error::{classify, code};
use crate::lane::log_name;

/// One place for each message of a batch, filled in whatever order the reports come.
#[derive(Debug)]
pub(crate) struct Answers(Mutex<Places>);

#[derive(Debug)]
struct Places {
    answers: Vec<Option<Result<Receipt>>>,
    open: usize,
    /// Told once all are there.
    done: Option<oneshot::Sender<()>>,
}

impl Answers {
    /// As many open places, and what tells that none is left.
    pub(crate) fn new(messages: usize) -> (Arc<Self>, oneshot::Receiver<()>) {
        let (done, all) = oneshot::channel();
        let places = Places {
            answers: (0..messages).map(|_| None).collect(),
            open: messages,
            done: Some(done),
        };
        (Arc::new(Self(Mutex::new(places))), all)
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fills a place. A second answer for it has no effect.
    pub(crate) fn answer(&self, place: usize, answer: Result<Receipt>) {
        let mut places = self.places();
        match places.answers.get_mut(place) {
            Some(open @ None) => *open = Some(answer),
            Some(Some(_)) | None => return,
        }
        places.open -= 1;
        if places.open == 0
            && let Some(done) = places.done.take()
        {
            // A confirm that was dropped is not interested.
            let _ = done.send(());
        }
    }

    /// The answers, with this for every place that is still open.
    pub(crate) fn close(&self, missing: impl Fn() -> Error) -> Vec<Result<Receipt>> {
        let mut places = self.places();
        let answers = std::mem::take(&mut places.answers);
        (answers.into_iter())
            .map(|answer| answer.unwrap_or_else(|| Err(missing())))
            .collect()
    }
}

/// The place of one message, which the client carries along with it.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) answers: Arc<Answers>,
    pub(crate) place: usize,
    /// It is the only message on its way, so a refusal of its batch is its own.
    pub(crate) alone: bool,
    /// Where it goes.
    pub(crate) way: Named,
}

/// What a message's way is called in errors.
#[derive(Clone, Debug)]
pub(crate) enum Named {
    /// The topic is the end's own.
    Own,
    /// The topic is the address of the message, which may have been made from it and is told to nobody: this channel of the
    /// configuration is named instead.
    Addressed(Arc<str>),
}

impl Named {
    /// The error with the name of the topic, or of the channel.
    pub(crate) fn name(&self, error: Error, topic: &str) -> Error {
        match self {
            Self::Own => error.with("topic", topic),
            Self::Addressed(channel) => error.with("channel", channel),
        }
    }
}

/// The brokers never take a message for the topic that it asks for, which is no fault of the channel.
pub(crate) fn closed_topic(channel: &str) -> Error {
    Error::new(
        ErrorKind::Unroutable,
        "send",
        "expected a topic of the message's address that takes messages, found one that the brokers refuse or keep for themselves; correct the address, or what it is made of",
    )
    .with("channel", channel)
}

/// The names of a topic's logs by partition.
type Logs = HashMap<i32, Arc<str>, RandomState>;

/// Hears what became of each message of one producer.
pub(crate) struct Reports {
    pub(crate) listener: Listener,
    cluster: String,
    /// Names of logs by topic and partition, so that a report makes no new text.
    logs: Mutex<HashMap<String, Logs, RandomState>>,
    /// The client has room again.
    pub(crate) room: Notify,
    /// How many of the next messages are to go alone, since they were refused together and one of them is to blame.
    pub(crate) suspects: AtomicUsize,
}

impl Reports {
    pub(crate) fn new(cluster: &str) -> Self {
        Self {
            listener: Listener::default(),
            cluster: cluster.to_owned(),
            logs: Mutex::default(),
            room: Notify::new(),
            suspects: AtomicUsize::new(0),
        }
    }

    fn position(&self, topic: &str, partition: i32, offset: i64) -> Option<Position> {
        let offset = u64::try_from(offset).ok()?;
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        if !logs.contains_key(topic) {
            logs.insert(topic.to_owned(), Logs::default());
        }
        let log = logs
            .get_mut(topic)?
            .entry(partition)
            .or_insert_with(|| log_name(&self.cluster, topic, partition));
        Some(Position::new(Arc::clone(log), offset))
    }
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.listener.error(error, reason);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Box<Ticket>) {
        let answer = match result {
            Ok(stored) => {
                self.listener.trouble.over();
                Ok(
                    match self.position(stored.topic(), stored.partition(), stored.offset()) {
                        Some(position) => Receipt::at(position),
                        None => Receipt::stored(),
                    },
                )
            }
            Err((error, message)) => Err(match (&ticket.way, code(error)) {
                (Named::Addressed(channel), Some(Code::InvalidTopic)) => closed_topic(channel),
                (way, _) => way.name(self.refused(error, ticket.alone), message.topic()),
            }),
        };
        ticket.answers.answer(ticket.place, answer);
        self.room.notify_waiters();
    }
}

impl Reports {
    /// Why a message was not stored, and whether it may have been all the same.
    fn refused(&self, error: &KafkaError, alone: bool) -> Error {
        match code(error) {
            // The broker names the record that it refuses, but the client gives all of its batch the same error.
            Some(Code::InvalidRecord | Code::InvalidTimestamp | Code::MessageSizeTooLarge) if !alone => {
                self.suspects.fetch_add(1, Ordering::AcqRel);
                crate::error::of_code("send", Code::InvalidDifferentRecord)
            }
            // A message that waits for another try has been on the wire, too, and the client does not tell which have not.
            Some(
                Code::PurgeQueue
                | Code::PurgeInflight
                | Code::MessageTimedOut
                | Code::RequestTimedOut
                | Code::BrokerTransportFailure
                | Code::NetworkException
                | Code::NotEnoughReplicasAfterAppend,
            ) => self
                .listener
                .trouble
                .explain("send", || {
                    Error::new(
                        ErrorKind::Timeout,
                        "send",
                        "the brokers did not confirm the message within `confirm_timeout_ms`",
                    )
                })
                .doubtful(),
            _ => classify("send", error),
        }
    }
}
