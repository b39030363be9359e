//! Logical types: what integers and bytes mean, and the text of it in documents.
//!
//! Every function is exact both ways: a text that the bytes cannot hold is refused with a sentence, and so are bytes
//! that have no text. Specification: <https://avro.apache.org/docs/1.12.0/specification/#logical-types>.

mod decimal;
mod time;

pub(super) use decimal::{MOST_DIGITS, decimal_bytes, decimal_text};
pub(super) use time::{
    date_days, date_text, local_timestamp_count, local_timestamp_text, time_count, time_text,
    timestamp_count, timestamp_text,
};

/// The length of a UUID as text.
const UUID_TEXT: usize = 36;
/// Where its hyphens stand.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// What is expected of a UUID.
pub(super) const UUID: &str = "expected a UUID, 8-4-4-4-12 hexadecimal digits";

/// Whether a text is a UUID (RFC 9562), in either case of its letters.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == UUID_TEXT
        && text.bytes().enumerate().all(|(at, byte)| {
            if HYPHENS.contains(&at) {
                byte == b'-'
            } else {
                byte.is_ascii_hexdigit()
            }
        })
}

/// The text of sixteen bytes.
pub(super) fn uuid_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(UUID_TEXT);
    for byte in bytes {
        if HYPHENS.contains(&text.len()) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// The sixteen bytes of a UUID in the form in which [`uuid_text`] writes it.
///
/// # Errors
/// The text is none, or has capital letters, which bytes do not remember.
pub(super) fn uuid_bytes(text: &str) -> Result<Vec<u8>, &'static str> {
    if !is_uuid(text) || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err("expected a UUID in lower case, 8-4-4-4-12 hexadecimal digits");
    }
    let digits: Vec<u32> = text.chars().filter_map(|digit| digit.to_digit(16)).collect();
    let bytes = digits
        .chunks(2)
        .map(|pair| u8::try_from(pair.iter().fold(0, |byte, digit| byte << 4 | digit)));
    bytes.collect::<Result<_, _>>().map_err(|_| UUID)
}

/// The parts of a duration, in the order of its bytes and of its members in documents.
pub(super) const DURATION: [&str; 3] = ["months", "days", "milliseconds"];
/// The size of a duration: three unsigned integers, little-endian.
pub(super) const DURATION_SIZE: usize = 12;

/// The three parts of the bytes of a duration.
pub(super) fn duration_parts(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|part| u32::from_le_bytes(*part))
}

#[cfg(test)]
mod tests;
