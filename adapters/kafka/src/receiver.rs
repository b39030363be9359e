//! Receiving and settling: both look at what the polling thread has put down, and neither of them asks the client.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Delivery, Receiver, Room, Settler, Token, Verdict};
use dunlin_core::{Error, ErrorKind, Result};
use tokio::sync::oneshot;

use crate::flight::Taken;
use crate::rebalance::Shared;

/// How long closing waits for the brokers.
const CLOSING: Duration = Duration::from_secs(5);

/// Takes messages from a topic, as a member of a group.
pub(crate) struct KafkaReceiver {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    ended: Option<oneshot::Receiver<()>>,
}

/// Answers the deliveries of a [`KafkaReceiver`].
pub(crate) struct KafkaSettler {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
}

pub(crate) fn pair(
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    ended: oneshot::Receiver<()>,
) -> (KafkaReceiver, KafkaSettler) {
    let settler = KafkaSettler {
        shared: Arc::clone(&shared),
        clock: Arc::clone(&clock),
    };
    let receiver = KafkaReceiver {
        shared,
        clock,
        ended: Some(ended),
    };
    (receiver, settler)
}

#[async_trait]
impl Receiver for KafkaReceiver {
    async fn receive(&mut self, room: Room, batch: &mut Vec<Delivery>) -> Result<()> {
        room.for_any()?;
        let room = Room {
            bytes: room.bytes.max(1),
            ..room
        };
        loop {
            let news = self.shared.news.notified();
            tokio::pin!(news);
            // From here on news is noticed, also between the look and the wait.
            news.as_mut().enable();
            let taken = self.shared.flight().take(self.clock.now(), room, batch);
            match taken {
                Taken::Some => {
                    self.shared.wake();
                    return Ok(());
                }
                Taken::In(_) | Taken::Nothing => {}
            }
            if let Some(error) = self.shared.failure() {
                return Err(error);
            }
            match taken {
                Taken::In(time) => tokio::select! {
                    () = self.clock.sleep(time) => {}
                    () = news => {}
                },
                Taken::Some | Taken::Nothing => news.await,
            }
        }
    }

    async fn close(mut self: Box<Self>) -> Result<()> {
        self.end();
        let Some(ended) = self.ended.take() else {
            return Ok(());
        };
        tokio::select! {
            // The thread ends by itself, or has ended in a panic that was printed.
            _ = ended => {}
            // What was settled is committed by now, so that nothing is lost, and nothing has failed.
            () = self.clock.sleep(CLOSING) => tracing::warn!(
                "the group could not be left in time, as while it rebalances; the broker ends the membership after `session.timeout.ms`"
            ),
        }
        Ok(())
    }
}

impl KafkaReceiver {
    fn end(&self) {
        self.shared.closing.store(true, Ordering::Release);
        self.shared.wake();
    }
}

impl Drop for KafkaReceiver {
    /// A receiver that is dropped leaves the group, too; only nobody waits for it.
    fn drop(&mut self) {
        self.end();
    }
}

#[async_trait]
impl Settler for KafkaSettler {
    async fn settle(&mut self, verdicts: &[(Token, Verdict)]) -> Result<()> {
        // The polling thread hands the places on with its next look, and the client commits them now and then.
        let again = self.shared.flight().settle(verdicts, self.clock.now())?;
        if again {
            self.shared.news.notify_waiters();
        }
        Ok(())
    }

    /// Waits until the broker has everything that was settled, at most for a bounded time.
    async fn close(self: Box<Self>) -> Result<()> {
        let limit = self.clock.sleep(CLOSING);
        tokio::pin!(limit);
        self.shared.commit_failure();
        loop {
            let news = self.shared.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            if self.shared.flight().is_committed() || self.shared.is_closing() {
                return Ok(());
            }
            if let Some(error) = self.shared.commit_failure() {
                return Err(error);
            }
            self.shared.committing.store(true, Ordering::Release);
            self.shared.wake();
            tokio::select! {
                () = news => {}
                // Asked for again now and then: a commit that was under way may have been one of before.
                () = self.clock.sleep(Duration::from_millis(200)) => {}
                () = &mut limit => {
                    return Err(Error::new(
                        ErrorKind::Timeout,
                        "settle",
                        "the broker did not confirm the group's places in time; what was settled last may come again",
                    ));
                }
            }
        }
    }
}
