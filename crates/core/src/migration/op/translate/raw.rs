//! The table of a translation by the texts of its values.

use super::{Otherwise, Translate};
use crate::migration::document::Value;
use crate::migration::fused::buffer::Padded;
use crate::migration::op::raw::{RawImage, RawTable};

impl Translate {
    /// The table, for values that are written without an escape: those are equal only if their texts are.
    pub(crate) fn raw(&self) -> RawTable {
        let rows = self.values.iter().map(|(from, to)| {
            let from = match from.to_value() {
                Value::String(text) => Value::String(text.canonical()),
                other => other,
            };
            // An image that equals the value leaves the spelling of the document alone.
            let image = if *to == from { RawImage::Same } else { text(to) };
            (from.to_json().into_bytes().into_boxed_slice(), image)
        });
        let otherwise = match &self.otherwise {
            Otherwise::Keep => RawImage::Same,
            Otherwise::Null => text(&Value::Null),
            Otherwise::Fail | Otherwise::Remove | Otherwise::Value(_) => RawImage::Unread,
        };
        RawTable::new(rows.collect(), otherwise)
    }
}

fn text(value: &Value) -> RawImage {
    RawImage::Text(Padded::new(&value.to_json()))
}
