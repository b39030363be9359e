//! What the applied record of a message means for a migration, and what is written into it when the message leaves.

use super::{Direction, Migration, RecordMode};
use crate::message::Headers;
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::record::{Entry, Record};

/// Where in the chain a message stands when it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It says nothing about this chain.
    Unrecorded,
    /// By its record, this many transformations of the chain are behind it.
    At(usize),
    /// It is further than the chain is long.
    Ahead,
    /// A downward migration has nothing to take back: the message is not above its end.
    Below,
}

impl Migration {
    /// Reads the record of a message.
    ///
    /// # Errors
    /// `record` where it does not parse, is missing and required, or no transformation leads from where the message
    /// is; `diverged` where it is that of another chain.
    pub(super) fn arrive(&self, headers: &Headers, mode: RecordMode) -> Result<(Record, Arrival), Failure> {
        if mode == RecordMode::Ignore {
            // What cannot be read cannot be kept either.
            return Ok((Record::of(headers).unwrap_or_default(), Arrival::Unrecorded));
        }
        let record = Record::of(headers)?;
        let recorded = self.recorded();
        let Some(entry) = record.entry(&recorded.name) else {
            if mode == RecordMode::Required {
                let expected = format!("expected an entry of `{}` in the applied record", recorded.name);
                return Err(Failure::new(FailureKind::Record, expected));
            }
            let arrival = match self.direction {
                Direction::Up => Arrival::Unrecorded,
                // Without a record nothing was done that could be taken back.
                Direction::Down { .. } => Arrival::Below,
            };
            return Ok((record, arrival));
        };
        let Some(hash) = recorded.chain.hash(entry.count) else {
            return Ok((record, Arrival::Ahead));
        };
        if entry.hash != hash.short() && !recorded.accepts.contains(entry) {
            let expected = format!(
                "expected the hash {} behind {} transformations of `{}`, found {}",
                hash.short(),
                entry.count,
                recorded.name,
                entry.hash
            );
            return Err(Failure::new(FailureKind::Diverged, expected));
        }
        let arrival = match &self.direction {
            Direction::Up => Arrival::At(entry.count),
            Direction::Down { from, .. } if entry.count == *from => Arrival::At(0),
            Direction::Down { to, .. } if entry.count <= *to => Arrival::Below,
            Direction::Down { from, .. } => {
                let expected = format!(
                    "expected {from} transformations of `{}` behind the message, found {}",
                    recorded.name, entry.count
                );
                return Err(Failure::new(FailureKind::Record, expected));
            }
        };
        Ok((record, arrival))
    }

    /// Writes the record of a message that leaves.
    ///
    /// # Errors
    /// `record`, where it has no room left.
    pub(super) fn leave(&self, mut record: Record, headers: &mut Headers) -> Result<(), Failure> {
        let count = match &self.direction {
            Direction::Up => self.length(),
            Direction::Down { to, .. } => *to,
        };
        let recorded = self.recorded();
        if count > 0 && count == recorded.length() && record.is_empty() {
            let (name, value) = recorded.chain.whole_record();
            headers.set(name, value);
            return Ok(());
        }
        match recorded.chain.hash(count) {
            Some(hash) if count > 0 => record.put(Entry::new(&recorded.name, count, hash))?,
            // A way back on which nothing can be undone still leads to where it says.
            Some(_) | None if self.length() > 0 || matches!(self.direction, Direction::Down { .. }) => {
                record.remove(&recorded.name);
            }
            // A migration without transformations has nothing to say, and leaves the header as it is.
            Some(_) | None => return Ok(()),
        }
        record.write(headers);
        Ok(())
    }

    /// The migration whose records are read and written: the one that is taken back, in a downward migration.
    fn recorded(&self) -> &Self {
        match &self.direction {
            Direction::Up => self,
            Direction::Down { of, .. } => of,
        }
    }
}
