//! Receiving and settling: what a task of its own fetched is handed out, and answered.
//!
//! The two halves and the task share what is in flight behind one mutex that is never held over an await. Tokens count up
//! over all reconnects. After a reconnect nothing that was handed out before is known any more, so that its tokens mean
//! nothing; the task has given all of it back.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::Subject;
use async_trait::async_trait;
use bytes::Bytes;
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Delivery, Lane, Receiver, Room, Settler, Token, Verdict};
use dunlin_core::position::Position;
use dunlin_core::{Error, ErrorKind, Result};
use foldhash::fast::RandomState;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::api::nanoseconds;
use crate::error::{closed, disconnected};
use crate::headers;
use crate::link::{CLOSE_LIMIT, Line, within};
use crate::pull::Fetched;

/// The most messages of one request, which is also how many are fetched ahead.
const BATCH: usize = 1000;
/// What a message is taken to weigh before one has come.
const USUAL_BYTES: usize = 4096;

pub(crate) const ACKNOWLEDGE: &[u8] = b"+ACK";
pub(crate) const GIVE_BACK: &[u8] = b"-NAK";
const AT_WORK: &[u8] = b"+WPI";

/// What the receiver, the settler and the fetching task have in common.
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Something can be handed out, or an error told.
    pub(crate) arrived: Notify,
    /// There is room for more, or the end is wanted.
    pub(crate) wanted: Notify,
}

/// What is in flight.
pub(crate) struct State {
    ready: VecDeque<Waiting>,
    open: HashMap<u64, Open, RandomState>,
    next_token: u64,
    /// The address of the message that was handed out last; nearly always it is that of the next one, too.
    address: Bytes,
    lane: Lane,
    line: Option<Arc<Line>>,
    window: Room,
    /// Messages that were asked for and have not come.
    pub(crate) outstanding: usize,
    bytes: usize,
    average: usize,
    /// Counts the times at which the server is told that we are still at work.
    rounds: u64,
    failed: Option<Error>,
    pub(crate) closing: bool,
    /// The connection is lost again and again: perhaps over a message that the client cannot read. Asked for one by one, that
    /// message takes no other with it.
    pub(crate) cautious: bool,
    over: bool,
}

/// Fetched, and not handed out.
struct Waiting {
    fetched: Fetched,
    log: Arc<str>,
    round: u64,
}

/// Handed out, and not settled.
struct Open {
    reply: Subject,
    sequence: u64,
    bytes: usize,
    round: u64,
}

impl Shared {
    pub(crate) fn new(window: Room, lane: Lane) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                ready: VecDeque::new(),
                open: HashMap::default(),
                next_token: 0,
                address: Bytes::new(),
                lane,
                line: None,
                window,
                outstanding: 0,
                bytes: 0,
                average: USUAL_BYTES,
                rounds: 0,
                failed: None,
                closing: false,
                cautious: false,
                over: false,
            }),
            arrived: Notify::new(),
            wanted: Notify::new(),
        })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the receiver of an error.
    pub(crate) fn fail(&self, error: Error) {
        self.state().failed = Some(error);
        self.arrived.notify_one();
    }

    /// Nothing will come any more.
    pub(crate) fn end(&self) {
        self.state().over = true;
        self.arrived.notify_one();
    }
}

impl State {
    /// A consumer is ready over this connection. Returns what is to be given back: all that came over another one.
    pub(crate) fn begin(&mut self, line: &Arc<Line>, most: Option<u64>, anew: bool) -> Vec<(u64, Subject)> {
        self.outstanding = 0;
        if let Some(most) = most.and_then(|most| usize::try_from(most).ok()) {
            self.window.messages = self.window.messages.min(most);
        }
        let same = self
            .line
            .as_ref()
            .is_some_and(|before| before.number == line.number);
        self.line = Some(Arc::clone(line));
        if same && !anew {
            Vec::new()
        } else {
            self.give_back()
        }
    }

    /// Forgets everything in flight, and returns it in the order of the stream.
    pub(crate) fn give_back(&mut self) -> Vec<(u64, Subject)> {
        let ready = self
            .ready
            .drain(..)
            .map(|waiting| (waiting.fetched.sequence, waiting.fetched.reply));
        let open = self.open.drain().map(|(_, open)| (open.sequence, open.reply));
        let mut all: Vec<_> = ready.chain(open).collect();
        all.sort_unstable_by_key(|(sequence, _)| *sequence);
        self.bytes = 0;
        all
    }

    /// The first message that is in flight.
    pub(crate) fn lowest(&self) -> Option<u64> {
        let ready = self.ready.iter().map(|waiting| waiting.fetched.sequence);
        ready.chain(self.open.values().map(|open| open.sequence)).min()
    }

    /// Takes in what was fetched.
    pub(crate) fn add(&mut self, fetched: Fetched, log: &Arc<str>) {
        let bytes = fetched.message.length.max(1);
        self.average = (self.average * 15 + bytes) / 16 + 1;
        self.bytes += bytes;
        self.ready.push_back(Waiting {
            fetched,
            log: Arc::clone(log),
            round: self.rounds,
        });
    }

    /// How many messages are to be asked for now. A request for few costs as much as one for many.
    pub(crate) fn want(&self) -> usize {
        if self.cautious {
            return usize::from(
                self.outstanding == 0 && self.ready.is_empty() && self.open.len() < self.window.messages,
            );
        }
        let held = self.open.len() + self.ready.len() + self.outstanding;
        let room = self.window.messages.saturating_sub(held);
        let bytes = self.bytes + self.outstanding * self.average;
        let by_bytes = self.window.bytes.saturating_sub(bytes) / self.average;
        let room = room.min(by_bytes.max(usize::from(held == 0))).min(BATCH);
        let ahead = self.window.messages.min(BATCH);
        let enough = self.outstanding > ahead / 2 || (self.outstanding > 0 && room < ahead / 4);
        if enough { 0 } else { room }
    }

    /// Who must be told that we are still at work: everything that is in flight for longer than a round.
    pub(crate) fn at_work(&mut self) -> Vec<(Subject, Bytes)> {
        self.rounds += 1;
        let rounds = self.rounds;
        let ready = self
            .ready
            .iter_mut()
            .map(|waiting| (&waiting.fetched.reply, &mut waiting.round));
        let open = self.open.values_mut().map(|open| (&open.reply, &mut open.round));
        ready
            .chain(open)
            .filter(|(_, round)| rounds - **round >= 2)
            .map(|(reply, round)| {
                *round = rounds - 1;
                (reply.clone(), Bytes::from_static(AT_WORK))
            })
            .collect()
    }

    fn hand_out(&mut self, room: Room, batch: &mut Vec<Delivery>) -> bool {
        let mut bytes = 0;
        let before = batch.len();
        while batch.len() - before < room.messages && (bytes < room.bytes || batch.len() == before) {
            let Some(Waiting { fetched, log, round }) = self.ready.pop_front() else {
                break;
            };
            let token = self.next_token;
            self.next_token += 1;
            let size = fetched.message.length.max(1);
            bytes += size;
            self.open.insert(
                token,
                Open {
                    reply: fetched.reply.clone(),
                    sequence: fetched.sequence,
                    bytes: size,
                    round,
                },
            );
            let subject = fetched.message.subject.as_str().as_bytes();
            if self.address != subject {
                self.address = Bytes::copy_from_slice(subject);
            }
            batch.push(delivery(Token(token), self.lane, fetched, &log).addressed(self.address.clone()));
        }
        batch.len() > before
    }

    fn settle(&mut self, token: Token) -> Option<Subject> {
        let open = self.open.remove(&token.0)?;
        self.bytes = self.bytes.saturating_sub(open.bytes);
        Some(open.reply)
    }
}

/// A message of a stream as a delivery, without its address.
pub(crate) fn delivery(token: Token, lane: Lane, fetched: Fetched, log: &Arc<str>) -> Delivery {
    let mut message = headers::read(fetched.message.payload, fetched.message.headers.as_ref());
    message.timestamp.get_or_insert(fetched.time);
    Delivery::new(token, lane, message)
        .at(Position::new(Arc::clone(log), fetched.sequence))
        .attempted(fetched.attempt)
}

/// Hands out what was fetched.
pub(crate) struct NatsReceiver {
    pub(crate) shared: Arc<Shared>,
    pub(crate) task: JoinHandle<()>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Answers what was handed out.
pub(crate) struct NatsSettler {
    pub(crate) shared: Arc<Shared>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Drop for NatsReceiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[async_trait]
impl Receiver for NatsReceiver {
    async fn receive(&mut self, room: Room, batch: &mut Vec<Delivery>) -> Result<()> {
        room.for_any()?;
        loop {
            {
                let mut state = self.shared.state();
                if state.hand_out(room, batch) {
                    if state.want() > 0 {
                        self.shared.wanted.notify_one();
                    }
                    return Ok(());
                }
                if let Some(error) = state.failed.take() {
                    return Err(error);
                }
                if state.over {
                    return Err(closed("receive"));
                }
            }
            self.shared.arrived.notified().await;
        }
    }

    async fn close(mut self: Box<Self>) -> Result<()> {
        self.shared.state().closing = true;
        self.shared.wanted.notify_one();
        if within(&self.clock, CLOSE_LIMIT, &mut self.task).await.is_none() {
            tracing::debug!("what was fetched was not given back before the end; it comes again by itself");
        }
        Ok(())
    }
}

#[async_trait]
impl Settler for NatsSettler {
    async fn settle(&mut self, verdicts: &[(Token, Verdict)]) -> Result<()> {
        let mut rejected = false;
        let (line, settled) = {
            let mut state = self.shared.state();
            let mut settled = Vec::with_capacity(verdicts.len());
            for (token, verdict) in verdicts {
                let answer = match verdict {
                    Verdict::Done => Bytes::from_static(ACKNOWLEDGE),
                    Verdict::Retry { after } => give_back(*after),
                    Verdict::Reject => {
                        rejected = true;
                        continue;
                    }
                };
                if let Some(reply) = state.settle(*token) {
                    settled.push((reply, answer));
                }
            }
            if state.want() > 0 {
                self.shared.wanted.notify_one();
            }
            (state.line.clone(), settled)
        };
        if let Some(line) = line {
            tell(&line, settled).await?;
        }
        if rejected {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "settle",
                "NATS has no dead letters of its own: what is terminated there is gone; let the route write its own",
            ));
        }
        Ok(())
    }

    async fn close(self: Box<Self>) -> Result<()> {
        let line = self.shared.state().line.clone();
        let Some(line) = line.filter(|line| !line.is_lost()) else {
            return Ok(());
        };
        match within(&self.clock, CLOSE_LIMIT, line.client.flush()).await {
            Some(Ok(())) => Ok(()),
            Some(Err(cause)) => Err(disconnected("settle").caused_by(cause)),
            None => Err(crate::error::late("settle", "the last settlements to be written")),
        }
    }
}

fn give_back(after: Duration) -> Bytes {
    if after.is_zero() {
        Bytes::from_static(GIVE_BACK)
    } else {
        Bytes::from(format!("-NAK {{\"delay\":{}}}", nanoseconds(after)))
    }
}

/// Answers messages. There is no answer to that: what is lost with the connection comes again.
pub(crate) async fn tell(line: &Line, answers: Vec<(Subject, Bytes)>) -> Result<()> {
    for (reply, answer) in answers {
        let told = line.client.publish(reply, answer).await;
        told.map_err(|cause| disconnected("settle").caused_by(cause))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
