//! The contract of a messaging system: its traits in one file, their words in four beside it.
//!
//! A system is opened by its [`Plugin`](crate::registry::Plugin), answers offline what a channel can do ([`MessagingSystem::resolve`]), and
//! connects to a [`Session`]. A session makes receivers, with a settler each, and senders. Calls work on batches, so
//! that a virtual call costs nothing beside the messages. Nothing has a default body: an implementer sees every method,
//! and a wrapper that forgets one does not compile (`#[deny(clippy::missing_trait_methods)]`).
//!
//! What no system promises, whatever it can do: that a delivery is new (the same message may come again at any time),
//! any order across lanes, and that an unanswered send was not stored.

mod confirm;
mod delivery;
mod endpoint;
mod event;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::error::Result;

pub use confirm::Confirm;
pub use delivery::{Delivery, Lane, Origin, Outgoing, Receipt, Token, Verdict};
pub use endpoint::{ChannelState, Endpoint, Purpose, Resolved, Room, Source, Start, Target};
pub use event::{Event, Events, Revoked};

/// A messaging system with its settings, not yet connected.
///
/// Opening and resolving touch no network and no disk, so that a configuration can be checked anywhere.
#[async_trait]
pub trait MessagingSystem: fmt::Debug + Send + Sync {
    /// What this channel can do with these settings, and what it takes, told offline.
    ///
    /// # Errors
    /// A setting or a channel's name that this system cannot have. That the channel exists is not promised: [`Session::verify`] asks.
    fn resolve(&self, endpoint: &Endpoint) -> Result<Resolved>;

    /// Connects. The events go out beside the data for as long as the session lives, also while nobody calls `receive`.
    ///
    /// A session reconnects by itself; a connection that cannot be made at first is an error of its class.
    async fn connect(&self, events: Events) -> Result<Arc<dyn Session>>;
}

/// A connected system, shared by the routes that use it.
#[async_trait]
pub trait Session: fmt::Debug + Send + Sync {
    /// Asks the system itself: the channel exists, may be used as `purpose` says, and can do what is returned.
    ///
    /// Nothing is created, changed or consumed.
    async fn verify(&self, endpoint: &Endpoint, purpose: Purpose) -> Result<Resolved>;

    /// Begins to receive. Deliveries that were unsettled when an earlier receiver of the same group went away come
    /// again, here or at another receiver of the group.
    async fn receiver(&self, source: &Source) -> Result<(Box<dyn Receiver>, Box<dyn Settler>)>;

    /// Opens a channel for sending.
    async fn sender(&self, target: &Target) -> Result<Box<dyn Sender>>;

    /// How the channel stands. Figures that the system does not tell are `None`, never guessed.
    async fn inspect(&self, endpoint: &Endpoint, group: Option<&str>) -> Result<ChannelState>;

    /// Looks at messages without taking them from anyone, if this system can.
    fn browse(&self) -> Option<&dyn Browse>;

    /// Makes channels that are missing, if this system can.
    fn declare(&self) -> Option<&dyn Declare>;

    /// Ends the session after its receivers and senders were closed. What they still hold is not settled.
    async fn close(&self) -> Result<()>;
}

/// Takes deliveries from a channel.
#[async_trait]
pub trait Receiver: Send {
    /// Waits for one delivery, then appends whatever else is ready, within `room`.
    ///
    /// - Room: at most `room.messages`; bytes are a soft bound, and one message always passes. A room without messages is an error.
    /// - Order: kept inside a lane where the channel has `ordered_lanes`; across lanes nothing is promised.
    /// - Cancellation: dropping the future loses nothing. What was taken is in `batch`, the rest comes with the next call.
    /// - Failure: `Temporary`: ask again after a pause; `Unhealthy`: the route is down; `Closed`: the source has ended, and
    ///   every delivery was handed out. After an error `batch` may hold deliveries that were taken before it.
    /// - Not promised: that a delivery is new.
    async fn receive(&mut self, room: Room, batch: &mut Vec<Delivery>) -> Result<()>;

    /// Stops fetching and gives back what was fetched and not handed out. Comes after [`Settler::close`].
    async fn close(self: Box<Self>) -> Result<()>;
}

/// Answers deliveries. It is apart from the [`Receiver`], so that settling never cancels a pending read.
#[async_trait]
pub trait Settler: Send {
    /// Settles these deliveries, in any order.
    ///
    /// A token that is unknown, settled already, or of an incarnation before a reconnect has no effect and is no error: the
    /// broker delivers that message again. No other delivery is ever settled by it.
    /// An error means that these verdicts may be lost; their deliveries come again.
    async fn settle(&mut self, verdicts: &[(Token, Verdict)]) -> Result<()>;

    /// Writes out every settlement that is still held back. An error means that some may be lost; those deliveries come again.
    async fn close(self: Box<Self>) -> Result<()>;
}

/// Puts messages into a channel.
#[async_trait]
pub trait Sender: Send {
    /// Takes the whole batch, in its order, and resolves when the client has it: this is the back-pressure.
    ///
    /// - `Err`: no message of the batch was handed over. Everything else is answered in the [`Confirm`], message by message.
    /// - A message that can never pass (too large, a header that cannot be carried) is refused in its own place of the
    ///   confirm, before the wire; its neighbours go on, unless the channel has `ordered_batches`.
    /// - The future is polled beside confirms and a stop. Dropping it is an abort: the batch is in doubt.
    /// - Not promised: that messages of two unanswered batches keep their order when one of them fails.
    async fn send(&mut self, batch: &[Outgoing]) -> Result<Confirm>;

    /// Ends after the outstanding confirms were answered or their deadline has passed.
    async fn close(self: Box<Self>) -> Result<()>;
}

/// Makes what an end needs and does not find.
#[async_trait]
pub trait Declare: Send + Sync {
    /// Makes what is missing for this use of the end, where its settings say `topology: create`; otherwise nothing.
    ///
    /// Returns a sentence for each thing that was made, for people to read: nothing is made silently. What is there
    /// already is never changed, also where it differs from the settings; [`Session::verify`] tells of that.
    async fn declare(&self, endpoint: &Endpoint, purpose: Purpose) -> Result<Vec<String>>;
}

/// Looks at a channel without consuming from it.
#[async_trait]
pub trait Browse: Send + Sync {
    /// A receiver over what is there, from this place on; it belongs to no group, moves nobody's place, and its tokens
    /// cannot be settled. With `follow` it waits for more, else it ends with `Closed` behind the last message.
    async fn look(&self, endpoint: &Endpoint, start: &Start, follow: bool) -> Result<Box<dyn Receiver>>;
}
