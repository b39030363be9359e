//! The few members of a document that a condition or an expression asks about, read ahead of the pass.
//!
//! What is read here is not checked: names that stand twice or are written with an escape are passed over, and so is
//! everything behind the last member that is wanted. The pass reads the same document strictly afterwards, knows the same
//! names, and hands the message back where any of that matters; then nothing that was decided here counts.

use super::Handed;
use super::scan::Scanner;
use crate::migration::document::{Member, Reading, Value, parse};
use crate::migration::limits::Limits;

/// Members of an object, by their names, and what is wanted of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Everything: the value is read as it is.
    pub(super) whole: bool,
    /// These members. Where there are none, and not everything is wanted, the kind of a container is enough.
    pub(super) members: Vec<(String, Wanted)>,
}

impl Wanted {
    /// Whether nothing of the document is wanted.
    pub(super) const fn is_nothing(&self) -> bool {
        !self.whole && self.members.is_empty()
    }

    /// Wants the value to which these names lead: all of it, or its kind if it is a container.
    pub(super) fn add<'a>(&mut self, mut names: impl Iterator<Item = &'a str>, whole: bool) {
        let Some(name) = names.next() else {
            self.whole |= whole;
            return;
        };
        let at = match self.members.iter().position(|(own, _)| own == name) {
            Some(at) => at,
            None => {
                self.members.push((name.to_owned(), Self::default()));
                self.members.len() - 1
            }
        };
        self.members[at].1.add(names, whole);
    }

    /// What is wanted of a document: the document without everything else.
    ///
    /// # Errors
    /// The document is no object, or what is wanted cannot be read.
    pub(super) fn read(&self, document: &[u8]) -> Result<Value, Handed> {
        let mut scan = Scanner::new(document, Limits::MOST_DEPTH);
        let start = scan.white_space(0);
        if scan.byte(start) != b'{' {
            return Err(Handed);
        }
        let read = match self.whole || self.members.is_empty() {
            true => self.value(&mut scan, start)?,
            // Nobody asks where the document ends.
            false => self.object(&mut scan, start, self.members.len())?,
        };
        Ok(read.0)
    }

    fn value(&self, scan: &mut Scanner<'_>, at: usize) -> Result<(Value, usize), Handed> {
        let kind = scan.byte(at);
        if self.whole || !matches!(kind, b'{' | b'[') {
            let end = scan.value(at, 0)?;
            let reading = Reading {
                depth: Limits::MOST_DEPTH,
                ..Reading::default()
            };
            let value = parse(&scan.bytes[at..end], &reading).map_err(|_| Handed)?;
            return Ok((value, end));
        }
        if kind == b'{' && !self.members.is_empty() {
            return self.object(scan, at, usize::MAX);
        }
        let end = scan.value(at, 0)?;
        let empty = if kind == b'{' {
            Value::Object(Vec::new())
        } else {
            Value::Array(Vec::new())
        };
        Ok((empty, end))
    }

    /// The wanted members of an object, and where it ends, or, where so many were found before, where the last of them does.
    fn object(&self, scan: &mut Scanner<'_>, start: usize, enough: usize) -> Result<(Value, usize), Handed> {
        let mut found = Vec::with_capacity(self.members.len());
        let mut at = scan.white_space(start + 1);
        if scan.byte(at) == b'}' {
            return Ok((Value::Object(found), at + 1));
        }
        loop {
            if scan.byte(at) != b'"' {
                return Err(Handed);
            }
            let end = scan.string(at + 1)?;
            let name = &scan.bytes[at + 1..end - 1];
            let start = scan.behind_colon(end)?;
            let wanted = self.members.iter().find(|(own, _)| own.as_bytes() == name);
            let end = match wanted {
                None => scan.value(start, 0)?,
                Some((name, wanted)) => {
                    let (value, end) = wanted.value(scan, start)?;
                    found.push(Member::new(name, value));
                    if found.len() == enough {
                        return Ok((Value::Object(found), end));
                    }
                    end
                }
            };
            at = scan.white_space(end);
            match scan.byte(at) {
                b',' => at = scan.white_space(at + 1),
                b'}' => return Ok((Value::Object(found), at + 1)),
                _ => return Err(Handed),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(paths: &[(&str, bool)]) -> Wanted {
        let mut wanted = Wanted::default();
        for (path, whole) in paths {
            wanted.add(path.split('.'), *whole);
        }
        wanted
    }

    #[test]
    fn only_what_is_wanted_is_read() {
        let wanted = wanted(&[("a.b", false), ("c", true), ("a.d", false), ("e", false)]);
        let document = r#" {"x":{"a":1},"a":{"b":[1,2],"c":3,"d":"t"},"c":{"y":[{}]},"e":{"z":1}} "#;
        let read = wanted.read(document.as_bytes()).unwrap();
        assert_eq!(read.to_json(), r#"{"a":{"b":[],"d":"t"},"c":{"y":[{}]},"e":{}}"#);
    }

    #[test]
    fn what_stands_behind_the_last_member_that_is_wanted_is_not_read() {
        let wanted = wanted(&[("a.b", true), ("c", false)]);
        let read = wanted
            .read(br#"{"c":1,"a":{"b":2,"x":3},"d":this is no JSON"#)
            .unwrap();
        assert_eq!(read.to_json(), r#"{"c":1,"a":{"b":2}}"#);
        assert!(wanted.read(br#"{"a":{"b":2,"x":no},"c":1}"#).is_err());
    }

    #[test]
    fn what_is_no_object_or_no_document_is_not_read() {
        let wanted = wanted(&[("a", false)]);
        for document in ["[1]", "null", "", "{", "{\"b\":}", "{\"a\":tru}"] {
            assert_eq!(wanted.read(document.as_bytes()).err(), Some(Handed), "{document}");
        }
    }
}
