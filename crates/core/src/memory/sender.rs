//! Sending.

use std::sync::Arc;

use async_trait::async_trait;

use super::broker::{Broker, News, State, missing};
use super::channel::Channel;
use super::config::Config;
use super::confirm::{self, Held, Outcome};
use super::session::Link;
use crate::capability::HeaderValues;
use crate::error::{Error, ErrorKind, Result};
use crate::messaging::{Confirm, Event, Outgoing, Receipt, Sender};

/// Puts messages into one channel, which it holds by its birth: a channel that was deleted is missing for it, also where
/// another one of the same name was made since.
pub(super) struct MemorySender {
    broker: Arc<Broker>,
    link: Arc<Link>,
    channel: String,
    birth: u64,
    config: Config,
    /// Confirms that were held back when they were made.
    outstanding: Vec<Arc<Held>>,
}

impl MemorySender {
    pub(super) fn new(
        broker: Arc<Broker>,
        link: Arc<Link>,
        channel: String,
        birth: u64,
        config: Config,
    ) -> Self {
        Self {
            broker,
            link,
            channel,
            birth,
            config,
            outstanding: Vec::new(),
        }
    }

    fn there<'a>(&self, state: &'a mut State) -> Result<&'a mut Channel> {
        self.link.open(state, "send")?;
        state.reachable("send")?;
        state
            .channels
            .get_mut(&self.channel)
            .filter(|channel| channel.birth == self.birth)
            .ok_or_else(|| missing(&self.channel, "send"))
    }

    /// Waits until a queue that is full, and lets its senders wait for it, has room.
    async fn wait_for_room(&self) -> Result<()> {
        let mut blocked = false;
        loop {
            let changed = self.broker.changed.listen();
            let full = {
                let mut state = self.broker.state();
                self.there(&mut state)?.is_full()
            };
            if full != blocked {
                blocked = full;
                self.tell(if full {
                    Event::Blocked {
                        reason: format!("the queue `{}` is full", self.channel),
                    }
                } else {
                    Event::Unblocked
                });
            }
            if !full {
                return Ok(());
            }
            changed.await;
        }
    }

    fn tell(&self, event: Event) {
        let events = self.broker.state().sessions.get(&self.link.id).cloned();
        if let Some(events) = events {
            events.tell(event);
        }
    }

    /// Stores what can be stored, and says for each message what became of it.
    fn store(&self, channel: &mut Channel, batch: &[Outgoing]) -> Vec<Result<Receipt>> {
        let capabilities = self.config.capabilities;
        let mut answers = Vec::with_capacity(batch.len());
        let mut refused = false;
        for outgoing in batch {
            if refused && capabilities.ordered_batches {
                answers.push(Err(Error::new(
                    ErrorKind::Rejected,
                    "send",
                    "expected every earlier message of the batch to be stored, found one refused; send this one again",
                )));
                continue;
            }
            let answer = match fits(&self.config, outgoing) {
                Err(error) => Err(error),
                Ok(()) => match self.take_in(channel, outgoing) {
                    // A broker without confirms does not say that it lost the message.
                    Err(_) if !capabilities.confirms => Ok(Receipt::stored()),
                    answer => answer,
                },
            };
            refused |= answer.is_err();
            answers.push(answer.map_err(|error| error.with("channel", &self.channel)));
        }
        answers
    }

    fn take_in(&self, channel: &mut Channel, outgoing: &Outgoing) -> Result<Receipt> {
        let capabilities = self.config.capabilities;
        if !self.config.routes(outgoing.address.as_deref()) {
            return Err(Error::new(
                ErrorKind::Unroutable,
                "send",
                "expected an address out of `addresses`, found another",
            ));
        }
        if let Some((lane, offset)) = channel.known(outgoing.dedup.as_ref()) {
            let there = match capabilities.stable_position {
                true => Receipt::at(channel.position(lane, offset)),
                false => Receipt::stored(),
            };
            return Ok(there.known());
        }
        if channel.is_full() && !self.config.wait_when_full {
            return Err(Error::new(
                ErrorKind::Full,
                "send",
                "expected room in the queue, found it full",
            ));
        }
        let (message, address) = (outgoing.message.clone(), outgoing.address.clone());
        let (lane, offset) = channel.store(message, address, outgoing.dedup, self.broker.clock.wall());
        Ok(if capabilities.stable_position && capabilities.confirms {
            Receipt::at(channel.position(lane, offset))
        } else {
            Receipt::stored()
        })
    }
}

#[async_trait]
impl Sender for MemorySender {
    async fn send(&mut self, batch: &[Outgoing]) -> Result<Confirm> {
        if let Some(limit) = self.config.limits.batch
            && batch.len() > limit
        {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "send",
                format!(
                    "expected at most {limit} messages in a batch, found {}",
                    batch.len()
                ),
            ));
        }
        if self.config.wait_when_full {
            self.wait_for_room().await?;
        }
        let mut state = self.broker.state();
        let channel = self.there(&mut state)?;
        let answers = self.store(channel, batch);
        let confirm = if state.holding && self.config.capabilities.confirms {
            let held = Arc::new(Held::default());
            state.held.retain(|held| held.outcome().is_none());
            state.held.push(Arc::clone(&held));
            self.outstanding.retain(|held| held.outcome().is_none());
            self.outstanding.push(Arc::clone(&held));
            let timeout = self.config.confirm_timeout;
            confirm::held(held, &*self.broker.clock, timeout, answers)
        } else {
            Confirm::ready(answers)
        };
        drop(state);
        self.broker.tell(News::default());
        Ok(confirm)
    }

    async fn close(self: Box<Self>) -> Result<()> {
        let over = self.broker.clock.sleep(self.config.confirm_timeout);
        let all = futures_util::future::join_all(self.outstanding.iter().map(|held| held.wait()));
        if let futures_util::future::Either::Right(_) = futures_util::future::select(all, over).await {
            for held in &self.outstanding {
                held.answer(Outcome::TimedOut);
            }
        }
        Ok(())
    }
}

/// Whether the channel can carry the message at all: what a client finds out before the wire.
fn fits(config: &Config, outgoing: &Outgoing) -> Result<()> {
    let message = &outgoing.message;
    let payload = message.payload.as_ref().map_or(0, bytes::Bytes::len);
    if let Some(limit) = config.limits.payload
        && payload > limit
    {
        return Err(Error::new(
            ErrorKind::TooLarge,
            "send",
            format!("expected a payload of at most {limit} bytes, found {payload}"),
        ));
    }
    let headers = message.headers.size();
    if let Some(limit) = config.limits.headers
        && headers > limit
    {
        return Err(Error::new(
            ErrorKind::TooLarge,
            "send",
            format!("expected headers of at most {limit} bytes, found {headers}"),
        ));
    }
    let representable = match config.capabilities.header_values {
        HeaderValues::None => message.headers.is_empty(),
        HeaderValues::Text => message.headers.iter().all(|(_, value)| {
            std::str::from_utf8(value).is_ok_and(|text| !text.chars().any(char::is_control))
        }),
        HeaderValues::Binary => true,
    };
    if representable {
        Ok(())
    } else {
        Err(Error::new(
            ErrorKind::HeaderNotRepresentable,
            "send",
            format!(
                "expected headers of which every value is `{}`, found one that is not",
                config.capabilities.header_values
            ),
        ))
    }
}
