//! What is filled in inside strings of the configuration: `${NAME}`, `${NAME:-default}`, `${file:PATH}`; `$${` is a plain
//! `${`.
//!
//! Environment variables are filled in when the configuration is loaded. A file is read when the value is used, each time
//! anew, and only its first line counts: that is how a rotated password is picked up. Nothing is filled in twice: what comes
//! out of a variable is text. Migrations have none of this, so that their digests are the same everywhere.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dunlin_core::error::{Error, ErrorKind, Result};
use dunlin_core::settings::Setting;
use serde::{Deserialize, Serialize, Serializer};

use crate::secrets::ReadSecret;

/// What is printed in place of a secret.
pub const MASK: &str = "********";

/// The longest first line of a file that is taken, in bytes: a secret is no document.
const MOST_FILE_BYTES: u64 = 64 * 1024;

/// How the parts of a text are marked on their way through the layers.
const PLAIN: &str = "plain:";
const FILE: &str = "file:";

/// A text with its variables filled in, which may still name files.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct Text(Vec<Part>);

#[derive(Clone, PartialEq, Eq)]
enum Part {
    Plain(String),
    File(String),
}

/// Why a text cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The bytes of the text that are meant.
    pub part: Range<usize>,
    /// What was expected and what was found.
    pub message: String,
}

impl Text {
    /// Fills the variables in.
    ///
    /// # Errors
    /// All faults of the text.
    pub fn fill(text: &str, environment: &BTreeMap<String, String>) -> std::result::Result<Self, Vec<Fault>> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut faults = Vec::new();
        let mut at = 0;
        while let Some(found) = text[at..].find("${").map(|found| at + found) {
            if text[at..found].ends_with('$') {
                plain.push_str(&text[at..found - 1]);
                plain.push_str("${");
                at = found + 2;
                continue;
            }
            plain.push_str(&text[at..found]);
            let Some(length) = text[found..].find('}') else {
                faults.push(Fault {
                    part: found..text.len(),
                    message: "expected `}` behind `${`, or `$${` for a plain `${`".to_owned(),
                });
                at = text.len();
                break;
            };
            let end = found + length;
            at = end + 1;
            match placeholder(&text[found + 2..end], environment) {
                Ok(Part::Plain(value)) => plain.push_str(&value),
                Ok(Part::File(path)) => {
                    if !plain.is_empty() {
                        parts.push(Part::Plain(std::mem::take(&mut plain)));
                    }
                    parts.push(Part::File(path));
                }
                Err(message) => faults.push(Fault {
                    part: found..at,
                    message,
                }),
            }
        }
        plain.push_str(&text[at..]);
        if !plain.is_empty() {
            parts.push(Part::Plain(plain));
        }
        if faults.is_empty() {
            Ok(Self(parts))
        } else {
            Err(faults)
        }
    }

    /// The text, if it names no file.
    pub fn plain(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Plain(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether it names a file, whose content is a secret.
    pub fn names_file(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::File(_)))
    }

    /// Whether nothing of it stands in the configuration itself.
    pub(super) fn is_only_files(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|part| matches!(part, Part::File(_)))
    }

    /// The files that it names, in their order.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::File(path) => Some(path.as_str()),
            Part::Plain(_) => None,
        })
    }

    /// Its parts, as they travel through the layers: what was filled in must not be filled in again.
    pub(super) fn parts(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|part| match part {
                Part::Plain(text) => format!("{PLAIN}{text}"),
                Part::File(path) => format!("{FILE}{path}"),
            })
            .collect()
    }

    /// As it could be typed, files named and not read.
    pub fn as_typed(&self) -> String {
        self.0
            .iter()
            .map(|part| match part {
                Part::Plain(text) => text.replace("${", "$${"),
                Part::File(path) => format!("${{file:{path}}}"),
            })
            .collect()
    }

    /// Reads it anew at each call; files are relative to `base`.
    pub(crate) fn reader(&self, base: &Path) -> ReadSecret {
        let parts: Vec<_> = self
            .0
            .iter()
            .map(|part| match part {
                Part::Plain(text) => Err(text.clone()),
                Part::File(path) => Ok(base.join(path)),
            })
            .collect();
        Arc::new(move || {
            parts
                .iter()
                .map(|part| match part {
                    Ok(path) => first_line(path),
                    Err(text) => Ok(text.clone()),
                })
                .collect()
        })
    }

    /// As a setting for an adapter: a secret if it names a file.
    pub(crate) fn setting(&self, base: &Path) -> Setting {
        match self.plain() {
            Some(text) => Setting::Plain(text.to_owned()),
            None => Setting::Secret(self.reader(base)),
        }
    }
}

/// What stands between `${` and `}`.
fn placeholder(inner: &str, environment: &BTreeMap<String, String>) -> std::result::Result<Part, String> {
    if let Some(path) = inner.strip_prefix("file:") {
        return match path.trim() {
            "" => Err("expected the path of a file behind `file:`".to_owned()),
            path => Ok(Part::File(path.to_owned())),
        };
    }
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    let legal = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || character == '_');
    if !legal {
        return Err(format!(
            "expected `${{NAME}}`, `${{NAME:-default}}` or `${{file:PATH}}`, found `${{{inner}}}`"
        ));
    }
    let set = environment.get(name);
    match (
        set.filter(|value| default.is_none() || !value.is_empty()),
        default,
    ) {
        (Some(value), _) => Ok(Part::Plain(value.clone())),
        (None, Some(default)) => Ok(Part::Plain(default.to_owned())),
        (None, None) => Err(format!(
            "the environment variable `{name}` is not set; set it, or write `${{{name}:-default}}`"
        )),
    }
}

fn first_line(path: &PathBuf) -> Result<String> {
    let fail = |message: String| {
        Error::new(ErrorKind::InvalidSetting, "read a secret", message).with("file", path.display())
    };
    let read = || -> std::io::Result<String> {
        let mut line = String::new();
        BufReader::new(File::open(path)?)
            .take(MOST_FILE_BYTES)
            .read_line(&mut line)?;
        Ok(line)
    };
    let line =
        read().map_err(|error| fail("expected a text file that can be read".to_owned()).caused_by(error))?;
    match line.trim_end_matches(['\n', '\r']) {
        "" => Err(fail(
            "expected a secret in the first line, found an empty one".to_owned(),
        )),
        line => Ok(line.to_owned()),
    }
}

/// Reads the parts back; see `Text::parts`.
impl TryFrom<Vec<String>> for Text {
    type Error = String;

    fn try_from(parts: Vec<String>) -> std::result::Result<Self, String> {
        parts
            .into_iter()
            .map(|part| match (part.strip_prefix(PLAIN), part.strip_prefix(FILE)) {
                (Some(text), _) => Ok(Part::Plain(text.to_owned())),
                (None, Some(path)) => Ok(Part::File(path.to_owned())),
                (None, None) => Err("expected a text".to_owned()),
            })
            .collect::<std::result::Result<_, _>>()
            .map(Self)
    }
}

/// Writes the mask: a typed configuration that is printed shows no value that might be a secret.
impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

/// Shows no value.
impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Text(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> BTreeMap<String, String> {
        [("SALT", "pepper"), ("EMPTY", ""), ("TRICK", "${SALT} ${file:x}")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    fn filled(text: &str) -> String {
        Text::fill(text, &environment())
            .unwrap()
            .plain()
            .unwrap()
            .to_owned()
    }

    #[test]
    fn variables_are_filled_in_and_their_values_are_text() {
        assert_eq!(filled("a ${SALT} b"), "a pepper b");
        assert_eq!(filled("${NO:-default}${EMPTY:-x}${EMPTY}"), "defaultx");
        assert_eq!(filled("${TRICK}"), "${SALT} ${file:x}");
        assert_eq!(filled("$5 $ {x} $$ $"), "$5 $ {x} $$ $");
        assert_eq!(filled(""), "");
    }

    #[test]
    fn a_doubled_dollar_keeps_the_brace_plain() {
        assert_eq!(filled("$${SALT}"), "${SALT}");
        assert_eq!(filled("x$${SALT}${SALT}"), "x${SALT}pepper");
    }

    #[test]
    fn every_fault_is_told_with_its_part() {
        let faults = Text::fill("a ${NO} ${0x} ${file:} ${", &environment()).unwrap_err();
        let parts: Vec<_> = faults.iter().map(|fault| fault.part.clone()).collect();
        assert_eq!(parts, [2..7, 8..13, 14..22, 23..25]);
        assert!(faults[0].message.contains("`NO` is not set"));
    }

    #[test]
    fn what_was_filled_in_travels_as_it_is() {
        for text in ["${TRICK}$ and ${file:/run/secret}", "$${x}", "plain", ""] {
            let text = Text::fill(text, &environment()).unwrap();
            assert_eq!(Text::try_from(text.parts()).unwrap(), text);
        }
        assert!(Text::try_from(vec!["x".to_owned()]).is_err());
    }

    #[test]
    fn a_text_prints_as_it_could_be_typed() {
        let text = Text::fill("${TRICK} ${file:/run/secret}", &environment()).unwrap();
        assert_eq!(text.as_typed(), "$${SALT} $${file:x} ${file:/run/secret}");
    }

    #[test]
    fn a_file_is_read_at_each_use_and_its_first_line_counts() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), "one\r\nother\n").unwrap();
        let text = Text::fill("<${file:secret}>", &environment()).unwrap();
        assert!(text.names_file() && text.plain().is_none());
        let read = text.reader(folder.path());
        assert_eq!(read().unwrap(), "<one>");
        std::fs::write(folder.path().join("secret"), "two").unwrap();
        assert_eq!(read().unwrap(), "<two>");
        std::fs::write(folder.path().join("secret"), "\nx").unwrap();
        assert!(read().unwrap_err().to_string().contains("found an empty one"));
        std::fs::remove_file(folder.path().join("secret")).unwrap();
        assert!(read().is_err());
    }

    #[test]
    fn neither_debug_nor_serde_shows_a_value() {
        let text = Text::fill("canary", &environment()).unwrap();
        assert!(!format!("{text:?}").contains("canary"));
        assert_eq!(serde_json::to_string(&text).unwrap(), format!("\"{MASK}\""));
    }
}
