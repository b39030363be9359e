//! One writer for each file, shared by all senders of the process, on a thread of its own.
//!
//! Senders hand over blocks of lines; whatever is waiting when the disk is ready goes to it together, and one sync confirms
//! all of it. So many small batches cost one sync, and a file has one writer however many routes end in it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use dunlin_core::container::Container;
use dunlin_core::{Class, Error, ErrorKind, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::append::{Appender, Failure, Form, Place, Written};
use crate::config::Sync;
use crate::error::io;
use crate::storage::{Standard, Storage};

/// How many batches may wait for the disk; further senders wait themselves.
const WAITING: usize = 64;
/// How many bytes one sync is to confirm at most, unless one batch is larger.
const GROUP_BYTES: usize = 8 << 20;

/// The writers of a disk, by the real path of their file.
#[derive(Debug, Default)]
pub(crate) struct Writers(Mutex<HashMap<PathBuf, Entry>>);

#[derive(Debug)]
struct Entry {
    writer: Arc<Writer>,
    users: usize,
    thread: JoinHandle<Result<(), Failure>>,
}

/// The way to the thread that writes one file.
#[derive(Debug)]
struct Writer {
    jobs: mpsc::Sender<Job>,
    room: Arc<Semaphore>,
    sync: Sync,
    /// What the file is, if it is a container.
    container: Option<Arc<dyn Container>>,
    failed: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Job {
    /// Whole lines.
    block: Vec<u8>,
    answer: oneshot::Sender<Written>,
    _room: OwnedSemaphorePermit,
}

/// One sender's share in a writer. It is given back with [`Share::leave`]; the last one that leaves ends the writer.
#[derive(Debug)]
pub(crate) struct Share {
    writers: Arc<Writers>,
    key: PathBuf,
    /// None once it is given back.
    writer: Option<Arc<Writer>>,
}

impl Writers {
    /// The writer of this file, or of standard output; made if there is none. Blocks.
    pub(crate) fn join(
        self: &Arc<Self>,
        storage: Arc<dyn Storage>,
        place: Option<Place>,
        sync: Sync,
        form: Option<Form>,
    ) -> Result<Share> {
        let schema = form.as_ref().map(|form| form.wanted.schema().to_owned());
        let key = place
            .as_ref()
            .map_or_else(|| PathBuf::from("-"), |place| place.path.clone());
        let mut writers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failed) = writers.remove(&key) {
            if failed.writer.failed.load(Ordering::Acquire) {
                // It has told so to everyone who waited. Once its descriptor is closed, a new one may begin.
                drop(failed.thread.join());
            } else {
                writers.insert(key.clone(), failed);
            }
        }
        if !writers.contains_key(&key) {
            let appender = match place {
                Some(place) => Appender::open(storage, place, sync, form)?,
                None => Appender::standard(Box::new(Standard), sync),
            };
            writers.insert(key.clone(), start(appender, sync)?);
        }
        match writers.get_mut(&key) {
            Some(entry)
                if entry.writer.sync == sync
                    && entry
                        .writer
                        .container
                        .as_ref()
                        .map(|container| container.schema())
                        == schema.as_deref() =>
            {
                entry.users += 1;
                Ok(Share {
                    writers: Arc::clone(self),
                    key,
                    writer: Some(Arc::clone(&entry.writer)),
                })
            }
            _ => Err(Error::invalid(
                "expected the same `sync` and `schema` from all routes that write one file, found two",
            )
            .with("path", key.display())),
        }
    }
}

impl Share {
    /// What the file is, if it is a container.
    pub(crate) fn container(&self) -> Option<&Arc<dyn Container>> {
        self.writer.as_ref()?.container.as_ref()
    }

    /// Hands over a block of whole lines, once there is room for it. The answer comes when the disk has it.
    ///
    /// # Errors
    /// The writer has failed; nothing was handed over.
    pub(crate) async fn write(&self, block: Vec<u8>) -> Result<oneshot::Receiver<Written>> {
        let gone = || {
            let message = "the file failed before, and is opened anew only when the route starts again";
            Error::new(ErrorKind::Io, "send", message)
                .class_of(Class::Unhealthy)
                .with("path", self.key.display())
        };
        let writer = self.writer.as_ref().ok_or_else(gone)?;
        let room = Arc::clone(&writer.room)
            .acquire_owned()
            .await
            .map_err(|_| gone())?;
        let (answer, written) = oneshot::channel();
        writer
            .jobs
            .send(Job {
                block,
                answer,
                _room: room,
            })
            .map_err(|_| gone())?;
        Ok(written)
    }

    /// Gives the share back, and waits for the writer's end if it was the last. Blocks.
    pub(crate) fn leave(mut self) -> Result<()> {
        let Some(Entry { writer, thread, .. }) = self.give_back() else {
            return Ok(());
        };
        drop(writer);
        match thread.join() {
            Ok(Ok(())) => Ok(()),
            Ok(Err(failure)) => Err(failure.error("close", &self.key.display().to_string())),
            Err(_) => Err(Error::new(
                ErrorKind::Internal,
                "close",
                "the thread that writes the file panicked",
            )
            .with("path", self.key.display())),
        }
    }

    /// The writer, if nobody else has a share in it any more. It ends once it is dropped and has written what waits.
    fn give_back(&mut self) -> Option<Entry> {
        let writer = self.writer.take()?;
        let mut writers = self.writers.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = writers.get_mut(&self.key)?;
        if !Arc::ptr_eq(&entry.writer, &writer) {
            // Ours has failed and was replaced.
            return None;
        }
        entry.users -= 1;
        if entry.users == 0 {
            writers.remove(&self.key)
        } else {
            None
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        drop(self.give_back());
    }
}

fn start(appender: Appender, sync: Sync) -> Result<Entry> {
    let (jobs, waiting) = mpsc::channel();
    let failed = Arc::new(AtomicBool::new(false));
    let container = appender.container().cloned();
    let flag = Arc::clone(&failed);
    let thread = thread::Builder::new()
        .name("dunlin-file-writer".to_owned())
        .spawn(move || run(appender, &waiting, sync, &flag))
        .map_err(|cause| {
            io(
                "sender",
                "no thread can be started for writing",
                "".as_ref(),
                cause,
            )
        })?;
    let writer = Writer {
        jobs,
        room: Arc::new(Semaphore::new(WAITING)),
        sync,
        container,
        failed,
    };
    Ok(Entry {
        writer: Arc::new(writer),
        users: 0,
        thread,
    })
}

/// Writes until every sender has gone, or the file has failed.
fn run(
    mut appender: Appender,
    waiting: &mpsc::Receiver<Job>,
    sync: Sync,
    failed: &AtomicBool,
) -> Result<(), Failure> {
    let mut due: Option<Instant> = None;
    loop {
        let first = match due {
            Some(at) => waiting.recv_timeout(at.saturating_duration_since(Instant::now())),
            None => waiting.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let outcome = match first {
            Ok(first) => {
                if let Sync::Interval(interval) = sync {
                    due = due.or_else(|| Instant::now().checked_add(interval));
                }
                commit(&mut appender, group(first, waiting), failed);
                Ok(())
            }
            Err(RecvTimeoutError::Timeout) => {
                due = None;
                appender.flush()
            }
            Err(RecvTimeoutError::Disconnected) => return appender.close(),
        };
        if appender.has_failed() {
            failed.store(true, Ordering::Release);
            return outcome;
        }
    }
}

/// The first job and whatever else is waiting.
fn group(first: Job, waiting: &mpsc::Receiver<Job>) -> Vec<Job> {
    let mut bytes = first.block.len();
    let mut jobs = vec![first];
    while bytes < GROUP_BYTES
        && let Ok(job) = waiting.try_recv()
    {
        bytes += job.block.len();
        jobs.push(job);
    }
    // Whoever gave up waiting sends again: a copy that was not begun must not be written beside the next one.
    jobs.retain(|job| !job.answer.is_closed());
    jobs
}

fn commit(appender: &mut Appender, jobs: Vec<Job>, failed: &AtomicBool) {
    let answers = appender.commit(jobs.iter().map(|job| job.block.as_slice()));
    // Set before anyone is answered, so that whoever opens the file anew because of the answer finds it.
    failed.store(appender.has_failed(), Ordering::Release);
    for (job, written) in jobs.into_iter().zip(answers) {
        if job.answer.send(written).is_err() {
            tracing::debug!("lines were written whose sender had given up waiting");
        }
    }
}

/// The answer for a block, or an error in doubt when the deadline passes first.
pub(crate) async fn answer(
    written: oneshot::Receiver<Written>,
    deadline: impl Future<Output = ()>,
) -> Result<Written> {
    let ended = || {
        Error::new(
            ErrorKind::Io,
            "send",
            "the writer of the file ended before it answered",
        )
        .class_of(Class::Unhealthy)
        .doubtful()
    };
    tokio::select! {
        biased;
        written = written => written.map_err(|_| ended()),
        () = deadline => Err(Error::new(ErrorKind::Timeout, "send", "the disk did not answer in time").doubtful()),
    }
}
