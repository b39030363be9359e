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
    let mut cells: Vec<(String, usize)> = Vec::new();
    let mut width = 0;
    let (mut first, mut behind) = (None, None);
    for (at, character) in line.char_indices() {
        let next = at + character.len_utf8();
        if first.is_none() && span.start < next {
            first = Some(width);
        }
        let (cell, columns) = match character {
            '\t' => {
                let columns = TAB - width % TAB;
                (" ".repeat(columns), columns)
            }
            _ => {
                let character = plain(character);
                (character.to_string(), character.width().unwrap_or(0))
            }
        };
        cells.push((cell, columns));
        width += columns;
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
    window(&cells, width, first, behind.max(first + 1))
}

/// The part of the printed line that fits, with the marks from column `first` up to `behind`.
fn window(cells: &[(String, usize)], width: usize, first: usize, behind: usize) -> (String, String) {
    if width <= MOST_COLUMNS {
        let line: String = cells.iter().map(|(cell, _)| cell.as_str()).collect();
        return (
            line.trim_end().to_owned(),
            format!("{}{}", " ".repeat(first), "^".repeat(behind - first)),
        );
    }
    let from = first.saturating_sub(COLUMNS_BEFORE);
    let to = from + MOST_COLUMNS;
    let mut line = String::new();
    let (mut column, mut start) = (0, None);
    for (cell, columns) in cells {
        if column >= from && column + columns <= to {
            start.get_or_insert(column);
            line.push_str(cell);
        }
        column += columns;
    }
    let start = start.unwrap_or(from);
    let (before, shift) = if start > 0 { ("… ", 2) } else { ("", 0) };
    let after = if width > to { " …" } else { "" };
    let marks = behind.min(to) - first;
    (
        format!("{before}{}{after}", line.trim_end()),
        format!(
            "{}{}",
            " ".repeat(first - start + shift),
            "^".repeat(marks.max(1))
        ),
    )
}
