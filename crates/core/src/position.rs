//! The stable place of a message in its source, and the id that is derived from it.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// The place of a message in a log: the log's identity, and the offset in it.
///
/// It names the same message for ever. Positions of one log are ordered; of two logs they are not comparable.
/// It prints as `log@offset` and is read back from that text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// What tells this log apart from every other, also from a log of the same name that was made anew.
    pub log: Arc<str>,
    /// The place in the log. Systems with two-part ids pack them, the first part in the upper 64 bits.
    pub offset: u128,
}

impl Position {
    /// This offset of this log.
    pub fn new(log: impl Into<Arc<str>>, offset: impl Into<u128>) -> Self {
        Self {
            log: log.into(),
            offset: offset.into(),
        }
    }
}

impl PartialOrd for Position {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self.log == other.log).then(|| self.offset.cmp(&other.offset))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The formatter of the standard library takes several times as long for a number of 128 bits.
        write!(f, "{}@{}", self.log, itoa::Buffer::new().format(self.offset))
    }
}

/// A text that is no position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a position such as `log@123`, an identity and an offset in decimal digits")]
pub struct BadPosition;

impl FromStr for Position {
    type Err = BadPosition;

    fn from_str(text: &str) -> Result<Self, BadPosition> {
        let (log, offset) = text.rsplit_once('@').ok_or(BadPosition)?;
        let plain =
            offset == "0" || (!offset.starts_with('0') && offset.bytes().all(|byte| byte.is_ascii_digit()));
        if !plain {
            return Err(BadPosition);
        }
        Ok(Self {
            log: log.into(),
            offset: offset.parse().map_err(|_| BadPosition)?,
        })
    }
}

/// The deterministic id of one output message.
///
/// It depends on nothing but the route, its epoch, the output, the source system's identity and the source position: no
/// clock, no version of a migration, no address of a broker. So a message that is sent again, by whichever host and after
/// whatever reload, has the same id; a deliberate replay raises the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DedupId(pub [u8; 16]);

impl DedupId {
    /// The first 16 bytes of SHA-256 over the five fields, each with its length in front (eight bytes, big endian).
    pub fn derive(route: &str, epoch: u64, output: u32, identity: &str, position: &Position) -> Self {
        DedupIds::new(route, epoch, output, identity).of(position)
    }
}

/// The deduplication ids of one output of one route: what they have in common is read once.
#[derive(Clone)]
pub struct DedupIds(Sha256);

impl DedupIds {
    /// The ids of this output, for messages of the system that calls itself so.
    pub fn new(route: &str, epoch: u64, output: u32, identity: &str) -> Self {
        let mut hash = Sha256::new();
        field(&mut hash, route);
        field(&mut hash, &epoch.to_string());
        field(&mut hash, &output.to_string());
        field(&mut hash, identity);
        Self(hash)
    }

    /// The id of what was made from the message at this position.
    pub fn of(&self, position: &Position) -> DedupId {
        let mut hash = self.0.clone();
        // The text of the position, read without making it: every message of a route has one.
        let mut offset = itoa::Buffer::new();
        let parts = [&*position.log, "@", offset.format(position.offset)];
        let length: usize = parts.iter().map(|part| part.len()).sum();
        hash.update((length as u64).to_be_bytes());
        parts.iter().for_each(|part| hash.update(part.as_bytes()));
        let digest = hash.finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        DedupId(id)
    }
}

impl fmt::Debug for DedupIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DedupIds")
    }
}

fn field(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text.as_bytes());
}

impl DedupId {
    /// Its hexadecimal digits, in lower case.
    pub fn digits<'a>(&self, room: &'a mut [u8; 32]) -> &'a str {
        hex::encode_to_slice(self.0, room).expect("there is room for two digits of each byte");
        std::str::from_utf8(room).expect("hexadecimal digits are text")
    }
}

impl fmt::Display for DedupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.digits(&mut [0; 32]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_back_from_its_text() {
        let position = Position::new("orders@2/part", u128::MAX);
        assert_eq!(position.to_string().parse(), Ok(position));
        for bad in [
            "",
            "orders",
            "orders@",
            "orders@01",
            "orders@-1",
            "orders@+1",
            "orders@1x",
        ] {
            assert_eq!(bad.parse::<Position>(), Err(BadPosition), "{bad}");
        }
    }

    #[test]
    fn an_id_is_made_of_the_text_of_its_position() {
        let position = Position::new("orders", 7_u128 << 64);
        let mut hash = Sha256::new();
        for text in ["route", "1", "2", "system", &position.to_string()] {
            field(&mut hash, text);
        }
        let id = DedupId::derive("route", 1, 2, "system", &position);
        assert_eq!(id.0, hash.finalize()[..16]);
    }

    #[test]
    fn positions_of_two_logs_are_not_comparable() {
        assert!(Position::new("a", 1_u64) < Position::new("a", 2_u64));
        assert_eq!(
            Position::new("a", 1_u64).partial_cmp(&Position::new("b", 2_u64)),
            None
        );
    }

    #[test]
    fn every_field_counts_in_a_deduplication_id_and_none_runs_into_the_next() {
        let place = Position::new("log", 7_u64);
        let id = DedupId::derive("route", 0, 0, "system", &place);
        assert_eq!(id, DedupId::derive("route", 0, 0, "system", &place));
        for other in [
            DedupId::derive("routes", 0, 0, "ystem", &place),
            DedupId::derive("route", 1, 0, "system", &place),
            DedupId::derive("route", 0, 1, "system", &place),
            DedupId::derive("route", 0, 0, "other", &place),
            DedupId::derive("route", 0, 0, "system", &Position::new("log", 8_u64)),
        ] {
            assert_ne!(id, other);
        }
    }
}
