//! Receiving and settling: what the reader has read is handed out, and verdicts become one `XACK`.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Delivery, Receiver, Room, Settler, Token, Verdict};
use dunlin_core::{Error, ErrorKind, Result};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::connection::Link;
use crate::flight::{Flight, Taken};
use crate::group::Group;
use crate::reader::{Incarnation, Reader, acknowledgement};
use crate::reply::Id;
use crate::upkeep::{ALL, claim, pending};

/// For others, what is given back was idle for so long: they take it over at their next look.
const LONG_AGO: Duration = Duration::from_secs(24 * 60 * 60);

/// Takes messages from a stream.
pub(crate) struct RedisReceiver {
    flight: Arc<Flight>,
    clock: Arc<dyn Clock>,
    group: Group,
    close_timeout: Duration,
    stop: watch::Sender<bool>,
    reading: Reading,
    slot: Slot,
}

/// Answers the deliveries of a [`RedisReceiver`].
pub(crate) struct RedisSettler {
    flight: Arc<Flight>,
    clock: Arc<dyn Clock>,
    group: Group,
}

/// The reader's task, which ends with its receiver.
struct Reading(JoinHandle<()>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A receiver and its settler, over a reader that has joined its group.
pub(crate) fn pair(reader: Reader, first: Incarnation, slot: Slot) -> (RedisReceiver, RedisSettler) {
    let (stop, stopped) = watch::channel(false);
    let clock = Arc::clone(&reader.connector.clock);
    let settler = RedisSettler {
        flight: Arc::clone(&reader.flight),
        clock: Arc::clone(&clock),
        group: reader.group.clone(),
    };
    let receiver = RedisReceiver {
        flight: Arc::clone(&reader.flight),
        clock,
        group: reader.group.clone(),
        close_timeout: reader.connector.config.answer_timeout(),
        stop,
        reading: Reading(tokio::spawn(reader.run(first, stopped))),
        slot,
    };
    (receiver, settler)
}

#[async_trait]
impl Receiver for RedisReceiver {
    async fn receive(&mut self, room: Room, batch: &mut Vec<Delivery>) -> Result<()> {
        room.for_any()?;
        loop {
            let changed = self.flight.changed.notified();
            tokio::pin!(changed);
            // From here on a change is noticed, also between the look and the wait.
            changed.as_mut().enable();
            match self.flight.take(room, self.clock.now(), batch)? {
                Taken::Some => return Ok(()),
                Taken::In(time) => tokio::select! {
                    () = self.clock.sleep(time) => {}
                    () = changed => {}
                },
                Taken::Nothing if self.reading.0.is_finished() => {
                    return Err(Error::new(
                        ErrorKind::Internal,
                        "receive",
                        "expected the reader to run, found that it has ended",
                    ));
                }
                Taken::Nothing => changed.await,
            }
        }
    }

    async fn close(mut self: Box<Self>) -> Result<()> {
        let link = self.flight.link();
        self.stop.send_replace(true);
        tokio::select! {
            _ = &mut self.reading.0 => {}
            () = self.clock.sleep(self.close_timeout) => self.reading.0.abort(),
        }
        // What cannot be given back is taken over by others a while later, or found by the next receiver of this name.
        if let Some(link) = link.filter(|link| !link.is_dead())
            && let Err(error) = self.give_back(&link).await
        {
            tracing::debug!(%error, "what was unsettled was not given back");
        }
        Ok(())
    }
}

impl RedisReceiver {
    /// Lets others have at once what this receiver has not settled.
    async fn give_back(&self, link: &Link) -> Result<()> {
        let (least, most) = (Id::ZERO, Id(u128::MAX));
        let own = pending(link, &self.group, &self.slot.consumer, least, most, ALL).await?;
        let ids: Vec<Id> = own.into_iter().map(|row| row.id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let command = claim(&self.group, &self.slot.consumer, &ids, Some(LONG_AGO));
        link.call("close", &command).await.map(drop)
    }
}

#[async_trait]
impl Settler for RedisSettler {
    async fn settle(&mut self, verdicts: &[(Token, Verdict)]) -> Result<()> {
        let settling = self.flight.settle(verdicts, self.clock.now())?;
        let Some(link) = settling.link.as_ref().filter(|_| !settling.done.is_empty()) else {
            return Ok(());
        };
        let ids: Vec<Id> = settling.done.iter().map(|(_, id)| *id).collect();
        match link.call("settle", &acknowledgement(&self.group, &ids)).await {
            Ok(_) => {
                self.flight.acknowledged(&settling);
                Ok(())
            }
            Err(error) => {
                // On a connection that is still there the verdicts can be handed over again; else all of it comes again.
                self.flight.not_acknowledged(&settling);
                Err(error.with("channel", &self.group.end.channel))
            }
        }
    }

    async fn close(self: Box<Self>) -> Result<()> {
        // Every settlement was answered before `settle` returned.
        Ok(())
    }
}

/// The name of a consumer, held for as long as its receiver lives.
///
/// Receivers of one group in one process are told apart by a number behind the name, the lowest that is free: so the first
/// has the same name after every restart, and finds what it left unsettled.
#[derive(Debug)]
pub(crate) struct Slot {
    taken: (String, String),
    pub(crate) consumer: Arc<str>,
}

static TAKEN: LazyLock<Mutex<BTreeSet<(String, String)>>> = LazyLock::new(Mutex::default);

impl Slot {
    /// The lowest free name in the group that is called like this.
    pub(crate) fn take(group: &str, name: &str) -> Self {
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut number = 0_u32;
        loop {
            let consumer = match number {
                0 => name.to_owned(),
                number => format!("{name}-{number}"),
            };
            let slot = (group.to_owned(), consumer.clone());
            if taken.insert(slot.clone()) {
                return Self {
                    taken: slot,
                    consumer: consumer.into(),
                };
            }
            number += 1;
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        TAKEN
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.taken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_receiver_of_a_group_has_the_plain_name_again_once_it_is_free() {
        let first = Slot::take("slots", "host");
        let second = Slot::take("slots", "host");
        let other = Slot::take("others", "host");
        assert_eq!(
            (&*first.consumer, &*second.consumer, &*other.consumer),
            ("host", "host-1", "host")
        );
        drop(first);
        assert_eq!(&*Slot::take("slots", "host").consumer, "host");
    }
}
