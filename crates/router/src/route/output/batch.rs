//! What an output holds of each message: on its way to the client, taken by it, or waiting to be sent again.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use dunlin_core::error::Result;
use dunlin_core::messaging::{Confirm, Lane, Outgoing, Receipt, Sender};
use futures_util::future::BoxFuture;

use super::Ticket;
use crate::retry::Backoff;

/// What tells a message from the others while its content is with the client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) ticket: Ticket,
    pub(super) lane: Lane,
    /// How often it was handed to the client.
    pub(super) sends: u32,
}

/// A message to send.
pub(super) struct Item {
    pub(super) head: Head,
    pub(super) outgoing: Outgoing,
}

/// Messages that are sent with one call: the content side by side, as the client wants it.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) heads: Vec<Head>,
    pub(super) outgoing: Vec<Outgoing>,
}

/// A send under way. The heads stay outside, so that they can be looked through.
pub(super) struct Sending {
    pub(super) heads: Vec<Head>,
    pub(super) future: BoxFuture<'static, Sent>,
}

/// The client comes back with the batch, and with what it said.
pub(super) type Sent = (Box<dyn Sender>, Vec<Outgoing>, Result<Confirm>);

/// A lane of which a message is to be sent again.
pub(super) struct HeldLane {
    /// That message, and everything of the lane that was not sent, the earliest first.
    pub(super) waiting: BTreeMap<Ticket, Item>,
    /// Messages of the lane that were sent and not answered. While there are any, what fails may still be an earlier one.
    pub(super) unanswered: usize,
    /// The one that goes ahead.
    pub(super) probe: Option<Ticket>,
    pub(super) again_at: Instant,
    pub(super) backoff: Backoff,
}

/// The confirm of a batch, with the batch's number.
pub(super) struct Awaited {
    pub(super) batch: u64,
    pub(super) confirm: Confirm,
}

impl Future for Awaited {
    type Output = (u64, Vec<Result<Receipt>>);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let batch = self.batch;
        Pin::new(&mut self.confirm)
            .poll(context)
            .map(|answers| (batch, answers))
    }
}

impl Batch {
    /// Takes a message in, to be sent once more than it was.
    pub(super) fn push(&mut self, mut item: Item) {
        item.head.sends = item.head.sends.saturating_add(1);
        self.heads.push(item.head);
        self.outgoing.push(item.outgoing);
    }

    /// The messages, each with its head, taken out so that the room for them is left.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (Head, Outgoing)> {
        self.heads.drain(..).zip(self.outgoing.drain(..))
    }

    /// The messages, each with its head again.
    pub(super) fn into_items(self) -> impl DoubleEndedIterator<Item = Item> {
        self.heads
            .into_iter()
            .zip(self.outgoing)
            .map(|(head, outgoing)| Item { head, outgoing })
    }
}
