//! Where a group is in a file, remembered on disk.
//!
//! A place names the file, the offset up to which everything is settled, and a fingerprint of the bytes before it, by
//! which a file that was rewritten under the same name and inode is told apart. It is replaced as a whole or not at all. A
//! place that is damaged is an error: beginning anew without a word would send everything again, or skip what is unread.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dunlin_core::{Class, Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use crate::error::io;
use crate::mend::{checksum, read_exactly};
use crate::spot::Spot;
use crate::storage::{Handle, How, Storage, lock};

/// How many bytes before the offset the fingerprint covers.
const COVERED: u64 = 64;

/// Where a group is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// The file, as its identity prints; empty while there was none.
    pub(crate) file: String,
    /// How often this file was found cut short or rewritten.
    pub(crate) generation: u64,
    /// Everything below is settled.
    pub(crate) offset: u64,
    /// In a container, how many messages of the block there are settled, too.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) within: u64,
    /// The fingerprint of the bytes before the offset.
    pub(crate) before: String,
}

impl Place {
    /// The start of a file that is not there yet.
    pub(crate) fn nowhere() -> Self {
        Self {
            file: String::new(),
            generation: 0,
            offset: 0,
            within: 0,
            before: String::new(),
        }
    }

    /// Where it is, in a container or in a file of lines.
    pub(crate) const fn spot(&self, in_container: bool) -> Spot {
        if in_container {
            Spot::block(self.offset, self.within)
        } else {
            Spot::line(self.offset)
        }
    }
}

/// A place with the checksum by which damage is noticed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    place: Place,
    checksum: String,
}

/// The file in which one group remembers its place, held against every other receiver of that group.
#[derive(Debug)]
pub(crate) struct PlaceFile {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    durable: bool,
    /// Locked for as long as it is open; the place itself cannot be, since it is replaced each time.
    _lock: Box<dyn Handle>,
}

impl PlaceFile {
    /// Makes the folders, and takes the place for this receiver alone.
    ///
    /// # Errors
    /// Another receiver has it: `Blocked`, and unhealthy.
    pub(crate) fn take(storage: Arc<dyn Storage>, path: PathBuf, durable: bool) -> Result<Self> {
        let beside = path.with_extension("lock");
        let failed = |message| {
            let path = path.clone();
            move |cause| io("receiver", message, &path, cause)
        };
        if let Some(folder) = path.parent() {
            storage
                .create_folder(folder, durable)
                .map_err(failed("the folder of places cannot be made"))?;
        }
        let handle = storage
            .open(&beside, How::Overwrite)
            .map_err(failed("the lock of the place cannot be opened"))?;
        if !lock(&*handle).map_err(failed("the place cannot be locked"))? {
            return Err(Error::new(
                ErrorKind::Blocked,
                "receiver",
                "expected to be the only receiver of this group on this file, found another one at work; end it, or take another group",
            )
            .class_of(Class::Unhealthy)
            .with("place", path.display()));
        }
        Ok(Self {
            storage,
            path,
            durable,
            _lock: handle,
        })
    }

    /// The place of the group, if it has one yet.
    pub(crate) fn read(&self) -> Result<Option<Place>> {
        read(&*self.storage, &self.path)
    }

    /// Remembers this place in the stead of the one before.
    pub(crate) fn write(&self, place: &Place) -> Result<()> {
        let stored = Stored {
            place: place.clone(),
            checksum: sum(place),
        };
        let mut text = serde_json::to_vec(&stored).map_err(|cause| {
            Error::new(ErrorKind::Internal, "settle", "a place cannot be written as JSON").caused_by(cause)
        })?;
        text.push(b'\n');
        self.storage
            .replace(&self.path, &text, self.durable)
            .map_err(|cause| {
                io(
                    "settle",
                    "the place cannot be written; what was settled since may come again",
                    &self.path,
                    cause,
                )
            })
    }
}

/// The place in this file, without taking it.
pub(crate) fn read(storage: &dyn Storage, path: &Path) -> Result<Option<Place>> {
    let found = storage
        .read(path)
        .map_err(|cause| io("receiver", "the place cannot be read", path, cause))?;
    let Some(found) = found else { return Ok(None) };
    match serde_json::from_slice::<Stored>(&found) {
        Ok(stored) if stored.checksum == sum(&stored.place) => Ok(Some(stored.place)),
        _ => Err(Error::new(
            ErrorKind::Damaged,
            "receiver",
            "expected the place of a group, found something else; put back a copy, or delete it to begin where `start` says",
        )
        .with("place", path.display())),
    }
}

/// The fingerprint of the bytes before this offset.
pub(crate) fn fingerprint(file: &dyn Handle, offset: u64) -> std::io::Result<String> {
    let start = offset.saturating_sub(COVERED);
    let mut bytes = [0; 64];
    let bytes = &mut bytes[..usize::try_from(offset - start).unwrap_or(64)];
    read_exactly(file, bytes, start)?;
    Ok(checksum(bytes))
}

fn sum(place: &Place) -> String {
    let Place {
        file,
        generation,
        offset,
        within,
        before,
    } = place;
    // Without messages within, the text is what it was before there were containers.
    let within = if *within == 0 {
        String::new()
    } else {
        format!(" {within}")
    };
    checksum(format!("{file} {generation} {offset}{within} {before}").as_bytes())
}

/// What serde asks before it writes a member.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}
