//! The files of a project: what a migration may read, and nothing outside of the root.
//!
//! The root is named, or is the folder of the configuration, or is found from a migration's file: the nearest folder around
//! it that holds a `dunlin.yaml`, `.toml` or `.json`, else the migration's own. Symbolic links are followed as long as they
//! stay inside. This is a rule against mistakes and against files from elsewhere, not against somebody who can change the
//! project's folder at the same moment.

use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use dunlin_core::migration::load::{ResolveError, Resolver};
use dunlin_core::source::MOST_BYTES;

/// The names by which a configuration marks the root of a project.
const MARKS: [&str; 3] = ["dunlin.yaml", "dunlin.toml", "dunlin.json"];

/// Reads texts below a root.
#[derive(Clone, Debug)]
pub struct ProjectFiles {
    /// As it was named, for people.
    root: PathBuf,
    /// As the system knows it, with all links followed.
    real: PathBuf,
}

impl ProjectFiles {
    /// The files below this folder.
    ///
    /// # Errors
    /// There is no such folder, or it cannot be read.
    pub fn below(root: &Path) -> io::Result<Self> {
        let real = root.canonicalize()?;
        if !real.is_dir() {
            return Err(io::Error::new(
                io::ErrorKind::NotADirectory,
                "expected a folder, found a file",
            ));
        }
        Ok(Self {
            root: root.to_owned(),
            real,
        })
    }

    /// The files of the project that a migration's file belongs to, and the file's name among them.
    ///
    /// # Errors
    /// The file or the root is missing, or the file lies outside of the root.
    pub fn of_migration(file: &Path, root: Option<&Path>) -> io::Result<(Self, String)> {
        let folder = match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        let files = match root {
            Some(root) => Self::below(root)?,
            None => Self::below(&nearest_root(&folder)?)?,
        };
        let name = file.file_name().unwrap_or_default();
        let real = folder.canonicalize()?.join(name);
        let name = files.name_of(&real).ok_or_else(|| {
            io::Error::other(format!(
                "expected a file below the project's root `{}`",
                files.root.display()
            ))
        })?;
        Ok((files, name))
    }

    /// The files of the project that a folder belongs to.
    ///
    /// # Errors
    /// There is no such folder, or it cannot be read.
    pub fn around(folder: &Path) -> io::Result<Self> {
        Self::below(&nearest_root(folder)?)
    }

    /// The name, relative to the root, of a file that is named relative to a folder; none if it lies outside or is no text.
    pub fn name_in(&self, folder: &Path, file: &str) -> Option<String> {
        let mut path = folder.canonicalize().ok()?;
        for part in Path::new(file).components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir => {
                    path.pop();
                }
                Component::Normal(part) => path.push(part),
                Component::RootDir | Component::Prefix(_) => path = PathBuf::from(part.as_os_str()),
            }
        }
        self.name_of(&path)
    }

    /// The root, as it was named.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The path of a file for the operating system.
    pub fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() {
            self.root.clone()
        } else {
            self.root.join(name)
        }
    }

    /// The name of a path without links, relative to the root; none if it lies outside or is no text.
    pub fn name_of(&self, path: &Path) -> Option<String> {
        let mut name = String::new();
        for part in path.strip_prefix(&self.real).ok()?.components() {
            if !name.is_empty() {
                name.push('/');
            }
            name.push_str(part.as_os_str().to_str()?);
        }
        Some(name)
    }

    /// The path that a name leads to after all links, if it stays inside.
    fn real(&self, name: &str) -> Result<PathBuf, ResolveError> {
        let real = self
            .real
            .join(name)
            .canonicalize()
            .map_err(|error| told(&error))?;
        if real.starts_with(&self.real) {
            Ok(real)
        } else {
            Err(ResolveError::LinkOut)
        }
    }
}

impl Resolver for ProjectFiles {
    fn read(&self, name: &str) -> Result<Vec<u8>, ResolveError> {
        let path = self.real(name)?;
        let metadata = path.metadata().map_err(|error| told(&error))?;
        if !metadata.is_file() {
            let found = if metadata.is_dir() {
                "a folder"
            } else {
                "neither file nor folder"
            };
            return Err(ResolveError::Kind {
                expected: "a file",
                found,
            });
        }
        let too_large = |bytes| ResolveError::TooLarge {
            bytes,
            most: MOST_BYTES,
        };
        if metadata.len() > MOST_BYTES as u64 {
            return Err(too_large(metadata.len()));
        }
        // The file may have grown since.
        let mut bytes = Vec::new();
        let file = std::fs::File::open(&path).map_err(|error| told(&error))?;
        file.take(MOST_BYTES as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| told(&error))?;
        if bytes.len() > MOST_BYTES {
            return Err(too_large(bytes.len() as u64));
        }
        Ok(bytes)
    }

    fn list(&self, name: &str) -> Result<Vec<String>, ResolveError> {
        let path = self.real(name)?;
        if !path.is_dir() {
            return Err(ResolveError::Kind {
                expected: "a folder",
                found: "a file",
            });
        }
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&path).map_err(|error| told(&error))? {
            let entry = entry.map_err(|error| told(&error))?;
            let file = entry.file_name();
            let name = file.to_str().ok_or_else(|| {
                ResolveError::Failed(format!("the name `{}` in it is no UTF-8 text", file.display()))
            })?;
            // Links are looked through: one that leads nowhere or out of the root is found out when the file is read.
            let is_folder = entry.path().metadata().is_ok_and(|metadata| metadata.is_dir());
            if !is_folder {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    fn shown(&self, name: &str) -> String {
        let path = self.path(name);
        path.strip_prefix(".").unwrap_or(&path).display().to_string()
    }
}

/// The nearest folder around this one, itself included, that holds a configuration; else this one.
fn nearest_root(folder: &Path) -> io::Result<PathBuf> {
    let real = folder.canonicalize()?;
    let is_marked = |folder: &&Path| MARKS.iter().any(|mark| folder.join(mark).is_file());
    // People are shown the root as they would name it: the folder as it was named where it is the root itself, and what lies
    // below the current folder from there.
    Ok(match real.ancestors().find(is_marked) {
        Some(root) if root != real => {
            let here = std::env::current_dir().and_then(|here| here.canonicalize()).ok();
            match here.and_then(|here| root.strip_prefix(here).ok().map(Path::to_owned)) {
                Some(below) if below.as_os_str().is_empty() => PathBuf::from("."),
                Some(below) => below,
                None => root.to_owned(),
            }
        }
        _ => folder.to_owned(),
    })
}

fn told(error: &io::Error) -> ResolveError {
    match error.kind() {
        io::ErrorKind::NotFound => ResolveError::NotFound,
        _ => ResolveError::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in ["project/migrations/later", "other"] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        for name in [
            "project/dunlin.yaml",
            "project/migrations/orders.yaml",
            "project/migrations/later/a.yaml",
            "other/x.yaml",
        ] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        folder
    }

    #[test]
    fn the_root_is_the_nearest_folder_with_a_configuration() {
        let folder = project();
        let file = folder.path().join("project/migrations/orders.yaml");
        let (files, name) = ProjectFiles::of_migration(&file, None).unwrap();
        assert_eq!(name, "migrations/orders.yaml");
        assert_eq!(files.read(&name).unwrap(), b"project/migrations/orders.yaml");
        let (_, name) = ProjectFiles::of_migration(&folder.path().join("other/x.yaml"), None).unwrap();
        assert_eq!(name, "x.yaml");
        let (_, name) = ProjectFiles::of_migration(&file, Some(folder.path())).unwrap();
        assert_eq!(name, "project/migrations/orders.yaml");
        assert!(ProjectFiles::of_migration(&file, Some(&folder.path().join("other"))).is_err());
    }

    #[test]
    fn a_name_that_leaves_the_root_is_none() {
        let folder = project();
        let files = ProjectFiles::below(&folder.path().join("project")).unwrap();
        let migrations = folder.path().join("project/migrations");
        assert_eq!(
            files.name_in(&migrations, "../dunlin.yaml").as_deref(),
            Some("dunlin.yaml")
        );
        assert_eq!(
            files.name_in(&migrations, "later/./a.yaml").as_deref(),
            Some("migrations/later/a.yaml")
        );
        assert_eq!(files.name_in(&migrations, "../../other/x.yaml"), None);
        assert_eq!(files.name_in(&migrations, "/etc/passwd"), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed_inside_the_root_and_refused_out_of_it() {
        let folder = project();
        let root = folder.path().join("project");
        std::os::unix::fs::symlink(folder.path().join("other/x.yaml"), root.join("out.yaml")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("other"), root.join("out")).unwrap();
        std::os::unix::fs::symlink("migrations/orders.yaml", root.join("in.yaml")).unwrap();
        let files = ProjectFiles::below(&root).unwrap();
        assert_eq!(files.read("out.yaml"), Err(ResolveError::LinkOut));
        assert_eq!(files.read("out/x.yaml"), Err(ResolveError::LinkOut));
        assert_eq!(files.list("out"), Err(ResolveError::LinkOut));
        assert_eq!(files.read("in.yaml").unwrap(), b"project/migrations/orders.yaml");
    }

    #[test]
    fn what_is_missing_too_large_or_of_the_other_kind_is_told() {
        let folder = project();
        let files = ProjectFiles::below(&folder.path().join("project")).unwrap();
        assert_eq!(files.read("no.yaml"), Err(ResolveError::NotFound));
        assert!(matches!(files.read("migrations"), Err(ResolveError::Kind { .. })));
        assert!(matches!(
            files.list("dunlin.yaml"),
            Err(ResolveError::Kind { .. })
        ));
        assert_eq!(files.list("migrations").unwrap(), ["orders.yaml"]);
        std::fs::write(
            folder.path().join("project/large.yaml"),
            vec![b' '; MOST_BYTES + 1],
        )
        .unwrap();
        assert!(matches!(
            files.read("large.yaml"),
            Err(ResolveError::TooLarge { .. })
        ));
    }
}
