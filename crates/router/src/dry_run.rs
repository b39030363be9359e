//! A run that leaves no trace: messages are looked at and migrated, and nothing is sent, settled or remembered.
//!
//! Each system of the plan is wrapped. A source is browsed where its system can do that; else it is read in a group of its
//! own, of which nothing is ever settled, which is refused where settling would take messages away from others. What is sent is confirmed and thrown away,
//! so that the loop counts as it would in earnest. Ends are verified as ever. It does not find out what a target would
//! refuse at the moment of sending.

use std::sync::Arc;

use async_trait::async_trait;
use dunlin_core::error::{Error, ErrorKind, Result};
use dunlin_core::messaging::{
    Browse, ChannelState, Confirm, Declare, Endpoint, Events, MessagingSystem, Outgoing, Purpose, Receipt,
    Receiver, Resolved, Sender, Session, Settler, Source, Target, Token, Verdict,
};

use dunlin_schemas::registry::Purpose as RegistryPurpose;

use crate::plan::Plan;

impl Plan {
    /// The same plan, to be run without a trace. A source that can be browsed ends behind its last message.
    #[must_use]
    pub fn dry(mut self) -> Self {
        for planned in self.systems.values_mut() {
            planned.system = Arc::new(DrySystem(Arc::clone(&planned.system)));
        }
        for route in &mut self.routes {
            route.registry_purpose = RegistryPurpose::Look;
            route.from.source.group = format!("{}-dry-run", route.from.source.group);
        }
        self
    }
}

/// A system that is looked at and not touched.
#[derive(Debug)]
struct DrySystem(Arc<dyn MessagingSystem>);

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl MessagingSystem for DrySystem {
    fn resolve(&self, endpoint: &Endpoint) -> Result<Resolved> {
        self.0.resolve(endpoint)
    }

    async fn connect(&self, events: Events) -> Result<Arc<dyn Session>> {
        Ok(Arc::new(DrySession(self.0.connect(events).await?)))
    }
}

#[derive(Debug)]
struct DrySession(Arc<dyn Session>);

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Session for DrySession {
    async fn verify(&self, endpoint: &Endpoint, purpose: Purpose) -> Result<Resolved> {
        self.0.verify(endpoint, purpose).await
    }

    async fn receiver(&self, source: &Source) -> Result<(Box<dyn Receiver>, Box<dyn Settler>)> {
        if let Some(browse) = self.0.browse() {
            match browse.look(&source.endpoint, &source.start, false).await {
                Ok(looking) => return Ok((looking, Box::new(Unsettled))),
                // A channel that cannot be looked at, such as standard input, is read.
                Err(error) if error.kind() == ErrorKind::Unsupported => {}
                Err(error) => return Err(error),
            }
        }
        if self
            .0
            .verify(&source.endpoint, Purpose::Receive)
            .await?
            .capabilities
            .settling_deletes
        {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "receive",
                "expected a source that can be looked at without taking messages from others, found one that deletes what \
                 is settled; a dry run of it is refused",
            )
            .with("channel", &source.endpoint.channel));
        }
        let (receiver, _) = self.0.receiver(source).await?;
        Ok((receiver, Box::new(Unsettled)))
    }

    async fn sender(&self, _: &Target) -> Result<Box<dyn Sender>> {
        Ok(Box::new(Discarded))
    }

    async fn inspect(&self, endpoint: &Endpoint, group: Option<&str>) -> Result<ChannelState> {
        self.0.inspect(endpoint, group).await
    }

    fn browse(&self) -> Option<&dyn Browse> {
        self.0.browse()
    }

    fn declare(&self) -> Option<&dyn Declare> {
        // A dry run makes nothing.
        None
    }

    async fn close(&self) -> Result<()> {
        self.0.close().await
    }
}

/// Settles nothing: what is looked at belongs to no group.
struct Unsettled;

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Settler for Unsettled {
    async fn settle(&mut self, _: &[(Token, Verdict)]) -> Result<()> {
        Ok(())
    }

    async fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

/// Confirms and forgets.
struct Discarded;

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Sender for Discarded {
    async fn send(&mut self, batch: &[Outgoing]) -> Result<Confirm> {
        Ok(Confirm::ready(
            batch.iter().map(|_| Ok(Receipt::stored())).collect(),
        ))
    }

    async fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
