//! Names of members as migrations write them: literal, or with one star.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::PathError;
use super::parse;
use crate::migration::document::Text;

/// The literal name of a member or header: any text, also an empty one.
///
/// Prints bare where it fits `[A-Za-z_][A-Za-z0-9_-]*`, and in quotes else. Text with a lone surrogate cannot be
/// written down as a name, so that no name equals a member that has one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// The name that is this text, taken literally.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text of the name, without quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a header of this name is the router's own: it begins with `dunlin-`.
    ///
    /// In any case of its letters, because some systems do not tell those apart, and would take it for the record.
    pub(crate) fn is_own_header(&self) -> bool {
        const OWN: &[u8] = b"dunlin-";
        let name = self.0.as_bytes();
        name.len() >= OWN.len() && name[..OWN.len()].eq_ignore_ascii_case(OWN)
    }

    /// Whether no header can have this name: it is empty, or holds a character that would end it somewhere.
    pub(crate) fn is_no_header(&self) -> bool {
        self.0.is_empty() || self.0.chars().any(char::is_control)
    }

    /// The name as it is written into a document.
    #[must_use]
    pub fn to_text(&self) -> Text {
        Text::from_str(&self.0)
    }

    /// Whether a member of this name is meant.
    #[must_use]
    pub fn matches(&self, member: &Text) -> bool {
        member.is(&self.0)
    }

    /// The element of an array that a pointer's token of this text means: `0`, or digits without a leading zero.
    #[must_use]
    pub fn as_index(&self) -> Option<usize> {
        let canonical = self.0 == "0" || !self.0.starts_with('0');
        let digits = self.0.bytes().all(|byte| byte.is_ascii_digit());
        if canonical && digits {
            self.0.parse().ok()
        } else {
            None
        }
    }

    /// Whether a pointer's token of this text can only mean an element: an index however large, or the `-` behind
    /// the last one.
    #[must_use]
    pub fn is_element_token(&self) -> bool {
        let digits = !self.0.is_empty() && self.0.bytes().all(|byte| byte.is_ascii_digit());
        self.0 == "-" || (digits && (self.0 == "0" || !self.0.starts_with('0')))
    }
}

/// One segment: bare, or in quotes. A dot, a star or a bracket outside of quotes is an error.
impl FromStr for Name {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        parse::name(text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if parse::is_bare(&self.0) {
            return formatter.write_str(&self.0);
        }
        let escaped = self.0.replace('\\', "\\\\").replace('"', "\\\"");
        write!(formatter, "\"{escaped}\"")
    }
}

/// A bare segment with one star, which stands for any text, the empty one too.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Glob {
    /// What stands before the star.
    pub prefix: String,
    /// What stands behind it.
    pub suffix: String,
}

impl Glob {
    /// The text that the star stands for in this name, if the name fits.
    ///
    /// A name with a lone surrogate is text to nobody: it fits the star alone, see [`fits`](Self::fits).
    #[must_use]
    pub fn star<'a>(&self, member: &'a Text) -> Option<Cow<'a, str>> {
        let inner = |name: &str| {
            let rest = name.strip_prefix(&*self.prefix)?.strip_suffix(&*self.suffix)?;
            Some(rest.len())
        };
        match member.read().ok()? {
            Cow::Borrowed(name) => {
                let length = inner(name)?;
                Some(Cow::Borrowed(
                    &name[self.prefix.len()..self.prefix.len() + length],
                ))
            }
            Cow::Owned(name) => {
                let length = inner(&name)?;
                Some(Cow::Owned(
                    name[self.prefix.len()..self.prefix.len() + length].to_owned(),
                ))
            }
        }
    }

    /// Whether a member of this name is meant. `*` alone fits every name.
    #[must_use]
    pub fn fits(&self, member: &Text) -> bool {
        (self.prefix.is_empty() && self.suffix.is_empty()) || self.star(member).is_some()
    }

    /// The name with `star` in the place of the star.
    #[must_use]
    pub fn fill(&self, star: &str) -> String {
        format!("{}{star}{}", self.prefix, self.suffix)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}*{}", self.prefix, self.suffix)
    }
}

/// A literal name, or a name with one star.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// Exactly this name.
    Name(Name),
    /// Every name that fits.
    Glob(Glob),
}

impl Pattern {
    /// Whether a member of this name is meant.
    #[must_use]
    pub fn fits(&self, member: &Text) -> bool {
        match self {
            Self::Name(name) => name.matches(member),
            Self::Glob(glob) => glob.fits(member),
        }
    }
}

impl FromStr for Pattern {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        parse::pattern(text)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(formatter),
            Self::Glob(glob) => glob.fmt(formatter),
        }
    }
}
