//! The in-process messaging system, `memory:NAME`.
//!
//! It is a real system, held to the whole contract, and it needs nothing outside the process: no runtime, no disk, no
//! clock of its own. A channel is a log with lanes, positions, and groups that remember their places, or a queue whose
//! receivers compete and whose messages go when they are settled. Every capability can be switched off by a setting, so
//! that whatever is built on the contract meets systems of every kind without starting one.
//!
//! What it refuses to be is durable: nothing outlives the process, and a log without `retain` grows for as long as it is
//! written to. A group's place in a log is a contiguous prefix, so a receiver that comes anew gets again what was settled
//! behind a gap. Time to live and priority are carried and not acted upon.

mod broker;
mod browse;
mod channel;
mod config;
mod confirm;
mod lane;
mod receiver;
mod sender;
mod session;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use broker::Broker;
use config::Config;
use session::MemorySystem;

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::message::Message;
use crate::messaging::{Endpoint, MessagingSystem};
use crate::registry::{Facts, Opening, Plugin};
use crate::settings::Settings;

/// The in-process system, for the registry.
pub const PLUGIN: Plugin = Plugin {
    scheme: "memory",
    secure_scheme: None,
    open,
    facts: &Facts {
        title: "in-process memory",
        example: "memory:shop",
        channel: "a log or a queue, made by its first end",
        capabilities: config::DEFAULT,
        conditions: &[
            "settling_deletes is yes with `mode: queue`",
            "every other capability can be switched off by `capabilities` or `header_values`",
        ],
        carries: config::CARRIES,
        settings: config::SETTINGS,
    },
};

fn open(opening: &Opening<'_>) -> Result<Arc<dyn MessagingSystem>> {
    let name = opening.rest();
    if name.is_empty() {
        return Err(Error::invalid(
            "expected an address such as `memory:shop`, found no name in it",
        ));
    }
    MemoryBroker::named(name, opening.clock).system(opening.settings)
}

/// A broker inside the process. A clone is the same broker.
///
/// Beside the contract it has what an operator can do to a broker, so that tests can do it, too.
#[derive(Clone, Debug)]
pub struct MemoryBroker(Arc<Broker>);

/// Brokers by name, for as long as anything holds them.
static NAMED: Mutex<BTreeMap<String, Weak<Broker>>> = Mutex::new(BTreeMap::new());

impl MemoryBroker {
    /// A broker that nobody finds by its name: two of the same name are two.
    pub fn new(name: &str, clock: &Arc<dyn Clock>) -> Self {
        Self(Arc::new(Broker::new(name, Arc::clone(clock))))
    }

    /// The broker that `memory:NAME` means in this process.
    ///
    /// It lives, with all its messages, for as long as a system, a session or this handle of it is held; who comes
    /// then makes a new one. The clock is that of whoever came first.
    pub fn named(name: &str, clock: &Arc<dyn Clock>) -> Self {
        let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
        named.retain(|_, broker| broker.strong_count() > 0);
        if let Some(broker) = named.get(name).and_then(Weak::upgrade) {
            return Self(broker);
        }
        let made = Self::new(name, clock);
        named.insert(name.to_owned(), Arc::downgrade(&made.0));
        made
    }

    /// This broker as a messaging system with these settings.
    ///
    /// # Errors
    /// A setting that is unknown or malformed.
    pub fn system(&self, settings: &Settings) -> Result<Arc<dyn MessagingSystem>> {
        Config::read(settings, "CHANNEL")?;
        Ok(Arc::new(MemorySystem {
            broker: Arc::clone(&self.0),
            settings: settings.clone(),
        }))
    }

    /// Makes a channel with these settings, as an operator does; needed with `must_exist`.
    ///
    /// # Errors
    /// A setting that is malformed, or a channel that is there already with other settings.
    pub fn create(&self, endpoint: &Endpoint) -> Result<()> {
        let mut config = Config::read(&endpoint.settings, &endpoint.channel)?;
        config.must_exist = false;
        let mut state = self.0.state();
        self.0.ensure(&mut state, &endpoint.channel, &config, "create")?;
        Ok(())
    }

    /// Deletes a channel with its messages, and says whether it was there. Its receivers and senders find it missing.
    pub fn delete(&self, channel: &str) -> bool {
        let there = self.0.state().channels.remove(channel).is_some();
        self.0.changed.notify(usize::MAX);
        there
    }

    /// Deletes the oldest messages of each lane, read or not, until at most `keep` are there.
    pub fn trim(&self, channel: &str, keep: usize) {
        if let Some(channel) = self.0.state().channels.get_mut(channel) {
            for lane in &mut channel.lanes {
                lane.trim(keep);
            }
        }
        self.0.changed.notify(usize::MAX);
    }

    /// The messages of a channel as they are stored, lane after lane; none of a channel that is not there.
    pub fn stored(&self, channel: &str) -> Vec<Message> {
        let state = self.0.state();
        let lanes = state.channels.get(channel).map(|channel| &channel.lanes);
        (lanes.into_iter().flatten())
            .flat_map(|lane| lane.iter().map(|(_, stored)| stored.message.clone()))
            .collect()
    }

    /// Breaks every connection once; each is back at once. What was unsettled comes again, and confirms that were held
    /// back are answered with doubt.
    pub fn cut(&self) {
        self.0.cut(false);
    }

    /// Breaks every connection and takes no new ones until [`MemoryBroker::start`]. Messages and places are kept.
    pub fn stop(&self) {
        self.0.cut(true);
    }

    /// Can be reached again after [`MemoryBroker::stop`].
    pub fn start(&self) {
        self.0.start();
    }

    /// Holds confirms back from now on: messages are stored, and nobody is told so. Channels without `confirms` answer
    /// all the same, for they know nothing of it.
    pub fn hold_confirms(&self) {
        self.0.state().holding = true;
    }

    /// Lets every confirm go that was held back, and holds no more.
    pub fn release_confirms(&self) {
        let mut state = self.0.state();
        state.holding = false;
        let held = std::mem::take(&mut state.held);
        drop(state);
        for held in held {
            held.answer(confirm::Outcome::Answered);
        }
    }
}
