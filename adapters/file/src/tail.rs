//! Reads one file message by message, also while others append to it, cut it short, rename it or put another in its place.
//!
//! The file is held by its descriptor, so that one that was renamed or deleted is read to its end before the next is
//! opened. What happened to it is found by looking, not by notifications, which a system may drop:
//!
//! | found | meaning | done |
//! |---|---|---|
//! | the name stands for another file | renamed or replaced | the old one is read to its end, then the new one from its start |
//! | shorter than what was read | cut short | a gap is told, and it is read from its start as a new generation |
//! | other bytes before the place | rewritten in place | the same |

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use dunlin_core::container::ContainerFormat;
use dunlin_core::messaging::{Event, Events, Start};
use dunlin_core::position::Position;
use dunlin_core::{Class, Error, ErrorKind, Result};

use crate::blocks::{Blocks, Datum, damaged, end_of_blocks, read_header};
use crate::error;
use crate::mend::{read_exactly, start_of_last_line};
use crate::places::{Place, fingerprint};
use crate::spot::Spot;
use crate::storage::{Handle, How, Identity, Standard, Storage};

/// How much is read at once.
const BLOCK: usize = 256 << 10;
/// How many bytes before the place are compared when a file has grown.
const COMPARED: usize = 64;

/// A file that is or was read.
#[derive(Debug)]
pub(crate) struct Log {
    /// What its positions begin with.
    pub(crate) name: Arc<str>,
    pub(crate) identity: Identity,
    /// How often it was found cut short or rewritten.
    pub(crate) generation: u64,
    pub(crate) file: Arc<dyn Handle>,
}

/// One line, or one message of a container.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) log: Arc<Log>,
    /// Where it begins.
    pub(crate) start: Spot,
    /// Where the next one begins.
    pub(crate) end: Spot,
    /// Its bytes, without the line feed, or carriage return and line feed, at its end.
    pub(crate) bytes: Bytes,
}

/// What a look at the file brought.
#[derive(Debug)]
pub(crate) enum Look {
    /// These lines, at least one.
    Lines(Vec<Line>),
    /// Nothing new; look again later.
    Nothing,
    /// The end of a file that is not followed.
    End,
}

/// Which file is read, and how.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) storage: Arc<dyn Storage>,
    /// The folder of the system, and the file below it with its links as they are; none for standard input.
    pub(crate) path: Option<(PathBuf, PathBuf)>,
    pub(crate) channel: String,
    pub(crate) follow: bool,
    pub(crate) max_line: usize,
    /// The format of a container; none for a file of lines.
    pub(crate) format: Option<&'static dyn ContainerFormat>,
}

/// A reader of one file by its name.
#[derive(Debug)]
pub(crate) struct Tail {
    subject: Subject,
    events: Events,
    log: Option<Arc<Log>>,
    /// What was read of a container; none for a file of lines.
    blocks: Option<Blocks>,
    /// Where the buffer begins in the file.
    offset: u64,
    /// What was read and not yet handed out: a line that is not complete.
    buffer: BytesMut,
    /// The last bytes before the end of the buffer.
    before: Vec<u8>,
    /// The name stands for another file by now.
    superseded: bool,
    /// Nothing was there at the last look.
    at_end: bool,
    /// What is to be told after the lines before it.
    refused: Option<Error>,
}

impl Tail {
    /// A reader at the start of the file.
    pub(crate) fn new(subject: Subject, events: Events) -> Self {
        Self {
            blocks: subject.format.map(Blocks::new),
            subject,
            events,
            log: None,
            offset: 0,
            buffer: BytesMut::new(),
            before: Vec::new(),
            superseded: false,
            at_end: false,
            refused: None,
        }
    }

    /// Goes to where a group without a place begins. A time is left to whoever reads the lines.
    pub(crate) fn start(&mut self, start: &Start) -> Result<()> {
        self.open()?;
        let Some(log) = self.log.clone() else {
            return match start {
                Start::Position(position) => Err(foreign(position, "no file")),
                _ => Ok(()),
            };
        };
        let failed = |cause| self.failed("the file cannot be looked at", cause);
        match start {
            Start::Earliest | Start::Time(_) => Ok(()),
            Start::Latest => {
                let length = log.file.length().map_err(failed)?;
                let end = match self.subject.format {
                    Some(format) => {
                        match read_header(format, &*log.file).map_err(|error| self.named(error))? {
                            Some(container) => {
                                let end = end_of_blocks(&*container, &*log.file);
                                end.map_err(|error| self.named(error))?
                            }
                            None => 0,
                        }
                    }
                    None if self.subject.follow => start_of_last_line(&*log.file, length).map_err(failed)?,
                    None => length,
                };
                self.go_to(self.spot(end))
            }
            Start::Position(position) => {
                let generation =
                    position
                        .log
                        .strip_prefix(&*log.name)
                        .and_then(|rest| match rest.strip_prefix('.') {
                            Some(number) => number.parse().ok(),
                            None => rest.is_empty().then_some(0),
                        });
                let spot = Spot::of(position, self.blocks.is_some());
                let (Some(generation), Some(spot)) = (generation, spot) else {
                    return Err(foreign(position, &log.name));
                };
                if spot.offset > log.file.length().map_err(failed)? {
                    return Err(foreign(position, "a shorter file"));
                }
                self.log = Some(self.made(log.identity, generation, Arc::clone(&log.file)));
                self.go_to(spot)?;
                let is_start = match (&self.blocks, self.before.last()) {
                    (_, None) => true,
                    (Some(blocks), Some(_)) => blocks.ends_block(&self.before),
                    (None, Some(last)) => *last == b'\n',
                };
                if is_start {
                    return Ok(());
                }
                Err(
                    Error::invalid("expected a position at the start of a line or block, found one inside")
                        .with("position", position),
                )
            }
        }
    }

    /// Goes to the place of a group, in the file that the place names: the one of that name, or one that it was renamed to.
    pub(crate) fn resume(&mut self, place: &Place) -> Result<()> {
        self.open()?;
        let found = match &self.log {
            Some(log) if log.identity.to_string() == place.file => {
                Some((log.identity, Arc::clone(&log.file)))
            }
            _ if place.file.is_empty() => return Ok(()),
            _ => self.renamed(&place.file).inspect(|_| self.superseded = true),
        };
        let Some((identity, file)) = found else {
            self.gap("the file was replaced while nobody read it; what was unread in the old one is gone");
            return Ok(());
        };
        let whole = match fingerprint(&*file, place.offset) {
            Ok(before) => before == place.before,
            Err(short) if short.kind() == io::ErrorKind::UnexpectedEof => false,
            Err(cause) => return Err(self.failed("the file cannot be read", cause)),
        };
        self.log = Some(self.made(identity, place.generation, file));
        if whole {
            self.go_to(place.spot(self.blocks.is_some()))
        } else {
            self.begin_anew()
        }
    }

    /// The next lines. Blocks for no longer than the disk takes, and on standard input until something comes.
    pub(crate) fn look(&mut self) -> Result<Look> {
        loop {
            if let Some(refused) = self.refused.take() {
                return Err(refused);
            }
            if self.log.is_none() {
                self.open()?;
            }
            let Some(log) = self.log.clone() else {
                return Ok(Look::Nothing);
            };
            if self.blocks.is_some() {
                // Of what was read before, some may not have been handed out.
                let lines = self.take(&log);
                if !lines.is_empty() {
                    return Ok(Look::Lines(lines));
                }
                if self.refused.is_some() {
                    continue;
                }
            }
            let position = self.offset + self.buffer.len() as u64;
            if self.at_end && self.was_rewritten(&*log.file, position)? {
                self.begin_anew()?;
                continue;
            }
            let known = self.buffer.len();
            if self.fill(&*log.file, position)? == 0 {
                if log
                    .file
                    .length()
                    .map_err(|cause| self.failed("the file cannot be looked at", cause))?
                    < position
                {
                    self.begin_anew()?;
                    continue;
                }
                match self.end(&log)? {
                    Some(look) => return Ok(look),
                    None => continue,
                }
            }
            self.at_end = false;
            if self.blocks.is_some() {
                continue;
            }
            let lines = self.split(&log, known);
            if !lines.is_empty() {
                return Ok(Look::Lines(lines));
            }
        }
    }

    /// The place up to which nothing is unread, before the first line.
    pub(crate) fn place(&self) -> (Option<Arc<Log>>, Spot) {
        (self.log.clone(), self.spot(self.offset))
    }

    /// The beginning of the line or block at this offset.
    const fn spot(&self, offset: u64) -> Spot {
        match self.blocks {
            Some(_) => Spot::block(offset, 0),
            None => Spot::line(offset),
        }
    }

    fn open(&mut self) -> Result<()> {
        let Some((folder, path)) = &self.subject.path else {
            self.log = Some(self.made(Identity::default(), 0, Arc::new(Standard)));
            return Ok(());
        };
        let opened = self
            .subject
            .storage
            .beneath(folder, path)
            .and_then(|real| self.subject.storage.open(&real, How::Read));
        let file: Arc<dyn Handle> = match opened {
            Ok(file) => file.into(),
            Err(missing) if missing.kind() == io::ErrorKind::NotFound && self.subject.follow => return Ok(()),
            Err(cause) => return Err(self.failed("the file cannot be opened for reading", cause)),
        };
        let identity = file
            .identity()
            .map_err(|cause| self.failed("the file cannot be looked at", cause))?;
        self.log = Some(self.made(identity, 0, file));
        Ok(())
    }

    fn made(&self, identity: Identity, generation: u64, file: Arc<dyn Handle>) -> Arc<Log> {
        Arc::new(Log {
            name: log_name(&self.subject.channel, identity, generation).into(),
            identity,
            generation,
            file,
        })
    }

    fn go_to(&mut self, spot: Spot) -> Result<()> {
        let offset = spot.offset;
        if let Some(blocks) = &mut self.blocks {
            let gone = blocks.go_to(self.log.as_ref().map(|log| &*log.file), spot);
            gone.map_err(|error| self.named(error))?;
        }
        self.offset = offset;
        self.buffer.clear();
        self.at_end = false;
        let covered = usize::try_from(offset).map_or(COMPARED, |offset| offset.min(COMPARED));
        self.before = vec![0; covered];
        match &self.log {
            Some(log) if covered > 0 => read_exactly(&*log.file, &mut self.before, offset - covered as u64)
                .map_err(|cause| self.failed("the file cannot be read", cause)),
            _ => Ok(()),
        }
    }

    /// The file is not what it was: everything in it is new.
    fn begin_anew(&mut self) -> Result<()> {
        self.gap("the file was cut short or rewritten; what was unread in it is gone");
        if let Some(log) = self.log.take() {
            self.log = Some(self.made(log.identity, log.generation + 1, Arc::clone(&log.file)));
        }
        self.go_to(self.spot(0))
    }

    fn gap(&self, reason: &'static str) {
        tracing::warn!(channel = %self.subject.channel, reason);
        self.events.tell(Event::Gap {
            channel: self.subject.channel.clone(),
            messages: None,
        });
    }

    fn was_rewritten(&self, file: &dyn Handle, position: u64) -> Result<bool> {
        let mut found = vec![0; self.before.len()];
        let start = position - self.before.len() as u64;
        match read_exactly(file, &mut found, start) {
            Ok(()) => Ok(found != self.before),
            Err(short) if short.kind() == io::ErrorKind::UnexpectedEof => Ok(true),
            Err(cause) => Err(self.failed("the file cannot be read", cause)),
        }
    }

    fn fill(&mut self, file: &dyn Handle, position: u64) -> Result<usize> {
        let known = self.buffer.len();
        self.buffer.resize(known + BLOCK, 0);
        let read = loop {
            match file.read_at(&mut self.buffer[known..], position) {
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.buffer
            .truncate(known + read.as_ref().map_or(0, |read| *read));
        let read = read.map_err(|cause| self.failed("the file cannot be read", cause))?;
        let fresh = &self.buffer[known..];
        self.before
            .extend_from_slice(&fresh[fresh.len().saturating_sub(COMPARED)..]);
        self.before.drain(..self.before.len().saturating_sub(COMPARED));
        Ok(read)
    }

    /// Takes the complete lines out of the buffer; `known` bytes of it are known to hold no line feed.
    fn split(&mut self, log: &Arc<Log>, known: usize) -> Vec<Line> {
        let whole = self.buffer[known..]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |last| known + last + 1);
        let block = self.buffer.split_to(whole).freeze();
        let mut lines = Vec::new();
        let mut start = 0;
        while let Some(length) = block[start..].iter().position(|byte| *byte == b'\n') {
            self.push(log, block.slice(start..start + length), length + 1, &mut lines);
            start += length + 1;
        }
        if self.buffer.len() > self.subject.max_line.saturating_add(1) {
            self.refuse_long();
        }
        lines
    }

    fn push(&mut self, log: &Arc<Log>, bytes: Bytes, advance: usize, lines: &mut Vec<Line>) {
        let bytes = match bytes.strip_suffix(b"\r") {
            Some(rest) => bytes.slice(..rest.len()),
            None => bytes,
        };
        if bytes.len() > self.subject.max_line {
            self.refuse_long();
        }
        let start = self.offset;
        self.offset += advance as u64;
        if self.refused.is_none() && !bytes.trim_ascii().is_empty() {
            lines.push(Line {
                log: Arc::clone(log),
                start: Spot::line(start),
                end: Spot::line(self.offset),
                bytes,
            });
        }
    }

    /// Takes messages out of the blocks of a container that are in the buffer as a whole.
    fn take(&mut self, log: &Arc<Log>) -> Vec<Line> {
        let mut data = Vec::new();
        if let Some(blocks) = &mut self.blocks
            && let Err(error) = blocks.take(&mut self.offset, &mut self.buffer, &mut data)
        {
            self.refused = Some(self.named(error));
        }
        let mut lines = Vec::with_capacity(data.len());
        for Datum { start, end, payload } in data {
            if payload.len() > self.subject.max_line {
                self.refused = None;
                self.offset = start.offset;
                self.refuse_long();
                break;
            }
            lines.push(Line {
                log: Arc::clone(log),
                start,
                end,
                bytes: payload,
            });
        }
        lines
    }

    fn refuse_long(&mut self) {
        // Passing over it would lose a message, and the memory for it is not to be had: only a person can decide.
        let max = self.subject.max_line;
        self.refused.get_or_insert_with(|| {
            Error::new(
                ErrorKind::TooLarge,
                "receive",
                format!(
                    "expected lines and data of at most {max} bytes, found a longer one; raise `max_line`"
                ),
            )
            .class_of(Class::Unhealthy)
            .with("channel", &self.subject.channel)
            .with("offset", self.offset)
        });
    }

    /// What is done where nothing more is to be read now; `None`: look again at once.
    fn end(&mut self, log: &Arc<Log>) -> Result<Option<Look>> {
        let waits = self.subject.follow && !self.superseded;
        if waits {
            self.at_end = true;
            if let Some((folder, path)) = &self.subject.path {
                let storage = &self.subject.storage;
                let there = storage
                    .beneath(folder, path)
                    .and_then(|real| storage.identity(&real));
                let there = there.map_err(|cause| self.failed("the file cannot be looked at", cause))?;
                // One more look comes before the old one is left: its writer may not have noticed yet.
                self.superseded = there.is_some_and(|there| there != log.identity);
            }
            return Ok(Some(Look::Nothing));
        }
        if !self.buffer.is_empty() && !self.superseded && self.is_being_written(log)? {
            return Ok(Some(Look::Nothing));
        }
        let mut last = Vec::new();
        if !self.buffer.is_empty() && self.blocks.is_some() {
            self.buffer.clear();
            self.refused = Some(self.named(damaged(
                "expected a whole block, found the end of the file; cut it off, which a writer of its own does when it opens the file",
                self.offset,
            )));
            return Ok(None);
        }
        if !self.buffer.is_empty() {
            let bytes = self.buffer.split().freeze();
            let length = bytes.len();
            self.push(log, bytes, length, &mut last);
        }
        if std::mem::take(&mut self.superseded) {
            self.log = None;
            self.go_to(self.spot(0))?;
        } else if last.is_empty() && self.refused.is_none() {
            return Ok(Some(Look::End));
        }
        Ok((!last.is_empty()).then_some(Look::Lines(last)))
    }

    /// Whether a writer of ours holds the file: then a line without a line feed is one that it has not yet written whole.
    fn is_being_written(&self, log: &Log) -> Result<bool> {
        let Some((folder, path)) = &self.subject.path else {
            return Ok(false);
        };
        let storage = &self.subject.storage;
        // A lock is let go by closing, so it is tried on a descriptor of its own.
        let tried = storage.beneath(folder, path).and_then(|real| {
            let file = storage.open(&real, How::Read)?;
            Ok(file.identity()? == log.identity && !file.try_lock()?)
        });
        match tried {
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(false),
            tried => tried.map_err(|cause| self.failed("the file cannot be looked at", cause)),
        }
    }

    /// A file beside the one that is read, known by its identity under whatever name it has now.
    fn renamed(&self, identity: &str) -> Option<(Identity, Arc<dyn Handle>)> {
        let (_, path) = self.subject.path.as_ref()?;
        let beside = self.subject.storage.list(path.parent()?).ok()?;
        beside.into_iter().find_map(|path| {
            let found = self.subject.storage.identity(&path).ok()??;
            let is_it = found.to_string() == identity;
            let file = is_it.then(|| self.subject.storage.open(&path, How::Read).ok())??;
            Some((found, file.into()))
        })
    }

    fn named(&self, error: Error) -> Error {
        error.with("channel", &self.subject.channel)
    }

    fn failed(&self, message: &'static str, cause: io::Error) -> Error {
        let path = self
            .subject
            .path
            .as_ref()
            .map_or(PathBuf::from("-"), |(_, path)| path.clone());
        error::io("receive", message, &path, cause)
    }
}

/// What positions in a file begin with: the channel, which file it is, and how often that was cut short or rewritten.
pub(crate) fn log_name(channel: &str, identity: Identity, generation: u64) -> String {
    match generation {
        0 => format!("{channel}#{identity}"),
        _ => format!("{channel}#{identity}.{generation}"),
    }
}

fn foreign(position: &Position, found: &str) -> Error {
    Error::invalid(format!(
        "expected a position of the file that is there now ({found}), found one of another"
    ))
    .with("position", position)
}
