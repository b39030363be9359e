//! The connection that publishes, shared by all senders of a session.
//!
//! The client numbers what it writes and tells the number when it has; the broker's answer names it. Requests are written in
//! the order in which they were taken, so the first that waits for a number gets the next one.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use dunlin_core::messaging::Receipt;
use dunlin_core::{Error, ErrorKind, Result};
use rumqttc::Outgoing as Sent;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, PublishProperties};
use rumqttc::v5::{AsyncClient, Event as Came, MqttOptions};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::error::refusal;
use crate::link::Role;

/// Requests that the client takes before it has written them.
const REQUESTS: usize = 1_000;

/// What is waited for: the answer to one message. The second half keeps the sender from ending meanwhile.
pub(crate) struct Waiting {
    pub(crate) answer: oneshot::Sender<Result<Receipt>>,
    pub(crate) _sender: mpsc::Sender<()>,
}

/// What is known of the messages that were taken.
#[derive(Default)]
pub(crate) struct Writer {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    client: Option<AsyncClient>,
    taken: VecDeque<Waiting>,
    written: HashMap<u16, Waiting>,
}

impl Writer {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn client(&self) -> Option<AsyncClient> {
        self.state().client.clone()
    }

    /// Hands one message over, waiting for room.
    ///
    /// # Errors
    /// The connection is down; the message was not handed over.
    pub(crate) async fn publish(
        &self,
        topic: &str,
        payload: &Bytes,
        properties: &PublishProperties,
        waiting: Waiting,
    ) -> Result<()> {
        let mut waiting = Some(waiting);
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.state();
                let client = state.client.as_ref().ok_or_else(down)?;
                // Taking the request and remembering who waits for it are one step, also where this future is dropped.
                let taken = client.try_publish_with_properties(
                    topic,
                    QoS::AtLeastOnce,
                    false,
                    payload.clone(),
                    properties.clone(),
                );
                if taken.is_ok() {
                    state.taken.extend(waiting.take());
                    return Ok(());
                }
            }
            changed.await;
        }
    }
}

pub(crate) fn down() -> Error {
    Error::new(
        ErrorKind::Disconnected,
        "send",
        "expected a connection to the broker, found none at the moment",
    )
}

impl Role for Writer {
    fn options(&self, host: &str, port: u16) -> (MqttOptions, usize) {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("dunlin-{:x}-{number}", std::process::id());
        let mut options = MqttOptions::new(name, host, port);
        options.set_clean_start(true);
        (options, REQUESTS)
    }

    fn filter(&self) -> Option<&str> {
        None
    }

    fn opened(&self, client: AsyncClient) {
        self.state().client = Some(client);
        self.changed.notify_waiters();
    }

    fn event(&self, event: Came) {
        let mut state = self.state();
        match event {
            Came::Outgoing(Sent::Publish(number)) => {
                if let Some(waiting) = state.taken.pop_front() {
                    state.written.insert(number, waiting);
                }
            }
            Came::Incoming(Packet::PubAck(answer)) => {
                if let Some(waiting) = state.written.remove(&answer.pkid) {
                    let answer = refusal(answer.reason).map_or(Ok(Receipt::stored()), Err);
                    // Who waited may have given up.
                    let _ = waiting.answer.send(answer);
                }
            }
            _ => return,
        }
        drop(state);
        self.changed.notify_waiters();
    }

    fn lost(&self) {
        let mut state = self.state();
        state.client = None;
        let written = std::mem::take(&mut state.written);
        let taken = std::mem::take(&mut state.taken);
        drop(state);
        for waiting in written.into_values().chain(taken) {
            let error = Error::new(
                ErrorKind::Disconnected,
                "send",
                "expected an answer of the broker, found the connection broken before it came",
            );
            let _ = waiting.answer.send(Err(error.doubtful()));
        }
        self.changed.notify_waiters();
    }
}
