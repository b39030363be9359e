//! A plan that reads and migrates as it would, and writes nothing.
//!
//! Every system is wrapped: its receivers are real, for a group of their own; what is to be settled is not, so that it is
//! given back when the run ends; and what is to be sent is confirmed and thrown away. Every end is verified as for a run in
//! earnest. The routes themselves do not know.
//!
//! Where deliveries of a channel are shared by everyone, other receivers wait meanwhile for what a dry run holds, and find
//! it counted as delivered once more.

use std::sync::Arc;

use async_trait::async_trait;
use dunlin_core::error::Result;
use dunlin_core::messaging::{
    Browse, ChannelState, Confirm, Endpoint, Events, MessagingSystem, Outgoing, Purpose, Receipt, Receiver,
    Resolved, Sender, Session, Settler, Source, Target, Token, Verdict,
};

use crate::plan::Plan;

impl Plan {
    /// The same plan, to be run without writing anything: no message, no place, no verdict.
    #[must_use]
    pub fn dry(mut self) -> Self {
        for planned in self.systems.values_mut() {
            planned.system = Arc::new(DrySystem(Arc::clone(&planned.system)));
        }
        for route in &mut self.routes {
            route.from.source.group.push_str("-dry-run");
        }
        self
    }
}

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
        let (receiver, settler) = self.0.receiver(source).await?;
        Ok((receiver, Box::new(DrySettler(settler))))
    }

    async fn sender(&self, _target: &Target) -> Result<Box<dyn Sender>> {
        Ok(Box::new(DrySender))
    }

    async fn inspect(&self, endpoint: &Endpoint, group: Option<&str>) -> Result<ChannelState> {
        self.0.inspect(endpoint, group).await
    }

    fn browse(&self) -> Option<&dyn Browse> {
        self.0.browse()
    }

    async fn close(&self) -> Result<()> {
        self.0.close().await
    }
}

/// Settles nothing.
struct DrySettler(Box<dyn Settler>);

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Settler for DrySettler {
    async fn settle(&mut self, _verdicts: &[(Token, Verdict)]) -> Result<()> {
        Ok(())
    }

    async fn close(self: Box<Self>) -> Result<()> {
        self.0.close().await
    }
}

/// Confirms everything, and throws it away.
struct DrySender;

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Sender for DrySender {
    async fn send(&mut self, batch: &[Outgoing]) -> Result<Confirm> {
        Ok(Confirm::ready(
            batch.iter().map(|_| Ok(Receipt::stored())).collect(),
        ))
    }

    async fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
