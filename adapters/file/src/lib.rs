#![doc = include_str!("../README.md")]

mod config;
mod container;
mod error;
mod headers;
mod receiver;
mod sender;

mod append;
mod blocks;
mod feed;
mod flight;
mod mend;
mod places;
mod session;
mod spot;
mod storage;
mod tail;
mod writer;

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use dunlin_core::Result;
use dunlin_core::clock::Clock;
use dunlin_core::container::ContainerFormat;
use dunlin_core::messaging::{Endpoint, Events, MessagingSystem, Resolved, Session};
use dunlin_core::registry::{Opening, Plugin};

use crate::config::{Config, FACTS};
use crate::container::Formats;
use crate::session::FileSession;
use crate::storage::{Disk, Storage};
use crate::writer::Writers;

/// The files of a folder, or standard input and output, under the scheme `file`. It knows no format of containers: see
/// [`open`].
pub const PLUGIN: Plugin = Plugin {
    scheme: "file",
    secure_scheme: None,
    open: |opening| open(opening, &[]),
    facts: &FACTS,
};

/// Opens a system whose channels may be container files of these formats.
///
/// # Errors
/// An address or a setting that cannot be.
pub fn open(
    opening: &Opening<'_>,
    formats: &'static [&'static dyn ContainerFormat],
) -> Result<Arc<dyn MessagingSystem>> {
    // One for the process: routes that write one file share its writer, whatever system they name it by.
    static DISK: LazyLock<Stand> = LazyLock::new(|| Stand {
        storage: Arc::new(Disk),
        writers: Arc::default(),
    });
    Ok(Arc::new(FileSystem::new(opening, DISK.clone(), formats)?))
}

/// A disk and those who write on it.
#[derive(Clone, Debug)]
struct Stand {
    storage: Arc<dyn Storage>,
    writers: Arc<Writers>,
}

#[derive(Clone, Debug)]
struct FileSystem {
    config: Arc<Config>,
    stand: Stand,
    clock: Arc<dyn Clock>,
}

impl FileSystem {
    fn new(opening: &Opening<'_>, stand: Stand, formats: Formats) -> Result<Self> {
        Ok(Self {
            config: Arc::new(Config::new(opening, formats)?),
            stand,
            clock: Arc::clone(opening.clock),
        })
    }
}

#[async_trait]
impl MessagingSystem for FileSystem {
    fn resolve(&self, endpoint: &Endpoint) -> Result<Resolved> {
        Ok(self.config.end(endpoint)?.resolved(None))
    }

    async fn connect(&self, events: Events) -> Result<Arc<dyn Session>> {
        Ok(Arc::new(FileSession {
            system: self.clone(),
            events,
        }))
    }
}

#[cfg(test)]
mod tests;
