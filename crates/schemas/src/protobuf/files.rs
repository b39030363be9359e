//! Reads the files of a schema: the one that is named, and all that they import.
//!
//! Files come from wherever [`Sources`] has them, never from the file system. The walk over the imports has a list of its
//! own, finds cycles, and hands each file to the library behind those that it imports.

use std::collections::HashMap;

use dunlin_core::finding::{Finding, Findings, Place, SourceText, Span};
use dunlin_core::migration::load::{ResolveError, Resolver};
use dunlin_core::source::MOST_BYTES;
use miette::Diagnostic;
use prost_reflect::DescriptorPool;
use prost_types::FileDescriptorProto;
use protox::file::{File, FileResolver as _, GoogleFileResolver};

use super::compile::EDITIONS;

/// How many files one schema may have.
const MOST_FILES: usize = 1000;
/// How deep braces may stand in each other: messages may be nested 31 deep, and the values of options are read with a
/// stack frame for each level.
const MOST_BRACES: usize = 100;

/// Where files are found by the names by which others import them.
pub(super) trait Sources {
    /// The file that an import means.
    fn find(&self, import: &str) -> Result<Source, ResolveError>;
}

/// A file.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// Its name, which no other file has.
    pub(super) name: String,
    /// Its name as findings print it.
    pub(super) shown: String,
    pub(super) bytes: Vec<u8>,
}

/// The files of a project: an import is looked up below each of some folders.
pub(super) struct ProjectFiles<'a> {
    pub(super) resolver: &'a dyn Resolver,
    /// Folders, and files that are meant by the imports with which their names end.
    pub(super) roots: Vec<String>,
}

impl Sources for ProjectFiles<'_> {
    fn find(&self, import: &str) -> Result<Source, ResolveError> {
        for root in &self.roots {
            let is_file = root.ends_with(".proto");
            let name = match root.strip_suffix(import) {
                Some(folder) if is_file && (folder.is_empty() || folder.ends_with('/')) => root.clone(),
                _ if is_file => continue,
                _ if root.is_empty() => import.to_owned(),
                _ => format!("{root}/{import}"),
            };
            match self.resolver.read(&name) {
                Ok(bytes) => {
                    return Ok(Source {
                        shown: self.resolver.shown(&name),
                        name,
                        bytes,
                    });
                }
                Err(ResolveError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Err(ResolveError::NotFound)
    }
}

/// A file that was read, on the way through its imports.
struct Open {
    text: SourceText,
    descriptor: FileDescriptorProto,
    next: usize,
}

/// Reads a file and what it imports. `None`: findings say why.
pub(super) fn load(entry: Source, sources: &dyn Sources, findings: &mut Findings) -> Option<DescriptorPool> {
    let mut pool = DescriptorPool::new();
    // The names of files by the names of imports; those that are on the way stand in `open`.
    let mut known: HashMap<String, String> = HashMap::new();
    let mut done: Vec<String> = Vec::new();
    let mut open = vec![parse(entry, findings)?];
    while let Some(file) = open.last_mut() {
        let Some(import) = file.descriptor.dependency.get(file.next).cloned() else {
            let file = open.pop()?;
            let name = file.descriptor.name().to_owned();
            add(&mut pool, file, findings)?;
            done.push(name);
            continue;
        };
        let place = place_of_import(file);
        let at = file.next;
        file.next += 1;
        let found = match known.get(&import) {
            Some(name) => Found::Known(name.clone()),
            None => find(&import, sources, &place, findings)?,
        };
        let name = found.name().to_owned();
        known.insert(import.clone(), name.clone());
        file.descriptor.dependency[at].clone_from(&name);
        if file.descriptor.dependency[..at].contains(&name) {
            findings.error(&place, format!("`{import}` is imported twice"));
            return None;
        }
        if let Some(begin) = open.iter().position(|file| file.descriptor.name() == name) {
            let mut circle: Vec<&str> = open[begin..].iter().map(|file| file.text.name()).collect();
            circle.push(open[begin].text.name());
            let message = format!("the imports lead in a circle: {}", circle.join(" -> "));
            let help = "move what both files need into a third one";
            findings.push(Finding::error(&place, message).help(help));
            return None;
        }
        if done.contains(&name) {
            continue;
        }
        if done.len() + open.len() >= MOST_FILES {
            findings.error(&place, format!("expected a schema of at most {MOST_FILES} files"));
            return None;
        }
        match found {
            Found::Known(_) => {}
            Found::BuiltIn(descriptor) => open.push(Open {
                text: SourceText::new(name, ""),
                descriptor: *descriptor,
                next: 0,
            }),
            Found::Source(source) => open.push(parse(source, findings)?),
        }
    }
    // Whether a field is packed is decided before its options are read; of options that stand in descriptors it is right.
    match DescriptorPool::decode(pool.encode_to_vec().as_slice()) {
        Ok(pool) => Some(pool),
        Err(error) => {
            findings.error(
                &Place::whole("the schema"),
                format!("the descriptors cannot be read again: {error}"),
            );
            None
        }
    }
}

enum Found {
    /// A file that was met before.
    Known(String),
    /// A file that every compiler of the language has.
    BuiltIn(Box<FileDescriptorProto>),
    Source(Source),
}

impl Found {
    fn name(&self) -> &str {
        match self {
            Self::Known(name) => name,
            Self::BuiltIn(descriptor) => descriptor.name(),
            Self::Source(source) => &source.name,
        }
    }
}

fn find(import: &str, sources: &dyn Sources, place: &Place, findings: &mut Findings) -> Option<Found> {
    if let Ok(file) = GoogleFileResolver::new().open_file(import) {
        return Some(Found::BuiltIn(Box::new(file.file_descriptor_proto().clone())));
    }
    match sources.find(import) {
        Ok(source) => Some(Found::Source(source)),
        Err(ResolveError::NotFound) => {
            let help = "name the folder below which the file has this name: under `imports` of the schema, or with `--imports`";
            findings.push(Finding::error(place, format!("the file `{import}` is not found")).help(help));
            None
        }
        Err(error) => {
            findings.error(place, format!("the file `{import}`: {error}"));
            None
        }
    }
}

fn parse(source: Source, findings: &mut Findings) -> Option<Open> {
    let whole = Place::whole(source.shown.as_str());
    if source.bytes.len() > MOST_BYTES {
        let size = source.bytes.len();
        findings.error(
            &whole,
            format!("expected a file of at most {MOST_BYTES} bytes, found {size}"),
        );
        return None;
    }
    let Ok(text) = String::from_utf8(source.bytes) else {
        findings.error(&whole, "expected text in UTF-8");
        return None;
    };
    let text = SourceText::new(source.shown, text);
    if let Some(at) = too_deep(text.text()) {
        let message = format!("expected braces at most {MOST_BRACES} deep in each other");
        findings.error(&text.place(Span::new(at, at + 1)), message);
        return None;
    }
    match File::from_source(&source.name, text.text()) {
        Ok(file) => Some(Open {
            descriptor: file.file_descriptor_proto().clone(),
            text,
            next: 0,
        }),
        Err(error) => {
            report(&error, &text, findings);
            None
        }
    }
}

fn add(pool: &mut DescriptorPool, file: Open, findings: &mut Findings) -> Option<()> {
    match pool.add_file_descriptor_proto(file.descriptor) {
        Ok(()) => Some(()),
        Err(error) => {
            report(&error.with_source_code(file.text.text()), &file.text, findings);
            None
        }
    }
}

/// Reports all that the library says of a file, each at its place.
fn report(error: &dyn Diagnostic, text: &SourceText, findings: &mut Findings) {
    // Where there are several labels, the last is that of the later one of two that do not go together.
    let span = error.labels().and_then(|labels| labels.last());
    let place = match span {
        Some(span) => text.place(Span::new(span.offset(), span.offset() + span.len())),
        None => Place::whole(text.name()),
    };
    let finding = Finding::error(&place, error.to_string().replace('\'', "`"));
    let has_edition = place.source().slice(place.span().unwrap_or_default()) == "edition";
    findings.push(match error.help() {
        _ if has_edition => finding.help(EDITIONS),
        Some(help) => finding.help(help.to_string().replace('\'', "`")),
        None => finding,
    });
    for related in error.related().into_iter().flatten() {
        report(related, text, findings);
    }
}

/// The place of the import that is looked at.
fn place_of_import(file: &Open) -> Place {
    let path = i32::try_from(file.next).map(|index| [3, index]);
    let locations = file
        .descriptor
        .source_code_info
        .as_ref()
        .map(|info| &info.location);
    let location = locations
        .into_iter()
        .flatten()
        .find(|location| path.is_ok_and(|path| location.path == path));
    let span = location.and_then(|location| match location.span.as_slice() {
        [line, from, to] => Some((
            usize::try_from(*line).ok()?,
            usize::try_from(*from).ok()?,
            usize::try_from(*to).ok()?,
        )),
        _ => None,
    });
    let Some((line, from, to)) = span else {
        return Place::whole(file.text.name());
    };
    let start: usize = file
        .text
        .text()
        .split_inclusive('\n')
        .take(line)
        .map(str::len)
        .sum();
    file.text.place(Span::new(start + from, start + to))
}

/// Where braces are too deep in each other. Comments and strings are passed over.
fn too_deep(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let rest = &text.as_bytes()[at..];
        at += match byte {
            b'/' if rest.starts_with(b"//") => {
                rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
            }
            b'/' if rest.starts_with(b"/*") => rest
                .windows(2)
                .skip(2)
                .position(|two| two == b"*/")
                .map_or(rest.len(), |end| end + 4),
            b'"' | b'\'' => string_length(rest, byte),
            b'{' | b'<' | b'[' => {
                depth += 1;
                if depth > MOST_BRACES {
                    return Some(at);
                }
                1
            }
            b'}' | b'>' | b']' => {
                depth = depth.saturating_sub(1);
                1
            }
            _ => 1,
        };
    }
    None
}

/// The length of a string with its quotes. Strings end with their line.
fn string_length(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while let Some(&byte) = rest.get(at) {
        match byte {
            b'\\' => at += 2,
            b'\n' => return at,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}
