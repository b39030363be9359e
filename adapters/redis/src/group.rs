//! A consumer group: how it is joined, what its positions are called, and which messages it will never see.
//!
//! A stream has no identity of its own, and its entry ids may come again when it is deleted and made anew. What does go with
//! it are its groups. So each group has, beside its consumers, one that never reads and whose name is the identity,
//! `dunlin-stream-` and a random number; positions are called after it. Where somebody deletes that consumer, positions get
//! another name, which costs deduplication of what was in flight and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dunlin_core::messaging::{Event, Events, Start};
use dunlin_core::{Error, ErrorKind, Result};
use redis::Value;

use crate::config::End;
use crate::connection::{Link, random};
use crate::error::{refused, unexpected};
use crate::reply::{self, Id};

const IDENTITY: &str = "dunlin-stream-";

/// Sets how many entries a group has passed, without moving it, if it stands where it was seen.
const CORRECT: &str = "
for _, told in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = {}
  for place = 1, #told, 2 do group[told[place]] = told[place + 1] end
  if group['name'] == ARGV[1] and group['last-delivered-id'] == ARGV[2] and tostring(group['entries-read']) == ARGV[3] then
    redis.call('XGROUP', 'SETID', KEYS[1], ARGV[1], ARGV[2], 'ENTRIESREAD', ARGV[4])
    return 1
  end
end
return 0";

/// One group of one stream.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) end: Arc<End>,
    pub(crate) name: String,
    pub(crate) start: Start,
}

/// What a process has read from a group before it has to join it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Before {
    /// The entry up to which all was settled.
    pub(crate) place: Id,
    /// That was all of the stream, which is gone: what is there now is another.
    pub(crate) is_all: bool,
}

/// A stream as `XINFO STREAM` tells of it.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) length: u64,
    pub(crate) last: Option<Id>,
    pub(crate) first_there: Option<Id>,
    pub(crate) last_there: Option<Id>,
    /// How many entries it ever had; from Redis 7 on.
    added: Option<u64>,
    /// The highest entry that was deleted by itself; from Redis 7 on.
    deleted: Option<Id>,
    pub(crate) nodes: Option<u64>,
}

/// A group as `XINFO GROUPS` tells of it.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    delivered: Option<Id>,
    pub(crate) pending: u64,
    pub(crate) consumers: u64,
    /// How many entries of the stream it has passed; from Redis 7 on, and only where the server knows.
    read: Option<u64>,
    lag: Option<u64>,
}

/// A stream that is there; none where the key is not.
pub(crate) async fn stream(link: &Link, operation: &'static str, key: &str) -> Result<Option<Stream>> {
    let mut command = redis::cmd("XINFO");
    command.arg("STREAM").arg(key);
    match link.call(operation, &command).await {
        Ok(value) => Ok(Some(Stream::of(value))),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error.with("channel", key)),
    }
}

/// Whether the server said that the key is not there, which is not the same as one of another type.
fn is_missing(error: &Error) -> bool {
    error.kind() == ErrorKind::ChannelMissing && error.context().any(|(_, said)| said.contains("no such key"))
}

impl Stream {
    fn of(value: Value) -> Self {
        let mut told = reply::map(value);
        let id_of = |entry: Option<Value>| match entry {
            Some(Value::Array(parts)) => parts.first().and_then(Id::of),
            _ => None,
        };
        Self {
            length: told.get("length").and_then(reply::count).unwrap_or(0),
            last: told.get("last-generated-id").and_then(Id::of),
            added: told.get("entries-added").and_then(reply::count),
            deleted: told.get("max-deleted-entry-id").and_then(Id::of),
            nodes: told.get("radix-tree-nodes").and_then(reply::count),
            first_there: id_of(told.remove("first-entry")),
            last_there: id_of(told.remove("last-entry")),
        }
    }
}

impl Stream {
    /// Whether nothing behind this entry was removed from the stream. No, where the server does not tell.
    fn has_all_behind(&self, entry: Id) -> bool {
        let nothing_came = self.last == Some(entry);
        // Trimming takes from the front, and what was deleted by itself is kept by its highest id.
        let nothing_trimmed = self.first_there.is_some_and(|first| first <= entry);
        let nothing_deleted = self.deleted.is_some_and(|deleted| deleted <= entry);
        nothing_came || (nothing_trimmed && nothing_deleted)
    }
}

impl Standing {
    fn of(told: &BTreeMap<String, Value>) -> Self {
        Self {
            delivered: told.get("last-delivered-id").and_then(Id::of),
            pending: told.get("pending").and_then(reply::count).unwrap_or(0),
            consumers: told.get("consumers").and_then(reply::count).unwrap_or(0),
            read: told.get("entries-read").and_then(reply::count),
            lag: told.get("lag").and_then(reply::count),
        }
    }

    /// How many messages the group has not settled; none where the server cannot tell.
    ///
    /// The server's own figure counts entries that were deleted unread, so it is bounded by what is there.
    pub(crate) fn unsettled(&self, stream: &Stream) -> Option<u64> {
        let delivered = self.delivered.unwrap_or(Id::ZERO);
        let unread = if stream.last_there.is_none_or(|last| delivered >= last) {
            0
        } else if stream.first_there.is_some_and(|first| delivered < first) {
            stream.length
        } else {
            self.lag?.min(stream.length)
        };
        Some(unread + self.pending)
    }

    /// How many entries were deleted before the group read them, and how many it has passed when those are counted.
    fn gap(&self, stream: &Stream) -> Option<Gap> {
        let (added, read) = (stream.added?, self.read?);
        let delivered = self.delivered.unwrap_or(Id::ZERO);
        let has_passed_all = stream.last.is_none_or(|last| delivered >= last);
        let has_passed_none = stream.first_there.is_none_or(|first| delivered < first);
        let unread = match (has_passed_all, has_passed_none) {
            (true, _) => 0,
            (false, true) => stream.length,
            // What is left is mixed with what was read: only the server could count it.
            (false, false) => return None,
        };
        let lost = added.checked_sub(read)?.checked_sub(unread)?;
        (lost > 0).then_some(Gap {
            lost,
            passed: added - unread,
        })
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Gap {
    lost: u64,
    passed: u64,
}

impl Group {
    fn failed(&self, error: Error) -> Error {
        error.with("channel", &self.end.channel).with("group", &self.name)
    }

    /// Makes the group where it is not there, and says what its positions are called.
    ///
    /// With `before`, what this process has read from the group before, a group that is gone goes on there, instead of where
    /// a new one starts. Whether messages went with it is told where it cannot be ruled out.
    pub(crate) async fn join(
        &self,
        link: &Link,
        before: Option<Before>,
        events: &Events,
    ) -> Result<Arc<str>> {
        let doubtful = self
            .make(link, before)
            .await
            .map_err(|error| self.failed(error))?;
        if doubtful {
            events.tell(Event::Gap {
                channel: self.end.channel.clone(),
                messages: None,
            });
        }
        let identity = self.identity(link).await.map_err(|error| self.failed(error))?;
        Ok(match identity {
            Some(identity) => format!("{}#{identity}", self.end.channel).into(),
            None => self.end.channel.as_str().into(),
        })
    }

    /// Makes the group where it is not there, and says whether messages may have gone with the one before.
    async fn make(&self, link: &Link, before: Option<Before>) -> Result<bool> {
        let key = &self.end.channel;
        let stream = stream(link, "receiver", key).await?;
        if stream.is_none() && !self.end.creates {
            return Err(Error::new(
                ErrorKind::ChannelMissing,
                "receiver",
                "expected the stream to be there, found none; make it, or set `topology: create`",
            ));
        }
        let stream = stream.unwrap_or_default();
        let ((from, passed), doubtful) = match before {
            // A stream that was made anew counts from its own beginning.
            Some(Before { is_all: true, .. }) => ((Id::ZERO.to_string(), Some(0)), false),
            Some(Before { place, .. }) if stream.last.is_some_and(|last| last >= place) => {
                ((place.to_string(), None), !stream.has_all_behind(place))
            }
            Some(_) => ((Id::ZERO.to_string(), None), true),
            None => (self.beginning(&stream)?, false),
        };
        let mut command = redis::cmd("XGROUP");
        command.arg("CREATE").arg(key).arg(&self.name).arg(from);
        if self.end.creates {
            command.arg("MKSTREAM");
        }
        // Without it the server does not know how far the group is, and deletions cannot be counted.
        if let Some(passed) = passed
            && link.server.is_at_least(7, 0)
        {
            command.arg("ENTRIESREAD").arg(passed);
        }
        let mut commands = redis::pipe();
        commands.add_command(command);
        match link.calls("receiver", &commands).await?.pop() {
            Some(Value::ServerError(cause)) if cause.code() == "BUSYGROUP" => Ok(false),
            Some(Value::ServerError(cause)) => Err(refused("receiver", &cause)),
            Some(Value::Okay) => Ok(doubtful),
            _ => Err(unexpected("receiver", "a word about the group")),
        }
    }

    /// Where a new group begins, and how many entries lie before, where that is known.
    fn beginning(&self, stream: &Stream) -> Result<(String, Option<u64>)> {
        Ok(match &self.start {
            Start::Earliest => {
                // An entry deleted in the middle leaves no way to count those before the first.
                let counted = stream
                    .deleted
                    .is_none_or(|deleted| Some(deleted) < stream.first_there);
                let before = stream.added.unwrap_or(0).checked_sub(stream.length);
                (Id::ZERO.to_string(), before.filter(|_| counted))
            }
            Start::Latest => match stream.last {
                // By its id and not by `$`, so that the count belongs to it.
                Some(last) => (last.to_string(), stream.added),
                None => ("$".to_owned(), None),
            },
            Start::Time(time) => (Id::at(milliseconds(*time)).before().to_string(), None),
            Start::Position(position) => {
                let (key, _) = position.log.split_once('#').unwrap_or((&position.log, ""));
                if key != self.end.channel {
                    return Err(Error::invalid(format!(
                        "expected a position of this stream, found one of `{key}`"
                    ))
                    .with("setting", "start"));
                }
                (Id(position.offset).before().to_string(), None)
            }
        })
    }

    /// What goes away with the stream; none before Redis 6.2, which has no way to keep it.
    async fn identity(&self, link: &Link) -> Result<Option<String>> {
        let found = self.identities(link).await?;
        if found.is_some() {
            return Ok(found);
        }
        // A consumer that is made by reading is forgotten at a restart from the append-only file.
        let mut command = redis::cmd("XGROUP");
        command
            .arg("CREATECONSUMER")
            .arg(&self.end.channel)
            .arg(&self.name);
        command.arg(format!("{IDENTITY}{:016x}", random()));
        match link.call("receiver", &command).await {
            Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(None),
            made => made?,
        };
        // Two that join at once may both make one; both take the lower.
        self.identities(link).await
    }

    async fn identities(&self, link: &Link) -> Result<Option<String>> {
        let mut command = redis::cmd("XINFO");
        command.arg("CONSUMERS").arg(&self.end.channel).arg(&self.name);
        let consumers = reply::maps(link.call("receiver", &command).await?);
        let names = consumers
            .into_iter()
            .filter_map(|mut told| told.remove("name").and_then(reply::text));
        Ok(names
            .filter_map(|name| name.strip_prefix(IDENTITY).map(ToOwned::to_owned))
            .min())
    }

    /// How stream and group stand at one moment.
    pub(crate) async fn standing(
        &self,
        link: &Link,
        operation: &'static str,
    ) -> Result<(Stream, Option<Standing>)> {
        let mut commands = redis::pipe();
        commands.cmd("MULTI");
        commands.cmd("XINFO").arg("STREAM").arg(&self.end.channel);
        commands.cmd("XINFO").arg("GROUPS").arg(&self.end.channel);
        commands.cmd("EXEC");
        let answer = link.calls(operation, &commands).await?.pop();
        let mut answers = match answer {
            Some(Value::Array(answers)) => answers.into_iter(),
            Some(Value::ServerError(cause)) => return Err(self.failed(refused(operation, &cause))),
            _ => return Err(unexpected(operation, "two answers at once")),
        };
        let (Some(stream), Some(groups)) = (answers.next(), answers.next()) else {
            return Err(unexpected(operation, "two answers at once"));
        };
        for answer in [&stream, &groups] {
            if let Value::ServerError(cause) = answer {
                return Err(self.failed(refused(operation, cause)));
            }
        }
        let groups = reply::maps(groups);
        let mut own = groups.iter().filter(|told| {
            told.get("name")
                .is_some_and(|name| matches!(name, Value::BulkString(name) if name == self.name.as_bytes()))
        });
        Ok((Stream::of(stream), own.next().map(Standing::of)))
    }

    /// Looks for a gap. A user without the right to look is told so in the log: reading goes on without it.
    pub(crate) async fn look_for_gap_or_warn(&self, link: &Link, events: &Events) -> Result<()> {
        match self.look_for_gap(link, events).await {
            Err(error) if error.kind() == ErrorKind::AccessDenied => {
                tracing::warn!(%error, "messages that are deleted unread cannot be noticed");
                Ok(())
            }
            looked => looked,
        }
    }

    /// Tells of entries that were deleted before the group read them, and corrects the group's own count, which else would
    /// tell of them for ever. To be called between reads: a group that moves meanwhile is looked at another time.
    async fn look_for_gap(&self, link: &Link, events: &Events) -> Result<()> {
        let (stream, standing) = self.standing(link, "receive").await?;
        let Some((standing, gap)) = standing.and_then(|standing| {
            let gap = standing.gap(&stream)?;
            Some((standing, gap))
        }) else {
            return Ok(());
        };
        let mut command = redis::cmd("EVAL");
        command.arg(CORRECT).arg(1).arg(&self.end.channel).arg(&self.name);
        command.arg(standing.delivered.unwrap_or(Id::ZERO).to_string());
        command.arg(standing.read.unwrap_or(0)).arg(gap.passed);
        if reply::int(&link.call("receive", &command).await?) == Some(1) {
            events.tell(Event::Gap {
                channel: self.end.channel.clone(),
                messages: Some(gap.lost),
            });
        }
        Ok(())
    }
}

/// The server counts in milliseconds since 1970; a time before that is its beginning.
pub(crate) fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    // A start inside a millisecond begins at the next one: nothing of an earlier time comes.
    u64::try_from(since.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
