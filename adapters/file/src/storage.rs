//! What this adapter asks of a disk, and the real one.
//!
//! Everything that reads, writes or syncs goes through here, so that tests can hand in a disk that is full, fails, writes
//! half of what it was given, or forgets what was not synced. All calls block; none belongs on an asynchronous thread.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, UNIX_EPOCH};

use rustix::fs::{Access as Right, OFlags, access};

/// A disk.
pub(crate) trait Storage: fmt::Debug + Send + Sync {
    /// The path with all links followed as far as it is there, refused where that leads out of `root`.
    fn beneath(&self, root: &Path, path: &Path) -> io::Result<PathBuf>;
    /// Opens a regular file, and refuses anything else.
    fn open(&self, path: &Path, how: How) -> io::Result<Box<dyn Handle>>;
    /// Which file is at this path now.
    fn identity(&self, path: &Path) -> io::Result<Option<Identity>>;
    /// Whether the nearest folder of this path that is there may be written to.
    fn is_writable(&self, path: &Path) -> io::Result<bool>;
    /// The whole content of a small file.
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>>;
    /// Puts this content in the place of a file, all of it or nothing; `durable`: for good when it returns.
    fn replace(&self, path: &Path, content: &[u8], durable: bool) -> io::Result<()>;
    /// Removes a file, if it is there.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes this folder and those above it; `durable`: for good when it returns.
    fn create_folder(&self, path: &Path, durable: bool) -> io::Result<()>;
    /// Makes the names in this folder durable.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
    /// What is in this folder.
    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>>;
}

/// An open file.
pub(crate) trait Handle: fmt::Debug + Send + Sync {
    /// Reads from there on; 0 at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes at the end, perhaps not everything.
    fn append(&self, bytes: &[u8]) -> io::Result<usize>;
    /// Writes from the beginning, over what is there.
    fn overwrite(&self, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file to this length.
    fn truncate(&self, length: u64) -> io::Result<()>;
    /// Makes what was written durable. After an error the file must not be trusted, and never synced again.
    fn sync(&self) -> io::Result<()>;
    /// Its length now.
    fn length(&self) -> io::Result<u64>;
    /// Which file it is.
    fn identity(&self) -> io::Result<Identity>;
    /// Whether some folder still has a name for it.
    fn is_linked(&self) -> io::Result<bool>;
    /// Locks it against every other handle, in this process and in others, until it is closed.
    fn try_lock(&self) -> io::Result<bool>;
}

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Read,
    /// At its end, and to read; made if it is not there.
    Append,
    /// From its beginning; made if it is not there.
    Overwrite,
}

/// Tells a file apart from every other that has or had its name.
///
/// An inode number alone comes again as soon as a file is deleted; with the time of its birth it does not. The number of
/// the device is left out, because it may change when a machine starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) inode: u64,
    /// Nanoseconds since 1970; where a file system does not tell it, the number of the device.
    pub(crate) born: u128,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{:x}", self.inode, self.born)
    }
}

impl From<&fs::Metadata> for Identity {
    fn from(found: &fs::Metadata) -> Self {
        let born = found
            .created()
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Self {
            inode: found.ino(),
            born: born.map_or_else(|| u128::from(found.dev()), |since| since.as_nanos()),
        }
    }
}

/// The disk of this machine.
#[derive(Debug)]
pub(crate) struct Disk;

impl Storage for Disk {
    fn beneath(&self, root: &Path, path: &Path) -> io::Result<PathBuf> {
        let root = follow(root)?;
        let real = follow(path)?;
        if !real.starts_with(&root) {
            return Err(refused(
                "expected a file below the folder of the system, found a link that leads out of it",
            ));
        }
        Ok(real)
    }

    fn open(&self, path: &Path, how: How) -> io::Result<Box<dyn Handle>> {
        let special = || refused("expected a regular file, found a folder, a device, a pipe or a socket");
        // Looked at before it is opened, because opening a device may already do something; and after, because the name
        // may have changed hands in between. Without blocking, since a pipe that nobody writes to would hold the thread.
        if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            return Err(special());
        }
        let file = OpenOptions::new()
            .read(how != How::Overwrite)
            .append(how == How::Append)
            .write(how == How::Overwrite)
            .create(how != How::Read)
            .custom_flags(
                (OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY)
                    .bits()
                    .cast_signed(),
            )
            .open(path)?;
        if !file.metadata()?.is_file() {
            return Err(special());
        }
        Ok(Box::new(file))
    }

    fn identity(&self, path: &Path) -> io::Result<Option<Identity>> {
        present(fs::metadata(path)).map(|found| found.as_ref().map(Identity::from))
    }

    fn is_writable(&self, path: &Path) -> io::Result<bool> {
        for above in path.ancestors() {
            if above.try_exists()? {
                return Ok(access(above, Right::WRITE_OK).is_ok());
            }
        }
        Ok(false)
    }

    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        present(fs::read(path))
    }

    fn replace(&self, path: &Path, content: &[u8], durable: bool) -> io::Result<()> {
        let new = path.with_added_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(content)?;
        if durable {
            file.sync_all()?;
        }
        fs::rename(&new, path)?;
        match path.parent() {
            Some(folder) if durable => self.sync_folder(folder),
            _ => Ok(()),
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        present(fs::remove_file(path)).map(drop)
    }

    fn create_folder(&self, path: &Path, durable: bool) -> io::Result<()> {
        let missing: Vec<_> = path.ancestors().take_while(|above| !above.is_dir()).collect();
        fs::create_dir_all(path)?;
        for made in missing.into_iter().filter(|_| durable) {
            if let Some(above) = made.parent() {
                self.sync_folder(above)?;
            }
        }
        Ok(())
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect()
    }
}

impl Handle for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, offset)
    }

    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut file = self;
        file.write(bytes)
    }

    fn overwrite(&self, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, 0)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn length(&self) -> io::Result<u64> {
        self.metadata().map(|found| found.len())
    }

    fn identity(&self) -> io::Result<Identity> {
        self.metadata().map(|found| Identity::from(&found))
    }

    fn is_linked(&self) -> io::Result<bool> {
        self.metadata().map(|found| found.nlink() > 0)
    }

    fn try_lock(&self) -> io::Result<bool> {
        match File::try_lock(self) {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(cause)) => Err(cause),
        }
    }
}

/// Standard input and output, as far as they are like a file: they have no length, no name and no place to go back to.
#[derive(Debug)]
pub(crate) struct Standard;

impl Handle for Standard {
    fn read_at(&self, buffer: &mut [u8], _: u64) -> io::Result<usize> {
        io::stdin().lock().read(buffer)
    }

    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        io::stdout().lock().write(bytes)
    }

    fn overwrite(&self, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn truncate(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&self) -> io::Result<()> {
        io::stdout().lock().flush()
    }

    fn length(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }

    fn identity(&self) -> io::Result<Identity> {
        Ok(Identity::default())
    }

    fn is_linked(&self) -> io::Result<bool> {
        Ok(true)
    }

    fn try_lock(&self) -> io::Result<bool> {
        Ok(true)
    }
}

/// Locks a file, with some patience for one who is about to let go of it; says whether that worked.
pub(crate) fn lock(file: &dyn Handle) -> io::Result<bool> {
    const PATIENCE: Duration = Duration::from_secs(2);
    let began = Instant::now();
    while !file.try_lock()? {
        if began.elapsed() >= PATIENCE {
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(true)
}

/// Follows all links of what is there of a path, and keeps the rest as it is written.
fn follow(path: &Path) -> io::Result<PathBuf> {
    for above in path.ancestors() {
        match above.canonicalize() {
            Ok(real) => {
                // A link to nothing looks like a missing file, and would be followed when the file is made.
                let rest = path.strip_prefix(above).unwrap_or(Path::new(""));
                return Ok(if rest.as_os_str().is_empty() {
                    real
                } else {
                    real.join(rest)
                });
            }
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => {
                if above.is_symlink() {
                    return Err(refused(
                        "expected a file or nothing, found a link that leads nowhere",
                    ));
                }
            }
            Err(other) => return Err(other),
        }
    }
    Ok(path.to_owned())
}

fn present<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(other) => Err(other),
    }
}

fn refused(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
