//! One file that is written: lines go to its end, reach the disk, and only then count as written.
//!
//! What a torn line is, and what is done with it, is decided here alone. Beside the file stands a note with the length that
//! was confirmed last; it is there while a writer is at work, and gone when one closed in good order. A file that does not
//! end in a line feed was torn by a writer that died if the note is there and its length is not above the torn line: then
//! the torn line is cut, since nobody was told that it was written. In any other case somebody else wrote that line, and
//! it gets the line feed that it lacks.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use dunlin_core::container::{Container, ContainerFormat};
use dunlin_core::{Class, Error, ErrorKind, Result};

use crate::config::Sync;
use crate::container;
use crate::error;
use crate::mend::{mend, note, read_note};
use crate::storage::{Handle, How, Identity, Storage, lock};

/// A file that is written, or standard output.
#[derive(Debug)]
pub(crate) struct Appender {
    named: Option<Named>,
    /// What a container is; none for lines.
    form: Option<Form>,
    file: Box<dyn Handle>,
    sync: Sync,
    /// Where the next line goes.
    length: u64,
    /// Everything below was confirmed or was there before.
    confirmed: u64,
    unsynced: bool,
    /// Why nothing more is written.
    failed: Option<Failure>,
}

/// What only a file with a name has.
#[derive(Debug)]
struct Named {
    storage: Arc<dyn Storage>,
    place: Place,
    identity: Identity,
    note: Box<dyn Handle>,
}

/// Where a file and its note are.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The folder of the system.
    pub(crate) folder: PathBuf,
    /// The file, with all links followed.
    pub(crate) path: PathBuf,
    /// The note beside it.
    pub(crate) note: PathBuf,
}

/// A container that is written.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) format: &'static dyn ContainerFormat,
    /// Before the file is opened what it should be, and then what it is.
    pub(crate) wanted: Arc<dyn Container>,
}

/// Why lines were not written; each message of a batch gets its own error from it.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    kind: ErrorKind,
    class: Class,
    in_doubt: bool,
    message: &'static str,
    cause: Option<Arc<io::Error>>,
}

/// Where a block of lines was written: which file, and from where on.
pub(crate) type Written = std::result::Result<(Identity, u64), Failure>;

impl Appender {
    /// Standard output.
    pub(crate) fn standard(handle: Box<dyn Handle>, sync: Sync) -> Self {
        Self {
            named: None,
            form: None,
            file: handle,
            sync,
            length: 0,
            confirmed: 0,
            unsynced: false,
            failed: None,
        }
    }

    /// Opens a file, makes it and its folders if they are missing, locks it, and mends its end.
    pub(crate) fn open(
        storage: Arc<dyn Storage>,
        place: Place,
        sync: Sync,
        mut form: Option<Form>,
    ) -> Result<Self> {
        let path = place.path.clone();
        let durable = sync != Sync::Never;
        let failed = |message| {
            let path = path.clone();
            move |cause| error::io("sender", message, &path, cause)
        };
        for folder in [place.path.parent(), place.note.parent()].into_iter().flatten() {
            storage
                .create_folder(folder, durable)
                .map_err(failed("the folder cannot be made"))?;
        }
        let file = storage
            .open(&place.path, How::Append)
            .map_err(failed("the file cannot be opened for writing"))?;
        if !lock(&*file).map_err(failed("the file cannot be locked"))? {
            let message = "expected to be the only process that writes this file, found it locked by another; end that one first";
            return Err(Error::new(ErrorKind::Blocked, "sender", message)
                .class_of(Class::Unhealthy)
                .with("path", place.path.display()));
        }
        if durable {
            // Also where nothing was made just now: whoever made it may have died before its name reached the disk.
            for folder in place
                .path
                .ancestors()
                .skip(1)
                .take_while(|folder| folder.starts_with(&place.folder))
            {
                storage
                    .sync_folder(folder)
                    .map_err(failed("the name of the file cannot be made durable"))?;
            }
        }
        let identity = file.identity().map_err(failed("the file cannot be looked at"))?;
        let confirmed = read_note(&*storage, &place.note, identity)
            .map_err(failed("the writer's note cannot be read"))?;
        let length = match &mut form {
            Some(form) => form
                .mend(&*file, confirmed)
                .map_err(|error| error.with("path", place.path.display()))?,
            None => mend(&*file, confirmed).map_err(failed("the end of the file cannot be mended"))?,
        };
        storage
            .replace(&place.note, &note(identity, length), false)
            .map_err(failed("the writer's note cannot be written"))?;
        let note = storage
            .open(&place.note, How::Overwrite)
            .map_err(failed("the writer's note cannot be opened"))?;
        let named = Named {
            storage,
            place,
            identity,
            note,
        };
        Ok(Self {
            named: Some(named),
            form,
            file,
            sync,
            length,
            confirmed: length,
            unsynced: false,
            failed: None,
        })
    }

    /// Writes blocks of whole lines, in order, and answers once for each, after one sync for all.
    ///
    /// The first block that does not fit is undone, and none after it is written.
    pub(crate) fn commit<'a>(&mut self, blocks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Written> {
        let mut answers: Vec<Written> = Vec::new();
        let mut refused = self.ready().err();
        for block in blocks {
            let answer = match &refused {
                Some(failure) => Err(failure.clone()),
                None => self.write(block),
            };
            refused = answer.as_ref().err().cloned();
            answers.push(answer);
        }
        if let Err(failure) = self.finish() {
            for answer in answers.iter_mut().filter(|answer| answer.is_ok()) {
                *answer = Err(failure.clone());
            }
        }
        answers
    }

    /// Makes durable what was confirmed before it was.
    pub(crate) fn flush(&mut self) -> std::result::Result<(), Failure> {
        if !std::mem::take(&mut self.unsynced) || self.failed.is_some() || self.sync == Sync::Never {
            return Ok(());
        }
        self.file.sync().map_err(|cause| {
            self.fail(
                "the file could not be made durable; what was confirmed since the last time may be lost",
                cause,
            )
        })
    }

    /// Ends in good order: no later writer will take the end of the file for torn by this one.
    pub(crate) fn close(mut self) -> std::result::Result<(), Failure> {
        self.flush()?;
        match &self.named {
            Some(named) if self.failed.is_none() => named
                .storage
                .remove(&named.place.note)
                .map_err(|cause| Failure::io("the writer's note cannot be removed", cause)),
            _ => Ok(()),
        }
    }

    /// Looks whether the name still stands for this file, and where its end is.
    fn ready(&mut self) -> std::result::Result<(), Failure> {
        if let Some(failure) = &self.failed {
            return Err(failure.clone());
        }
        let Some(named) = &self.named else {
            return Ok(());
        };
        let looked = |cause| Failure::io("the file cannot be looked at", cause);
        let (storage, place) = (Arc::clone(&named.storage), named.place.clone());
        if storage.identity(&place.path).map_err(looked)? != Some(named.identity) {
            // Renamed, replaced or deleted by somebody else. What was confirmed is in the old file; the next line
            // belongs where the name points now.
            self.flush()?;
            let form = self.form.clone();
            let opened = Self::open(storage, place, self.sync, form).map_err(|cause| Failure {
                class: cause.class(),
                cause: Some(Arc::new(io::Error::other(cause))),
                ..Failure::new(ErrorKind::Io, "the file was replaced and cannot be opened anew")
            })?;
            if opened.header() != self.header() {
                // Blocks that are waiting were made for the header before.
                return Err(Failure {
                    class: Class::Unhealthy,
                    ..Failure::new(
                        ErrorKind::Damaged,
                        "the container was replaced by one with another header; start the route again",
                    )
                });
            }
            *self = opened;
            return Ok(());
        }
        let found = self.file.length().map_err(looked)?;
        if found != self.length {
            // Somebody writes beside us in spite of the lock; a line of theirs must not run into ours.
            self.length = match &mut self.form {
                Some(form) => form.mend(&*self.file, None).map_err(|cause| Failure {
                    class: Class::Unhealthy,
                    cause: Some(Arc::new(io::Error::other(cause))),
                    ..Failure::new(ErrorKind::Damaged, "somebody else writes the same container")
                })?,
                None => mend(&*self.file, None).map_err(looked)?,
            };
            self.confirmed = self.confirmed.min(self.length);
        }
        Ok(())
    }

    fn write(&mut self, block: &[u8]) -> Written {
        let start = self.length;
        let mut rest = block;
        while !rest.is_empty() {
            let cause = match self.file.append(rest) {
                Ok(0) => io::ErrorKind::WriteZero.into(),
                Ok(written) => {
                    rest = &rest[written..];
                    continue;
                }
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
                Err(cause) => cause,
            };
            if self.named.is_none() {
                return Err(self.fail("nobody reads the standard output any more", cause));
            }
            return match self.file.truncate(start) {
                Ok(()) => Err(Failure::io("the lines could not be written", cause)),
                Err(cause) => Err(self.fail("a line was written in part and could not be undone", cause)),
            };
        }
        self.length = start + block.len() as u64;
        self.unsynced = true;
        Ok((
            self.named
                .as_ref()
                .map(|named| named.identity)
                .unwrap_or_default(),
            start,
        ))
    }

    /// Makes what was written since the last time as durable as the setting says, and notes it.
    fn finish(&mut self) -> std::result::Result<(), Failure> {
        if let Some(failure) = &self.failed {
            return Err(failure.clone().doubtful());
        }
        if self.confirmed == self.length {
            return Ok(());
        }
        if self.sync == Sync::Always || self.named.is_none() {
            self.unsynced = false;
            self.file
                .sync()
                .map_err(|cause| self.fail("the lines could not be made durable", cause))?;
        }
        self.confirmed = self.length;
        let Some(named) = &self.named else { return Ok(()) };
        match self.file.is_linked() {
            Ok(true) => {}
            Ok(false) => {
                return Err(
                    Failure::new(ErrorKind::Io, "the file was deleted while it was written").doubtful(),
                );
            }
            Err(cause) => return Err(Failure::io("the file cannot be looked at", cause).doubtful()),
        }
        if let Err(cause) = named.note.overwrite(&note(named.identity, self.confirmed)) {
            // The note only decides whether a torn line is cut or ended; a length that is too low decides the same.
            tracing::warn!(path = %named.place.note.display(), %cause, "the writer's note could not be written");
        }
        Ok(())
    }

    /// Declares the file failed: after a failed sync the system may have thrown away what it could not write, and a second
    /// sync would answer that all is well. What is behind the confirmed length is cut, so that no later writer builds on it.
    fn fail(&mut self, message: &'static str, cause: io::Error) -> Failure {
        if self.named.is_some()
            && let Err(cut) = self.file.truncate(self.confirmed)
        {
            tracing::error!(cause = %cut, confirmed = self.confirmed, "lines that were not confirmed could not be cut");
        }
        let failure = Failure {
            class: Class::Unhealthy,
            in_doubt: true,
            ..Failure::io(message, cause)
        };
        self.failed = Some(Failure {
            in_doubt: false,
            message: "the file failed before, and is opened anew only when the route starts again",
            ..failure.clone()
        });
        failure
    }

    /// The container that the file is; none for lines.
    pub(crate) fn container(&self) -> Option<&Arc<dyn Container>> {
        self.form.as_ref().map(|form| &form.wanted)
    }

    fn header(&self) -> Option<&[u8]> {
        self.container().map(|container| container.header())
    }

    /// Whether nothing will ever be written through this descriptor again.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.is_some()
    }
}

impl Form {
    /// Sees to the header and the end of the file, and knows from then on what it is.
    fn mend(&mut self, file: &dyn Handle, confirmed: Option<u64>) -> Result<u64> {
        let (length, found) = container::mend(self.format, &self.wanted, file, confirmed)?;
        self.wanted = found;
        Ok(length)
    }
}

impl Failure {
    fn new(kind: ErrorKind, message: &'static str) -> Self {
        Self {
            kind,
            class: kind.default_class(),
            in_doubt: false,
            message,
            cause: None,
        }
    }

    fn io(message: &'static str, cause: io::Error) -> Self {
        let kind = error::kind(&cause);
        Self {
            cause: Some(Arc::new(cause)),
            ..Self::new(kind, message)
        }
    }

    fn doubtful(self) -> Self {
        Self {
            in_doubt: true,
            ..self
        }
    }

    /// The error of one message.
    pub(crate) fn error(&self, operation: &'static str, channel: &str) -> Error {
        let error = Error::new(self.kind, operation, self.message)
            .class_of(self.class)
            .with("channel", channel);
        let error = if self.in_doubt { error.doubtful() } else { error };
        match &self.cause {
            Some(cause) => error.caused_by(Arc::clone(cause)),
            None => error,
        }
    }
}
