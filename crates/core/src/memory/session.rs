//! The in-process system and its sessions.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::broker::{Broker, Membership, State, missing};
use super::browse::Looker;
use super::config::{CARRIES, CARRIES_NO_HEADERS, Config};
use super::receiver::{MemoryReceiver, MemorySettler};
use super::sender::MemorySender;
use crate::capability::HeaderValues;
use crate::error::{Error, Result};
use crate::messaging::{
    Browse, ChannelState, Declare, Endpoint, Events, Lane, MessagingSystem, Purpose, Receiver, Resolved,
    Sender, Session, Settler, Source, Start, Target,
};
use crate::settings::Settings;

/// A broker with the settings of one `systems:` entry.
#[derive(Debug)]
pub(super) struct MemorySystem {
    pub(super) broker: Arc<Broker>,
    pub(super) settings: Settings,
}

impl MemorySystem {
    fn config(&self, endpoint: &Endpoint) -> Result<Config> {
        if endpoint.channel.is_empty() {
            return Err(Error::invalid("expected the name of a channel, found none"));
        }
        Config::read(
            &self.settings.overridden_by(&endpoint.settings),
            &endpoint.channel,
        )
        .map_err(|error| error.with("channel", &endpoint.channel))
    }

    fn resolved(&self, channel: &str, config: &Config) -> Resolved {
        let identity = format!("memory:{}", self.broker.name);
        let canonical = format!("{identity}/{channel}");
        let carries = match config.capabilities.header_values {
            HeaderValues::None => CARRIES_NO_HEADERS,
            HeaderValues::Text | HeaderValues::Binary => CARRIES,
        };
        Resolved::new(config.capabilities, config.limits, identity, canonical, carries)
    }
}

#[async_trait]
impl MessagingSystem for MemorySystem {
    fn resolve(&self, endpoint: &Endpoint) -> Result<Resolved> {
        let config = self.config(endpoint)?;
        Ok(self.resolved(&endpoint.channel, &config))
    }

    async fn connect(&self, events: Events) -> Result<Arc<dyn Session>> {
        let mut state = self.broker.state();
        state.reachable("connect")?;
        let id = state.next_id();
        state.sessions.insert(id, events);
        Ok(Arc::new(MemorySession {
            link: Arc::new(Link {
                broker: Arc::clone(&self.broker),
                id,
            }),
            system: Self {
                broker: Arc::clone(&self.broker),
                settings: self.settings.clone(),
            },
        }))
    }
}

/// A session.
pub(super) struct MemorySession {
    link: Arc<Link>,
    system: MemorySystem,
}

#[async_trait]
impl Session for MemorySession {
    async fn verify(&self, endpoint: &Endpoint, _purpose: Purpose) -> Result<Resolved> {
        let config = self.system.config(endpoint)?;
        let state = self.system.broker.state();
        state.reachable("verify")?;
        match state.channels.get(&endpoint.channel) {
            Some(channel) => channel.config.agrees(&config, &endpoint.channel, "verify")?,
            None if config.must_exist => return Err(missing(&endpoint.channel, "verify")),
            None => {}
        }
        Ok(self.system.resolved(&endpoint.channel, &config))
    }

    async fn receiver(&self, source: &Source) -> Result<(Box<dyn Receiver>, Box<dyn Settler>)> {
        let config = self.system.config(&source.endpoint)?;
        let broker = &self.system.broker;
        let now = broker.clock.now();
        let mut guard = broker.state();
        let state = &mut *guard;
        self.open(state, "receiver")?;
        let name = &source.endpoint.channel;
        // Everyone competes for a queue, whatever the group, and all of it that is there is theirs.
        let (group, start) = if config.capabilities.settling_deletes {
            (String::new(), &Start::Earliest)
        } else {
            (source.group.clone(), &source.start)
        };
        let id = state.next_id();
        let channel = broker.ensure(state, name, &config, "receiver")?;
        channel.join(&group, id, start)?;
        let birth = channel.birth;
        let unsettled = config.limits.unsettled.unwrap_or(usize::MAX);
        let lanes = (0..config.lanes).map(|_| Lane(state.next_id())).collect();
        state.receivers.insert(
            id,
            Membership {
                session: self.link.id,
                channel: name.clone(),
                birth,
                group: group.clone(),
                lanes,
                tokens: std::collections::HashMap::new(),
            },
        );
        let news = broker.deal(state, name, &group, now);
        drop(guard);
        broker.tell(news);
        let receiver = MemoryReceiver::new(Arc::clone(broker), id, Arc::clone(&self.link), unsettled);
        let settler = MemorySettler::new(&receiver);
        Ok((Box::new(receiver), Box::new(settler)))
    }

    async fn sender(&self, target: &Target) -> Result<Box<dyn Sender>> {
        let config = self.system.config(&target.endpoint)?;
        let broker = &self.system.broker;
        let mut state = broker.state();
        self.open(&state, "sender")?;
        let birth = broker
            .ensure(&mut state, &target.endpoint.channel, &config, "sender")?
            .birth;
        drop(state);
        Ok(Box::new(MemorySender::new(
            Arc::clone(broker),
            Arc::clone(&self.link),
            target.endpoint.channel.clone(),
            birth,
            config,
        )))
    }

    async fn inspect(&self, endpoint: &Endpoint, group: Option<&str>) -> Result<ChannelState> {
        let config = self.system.config(endpoint)?;
        let state = self.system.broker.state();
        state.reachable("inspect")?;
        let mut found = ChannelState::default();
        let Some(channel) = state.channels.get(&endpoint.channel) else {
            if config.must_exist {
                return Err(missing(&endpoint.channel, "inspect"));
            }
            // It will be made by its first end, empty.
            found.depth = Some(0);
            found.lag = group.map(|_| 0);
            return Ok(found);
        };
        channel.config.agrees(&config, &endpoint.channel, "inspect")?;
        found.depth = Some(channel.depth() as u64);
        found.lag = group.map(|group| channel.lag(group));
        if let ([lane], true) = (channel.lanes.as_slice(), config.capabilities.stable_position) {
            // Positions of several lanes are of several logs, of which none is first or last.
            found.first = lane.iter().next().map(|(offset, _)| channel.position(0, offset));
            found.last = lane
                .end()
                .checked_sub(1)
                .map(|offset| channel.position(0, offset));
        }
        let mode = if config.capabilities.settling_deletes {
            "queue"
        } else {
            "log"
        };
        found.settings = vec![
            ("mode".to_owned(), mode.to_owned()),
            ("lanes".to_owned(), config.lanes.to_string()),
        ];
        Ok(found)
    }

    fn browse(&self) -> Option<&dyn Browse> {
        Some(self)
    }

    fn declare(&self) -> Option<&dyn Declare> {
        Some(self)
    }

    async fn close(&self) -> Result<()> {
        self.link.end();
        Ok(())
    }
}

#[async_trait]
impl Declare for MemorySession {
    async fn declare(&self, endpoint: &Endpoint, _purpose: Purpose) -> Result<Vec<String>> {
        let config = self.system.config(endpoint)?;
        let broker = &self.system.broker;
        let mut state = broker.state();
        self.open(&state, "declare")?;
        if !(config.must_exist && config.declared) || state.channels.contains_key(&endpoint.channel) {
            return Ok(Vec::new());
        }
        broker.make(&mut state, &endpoint.channel, &config);
        Ok(vec![format!("the channel `{}` was made", endpoint.channel)])
    }
}

#[async_trait]
impl Browse for MemorySession {
    async fn look(&self, endpoint: &Endpoint, start: &Start, follow: bool) -> Result<Box<dyn Receiver>> {
        let config = self.system.config(endpoint)?;
        let broker = &self.system.broker;
        let mut state = broker.state();
        self.open(&state, "look")?;
        let Some(channel) = state.channels.get(&endpoint.channel) else {
            return Err(missing(&endpoint.channel, "look"));
        };
        channel.config.agrees(&config, &endpoint.channel, "look")?;
        let (places, birth) = (channel.places(start)?, channel.birth);
        let lanes = (0..config.lanes).map(|_| Lane(state.next_id())).collect();
        drop(state);
        Ok(Box::new(Looker {
            broker: Arc::clone(broker),
            link: Arc::clone(&self.link),
            channel: endpoint.channel.clone(),
            birth,
            places,
            lanes,
            follow,
        }))
    }
}

impl MemorySession {
    fn open(&self, state: &State, operation: &'static str) -> Result<()> {
        state.reachable(operation)?;
        self.link.open(state, operation)
    }
}

/// The connection of a session, its receivers and its senders. When the last of them is dropped without a word, it ends
/// as the end of a process ends it on a network.
pub(super) struct Link {
    broker: Arc<Broker>,
    pub(super) id: u64,
}

impl Link {
    pub(super) fn open(&self, state: &State, operation: &'static str) -> Result<()> {
        if state.sessions.contains_key(&self.id) {
            Ok(())
        } else {
            Err(Error::closed(
                operation,
                "expected an open session, found it closed",
            ))
        }
    }

    fn end(&self) {
        let mut state = self.broker.state();
        state.sessions.remove(&self.id);
        let mine: Vec<u64> = (state.receivers.iter())
            .filter(|(_, membership)| membership.session == self.id)
            .map(|(id, _)| *id)
            .collect();
        drop(state);
        for receiver in mine {
            self.broker.leave(receiver);
        }
        self.broker.changed.notify(usize::MAX);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for MemorySession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "MemorySession({} of memory:{})",
            self.link.id, self.system.broker.name
        )
    }
}
