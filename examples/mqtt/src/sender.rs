//! Puts messages into a topic.

use std::sync::Arc;

use async_trait::async_trait;
use dunlin_core::messaging::{Confirm, Outgoing, Receipt, Sender};
use dunlin_core::{Error, ErrorKind, Result};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

use crate::config::{Config, End};
use crate::headers;
use crate::writer::{Waiting, Writer, down};

pub(crate) struct MqttSender {
    config: Arc<Config>,
    end: End,
    writer: Arc<Writer>,
    /// Each message that is not answered holds a clone of the first half.
    unanswered: (mpsc::Sender<()>, mpsc::Receiver<()>),
}

/// How one message of a batch stands when the batch was handed over.
enum Handed {
    /// The broker is to answer.
    Over(oneshot::Receiver<Result<Receipt>>),
    /// It was not handed over, for this reason.
    Not(Error),
}

impl MqttSender {
    pub(crate) fn new(config: Arc<Config>, end: End, writer: Arc<Writer>) -> Self {
        Self {
            config,
            end,
            writer,
            unanswered: mpsc::channel(1),
        }
    }

    async fn hand_over(&self, outgoing: &Outgoing) -> Handed {
        let (topic, payload, properties) = match headers::write(&self.end, outgoing) {
            Ok(parts) => parts,
            Err(error) => return Handed::Not(error.with("channel", &self.end.topic)),
        };
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting {
            answer,
            _sender: self.unanswered.0.clone(),
        };
        match self.writer.publish(&topic, &payload, &properties, waiting).await {
            Ok(()) => Handed::Over(answered),
            Err(error) => Handed::Not(error),
        }
    }
}

#[async_trait]
impl Sender for MqttSender {
    async fn send(&mut self, batch: &[Outgoing]) -> Result<Confirm> {
        if self.writer.client().is_none() {
            return Err(down());
        }
        let mut handed = Vec::with_capacity(batch.len());
        for outgoing in batch {
            handed.push(self.hand_over(outgoing).await);
        }
        let deadline = Instant::now() + self.config.confirm_timeout;
        Ok(Confirm::new(batch.len(), async move {
            let mut answers = Vec::with_capacity(handed.len());
            for message in handed {
                answers.push(match message {
                    Handed::Not(error) => Err(error),
                    Handed::Over(answered) => match timeout_at(deadline, answered).await {
                        Ok(Ok(answer)) => answer,
                        Ok(Err(_)) => Err(in_doubt(
                            ErrorKind::Disconnected,
                            "expected an answer of the broker, found the session closed before it came",
                        )),
                        Err(_) => Err(in_doubt(
                            ErrorKind::Timeout,
                            "expected an answer of the broker in time, found none",
                        )),
                    },
                });
            }
            answers
        }))
    }

    async fn close(self: Box<Self>) -> Result<()> {
        let (ours, mut ended) = self.unanswered;
        drop(ours);
        // What is not answered by then is in doubt, and its confirm says so.
        let _ = timeout(self.config.confirm_timeout, ended.recv()).await;
        Ok(())
    }
}

fn in_doubt(kind: ErrorKind, message: &'static str) -> Error {
    Error::new(kind, "send", message).doubtful()
}
