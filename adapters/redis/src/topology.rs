//! Streams as the server has them: whether they are there, how they stand, and making one that is missing.
//!
//! Nothing is ever changed that is there. A consumer group is no topology: joining makes it.

use std::sync::Arc;

use async_trait::async_trait;
use dunlin_core::messaging::{ChannelState, Declare, Endpoint, Purpose, Resolved, Start};
use dunlin_core::position::Position;
use dunlin_core::{Class, Error, ErrorKind, Result};
use redis::Value;

use crate::config::End;
use crate::connection::Link;
use crate::error::{refused, unexpected};
use crate::group::{Group, stream};
use crate::reply::{self, Id};
use crate::session::RedisSession;

impl RedisSession {
    /// What the server says to this end.
    pub(crate) async fn look_at(&self, link: &Link, end: &End, purpose: Purpose) -> Result<Resolved> {
        if purpose == Purpose::Send && link.server.replica {
            return Err(Error::new(
                ErrorKind::Rejected,
                "verify",
                "expected a server that takes writes, found a read-only replica; give the primary's address in `url`",
            )
            .class_of(Class::Unhealthy));
        }
        if stream(link, "verify", &end.channel).await?.is_none() {
            return Err(Error::new(
                ErrorKind::ChannelMissing,
                "verify",
                "expected the stream to be there, found none; make it, or set `topology: create`",
            )
            .with("channel", &end.channel));
        }
        let mut resolved = self.connector.config.resolved(end, link.server.run.as_deref());
        if let Some(limit) = self.largest(link).await?
            && resolved.limits.payload.is_some_and(|payload| payload > limit)
        {
            resolved.limits = resolved.limits.payload(limit);
        }
        Ok(resolved)
    }

    /// The largest value that the server takes, if its user may know it.
    async fn largest(&self, link: &Link) -> Result<Option<usize>> {
        let mut commands = redis::pipe();
        commands.cmd("CONFIG").arg("GET").arg("proto-max-bulk-len");
        Ok(match link.calls("verify", &commands).await?.pop() {
            Some(Value::ServerError(_)) | None => None,
            Some(told) => {
                let told = reply::map(told).remove("proto-max-bulk-len");
                told.and_then(reply::text).and_then(|text| text.parse().ok())
            }
        })
    }

    /// How a stream and a group of it stand.
    pub(crate) async fn count(&self, link: &Link, end: &End, group: Option<&str>) -> Result<ChannelState> {
        let asked = Group {
            end: Arc::new(end.clone()),
            name: group.unwrap_or_default().to_owned(),
            start: Start::Earliest,
        };
        let (stream, standing) = asked.standing(link, "inspect").await?;
        let at = |id: Id| Position::new(end.channel.as_str(), id.0);
        let mut state = ChannelState::default();
        state.depth = Some(stream.length);
        state.first = stream.first_there.map(at);
        state.last = stream.last_there.map(at);
        state.lag = match &standing {
            Some(standing) => standing.unsettled(&stream),
            // A group that was never there has everything before it.
            None => group.map(|_| stream.length),
        };
        let mut tell = |name: &str, value: Option<u64>| {
            if let Some(value) = value {
                state.settings.push((name.to_owned(), value.to_string()));
            }
        };
        tell("radix-tree-nodes", stream.nodes);
        tell("pending", standing.as_ref().map(|standing| standing.pending));
        tell("consumers", standing.as_ref().map(|standing| standing.consumers));
        Ok(state)
    }
}

#[async_trait]
impl Declare for RedisSession {
    async fn declare(&self, endpoint: &Endpoint, _: Purpose) -> Result<Vec<String>> {
        let end = self.connector.config.end(endpoint)?;
        if !end.creates {
            return Ok(Vec::new());
        }
        let key = &end.channel;
        let made = self.ask(|link| async move { make(&link, key).await }).await?;
        let place = self.connector.config.shown();
        Ok(made
            .then(|| format!("made the stream `{}` on {place}", end.channel))
            .into_iter()
            .collect())
    }
}

/// Makes an empty stream, which Redis does only beside a group. False: it is there already.
async fn make(link: &Link, key: &str) -> Result<bool> {
    const SCAFFOLD: &str = "dunlin-declare";
    if stream(link, "declare", key).await?.is_some() {
        return Ok(false);
    }
    let mut commands = redis::pipe();
    commands.cmd("MULTI");
    commands
        .cmd("XGROUP")
        .arg("CREATE")
        .arg(key)
        .arg(SCAFFOLD)
        .arg("$")
        .arg("MKSTREAM");
    commands.cmd("XGROUP").arg("DESTROY").arg(key).arg(SCAFFOLD);
    commands.cmd("EXEC");
    match link.calls("declare", &commands).await?.pop() {
        Some(Value::Array(answers)) => match answers.into_iter().next() {
            Some(Value::ServerError(cause)) => Err(refused("declare", &cause).with("channel", key)),
            _ => Ok(true),
        },
        Some(Value::ServerError(cause)) => Err(refused("declare", &cause).with("channel", key)),
        _ => Err(unexpected("declare", "a word about the stream")),
    }
}
