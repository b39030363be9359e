//! That no file is written which is read, or written twice: it would be emptied before the first line of it is seen.
//!
//! Files are compared by what they are, so that links and other spellings of a name do not matter. What is no file, such as a
//! terminal, a pipe or `/dev/null`, may be named as often as one likes. The files that a migration points to are not looked at.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::ending::Trouble;

/// Which file a name means.
#[derive(PartialEq, Eq)]
enum Identity {
    /// One that is there: its device, and its number on it.
    There(u64, u64),
    /// One that is not there yet.
    NotYet(PathBuf),
}

/// A file that is in use, and for what.
struct Use {
    what: &'static str,
    identity: Identity,
}

/// The files of one command.
#[derive(Default)]
pub(super) struct Apart(Vec<Use>);

impl Apart {
    /// A file that is read.
    pub(super) fn reads(&mut self, what: &'static str, path: &Path) {
        self.0
            .extend(of_path(path).map(|identity| Use { what, identity }));
    }

    /// Standard input, and whatever it was connected to.
    pub(super) fn reads_standard_input(&mut self) {
        self.stream("the input", io::stdin());
    }

    /// Standard output, and whatever it was connected to.
    pub(super) fn writes_standard_output(&mut self) {
        self.stream("the output", io::stdout());
    }

    fn stream(&mut self, what: &'static str, stream: impl AsFd) {
        // What cannot be looked at is no file that a name could mean.
        let found = stream.as_fd().try_clone_to_owned().map(File::from);
        let identity = found.and_then(|file| file.metadata()).ok();
        let identity = identity.as_ref().and_then(of_metadata);
        self.0.extend(identity.map(|identity| Use { what, identity }));
    }

    /// A file that is written.
    ///
    /// # Errors
    /// It is one of those before.
    pub(super) fn writes(&mut self, what: &'static str, path: &Path) -> Result<(), Trouble> {
        let Some(identity) = of_path(path) else {
            return Ok(());
        };
        if let Some(other) = self.0.iter().find(|other| other.identity == identity) {
            return Err(Trouble::Usage(format!(
                "expected a file of its own for {what}, found {}, which is {}; nothing was written",
                path.display(),
                other.what
            )));
        }
        self.0.push(Use { what, identity });
        Ok(())
    }
}

/// None for what is no file, and for a name that cannot be one: whoever opens it will say so.
fn of_path(path: &Path) -> Option<Identity> {
    match fs::metadata(path) {
        Ok(metadata) => of_metadata(&metadata),
        Err(_) => {
            let folder = match path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                Some(_) | None => Path::new("."),
            };
            Some(Identity::NotYet(
                folder.canonicalize().ok()?.join(path.file_name()?),
            ))
        }
    }
}

fn of_metadata(metadata: &Metadata) -> Option<Identity> {
    metadata
        .is_file()
        .then(|| Identity::There(metadata.dev(), metadata.ino()))
}
