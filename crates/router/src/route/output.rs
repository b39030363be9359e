//! One end that a route sends to: the target, the report or the dead letter.
//!
//! It sends in order, hears the answers, and sends again in place what failed for a while, so that the route sees only final
//! answers. While a message of a lane is to be sent again, the lane is held: nothing of it is sent until that one message was
//! taken. It goes first and alone, so that its lane keeps its order and a target in trouble is asked with one message.
//!
//! Nothing here waits by blocking: pauses are moments at which [`Output::begin`] has something to do again. It mints no ids:
//! what is sent again is the same message with the same deduplication id.

mod batch;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use dunlin_core::clock::Clock;
use dunlin_core::error::{Class, Error, ErrorKind, Result};
use dunlin_core::message::Message;
use dunlin_core::messaging::{Confirm, Lane, Outgoing, Receipt, Sender};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};

use super::in_flight::Ticket;
use crate::plan::RetryPlan;
use crate::retry::Backoff;
use batch::{Awaited, Batch, Head, HeldLane, Item, Sending};

/// How many batches are kept for their room: about as many as are under way at a time.
const SPARE: usize = 16;

/// One end that a route sends to.
pub(super) struct Output {
    rules: Rules,
    clock: Arc<dyn Clock>,
    /// Away while a send is under way.
    sender: Option<Box<dyn Sender>>,
    sending: Option<Sending>,
    confirms: FuturesUnordered<Awaited>,
    /// What was taken by the client and not answered, by the number of its batch.
    unanswered: BTreeMap<u64, Batch>,
    batches: u64,
    /// Batches that were answered, kept for their room: it is too large to be had anew for each.
    spare: Vec<Batch>,
    /// What was never sent, and what may be sent again, in the order of sending.
    queue: VecDeque<Item>,
    held: BTreeMap<Lane, HeldLane>,
    /// Nothing is sent before this moment: the client took no batch at all.
    paused: Option<Instant>,
    backoff: Backoff,
    /// So many of the next messages go in batches of their own, to find the one for which a whole batch was refused.
    singly: usize,
    /// The message for which the end was called unhealthy, and why.
    down: Option<(Ticket, String)>,
    /// Why something waits to be sent again.
    trouble: Option<String>,
    closed: Option<String>,
    resent: u64,
}

/// What differs between the ends of a route.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Messages of one batch at most.
    pub(super) batch: usize,
    /// The pauses between attempts.
    pub(super) retry: RetryPlan,
    /// After this many attempts a message is given up; none: never.
    pub(super) attempts: Option<u32>,
    /// Whether a message may be refused for good. Else it is held: a report or a dead letter must be written.
    pub(super) refuses: bool,
    /// Whether unroutable is a refusal of the message, and not the end being down.
    pub(super) refuses_unroutable: bool,
    /// What takes the place of a message that is too large for this end, if anything may.
    pub(super) instead: Option<fn(&Message) -> Option<Message>>,
    /// Whether lanes keep their order; without, each message is a lane of its own.
    pub(super) lanes: bool,
}

/// What has come of the sending.
#[derive(Debug)]
pub(super) enum Happened {
    /// The client has taken a batch.
    Taken,
    /// Final answers for these messages; none where all of them are to be sent again.
    Answered(Vec<Answer>),
}

/// The final answer for one message.
#[derive(Debug)]
pub(super) enum Answer {
    /// It is stored. `unexpected`: it was there already, although it had been sent but once.
    Stored { ticket: Ticket, unexpected: bool },
    /// It can never pass.
    Refused { ticket: Ticket, error: Error },
    /// The attempts ran out.
    GivenUp { ticket: Ticket, error: Error },
    /// The session was closed under it; it may or may not be stored.
    Closed { ticket: Ticket, reason: String },
}

impl Output {
    pub(super) fn new(sender: Box<dyn Sender>, rules: Rules, clock: Arc<dyn Clock>) -> Self {
        Self {
            backoff: Backoff::new(&rules.retry),
            rules,
            clock,
            sender: Some(sender),
            sending: None,
            confirms: FuturesUnordered::new(),
            unanswered: BTreeMap::new(),
            batches: 0,
            spare: Vec::new(),
            queue: VecDeque::new(),
            held: BTreeMap::new(),
            paused: None,
            singly: 0,
            down: None,
            trouble: None,
            closed: None,
            resent: 0,
        }
    }

    /// Takes a message to be sent behind all others of its lane.
    pub(super) fn enqueue(&mut self, ticket: Ticket, lane: Lane, outgoing: Outgoing) {
        let lane = if self.rules.lanes {
            lane
        } else {
            Lane(ticket.number)
        };
        let item = Item {
            head: Head {
                ticket,
                lane,
                sends: 0,
            },
            outgoing,
        };
        match self.held.get_mut(&lane) {
            Some(held) => drop(held.waiting.insert(ticket, item)),
            None => self.queue.push_back(item),
        }
    }

    /// Begins to send what may be sent now, if the client is free.
    pub(super) fn begin(&mut self) {
        let now = self.clock.now();
        if self.closed.is_some() || self.paused.is_some_and(|until| now < until) {
            return;
        }
        self.paused = None;
        let Some(mut sender) = self.sender.take() else {
            return;
        };
        let batch = self.compose(now);
        if batch.heads.is_empty() {
            self.spare.push(batch);
            self.sender = Some(sender);
            return;
        }
        let Batch { heads, outgoing } = batch;
        self.resent += heads.iter().map(|head| u64::from(head.sends > 1)).sum::<u64>();
        let future = async move {
            let taken = sender.send(&outgoing).await;
            (sender, outgoing, taken)
        };
        self.sending = Some(Sending {
            heads,
            future: future.boxed(),
        });
    }

    /// When there will be something to send again, if nothing else happens.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        if self.sender.is_none() || self.closed.is_some() {
            return None;
        }
        if self.paused.is_some() {
            return self.paused;
        }
        let due =
            |held: &HeldLane| (held.unanswered == 0 && !held.waiting.is_empty()).then_some(held.again_at);
        self.held.values().filter_map(due).min()
    }

    /// Why the end is called unhealthy.
    pub(super) fn down(&self) -> Option<&str> {
        self.down.as_ref().map(|(_, reason)| reason.as_str())
    }

    /// Why something waits to be sent again.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// How many messages were sent again since this was last asked.
    pub(super) fn take_resent(&mut self) -> u64 {
        std::mem::take(&mut self.resent)
    }

    /// Ends on purpose what is under way: it is in doubt. A sender that is still owed answers would wait for them when it
    /// is closed, so it is let go.
    pub(super) fn abandon(&mut self) {
        if !self.unanswered.is_empty() {
            self.sender = None;
        }
        self.sending = None;
        for awaited in std::mem::take(&mut self.confirms) {
            awaited.confirm.abandon();
        }
        self.unanswered.clear();
        self.queue.clear();
        self.held.clear();
    }

    /// Closes the sender; one that was abandoned in the middle of a send is gone already.
    pub(super) async fn close(self) -> Result<()> {
        match self.sender {
            Some(sender) => sender.close().await,
            None => Ok(()),
        }
    }

    /// The next answer; pending for ever where nothing is under way.
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Happened> {
        if let Poll::Ready(Some((batch, answers))) = self.confirms.poll_next_unpin(context) {
            let batch = self.unanswered.remove(&batch).unwrap_or_default();
            return Poll::Ready(Happened::Answered(self.answered(batch, answers)));
        }
        if let Some(sending) = &mut self.sending
            && let Poll::Ready((sender, outgoing, taken)) = sending.future.as_mut().poll(context)
        {
            let heads = std::mem::take(&mut sending.heads);
            self.sending = None;
            self.sender = Some(sender);
            return Poll::Ready(self.taken(Batch { heads, outgoing }, taken));
        }
        if let Some(reason) = &self.closed
            && !(self.queue.is_empty() && self.held.is_empty())
        {
            let waiting = std::mem::take(&mut self.held)
                .into_values()
                .flat_map(|held| held.waiting.into_values());
            let answer = |item: Item| Answer::Closed {
                ticket: item.head.ticket,
                reason: reason.clone(),
            };
            return Poll::Ready(Happened::Answered(
                self.queue.drain(..).chain(waiting).map(answer).collect(),
            ));
        }
        Poll::Pending
    }

    /// The next batch: one message of each held lane that is due, then the queue.
    fn compose(&mut self, now: Instant) -> Batch {
        let most = if self.singly > 0 { 1 } else { self.rules.batch };
        let mut batch = self.spare.pop().unwrap_or_default();
        for held in self.held.values_mut() {
            if batch.heads.len() == most {
                break;
            }
            if held.unanswered == 0
                && held.again_at <= now
                && let Some((ticket, item)) = held.waiting.pop_first()
            {
                held.probe = Some(ticket);
                held.unanswered = 1;
                batch.push(item);
            }
        }
        while batch.heads.len() < most
            && let Some(item) = self.queue.pop_front()
        {
            batch.push(item);
        }
        batch
    }

    /// The client has taken the batch, or nothing of it.
    fn taken(&mut self, batch: Batch, taken: Result<Confirm>) -> Happened {
        self.singly = self.singly.saturating_sub(1);
        let error = match taken {
            Ok(confirm) => {
                self.backoff.reset();
                self.batches += 1;
                self.unanswered.insert(self.batches, batch);
                self.confirms.push(Awaited {
                    batch: self.batches,
                    confirm,
                });
                return Happened::Taken;
            }
            Err(error) => error,
        };
        match (error.class(), batch.heads.first()) {
            (Class::Permanent, Some(_)) if batch.heads.len() == 1 => {
                return Happened::Answered(self.answered(batch, vec![Err(error)]));
            }
            (Class::Permanent, _) => self.singly = batch.heads.len(),
            (Class::Unhealthy, Some(first)) => {
                self.down.get_or_insert((first.ticket, error.to_string()));
                self.paused = Some(self.backoff.after(self.clock.now()));
            }
            (Class::Temporary | Class::Unhealthy, _) => {
                self.trouble = Some(error.to_string());
                self.paused = Some(self.backoff.after(self.clock.now()));
            }
            (Class::Closed, _) => self.closed = Some(error.to_string()),
        }
        self.put_back(batch);
        Happened::Answered(Vec::new())
    }

    /// A batch of which nothing was handed over goes back to where it came from, in its order.
    fn put_back(&mut self, batch: Batch) {
        for mut item in batch.into_items().rev() {
            item.head.sends -= 1;
            match self.held.get_mut(&item.head.lane) {
                Some(held) => {
                    held.unanswered -= 1;
                    held.probe = held.probe.filter(|probe| *probe != item.head.ticket);
                    held.waiting.insert(item.head.ticket, item);
                }
                None => self.queue.push_front(item),
            }
        }
    }

    /// Judges the answers to a batch: what is final is returned, what failed for a while holds its lane.
    fn answered(&mut self, mut batch: Batch, answers: Vec<Result<Receipt>>) -> Vec<Answer> {
        for head in &batch.heads {
            if let Some(held) = self.held.get_mut(&head.lane) {
                held.unanswered -= 1;
            }
        }
        let mut judged = Vec::with_capacity(answers.len());
        let mut again = Vec::new();
        for ((head, outgoing), answer) in batch.drain().zip(answers) {
            let Head { ticket, lane, sends } = head;
            let error = match answer {
                Ok(receipt) => {
                    self.passed(ticket, lane);
                    let unexpected = receipt.duplicate && sends == 1;
                    judged.push(Answer::Stored { ticket, unexpected });
                    continue;
                }
                Err(error) => error,
            };
            match self.judge(sends, &error) {
                Class::Permanent => {
                    self.passed(ticket, lane);
                    judged.push(Answer::Refused { ticket, error });
                }
                Class::Closed => {
                    self.closed = Some(error.to_string());
                    let reason = error.to_string();
                    judged.push(Answer::Closed { ticket, reason });
                }
                Class::Temporary if self.rules.attempts.is_some_and(|most| sends >= most) => {
                    self.passed(ticket, lane);
                    judged.push(Answer::GivenUp { ticket, error });
                }
                Class::Temporary => {
                    self.trouble = Some(error.to_string());
                    again.push(Item { head, outgoing });
                }
                Class::Unhealthy => {
                    let mut item = Item { head, outgoing };
                    if let Some(smaller) = self.instead(&item.outgoing.message, &error) {
                        tracing::warn!("a dead letter holds a digest instead of its message: {error}");
                        item.outgoing.message = smaller;
                    } else {
                        self.down.get_or_insert((ticket, error.to_string()));
                    }
                    again.push(item);
                }
            }
        }
        if self.spare.len() < SPARE {
            self.spare.push(batch);
        }
        for item in again {
            self.hold(item);
        }
        judged
    }

    /// What is sent instead of a message that this end will never take; none where it has to wait.
    fn instead(&self, message: &Message, error: &Error) -> Option<Message> {
        let instead = self
            .rules
            .instead
            .filter(|_| error.kind() == ErrorKind::TooLarge)?;
        instead(message)
    }

    /// How this end takes an error of one message.
    fn judge(&self, sends: u32, error: &Error) -> Class {
        debug_assert!(sends > 0, "an answer came for a message that was not sent");
        if self.rules.refuses_unroutable && error.kind() == ErrorKind::Unroutable {
            return Class::Permanent;
        }
        match error.class() {
            Class::Permanent if !self.rules.refuses => Class::Unhealthy,
            class => class,
        }
    }

    /// This message is no longer in the way: whatever it held goes on.
    fn passed(&mut self, ticket: Ticket, lane: Lane) {
        if self.down.as_ref().is_some_and(|(by, _)| *by == ticket) {
            self.down = None;
        }
        if self
            .held
            .get(&lane)
            .is_some_and(|held| held.probe == Some(ticket))
            && let Some(held) = self.held.remove(&lane)
        {
            for item in held.waiting.into_values().rev() {
                self.queue.push_front(item);
            }
        }
        if self.held.is_empty() {
            self.trouble = None;
        }
    }

    /// Keeps a message to be sent again, and with it everything of its lane that was not sent.
    fn hold(&mut self, item: Item) {
        let now = self.clock.now();
        let Head { ticket, lane, .. } = item.head;
        if let Some(held) = self.held.get_mut(&lane) {
            if held.probe == Some(ticket) {
                held.probe = None;
                held.again_at = held.backoff.after(now);
            }
            held.waiting.insert(ticket, item);
            return;
        }
        let sending = self.sending.iter().flat_map(|sending| &sending.heads);
        let taken = self.unanswered.values().flat_map(|batch| &batch.heads);
        let unanswered = sending.chain(taken).filter(|head| head.lane == lane).count();
        let (same, others) = std::mem::take(&mut self.queue)
            .into_iter()
            .partition(|queued: &Item| queued.head.lane == lane);
        self.queue = others;
        let same: VecDeque<Item> = same;
        let mut backoff = Backoff::new(&self.rules.retry);
        self.held.insert(
            lane,
            HeldLane {
                waiting: same
                    .into_iter()
                    .chain([item])
                    .map(|item| (item.head.ticket, item))
                    .collect(),
                unanswered,
                probe: None,
                again_at: backoff.after(now),
                backoff,
            },
        );
    }
}
