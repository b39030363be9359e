//! Where the texts of a migration come from.
//!
//! The engine opens no files. It asks a resolver for texts by names below a root; what the root is, and that nothing
//! outside of it can be reached, is the resolver's part.

use std::collections::BTreeMap;

/// Reads the texts of a migration by their names below the project's root.
///
/// A name has its parts joined by `/`, and never holds `.`, `..`, an empty part or a backslash: the loader has
/// resolved them already, and has refused names that leave the root. What the loader cannot see, a symbolic link that
/// leads out of the root, the resolver must refuse.
pub trait Resolver {
    /// The bytes of a file.
    ///
    /// Not promised: that two calls see the same bytes. The loader asks once for each file.
    ///
    /// # Errors
    /// As [`ResolveError`] says. A file larger than [`MOST_BYTES`](crate::source::MOST_BYTES) need not be read.
    fn read(&self, name: &str) -> Result<Vec<u8>, ResolveError>;

    /// The names of the files that lie directly in a folder, without the folder's own name, in any order. The root
    /// itself is the empty name.
    ///
    /// # Errors
    /// As [`ResolveError`] says.
    fn list(&self, name: &str) -> Result<Vec<String>, ResolveError>;

    /// A name as findings print it: as the person at the terminal would type it.
    fn shown(&self, name: &str) -> String;
}

/// Why a text cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// Nothing has this name.
    #[error("there is no such file or folder")]
    NotFound,
    /// It has this name, but is a folder where a file was asked for, or the other way round.
    #[error("expected {expected}, found {found}")]
    Kind {
        /// What was asked for, with its article.
        expected: &'static str,
        /// What is there, with its article.
        found: &'static str,
    },
    /// A link leads out of the project's root.
    #[error("a link leads out of the project's root")]
    LinkOut,
    /// The file is larger than is read.
    #[error("the file is too large: {bytes} bytes, at most {most} are read")]
    TooLarge {
        /// The size of the file, in bytes.
        bytes: u64,
        /// The largest that is read, in bytes.
        most: usize,
    },
    /// The system refused; its reason in words.
    #[error("it cannot be read: {0}")]
    Failed(String),
}

/// Texts in memory, by name: for tests, and for migrations that come from elsewhere than files.
#[derive(Clone, Debug, Default)]
pub struct MemoryResolver {
    files: BTreeMap<String, Vec<u8>>,
}

impl MemoryResolver {
    /// No texts.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same texts and one more. Of two with one name, the later stays.
    #[must_use]
    pub fn with(mut self, name: &str, text: impl Into<Vec<u8>>) -> Self {
        self.files.insert(name.to_owned(), text.into());
        self
    }

    fn is_folder(&self, name: &str) -> bool {
        name.is_empty() || self.files.keys().any(|file| below(file, name).is_some())
    }
}

/// The rest of a file's name behind the folder's.
fn below<'file>(file: &'file str, folder: &str) -> Option<&'file str> {
    if folder.is_empty() {
        Some(file)
    } else {
        file.strip_prefix(folder)?.strip_prefix('/')
    }
}

impl Resolver for MemoryResolver {
    fn read(&self, name: &str) -> Result<Vec<u8>, ResolveError> {
        match self.files.get(name) {
            Some(text) => Ok(text.clone()),
            None if self.is_folder(name) => Err(ResolveError::Kind {
                expected: "a file",
                found: "a folder",
            }),
            None => Err(ResolveError::NotFound),
        }
    }

    fn list(&self, name: &str) -> Result<Vec<String>, ResolveError> {
        if self.files.contains_key(name) {
            return Err(ResolveError::Kind {
                expected: "a folder",
                found: "a file",
            });
        }
        if !self.is_folder(name) {
            return Err(ResolveError::NotFound);
        }
        let files = self.files.keys().filter_map(|file| below(file, name));
        Ok(files
            .filter(|file| !file.contains('/'))
            .map(str::to_owned)
            .collect())
    }

    fn shown(&self, name: &str) -> String {
        name.to_owned()
    }
}
