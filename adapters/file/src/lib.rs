#![doc = include_str!("../README.md")]

mod config;
mod error;
mod headers;
mod receiver;
mod sender;

mod append;
mod feed;
mod flight;
mod mend;
mod places;
mod session;
mod storage;
mod tail;
mod writer;

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use dunlin_core::Result;
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Endpoint, Events, MessagingSystem, Resolved, Session};
use dunlin_core::registry::{Opening, Plugin};

use crate::config::{Config, FACTS};
use crate::session::FileSession;
use crate::storage::{Disk, Storage};
use crate::writer::Writers;

/// The files of a folder, or standard input and output, under the scheme `file`.
pub const PLUGIN: Plugin = Plugin {
    scheme: "file",
    secure_scheme: None,
    open: |opening| open(opening),
    facts: &FACTS,
};

fn open(opening: &Opening<'_>) -> Result<Arc<dyn MessagingSystem>> {
    // One for the process: routes that write one file share its writer, whatever system they name it by.
    static DISK: LazyLock<Stand> = LazyLock::new(|| Stand {
        storage: Arc::new(Disk),
        writers: Arc::default(),
    });
    Ok(Arc::new(FileSystem::new(opening, DISK.clone())?))
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
    fn new(opening: &Opening<'_>, stand: Stand) -> Result<Self> {
        Ok(Self {
            config: Arc::new(Config::new(opening)?),
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
