//! Files of lines, read without the adapter: what a test believes about a file must not come from the code under test.
//!
//! It refuses what is no line of JSON, instead of passing over it: a line that cannot be read is a message that was lost.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A line of an envelope file, as formats.md §11 describes it; `P` is what is wanted of the payload.
#[derive(Debug, Deserialize)]
pub struct Envelope<P> {
    /// None is a tombstone.
    pub payload: Option<P>,
    /// Bytes that are not one line of JSON.
    pub payload_base64: Option<String>,
    /// The headers, none of them repeated.
    #[serde(default)]
    pub headers: Map<String, Value>,
    /// The id of the message.
    pub id: Option<String>,
    /// The key of the message.
    pub key: Option<String>,
}

impl<P> Envelope<P> {
    /// The text of this header.
    ///
    /// # Panics
    /// When the message has no such header, or one that is no text.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.get(name).and_then(Value::as_str);
        found.unwrap_or_else(|| panic!("no header {name} among {:?}", self.headers))
    }
}

/// Each whole line with the offset behind it. What stands behind the last line feed is no line.
pub fn whole_lines(text: &str) -> impl Iterator<Item = (u64, &str)> {
    let mut end = 0;
    text.split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n'))
        .map(move |line| {
            end += line.len() as u64 + 1;
            (end, line)
        })
}

/// Every line of a text, read as JSON.
///
/// # Panics
/// When a line is something else, or the last one has no line feed.
#[must_use]
pub fn read<T: DeserializeOwned>(text: &str) -> Vec<T> {
    assert!(
        text.is_empty() || text.ends_with('\n'),
        "the last line is torn: {:?}",
        text.lines().last()
    );
    whole_lines(text)
        .map(|(end, line)| {
            serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("the line that ends at {end}: {error}: {line}"))
        })
        .collect()
}

/// Watches a file that another process writes, by the number of its lines. It need not be there yet.
#[derive(Debug)]
pub struct Growth {
    path: PathBuf,
    file: Option<File>,
    /// Behind the last line feed that was seen.
    whole: u64,
    lines: usize,
    buffer: Vec<u8>,
}

impl Growth {
    /// Of the file at this path, from its start.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: None,
            whole: 0,
            lines: 0,
            buffer: Vec::new(),
        }
    }

    /// How many whole lines there are now.
    ///
    /// # Panics
    /// When the file is there and cannot be read.
    pub fn lines(&mut self) -> usize {
        if self.file.is_none() {
            self.file = match File::open(&self.path) {
                Ok(file) => Some(file),
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                Err(error) => panic!("{}: {error}", self.path.display()),
            };
        }
        let Some(file) = &mut self.file else { return 0 };
        self.buffer.clear();
        // Begun anew behind the last whole line each time: a torn one may be cut and written again meanwhile.
        let read = file
            .seek(SeekFrom::Start(self.whole))
            .and_then(|_| file.read_to_end(&mut self.buffer));
        read.unwrap_or_else(|error| panic!("{}: {error}", self.path.display()));
        if let Some(last) = self.buffer.iter().rposition(|byte| *byte == b'\n') {
            self.lines += self.buffer[..=last].split(|byte| *byte == b'\n').count() - 1;
            self.whole += last as u64 + 1;
        }
        self.lines
    }

    /// The offset behind the last whole line that was seen.
    #[must_use]
    pub fn whole(&self) -> u64 {
        self.whole
    }
}
