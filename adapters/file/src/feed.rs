//! The thread that reads, so that no asynchronous thread waits for a disk or for a pipe.
//!
//! It reads ahead by a few blocks and no further: whoever does not take what was read holds the thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use dunlin_core::envelope::Envelope;
use dunlin_core::{Class, Error, Result};
use tokio::sync::mpsc;

use crate::config::End;
use crate::error::{io, lost};
use crate::headers;
use crate::spot::Spot;
use crate::tail::{Line, Log, Look, Tail};

/// How many blocks are read ahead.
const AHEAD: usize = 2;

/// A message that was read.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) envelope: Envelope,
    pub(crate) log: Arc<Log>,
    /// Where its line begins.
    pub(crate) start: Spot,
    /// Where the next line begins.
    pub(crate) end: Spot,
}

/// What comes from the thread.
#[derive(Debug)]
pub(crate) enum Fed {
    Messages(Vec<Read>),
    Failed(Error),
    End,
}

/// The near end of a thread that reads.
#[derive(Debug)]
pub(crate) struct Feed {
    blocks: mpsc::Receiver<Fed>,
    stop: Arc<AtomicBool>,
    /// None for standard input: a read from a pipe ends when its writer likes.
    thread: Option<JoinHandle<()>>,
}

impl Feed {
    /// Starts to read. Messages before `since` are passed over, up to the first that is not.
    pub(crate) fn start(tail: Tail, end: End, since: Option<SystemTime>) -> Result<Self> {
        let (sender, blocks) = mpsc::channel(AHEAD);
        let stop = Arc::new(AtomicBool::new(false));
        let standard = end.path.is_none();
        let reader = Reader {
            tail,
            end,
            since,
            stop: Arc::clone(&stop),
        };
        let thread = thread::Builder::new()
            .name("dunlin-file-reader".to_owned())
            .spawn(move || reader.run(&sender))
            .map_err(|cause| {
                io(
                    "receiver",
                    "no thread can be started for reading",
                    "".as_ref(),
                    cause,
                )
            })?;
        Ok(Self {
            blocks,
            stop,
            thread: (!standard).then_some(thread),
        })
    }

    /// The next block; none if the thread is gone without having told the end. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Fed> {
        self.blocks.recv().await
    }

    /// Stops reading, and waits for the thread.
    pub(crate) async fn close(mut self) -> Result<()> {
        self.blocks.close();
        match self.end() {
            Some(thread) => tokio::task::spawn_blocking(move || drop(thread.join()))
                .await
                .map_err(|cause| lost("close", cause)),
            None => Ok(()),
        }
    }

    fn end(&mut self) -> Option<JoinHandle<()>> {
        self.stop.store(true, Ordering::Release);
        self.thread.take().inspect(|thread| thread.thread().unpark())
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.end();
    }
}

struct Reader {
    tail: Tail,
    end: End,
    since: Option<SystemTime>,
    stop: Arc<AtomicBool>,
}

impl Reader {
    fn run(mut self, blocks: &mpsc::Sender<Fed>) {
        while !self.stop.load(Ordering::Acquire) {
            let ends = match self.tail.look() {
                Ok(Look::Lines(lines)) => self.tell(lines, blocks),
                Ok(Look::Nothing) => {
                    thread::park_timeout(self.end.poll_interval);
                    false
                }
                Ok(Look::End) => {
                    self.hand(Fed::End, blocks);
                    true
                }
                Err(error) if error.class() == Class::Temporary => {
                    let ends = self.hand(Fed::Failed(error), blocks);
                    thread::park_timeout(self.end.poll_interval);
                    ends
                }
                Err(error) => {
                    self.hand(Fed::Failed(error), blocks);
                    true
                }
            };
            if ends {
                return;
            }
        }
    }

    /// Hands over the messages in these lines, and says whether that was the end.
    fn tell(&mut self, lines: Vec<Line>, blocks: &mpsc::Sender<Fed>) -> bool {
        let mut messages = Vec::with_capacity(lines.len());
        let mut failed = None;
        for Line {
            log,
            start,
            end,
            bytes,
        } in lines
        {
            match headers::read(&self.end, bytes, start.offset) {
                Ok(envelope) => {
                    if let Some(since) = self.since {
                        if envelope.message.timestamp.is_none_or(|time| time < since) {
                            continue;
                        }
                        self.since = None;
                    }
                    messages.push(Read {
                        envelope,
                        log,
                        start,
                        end,
                    });
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        let gone = !messages.is_empty() && self.hand(Fed::Messages(messages), blocks);
        match failed {
            Some(error) => {
                self.hand(Fed::Failed(error), blocks);
                true
            }
            None => gone,
        }
    }

    /// Waits for room, and says whether nobody takes anything any more.
    fn hand(&self, fed: Fed, blocks: &mpsc::Sender<Fed>) -> bool {
        blocks.blocking_send(fed).is_err()
    }
}
