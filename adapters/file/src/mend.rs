//! The end of a file: whether its last line is whole, whose it is if not, and the note by which that is known.

use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::storage::{Handle, Identity, Storage};

/// Sees to it that the file is empty or ends in a line feed, and says how long it then is.
///
/// `confirmed` is the length that a writer confirmed before it died; none where no writer died here.
pub(crate) fn mend(file: &dyn Handle, confirmed: Option<u64>) -> io::Result<u64> {
    let length = file.length()?;
    let start = start_of_last_line(file, length)?;
    if start == length {
        return Ok(length);
    }
    if confirmed.is_some_and(|confirmed| confirmed <= start) {
        tracing::warn!(
            bytes = length - start,
            "a line that a writer left torn, and nobody was told of, is cut"
        );
        file.truncate(start)?;
        return Ok(start);
    }
    match file.append(b"\n")? {
        1 => Ok(length + 1),
        _ => Err(io::ErrorKind::WriteZero.into()),
    }
}

/// Where the line begins that has no line feed yet; the length itself where every line has one.
pub(crate) fn start_of_last_line(file: &dyn Handle, length: u64) -> io::Result<u64> {
    const STEP: u64 = 64 << 10;
    let mut buffer = vec![0; 64 << 10];
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(STEP);
        let wanted = usize::try_from(end - start).unwrap_or(buffer.len());
        let block = &mut buffer[..wanted];
        read_exactly(file, block, start)?;
        if let Some(place) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + place as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// Fills the buffer from there on.
pub(crate) fn read_exactly(file: &dyn Handle, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match file.read_at(buffer, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                buffer = &mut buffer[read..];
                offset += read as u64;
            }
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(())
}

/// One line of a fixed length, so that a later one covers it whole, with a checksum at its end.
pub(crate) fn note(identity: Identity, confirmed: u64) -> Vec<u8> {
    let text = format!(
        "dunlin-writer 1 {:016x} {:032x} {confirmed:020}",
        identity.inode, identity.born
    );
    format!("{text} {}\n", checksum(text.as_bytes())).into_bytes()
}

/// The confirmed length in a note about this very file. A note that is damaged says nothing: then nothing is cut.
pub(crate) fn read_note(storage: &dyn Storage, path: &Path, identity: Identity) -> io::Result<Option<u64>> {
    let Some(found) = storage.read(path)? else {
        return Ok(None);
    };
    let confirmed = std::str::from_utf8(&found)
        .ok()
        .and_then(|text| text.split(' ').nth(4)?.parse().ok());
    Ok(confirmed.filter(|confirmed| note(identity, *confirmed) == found))
}

/// The first 16 hexadecimal digits of SHA-256.
pub(crate) fn checksum(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes)[..8])
}
