//! A session: receivers, senders, and answers about files as the disk gives them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use dunlin_core::messaging::{
    Browse, ChannelState, Declare, Endpoint, Events, Purpose, Receiver, Resolved, Sender, Session, Settler,
    Source, Start, Target,
};
use dunlin_core::position::Position;
use dunlin_core::{Error, ErrorKind, Result};

use crate::append::{Form, Place};
use crate::config::{End, Sync, file_of};
use crate::error::{io, lost};
use crate::feed::Feed;
use crate::places::{self, PlaceFile};
use crate::receiver::{FileReceiver, place};
use crate::sender::FileSender;
use crate::storage::How;
use crate::tail::{self, Look, Subject, Tail};
use crate::{FileSystem, Stand};

#[derive(Clone, Debug)]
pub(crate) struct FileSession {
    pub(crate) system: FileSystem,
    pub(crate) events: Events,
}

#[async_trait]
impl Session for FileSession {
    async fn verify(&self, endpoint: &Endpoint, purpose: Purpose) -> Result<Resolved> {
        let end = self.system.config.end(endpoint)?;
        self.blocking("verify", move |session| session.look_at(&end, purpose))
            .await
    }

    async fn receiver(&self, source: &Source) -> Result<(Box<dyn Receiver>, Box<dyn Settler>)> {
        let end = self.system.config.end(&source.endpoint)?;
        let (group, start) = (source.group.clone(), source.start.clone());
        self.blocking("receiver", move |session| {
            let stable = end.path.is_some();
            let Beginning { tail, places, since } = session.begin(&end, &group, &start)?;
            let feed = Feed::start(tail, end, since)?;
            let (receiver, settler) =
                FileReceiver::settled(feed, places, stable, Arc::clone(&session.system.clock));
            Ok((
                Box::new(receiver) as Box<dyn Receiver>,
                Box::new(settler) as Box<dyn Settler>,
            ))
        })
        .await
    }

    async fn sender(&self, target: &Target) -> Result<Box<dyn Sender>> {
        let end = self.system.config.end(&target.endpoint)?;
        self.blocking("sender", move |session| {
            let Stand { storage, writers } = &session.system.stand;
            let place = match &end.path {
                Some(path) => Some(session.writing_place(&end, path)?),
                None => None,
            };
            let form = match &end.container {
                Some(kind) => Some(Form {
                    format: kind.format,
                    wanted: kind.create(&**storage)?,
                }),
                None => None,
            };
            let share = writers.join(Arc::clone(storage), place, end.sync, form)?;
            Ok(Box::new(FileSender::new(end, share, Arc::clone(&session.system.clock))) as Box<dyn Sender>)
        })
        .await
    }

    async fn inspect(&self, endpoint: &Endpoint, group: Option<&str>) -> Result<ChannelState> {
        let end = self.system.config.end(endpoint)?;
        let group = group.map(ToOwned::to_owned);
        self.blocking("inspect", move |session| session.count(end, group.as_deref()))
            .await
    }

    fn browse(&self) -> Option<&dyn Browse> {
        Some(self)
    }

    fn declare(&self) -> Option<&dyn Declare> {
        None
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Browse for FileSession {
    async fn look(&self, endpoint: &Endpoint, start: &Start, follow: bool) -> Result<Box<dyn Receiver>> {
        let mut end = self.system.config.end(endpoint)?;
        if end.path.is_none() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "browse",
                "expected a file, found standard input, which cannot be looked at without taking",
            ));
        }
        end.follow = follow;
        let start = start.clone();
        self.blocking("browse", move |session| {
            let mut tail = Tail::new(session.subject(&end), Events::ignored());
            tail.start(&start)?;
            let feed = Feed::start(tail, end, time_of(&start))?;
            Ok(Box::new(FileReceiver::onlooker(
                feed,
                true,
                Arc::clone(&session.system.clock),
            )) as Box<dyn Receiver>)
        })
        .await
    }
}

impl FileSession {
    /// Runs what touches the disk where it may block.
    async fn blocking<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Self) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let session = self.clone();
        tokio::task::spawn_blocking(move || work(&session))
            .await
            .map_err(|cause| lost(operation, cause))?
    }

    fn folder(&self) -> &Path {
        self.system.config.folder.as_deref().unwrap_or(Path::new(""))
    }

    fn subject(&self, end: &End) -> Subject {
        Subject {
            storage: Arc::clone(&self.system.stand.storage),
            path: end.path.clone().map(|path| (self.folder().to_owned(), path)),
            channel: end.channel.clone(),
            follow: end.follow,
            max_line: end.max_line,
            format: end.container.as_ref().map(|container| container.format),
        }
    }

    /// The reader of a group at its place, or where it starts if it has none, and the file of that place.
    fn begin(&self, end: &End, group: &str, start: &Start) -> Result<Beginning> {
        let mut tail = Tail::new(self.subject(end), self.events.clone());
        if end.path.is_none() {
            if *start != Start::Earliest {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "receiver",
                    "expected `start: earliest` with standard input, which begins where it is",
                ));
            }
            tail.start(start)?;
            return Ok(Beginning {
                tail,
                places: None,
                since: None,
            });
        }
        if matches!(start, Start::Time(_)) && !end.envelope {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "receiver",
                "expected envelopes for a start at a time, found bare payloads, which have no time",
            )
            .with("channel", &end.channel));
        }
        let path = self.place_of(end, group)?;
        let places = PlaceFile::take(
            Arc::clone(&self.system.stand.storage),
            path,
            end.sync == Sync::Always,
        )?;
        let mut since = None;
        match places.read()? {
            Some(place) => tail.resume(&place)?,
            None => {
                since = time_of(start);
                tail.start(start)?;
                // Written at once, since a group that begins behind what is there would else begin behind more after a
                // restart. A time finds the same message again by itself.
                if !matches!(start, Start::Time(_)) {
                    places.write(&match tail.place() {
                        (Some(log), offset) => place(&log, offset)?,
                        (None, _) => places::Place::nowhere(),
                    })?;
                }
            }
        }
        Ok(Beginning {
            tail,
            places: Some(places),
            since,
        })
    }

    /// The file in which a group remembers its place in this channel.
    fn place_of(&self, end: &End, group: &str) -> Result<PathBuf> {
        let config = &self.system.config;
        let path = config
            .group(group)?
            .join(file_of(&end.channel, &end.ending(".json", ".json"))?);
        let root = if config.places.starts_with(self.folder()) {
            self.folder()
        } else {
            &config.places
        };
        let storage = &self.system.stand.storage;
        storage
            .beneath(root, &path)
            .map_err(|cause| io("receiver", "the place cannot be used", &path, cause))
    }

    /// What the disk says to this end. Nothing is made.
    fn look_at(&self, end: &End, purpose: Purpose) -> Result<Resolved> {
        let Some(path) = &end.path else {
            return Ok(end.resolved(None));
        };
        let storage = &self.system.stand.storage;
        if let (Some(kind), Purpose::Send) = (&end.container, purpose) {
            kind.create(&**storage)?;
        }
        let failed = |message| move |cause| io("verify", message, path, cause);
        let real = storage
            .beneath(self.folder(), path)
            .map_err(failed("the file cannot be used"))?;
        let there = storage
            .identity(&real)
            .map_err(failed("the file cannot be looked at"))?
            .is_some();
        match purpose {
            Purpose::Receive if there || !end.follow => {
                storage
                    .open(&real, How::Read)
                    .map_err(failed("the file cannot be read"))?;
            }
            Purpose::Receive => {}
            Purpose::Send => {
                if there {
                    storage
                        .open(&real, How::Append)
                        .map_err(failed("the file cannot be written"))?;
                } else if !storage
                    .is_writable(&real)
                    .map_err(failed("the folder cannot be looked at"))?
                {
                    return Err(Error::new(
                        ErrorKind::AccessDenied,
                        "verify",
                        "expected a folder in which the file can be made, found one without that right",
                    )
                    .with("path", path.display()));
                }
            }
        }
        let mut resolved = end.resolved(Some(&real));
        resolved.is_made_by_sending = !there && purpose == Purpose::Send;
        Ok(resolved)
    }

    fn writing_place(&self, end: &End, path: &Path) -> Result<Place> {
        let storage = &self.system.stand.storage;
        let folder = self.folder();
        let durable = end.sync != Sync::Never;
        storage
            .create_folder(folder, durable)
            .map_err(|cause| io("sender", "the folder cannot be made", folder, cause))?;
        let real = |path: &Path| {
            storage
                .beneath(folder, path)
                .map_err(|cause| io("sender", "the file cannot be used", path, cause))
        };
        let note =
            PathBuf::from(".dunlin/.writers").join(file_of(&end.channel, &end.ending(".note", ".note"))?);
        Ok(Place {
            folder: real(folder)?,
            path: real(path)?,
            note: real(&folder.join(note))?,
        })
    }

    /// Reads the whole file once and counts.
    fn count(&self, mut end: End, group: Option<&str>) -> Result<ChannelState> {
        let Some(path) = end.path.clone() else {
            return Ok(ChannelState::default());
        };
        end.follow = false;
        let mut state = ChannelState::default();
        let storage = &self.system.stand.storage;
        let place = match group {
            Some(group) => places::read(&**storage, &self.place_of(&end, group)?)?,
            None => None,
        };
        let mut tail = Tail::new(self.subject(&end), Events::ignored());
        let (mut depth, mut lag, mut bytes) = (0_u64, 0_u64, 0_u64);
        loop {
            match tail.look()? {
                // A line that is just being written does not count yet.
                Look::Nothing | Look::End => break,
                Look::Lines(lines) => {
                    for line in lines {
                        let known = place
                            .as_ref()
                            .filter(|place| place.file == line.log.identity.to_string());
                        let generation = known.map_or(0, |place| place.generation);
                        let log = tail::log_name(&end.channel, line.log.identity, generation);
                        let position = Position::new(log, line.start.packed());
                        state.first.get_or_insert_with(|| position.clone());
                        state.last = Some(position);
                        depth += 1;
                        lag += u64::from(
                            known.is_none_or(|place| line.start >= place.spot(end.container.is_some())),
                        );
                        bytes = line.end.offset;
                    }
                }
            }
        }
        state.depth = Some(depth);
        state.lag = group.map(|_| lag);
        state.settings = vec![
            ("path".to_owned(), path.display().to_string()),
            ("bytes".to_owned(), bytes.to_string()),
        ];
        Ok(state)
    }
}

/// Where a receiver begins.
struct Beginning {
    tail: Tail,
    places: Option<PlaceFile>,
    /// Messages before this time are passed over.
    since: Option<SystemTime>,
}

fn time_of(start: &Start) -> Option<SystemTime> {
    match start {
        Start::Time(time) => Some(*time),
        Start::Earliest | Start::Latest | Start::Position(_) => None,
    }
}
