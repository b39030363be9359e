//! Looking at a channel without taking anything from anyone.

use std::sync::Arc;

use async_trait::async_trait;

use super::broker::{Broker, missing};
use super::session::Link;
use crate::error::{Error, Result};
use crate::messaging::{Delivery, Lane, Receiver, Room, Token};

/// A receiver that belongs to no group.
pub(super) struct Looker {
    pub(super) broker: Arc<Broker>,
    pub(super) link: Arc<Link>,
    pub(super) channel: String,
    pub(super) birth: u64,
    /// The next offset of each lane.
    pub(super) places: Vec<u64>,
    pub(super) lanes: Vec<Lane>,
    pub(super) follow: bool,
}

impl Looker {
    fn look(&mut self, room: Room, batch: &mut Vec<Delivery>) -> Result<bool> {
        let mut guard = self.broker.state();
        let state = &mut *guard;
        self.link.open(state, "receive")?;
        let (mut found, mut bytes) = (0, 0);
        let mut seen = Vec::new();
        let channel = state
            .channels
            .get(&self.channel)
            .filter(|channel| channel.birth == self.birth)
            .ok_or_else(|| missing(&self.channel, "receive"))?;
        for (lane, storage) in channel.lanes.iter().enumerate() {
            let place = &mut self.places[lane];
            while *place < storage.end() && found < room.messages && (bytes < room.bytes || found == 0) {
                let offset = *place;
                *place += 1;
                let Some(stored) = storage.get(offset) else {
                    *place = (*place).max(storage.first());
                    continue;
                };
                found += 1;
                bytes += stored.message.size();
                seen.push((lane, channel.position(lane, offset), stored.clone()));
            }
        }
        let stable = channel.config.capabilities.stable_position;
        for (lane, position, stored) in seen {
            let mut delivery = Delivery::new(Token(state.next_id()), self.lanes[lane], stored.message);
            delivery.position = stable.then_some(position);
            delivery.address = stored.address;
            batch.push(delivery);
        }
        Ok(found > 0)
    }
}

#[async_trait]
impl Receiver for Looker {
    async fn receive(&mut self, room: Room, batch: &mut Vec<Delivery>) -> Result<()> {
        room.for_any()?;
        loop {
            let broker = Arc::clone(&self.broker);
            let changed = broker.changed.listen();
            if self.look(room, batch)? {
                return Ok(());
            }
            if !self.follow {
                return Err(Error::closed("receive", "the end of the channel"));
            }
            changed.await;
        }
    }

    async fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
