//! Channels that are container files: what was typed about one, and how messages become blocks.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use dunlin_core::container::{Container, ContainerFormat};
use dunlin_core::messaging::Outgoing;
use dunlin_core::settings::Settings;
use dunlin_core::{Class, Error, ErrorKind, Result};

use crate::blocks::{end_of_blocks, read_header};
use crate::config::End;
use crate::headers::{fits, name};
use crate::spot::Spot;
use crate::storage::{Handle, Storage};

/// How many bytes of payloads make a block, unless a batch has fewer.
const BLOCK: usize = 64 << 10;

/// The formats that may be named.
pub(crate) type Formats = &'static [&'static dyn ContainerFormat];

/// A container as it was typed.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    pub(crate) format: &'static dyn ContainerFormat,
    /// The file with the schema of a new container; not needed for reading.
    schema: Option<PathBuf>,
    /// A word of the format; empty for its default.
    compression: String,
}

impl Kind {
    /// What the settings say; none for a file of lines. `base` is the folder to which the schema's path is relative.
    pub(crate) fn read(settings: &Settings, formats: Formats, base: &Path) -> Result<Option<Self>> {
        let word = settings.get("container")?.filter(|word| word != "none");
        let Some(word) = word else {
            return match ["schema", "compression"]
                .into_iter()
                .find(|name| settings.has(name))
            {
                Some(name) => Err(Error::invalid(
                    "expected this setting beside `container`, found it without",
                )
                .with("setting", name)),
                None => Ok(None),
            };
        };
        let Some(format) = formats.iter().find(|format| format.word() == word) else {
            let words: Vec<&str> = formats.iter().map(|format| format.word()).collect();
            return Err(Error::invalid(format!(
                "expected `none` or a format of containers that is built in ({}), found another",
                words.join(", ")
            ))
            .with("setting", "container"));
        };
        Ok(Some(Self {
            format: *format,
            schema: settings.get("schema")?.map(|path| base.join(path)),
            compression: settings.get("compression")?.unwrap_or_default(),
        }))
    }

    /// How the names of its files end.
    pub(crate) fn ending(&self, more: &str) -> String {
        format!(".{}{more}", self.format.word())
    }

    /// A new file for the schema that the settings name, which is read now.
    pub(crate) fn create(&self, storage: &dyn Storage) -> Result<Arc<dyn Container>> {
        let invalid = |message: &'static str| Error::invalid(message).with("setting", "schema");
        let path = self
            .schema
            .as_ref()
            .ok_or_else(|| invalid("expected the file with the schema of the messages that are written"))?;
        let text = storage
            .read(path)
            .map_err(|cause| crate::error::io("open", "the schema cannot be read", path, cause))?
            .ok_or_else(|| invalid("there is no such file").with("path", path.display()))?;
        self.format.create(&text, &self.compression).map_err(|cause| {
            invalid("the container cannot be made")
                .with("path", path.display())
                .caused_by(cause)
        })
    }
}

/// Blocks of messages, and where each message is in them: from the beginning of the first on.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    pub(crate) bytes: Vec<u8>,
    pub(crate) starts: Vec<Spot>,
}

/// Makes blocks of messages, up to the first that the container does not take, which is told.
pub(crate) fn pack(end: &End, container: &dyn Container, batch: &[Outgoing]) -> (Packed, Option<Error>) {
    let mut packed = Packed::default();
    let mut refused = None;
    let mut open: Vec<&[u8]> = Vec::new();
    let mut size = 0;
    for outgoing in batch {
        let payload = match admitted(end, container, outgoing) {
            Ok(payload) => payload,
            Err(error) => {
                refused = Some(error);
                break;
            }
        };
        packed
            .starts
            .push(Spot::block(packed.bytes.len() as u64, open.len() as u64));
        size += payload.len();
        open.push(payload);
        if size >= BLOCK {
            refused = write(container, &mut open, &mut packed).err();
            if refused.is_some() {
                return (packed, refused);
            }
            size = 0;
        }
    }
    if let Err(error) = write(container, &mut open, &mut packed) {
        refused = Some(error);
    }
    (packed, refused)
}

/// Closes the block that is open. Where that fails, its messages are taken back.
fn write(container: &dyn Container, open: &mut Vec<&[u8]>, packed: &mut Packed) -> Result<()> {
    let written = container.write(open, &mut packed.bytes);
    if written.is_err() {
        packed.starts.truncate(packed.starts.len() - open.len());
    }
    open.clear();
    written.map_err(|cause| not_representable().caused_by(cause))
}

fn admitted<'a>(end: &End, container: &dyn Container, outgoing: &'a Outgoing) -> Result<&'a [u8]> {
    let payload = outgoing.message.payload.as_ref();
    let checked = match payload {
        None => Err(not_representable()),
        Some(payload) => fits("a payload", payload.len(), end.max_payload()).and_then(|()| {
            let admitted = container.admits(payload);
            admitted.map_err(|cause| not_representable().caused_by(cause))
        }),
    };
    checked.map_err(|error| error.with("channel", name(end)))?;
    Ok(payload.map_or(&[], Bytes::as_ref))
}

fn not_representable() -> Error {
    Error::new(
        ErrorKind::NotRepresentable,
        "send",
        "expected a payload of the container's schema, in the framing `single-object`",
    )
}

/// Sees to it that the file has a header and ends in a whole block, and says how long it then is, and what it is.
///
/// `confirmed` is the length that a writer confirmed before it died; none where no writer died here. What a writer left
/// torn and told nobody of is cut. What somebody else left torn stops the writer: in the middle of a file it would make
/// everything behind it unreadable.
pub(crate) fn mend(
    format: &'static dyn ContainerFormat,
    wanted: &Arc<dyn Container>,
    file: &dyn Handle,
    confirmed: Option<u64>,
) -> Result<(u64, Arc<dyn Container>)> {
    let io = |cause| {
        let kind = crate::error::kind(&cause);
        Error::new(kind, "sender", "the end of the file cannot be mended").caused_by(cause)
    };
    let length = file.length().map_err(io)?;
    if length < wanted.header().len() as u64 && is_begun(wanted.header(), file, length).map_err(io)? {
        // Nothing is in it but a part of this header.
        file.truncate(0).map_err(io)?;
        let mut rest = wanted.header();
        while !rest.is_empty() {
            match file.append(rest) {
                Ok(0) => return Err(io(std::io::ErrorKind::WriteZero.into())),
                Ok(written) => rest = &rest[written..],
                Err(cause) if cause.kind() == std::io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(io(cause)),
            }
        }
        // Once for each file: after a power failure a header of zeros would be nobody's, and stop every later writer.
        file.sync().map_err(io)?;
        return Ok((wanted.header().len() as u64, Arc::clone(wanted)));
    }
    let found = read_header(format, file).map_err(|error| error.during("sender"))?;
    let found = found.ok_or_else(|| torn(0))?;
    if found.schema() != wanted.schema() {
        return Err(Error::invalid(
            "expected a file of the schema that the settings name, found one of another; write to another channel",
        )
        .with("setting", "schema"));
    }
    let end = end_of_blocks(&*found, file).map_err(|error| error.during("sender"))?;
    if end < length {
        if confirmed.is_none_or(|confirmed| confirmed > end) {
            return Err(torn(end));
        }
        tracing::warn!(
            bytes = length - end,
            "a block that a writer left torn, and nobody was told of, is cut"
        );
        file.truncate(end).map_err(io)?;
    }
    Ok((end, found))
}

fn is_begun(header: &[u8], file: &dyn Handle, length: u64) -> std::io::Result<bool> {
    let mut there = vec![0; usize::try_from(length).unwrap_or_default()];
    crate::mend::read_exactly(file, &mut there, 0)?;
    Ok(header.starts_with(&there))
}

fn torn(offset: u64) -> Error {
    Error::new(
        ErrorKind::Damaged,
        "sender",
        "expected a file that ends in a whole block, found one that somebody else left torn; cut it at this offset",
    )
    .class_of(Class::Unhealthy)
    .with("offset", offset)
}
