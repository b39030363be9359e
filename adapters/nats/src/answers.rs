//! The answers to what was sent, all on one subscription.
//!
//! The client's own way is a request for each message: a random name, an entry in a map and a channel for every answer. Here
//! the reply subject ends in a number that counts up, so that an answer finds its place by subtraction, and a batch is woken
//! once. Answers may come in any order; each message has its own.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_nats::{Client, StatusCode, Subject};
use dunlin_core::messaging::Receipt;
use dunlin_core::position::Position;
use dunlin_core::{Class, Error, ErrorKind, Result};
use futures_util::StreamExt;
use serde::Deserialize;
use tokio::sync::Notify;

use crate::error::{Fault, disconnected, forbidden, refused};
use crate::topology::Taker;

/// Who waits for an answer over one connection. A clone is the same.
#[derive(Clone, Default)]
pub(crate) struct Answers(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    prefix: std::sync::OnceLock<String>,
    reader: Mutex<Option<tokio::task::AbortHandle>>,
}

#[derive(Default)]
struct Waiting {
    /// The number of the first slot.
    first: u64,
    /// One for each number from the first on that has no answer yet; an empty one has.
    slots: VecDeque<Option<Slot>>,
    /// The connection is gone: nothing more will be answered.
    over: bool,
}

struct Slot {
    batch: Arc<Batch>,
    place: usize,
    subject: Subject,
    /// The subject is one of the configuration. Another may have been made from the message, and is told to nobody.
    is_own: bool,
    taker: Arc<Taker>,
}

/// A batch whose messages wait for their answers.
pub(crate) struct Batch {
    answered: Mutex<Answered>,
    done: Notify,
}

struct Answered {
    answers: Vec<Option<Result<Receipt>>>,
    left: usize,
}

/// What JetStream answers to a message: `{"stream":"ORDERS","seq":7}`, or why it was not stored.
#[derive(Deserialize)]
struct PubAck<'a> {
    #[serde(default, borrow)]
    stream: Option<std::borrow::Cow<'a, str>>,
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    duplicate: bool,
    #[serde(default)]
    error: Option<Fault>,
}

impl Batch {
    pub(crate) fn new(messages: usize) -> Arc<Self> {
        Arc::new(Self {
            answered: Mutex::new(Answered {
                answers: (0..messages).map(|_| None).collect(),
                left: messages,
            }),
            done: Notify::new(),
        })
    }

    fn answered(&self) -> MutexGuard<'_, Answered> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first answer to a message counts.
    pub(crate) fn answer(&self, place: usize, answer: Result<Receipt>) {
        let mut answered = self.answered();
        if let Some(slot) = answered.answers.get_mut(place).filter(|slot| slot.is_none()) {
            *slot = Some(answer);
            answered.left -= 1;
            if answered.left == 0 {
                self.done.notify_waiters();
            }
        }
    }

    /// Returns when every message has its answer.
    pub(crate) async fn done(&self) {
        let done = self.done.notified();
        tokio::pin!(done);
        // Listening begins before the look, else an answer between the two would be missed.
        done.as_mut().enable();
        if !self.is_done() {
            done.await;
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.answered().left == 0
    }

    /// All answers; whatever has none gets this one.
    pub(crate) fn take(&self, late: impl Fn() -> Error) -> Vec<Result<Receipt>> {
        let mut answered = self.answered();
        answered.left = 0;
        self.done.notify_waiters();
        let answers = std::mem::take(&mut answered.answers);
        answers
            .into_iter()
            .map(|answer| answer.unwrap_or_else(|| Err(late())))
            .collect()
    }
}

impl Answers {
    /// Begins to listen; once for each connection.
    pub(crate) async fn listen(&self, client: &Client) -> Result<()> {
        let prefix = client.new_inbox();
        let mut subscriber = client
            .subscribe(format!("{prefix}.*"))
            .await
            .map_err(|cause| disconnected("connect").caused_by(cause))?;
        let start = prefix.len() + 1;
        self.0.prefix.get_or_init(|| prefix);
        let shared = Arc::clone(&self.0);
        let reader = tokio::spawn(async move {
            while let Some(message) = subscriber.next().await {
                let number = message
                    .subject
                    .as_str()
                    .get(start..)
                    .and_then(|number| number.parse().ok());
                if let Some(slot) = number.and_then(|number| shared.waiting().take(number)) {
                    slot.batch.answer(slot.place, slot.read(&message));
                }
            }
            shared.end();
        });
        *self.0.reader.lock().unwrap_or_else(PoisonError::into_inner) = Some(reader.abort_handle());
        Ok(())
    }

    /// The reply subject for a message. Its answer goes to this place of the batch.
    ///
    /// # Errors
    /// The connection is gone.
    pub(crate) fn expect(
        &self,
        batch: &Arc<Batch>,
        place: usize,
        subject: &Subject,
        is_own: bool,
        taker: &Arc<Taker>,
    ) -> Result<(u64, String)> {
        let mut waiting = self.0.waiting();
        let prefix = self
            .0
            .prefix
            .get()
            .filter(|_| !waiting.over)
            .ok_or_else(|| disconnected("send"))?;
        let number = waiting.first + waiting.slots.len() as u64;
        waiting.slots.push_back(Some(Slot {
            batch: Arc::clone(batch),
            place,
            subject: subject.clone(),
            is_own,
            taker: Arc::clone(taker),
        }));
        let mut digits = itoa::Buffer::new();
        Ok((number, [prefix, ".", digits.format(number)].concat()))
    }

    /// Stops listening, which keeps the client alive, and answers what still waits.
    pub(crate) fn stop(&self) {
        if let Some(reader) = self
            .0
            .reader
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            reader.abort();
        }
        self.0.end();
    }

    /// Nobody waits for these any more.
    pub(crate) fn forget(&self, numbers: impl IntoIterator<Item = u64>) {
        let mut waiting = self.0.waiting();
        for number in numbers {
            waiting.take(number);
        }
    }

    /// The server complained about what the user may not do; the subject stands in its text. Those messages are answered,
    /// which the server itself does not do.
    pub(crate) fn forbidden(&self, text: &str) {
        if !text
            .to_ascii_lowercase()
            .contains("permissions violation for publish")
        {
            return;
        }
        let mut waiting = self.0.waiting();
        for slot in &mut waiting.slots {
            if let Some(slot) = slot.take_if(|slot| text.contains(&format!("\"{}\"", slot.subject))) {
                let error = match slot.is_own {
                    true => forbidden("send", text),
                    false => forbidden("send", &text.replace(slot.subject.as_str(), "…")),
                };
                let error = error.with("stream", &slot.taker.name);
                slot.batch.answer(slot.place, Err(error));
            }
        }
        waiting.trim();
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers everything that waits: it was handed over, and nobody will say what became of it.
    fn end(&self) {
        let mut waiting = self.waiting();
        waiting.over = true;
        for slot in waiting.slots.drain(..).flatten() {
            slot.batch
                .answer(slot.place, Err(disconnected("send").doubtful()));
        }
    }
}

impl Waiting {
    fn take(&mut self, number: u64) -> Option<Slot> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let slot = self.slots.get_mut(place)?.take();
        self.trim();
        slot
    }

    fn trim(&mut self) {
        while let Some(None) = self.slots.front() {
            self.slots.pop_front();
            self.first += 1;
        }
    }
}

impl Slot {
    fn read(&self, message: &async_nats::Message) -> Result<Receipt> {
        if message.status == Some(StatusCode::NO_RESPONDERS) {
            self.taker.forget();
            return Err(Error::new(
                ErrorKind::Unroutable,
                "send",
                "no stream takes this subject any more; make the stream again, or set `topology: create`",
            )
            .with("stream", &self.taker.name));
        }
        let ack: PubAck<'_> = serde_json::from_slice(&message.payload).map_err(|cause| {
            Error::new(
                ErrorKind::Rejected,
                "send",
                "expected a confirm of JetStream, found the answer of somebody else who listens to this subject",
            )
            .with("stream", &self.taker.name)
            .caused_by(cause)
            .doubtful()
        })?;
        if let Some(fault) = &ack.error {
            let error = refused("send", fault).with("stream", &self.taker.name);
            if error.kind() == ErrorKind::Unroutable || error.class() == Class::Unhealthy {
                self.taker.forget();
            }
            return Err(error);
        }
        let receipt = match &ack.stream {
            Some(stream) if **stream == *self.taker.name => {
                Receipt::at(Position::new(Arc::clone(&self.taker.log), ack.seq))
            }
            Some(_) => Receipt::stored(),
            None => {
                return Err(Error::new(
                    ErrorKind::Rejected,
                    "send",
                    "expected a confirm that names its stream, found none",
                )
                .doubtful());
            }
        };
        Ok(if ack.duplicate { receipt.known() } else { receipt })
    }
}

impl std::fmt::Debug for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answers({} waiting)", self.0.waiting().slots.len())
    }
}

#[cfg(test)]
mod tests;
