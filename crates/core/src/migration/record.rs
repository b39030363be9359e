//! The applied record: which transformations are behind a message.
//!
//! It travels in a header, so it may be missing, broken or forged. It is read strictly, and what it means for a
//! migration is decided elsewhere.

use std::fmt;

use crate::message::Headers;
use crate::migration::chain::Digest;
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::load::is_migration_name;

/// The header that holds the record.
pub const RECORD_HEADER: &str = "dunlin-applied";

/// The most entries that a record may have.
pub const MOST_ENTRIES: usize = 32;

/// What a message says has been done to it: one entry for each migration, in the order of their first one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// Each with its text, because a count may have more digits than any number here.
    entries: Vec<(Entry, String)>,
}

/// The first `count` transformations of a migration are behind a message. Prints as `orders@20:9f3ac41b7d02e6aa`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The name of the migration.
    pub name: String,
    /// How many of its transformations are behind the message; at least 1. The greatest number stands for all that are
    /// greater than it.
    pub count: usize,
    /// The first 16 digits of the hash of that many.
    pub hash: String,
}

/// The text is no record, or no entry of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an applied record such as `orders@20:9f3ac41b7d02e6aa`, several joined by `,`")]
pub struct NotARecord;

impl Entry {
    /// The entry for the first `count` transformations of a migration.
    #[must_use]
    pub fn new(name: &str, count: usize, hash: Digest) -> Self {
        Self {
            name: name.to_owned(),
            count,
            hash: hash.short(),
        }
    }

    /// Reads one entry.
    ///
    /// # Errors
    /// Anything that is not exactly of its form.
    pub fn parse(text: &str) -> Result<Self, NotARecord> {
        let (name, rest) = text.split_once('@').ok_or(NotARecord)?;
        let (count, hash) = rest.split_once(':').ok_or(NotARecord)?;
        let digits = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
        let plain = digits && !count.starts_with('0');
        let hex = hash.len() == 16 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_migration_name(name) || !plain || !hex {
            return Err(NotARecord);
        }
        // Digits that do not parse are too many of them.
        let count = count.parse().unwrap_or(usize::MAX);
        Ok(Self {
            name: name.to_owned(),
            count,
            hash: hash.to_owned(),
        })
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}:{}", self.name, self.count, self.hash)
    }
}

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    /// Anything that is not exactly of its form; a name that stands twice; more than 32 entries.
    pub fn parse(text: &str) -> Result<Self, NotARecord> {
        let mut entries: Vec<(Entry, String)> = Vec::new();
        for part in text.split(',') {
            let entry = Entry::parse(part)?;
            if entries.len() == MOST_ENTRIES || entries.iter().any(|(known, _)| known.name == entry.name) {
                return Err(NotARecord);
            }
            entries.push((entry, part.to_owned()));
        }
        Ok(Self { entries })
    }

    /// Reads the record of a message; one without the header has an empty record.
    ///
    /// # Errors
    /// Kind `record`, where the header does not parse or stands twice.
    pub(crate) fn of(headers: &Headers) -> Result<Self, Failure> {
        let mut values = headers.iter().filter(|(name, _)| *name == RECORD_HEADER);
        let Some((_, value)) = values.next() else {
            return Ok(Self::default());
        };
        let record = std::str::from_utf8(value)
            .map_err(|_| NotARecord)
            .and_then(Self::parse);
        match record {
            Ok(record) if values.next().is_none() => Ok(record),
            Ok(_) => Err(failure(format!(
                "expected one header `{RECORD_HEADER}`, found several"
            ))),
            Err(error) => Err(failure(error.to_string())),
        }
    }

    /// Whether it says nothing.
    pub(crate) const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entry of a migration.
    #[must_use]
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries().find(|entry| entry.name == name)
    }

    /// All entries, in order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().map(|(entry, _)| entry)
    }

    /// Replaces a migration's entry in its place, or appends it.
    ///
    /// # Errors
    /// Kind `record`, for a 33rd entry.
    pub(crate) fn put(&mut self, entry: Entry) -> Result<(), Failure> {
        let full = self.entries.len() == MOST_ENTRIES;
        let text = entry.to_string();
        let written = (entry, text);
        match self
            .entries
            .iter_mut()
            .find(|(known, _)| known.name == written.0.name)
        {
            Some(known) => *known = written,
            None if full => {
                return Err(failure(format!(
                    "expected at most {MOST_ENTRIES} entries in the applied record"
                )));
            }
            None => self.entries.push(written),
        }
        Ok(())
    }

    /// Removes a migration's entry.
    pub(crate) fn remove(&mut self, name: &str) {
        self.entries.retain(|(entry, _)| entry.name != name);
    }

    /// Writes the record into the headers; an empty one is no header.
    pub(crate) fn write(&self, headers: &mut Headers) {
        if self.entries.is_empty() {
            headers.remove(RECORD_HEADER);
        } else {
            headers.set(RECORD_HEADER, self.to_string());
        }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (_, text)) in self.entries.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(formatter, "{comma}{text}")?;
        }
        Ok(())
    }
}

fn failure(expected: String) -> Failure {
    Failure::new(FailureKind::Record, expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "9f3ac41b7d02e6aa";

    #[test]
    fn a_record_prints_as_it_was_read() {
        for text in [
            format!("orders@20:{HASH}"),
            format!("a@1:{HASH},0.b_c-d@9999:{HASH}"),
            format!("a@99999999999999999999999:{HASH}"),
        ] {
            assert_eq!(Record::parse(&text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_no_record() {
        for text in [
            String::new(),
            "orders".to_owned(),
            format!("orders@0:{HASH}"),
            format!("orders@01:{HASH}"),
            format!("orders@+1:{HASH}"),
            format!("orders@:{HASH}"),
            format!("Orders@1:{HASH}"),
            format!("-a@1:{HASH}"),
            format!("@1:{HASH}"),
            format!("{}@1:{HASH}", "a".repeat(65)),
            "orders@1:9F3AC41B7D02E6AA".to_owned(),
            "orders@1:9f3ac41b7d02e6a".to_owned(),
            format!("orders@1:{HASH} "),
            format!("orders@1:{HASH},"),
            format!("orders@1:{HASH}, a@1:{HASH}"),
            format!("orders@1:{HASH},orders@2:{HASH}"),
            (0..33)
                .map(|n| format!("m{n}@1:{HASH}"))
                .collect::<Vec<_>>()
                .join(","),
        ] {
            assert_eq!(Record::parse(&text), Err(NotARecord), "{text}");
        }
    }

    #[test]
    fn an_entry_is_replaced_in_its_place_or_appended_and_a_33rd_is_refused() {
        let entry = |name: &str, count| Entry::parse(&format!("{name}@{count}:{HASH}")).unwrap();
        let mut record = Record::parse(&format!("a@1:{HASH},b@1:{HASH}")).unwrap();
        record.put(entry("a", 2)).unwrap();
        record.put(entry("c", 1)).unwrap();
        assert_eq!(record.to_string(), format!("a@2:{HASH},b@1:{HASH},c@1:{HASH}"));
        for number in 0..29 {
            record.put(entry(&format!("m{number}"), 1)).unwrap();
        }
        assert_eq!(record.put(entry("z", 1)).unwrap_err().kind, FailureKind::Record);
        assert!(record.put(entry("b", 3)).is_ok());
    }

    #[test]
    fn a_header_that_stands_twice_or_is_no_text_is_refused() {
        let twice: Headers = [
            (RECORD_HEADER, format!("a@1:{HASH}")),
            (RECORD_HEADER, format!("b@1:{HASH}")),
        ]
        .into_iter()
        .collect();
        assert_eq!(Record::of(&twice).unwrap_err().kind, FailureKind::Record);
        let mut binary = Headers::new();
        binary.append(RECORD_HEADER, &b"\xff"[..]);
        assert_eq!(Record::of(&binary).unwrap_err().kind, FailureKind::Record);
        assert_eq!(Record::of(&Headers::new()).unwrap(), Record::default());
    }

    #[test]
    fn an_empty_record_is_no_header() {
        let mut headers: Headers = [(RECORD_HEADER, format!("a@1:{HASH}"))].into_iter().collect();
        let mut record = Record::of(&headers).unwrap();
        record.remove("a");
        record.write(&mut headers);
        assert!(headers.is_empty());
    }
}
