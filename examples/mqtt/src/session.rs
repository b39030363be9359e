//! A connected system.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use dunlin_core::messaging::{
    Browse, ChannelState, Declare, Endpoint, Events, Lane, Purpose, Receiver, Resolved, Sender, Session,
    Settler, Source, Start, Target,
};
use dunlin_core::{Error, ErrorKind, Result};
use tokio::sync::Mutex;

use crate::config::Config;
use crate::link::{Link, Role};
use crate::reader::Reader;
use crate::receiver::{MqttReceiver, MqttSettler};
use crate::sender::MqttSender;
use crate::writer::Writer;

pub(crate) struct MqttSession {
    config: Arc<Config>,
    events: Events,
    writer: Arc<Writer>,
    link: Mutex<Option<Link>>,
    lanes: AtomicU64,
}

impl MqttSession {
    pub(crate) async fn connect(config: Arc<Config>, events: Events) -> Result<Self> {
        let writer = Arc::new(Writer::default());
        let role = Arc::clone(&writer) as Arc<dyn Role>;
        let link = Link::start(Arc::clone(&config), events.clone(), role).await?;
        Ok(Self {
            config,
            events,
            writer,
            link: Mutex::new(Some(link)),
            lanes: AtomicU64::new(0),
        })
    }
}

impl fmt::Debug for MqttSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MqttSession({}:{})", self.config.host, self.config.port)
    }
}

#[async_trait]
impl Session for MqttSession {
    /// The protocol has no question about topics: whether somebody is subscribed is learnt by sending.
    async fn verify(&self, endpoint: &Endpoint, _: Purpose) -> Result<Resolved> {
        self.config.end(endpoint).map(|end| self.config.resolved(&end))
    }

    async fn receiver(&self, source: &Source) -> Result<(Box<dyn Receiver>, Box<dyn Settler>)> {
        if matches!(source.start, Start::Time(_) | Start::Position(_)) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "receiver",
                "expected `start: latest` or `earliest`, since MQTT keeps messages for a session and no history",
            ));
        }
        let end = self.config.end(&source.endpoint)?;
        let session = end.session.clone().unwrap_or_else(|| source.group.clone());
        let lane = Lane(self.lanes.fetch_add(1, Ordering::Relaxed));
        let reader = Arc::new(Reader::new(session, end.topic, source.window.messages, lane));
        let role = Arc::clone(&reader) as Arc<dyn Role>;
        let link = Link::start(Arc::clone(&self.config), self.events.clone(), role).await?;
        let settler = MqttSettler {
            config: Arc::clone(&self.config),
            reader: Arc::clone(&reader),
        };
        let receiver = MqttReceiver {
            config: Arc::clone(&self.config),
            reader,
            link,
        };
        Ok((Box::new(receiver), Box::new(settler)))
    }

    async fn sender(&self, target: &Target) -> Result<Box<dyn Sender>> {
        let end = self.config.end(&target.endpoint)?;
        if end.topic.contains(['+', '#']) {
            return Err(Error::new(
                ErrorKind::InvalidSetting,
                "sender",
                "expected a topic to send to, found a filter with `+` or `#`",
            )
            .with("channel", end.topic));
        }
        let sender = MqttSender::new(Arc::clone(&self.config), end, Arc::clone(&self.writer));
        Ok(Box::new(sender))
    }

    /// The protocol has no question about sessions either.
    async fn inspect(&self, endpoint: &Endpoint, _: Option<&str>) -> Result<ChannelState> {
        self.config.end(endpoint)?;
        Ok(ChannelState::default())
    }

    fn browse(&self) -> Option<&dyn Browse> {
        None
    }

    fn declare(&self) -> Option<&dyn Declare> {
        None
    }

    async fn close(&self) -> Result<()> {
        if let Some(link) = self.link.lock().await.take() {
            link.close(self.writer.client()).await;
        }
        Ok(())
    }
}
