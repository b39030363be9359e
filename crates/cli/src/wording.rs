//! How results are put into words.

use std::fmt::Display;

/// A number with its noun: `1 route`, `2 routes`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

/// The text, cut where it is longer than people read.
pub(crate) fn shortened(text: &str) -> String {
    /// Characters that are shown of a long value.
    const MOST: usize = 120;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

/// Texts in a row, with commas.
pub(crate) fn listed<T: Display>(texts: impl IntoIterator<Item = T>) -> String {
    texts
        .into_iter()
        .map(|text| text.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}
