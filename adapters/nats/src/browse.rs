//! Looking at a stream without taking from it: a consumer of one's own that acknowledges nothing.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Delivery, Lane, Receiver, Room, Start, Token};
use dunlin_core::{Error, Result};

use crate::config::End;
use crate::link::Link;
use crate::pull::{Came, Fetched, Pull};
use crate::receiver::delivery;
use crate::topology;

/// The most messages that are asked for at once.
const BATCH: usize = 256;

/// Reads a stream in its order; after a break it goes on where it was.
pub(crate) struct Looker {
    link: Link,
    end: End,
    start: Start,
    follow: bool,
    clock: Arc<dyn Clock>,
    lane: Lane,
    pull: Option<Pull>,
    log: Arc<str>,
    ready: VecDeque<Fetched>,
    /// Messages that were there at the beginning and have not come.
    left: u64,
    begun: bool,
    next: Option<u64>,
    tokens: u64,
}

impl Looker {
    pub(crate) async fn open(
        link: Link,
        end: End,
        start: Start,
        follow: bool,
        clock: Arc<dyn Clock>,
        lane: Lane,
    ) -> Result<Self> {
        let mut looker = Self {
            link,
            end,
            start,
            follow,
            clock,
            lane,
            pull: None,
            log: "".into(),
            ready: VecDeque::new(),
            left: 0,
            begun: false,
            next: None,
            tokens: 0,
        };
        looker.begin().await?;
        Ok(looker)
    }

    async fn begin(&mut self) -> Result<()> {
        let line = self.link.line("browse").await?;
        let (log, info) = topology::looker(&line, &self.end, &self.start, self.next).await?;
        if !self.begun {
            self.left = info.num_pending;
            self.begun = true;
        }
        self.pull = Some(Pull::start(line, &self.end.channel, &info.name, &self.clock).await?);
        self.log = log;
        Ok(())
    }

    fn take(&mut self, came: Came) {
        match came {
            Came::Message(fetched) => {
                self.next = Some(fetched.sequence + 1);
                self.left = self.left.saturating_sub(1);
                self.ready.push_back(fetched);
            }
            Came::Nothing => {}
            Came::Gone => self.pull = None,
        }
    }

    /// Waits until something can be handed out.
    async fn fetch(&mut self) -> Result<()> {
        while self.ready.is_empty() {
            if !self.follow && self.left == 0 {
                return Err(Error::closed(
                    "receive",
                    "everything that was there was handed out",
                ));
            }
            let Some(pull) = &mut self.pull else {
                self.begin().await?;
                continue;
            };
            if pull.outstanding == 0 {
                let left = usize::try_from(self.left).unwrap_or(BATCH);
                pull.ask(if self.follow { BATCH } else { left.min(BATCH) })
                    .await?;
            }
            let line = Arc::clone(&pull.line);
            let came = tokio::select! {
                came = pull.next() => came,
                () = line.lost() => None,
            };
            let mut came = match came {
                Some(came) => Some(came?),
                None => {
                    self.pull = None;
                    continue;
                }
            };
            if matches!(came, Some(Came::Nothing))
                && !self.follow
                && self.pull.as_ref().is_some_and(|pull| pull.outstanding == 0)
            {
                // A request has ended with less than was there at the beginning: the rest was deleted meanwhile.
                self.left = 0;
            }
            while let Some(next) = came {
                self.take(next);
                came = self.pull.as_mut().and_then(Pull::ready).transpose()?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Receiver for Looker {
    async fn receive(&mut self, room: Room, batch: &mut Vec<Delivery>) -> Result<()> {
        room.for_any()?;
        self.fetch().await?;
        let (mut messages, mut bytes) = (0, 0);
        while messages < room.messages && (bytes < room.bytes || messages == 0) {
            let Some(fetched) = self.ready.pop_front() else {
                break;
            };
            messages += 1;
            bytes += fetched.message.length;
            let address = Bytes::copy_from_slice(fetched.message.subject.as_str().as_bytes());
            let token = Token(self.tokens);
            batch.push(delivery(token, self.lane, fetched, &self.log).addressed(address));
            self.tokens += 1;
        }
        Ok(())
    }

    async fn close(self: Box<Self>) -> Result<()> {
        // The server forgets the consumer by itself when nobody asks it.
        Ok(())
    }
}
