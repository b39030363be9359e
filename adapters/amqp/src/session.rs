//! A session: one connection to consume, one to publish, and what is asked of the broker beside the data.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{
    Browse, ChannelState, Declare, Endpoint, Events, Purpose, Receiver, Resolved, Sender, Session, Settler,
    Source, Start, Target,
};
use dunlin_core::{Error, ErrorKind, Result};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::error::closed;
use crate::link::Link;
use crate::receiver::{AmqpReceiver, Opener};
use crate::sender::AmqpSender;

/// How long each step of closing may take.
pub(crate) const CLOSE_LIMIT: Duration = Duration::from_secs(5);

pub(crate) struct AmqpSession {
    pub(crate) config: Arc<Config>,
    pub(crate) clock: Arc<dyn Clock>,
    events: Events,
    down: Arc<AtomicUsize>,
    pub(crate) consume: Arc<Link>,
    /// Made with the first sender: a broker that is short of memory stops reading from a connection on which something was
    /// published, and consuming must go on then.
    publish: Mutex<Publish>,
}

enum Publish {
    NotYet,
    Open(Arc<Link>),
    Closed,
}

impl AmqpSession {
    pub(crate) async fn open(config: Arc<Config>, clock: Arc<dyn Clock>, events: Events) -> Result<Self> {
        let down = Arc::default();
        let consume = Link::open(&config, &clock, &events, "consume", &down).await?;
        Ok(Self {
            config,
            clock,
            events,
            down,
            consume: Arc::new(consume),
            publish: Mutex::new(Publish::NotYet),
        })
    }

    async fn publish(&self) -> Result<Arc<Link>> {
        let mut publish = self.publish.lock().await;
        match &*publish {
            Publish::Open(link) => return Ok(Arc::clone(link)),
            Publish::Closed => return Err(closed("sender")),
            Publish::NotYet => {}
        }
        let link = Link::open(&self.config, &self.clock, &self.events, "publish", &self.down).await?;
        let link = Arc::new(link);
        *publish = Publish::Open(Arc::clone(&link));
        Ok(link)
    }
}

impl fmt::Debug for AmqpSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AmqpSession")
            .field("identity", &self.config.identity)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Session for AmqpSession {
    async fn verify(&self, endpoint: &Endpoint, purpose: Purpose) -> Result<Resolved> {
        let end = self.config.end(endpoint)?;
        self.look_for(&end, purpose).await
    }

    async fn receiver(&self, source: &Source) -> Result<(Box<dyn Receiver>, Box<dyn Settler>)> {
        let end = self.config.end(&source.endpoint)?;
        end.must_be_a_source()?;
        if source.start != Start::Earliest {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "receiver",
                "expected `start: earliest` with a queue, which has no place but its front",
            )
            .with("channel", &end.channel));
        }
        let window = u16::try_from(source.window.messages).unwrap_or(u16::MAX).max(1);
        let opener = Opener {
            link: Arc::clone(&self.consume),
            prefetch: end.prefetch.unwrap_or(window),
            end,
            clock: Arc::clone(&self.clock),
            limit: self.config.connect_timeout,
            liveness: self.config.liveness_timeout,
        };
        let (receiver, settler) = AmqpReceiver::open(opener).await?;
        Ok((Box::new(receiver), Box::new(settler)))
    }

    async fn sender(&self, target: &Target) -> Result<Box<dyn Sender>> {
        let end = self.config.end(&target.endpoint)?;
        let link = self.publish().await?;
        let limit = self.config.connect_timeout;
        let sender = AmqpSender::open(link, end, Arc::clone(&self.clock), limit).await?;
        Ok(Box::new(sender))
    }

    async fn inspect(&self, endpoint: &Endpoint, _: Option<&str>) -> Result<ChannelState> {
        let end = self.config.end(endpoint)?;
        self.count(&end).await
    }

    fn browse(&self) -> Option<&dyn Browse> {
        Some(self)
    }

    fn declare(&self) -> Option<&dyn Declare> {
        Some(self)
    }

    async fn close(&self) -> Result<()> {
        let publish = std::mem::replace(&mut *self.publish.lock().await, Publish::Closed);
        let closing = async {
            if let Publish::Open(link) = publish {
                link.close(CLOSE_LIMIT).await;
            }
        };
        tokio::join!(closing, self.consume.close(CLOSE_LIMIT));
        Ok(())
    }
}

impl crate::config::End {
    /// A source is a queue: an exchange keeps nothing.
    pub(crate) fn must_be_a_source(&self) -> Result<()> {
        if self.exchange.is_empty() {
            return Ok(());
        }
        Err(Error::invalid(
            "expected a queue to receive from, found `exchange`, which is for sending; to bind a queue that is made, set `bind_to`",
        )
        .with("setting", "exchange")
        .with("channel", &self.channel))
    }
}

/// A task that ends with its handle.
pub(crate) struct Task<T>(Option<JoinHandle<T>>);

impl<T: Send + 'static> Task<T> {
    pub(crate) fn spawn(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(tokio::spawn(work)))
    }

    /// Lets it go on to its own end.
    pub(crate) fn detach(mut self) {
        self.0 = None;
    }
}

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(handle) = self.0.as_mut() else {
            return Poll::Pending;
        };
        match Pin::new(handle).poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(value)) => Poll::Ready(value),
            // It is aborted only by dropping this; a panic goes on where the task is waited for.
            Poll::Ready(Err(cause)) => match cause.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Poll::Pending,
            },
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if let Some(handle) = &self.0 {
            handle.abort();
        }
    }
}
