//! The connection of one receiver: a session at the broker, which keeps what was not acknowledged.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use dunlin_core::messaging::{Delivery, Lane, Room, Token};
use rumqttc::Outgoing as Sent;
use rumqttc::v5::mqttbytes::v5::{Packet, Publish};
use rumqttc::v5::{AsyncClient, Event as Came, MqttOptions};
use tokio::sync::Notify;

use crate::headers;
use crate::link::Role;

/// What came and was not settled.
pub(crate) struct Reader {
    session: String,
    filter: String,
    /// The most that the broker sends without being answered.
    window: u16,
    lane: Lane,
    inbox: Mutex<Inbox>,
    pub(crate) changed: Notify,
}

#[derive(Default)]
struct Inbox {
    client: Option<AsyncClient>,
    /// Came, and was not handed out.
    ready: VecDeque<Publish>,
    /// Handed out.
    out: HashMap<Token, Publish>,
    /// Given back, by when it is due.
    later: BTreeMap<(Instant, u64), Publish>,
    last: u64,
    /// Acknowledgements that were asked of the client, and those that it has written.
    asked: usize,
    written: usize,
}

impl Reader {
    pub(crate) fn new(session: String, filter: String, window: usize, lane: Lane) -> Self {
        Self {
            session,
            filter,
            window: u16::try_from(window.max(1)).unwrap_or(u16::MAX),
            lane,
            inbox: Mutex::default(),
            changed: Notify::new(),
        }
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn client(&self) -> Option<AsyncClient> {
        self.inbox().client.clone()
    }

    /// Hands out what is ready, within the room.
    pub(crate) fn take(&self, room: Room, now: Instant, batch: &mut Vec<Delivery>) {
        let mut inbox = self.inbox();
        let (mut count, mut bytes) = (0, 0);
        while count < room.messages && (count == 0 || bytes < room.bytes) {
            let due = inbox.later.first_key_value().filter(|((at, _), _)| *at <= now);
            let publish = match due {
                Some(_) => inbox.later.pop_first().map(|(_, publish)| publish),
                None => inbox.ready.pop_front(),
            };
            let Some(publish) = publish else {
                return;
            };
            inbox.last += 1;
            let token = Token(inbox.last);
            let message = headers::read(&publish);
            count += 1;
            bytes += message.size();
            batch.push(Delivery::new(token, self.lane, message).addressed(publish.topic.clone()));
            inbox.out.insert(token, publish);
        }
    }

    /// When the next message that was given back is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        let inbox = self.inbox();
        inbox.later.first_key_value().map(|((at, _), _)| *at)
    }

    /// Acknowledges; nothing where the token is not of this connection.
    pub(crate) fn done(&self, token: Token) {
        let mut inbox = self.inbox();
        let Some(publish) = inbox.out.remove(&token) else {
            return;
        };
        // The client has room for one answer to each message that the broker may send. Where it is gone, so is the connection,
        // and the message comes again.
        if inbox
            .client
            .as_ref()
            .is_some_and(|client| client.try_ack(&publish).is_ok())
            && publish.pkid != 0
        {
            inbox.asked += 1;
        }
    }

    /// Keeps it until then: the protocol knows no giving back.
    pub(crate) fn retry(&self, token: Token, at: Instant) {
        let mut inbox = self.inbox();
        if let Some(publish) = inbox.out.remove(&token) {
            inbox.last += 1;
            let number = inbox.last;
            inbox.later.insert((at, number), publish);
        }
        drop(inbox);
        self.changed.notify_waiters();
    }

    /// Whether every acknowledgement that was asked for has been written.
    pub(crate) fn is_written(&self) -> bool {
        let inbox = self.inbox();
        inbox.written >= inbox.asked
    }
}

impl Role for Reader {
    fn options(&self, host: &str, port: u16) -> (MqttOptions, usize) {
        let mut options = MqttOptions::new(&self.session, host, port);
        options
            .set_clean_start(false)
            .set_session_expiry_interval(Some(u32::MAX))
            .set_receive_maximum(Some(self.window))
            .set_manual_acks(true);
        (options, usize::from(self.window) + 16)
    }

    fn filter(&self) -> Option<&str> {
        Some(&self.filter)
    }

    fn opened(&self, client: AsyncClient) {
        self.inbox().client = Some(client);
    }

    fn event(&self, event: Came) {
        let mut inbox = self.inbox();
        match event {
            Came::Incoming(Packet::Publish(publish)) => inbox.ready.push_back(publish),
            Came::Outgoing(Sent::PubAck(_)) => inbox.written += 1,
            _ => return,
        }
        drop(inbox);
        self.changed.notify_waiters();
    }

    fn lost(&self) {
        let mut inbox = self.inbox();
        // Tokens go on counting: none is ever given out twice.
        *inbox = Inbox {
            last: inbox.last,
            ..Inbox::default()
        };
        drop(inbox);
        self.changed.notify_waiters();
    }
}
