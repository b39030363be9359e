//! A session: the writing connection, receivers with theirs, and one for questions that is made when one is asked.

use std::sync::Arc;

use async_trait::async_trait;
use dunlin_core::messaging::{
    Browse, ChannelState, Declare, Endpoint, Events, Lane, Purpose, Receiver, Resolved, Sender, Session,
    Settler, Source, Target,
};
use dunlin_core::reconnect::Pauses;
use dunlin_core::{Class, Error, Result};
use tokio::sync::Mutex;

use crate::connection::{Connector, Link};
use crate::flight::Flight;
use crate::group::Group;
use crate::reader::Reader;
use crate::receiver::{Slot, pair};
use crate::sender::RedisSender;
use crate::writer::Writer;

#[derive(Debug)]
pub(crate) struct RedisSession {
    pub(crate) connector: Connector,
    events: Events,
    writer: Arc<Writer>,
    asking: Mutex<Option<Arc<Link>>>,
}

impl RedisSession {
    pub(crate) async fn connect(connector: Connector, events: Events) -> Result<Self> {
        let first = connector.link().await?;
        Ok(Self {
            writer: Arc::new(Writer::keep(connector.clone(), first, events.clone())),
            connector,
            events,
            asking: Mutex::new(None),
        })
    }

    /// Asks something that can be asked twice. Where the connection is lost, or was dead without a word, it is asked again on
    /// another one, for as long as two answers may take: a server that is just starting is no answer.
    pub(crate) async fn ask<T, A>(&self, question: impl Fn(Arc<Link>) -> A) -> Result<T>
    where
        A: Future<Output = Result<T>>,
    {
        let clock = &self.connector.clock;
        let end = clock.now() + self.connector.config.answer_timeout() * 2;
        let mut pauses = Pauses::new();
        loop {
            let answer = match self.asking().await {
                Ok(link) => question(link).await,
                Err(error) => Err(error),
            };
            match answer {
                Err(error) if error.class() == Class::Temporary && clock.now() < end => {
                    clock.sleep(pauses.after(&error)).await;
                }
                answer => return answer,
            }
        }
    }

    /// The connection for questions, made anew if it has died since the last one.
    async fn asking(&self) -> Result<Arc<Link>> {
        let mut asking = self.asking.lock().await;
        match &*asking {
            Some(link) if !link.is_dead() => Ok(Arc::clone(link)),
            _ => Ok(Arc::clone(asking.insert(self.connector.link().await?))),
        }
    }
}

#[async_trait]
impl Session for RedisSession {
    async fn verify(&self, endpoint: &Endpoint, purpose: Purpose) -> Result<Resolved> {
        let end = self.connector.config.end(endpoint)?;
        let end = &end;
        self.ask(|link| async move { self.look_at(&link, end, purpose).await })
            .await
    }

    async fn receiver(&self, source: &Source) -> Result<(Box<dyn Receiver>, Box<dyn Settler>)> {
        let config = &self.connector.config;
        let end = Arc::new(config.end(&source.endpoint)?);
        if source.group.is_empty() {
            return Err(
                Error::invalid("expected the name of a group, found nothing").with("setting", "group")
            );
        }
        let name = match &end.consumer {
            Some(name) => name.clone(),
            None => host().await,
        };
        let slot = Slot::take(
            &format!("{}/{}/{}", config.shown(), end.channel, source.group),
            &name,
        );
        let flight = Arc::new(Flight::new(&end.channel, Lane(0), source.window));
        let group = Group {
            end,
            name: source.group.clone(),
            start: source.start.clone(),
        };
        let mut reader = Reader::new(
            self.connector.clone(),
            group,
            Arc::clone(&slot.consumer),
            flight,
            self.events.clone(),
        );
        let first = reader.open().await?;
        let (receiver, settler) = pair(reader, first, slot);
        Ok((Box::new(receiver), Box::new(settler)))
    }

    async fn sender(&self, target: &Target) -> Result<Box<dyn Sender>> {
        let end = self.connector.config.end(&target.endpoint)?;
        Ok(Box::new(RedisSender::new(
            end,
            Arc::clone(&self.writer),
            self.connector.clone(),
        )))
    }

    async fn inspect(&self, endpoint: &Endpoint, group: Option<&str>) -> Result<ChannelState> {
        let end = self.connector.config.end(endpoint)?;
        let end = &end;
        self.ask(|link| async move { self.count(&link, end, group).await })
            .await
    }

    fn browse(&self) -> Option<&dyn Browse> {
        Some(self)
    }

    fn declare(&self) -> Option<&dyn Declare> {
        Some(self)
    }

    async fn close(&self) -> Result<()> {
        self.writer.close();
        if let Some(link) = self.asking.lock().await.take() {
            link.kill();
        }
        Ok(())
    }
}

/// The name of this machine, or `dunlin` where it has none.
async fn host() -> String {
    let told = tokio::fs::read_to_string("/proc/sys/kernel/hostname").await;
    let name = told
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .unwrap_or_default();
    match name.trim() {
        "" => "dunlin".to_owned(),
        name => name.to_owned(),
    }
}
