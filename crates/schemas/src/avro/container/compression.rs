//! The codecs of blocks.

use std::io::{Read, Write};

use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::{ContainerError, MOST_BLOCK, broken};

/// How the blocks of a container file are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    Null,
    /// RFC 1951, without the header of zlib.
    Deflate,
    /// Snappy, with a CRC-32 behind each block.
    Snappy,
    /// Zstandard.
    Zstandard,
}

/// The length of the checksum behind a block of Snappy.
const CHECKSUM: usize = 4;

impl Compression {
    /// All codecs with their words in the header of a file.
    pub const ALL: [(&'static str, Self); 4] = [
        ("null", Self::Null),
        ("deflate", Self::Deflate),
        ("snappy", Self::Snappy),
        ("zstandard", Self::Zstandard),
    ];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Deflate => "deflate",
            Self::Snappy => "snappy",
            Self::Zstandard => "zstandard",
        }
    }

    /// The codec with this word, if there is one.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == word);
        found.map(|(_, compression)| *compression)
    }

    /// The codec with this word.
    ///
    /// # Errors
    /// There is none; the error has the words that there are.
    pub fn known(word: &str) -> Result<Self, ContainerError> {
        Self::from_word(word).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|(word, _)| *word).collect();
            broken(format!(
                "expected one of the codecs {}, found another",
                known.join(", ")
            ))
        })
    }

    pub(super) fn compress(self, block: &[u8]) -> Result<Vec<u8>, ContainerError> {
        match self {
            Self::Null => Ok(block.to_vec()),
            Self::Deflate => {
                let mut encoder = DeflateEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(block)?;
                Ok(encoder.finish()?)
            }
            Self::Snappy => {
                let mut compressed = snap::raw::Encoder::new()
                    .compress_vec(block)
                    .map_err(std::io::Error::other)?;
                compressed.extend_from_slice(&checksum(block).to_be_bytes());
                Ok(compressed)
            }
            Self::Zstandard => Ok(zstd::encode_all(block, zstd::DEFAULT_COMPRESSION_LEVEL)?),
        }
    }

    /// The content of a block, which may have at most [`MOST_BLOCK`] bytes whatever the compressed ones say.
    pub(super) fn decompress(self, compressed: Vec<u8>) -> Result<Vec<u8>, ContainerError> {
        match self {
            Self::Null => Ok(compressed),
            Self::Deflate => bounded(DeflateDecoder::new(&compressed[..])),
            Self::Snappy => {
                let damaged = || broken("expected a block compressed with Snappy, and its checksum");
                let end = compressed.len().checked_sub(CHECKSUM).ok_or_else(damaged)?;
                let (content, expected) = compressed.split_at(end);
                let length = snap::raw::decompress_len(content).map_err(|_| damaged())?;
                if length > MOST_BLOCK {
                    return Err(too_large());
                }
                let block = snap::raw::Decoder::new()
                    .decompress_vec(content)
                    .map_err(|_| damaged())?;
                if checksum(&block).to_be_bytes() != *expected {
                    return Err(damaged());
                }
                Ok(block)
            }
            Self::Zstandard => bounded(zstd::Decoder::with_buffer(&compressed[..])?),
        }
    }
}

fn bounded(input: impl Read) -> Result<Vec<u8>, ContainerError> {
    let mut block = Vec::new();
    let limit = u64::try_from(MOST_BLOCK).unwrap_or(u64::MAX);
    input
        .take(limit + 1)
        .read_to_end(&mut block)
        .map_err(|_| broken("expected a block compressed with the codec that the header names"))?;
    if block.len() > MOST_BLOCK {
        return Err(too_large());
    }
    Ok(block)
}

fn too_large() -> ContainerError {
    broken(format!("expected blocks of at most {MOST_BLOCK} bytes"))
}

/// CRC-32 as in ISO 3309, which is that of gzip.
fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}
