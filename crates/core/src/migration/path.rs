//! Paths: where in a message an operation works.
//!
//! A path is parsed once, when its file is loaded, and never searched for as text again: a prefix of characters is
//! not a prefix of segments. It prints in one canonical form, because digests are made of what is printed.
//!
//! This module knows no document. What a path finds in one is the business of `place`.

mod check;
mod name;
mod parse;

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

pub use check::{Ends, Takes};
pub use name::{Glob, Name, Pattern};
pub use parse::PathError;

/// The most segments that a path may have.
///
/// A document is 128 deep unless someone raised the limit, so that a longer path is a mistake; the bound keeps an
/// operation that makes the parents of its path from building something that exhausts the stack.
pub const MOST_SEGMENTS: usize = 256;

/// A parsed path: into the document, or to a header or the key of the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Root);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Root {
    Document(Vec<Segment>),
    Header(Name),
    Key,
}

/// One step of a path into the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// `name` or `"any text"`: the member of that name.
    Name(Name),
    /// `*` or `x_*`: every member whose name fits.
    Glob(Glob),
    /// `[*]`: every element.
    Elements,
    /// `[0]`, `[-1]`: one element; negative counts from the end.
    Index(i64),
    /// `/token` of a JSON Pointer: a member of an object, or an element of an array.
    Token(Name),
    /// `**`: at any depth. Stands once, at the start, and exactly one name or glob follows.
    Anywhere,
}

impl Segment {
    /// Whether it can match more than once in one container (a name that stands twice not considered).
    #[must_use]
    pub const fn is_wildcard(&self) -> bool {
        match self {
            Self::Glob(_) | Self::Elements | Self::Anywhere => true,
            Self::Name(_) | Self::Index(_) | Self::Token(_) => false,
        }
    }

    /// The name, where it is one: of a plain segment, or a pointer's token.
    #[must_use]
    pub const fn name(&self) -> Option<&Name> {
        match self {
            Self::Name(name) | Self::Token(name) => Some(name),
            Self::Glob(_) | Self::Elements | Self::Index(_) | Self::Anywhere => None,
        }
    }
}

impl Path {
    /// The whole document: `$`.
    #[must_use]
    pub const fn whole() -> Self {
        Self(Root::Document(Vec::new()))
    }

    /// The header of this name.
    #[must_use]
    pub const fn of_header(name: Name) -> Self {
        Self(Root::Header(name))
    }

    /// A path of these segments. For paths that are derived from parsed ones, as inverses are.
    #[must_use]
    pub(crate) const fn of_segments(segments: Vec<Segment>) -> Self {
        Self(Root::Document(segments))
    }

    /// The segments of a path into the document; empty for `$`. `None` for a header and for the key.
    #[must_use]
    pub fn segments(&self) -> Option<&[Segment]> {
        match &self.0 {
            Root::Document(segments) => Some(segments),
            Root::Header(_) | Root::Key => None,
        }
    }

    /// The name of the header that it leads to.
    #[must_use]
    pub const fn header(&self) -> Option<&Name> {
        match &self.0 {
            Root::Header(name) => Some(name),
            Root::Document(_) | Root::Key => None,
        }
    }

    /// Whether it leads to the key of the message.
    #[must_use]
    pub const fn is_key(&self) -> bool {
        matches!(self.0, Root::Key)
    }

    /// Whether it leads into the document, not to a header or the key.
    #[must_use]
    pub const fn is_document(&self) -> bool {
        matches!(self.0, Root::Document(_))
    }

    /// Whether it is `$`.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        matches!(&self.0, Root::Document(segments) if segments.is_empty())
    }

    /// Whether it begins with `**`.
    #[must_use]
    pub fn is_deep(&self) -> bool {
        matches!(self.segments(), Some([Segment::Anywhere, ..]))
    }

    /// The last segment; `None` for `$`, a header and the key.
    #[must_use]
    pub fn last(&self) -> Option<&Segment> {
        self.segments()?.last()
    }

    /// The position of the last wildcard among the segments.
    #[must_use]
    pub fn last_wildcard(&self) -> Option<usize> {
        self.segments()?.iter().rposition(Segment::is_wildcard)
    }

    /// The path without its last segment; `None` for `$`, a header and the key.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (_, parent) = self.segments()?.split_last()?;
        Some(Self(Root::Document(parent.to_vec())))
    }

    /// The path to a member of what this one leads to. `None` for a header and for the key.
    #[must_use]
    pub fn member(&self, name: Name) -> Option<Self> {
        let mut segments = self.segments()?.to_vec();
        let step = if matches!(segments.first(), Some(Segment::Token(_))) {
            Segment::Token(name)
        } else {
            Segment::Name(name)
        };
        segments.push(step);
        Some(Self(Root::Document(segments)))
    }

    /// Whether both lead to members of the same parent, as far as their spelling says.
    #[must_use]
    pub fn is_sibling_of(&self, other: &Self) -> bool {
        self.parent().is_some_and(|parent| other.parent() == Some(parent))
    }

    /// Whether this leads to something inside of what `other` leads to, as far as their spelling says.
    #[must_use]
    pub fn is_inside(&self, other: &Self) -> bool {
        match (self.segments(), other.segments()) {
            (Some(own), Some(outer)) => own.len() > outer.len() && own.starts_with(outer),
            (None, _) | (_, None) => false,
        }
    }
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        parse::path(text)
    }
}

/// The canonical form: wildcards as written, a segment bare where it fits the bare grammar and quoted else,
/// pointers as pointers.
impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Root::Key => formatter.write_str("@key"),
            Root::Header(name) => write!(formatter, "@headers.{name}"),
            Root::Document(segments) if segments.is_empty() => formatter.write_str("$"),
            Root::Document(segments) => {
                for (index, segment) in segments.iter().enumerate() {
                    let dot = if index > 0 { "." } else { "" };
                    match segment {
                        Segment::Name(name) => write!(formatter, "{dot}{name}")?,
                        Segment::Glob(glob) => write!(formatter, "{dot}{glob}")?,
                        Segment::Elements => formatter.write_str("[*]")?,
                        Segment::Index(index) => write!(formatter, "[{index}]")?,
                        Segment::Anywhere => formatter.write_str("**")?,
                        Segment::Token(name) => {
                            let escaped = name.as_str().replace('~', "~0").replace('/', "~1");
                            write!(formatter, "/{escaped}")?;
                        }
                    }
                }
                Ok(())
            }
        }
    }
}
