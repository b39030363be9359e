//! Sending: a batch goes out message by message without waiting, and each message gets its own answer.

use std::sync::Arc;

use async_nats::{HeaderMap, PublishErrorKind, Subject};
use async_trait::async_trait;
use bytes::Bytes;
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Confirm, Outgoing, Sender};
use dunlin_core::{Error, ErrorKind, Result};

use crate::answers::Batch;
use crate::config::{End, is_token};
use crate::error::{disconnected, late};
use crate::headers;
use crate::link::{Line, Link, within};
use crate::topology::{self, Taker};

/// How many streams are remembered. Subjects that belong to one of them cost no question.
const TAKERS: usize = 64;

/// The most bytes of headers that JetStream takes: one more does not fit the 16 bits in which a stream keeps the length.
pub(crate) const HEADERS: usize = 65_535;

/// The most bytes of a subject. It stands in one line with the subject for the answer, which is shorter than 64 bytes, and
/// two lengths; the server takes 4,096 bytes for that line unless its `max_control_line` says otherwise, and answers one that
/// is longer by closing the connection of all messages.
const SUBJECT: usize = 4_096 - 128;

/// Puts messages into the streams that take their subjects.
pub(crate) struct NatsSender {
    link: Link,
    end: End,
    subject: Subject,
    clock: Arc<dyn Clock>,
    takers: Takers,
    unanswered: Vec<Arc<Batch>>,
    /// The room for a batch on its way to the client: too large to be had anew for each.
    prepared: Vec<Result<Ready>>,
}

/// The streams that were looked up over one connection.
struct Takers {
    line: u64,
    known: Vec<Arc<Taker>>,
}

/// A message that is ready for the wire.
struct Ready {
    subject: Subject,
    /// The subject is the channel of the configuration.
    is_own: bool,
    headers: HeaderMap,
    payload: Bytes,
    taker: Arc<Taker>,
}

impl NatsSender {
    /// A sender to this end, whose subject this stream takes, as was found over the connection of this number.
    pub(crate) fn new(link: Link, end: End, clock: Arc<dyn Clock>, line: u64, taker: Arc<Taker>) -> Self {
        Self {
            link,
            subject: Subject::from(end.channel.as_str()),
            end,
            clock,
            takers: Takers {
                line,
                known: vec![taker],
            },
            unanswered: Vec::new(),
            prepared: Vec::new(),
        }
    }

    /// # Errors
    /// What is the message's own fault is the inner one; the outer one is nobody's, and passes.
    async fn ready(&mut self, line: &Line, outgoing: &Outgoing) -> Result<Result<Ready>> {
        let subject = match &outgoing.address {
            None => self.subject.clone(),
            Some(address) => match std::str::from_utf8(address) {
                Ok(text) if is_sendable(text) => Subject::from(text),
                _ => return Ok(Err(unroutable(address.len()).with("channel", &self.end.channel))),
            },
        };
        let taker = match self.takers.find(line, &subject).await {
            Ok(taker) => taker,
            Err(error) if error.kind() == ErrorKind::Unroutable => {
                return Ok(Err(error.with("channel", &self.end.channel)));
            }
            Err(error) => return Err(error),
        };
        let (headers, bytes) = match headers::write(outgoing, self.end.escape, &taker.name) {
            Ok(written) => written,
            Err(error) => return Ok(Err(error.with("channel", &self.end.channel))),
        };
        if bytes > HEADERS {
            return Ok(Err(Error::new(
                ErrorKind::TooLarge,
                "send",
                format!(
                    "expected headers of at most {HEADERS} bytes together, as NATS takes them, found {bytes}"
                ),
            )
            .with("channel", &self.end.channel)));
        }
        let payload = outgoing.message.payload.clone().unwrap_or_default();
        let size = bytes + payload.len();
        if size > taker.most {
            return Ok(Err(Error::new(
                ErrorKind::TooLarge,
                "send",
                format!(
                    "expected headers and payload of at most {} bytes together, found {size}; raise the server's `max_payload`, or the stream's `max_msg_size`",
                    taker.most
                ),
            )
            .with("stream", &taker.name)));
        }
        Ok(Ok(Ready {
            is_own: subject == self.subject,
            subject,
            headers,
            payload,
            taker,
        }))
    }
}

impl Takers {
    async fn find(&mut self, line: &Line, subject: &Subject) -> Result<Arc<Taker>> {
        if self.line != line.number {
            self.known.clear();
            self.line = line.number;
        }
        if let Some(taker) = self.known.iter().find(|taker| taker.takes(subject)) {
            return Ok(Arc::clone(taker));
        }
        let taker = topology::taker(line, "send", subject).await?;
        self.known
            .retain(|known| !known.is_forgotten() && known.name != taker.name);
        if self.known.len() == TAKERS {
            self.known.remove(0);
        }
        self.known.push(Arc::clone(&taker));
        Ok(taker)
    }
}

#[async_trait]
impl Sender for NatsSender {
    async fn send(&mut self, batch: &[Outgoing]) -> Result<Confirm> {
        let line = self.link.now("send")?;
        let mut prepared = std::mem::take(&mut self.prepared);
        prepared.clear();
        for outgoing in batch {
            prepared.push(self.ready(&line, outgoing).await?);
        }
        let answers = Batch::new(batch.len());
        let deadline = self.clock.sleep(line.config.confirm_timeout);
        let mut numbers = Vec::with_capacity(batch.len());
        for (place, ready) in prepared.drain(..).enumerate() {
            match ready {
                Ok(ready) => match hand_over(&line, ready, &answers, place).await {
                    Ok(number) => numbers.push(number),
                    Err(error) => answers.answer(place, Err(error)),
                },
                Err(error) => answers.answer(place, Err(error)),
            }
        }
        self.prepared = prepared;
        self.unanswered.retain(|batch| !batch.is_done());
        self.unanswered.push(Arc::clone(&answers));
        let known = self.takers.known.clone();
        Ok(Confirm::new(batch.len(), async move {
            tokio::select! {
                () = answers.done() => {}
                () = deadline => {
                    line.answers.forget(numbers);
                    // A listener that is no stream takes messages and answers nothing: whether it is one is asked again.
                    known.iter().for_each(|taker| taker.forget());
                }
            }
            answers.take(|| late("send", "the confirm of a message").doubtful())
        }))
    }

    async fn close(self: Box<Self>) -> Result<()> {
        let limit = match self.link.now("close") {
            Ok(line) => line.config.confirm_timeout,
            // Everything was answered when the connection was lost.
            Err(_) => return Ok(()),
        };
        let all = async {
            for batch in &self.unanswered {
                batch.done().await;
            }
        };
        if within(&self.clock, limit, all).await.is_none() {
            tracing::debug!("some messages were not answered before the end");
        }
        Ok(())
    }
}

/// Gives a message to the client. Only what the client has taken can be in doubt.
async fn hand_over(line: &Line, ready: Ready, answers: &Arc<Batch>, place: usize) -> Result<u64> {
    let (number, reply) = line
        .answers
        .expect(answers, place, &ready.subject, ready.is_own, &ready.taker)?;
    let given = line
        .client
        .publish_with_reply_and_headers(ready.subject, reply, ready.headers, ready.payload)
        .await;
    match given {
        Ok(()) => Ok(number),
        Err(cause) => {
            line.answers.forget([number]);
            Err(match cause.kind() {
                PublishErrorKind::MaxPayloadExceeded => {
                    ready.taker.forget();
                    Error::new(
                        ErrorKind::TooLarge,
                        "send",
                        "the message is larger than the server's `max_payload`",
                    )
                    .caused_by(cause)
                }
                PublishErrorKind::InvalidSubject => Error::new(
                    ErrorKind::Unroutable,
                    "send",
                    "the subject is none that the client takes",
                )
                .caused_by(cause),
                PublishErrorKind::Send => disconnected("send").caused_by(cause),
            })
        }
    }
}

/// Whether an address may be a subject to send to. What begins with `$` or `_` is the server's own.
fn is_sendable(subject: &str) -> bool {
    subject.len() <= SUBJECT
        && !subject.starts_with(['$', '_'])
        && subject
            .split('.')
            .all(|token| is_token(token) && !token.contains(['*', '>']))
}

fn unroutable(bytes: usize) -> Error {
    Error::new(
        ErrorKind::Unroutable,
        "send",
        format!(
            "expected a subject of at most {SUBJECT} bytes without wildcards, spaces and empty parts that does not begin with `$` or `_`, found another"
        ),
    )
    .with("bytes", bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_that_the_line_of_a_message_cannot_hold_is_not_sent() {
        let longest = "s".repeat(SUBJECT);
        assert!(is_sendable(&longest));
        assert!(!is_sendable(&format!("{longest}s")));
        // The longest line that can be made of it: a number for the answer, and the lengths of headers and message.
        let reply = format!("_INBOX.{}.{}", "r".repeat(22), u64::MAX);
        let line = format!("HPUB {longest} {reply} {HEADERS} {}\r\n", usize::MAX);
        assert!(line.len() <= 4_096, "{}", line.len());
    }
}
