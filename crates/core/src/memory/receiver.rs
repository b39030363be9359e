//! Receiving and settling.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use futures_util::future::select;

use super::broker::{Broker, missing};
use super::session::Link;
use crate::error::{Error, Result};
use crate::messaging::{Delivery, Event, Receiver, Room, Settler, Token, Verdict};

/// Takes deliveries. It keeps nothing itself: what is not handed out is at the broker.
pub(super) struct MemoryReceiver {
    broker: Arc<Broker>,
    id: u64,
    link: Arc<Link>,
    /// The most that it may hold unsettled.
    unsettled: usize,
    /// Leaves the group when receiver and settler are both gone.
    presence: Arc<Presence>,
}

/// Settles deliveries of the receiver that it was made with.
pub(super) struct MemorySettler {
    presence: Arc<Presence>,
}

/// Keeps a receiver in its group for as long as either half lives.
struct Presence {
    broker: Arc<Broker>,
    id: u64,
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.broker.leave(self.id);
    }
}

/// What one look at the broker brought.
enum Look {
    Taken,
    /// Nothing; something may become ready at this time without anybody doing anything.
    Nothing(Option<Instant>),
}

impl MemoryReceiver {
    pub(super) fn new(broker: Arc<Broker>, id: u64, link: Arc<Link>, unsettled: usize) -> Self {
        let presence = Arc::new(Presence {
            broker: Arc::clone(&broker),
            id,
        });
        Self {
            broker,
            id,
            link,
            unsettled,
            presence,
        }
    }

    fn look(&self, room: Room, batch: &mut Vec<Delivery>) -> Result<Look> {
        let now = self.broker.clock.now();
        let mut guard = self.broker.state();
        let state = &mut *guard;
        self.link.open(state, "receive")?;
        let Some(membership) = state.receivers.get(&self.id) else {
            return Err(Error::closed(
                "receive",
                "expected an open receiver, found it closed",
            ));
        };
        if state.down {
            // Reconnecting is the adapter's own business: the caller waits until the broker is back.
            return Ok(Look::Nothing(None));
        }
        let (name, group) = (membership.channel.clone(), membership.group.clone());
        if state
            .channels
            .get(&name)
            .is_none_or(|channel| channel.birth != membership.birth)
        {
            return Err(missing(&name, "receive"));
        }
        let free = self.unsettled.saturating_sub(membership.tokens.len());
        let room = Room {
            messages: room.messages.min(free),
            bytes: room.bytes,
        };
        // A lane whose receiver had its time to leave changes hands when anyone of the group looks.
        let mut news = self.broker.deal(state, &name, &group, now);
        let mut taken = Vec::new();
        let (mut lost, mut wake) = (0, None);
        if let Some(channel) = state.channels.get_mut(&name) {
            lost = channel.take(&group, self.id, room, now, &mut taken);
            wake = channel.next_wake(&group);
        }
        if lost > 0 {
            news.add(state.sessions.get(&self.link.id), || Event::Gap {
                channel: name.clone(),
                messages: Some(lost),
            });
        }
        let found = !taken.is_empty();
        for one in taken {
            let token = state.next_id();
            let (Some(channel), Some(membership)) =
                (state.channels.get(&name), state.receivers.get_mut(&self.id))
            else {
                continue;
            };
            let Some(stored) = channel.lanes[one.lane].get(one.offset) else {
                continue;
            };
            membership.tokens.insert(token, (one.lane, one.offset));
            let mut delivery =
                Delivery::new(Token(token), membership.lanes[one.lane], stored.message.clone())
                    .attempted(one.attempt);
            if channel.config.capabilities.stable_position {
                delivery = delivery.at(channel.position(one.lane, one.offset));
            }
            delivery.address = stored.address.clone();
            batch.push(delivery);
        }
        drop(guard);
        if lost > 0 || !news.is_empty() {
            self.broker.tell(news);
        }
        Ok(if found { Look::Taken } else { Look::Nothing(wake) })
    }
}

#[async_trait]
impl Receiver for MemoryReceiver {
    async fn receive(&mut self, room: Room, batch: &mut Vec<Delivery>) -> Result<()> {
        room.for_any()?;
        loop {
            // Listening begins before the look, else what comes between the two would be missed. Nothing is taken
            // before the last await, so a dropped call loses nothing.
            let changed = self.broker.changed.listen();
            let wake = match self.look(room, batch)? {
                Look::Taken => return Ok(()),
                Look::Nothing(wake) => wake,
            };
            match wake {
                Some(wake) => {
                    let now = self.broker.clock.now();
                    let due = self.broker.clock.sleep(wake.saturating_duration_since(now));
                    select(changed, due).await;
                }
                None => changed.await,
            }
        }
    }

    async fn close(self: Box<Self>) -> Result<()> {
        self.broker.leave(self.id);
        Ok(())
    }
}

impl MemorySettler {
    pub(super) fn new(receiver: &MemoryReceiver) -> Self {
        Self {
            presence: Arc::clone(&receiver.presence),
        }
    }
}

#[async_trait]
impl Settler for MemorySettler {
    async fn settle(&mut self, verdicts: &[(Token, Verdict)]) -> Result<()> {
        let verdicts: Vec<_> = verdicts
            .iter()
            .map(|(token, verdict)| (token.0, *verdict))
            .collect();
        self.presence.broker.settle(self.presence.id, &verdicts)
    }

    async fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
