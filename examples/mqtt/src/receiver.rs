//! Takes deliveries from a session, and answers them.

use std::sync::Arc;

use async_trait::async_trait;
use dunlin_core::messaging::{Delivery, Receiver, Room, Settler, Token, Verdict};
use dunlin_core::{Error, ErrorKind, Result};
use tokio::time::timeout;

use crate::config::Config;
use crate::link::Link;
use crate::reader::Reader;

pub(crate) struct MqttReceiver {
    pub(crate) config: Arc<Config>,
    pub(crate) reader: Arc<Reader>,
    pub(crate) link: Link,
}

pub(crate) struct MqttSettler {
    pub(crate) config: Arc<Config>,
    pub(crate) reader: Arc<Reader>,
}

#[async_trait]
impl Receiver for MqttReceiver {
    async fn receive(&mut self, room: Room, batch: &mut Vec<Delivery>) -> Result<()> {
        room.for_any()?;
        let clock = &self.config.clock;
        let before = batch.len();
        loop {
            // From here on nothing that happens is missed.
            let changed = self.reader.changed.notified();
            self.reader.take(room, clock.now(), batch);
            if batch.len() > before {
                return Ok(());
            }
            match self.reader.due() {
                None => changed.await,
                Some(at) => {
                    let pause = clock.sleep(at.saturating_duration_since(clock.now()));
                    tokio::select! {
                        () = changed => {}
                        () = pause => {}
                    }
                }
            }
        }
    }

    async fn close(self: Box<Self>) -> Result<()> {
        self.link.close(self.reader.client()).await;
        Ok(())
    }
}

#[async_trait]
impl Settler for MqttSettler {
    async fn settle(&mut self, verdicts: &[(Token, Verdict)]) -> Result<()> {
        for (token, verdict) in verdicts {
            match verdict {
                Verdict::Done => self.reader.done(*token),
                Verdict::Retry { after } => self.reader.retry(*token, self.config.clock.now() + *after),
                Verdict::Reject => {
                    return Err(Error::new(
                        ErrorKind::Unsupported,
                        "settle",
                        "expected a verdict other than reject, since MQTT has no dead letter of its own",
                    ));
                }
            }
        }
        Ok(())
    }

    async fn close(self: Box<Self>) -> Result<()> {
        let written = async {
            loop {
                let changed = self.reader.changed.notified();
                if self.reader.is_written() {
                    return;
                }
                changed.await;
            }
        };
        timeout(self.config.confirm_timeout, written).await.map_err(|_| {
            Error::new(
                ErrorKind::Timeout,
                "settle",
                "expected the acknowledgements to be written in time, found some left; their messages come again",
            )
        })
    }
}
