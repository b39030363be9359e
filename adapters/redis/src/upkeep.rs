//! What must go on for a receiver beside its reading: the claim on what is in flight is renewed, and what a consumer that
//! died left behind is taken over.
//!
//! A consumer is taken for dead when its entries were not renewed for `claim_idle_ms`; each receiver renews its own three
//! times as often. A process that stood still for longer finds its entries with another consumer: it forgets them instead
//! of claiming them back, so that their tokens settle nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Event, Events};
use dunlin_core::{ErrorKind, Result};
use redis::Value;

use crate::connection::Link;
use crate::error::unexpected;
use crate::flight::Flight;
use crate::group::Group;
use crate::reader::{Reader, messages};
use crate::reply::{self, Entry, Id, Pending};

/// How many entries of other consumers are looked at in one call.
const CLAIM: usize = 100;

/// A count that bounds nothing: the range does.
pub(crate) const ALL: usize = u32::MAX as usize;

/// Keeps a receiver's entries its own.
pub(crate) struct Upkeep {
    group: Group,
    consumer: Arc<str>,
    flight: Arc<Flight>,
    events: Events,
    clock: Arc<dyn Clock>,
    claims: bool,
}

impl Upkeep {
    pub(crate) fn new(reader: &Reader) -> Self {
        Self {
            group: reader.group.clone(),
            consumer: Arc::clone(&reader.consumer),
            flight: Arc::clone(&reader.flight),
            events: reader.events.clone(),
            clock: Arc::clone(&reader.connector.clock),
            claims: true,
        }
    }

    /// Renews and takes over for as long as the connection lives.
    pub(crate) async fn run(&mut self, control: &Link) -> Result<()> {
        let idle = self.group.end.claim_idle;
        let step = (idle / 3).min(Duration::from_secs(3));
        let mut renewed = self.clock.now();
        loop {
            self.clock.sleep(step).await;
            if self.clock.now().saturating_duration_since(renewed) + step >= idle / 3 {
                self.renew(control).await?;
                renewed = self.clock.now();
            }
            if self.claims {
                self.take_over(control).await?;
            }
        }
    }

    /// Says that everything in flight is still being worked on.
    async fn renew(&self, control: &Link) -> Result<()> {
        let held = self.flight.held();
        let (Some(first), Some(last)) = (held.first(), held.last()) else {
            return Ok(());
        };
        let own = pending(control, &self.group, &self.consumer, *first, *last, ALL).await?;
        let own: BTreeSet<Id> = own.into_iter().map(|row| row.id).collect();
        // What was settled between the two looks is not in flight any more.
        let lost: BTreeSet<Id> = (held.difference(&own).copied())
            .filter(|id| self.flight.held().contains(id))
            .collect();
        if !lost.is_empty() {
            tracing::warn!(
                channel = self.group.end.channel,
                group = self.group.name,
                messages = lost.len(),
                "messages in flight were taken over by another consumer; raise `claim_idle_ms` if this one was only slow"
            );
            self.flight.lost(&lost);
        }
        let ids: Vec<Id> = held.intersection(&own).copied().collect();
        if ids.is_empty() {
            return Ok(());
        }
        control
            .call("receive", &claim(&self.group, &self.consumer, &ids, None))
            .await
            .map(drop)
    }

    /// Takes over what others have not renewed for so long that they must be gone.
    async fn take_over(&mut self, control: &Link) -> Result<()> {
        let mut cursor = Id::ZERO;
        loop {
            let room = self.flight.free(0).min(CLAIM);
            if room == 0 {
                return Ok(());
            }
            let mut command = redis::cmd("XAUTOCLAIM");
            command
                .arg(&self.group.end.channel)
                .arg(&self.group.name)
                .arg(&*self.consumer)
                .arg(u64::try_from(self.group.end.claim_idle.as_millis()).unwrap_or(u64::MAX))
                .arg(cursor.to_string())
                .arg("COUNT")
                .arg(room);
            let answer = match control.call("receive", &command).await {
                Err(error) if error.kind() == ErrorKind::Unsupported => {
                    self.claims = false;
                    tracing::warn!(
                        channel = self.group.end.channel,
                        "the server is older than 6.2 and cannot hand over what a dead consumer left; start it again under its name"
                    );
                    return Ok(());
                }
                answer => answer?,
            };
            let (next, entries, deleted) =
                claimed(answer).ok_or_else(|| unexpected("receive", "entries that were claimed"))?;
            let entries: Vec<Entry> = entries
                .into_iter()
                .filter(|entry| entry.fields.is_some())
                .collect();
            if deleted > 0 {
                self.events.tell(Event::Gap {
                    channel: self.group.end.channel.clone(),
                    messages: Some(deleted),
                });
            }
            if let (Some(first), Some(last)) = (entries.first(), entries.last()) {
                let deliveries =
                    pending(control, &self.group, &self.consumer, first.id, last.id, ALL).await?;
                let attempt = |id: Id| {
                    deliveries
                        .binary_search_by_key(&id, |row| row.id)
                        .map_or(2, |at| deliveries[at].deliveries)
                };
                self.flight.add(messages(&self.group, entries, attempt)?);
            }
            if next == Id::ZERO {
                return Ok(());
            }
            cursor = next;
        }
    }
}

/// What a consumer has pending between these two, both included.
pub(crate) async fn pending(
    control: &Link,
    group: &Group,
    consumer: &str,
    first: Id,
    last: Id,
    count: usize,
) -> Result<Vec<Pending>> {
    let mut command = redis::cmd("XPENDING");
    command
        .arg(&group.end.channel)
        .arg(&group.name)
        .arg(first.to_string())
        .arg(last.to_string())
        .arg(count)
        .arg(consumer);
    let answer = control.call("receive", &command).await?;
    reply::pending(answer).ok_or_else(|| unexpected("receive", "a pending list"))
}

/// Says that these belong to this consumer, for others as if they had been idle for so long.
pub(crate) fn claim(group: &Group, consumer: &str, ids: &[Id], idle: Option<Duration>) -> redis::Cmd {
    let mut command = redis::cmd("XCLAIM");
    command
        .arg(&group.end.channel)
        .arg(&group.name)
        .arg(consumer)
        .arg(0);
    for id in ids {
        command.arg(*id);
    }
    if let Some(idle) = idle {
        command
            .arg("IDLE")
            .arg(u64::try_from(idle.as_millis()).unwrap_or(u64::MAX));
    }
    command.arg("JUSTID");
    command
}

/// The next cursor, the entries, and how many were deleted while they were pending.
fn claimed(answer: Value) -> Option<(Id, Vec<Entry>, u64)> {
    let Value::Array(parts) = answer else { return None };
    let mut parts = parts.into_iter();
    let next = Id::of(&parts.next()?)?;
    let list = parts.next()?;
    // Redis 6 gives a deleted entry as nothing at all, later ones list its id beside.
    let nothing = match &list {
        Value::Array(list) => list.iter().filter(|entry| matches!(entry, Value::Nil)).count(),
        _ => 0,
    };
    let deleted = match parts.next() {
        Some(Value::Array(ids)) => ids.len(),
        _ => 0,
    };
    Some((
        next,
        reply::entries(list)?,
        u64::try_from(nothing + deleted).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn deleted_entries_are_counted_in_the_answers_of_redis_6_and_of_redis_7() {
        let entry = || Value::Array(vec![bulk("3-0"), Value::Array(vec![bulk("a"), bulk("b")])]);
        let six = Value::Array(vec![
            bulk("0-0"),
            Value::Array(vec![Value::Nil, entry(), Value::Nil]),
        ]);
        let (next, entries, deleted) = claimed(six).unwrap();
        assert_eq!((next, entries.len(), deleted), (Id::ZERO, 1, 2));
        let seven = Value::Array(vec![
            bulk("9-0"),
            Value::Array(vec![entry()]),
            Value::Array(vec![bulk("1-0")]),
        ]);
        let (next, entries, deleted) = claimed(seven).unwrap();
        assert_eq!((next, entries.len(), deleted), (Id::at(9), 1, 1));
        assert!(claimed(Value::Okay).is_none());
    }
}
