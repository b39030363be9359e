//! The two ends of a channel: what is received, settled and sent, each within a time.

use std::time::Duration;

use dunlin_core::messaging::{Delivery, Outgoing, Receipt, Receiver, Room, Sender, Settler, Token, Verdict};
use dunlin_core::{Class, Result};
use tokio::time::{Instant, sleep, timeout_at};

use super::{ROOM, within};
use crate::oracle::Oracle;
use crate::suite::{Checked, Failure, ensure};

/// A receiver with its settler.
pub(crate) struct SourceEnd {
    /// The receiver.
    pub(crate) receiver: Box<dyn Receiver>,
    /// Its settler.
    pub(crate) settler: Box<dyn Settler>,
    pub(super) patience: Duration,
    pub(super) quiet: Duration,
}

impl SourceEnd {
    /// Receives exactly this many, not yet settled.
    pub(crate) async fn take(&mut self, count: usize) -> Checked<Vec<Delivery>> {
        let mut batch = Vec::new();
        let end = Instant::now() + self.patience;
        while batch.len() < count {
            let room = Room {
                messages: count - batch.len(),
                bytes: ROOM.bytes,
            };
            self.receive_until(end, room, &mut batch).await.map_err(|fault| {
                Failure::new(format!(
                    "{fault}, waiting for {count} deliveries, {} came",
                    batch.len()
                ))
            })?;
        }
        ensure(batch.len() == count, || {
            format!(
                "expected no more deliveries than there was room for ({count}), found {}",
                batch.len()
            )
        })?;
        Ok(batch)
    }

    /// The same, in the order of issue: a log keeps its place by a prefix, so the first of these may be settled alone.
    pub(crate) async fn take_sorted(&mut self, oracle: &Oracle, count: usize) -> Checked<Vec<Delivery>> {
        let mut batch = self.take(count).await?;
        batch.sort_by_key(|delivery| oracle.number(delivery));
        Ok(batch)
    }

    /// Receives whatever comes until nothing came for the quiet time of the stand.
    pub(crate) async fn rest(&mut self) -> Checked<Vec<Delivery>> {
        let mut batch = Vec::new();
        loop {
            let before = batch.len();
            let quiet = Instant::now() + self.quiet;
            match timeout_at(quiet, self.receiver.receive(ROOM, &mut batch)).await {
                Err(_) if batch.len() == before => return Ok(batch),
                Ok(Err(error)) if error.class() == Class::Temporary => sleep(Duration::from_millis(10)).await,
                Ok(Err(error)) => return Err(error.into()),
                Ok(Ok(())) | Err(_) => {}
            }
        }
    }

    /// Receives and settles until nothing is owed and nothing comes any more.
    pub(crate) async fn drain(&mut self, oracle: &Oracle) -> Checked {
        let end = Instant::now() + self.patience;
        while oracle.missing() > 0 && Instant::now() < end {
            let mut batch = Vec::new();
            let waited = self.receive_until(end, ROOM, &mut batch).await;
            oracle.arrived(&batch);
            self.done(&batch).await?;
            if waited.is_err() {
                // What is missing then is for the judge to say.
                break;
            }
        }
        let rest = self.rest().await?;
        oracle.arrived(&rest);
        self.done(&rest).await
    }

    async fn receive_until(&mut self, end: Instant, room: Room, batch: &mut Vec<Delivery>) -> Checked {
        match timeout_at(end, self.receiver.receive(room, batch)).await {
            Err(_) => Err(Failure::new("the receiver waited too long")),
            Ok(Err(error)) if error.class() == Class::Temporary => {
                sleep(Duration::from_millis(10)).await;
                Ok(())
            }
            Ok(Err(error)) => Err(error.into()),
            Ok(Ok(())) => Ok(()),
        }
    }

    /// Settles these as done.
    pub(crate) async fn done(&mut self, batch: &[Delivery]) -> Checked {
        self.settle(batch, Verdict::Done).await
    }

    /// Settles these in one call.
    pub(crate) async fn settle(&mut self, batch: &[Delivery], verdict: Verdict) -> Checked {
        let verdicts: Vec<_> = batch.iter().map(|delivery| (delivery.token, verdict)).collect();
        self.settle_tokens(&verdicts).await
    }

    /// Settles these tokens. Verdicts that are lost in a fault are no fault of the contract: the deliveries come again.
    pub(crate) async fn settle_tokens(&mut self, verdicts: &[(Token, Verdict)]) -> Checked {
        if verdicts.is_empty() {
            return Ok(());
        }
        match within(self.patience, "settle", self.settler.settle(verdicts)).await? {
            Err(error) if error.class() != Class::Temporary => Err(error.into()),
            Err(_) | Ok(()) => Ok(()),
        }
    }

    /// Closes both halves in the order of the contract.
    pub(crate) async fn close(self) -> Checked {
        within(self.patience, "the settler to close", self.settler.close()).await??;
        within(self.patience, "the receiver to close", self.receiver.close()).await??;
        Ok(())
    }
}

/// A sender.
pub(crate) struct TargetEnd {
    /// The sender.
    pub(crate) sender: Box<dyn Sender>,
    pub(super) patience: Duration,
    pub(super) batch: usize,
}

impl TargetEnd {
    /// One batch, and its answers.
    pub(crate) async fn send(&mut self, batch: &[Outgoing]) -> Checked<Vec<Result<Receipt>>> {
        let confirm = within(self.patience, "send", self.sender.send(batch)).await??;
        let answers = within(self.patience, "a confirm", confirm).await?;
        ensure(answers.len() == batch.len(), || {
            format!("expected {} answers, found {}", batch.len(), answers.len())
        })?;
        Ok(answers)
    }

    /// Sends until everything is confirmed: temporary errors are sent again, in order, as the router does it.
    pub(crate) async fn put(&mut self, oracle: &Oracle, batch: &[Outgoing]) -> Checked {
        for chunk in batch.chunks(self.batch) {
            self.put_chunk(oracle, chunk).await?;
        }
        Ok(())
    }

    async fn put_chunk(&mut self, oracle: &Oracle, batch: &[Outgoing]) -> Checked {
        let end = Instant::now() + self.patience;
        let mut left = batch.to_vec();
        while !left.is_empty() {
            ensure(Instant::now() < end, || {
                format!("{} messages could not be sent in time", left.len())
            })?;
            let confirm = match within(self.patience, "send", self.sender.send(&left)).await? {
                Ok(confirm) => confirm,
                Err(error) if error.class() == Class::Temporary => {
                    sleep(Duration::from_millis(10)).await;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let answers = within(self.patience, "a confirm", confirm).await?;
            ensure(answers.len() == left.len(), || {
                format!("expected {} answers, found {}", left.len(), answers.len())
            })?;
            let mut again = Vec::new();
            for (outgoing, answer) in left.into_iter().zip(answers) {
                oracle.answered(&outgoing, &answer);
                match answer {
                    Ok(_) => {}
                    Err(error) if error.class() == Class::Temporary => again.push(outgoing),
                    Err(error) => return Err(error.into()),
                }
            }
            left = again;
        }
        Ok(())
    }

    /// Closes it.
    pub(crate) async fn close(self) -> Checked {
        Ok(within(self.patience, "the sender to close", self.sender.close()).await??)
    }
}
