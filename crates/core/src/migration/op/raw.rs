//! What an operation on single values makes of a value by its text alone, where that can be said without reading it.

use std::collections::HashMap;

use crate::migration::fused::buffer::Padded;

/// What becomes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Raw<'a> {
    /// It already is as wanted.
    Same,
    /// The content of the string takes its place, without the quotes.
    Unquoted,
    /// A string of its own text takes its place.
    Quoted,
    /// This text takes its place; it stands in the migration.
    Image(&'a Padded),
    /// It must be read to tell.
    Unread,
}

/// A table of scalars by their JSON text, for values that are written without an escape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawTable {
    /// Searched one after the other: most tables hold a few values.
    rows: Vec<(Box<[u8]>, RawImage)>,
    /// Where the rows stand, if there are many.
    places: Option<HashMap<Box<[u8]>, usize>>,
    otherwise: RawImage,
}

/// What stands in a table for a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RawImage {
    /// The value stays.
    Same,
    /// This JSON text.
    Text(Padded),
    /// More than a text: the operation itself must be asked.
    Unread,
}

impl RawTable {
    /// From here on hashing is cheaper than comparing.
    const MANY: usize = 16;

    pub(crate) fn new(rows: Vec<(Box<[u8]>, RawImage)>, otherwise: RawImage) -> Self {
        let places = (rows.len() > Self::MANY).then(|| {
            let keys = rows.iter().enumerate();
            keys.map(|(place, (from, _))| (from.clone(), place)).collect()
        });
        Self {
            rows,
            places,
            otherwise,
        }
    }

    /// What becomes of the value of this text.
    pub(crate) fn image(&self, text: &[u8]) -> Raw<'_> {
        if matches!(text.first(), Some(b'{' | b'[') | None) || text.contains(&b'\\') {
            return Raw::Unread;
        }
        let found = match &self.places {
            None => self
                .rows
                .iter()
                .find(|(from, _)| **from == *text)
                .map(|(_, image)| image),
            Some(places) => places.get(text).map(|place| &self.rows[*place].1),
        };
        match found.unwrap_or(&self.otherwise) {
            RawImage::Same => Raw::Same,
            RawImage::Text(image) if *image.text() == *text => Raw::Same,
            RawImage::Text(image) => Raw::Image(image),
            RawImage::Unread => Raw::Unread,
        }
    }
}
