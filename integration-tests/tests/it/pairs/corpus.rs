//! The messages that are carried, and what must become of each.

use super::item::Item;

/// Drops some messages, fails at some, changes most, and leaves the others alone.
pub(crate) const MIGRATION: &str = "\
migration: orders
transformations:
  - id: tests
    drop: a test order
    when: \"payload.?state.orValue('') == 'test'\"
  - id: name
    rename: customer.name
    to: full_name
  - id: total
    cast: total
    to: number
  - id: version
    add: version
    value: 2
    when: \"payload.state == 'old'\"
";

/// What must become of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// No transformation has anything to do: it arrives byte by byte as it was.
    Untouched,
    /// It arrives as [`migrated`] says.
    Changed,
    /// It arrives nowhere.
    Dropped,
    /// The dead letter has it, byte by byte as it was.
    Dead,
}

/// The fate of the message with this number.
pub(crate) fn fate(number: usize) -> Fate {
    match number {
        _ if number % 50 == 7 => Fate::Dead,
        _ if number % 40 == 13 => Fate::Dropped,
        _ if number % 10 < 3 => Fate::Untouched,
        _ => Fate::Changed,
    }
}

/// The message with this number, with everything that any system has a place for.
pub(crate) fn order(number: usize) -> Item {
    let payload = match fate(number) {
        // White space, spellings of numbers and escapes that a program would write in another way.
        Fate::Untouched => format!(
            "{{ \"state\" : \"new\",\"number\":{number}, \"amount\": 1.50e+1,\"zero\":-0.0 ,\"note\":\"caf\\u00e9 ☕\\/\", \
             \"list\":[ ] , \"big\": 123456789012345678901234567890}}"
        ),
        Fate::Changed => format!(
            "{{\"state\":\"old\",\"number\":{number},\"customer\":{{\"name\":\"Ana {number} ñ\"}},\"total\":\"{number}.50\"}}"
        ),
        Fate::Dropped => format!("{{\"state\":\"test\",\"number\":{number}}}"),
        Fate::Dead if number.is_multiple_of(100) || number % 100 == 7 => {
            format!("{{\"state\":\"old\",\"number\":{number},\"total\":\"twelve\"}}")
        }
        Fate::Dead => format!("no document \u{1F4A5} {{ {number}"),
    };
    let mut item = Item {
        payload: Some(payload.into_bytes()),
        key: Some(format!("customer-{}", number % 17).into_bytes()),
        id: Some(format!("order-{number}").into_bytes()),
        headers: vec![
            ("tenant".to_owned(), b"acme-7".to_vec()),
            ("number".to_owned(), number.to_string().into_bytes()),
            (
                "trace".to_owned(),
                format!("00-{number:032x}-b7ad6b7169203331-01").into_bytes(),
            ),
        ],
        ..Item::default()
    };
    item.properties
        .insert("content-type", "application/json".to_owned());
    item
}

/// The payload of a changed message when the migration is behind it.
pub(crate) fn migrated(number: usize) -> Vec<u8> {
    format!(
        "{{\"state\":\"old\",\"number\":{number},\"customer\":{{\"full_name\":\"Ana {number} ñ\"}},\"total\":{number}.50,\
         \"version\":2}}"
    )
    .into_bytes()
}

/// A message for a way there and back: all properties, payloads that are no documents, headers that not every system can
/// hold.
pub(crate) fn parts(number: usize) -> Item {
    let mut item = order(number);
    item.key = match number % 3 {
        0 => None,
        1 => Some(vec![0xff, 0x00, 0x80, 0x41]),
        _ => item.key,
    };
    item.payload = match number % 5 {
        0 => None,
        1 => Some(vec![0xc3, 0x28, 0x00, 0x0a, 0xff]),
        2 => Some(Vec::new()),
        3 => Some(b" {\"line\":\n 1 } ".to_vec()),
        _ => item.payload,
    };
    item.properties = [
        (
            "time",
            format!("{}", 1_700_000_000_000_u64 + number as u64 * 1_000 + 123),
        ),
        ("content-type", "text/plain; charset=utf-8".to_owned()),
        ("content-encoding", "identity".to_owned()),
        ("kind", "order.made".to_owned()),
        ("correlation-id", format!("correlation-{number}")),
        ("reply-to", "answers".to_owned()),
        ("priority", (number % 10).to_string()),
        ("expiry", "86400000".to_owned()),
    ]
    .into();
    match number % 4 {
        0 => item.headers.push(("binary".to_owned(), vec![0xff, 0x00, 0xfe])),
        1 => {
            for value in ["first", "second", "first"] {
                item.headers.push(("again".to_owned(), value.as_bytes().to_vec()));
            }
        }
        2 => item
            .headers
            .push(("lines".to_owned(), b"one\r\nInjected: two".to_vec())),
        _ => item
            .headers
            .push(("word".to_owned(), "na\u{ef}ve \u{1F600}".as_bytes().to_vec())),
    }
    item
}
