//! The system and its sessions; these calls themselves are not hostile, a route's start is tested elsewhere.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use dunlin_core::messaging::{
    Browse, ChannelState, Declare, Endpoint, Event, Events, Lane, MessagingSystem, Purpose, Receiver,
    Resolved, Sender, Session, Settler, Source, Target,
};
use dunlin_core::{Error, Result, memory};

use super::channel::Reader;
use super::receiver::{HostileReceiver, HostileSettler};
use super::sender::HostileSender;
use super::{Behaviour, Broker, State};

pub(super) struct HostileSystem(pub(super) Arc<Broker>);

struct HostileSession {
    broker: Arc<Broker>,
    id: u64,
}

fn resolved(state: &State, channel: &str) -> Resolved {
    let Behaviour {
        capabilities, limits, ..
    } = &state.behaviour;
    Resolved::new(
        *capabilities,
        *limits,
        "hostile",
        format!("hostile/{channel}"),
        memory::PLUGIN.facts.carries,
    )
}

#[async_trait]
impl MessagingSystem for HostileSystem {
    fn resolve(&self, endpoint: &Endpoint) -> Result<Resolved> {
        Ok(resolved(&self.0.state(), &endpoint.channel))
    }

    async fn connect(&self, events: Events) -> Result<Arc<dyn Session>> {
        let mut state = self.0.state();
        let id = state.next_id();
        state.sessions.insert(id, events);
        drop(state);
        Ok(Arc::new(HostileSession {
            broker: Arc::clone(&self.0),
            id,
        }))
    }
}

#[async_trait]
impl Session for HostileSession {
    async fn verify(&self, endpoint: &Endpoint, _purpose: Purpose) -> Result<Resolved> {
        Ok(resolved(&self.broker.state(), &endpoint.channel))
    }

    async fn receiver(&self, source: &Source) -> Result<(Box<dyn Receiver>, Box<dyn Settler>)> {
        let mut state = self.broker.state();
        state.open(self.id, "receiver")?;
        let id = state.next_id();
        let name = source.endpoint.channel.clone();
        let lanes = state.channel(&name).lanes();
        let lanes: Vec<Lane> = (0..lanes).map(|_| Lane(state.next_id())).collect();
        let deletes = state.behaviour.capabilities.settling_deletes;
        let reader = Reader {
            id,
            session: self.id,
            lanes,
            tokens: HashMap::new(),
            leaving: HashMap::new(),
            last_poll: self.broker.clock.now(),
        };
        let channel = state.channel(&name);
        // Whoever had the channel has it no more; what it held comes again here.
        channel.rewind(None, deletes);
        channel.reader = Some(reader);
        drop(state);
        self.broker.changed.notify(usize::MAX);
        let settler = HostileSettler::new(&self.broker, &name, id);
        Ok((
            Box::new(HostileReceiver::new(&self.broker, &name, id)),
            Box::new(settler),
        ))
    }

    async fn sender(&self, target: &Target) -> Result<Box<dyn Sender>> {
        let mut state = self.broker.state();
        state.open(self.id, "sender")?;
        let name = target.endpoint.channel.clone();
        state.channel(&name);
        drop(state);
        Ok(Box::new(HostileSender::new(&self.broker, self.id, &name)))
    }

    async fn inspect(&self, endpoint: &Endpoint, _group: Option<&str>) -> Result<ChannelState> {
        let mut state = self.broker.state();
        let channel = state.channel(&endpoint.channel);
        let mut found = ChannelState::default();
        found.depth = Some(channel.len() as u64);
        found.lag = Some(channel.unsettled() as u64);
        Ok(found)
    }

    fn browse(&self) -> Option<&dyn Browse> {
        None
    }

    fn declare(&self) -> Option<&dyn Declare> {
        None
    }

    async fn close(&self) -> Result<()> {
        self.broker.state().sessions.remove(&self.id);
        self.broker.changed.notify(usize::MAX);
        Ok(())
    }
}

impl State {
    pub(super) fn open(&self, session: u64, operation: &'static str) -> Result<()> {
        if self.sessions.contains_key(&session) {
            Ok(())
        } else {
            Err(Error::closed(
                operation,
                "expected an open session, found it closed",
            ))
        }
    }

    pub(super) fn telling(&self, session: u64, event: Event) -> Vec<(Events, Event)> {
        let events = self.sessions.get(&session);
        events.map(|events| (events.clone(), event)).into_iter().collect()
    }
}

impl fmt::Debug for HostileSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostileSystem(seed {})", self.0.seed)
    }
}

impl fmt::Debug for HostileSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostileSession({} of seed {})", self.id, self.broker.seed)
    }
}
