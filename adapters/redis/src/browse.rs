//! Looking at a stream by ranges: no group, no place, nothing taken from anyone.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use dunlin_core::messaging::{Browse, Delivery, Endpoint, Lane, Receiver, Room, Start, Token};
use dunlin_core::position::Position;
use dunlin_core::{Error, ErrorKind, Message, Result};

use crate::config::End;
use crate::connection::{Connector, Link};
use crate::error::unexpected;
use crate::group::{milliseconds, stream};
use crate::headers;
use crate::reply::{self, Id};
use crate::session::RedisSession;

/// How many entries are looked at in one call.
const LOOK: usize = 100;

#[async_trait]
impl Browse for RedisSession {
    async fn look(&self, endpoint: &Endpoint, start: &Start, follow: bool) -> Result<Box<dyn Receiver>> {
        let end = self.connector.config.end(endpoint)?;
        let link = self.connector.link().await?;
        let Some(there) = stream(&link, "browse", &end.channel).await? else {
            return Err(Error::new(
                ErrorKind::ChannelMissing,
                "browse",
                "expected the stream to be there, found none",
            )
            .with("channel", &end.channel));
        };
        let from = match start {
            Start::Earliest => Id::ZERO,
            Start::Latest => there.last.unwrap_or(Id::ZERO).next(),
            Start::Time(time) => Id::at(milliseconds(*time)),
            Start::Position(position) => Id(position.offset),
        };
        Ok(Box::new(Onlooker {
            log: end.channel.as_str().into(),
            end,
            connector: self.connector.clone(),
            link: Some(link),
            from,
            follow,
            ready: VecDeque::new(),
            tokens: 0,
        }))
    }
}

/// Reads ranges, one after another.
struct Onlooker {
    end: End,
    log: Arc<str>,
    connector: Connector,
    /// None after it has failed: the next look makes another.
    link: Option<Arc<Link>>,
    /// The lowest id that was not looked at.
    from: Id,
    follow: bool,
    ready: VecDeque<(Id, Message)>,
    tokens: u64,
}

#[async_trait]
impl Receiver for Onlooker {
    async fn receive(&mut self, room: Room, batch: &mut Vec<Delivery>) -> Result<()> {
        room.for_any()?;
        while self.ready.is_empty() {
            self.look().await?;
        }
        let (before, mut bytes) = (batch.len(), 0);
        while batch.len() - before < room.messages && (bytes == 0 || bytes < room.bytes) {
            let Some((id, message)) = self.ready.pop_front() else {
                break;
            };
            bytes += message.size().max(1);
            self.tokens += 1;
            batch.push(
                Delivery::new(Token(self.tokens), Lane(0), message)
                    .at(Position::new(Arc::clone(&self.log), id.0))
                    .addressed(self.end.channel.clone()),
            );
        }
        Ok(())
    }

    async fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

impl Onlooker {
    /// One look. A call that is dropped has taken nothing, and is made again.
    async fn look(&mut self) -> Result<()> {
        let link = match self.link.as_ref().filter(|link| !link.is_dead()) {
            Some(link) => Arc::clone(link),
            None => Arc::clone(self.link.insert(self.connector.link().await?)),
        };
        let mut command = redis::cmd("XRANGE");
        command
            .arg(&self.end.channel)
            .arg(self.from.to_string())
            .arg("+")
            .arg("COUNT")
            .arg(LOOK);
        let found = link.call("browse", &command).await?;
        let mut entries = reply::entries(found).ok_or_else(|| unexpected("browse", "a range of entries"))?;
        if entries.is_empty() {
            if !self.follow {
                return Err(Error::closed("browse", "everything that is there was looked at"));
            }
            entries = self.wait(&link).await?;
        }
        for entry in entries {
            self.from = entry.id.next();
            if let Some(fields) = entry.fields {
                self.ready
                    .push_back((entry.id, headers::read(&self.end, entry.id, fields)?));
            }
        }
        Ok(())
    }

    /// Waits for what comes behind everything that was looked at.
    async fn wait(&self, link: &Link) -> Result<Vec<reply::Entry>> {
        let block = self.connector.config.block();
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(LOOK);
        command
            .arg("BLOCK")
            .arg(u64::try_from(block.as_millis()).unwrap_or(u64::MAX));
        command
            .arg("STREAMS")
            .arg(&self.end.channel)
            .arg(self.from.before().to_string());
        let limit = block + self.connector.config.answer_timeout();
        let answer = link.call_within("browse", limit, &command).await?;
        reply::read(answer).ok_or_else(|| unexpected("browse", "the entries of one stream"))
    }
}
