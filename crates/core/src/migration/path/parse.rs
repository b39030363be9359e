//! Reads the written forms of paths and names.
//!
//! Every error says at which byte of the path something else was expected, and where a common mistake is
//! recognised, what to write instead.

use super::name::{Glob, Name, Pattern};
use super::{MOST_SEGMENTS, Path, Root, Segment};

/// Why a text is no path or no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{expected}")]
pub struct PathError {
    /// The offset in bytes, from 0, in the text of the path.
    pub offset: usize,
    /// What was expected there.
    pub expected: String,
    /// What to write instead, where the mistake is a known one.
    pub help: Option<&'static str>,
}

const QUOTE_HELP: &str = "a name with any other character is quoted: \"content type\"; in YAML that needs quotes around it, '\"content type\"'";
const HEADER_HELP: &str = "a header is written @headers.NAME or @headers.\"content-type\", the key @key";
const NAME_HELP: &str =
    "a name with a dot is quoted inside: '\"a.b\"'; to put a member under another parent use `move`";

pub(super) fn path(text: &str) -> Result<Path, PathError> {
    let root = match text.as_bytes() {
        [] => return Err(expected(0, "expected a path", Some("`$` is the whole document"))),
        [b'$'] => Root::Document(Vec::new()),
        [b'$', ..] => {
            let help = "`$` stands alone; a path into the document is written without it: customer.name";
            return Err(expected(1, "expected the end of the path after `$`", Some(help)));
        }
        [b'@', ..] => of_message(text)?,
        [b'/', ..] => Root::Document(pointer(text)?),
        _ => Root::Document(dotted(text)?),
    };
    if let Root::Document(segments) = &root
        && segments.len() > MOST_SEGMENTS
    {
        let message = format!(
            "expected at most {MOST_SEGMENTS} segments, found {}",
            segments.len()
        );
        return Err(PathError {
            offset: 0,
            expected: message,
            help: None,
        });
    }
    Ok(Path(root))
}

/// `@key`, `@headers.NAME`.
fn of_message(text: &str) -> Result<Root, PathError> {
    if text == "@key" {
        return Ok(Root::Key);
    }
    let Some(rest) = text.strip_prefix("@headers.") else {
        return Err(expected(
            1,
            "expected `@headers.` and a name, or `@key`",
            Some(HEADER_HELP),
        ));
    };
    let mut reader = Reader {
        text,
        at: text.len() - rest.len(),
    };
    let start = reader.at;
    let name = match reader.segment()? {
        Pattern::Name(name) => name,
        Pattern::Glob(_) => return Err(expected(start, "expected one header, without a star", None)),
    };
    if reader.at < text.len() {
        return Err(expected(
            reader.at,
            "expected the end of the path",
            Some(HEADER_HELP),
        ));
    }
    if name.is_own_header() {
        let message = "expected a header that does not begin with `dunlin-`";
        return Err(expected(start, message, Some("those are the router's own")));
    }
    if name.is_no_header() {
        let message = "expected the name of a header, without control characters, and not empty";
        return Err(expected(start, message, None));
    }
    Ok(Root::Header(name))
}

fn pointer(text: &str) -> Result<Vec<Segment>, PathError> {
    let mut segments = Vec::new();
    let mut offset = 0;
    for token in text.split('/').skip(1) {
        offset += 1;
        let mut name = String::new();
        let mut characters = token.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '~' => match characters.next() {
                    Some((_, '0')) => name.push('~'),
                    Some((_, '1')) => name.push('/'),
                    _ => {
                        let help = "in a JSON Pointer `~` is written `~0` and `/` in a name is written `~1`";
                        return Err(expected(
                            offset + at + 1,
                            "expected `0` or `1` after `~`",
                            Some(help),
                        ));
                    }
                },
                other => name.push(other),
            }
        }
        offset += token.len();
        segments.push(Segment::Token(Name::new(name)));
    }
    Ok(segments)
}

fn dotted(text: &str) -> Result<Vec<Segment>, PathError> {
    let mut reader = Reader { text, at: 0 };
    let mut segments = Vec::new();
    if text.starts_with("**") {
        return deep(&mut reader);
    }
    if reader.peek() != Some('[') {
        segments.push(reader.segment()?.into());
    }
    loop {
        match reader.peek() {
            None => return Ok(segments),
            Some('[') => segments.push(reader.brackets()?),
            Some('.') => {
                reader.at += 1;
                if reader.text[reader.at..].starts_with("**") {
                    return Err(expected(
                        reader.at,
                        "expected `**` only at the start of a path",
                        None,
                    ));
                }
                segments.push(reader.segment()?.into());
            }
            Some('*') => {
                let message = "expected at most one star in a segment";
                return Err(expected(reader.at, message, Some(QUOTE_HELP)));
            }
            Some(_) => {
                return Err(expected(
                    reader.at,
                    "expected `.`, `[` or the end of the path",
                    Some(QUOTE_HELP),
                ));
            }
        }
    }
}

/// `**.name`, `**.x_*`.
fn deep(reader: &mut Reader<'_>) -> Result<Vec<Segment>, PathError> {
    const HELP: &str = "`**` is followed by exactly one name: **.gravatar_id";
    reader.at = 2;
    if reader.peek() != Some('.') {
        return Err(expected(2, "expected `.` and a name after `**`", Some(HELP)));
    }
    reader.at = 3;
    let last = reader.segment()?.into();
    if reader.peek().is_some() {
        return Err(expected(reader.at, "expected the end of the path", Some(HELP)));
    }
    Ok(vec![Segment::Anywhere, last])
}

pub(super) fn name(text: &str) -> Result<Name, PathError> {
    match pattern(text)? {
        Pattern::Name(name) => Ok(name),
        Pattern::Glob(glob) => {
            let help = "a star in a name is quoted inside: '\"x_*\"'";
            Err(expected(
                glob.prefix.len(),
                "expected a name without a star",
                Some(help),
            ))
        }
    }
}

pub(super) fn pattern(text: &str) -> Result<Pattern, PathError> {
    let mut reader = Reader { text, at: 0 };
    let pattern = reader.segment()?;
    match reader.peek() {
        None => Ok(pattern),
        Some(_) => Err(expected(
            reader.at,
            "expected one name, found more behind it",
            Some(NAME_HELP),
        )),
    }
}

/// `[A-Za-z_][A-Za-z0-9_-]*`
pub(super) fn is_bare(text: &str) -> bool {
    text.starts_with(is_bare_start) && text.chars().all(is_bare_character)
}

fn is_bare_start(character: char) -> bool {
    character.is_ascii_alphabetic() || character == '_'
}

fn is_bare_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-')
}

fn expected(offset: usize, message: &str, help: Option<&'static str>) -> PathError {
    PathError {
        offset,
        expected: message.to_owned(),
        help,
    }
}

impl From<Pattern> for Segment {
    fn from(pattern: Pattern) -> Self {
        match pattern {
            Pattern::Name(name) => Self::Name(name),
            Pattern::Glob(glob) => Self::Glob(glob),
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    /// A bare segment, a quoted one, or one with a star.
    fn segment(&mut self) -> Result<Pattern, PathError> {
        match self.peek() {
            Some('"') => self.quoted().map(Pattern::Name),
            Some('*') => self.glob(String::new()),
            Some(first) if is_bare_start(first) => {
                let bare = self.bare();
                if self.peek() == Some('*') {
                    return self.glob(bare);
                }
                Ok(Pattern::Name(Name::new(bare)))
            }
            Some('[') => Err(expected(
                self.at,
                "expected a name, without a dot before `[`",
                None,
            )),
            Some(_) => Err(expected(
                self.at,
                "expected a name, `*` or `\"`",
                Some(QUOTE_HELP),
            )),
            None => Err(expected(self.at, "expected a name, found the end", None)),
        }
    }

    fn bare(&mut self) -> String {
        let rest = &self.text[self.at..];
        let end = rest
            .find(|character| !is_bare_character(character))
            .unwrap_or(rest.len());
        self.at += end;
        rest[..end].to_owned()
    }

    fn glob(&mut self, prefix: String) -> Result<Pattern, PathError> {
        self.at += 1;
        let suffix = self.bare();
        if self.peek() == Some('*') {
            return Err(expected(
                self.at,
                "expected at most one star in a segment",
                Some(QUOTE_HELP),
            ));
        }
        Ok(Pattern::Glob(Glob { prefix, suffix }))
    }

    fn quoted(&mut self) -> Result<Name, PathError> {
        self.at += 1;
        let mut name = String::new();
        let mut characters = self.text[self.at..].char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.at += at + 1;
                    return Ok(Name::new(name));
                }
                '\\' => match characters.next() {
                    Some((_, escaped @ ('"' | '\\'))) => name.push(escaped),
                    _ => {
                        let message = "expected `\"` or `\\` after a backslash";
                        return Err(expected(self.at + at + 1, message, None));
                    }
                },
                other => name.push(other),
            }
        }
        Err(expected(
            self.text.len(),
            "expected `\"` at the end of the quoted name",
            None,
        ))
    }

    /// `[*]`, `[0]`, `[-1]`.
    fn brackets(&mut self) -> Result<Segment, PathError> {
        let start = self.at + 1;
        let Some(length) = self.text[start..].find(']') else {
            return Err(expected(self.text.len(), "expected `]`", None));
        };
        let inside = &self.text[start..start + length];
        self.at = start + length + 1;
        if inside == "*" {
            return Ok(Segment::Elements);
        }
        let digits = inside.strip_prefix('-').unwrap_or(inside);
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let canonical = inside == "0" || !digits.starts_with('0');
        match inside.parse() {
            Ok(index) if plain && canonical => Ok(Segment::Index(index)),
            _ => {
                let help =
                    "an index has no sign but `-`, no leading zeros and no spaces; -1 is the last element";
                Err(expected(
                    start,
                    "expected `*` or an index such as 0 or -1",
                    Some(help),
                ))
            }
        }
    }
}
