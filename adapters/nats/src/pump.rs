//! The task behind a receiver: fetches, keeps the server from taking messages back, and begins anew after a break.
//!
//! It runs whether or not anybody calls `receive`. It never holds more than the receiver's window, because it asks for no
//! more than there is room for; what it holds for long it reports as being at work.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Event, Events, Start};
use dunlin_core::reconnect::Pauses;
use dunlin_core::{Class, ErrorKind, Result};

use crate::config::End;
use crate::gaps::{Known, Left};
use crate::link::{CLOSE_LIMIT, Line, Link, Losses, within};
use crate::pull::{Came, Pull};
use crate::receiver::{GIVE_BACK, Shared, tell};
use crate::topology::{self, Consumer};

/// How long nothing may come before the server is asked whether there is something.
const QUIET: Duration = Duration::from_secs(15);
/// The least time between two questions about holes in a stream.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// Fetches for one receiver.
pub(crate) struct Pump {
    pub(crate) shared: Arc<Shared>,
    pub(crate) link: Link,
    pub(crate) end: End,
    pub(crate) group: String,
    pub(crate) start: Start,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) events: Events,
    pub(crate) left: Left,
}

enum Ended {
    /// The connection is gone.
    Lost,
    /// The consumer is gone, or silent: begin again.
    Again,
    /// The receiver was closed.
    Closing,
}

impl Pump {
    /// Runs until the receiver or the session is closed. The first consumer was opened by the caller, so that what is wrong
    /// with it is an error of opening.
    pub(crate) async fn run(mut self, line: Arc<Line>, consumer: Consumer) {
        let name = (consumer.stream.clone(), consumer.name.clone());
        let mut known = self
            .left
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&name)
            .unwrap_or_default();
        let mut opened = Some((line, consumer));
        let mut pauses = Pauses::new();
        let mut losses = Losses::default();
        loop {
            self.shared.state().cautious = losses.were_many(self.clock.now());
            let ended = match self.opened(&mut opened, &known).await {
                Ok((line, consumer)) => {
                    self.tell_gap(known.found(&consumer));
                    let ended = self.fetch(line, &consumer, &mut known, &mut losses).await;
                    let lost = match &ended {
                        Ok(ended) => matches!(ended, Ended::Lost),
                        Err(error) => error.kind() == ErrorKind::Disconnected,
                    };
                    if lost {
                        losses.are_many(self.clock.now());
                    }
                    ended
                }
                Err(error) => Err(error),
            };
            match ended {
                Ok(Ended::Lost | Ended::Again) => pauses = Pauses::new(),
                Ok(Ended::Closing) => break,
                Err(error) if error.class() == Class::Closed => break,
                Err(error) => {
                    self.shared.fail(error);
                    let pause = self.clock.sleep(pauses.longer());
                    tokio::select! {
                        () = pause => {}
                        () = self.closing() => break,
                    }
                }
            }
        }
        self.left
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name, known);
        self.shared.end();
    }

    async fn closing(&self) {
        while !self.shared.state().closing {
            self.shared.wanted.notified().await;
        }
    }

    /// A connection with the group's consumer on it.
    async fn opened(
        &mut self,
        opened: &mut Option<(Arc<Line>, Consumer)>,
        known: &Known,
    ) -> Result<(Arc<Line>, Consumer)> {
        if let Some((line, consumer)) = opened.take().filter(|(line, _)| !line.is_lost()) {
            return Ok((line, consumer));
        }
        let shared = Arc::clone(&self.shared);
        let line = tokio::select! {
            line = self.link.line("receive") => line?,
            () = async { while !shared.state().closing { shared.wanted.notified().await; } } => {
                return Err(crate::error::closed("receive"));
            }
        };
        let next = shared.state().lowest().unwrap_or(known.next);
        let resume = known.log.as_deref().map(|log| (log, next));
        let consumer = topology::consumer(&line, &self.end, &self.group, &self.start, resume).await?;
        Ok((line, consumer))
    }

    fn tell_gap(&self, messages: u64) {
        if messages > 0 {
            self.events.tell(Event::Gap {
                channel: self.end.channel.clone(),
                messages: Some(messages),
            });
        }
    }

    async fn fetch(
        &mut self,
        line: Arc<Line>,
        consumer: &Consumer,
        known: &mut Known,
        losses: &mut Losses,
    ) -> Result<Ended> {
        let anew = consumer.next.is_none();
        let before = self.shared.state().begin(&line, consumer.max_ack_pending, anew);
        let give_back = before
            .into_iter()
            .map(|(_, reply)| (reply, Bytes::from_static(GIVE_BACK)))
            .collect();
        tell(&line, give_back).await?;
        let mut pull = Pull::start(Arc::clone(&line), &consumer.stream, &consumer.name, &self.clock).await?;
        // The first sign of life comes after one to two of these, so that half of the time is left for it to arrive.
        let period = consumer.ack_wait / 4;
        let mut round = self.clock.sleep(period);
        let (mut last, mut looked) = (self.clock.now(), None);
        let shared = Arc::clone(&self.shared);
        loop {
            let want = {
                let state = shared.state();
                if state.closing { None } else { Some(state.want()) }
            };
            match want {
                None => {
                    self.finish(pull, known).await;
                    return Ok(Ended::Closing);
                }
                Some(0) => {}
                Some(want) => {
                    pull.ask(want).await?;
                    shared.state().outstanding = pull.outstanding;
                }
            }
            tokio::select! {
                came = pull.next() => {
                    let Some(came) = came else { return Ok(Ended::Lost) };
                    match self.take_in(&mut pull, came, consumer, known)? {
                        None => return Ok(Ended::Again),
                        Some(0) => {}
                        Some(_) => last = self.clock.now(),
                    }
                    self.look_at_jump(&line, consumer, known, &mut looked).await?;
                }
                () = shared.wanted.notified() => {}
                () = line.lost() => return Ok(Ended::Lost),
                () = &mut round => {
                    round = self.clock.sleep(period);
                    shared.state().cautious = losses.were_many(self.clock.now());
                    let at_work = shared.state().at_work();
                    tell(&line, at_work).await?;
                    if pull.is_stalled() || self.is_stuck(&pull, consumer, &mut last).await? {
                        tracing::warn!(
                            stream = consumer.stream,
                            consumer = consumer.name,
                            "the server has messages and sends none; asking it anew"
                        );
                        return Ok(Ended::Again);
                    }
                }
            }
        }
    }

    /// Takes in what came and whatever else is there. None: the consumer is gone.
    fn take_in(
        &self,
        pull: &mut Pull,
        first: Result<Came>,
        consumer: &Consumer,
        known: &mut Known,
    ) -> Result<Option<usize>> {
        let mut count = 0;
        let mut came = Some(first);
        let mut state = self.shared.state();
        let mut gone = false;
        while let Some(next) = came {
            match next {
                Ok(Came::Message(fetched)) => {
                    known.saw(&fetched);
                    state.add(fetched, &consumer.log);
                    count += 1;
                }
                Ok(Came::Nothing) => {}
                Ok(Came::Gone) => gone = true,
                Err(error) => {
                    state.outstanding = pull.outstanding;
                    drop(state);
                    self.shared.arrived.notify_one();
                    return Err(error);
                }
            }
            came = pull.ready();
        }
        state.outstanding = pull.outstanding;
        drop(state);
        if count > 0 {
            self.shared.arrived.notify_one();
        }
        Ok((!gone).then_some(count))
    }

    /// A sequence number was left out that nobody in the group was given: gone from the front of the stream, or deleted
    /// from its middle on purpose?
    async fn look_at_jump(
        &self,
        line: &Line,
        consumer: &Consumer,
        known: &mut Known,
        looked: &mut Option<Instant>,
    ) -> Result<()> {
        let now = self.clock.now();
        // A stream that is full of holes would be asked about for each of them.
        let early = looked.is_some_and(|looked| now.saturating_duration_since(looked) < BETWEEN_LOOKS);
        if consumer.filtered || early || !known.has_jumped() {
            return Ok(());
        }
        *looked = Some(now);
        let stream = line.stream("receive", &consumer.stream).await?;
        self.tell_gap(known.explain(stream.state.first_seq));
        Ok(())
    }

    /// Whether there are messages for us that do not come.
    async fn is_stuck(&self, pull: &Pull, consumer: &Consumer, last: &mut Instant) -> Result<bool> {
        let now = self.clock.now();
        if pull.outstanding == 0 || now.saturating_duration_since(*last) < QUIET {
            return Ok(false);
        }
        *last = now;
        let Some(info) = pull
            .line
            .consumer("receive", &consumer.stream, &consumer.name)
            .await?
        else {
            return Ok(true);
        };
        let full = consumer
            .max_ack_pending
            .is_some_and(|most| info.num_ack_pending >= most);
        if full && info.num_pending > 0 {
            tracing::warn!(
                stream = consumer.stream,
                consumer = consumer.name,
                unsettled = info.num_ack_pending,
                "the group has as many unsettled messages as its consumer's `max_ack_pending` allows, and gets no more"
            );
        }
        Ok(info.num_pending > 0 && !full && !info.paused)
    }

    /// Gives back everything that is not settled.
    async fn finish(&self, mut pull: Pull, known: &mut Known) {
        pull.drain().await;
        let rest = async {
            let mut late = Vec::new();
            while let Some(came) = pull.next().await {
                if let Ok(Came::Message(fetched)) = came {
                    known.saw(&fetched);
                    late.push((fetched.sequence, fetched.reply));
                }
            }
            late
        };
        let late = within(&self.clock, CLOSE_LIMIT / 5, rest)
            .await
            .unwrap_or_default();
        let mut back = self.shared.state().give_back();
        back.extend(late);
        known.back = back.iter().map(|(sequence, _)| *sequence).collect();
        let answers = back
            .into_iter()
            .map(|(_, reply)| (reply, Bytes::from_static(GIVE_BACK)))
            .collect();
        if tell(&pull.line, answers).await.is_ok() {
            // What is lost here comes again when the server has waited for it long enough.
            let _ = within(&self.clock, CLOSE_LIMIT / 5, pull.line.client.flush()).await;
        }
    }
}
