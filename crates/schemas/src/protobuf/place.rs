//! Places in a document, for failures. Nothing is made of them until something fails.

use std::fmt::{self, Write as _};

use dunlin_core::migration::Failure;
use dunlin_core::migration::path::Name;

/// A place, as a chain from the root.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    /// The whole document.
    Root,
    /// A member of an object.
    Member(&'a Place<'a>, &'a str),
    /// An element of an array.
    Element(&'a Place<'a>, usize),
}

impl Place<'_> {
    /// The failure at this place, unless it tells a deeper one already.
    pub(super) fn blame(&self, failure: Failure) -> Failure {
        if failure.path.is_some() {
            return failure;
        }
        failure.at(match self {
            Self::Root => "$".to_owned(),
            Self::Member(..) | Self::Element(..) => self.to_string(),
        })
    }
}

/// As failures print it: `lines[0].sku`; nothing for the root.
impl fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Member(parent, name) => {
                if !matches!(parent, Place::Root) {
                    write!(formatter, "{parent}.")?;
                }
                write!(formatter, "{}", Name::new(*name))
            }
            Self::Element(parent, index) => {
                write!(formatter, "{parent}")?;
                formatter.write_char('[')?;
                write!(formatter, "{index}]")
            }
        }
    }
}
