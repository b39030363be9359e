//! Headers that a channel cannot hold, carried in one that it can.
//!
//! Each of them is kept with the place at which it stood, so that the list comes back in its order, and those that fit stay
//! where every reader sees them. All of it is done in one pass: a publisher decides how many headers there are.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::envelope::header_list;
use crate::message::Headers;

/// The header that holds, as JSON, the headers of a message that its channel cannot hold as they are.
///
/// A list of `[name, value, place]` in their order, where a value is text or `{"base64": …}`, as in an envelope, and the
/// place is the number of headers that stood in front of it. An entry without a place belongs at the end.
pub const ESCAPED_HEADERS: &str = "dunlin-headers";

/// Moves every header that does not fit, in order, into the one header [`ESCAPED_HEADERS`], whose text is ASCII and has no
/// control characters. `fits` is asked for each header in turn, and is given its name, its value, and how many headers of
/// that name came before.
///
/// A header of that name which is there already is an ordinary one, and moves with the others.
pub fn escape(headers: &Headers, mut fits: impl FnMut(&str, &[u8], usize) -> bool) -> Headers {
    let mut seen = HashMap::<&str, usize>::with_capacity(headers.len());
    let fitting: Vec<bool> = headers
        .iter()
        .map(|(name, value)| {
            let before = seen.entry(name).or_default();
            *before += 1;
            fits(name, value, *before - 1)
        })
        .collect();
    if fitting.iter().all(|fits| *fits) {
        return headers.clone();
    }
    let mut kept = Headers::new();
    let mut moved = Vec::new();
    for (place, ((name, value), fits)) in headers.iter().zip(fitting).enumerate() {
        if fits && name != ESCAPED_HEADERS {
            kept.append(name, value.clone());
        } else {
            moved.push(match std::str::from_utf8(value) {
                Ok(text) => json!([name, text, place]),
                Err(_) => json!([name, { "base64": BASE64.encode(value) }, place]),
            });
        }
    }
    kept.append(ESCAPED_HEADERS, ascii(&Value::Array(moved).to_string()));
    kept
}

/// Takes back what [`escape`] moved. What does not read as such a list is a header like any other, and stays.
pub(super) fn restore(headers: &mut Headers) {
    // A header may have been moved again on its way to the channel, together with the list in which it was.
    while let Some(restored) = restored(headers) {
        *headers = restored;
    }
}

fn restored(headers: &Headers) -> Option<Headers> {
    let mut lists = headers.iter().filter(|(name, _)| *name == ESCAPED_HEADERS);
    let (Some((_, list)), None) = (lists.next(), lists.next()) else {
        return None;
    };
    let moved = header_list(list)?;
    let mut kept = headers.iter().filter(|(name, _)| *name != ESCAPED_HEADERS);
    let mut whole = Headers::new();
    for (name, value, place) in moved {
        while place.is_none_or(|place| whole.len() < place) {
            let Some((name, value)) = kept.next() else { break };
            whole.append(name, value.clone());
        }
        whole.append(name, value);
    }
    for (name, value) in kept {
        whole.append(name, value.clone());
    }
    Some(whole)
}

/// JSON whose other characters are written as escapes, so that every system takes it for text.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() && !character.is_ascii_control() {
            text.push(character);
            continue;
        }
        let mut units = [0; 2];
        for unit in character.encode_utf16(&mut units) {
            text.push_str(&format!("\\u{unit:04x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn name() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "[a-d]{1,2}".boxed(),
            2 => ".{0,6}".boxed(),
            1 => Just(ESCAPED_HEADERS.to_owned()).boxed(),
        ]
    }

    fn value() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..6).boxed(),
            // None of these is a list that could have been moved here.
            Just(br#"[["a","2"],["b",1]]"#.to_vec()).boxed(),
            Just(br#"[["a"]]"#.to_vec()).boxed(),
            Just(br#"[["a","b",-1]]"#.to_vec()).boxed(),
        ]
    }

    proptest! {
        #[test]
        fn escaped_headers_come_back_in_their_order_whatever_they_hold(
            pairs in prop::collection::vec((name(), value()), 0..8),
            once: u8,
            again: u8,
        ) {
            let headers: Headers = pairs.into_iter().collect();
            let mut escaped = headers.clone();
            for mask in [once, again] {
                let mut asked = 0;
                escaped = escape(&escaped, |_, _, _| {
                    asked += 1;
                    mask >> ((asked - 1) % 8) & 1 == 0
                });
            }
            if once > 0 && escaped != headers {
                let text = escaped.get(ESCAPED_HEADERS).expect("a list");
                prop_assert!(text.is_ascii() && super::super::is_text(text));
            }
            restore(&mut escaped);
            prop_assert_eq!(escaped, headers);
        }
    }

    #[test]
    fn a_list_that_somebody_else_wrote_or_changed_loses_no_header() {
        let list = r#"[["c","3",9],["d","4"],["a","1",0]]"#;
        let mut headers: Headers = [("x", "0"), (ESCAPED_HEADERS, list), ("y", "5")]
            .into_iter()
            .collect();
        restore(&mut headers);
        let found: Vec<_> = headers.iter().map(|(name, _)| name).collect();
        assert_eq!(found, ["x", "y", "c", "d", "a"]);
    }

    #[test]
    fn two_lists_or_one_that_is_none_stay_as_they_are() {
        for values in [
            &[r#"[["a","2"],["b",1]]"#][..],
            &["[[1]]"],
            &["[]x"],
            &[r#"[["a","2"]]"#, r#"[["b","3"]]"#],
        ] {
            let before: Headers = values.iter().map(|value| (ESCAPED_HEADERS, *value)).collect();
            let mut headers = before.clone();
            restore(&mut headers);
            assert_eq!(headers, before, "{values:?}");
        }
    }

    #[test]
    fn the_time_to_escape_grows_with_the_headers_and_not_with_their_square() {
        // Looking at each pair of these would take hours.
        let many = 300_000;
        let headers: Headers = (0..many)
            .map(|number| (format!("h{}", number % (many / 2)), Bytes::from_static(b"v")))
            .collect();
        let mut escaped = escape(&headers, |_, _, before| before == 0);
        assert_eq!(escaped.len(), many / 2 + 1);
        restore(&mut escaped);
        assert!(escaped == headers);
    }
}
