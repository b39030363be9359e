//! What `to_entries` and `from_entries` share: the names of the two members of an entry.

use crate::finding::Finding;
use crate::migration::canonical::Canonical;
use crate::migration::load::fields::Fields;
use crate::migration::path::Name;

/// How an entry holds a name and its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// The member that holds the name.
    pub(super) key: Name,
    /// The member that holds the value; `None`: the entry is the value itself, with the name beside its members.
    pub(super) value: Option<Name>,
}

const KEY: &str = "key";
const VALUE: &str = "value";

impl Entry {
    /// Reads `key` and `value`.
    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let key = if fields.has(KEY) {
            fields.name(KEY)
        } else {
            Some(Name::new(KEY))
        };
        let value = if !fields.has(VALUE) {
            Some(Some(Name::new(VALUE)))
        } else if fields.is_null(VALUE) {
            // A member of that name is written with quotes inside.
            Some(None)
        } else {
            fields.name(VALUE).map(Some)
        };
        let entry = Self {
            key: key?,
            value: value?,
        };
        if entry.value.as_ref() == Some(&entry.key) {
            let field = if fields.has(VALUE) { VALUE } else { KEY };
            let place = fields.place(field);
            let message = format!(
                "expected two names, found `{}` for both `key` and `value`",
                entry.key
            );
            fields.report(Finding::error(&place, message));
        }
        Some(entry)
    }

    /// Writes `key` and `value`, unless they are what they are by default.
    pub(super) fn canonical(&self, out: &mut Canonical) {
        if self.key.as_str() != KEY {
            out.text(KEY, &self.key);
        }
        match &self.value {
            None => out.json(VALUE, "null".to_owned()),
            Some(name) if name.as_str() == VALUE => {}
            // Bare, this name would be read as the choice.
            Some(name) if name.as_str() == "null" => out.text(VALUE, "\"null\""),
            Some(name) => out.text(VALUE, name),
        }
    }
}
