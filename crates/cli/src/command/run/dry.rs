//! A rehearsal: the routes read and migrate as they would, and what they send is thrown away.
//!
//! Each system is wrapped. Where it can show messages without taking them, a route looks at what is there and ends; else it
//! reads in a group of its own, of which nothing is ever settled. The ends are verified as in a real run, and nothing is made.

use std::sync::Arc;

use async_trait::async_trait;
use dunlin_core::error::{Error, ErrorKind, Result};
use dunlin_core::messaging::{
    Browse, ChannelState, Confirm, Endpoint, Events, MessagingSystem, Outgoing, Purpose, Receipt, Receiver,
    Resolved, Sender, Session, Settler, Source, Target, Token, Verdict,
};
use dunlin_router::plan::Plan;

/// What stands behind the name of a group in a rehearsal.
const SUFFIX: &str = "-dry-run";

/// Turns a plan into its rehearsal.
pub(super) fn rehearse(plan: &mut Plan) {
    for planned in plan.systems.values_mut() {
        planned.system = Arc::new(Rehearsed(Arc::clone(&planned.system)));
    }
    for route in &mut plan.routes {
        route.from.source.group.push_str(SUFFIX);
    }
}

#[derive(Debug)]
struct Rehearsed(Arc<dyn MessagingSystem>);

#[derive(Debug)]
struct RehearsedSession {
    system: Arc<dyn MessagingSystem>,
    session: Arc<dyn Session>,
}

/// Settles nothing.
struct SettlesNothing;

/// Sends nothing, and says that all is well.
struct SendsNothing;

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl MessagingSystem for Rehearsed {
    fn resolve(&self, endpoint: &Endpoint) -> Result<Resolved> {
        self.0.resolve(endpoint)
    }

    async fn connect(&self, events: Events) -> Result<Arc<dyn Session>> {
        let session = self.0.connect(events).await?;
        let system = Arc::clone(&self.0);
        Ok(Arc::new(RehearsedSession { system, session }))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Session for RehearsedSession {
    async fn verify(&self, endpoint: &Endpoint, purpose: Purpose) -> Result<Resolved> {
        self.session.verify(endpoint, purpose).await
    }

    async fn receiver(&self, source: &Source) -> Result<(Box<dyn Receiver>, Box<dyn Settler>)> {
        if let Some(browse) = self.session.browse() {
            match browse.look(&source.endpoint, &source.start, false).await {
                Ok(receiver) => return Ok((receiver, Box::new(SettlesNothing))),
                // A channel that cannot be looked at, as standard input, is read.
                Err(error) if error.kind() == ErrorKind::Unsupported => {}
                Err(error) => return Err(error),
            }
        }
        if self
            .system
            .resolve(&source.endpoint)?
            .capabilities
            .settling_deletes
        {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "rehearse",
                "expected a source that a second group can read, found one that gives each message to one reader only",
            )
            .with("channel", &source.endpoint.channel));
        }
        let (receiver, settler) = self.session.receiver(source).await?;
        settler.close().await?;
        Ok((receiver, Box::new(SettlesNothing)))
    }

    async fn sender(&self, _target: &Target) -> Result<Box<dyn Sender>> {
        Ok(Box::new(SendsNothing))
    }

    async fn inspect(&self, endpoint: &Endpoint, group: Option<&str>) -> Result<ChannelState> {
        self.session.inspect(endpoint, group).await
    }

    fn browse(&self) -> Option<&dyn Browse> {
        self.session.browse()
    }

    async fn close(&self) -> Result<()> {
        self.session.close().await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Settler for SettlesNothing {
    async fn settle(&mut self, _verdicts: &[(Token, Verdict)]) -> Result<()> {
        Ok(())
    }

    async fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Sender for SendsNothing {
    async fn send(&mut self, batch: &[Outgoing]) -> Result<Confirm> {
        Ok(Confirm::ready(
            batch.iter().map(|_| Ok(Receipt::stored())).collect(),
        ))
    }

    async fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
