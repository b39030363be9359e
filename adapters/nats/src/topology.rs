//! Streams and consumers: looked up, judged, and made where that is asked for.
//!
//! What is there is never changed. A consumer that others made is used if it can keep the contract, and refused with what
//! is in the way if it cannot.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dunlin_core::messaging::{Purpose, Start};
use dunlin_core::{Error, ErrorKind, Limits, Result};
use serde_json::{Value, json};

use crate::api::{ConsumerInfo, StreamInfo, nanoseconds};
use crate::config::{End, Retention, is_matched};
use crate::link::Line;
use crate::sender::HEADERS;

/// A stream that takes messages, as it was when it was looked up.
#[derive(Debug)]
pub(crate) struct Taker {
    pub(crate) name: String,
    pub(crate) log: Arc<str>,
    subjects: Vec<String>,
    /// The most bytes of headers and payload together.
    pub(crate) most: usize,
    forgotten: AtomicBool,
}

impl Taker {
    /// Something showed that it is no longer so: it is looked up again.
    pub(crate) fn forget(&self) {
        self.forgotten.store(true, Ordering::Relaxed);
    }

    pub(crate) fn takes(&self, subject: &str) -> bool {
        !self.forgotten.load(Ordering::Relaxed)
            && self.subjects.iter().any(|pattern| is_matched(pattern, subject))
    }

    /// A stream without a server.
    #[cfg(test)]
    pub(crate) fn known(name: &str, log: &str, subjects: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            log: log.into(),
            subjects: subjects.iter().map(|&subject| subject.to_owned()).collect(),
            most: usize::MAX,
            forgotten: AtomicBool::new(false),
        }
    }

    pub(crate) fn is_forgotten(&self) -> bool {
        self.forgotten.load(Ordering::Relaxed)
    }
}

/// The stream that takes a subject of the configuration.
///
/// # Errors
/// There is none, or it never confirms.
pub(crate) async fn stream_for(line: &Line, operation: &'static str, subject: &str) -> Result<StreamInfo> {
    stream_of(line, operation, subject)
        .await
        .map_err(|error| match error.kind() {
            ErrorKind::Unroutable => error.with("subject", subject),
            _ => error,
        })
}

/// As [`stream_for`], for a subject that may be a message's, and is told to nobody.
async fn stream_of(line: &Line, operation: &'static str, subject: &str) -> Result<StreamInfo> {
    let Some(name) = line.stream_of(operation, subject).await? else {
        return Err(Error::new(
            ErrorKind::Unroutable,
            operation,
            "expected a stream that takes this subject, found none; make one, or set `topology: create`",
        ));
    };
    let stream = line.stream(operation, &name).await?;
    if stream.config.no_ack || stream.config.sealed {
        return Err(Error::invalid(
            "expected a stream that confirms what it stores, found one with `no_ack` or `sealed`; choose another",
        )
        .with("stream", name));
    }
    Ok(stream)
}

/// What takes a subject, which may be a message's.
///
/// # Errors
/// As [`stream_for`], without the subject.
pub(crate) async fn taker(line: &Line, operation: &'static str, subject: &str) -> Result<Arc<Taker>> {
    let stream = stream_of(line, operation, subject).await?;
    Ok(Arc::new(Taker {
        log: stream.log(),
        most: most(line, &stream),
        subjects: stream.config.subjects,
        name: stream.config.name,
        forgotten: AtomicBool::new(false),
    }))
}

/// The most bytes of headers and payload together that the server and the stream take.
fn most(line: &Line, stream: &StreamInfo) -> usize {
    let of_stream = usize::try_from(stream.config.max_msg_size)
        .ok()
        .filter(|most| *most > 0);
    of_stream
        .map_or(usize::MAX, |most| most)
        .min(line.client.max_payload())
}

/// What the channel takes.
pub(crate) fn limits(line: &Line, stream: &StreamInfo) -> Limits {
    Limits::default().payload(most(line, stream)).headers(HEADERS)
}

/// The end with what the stream really does with settled messages.
pub(crate) fn as_found(end: &End, stream: &StreamInfo) -> End {
    End {
        retention: match stream.config.retention.as_str() {
            "workqueue" => Retention::WorkQueue,
            "interest" => Retention::Interest,
            _ => Retention::Limits,
        },
        ..end.clone()
    }
}

/// Makes the stream that this end needs, if there is none and the end says so.
pub(crate) async fn declare(line: &Line, end: &End, purpose: Purpose) -> Result<Vec<String>> {
    const MAKING: &str = "declare";
    if !end.create {
        return Ok(Vec::new());
    }
    let (name, subjects) = match purpose {
        Purpose::Receive => match line.stream(MAKING, &end.channel).await {
            Ok(_) => return Ok(Vec::new()),
            Err(error) if error.kind() == ErrorKind::ChannelMissing => {
                (end.channel.clone(), end.subjects.clone())
            }
            Err(error) => return Err(error),
        },
        Purpose::Send => {
            if line.stream_of(MAKING, &end.channel).await?.is_some() {
                return Ok(Vec::new());
            }
            // A dot is no part of a stream's name.
            let name = end
                .stream
                .clone()
                .unwrap_or_else(|| end.channel.replace('.', "_"));
            let mut subjects = end.subjects.clone();
            if !subjects.iter().any(|pattern| is_matched(pattern, &end.channel)) {
                subjects.push(end.channel.clone());
            }
            (name, subjects)
        }
    };
    let subjects = if subjects.is_empty() {
        vec![name.clone()]
    } else {
        subjects
    };
    let config = json!({
        "name": name,
        "subjects": subjects,
        "storage": "file",
        "num_replicas": end.replicas,
        "retention": end.retention.name(),
        "duplicate_window": nanoseconds(end.duplicate_window),
        "discard": "old",
        "max_age": 0,
        "max_msgs": -1,
        "max_bytes": -1,
        "max_consumers": -1,
    });
    let made: Result<StreamInfo> = line.ask(MAKING, &format!("STREAM.CREATE.{name}"), &config).await;
    made.map_err(|error| error.with("stream", &name))?;
    Ok(vec![format!(
        "made the stream `{name}` in files, {} of it, for the subjects {}",
        if end.replicas == 1 {
            "one copy".to_owned()
        } else {
            format!("{} copies", end.replicas)
        },
        subjects
            .iter()
            .map(|subject| format!("`{subject}`"))
            .collect::<Vec<_>>()
            .join(", ")
    )])
}

/// A durable consumer that is ready to be asked.
#[derive(Clone, Debug)]
pub(crate) struct Consumer {
    pub(crate) stream: String,
    pub(crate) name: String,
    pub(crate) log: Arc<str>,
    pub(crate) ack_wait: Duration,
    pub(crate) max_ack_pending: Option<u64>,
    /// Not everything of the stream is delivered.
    pub(crate) filtered: bool,
    /// The first message that is still there.
    pub(crate) first: u64,
    /// The first message that the consumer has not delivered, and its count of deliveries there; none for a new one.
    pub(crate) next: Option<(u64, u64)>,
}

/// Finds the consumer of a group, or makes it. Where a group loses its consumer while it receives, `resume` says in which
/// log and from which message on it goes on.
pub(crate) async fn consumer(
    line: &Line,
    end: &End,
    group: &str,
    start: &Start,
    resume: Option<(&str, u64)>,
) -> Result<Consumer> {
    const OPENING: &str = "receiver";
    let stream = line.stream(OPENING, &end.channel).await?;
    let log = stream.log();
    let mut wanted = end.subjects.clone();
    wanted.sort_unstable();
    let (info, next) = match line.consumer(OPENING, &stream.config.name, group).await? {
        Some(info) => {
            usable(&info, &wanted)
                .map_err(|error| error.with("stream", &stream.config.name).with("consumer", group))?;
            let next = (info.delivered.stream_seq + 1, info.delivered.consumer_seq + 1);
            (info, Some(next))
        }
        None => {
            let mut config = beginning(
                start,
                resume.filter(|(lost, _)| **lost == *log).map(|(_, next)| next),
                &stream,
            )?;
            let work_queue = stream.config.retention == "workqueue";
            if work_queue {
                // The server refuses every other beginning there, and nothing that was settled is there any more.
                config = json!({ "deliver_policy": "all" });
            }
            let settings = json!({
                "durable_name": group,
                "name": group,
                "ack_policy": "explicit",
                "ack_wait": nanoseconds(end.ack_wait),
                "max_deliver": -1,
                "max_ack_pending": end.max_ack_pending.map_or(Value::from(-1), Value::from),
                "replay_policy": "instant",
                "filter_subjects": wanted,
            });
            merge(&mut config, settings);
            (
                line.make_consumer(OPENING, &stream.config.name, group, config)
                    .await?,
                None,
            )
        }
    };
    Ok(Consumer {
        stream: stream.config.name,
        name: info.name,
        log,
        ack_wait: Duration::from_nanos(info.config.ack_wait),
        max_ack_pending: u64::try_from(info.config.max_ack_pending)
            .ok()
            .filter(|most| *most > 0),
        filtered: !wanted.is_empty(),
        first: stream.state.first_seq,
        next,
    })
}

/// A consumer for looking: nobody's place moves, nothing is acknowledged, and the server forgets it soon after its last use.
pub(crate) async fn looker(
    line: &Line,
    end: &End,
    start: &Start,
    resume: Option<u64>,
) -> Result<(Arc<str>, ConsumerInfo)> {
    const LOOKING: &str = "browse";
    let stream = line.stream(LOOKING, &end.channel).await?;
    let mut config = beginning(start, resume, &stream)?;
    let name = line.client.new_inbox().replace(['.', '_'], "");
    merge(
        &mut config,
        json!({
            "name": name,
            "ack_policy": "none",
            "replay_policy": "instant",
            "inactive_threshold": nanoseconds(Duration::from_secs(30)),
            "mem_storage": true,
            "num_replicas": 1,
            "filter_subjects": end.subjects,
        }),
    );
    let info = line
        .make_consumer(LOOKING, &stream.config.name, &name, config)
        .await?;
    Ok((stream.log(), info))
}

fn merge(config: &mut Value, more: Value) {
    if let (Value::Object(config), Value::Object(more)) = (config, more) {
        config.extend(more);
    }
}

/// Where a new consumer begins.
fn beginning(start: &Start, resume: Option<u64>, stream: &StreamInfo) -> Result<Value> {
    let at =
        |sequence: u64| json!({ "deliver_policy": "by_start_sequence", "opt_start_seq": sequence.max(1) });
    if let Some(next) = resume {
        return Ok(at(next));
    }
    Ok(match start {
        Start::Earliest => json!({ "deliver_policy": "all" }),
        Start::Latest => json!({ "deliver_policy": "new" }),
        Start::Time(time) => {
            let time = jiff::Timestamp::try_from(*time).map_err(|cause| {
                Error::invalid("expected a time that a calendar holds")
                    .with("setting", "start")
                    .caused_by(cause)
            })?;
            json!({ "deliver_policy": "by_start_time", "opt_start_time": time.to_string() })
        }
        Start::Position(position) => {
            let log = stream.log();
            if position.log != log {
                return Err(Error::invalid(format!(
                    "expected a position in this stream, which begins with `{log}@`, found one of another stream or of one that was made before it"
                ))
                .with("setting", "start"));
            }
            at(u64::try_from(position.offset).map_err(|_| {
                Error::invalid("expected a position that a stream can have").with("setting", "start")
            })?)
        }
    })
}

/// Whether a consumer that was there before keeps what we promise.
fn usable(info: &ConsumerInfo, wanted: &[String]) -> Result<()> {
    let config = &info.config;
    let clash = |found: String| {
        Err(Error::invalid(format!(
            "the group's consumer is there already, but not as this route needs it: {found}; choose another `group`, or delete the consumer"
        )))
    };
    let listed = |subjects: &[String]| {
        if subjects.is_empty() {
            "every subject".to_owned()
        } else {
            subjects.join(", ")
        }
    };
    if config
        .deliver_subject
        .as_ref()
        .is_some_and(|subject| !subject.is_empty())
    {
        return clash("it pushes, expected one that is asked".to_owned());
    }
    if config.ack_policy != "explicit" {
        return clash(format!(
            "its ack policy is `{}`, expected `explicit`",
            config.ack_policy
        ));
    }
    if config.max_deliver > 0 {
        return clash(format!(
            "it gives a message up after {} deliveries, and NATS keeps none of those, expected `max_deliver: -1`",
            config.max_deliver
        ));
    }
    if config.headers_only {
        return clash("it delivers headers without payloads".to_owned());
    }
    if config.filters() != wanted {
        return clash(format!(
            "it delivers {}, expected {} (`subjects`)",
            listed(&config.filters()),
            listed(wanted)
        ));
    }
    Ok(())
}
