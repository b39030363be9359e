//! A finding as text: where it is, what it is, the line underlined, the help.
//!
//! Columns on a screen are not characters: tabs jump, East Asian characters take two columns, combining marks none.
//! And a text may hold what a terminal would obey. Both are dealt with here, and nowhere else.

use std::fmt::{self, Write};

use unicode_width::UnicodeWidthChar;

use super::{Finding, Span};

/// How many columns of a source line are shown at most; of longer lines the part around the finding.
const MOST_COLUMNS: usize = 100;

/// How many columns stay visible before the finding, where a long line is cut.
const COLUMNS_BEFORE: usize = 40;

/// How many bytes of a line are looked at before and behind the beginning of a finding; more than the columns need.
const MOST_BYTES_AROUND: usize = 4096;

/// Tabs are printed as spaces up to the next multiple of this, since nobody knows the reader's tab stops.
const TAB: usize = 4;

/// Text that a terminal can be trusted with: control and direction characters are replaced by U+FFFD.
pub(super) struct Plain<'text>(pub(super) &'text str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .chars()
            .try_for_each(|character| formatter.write_char(plain(character)))
    }
}

fn plain(character: char) -> char {
    let turns_direction =
        matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if character.is_control() || turns_direction {
        char::REPLACEMENT_CHARACTER
    } else {
        character
    }
}

/// The finding as a person reads it.
pub(super) fn render(finding: &Finding) -> String {
    let mut text = format!("{finding}\n");
    let excerpt = finding
        .place
        .start()
        .zip(finding.place.span())
        .and_then(|((line, _), span)| {
            let (start, source) = finding.place.source().shown_line(line)?;
            let span = Span::new(span.start.saturating_sub(start), span.end.saturating_sub(start));
            Some((line, underlined(source, span)))
        });
    let gutter = match &excerpt {
        Some((line, _)) => line.to_string().len().max(4),
        None => 4,
    };
    if let Some((line, (source, marks))) = excerpt {
        text.push_str(&format!("{line:>gutter$} | {source}\n{:gutter$} | {marks}\n", ""));
    }
    if let Some(help) = &finding.help {
        text.push_str(&format!("{:gutter$} = help: {}\n", "", Plain(help)));
    }
    text
}

/// A line as it is printed, and the marks that stand below it. `span` counts bytes of the line.
fn underlined(line: &str, span: Span) -> (String, String) {
    // A line may be a megabyte long; only what is near the finding is looked at.
    let from = line.floor_char_boundary(span.start.min(line.len()).saturating_sub(MOST_BYTES_AROUND));
    let to = line.ceil_char_boundary((span.start + MOST_BYTES_AROUND).min(line.len()));
    let mut cells: Vec<Cell> = Vec::new();
    let mut width = 0;
    let (mut first, mut behind) = (None, None);
    for (at, character) in line[from..to].char_indices() {
        let next = from + at + character.len_utf8();
        if first.is_none() && span.start < next {
            first = Some(width);
        }
        let cell = Cell::of(character, width);
        width += cell.columns;
        cells.push(cell);
        if behind.is_none() && span.end <= next {
            behind = Some(width);
        }
    }
    let first = first.unwrap_or(width);
    // A span may go on in the next lines, and a point still deserves a mark.
    let behind = if span.end == span.start {
        first
    } else {
        behind.unwrap_or(width)
    };
    let behind = behind.max(first + 1);
    if width <= MOST_COLUMNS && from == 0 && to == line.len() {
        return (print(&cells), marks(first, behind - first));
    }
    let left = first.saturating_sub(COLUMNS_BEFORE);
    let right = left + MOST_COLUMNS;
    let mut column = 0;
    let mut start = None;
    let mut shown = Vec::new();
    for cell in cells {
        let next = column + cell.columns;
        if column >= left && next <= right {
            start.get_or_insert(column);
            shown.push(cell);
        }
        column = next;
    }
    let start = start.unwrap_or(left);
    let before = if from > 0 || start > 0 { "… " } else { "" };
    let after = if to < line.len() || width > right {
        " …"
    } else {
        ""
    };
    let shift = first - start + before.chars().count();
    (
        format!("{before}{}{after}", print(&shown)),
        marks(shift, behind.min(right).saturating_sub(first)),
    )
}

/// One character of a line as it is printed.
struct Cell {
    text: String,
    columns: usize,
}

impl Cell {
    /// `column` is where it begins on the screen.
    fn of(character: char, column: usize) -> Self {
        if character == '\t' {
            let columns = TAB - column % TAB;
            return Self {
                text: " ".repeat(columns),
                columns,
            };
        }
        let character = plain(character);
        Self {
            text: character.to_string(),
            columns: character.width().unwrap_or(0),
        }
    }
}

fn print(cells: &[Cell]) -> String {
    let line: String = cells.iter().map(|cell| cell.text.as_str()).collect();
    line.trim_end().to_owned()
}

fn marks(before: usize, count: usize) -> String {
    format!("{}{}", " ".repeat(before), "^".repeat(count.max(1)))
}
