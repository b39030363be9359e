//! Sending, with everything that may happen on the way.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dunlin_core::messaging::{Confirm, Event, Outgoing, Receipt, Sender};
use dunlin_core::{Error, ErrorKind, HeaderValues, Result};

use super::{Broker, Happened, State};

pub(super) struct HostileSender {
    broker: Arc<Broker>,
    session: u64,
    channel: String,
}

impl HostileSender {
    pub(super) fn new(broker: &Arc<Broker>, session: u64, channel: &str) -> Self {
        Self {
            broker: Arc::clone(broker),
            session,
            channel: channel.to_owned(),
        }
    }

    /// Blocks for a while, as chance has it.
    async fn block(&self) {
        let (told, clock) = {
            let mut state = self.broker.state();
            let percent = state.behaviour.blocks;
            if !state.chance(percent) {
                return;
            }
            let reason = "out of memory, says the broker".to_owned();
            (
                state.telling(self.session, Event::Blocked { reason }),
                Arc::clone(&self.broker.clock),
            )
        };
        self.broker.tell(told);
        clock.sleep(Duration::from_millis(100)).await;
        let told = self.broker.state().telling(self.session, Event::Unblocked);
        self.broker.tell(told);
    }

    /// Takes the batch, or nothing of it.
    fn hand_over(&self, batch: &[Outgoing]) -> Result<Confirm> {
        let mut guard = self.broker.state();
        let state = &mut *guard;
        state.open(self.session, "send")?;
        let percent = state.behaviour.send_errors;
        if state.chance(percent) {
            return Err(refusal(
                ErrorKind::Disconnected,
                "expected a connection, found it broken; nothing was taken",
            ));
        }
        if state
            .behaviour
            .limits
            .batch
            .is_some_and(|limit| batch.len() > limit)
        {
            return Err(refusal(
                ErrorKind::Unsupported,
                "expected a smaller batch; nothing was taken",
            ));
        }
        let answers = self.take(state, batch);
        let most = usize::try_from(state.behaviour.confirm_delay.as_millis()).unwrap_or(usize::MAX);
        let delay = state.random.below(most.saturating_add(1));
        let delay = Duration::from_millis(u64::try_from(delay).unwrap_or(0));
        let begun = state.incarnation;
        drop(guard);
        self.broker.changed.notify(usize::MAX);
        let waited = (!delay.is_zero()).then(|| self.broker.clock.sleep(delay));
        let (broker, channel, sent) = (Arc::clone(&self.broker), self.channel.clone(), batch.to_vec());
        Ok(Confirm::new(batch.len(), async move {
            if let Some(waited) = waited {
                waited.await;
            }
            let mut state = broker.state();
            if state.incarnation == begun {
                return answers;
            }
            // The connection broke before the answers came through it.
            let mut doubted = Vec::with_capacity(answers.len());
            for (answer, outgoing) in answers.into_iter().zip(&sent) {
                doubted.push(match answer {
                    Ok(_) => {
                        state.doubt(&channel, outgoing);
                        Err(refusal(
                            ErrorKind::Disconnected,
                            "expected an answer, found the connection broken",
                        )
                        .doubtful())
                    }
                    Err(error) => Err(error),
                });
            }
            doubted
        }))
    }

    /// Takes the whole batch, and says for each message what its answer will be.
    fn take(&self, state: &mut State, batch: &[Outgoing]) -> Vec<Result<Receipt>> {
        let ordered = state.behaviour.capabilities.ordered_batches;
        let mut refused = false;
        let mut answers = Vec::with_capacity(batch.len());
        for outgoing in batch {
            let answer = if refused && ordered {
                Err(refusal(
                    ErrorKind::Rejected,
                    "expected every earlier message of the batch to be stored, found one refused",
                ))
            } else {
                self.take_one(state, outgoing)
            };
            // In doubt means perhaps stored, so what follows it may be stored, too.
            refused |= answer.as_ref().is_err_and(|error| !error.in_doubt());
            answers.push(answer);
        }
        answers
    }

    fn take_one(&self, state: &mut State, outgoing: &Outgoing) -> Result<Receipt> {
        let behaviour = state.behaviour.clone();
        fits(&behaviour, outgoing)?;
        let begins = |begin: &str| {
            outgoing
                .address
                .as_deref()
                .is_some_and(|address| address.starts_with(begin.as_bytes()))
        };
        if behaviour.unroutable.is_some_and(begins) {
            return Err(refusal(
                ErrorKind::Unroutable,
                "expected an address that is routed, found another",
            ));
        }
        if state.chance(behaviour.message_errors) {
            return Err(refusal(
                ErrorKind::Rejected,
                "expected the broker to store the message, found it refused for now",
            ));
        }
        let doubtful = state.chance(behaviour.doubts);
        if doubtful && state.random.percent(50) {
            state.doubt(&self.channel, outgoing);
            return Err(refusal(ErrorKind::Timeout, "expected an answer in time, found none").doubtful());
        }
        let capabilities = behaviour.capabilities;
        let known = state.channel(&self.channel).known(outgoing.dedup.as_ref());
        let receipt = match known.filter(|_| capabilities.dedup_by_id) {
            Some(number) => at(state, &self.channel, number).known(),
            None => {
                let channel = state.channel(&self.channel);
                let number = channel.push(outgoing.message.clone(), outgoing.address.clone());
                if let Some(id) = outgoing.dedup {
                    channel.remember(id, number);
                }
                state.history.push(Happened::Stored {
                    channel: self.channel.clone(),
                    message: outgoing.message.clone(),
                });
                at(state, &self.channel, number)
            }
        };
        if doubtful {
            state.doubt(&self.channel, outgoing);
            return Err(refusal(ErrorKind::Timeout, "expected an answer in time, found none").doubtful());
        }
        Ok(receipt)
    }
}

fn at(state: &mut State, channel: &str, number: usize) -> Receipt {
    if state.behaviour.capabilities.stable_position {
        Receipt::at(state.channel(channel).position(number))
    } else {
        Receipt::stored()
    }
}

fn refusal(kind: ErrorKind, message: &'static str) -> Error {
    Error::new(kind, "send", message)
}

fn fits(behaviour: &super::Behaviour, outgoing: &Outgoing) -> Result<()> {
    let message = &outgoing.message;
    let payload = message.payload.as_ref().map_or(0, bytes::Bytes::len);
    if behaviour.limits.payload.is_some_and(|limit| payload > limit) {
        return Err(refusal(ErrorKind::TooLarge, "expected a smaller payload"));
    }
    if behaviour
        .limits
        .headers
        .is_some_and(|limit| message.headers.size() > limit)
    {
        return Err(refusal(ErrorKind::TooLarge, "expected fewer bytes of headers"));
    }
    let representable = match behaviour.capabilities.header_values {
        HeaderValues::None => message.headers.is_empty(),
        HeaderValues::Text => message.headers.iter().all(|(_, value)| {
            std::str::from_utf8(value).is_ok_and(|text| !text.chars().any(char::is_control))
        }),
        HeaderValues::Binary => true,
    };
    if representable {
        Ok(())
    } else {
        Err(refusal(
            ErrorKind::HeaderNotRepresentable,
            "expected headers that can be carried, found one that cannot",
        ))
    }
}

#[async_trait]
impl Sender for HostileSender {
    async fn send(&mut self, batch: &[Outgoing]) -> Result<Confirm> {
        self.broker.linger().await;
        self.block().await;
        let confirm = self.hand_over(batch)?;
        // Dropped here, the batch is stored and nobody knows: that is what an abort means.
        self.broker.linger().await;
        Ok(confirm)
    }

    async fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

impl State {
    fn doubt(&mut self, channel: &str, outgoing: &Outgoing) {
        self.history.push(Happened::Doubted {
            channel: channel.to_owned(),
            message: outgoing.message.clone(),
        });
    }
}
