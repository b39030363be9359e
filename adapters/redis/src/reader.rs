//! Reads for one receiver, on a connection of its own, for as long as the receiver lives.
//!
//! An incarnation is a pair of connections: one that waits at the server for new entries, and one for everything else. If
//! either fails both are thrown away and everything begins again: the own pending list first, then what is new.
//!
//! The danger is a read that was given up while the server still waits for entries on its behalf: what comes then goes to
//! the pending list of this consumer, and nobody is told. So a read that got no answer is remembered. The next incarnation
//! ends its connection at the server, or, where the server does not let it, waits until that read has run out, and looks at
//! the pending list again before it reads anything new. That also keeps the order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dunlin_core::messaging::{Event, Events};
use dunlin_core::reconnect::Pauses;
use dunlin_core::{Class, Error, Result};
use redis::Value;
use tokio::sync::watch;

use crate::connection::{Connector, Link};
use crate::error::{disconnected, is_stream_gone, unexpected};
use crate::flight::{Flight, Held};
use crate::group::{Before, Group};
use crate::headers;
use crate::reply::{self, Entry, Id};
use crate::upkeep::{Upkeep, pending};

/// The most entries of one read: more in one answer gain nothing.
pub(crate) const READ: usize = 256;

/// About how many bytes one read may bring, judged by what the one before brought.
const READ_BYTES: usize = 4 << 20;

/// How much longer than its wait at the server a read may take.
const GRACE: Duration = Duration::from_secs(2);

/// What reads for a receiver.
pub(crate) struct Reader {
    pub(crate) connector: Connector,
    pub(crate) group: Group,
    pub(crate) consumer: Arc<str>,
    pub(crate) flight: Arc<Flight>,
    pub(crate) events: Events,
    /// A read that got no answer.
    abandoned: Option<Abandoned>,
    /// The highest entry that was read.
    read: Option<Id>,
    /// The place up to which everything was settled, as far as this process knows.
    behind: Option<Id>,
    /// The stream went away when all of it was read and settled.
    is_at_end: bool,
    /// The mean size of an entry of the last answer.
    mean: usize,
}

/// A read that the server may still be waiting on.
#[derive(Clone, Debug)]
struct Abandoned {
    run: Option<String>,
    client: Option<i64>,
    /// When it has run out for certain.
    until: Instant,
}

/// The connections of an incarnation, and what its positions are called.
pub(crate) struct Incarnation {
    waiting: Arc<Link>,
    control: Arc<Link>,
    log: Arc<str>,
}

impl Reader {
    pub(crate) fn new(
        connector: Connector,
        group: Group,
        consumer: Arc<str>,
        flight: Arc<Flight>,
        events: Events,
    ) -> Self {
        Self {
            connector,
            group,
            consumer,
            flight,
            events,
            abandoned: None,
            read: None,
            behind: None,
            is_at_end: false,
            mean: 1,
        }
    }

    /// Connects, and joins the group.
    pub(crate) async fn open(&mut self) -> Result<Incarnation> {
        let control = self.connector.link().await?;
        let waiting = self.connector.link().await?;
        self.end_abandoned(&control).await?;
        let before = self.behind.map(|place| Before {
            place,
            is_all: self.is_at_end,
        });
        let log = self.group.join(&control, before, &self.events).await?;
        Ok(Incarnation {
            waiting,
            control,
            log,
        })
    }

    /// Reads until it is told to stop. Whatever fails is told, and tried again.
    pub(crate) async fn run(mut self, first: Incarnation, mut stop: watch::Receiver<bool>) {
        let flight = Arc::clone(&self.flight);
        tokio::select! {
            () = self.for_ever(first) => {}
            () = async { drop(stop.wait_for(|stop| *stop).await) } => {}
        }
        // Else an entry that comes at this moment goes to a consumer that does not read any more.
        if let Some(control) = flight.link()
            && let Err(error) = self.end_abandoned(&control).await
        {
            tracing::debug!(%error, "the last read was not ended at the server");
        }
        flight.end();
    }

    async fn for_ever(&mut self, first: Incarnation) {
        let mut next = Ok(first);
        let mut pauses = Pauses::new();
        let mut told = None;
        loop {
            let error = match next {
                Ok(incarnation) => {
                    if told.take().is_some() {
                        self.events.tell(Event::Reconnected);
                        self.events.tell(Event::Healthy);
                    }
                    pauses = Pauses::new();
                    let error = self.serve(&incarnation).await;
                    // A read that waits has had all that was there.
                    self.is_at_end = is_stream_gone(&error) && self.flight.held().is_empty();
                    error
                }
                Err(error) => error,
            };
            self.behind = self.flight.forget().map(Id::before).or(self.read);
            let pause = pauses.after(&error);
            // An outage is told once, and again when its reason changes.
            if told != Some(error.kind()) {
                told = Some(error.kind());
                if error.class() != Class::Temporary {
                    self.flight.fail(error.clone());
                }
                self.events.tell(Event::Unhealthy { error });
            }
            self.connector.clock.sleep(pause).await;
            next = self.open().await;
        }
    }

    /// One incarnation, until it fails.
    async fn serve(&mut self, incarnation: &Incarnation) -> Error {
        let Incarnation {
            waiting,
            control,
            log,
        } = incarnation;
        self.flight.begin(Arc::clone(control), Arc::clone(log));
        let mut upkeep = Upkeep::new(self);
        let failed = tokio::select! {
            read = self.read_all(waiting, control) => read,
            kept = upkeep.run(control) => kept,
            () = control.died() => Err(disconnected("receive")),
        };
        // Reading and keeping up end by failing alone.
        failed.err().unwrap_or_else(|| disconnected("receive"))
    }

    async fn read_all(&mut self, waiting: &Link, control: &Link) -> Result<()> {
        self.group.look_for_gap_or_warn(control, &self.events).await?;
        self.read_pending(waiting, control).await?;
        if let Some(abandoned) = self.abandoned.clone() {
            let clock = &self.connector.clock;
            clock
                .sleep(abandoned.until.saturating_duration_since(clock.now()))
                .await;
            self.read_pending(waiting, control).await?;
            self.abandoned = None;
        }
        let mut looked = self.connector.clock.now();
        loop {
            let count = self.room().await;
            let entries = self.read_new(waiting, count).await?;
            let now = self.connector.clock.now();
            let is_idle = entries.is_empty();
            self.take_in(entries, |_| 1)?;
            if is_idle || now.saturating_duration_since(looked) >= Duration::from_secs(5) {
                self.group.look_for_gap_or_warn(control, &self.events).await?;
                looked = now;
            }
        }
    }

    /// Waits until there is room to read, and says for how many.
    async fn room(&self) -> usize {
        let most = (READ_BYTES / self.mean.max(1)).clamp(1, READ);
        loop {
            let freed = self.flight.room.notified();
            tokio::pin!(freed);
            // From here on room is noticed, also between the look and the wait.
            freed.as_mut().enable();
            let free = self.flight.free(READ);
            if free > 0 {
                return free.min(most);
            }
            freed.await;
        }
    }

    async fn read_new(&mut self, waiting: &Link, count: usize) -> Result<Vec<Entry>> {
        let block = self.connector.config.block();
        let clock = &self.connector.clock;
        self.abandoned = Some(Abandoned {
            run: waiting.server.run.clone(),
            client: waiting.server.client,
            until: clock.now() + block + Duration::from_secs(1),
        });
        let mut command = self.command(count);
        command
            .arg("BLOCK")
            .arg(u64::try_from(block.as_millis()).unwrap_or(u64::MAX));
        command.arg("STREAMS").arg(&self.group.end.channel).arg(">");
        let answer = waiting.call_within("receive", block + GRACE, &command).await;
        let answered = match &answer {
            Ok(_) => true,
            // A refusal is an answer, too; a lost connection or none in time is not.
            Err(error) => error.context().any(|(name, _)| name == "server says"),
        };
        if answered {
            self.abandoned = None;
        }
        reply::read(answer?).ok_or_else(|| unexpected("receive", "the entries of one stream"))
    }

    fn command(&self, count: usize) -> redis::Cmd {
        let mut command = redis::cmd("XREADGROUP");
        command
            .arg("GROUP")
            .arg(&self.group.name)
            .arg(&*self.consumer)
            .arg("COUNT")
            .arg(count);
        command
    }

    /// Reads what this consumer was handed and has not settled, from its lowest entry on.
    async fn read_pending(&mut self, waiting: &Link, control: &Link) -> Result<()> {
        let mut from = Id::ZERO;
        loop {
            let count = self.room().await;
            let mut command = self.command(count);
            command
                .arg("STREAMS")
                .arg(&self.group.end.channel)
                .arg(from.to_string());
            let answer = waiting.call("receive", &command).await?;
            let entries =
                reply::read(answer).ok_or_else(|| unexpected("receive", "the entries of one stream"))?;
            let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
                return Ok(());
            };
            let (first, last) = (first.id, last.id);
            let deliveries =
                pending(control, &self.group, &self.consumer, first, last, entries.len()).await?;
            let there = self.drop_deleted(control, entries).await?;
            self.take_in(there, |id| {
                deliveries
                    .binary_search_by_key(&id, |row| row.id)
                    .map_or(1, |at| deliveries[at].deliveries)
            })?;
            from = last;
        }
    }

    /// Entries that were deleted before they were settled: nothing of them is left but their place in the pending list.
    async fn drop_deleted(&self, control: &Link, entries: Vec<Entry>) -> Result<Vec<Entry>> {
        let (there, gone): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.fields.is_some());
        if !gone.is_empty() {
            let ids: Vec<_> = gone.iter().map(|entry| entry.id).collect();
            self.events.tell(Event::Gap {
                channel: self.group.end.channel.clone(),
                messages: u64::try_from(ids.len()).ok(),
            });
            // Told once; left in the list it would be told at every start.
            control
                .call("receive", &acknowledgement(&self.group, &ids))
                .await?;
        }
        Ok(there)
    }

    /// Makes messages of entries, and leaves them to the receiver.
    fn take_in(&mut self, entries: Vec<Entry>, attempt: impl Fn(Id) -> u32) -> Result<()> {
        let messages = messages(&self.group, entries, attempt)?;
        self.read = messages.iter().map(|(id, _)| *id).max().max(self.read);
        if !messages.is_empty() {
            self.mean = messages.iter().map(|(_, held)| held.size).sum::<usize>() / messages.len();
            self.flight.add(messages);
        }
        Ok(())
    }

    /// Ends the connection of a read that got no answer, so that the server does not hand anything to it any more.
    async fn end_abandoned(&mut self, control: &Link) -> Result<()> {
        let Some(abandoned) = &self.abandoned else {
            return Ok(());
        };
        let (Some(before), Some(now), Some(client)) = (&abandoned.run, &control.server.run, abandoned.client)
        else {
            return Ok(());
        };
        // After a restart the connection is gone, and its number may be another's.
        if before == now {
            let mut commands = redis::pipe();
            commands.cmd("CLIENT").arg("KILL").arg("ID").arg(client);
            match control.calls("receive", &commands).await?.pop() {
                Some(Value::Int(_)) => {}
                // A user without the right to end connections waits instead.
                _ => return Ok(()),
            }
        }
        self.abandoned = None;
        Ok(())
    }
}

/// One `XACK` for all of these.
pub(crate) fn acknowledgement(group: &Group, ids: &[Id]) -> redis::Cmd {
    let mut command = redis::cmd("XACK");
    command.arg(&group.end.channel).arg(&group.name);
    for id in ids {
        command.arg(*id);
    }
    command
}

/// Messages of entries that are there.
pub(crate) fn messages(
    group: &Group,
    entries: Vec<Entry>,
    attempt: impl Fn(Id) -> u32,
) -> Result<Vec<(Id, Box<Held>)>> {
    entries
        .into_iter()
        .filter_map(|entry| Some((entry.id, entry.fields?)))
        .map(|(id, fields)| {
            let message = headers::read(&group.end, id, fields)?;
            Ok((id, Held::new(message, attempt(id))))
        })
        .collect()
}
