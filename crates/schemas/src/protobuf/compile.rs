//! Texts become types: `.proto` files with their imports, sets of descriptors, and what a registry has.

use dunlin_core::finding::{Finding, Findings, Place, did_you_mean};
use dunlin_core::migration::SchemaReference;
use dunlin_core::migration::load::{ResolveError, Resolver};
use prost::Message as _;
use prost_reflect::{DescriptorPool, FileDescriptor, MessageDescriptor};
use prost_types::FileDescriptorSet;

use super::files::{ProjectFiles, Source, Sources, load};
use super::model::{MessageIndex, Model};
use crate::registry::Registered;

/// The types of a schema, and the message that is meant.
#[derive(Debug)]
pub(super) struct Types {
    #[cfg(test)]
    pub(super) pool: DescriptorPool,
    pub(super) model: Model,
    pub(super) message: MessageIndex,
    /// The full name of the message.
    pub(super) name: String,
    /// The indexes that lead to the message from the top of its file, as Confluent's wire format writes them. `None` where
    /// it does not stand in the schema's own file.
    pub(super) indexes: Option<Vec<u32>>,
    /// Equal for types that are alike.
    pub(super) digest: String,
}

/// The types that the file of a reference has.
pub(super) fn of_file(
    reference: &SchemaReference,
    name: &str,
    files: &dyn Resolver,
    findings: &mut Findings,
) -> Option<Types> {
    let bytes = match files.read(name) {
        Ok(bytes) => bytes,
        Err(error) => {
            findings.error(
                &reference.place,
                format!("the file `{}`: {error}", files.shown(name)),
            );
            return None;
        }
    };
    let shown = files.shown(name);
    if !name.ends_with(".proto") {
        let pool = set(&bytes, &shown, findings)?;
        let own = pool.files().filter(|file| !is_built_in(file)).last();
        return choose(
            &pool,
            own.as_ref(),
            &shown,
            reference.message.as_deref(),
            &reference.place,
            findings,
        );
    }
    let mut roots = reference.imports.clone();
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    roots.push(folder.to_owned());
    roots.push(String::new());
    let source = Source {
        name: name.to_owned(),
        shown: shown.clone(),
        bytes,
    };
    let sources = ProjectFiles {
        resolver: files,
        roots,
    };
    let pool = load(source, &sources, findings)?;
    let own = pool.get_file_by_name(name);
    choose(
        &pool,
        own.as_ref(),
        &shown,
        reference.message.as_deref(),
        &reference.place,
        findings,
    )
}

/// The name that the text of a registry has here; no import can mean it.
const OWN: &str = "(the registry's schema)";

/// The types of what a registry has, and the message of a name or the only one.
///
/// # Errors
/// The findings, as text: there is no file to point to.
pub(super) fn of_registry(registered: &Registered, message: Option<&str>) -> Result<Types, String> {
    let mut findings = Findings::new();
    let types = registry_types(registered, message, &mut findings);
    types.ok_or_else(|| {
        let first = findings.sorted().first().map(ToString::to_string);
        first.unwrap_or_else(|| "the registry's schema cannot be read".to_owned())
    })
}

fn registry_types(registered: &Registered, message: Option<&str>, findings: &mut Findings) -> Option<Types> {
    let source = Source {
        name: OWN.to_owned(),
        shown: format!("schema {}", registered.id),
        bytes: registered.text.clone().into_bytes(),
    };
    let place = Place::whole(source.shown.as_str());
    let shown = source.shown.clone();
    let pool = load(source, &References(registered), findings)?;
    let own = pool.get_file_by_name(OWN);
    choose(&pool, own.as_ref(), &shown, message, &place, findings)
}

/// The texts to which a registry's schema refers, by the names by which it imports them.
struct References<'a>(&'a Registered);

impl Sources for References<'_> {
    fn find(&self, import: &str) -> Result<Source, ResolveError> {
        let referenced = self.0.references.iter().find(|one| one.name == import);
        let referenced = referenced.ok_or(ResolveError::NotFound)?;
        Ok(Source {
            name: referenced.name.clone(),
            shown: format!("{} of schema {}", referenced.name, self.0.id),
            bytes: referenced.text.clone().into_bytes(),
        })
    }
}

/// What is told about a file in an edition.
pub(super) const EDITIONS: &str =
    "editions are not read; say `syntax = \"proto3\";` or `syntax = \"proto2\";`";

/// Reads a set of descriptors.
fn set(bytes: &[u8], shown: &str, findings: &mut Findings) -> Option<DescriptorPool> {
    // The library panics over a syntax that it does not know.
    let files = FileDescriptorSet::decode(bytes).unwrap_or_default().file;
    if let Some(file) = files.iter().find(|file| !is_known(file.syntax.as_deref())) {
        let message = format!(
            "expected files in proto2 or proto3, found `{}` in another syntax",
            file.name()
        );
        findings.push(Finding::error(&Place::whole(shown), message).help(EDITIONS));
        return None;
    }
    match DescriptorPool::decode(bytes) {
        Ok(pool) => Some(pool),
        Err(error) => {
            let help =
                "make it with `protoc --include_imports --descriptor_set_out=FILE`, or name a `.proto` file";
            let file = error
                .file()
                .map(|file| format!(" (`{file}`)"))
                .unwrap_or_default();
            let message = format!("expected a set of file descriptors, found another content{file}: {error}");
            findings.push(Finding::error(&Place::whole(shown), message.replace('\'', "`")).help(help));
            None
        }
    }
}

/// Whether this is a syntax of `.proto` files that is read; proto2 need not be named.
fn is_known(syntax: Option<&str>) -> bool {
    matches!(syntax, None | Some("proto2" | "proto3"))
}

fn is_built_in(file: &FileDescriptor) -> bool {
    file.name().starts_with("google/protobuf/")
}

/// Finds the message that is meant.
fn choose(
    pool: &DescriptorPool,
    own: Option<&FileDescriptor>,
    shown: &str,
    wanted: Option<&str>,
    place: &Place,
    findings: &mut Findings,
) -> Option<Types> {
    let descriptor = match wanted {
        Some(wanted) => {
            let all: Vec<MessageDescriptor> = pool.all_messages().filter(|one| !one.is_map_entry()).collect();
            let found = all.iter().find(|one| one.full_name() == wanted).cloned();
            if found.is_none() {
                let meant = did_you_mean(wanted, all.iter().map(MessageDescriptor::full_name));
                let message = format!("no message of {shown} has the full name `{wanted}`{meant}");
                let there: Vec<MessageDescriptor> = own.iter().flat_map(|file| file.messages()).collect();
                let finding = Finding::error(place, message);
                findings.push(match there.is_empty() {
                    true => finding.help("a full name has the package before it, such as `shop.v1.Order`"),
                    false => finding.help(format!("it has {}", names_of(&there))),
                });
            }
            found?
        }
        None => {
            let mut all: Vec<MessageDescriptor> = own.iter().flat_map(|file| file.messages()).collect();
            if all.len() != 1 {
                let message = match all.len() {
                    0 => format!("expected a message in {shown}, found none"),
                    count => format!("expected `message`, since {shown} has {count} messages"),
                };
                let finding = Finding::error(place, message);
                findings.push(match all.is_empty() {
                    true => finding,
                    false => finding.help(format!("name one of {}", names_of(&all))),
                });
                return None;
            }
            all.pop()?
        }
    };
    let name = descriptor.full_name().to_owned();
    let model = Model::new(pool);
    let is_own = own.is_some_and(|file| *file == descriptor.parent_file());
    Some(Types {
        message: model.named(&name)?,
        model,
        indexes: if is_own { indexes(&descriptor) } else { None },
        digest: digest(pool),
        name,
        #[cfg(test)]
        pool: pool.clone(),
    })
}

/// The first full names, as a sentence lists them.
fn names_of(messages: &[MessageDescriptor]) -> String {
    let names = messages
        .iter()
        .take(10)
        .map(|one| format!("`{}`", one.full_name()));
    names.collect::<Vec<_>>().join(", ")
}

/// A descriptor's path has the number of the list before each index.
fn indexes(descriptor: &MessageDescriptor) -> Option<Vec<u32>> {
    let path = descriptor.path().iter().skip(1).step_by(2);
    path.map(|index| u32::try_from(*index).ok()).collect()
}

fn digest(pool: &DescriptorPool) -> String {
    use prost::Message as _;
    let mut hasher = blake3::Hasher::new();
    for file in pool.file_descriptor_protos() {
        let mut file = file.clone();
        file.source_code_info = None;
        hasher.update(&file.encode_to_vec());
    }
    hasher.finalize().to_hex().to_string()
}
