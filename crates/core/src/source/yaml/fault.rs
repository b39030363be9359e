//! What is wrong with the grammar of a text, in the words of those who wrote it.
//!
//! The parser speaks of the rules that it was following; people want to know which line stands wrong, and where it could stand.

use granit_parser::ErrorKind;

/// A fault with its place.
pub(super) struct Fault {
    /// The byte at which it shows.
    pub(super) offset: usize,
    /// What was expected, and what was found.
    pub(super) message: String,
    /// What to do.
    pub(super) help: Option<&'static str>,
}

const TABS: &str = "indent with spaces; YAML takes no tabs";
const BESIDE_NAMES: &str = "expected `name: value`, as in the lines of the same object above";
const BESIDE_ENTRIES: &str = "expected another entry of the list, which begins with `- `";
const QUOTES: &str = "a text with `: ` in it needs quotes around it";

impl Fault {
    /// What the parser complains about at this byte of the text.
    pub(super) fn of(kind: &ErrorKind, text: &str, offset: usize) -> Self {
        let line = Line::at(text, offset);
        let plain = |message: &str, help| Self {
            offset,
            message: message.to_owned(),
            help,
        };
        match kind {
            ErrorKind::UnexpectedCharacter { character } if character.is_control() => plain(
                &format!("no text has the character U+{:04X}", u32::from(*character)),
                None,
            ),
            ErrorKind::UnexpectedCharacter { character } => plain(
                &format!("an unquoted string cannot begin with `{character}`"),
                None,
            ),
            ErrorKind::TabInIndentation
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabNotAllowed
            | ErrorKind::TabInPlainScalar => Self {
                offset: text[offset..].find('\t').map_or(offset, |at| offset + at),
                message: "expected spaces, found a tab".to_owned(),
                help: Some(TABS),
            },
            ErrorKind::ExpectedBlockMappingKey
            | ErrorKind::ExpectedBlockSequenceEntry
            | ErrorKind::InvalidIndentation
            | ErrorKind::BlockSequenceEntryNotAllowed
                if line.is_begun_by(offset) =>
            {
                plain(&misplaced(text, &line, kind), None)
            }
            ErrorKind::MappingValueNotAllowed | ErrorKind::SimpleKeyExpected
                if line.has_a_name_before(offset) =>
            {
                plain(
                    "expected one `name: value` in a line, found a second `:`",
                    Some(QUOTES),
                )
            }
            ErrorKind::MappingValueNotAllowed
                if Line::above(text, &line).is_some_and(|above| !above.text.contains(':')) =>
            {
                let above = Line::above(text, &line).unwrap_or(line);
                let begin = above
                    .columns()
                    .last()
                    .map_or(above.indentation, |(column, _)| *column);
                Self {
                    offset: above.start + begin,
                    message: "expected `name: value`, found no `: ` in this line, and more of its object in the next"
                        .to_owned(),
                    help: None,
                }
            }
            ErrorKind::MappingValueNotAllowed => Self {
                offset: line.start + line.indentation,
                message: format!(
                    "expected no line that is indented more than the one above, whose value is complete; found one indented by {}",
                    spaces(line.indentation)
                ),
                help: Some(
                    "names of one object begin in the same column, and a name is followed by `: ` and its value",
                ),
            },
            ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
                plain("expected `name: value`, found no `: ` behind the name", None)
            }
            ErrorKind::UnclosedQuotedScalar => {
                plain("expected a closing quote, found the end of the file", None)
            }
            ErrorKind::UnclosedFlowCollection { open } => plain(
                &format!(
                    "expected `{}` for this `{open}`, found the end of the file",
                    if *open == '{' { '}' } else { ']' }
                ),
                None,
            ),
            ErrorKind::ExpectedFlowMappingSeparator => {
                plain("expected `,` or `}` behind the value of an object", None)
            }
            ErrorKind::ExpectedFlowSequenceSeparator => {
                plain("expected `,` or `]` behind the element of a list", None)
            }
            ErrorKind::ExpectedBlockMappingKey => plain(BESIDE_NAMES, None),
            ErrorKind::ExpectedBlockSequenceEntry => plain(BESIDE_ENTRIES, None),
            kind => plain(&kind.to_string(), None),
        }
    }
}

/// One line of the text.
struct Line<'text> {
    start: usize,
    indentation: usize,
    text: &'text str,
}

impl<'text> Line<'text> {
    fn at(text: &'text str, offset: usize) -> Self {
        let start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
        let end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        Self::of(start, &text[start..end])
    }

    fn of(start: usize, text: &'text str) -> Self {
        Self {
            start,
            indentation: text.len() - text.trim_start_matches(' ').len(),
            text,
        }
    }

    /// The nearest line above that says something.
    fn above(text: &'text str, line: &Self) -> Option<Self> {
        let mut end = line.start.checked_sub(1)?;
        loop {
            let above = Self::at(text, end);
            if !above.is_blank() {
                return Some(above);
            }
            end = above.start.checked_sub(1)?;
        }
    }

    /// Whether this byte is the first of the line that is no space.
    fn is_begun_by(&self, offset: usize) -> bool {
        offset == self.start + self.indentation
    }

    /// Whether a name and its colon stand before this byte of the line.
    fn has_a_name_before(&self, offset: usize) -> bool {
        self.text[..offset - self.start].contains(": ")
    }

    /// The columns in which something begins: the dashes of a list, then what stands behind them.
    fn columns(&self) -> Vec<(usize, bool)> {
        let mut columns = Vec::new();
        let mut at = self.indentation;
        while self.text[at..].starts_with("- ") || &self.text[at..] == "-" {
            columns.push((at, true));
            let rest = &self.text[at + 1..];
            at += 1 + rest.len() - rest.trim_start_matches(' ').len();
        }
        if at < self.text.len() {
            columns.push((at, false));
        }
        columns
    }

    fn is_blank(&self) -> bool {
        let rest = self.text.trim();
        rest.is_empty() || rest.starts_with('#') || rest == "---"
    }
}

/// A line that stands beside none of those before it: where it could stand, and where it does.
fn misplaced(text: &str, line: &Line<'_>, kind: &ErrorKind) -> String {
    let is_entry = line.columns().first().is_some_and(|(_, dash)| *dash);
    // What is open above: a line closes everything that begins at its column or behind it.
    let mut open: Vec<(usize, bool)> = Vec::new();
    let mut start = 0;
    for above in text[..line.start].split_inclusive('\n') {
        let one = Line::of(start, above.trim_end());
        start += above.len();
        if one.is_blank() {
            continue;
        }
        open.retain(|(column, _)| *column < one.indentation);
        open.extend(one.columns());
    }
    let mut beside: Vec<usize> = open
        .iter()
        .filter(|(_, dash)| *dash == is_entry)
        .map(|(column, _)| *column)
        .collect();
    beside.dedup();
    if beside.is_empty() || beside.contains(&line.indentation) {
        return match kind {
            ErrorKind::ExpectedBlockSequenceEntry => BESIDE_ENTRIES.to_owned(),
            ErrorKind::BlockSequenceEntryNotAllowed => {
                "expected no entry of a list here; a list begins in the line behind its name".to_owned()
            }
            _ => BESIDE_NAMES.to_owned(),
        };
    }
    let places: Vec<String> = beside.iter().map(usize::to_string).collect();
    let (what, like) = match is_entry {
        true => ("an entry", "the entries of the lists"),
        false => ("a name", "those"),
    };
    format!(
        "expected {what} that is indented by {}, like {like} above; found one indented by {}",
        match places.split_last() {
            Some((last, [])) => spaces(last.parse().unwrap_or(0)),
            Some((last, others)) => format!("{} or {last} spaces", others.join(", ")),
            None => String::new(),
        },
        spaces(line.indentation)
    )
}

fn spaces(count: usize) -> String {
    match count {
        0 => "no space".to_owned(),
        1 => "1 space".to_owned(),
        _ => format!("{count} spaces"),
    }
}

#[cfg(test)]
mod tests {
    use crate::finding::Findings;
    use crate::source::{Format, read};

    fn fault(text: &str) -> String {
        let mut findings = Findings::new();
        assert!(read("f.yaml", text.as_bytes(), Format::Yaml, &mut findings).is_none());
        findings.to_string().lines().next().unwrap_or_default().to_owned()
    }

    #[test]
    fn a_line_that_stands_wrong_is_told_where_it_could_stand() {
        for (text, expected) in [
            (
                "systems:\n  a: 1\n routes:\n",
                "f.yaml:3:2: error: not valid YAML: expected a name that is indented by 0 or 2 spaces, like those above; found one indented by 1 space",
            ),
            (
                "routes:\n  a:\n    from: x\n   to: y\n",
                "f.yaml:4:4: error: not valid YAML: expected a name that is indented by 0, 2 or 4 spaces, like those above; found one indented by 3 spaces",
            ),
            (
                "list:\n  - rename: zip\n   to: x\n",
                "f.yaml:3:4: error: not valid YAML: expected a name that is indented by 0 or 4 spaces, like those above; found one indented by 3 spaces",
            ),
            (
                "list:\n  - a: 1\n - b: 2\n",
                "f.yaml:3:2: error: not valid YAML: expected an entry that is indented by 2 spaces, like the entries of the lists above; found one indented by 1 space",
            ),
            (
                "list:\n  - rename: zip\n      to: x\n",
                "f.yaml:3:7: error: not valid YAML: expected no line that is indented more than the one above, whose value is complete; found one indented by 6 spaces",
            ),
        ] {
            assert_eq!(fault(text), expected);
        }
    }

    #[test]
    fn other_slips_are_told_in_plain_words() {
        for (text, expected) in [
            (
                "list:\n  - rename: zip\n\t  to: x\n",
                "f.yaml:3:1: error: not valid YAML: expected spaces, found a tab",
            ),
            (
                "a: b: c\n",
                "f.yaml:1:5: error: not valid YAML: expected one `name: value` in a line, found a second `:`",
            ),
            (
                "a: \"b\n",
                "f.yaml:1:4: error: not valid YAML: expected a closing quote, found the end of the file",
            ),
            (
                "a: {b: c\n",
                "f.yaml:1:4: error: not valid YAML: expected `}` for this `{`, found the end of the file",
            ),
            (
                "list:\n  - rename zip\n    to: x\n",
                "f.yaml:2:5: error: not valid YAML: expected `name: value`, found no `: ` in this line, and more of its object in the next",
            ),
            (
                "a: 1\nb\n",
                "f.yaml:2:1: error: not valid YAML: expected `name: value`, found no `: ` behind the name",
            ),
            (
                "a: 1\n- b\n",
                "f.yaml:2:3: error: not valid YAML: expected `name: value`, as in the lines of the same object above",
            ),
        ] {
            assert_eq!(fault(text), expected);
        }
    }
}
