//! Documents with everything in them that a chain may stumble over.

use dunlin_core::migration::document::{Member, Value};

use super::chance::Chance;
use super::pair::{Message, json, quoted};

/// What no failure may show. It stands in strings, headers, keys and (as digits) in numbers.
pub(super) const CANARY: &str = "canary";
/// The same among digits.
pub(super) const CANARY_DIGITS: &str = "77771234";

/// A member that no path reaches, and how it is spelled.
pub(super) const RESERVED: &str = r#""\u007aZ reserved":{"n":[1E2,1.10,-0,1e-0,1234567890123456789012345678901234567890],"\u00e9":"\u00e9\/\ud800\u0041","e":"é"}"#;

/// The name that is meant by it.
pub(super) const RESERVED_NAME: &str = "zZ reserved";

const NAMES: &[&str] = &[
    "a",
    "b",
    "c",
    "v",
    "k",
    "key",
    "value",
    "x_1",
    "x_2",
    "x_y",
    "fooBar",
    "HTTPServer",
    "foo_bar",
    "a.b",
    "a.c",
    "b.c.d",
    "content type",
    "",
    "\\u00e9",
    "é",
    "cust\\u006fmer",
    "1",
    "0",
    "-",
    "*",
    "address2Line",
    "_id",
];

const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-0",
    "2",
    "12",
    "-7",
    "1.50",
    "1.10",
    "1E2",
    "12.0",
    "1.2e1",
    "0.5",
    "-2.5",
    "1e-5",
    "0.0",
    "-0.0e3",
    "1700000000",
    "1700000000123",
    "253402300799",
    "253402300800",
    "9007199254740993",
    "18446744073709551616",
    "7777123477771234777712347777123477771234",
    "3.7777123477771234",
    "1e400",
    "-1e-401",
    "1e999999",
];

const STRINGS: &[&str] = &[
    "",
    "a",
    "12",
    "+5",
    "-0",
    "1.50",
    "1e2",
    "007",
    "true",
    "1",
    " 12",
    "a,b,c",
    " a , b ",
    "a,b",
    ",",
    "a-b",
    "2024-02-29T12:00:00Z",
    "2024-03-31T02:30:00.123+01:00",
    "1999-12-31",
    "2024-03-31 02:30",
    "2024-10-27 02:30",
    "2016-12-31T23:59:60Z",
    "1700000000",
    "0000-01-01T00:00:00+01:00",
    "1969-12-31t23:59:59.9z",
    "aGVsbG8=",
    "aGVsbG8",
    "aGVsbG8-",
    "68656c6C6f",
    "ff",
    "_w==",
    "/w==",
    r#"{\"q\":[1.0,2]}"#,
    r#"{ \"q\" : 1 } "#,
    "[1,",
    "canary",
    "canary 12",
    "the canary sings",
    "12,canary",
    "\\u00e9\\/",
    "Straße İ",
    "\\ud83d\\ude00",
    "é\\n\\t",
    "active",
    "closed",
    "null",
    "*",
    "****",
    "🙂🙂🙂🙂",
    "\\u0061",
];

/// What a message may hold beside the ordinary.
#[derive(Debug, Clone, Copy)]
struct Spice {
    duplicates: bool,
    surrogates: bool,
}

pub(super) fn message(chance: &mut Chance) -> Message {
    let spice = Spice {
        duplicates: chance.percent(12),
        surrogates: chance.percent(25),
    };
    let document = match chance.below(100) {
        0..3 => None,
        3..6 => Some(scalar(chance, spice)),
        6..12 => Some(array(chance, spice, 3)),
        12..18 => Some(deep(chance)),
        _ => Some(top(chance, spice)),
    };
    let mut headers = Vec::new();
    for _ in 0..chance.below(4) {
        let name = (*chance.pick(&["h1", "h2", "trace", "content type"])).to_owned();
        let value = header(chance);
        if spice.duplicates || !headers.iter().any(|(have, _)| *have == name) {
            headers.push((name, value));
        }
    }
    let key = chance.percent(60).then(|| header(chance));
    Message {
        document,
        headers,
        key,
    }
}

fn header(chance: &mut Chance) -> Vec<u8> {
    if chance.percent(6) {
        return vec![b'x', 0xff, b'y'];
    }
    chance
        .pick(&[
            "canary",
            "5",
            "active",
            "a,b",
            "",
            "true",
            "canary-é",
            "****",
            "aGVsbG8=",
        ])
        .as_bytes()
        .to_vec()
}

fn top(chance: &mut Chance, spice: Spice) -> Value {
    let Value::Object(mut members) = object(chance, spice, 4, 7) else {
        unreachable!("an object was asked for")
    };
    // A document that has what the reserved member has, too, would not tell whether it was kept.
    let Value::Object(reserved) = json(&format!("{{{RESERVED}}}")) else {
        unreachable!("the member stands in an object")
    };
    let place = chance.below(members.len() + 1);
    members.splice(place..place, reserved);
    Value::Object(members)
}

/// Nearly as deep as a document may be, so that a step more is too deep.
fn deep(chance: &mut Chance) -> Value {
    let depth = 125 + chance.below(4);
    let mut text = String::from("{\"a\":{\"b\":1},\"c\":");
    let mut closing = String::from("}");
    for _ in 0..depth - 1 {
        if chance.percent(50) {
            text.push('[');
            closing.push(']');
        } else {
            text.push_str("{\"b\":");
            closing.push('}');
        }
    }
    text.push('1');
    text.extend(closing.chars().rev());
    json(&text)
}

fn name(chance: &mut Chance, spice: Spice) -> String {
    if spice.surrogates && chance.percent(8) {
        return "\\ud800".to_owned();
    }
    if chance.below(1000) < 15 {
        // Too many pieces for one document.
        return vec!["p"; 600].join(".");
    }
    chance.pick(NAMES).to_owned()
}

fn object(chance: &mut Chance, spice: Spice, depth: usize, most: usize) -> Value {
    let mut members: Vec<Member> = Vec::new();
    for _ in 0..chance.below(most + 1) {
        let name = name(chance, spice);
        let value = value(chance, spice, depth);
        members.extend(member(&name, value));
        if spice.duplicates && chance.percent(35) {
            let again = scalar(chance, spice);
            members.extend(member(&name, again));
        }
    }
    if !spice.duplicates {
        let mut seen = Vec::new();
        members.retain(|member| {
            let new = !seen.contains(&member.name);
            seen.push(member.name.clone());
            new
        });
    }
    Value::Object(members)
}

fn member(source: &str, value: Value) -> Vec<Member> {
    match json(&format!("{{\"{source}\":null}}")) {
        Value::Object(mut members) => {
            members[0].value = value;
            members
        }
        _ => unreachable!("an object was written"),
    }
}

fn array(chance: &mut Chance, spice: Spice, depth: usize) -> Value {
    let length = chance.below(4);
    let alike = chance.percent(60);
    if alike && depth > 0 {
        return Value::Array((0..length).map(|_| object(chance, spice, depth - 1, 4)).collect());
    }
    Value::Array(
        (0..length)
            .map(|_| value(chance, spice, depth.saturating_sub(1)))
            .collect(),
    )
}

fn value(chance: &mut Chance, spice: Spice, depth: usize) -> Value {
    if depth == 0 {
        return scalar(chance, spice);
    }
    match chance.below(100) {
        0..47 => scalar(chance, spice),
        // Joined or expanded, its names meet.
        47..50 => json(r#"{"a":{"b":{"c":1}},"b":{"c":{"d":null}},"a.b":"canary","b.c.d":[],"a_b":0}"#),
        50..70 => object(chance, spice, depth - 1, 4),
        70..76 => array(chance, spice, depth),
        76..87 => entries(chance, spice, depth - 1),
        87..90 => Value::Array(vec![value(chance, spice, depth - 1)]),
        90..93 => Value::Object(member("v", value(chance, spice, depth - 1))),
        93..96 => {
            let names: Vec<_> = (0..1 + chance.below(3))
                .map(|_| chance.pick(&["p", "q", "r", "a.s"]))
                .collect();
            let mut members = Vec::new();
            for name in names {
                members.extend(member(name, object(chance, spice, 1, 2)));
            }
            if !spice.duplicates {
                members.dedup_by(|left, right| left.name == right.name);
                let first = members.first().map(|member| member.name.clone());
                let mut index = 0;
                members.retain(|member| {
                    index += 1;
                    index == 1 || Some(&member.name) != first.as_ref()
                });
            }
            Value::Object(members)
        }
        _ => Value::Array((0..chance.below(4)).map(|_| scalar(chance, spice)).collect()),
    }
}

fn entries(chance: &mut Chance, spice: Spice, depth: usize) -> Value {
    let count = chance.below(5);
    let whole = chance.percent(40);
    let entry = |index: usize, chance: &mut Chance| {
        let name = if chance.percent(45) {
            "same".to_owned()
        } else {
            format!("e{index}")
        };
        let mut members = member("key", Value::string(&name));
        if whole {
            members.extend(member("x", scalar(chance, spice)));
        } else {
            members.extend(member("value", value(chance, spice, depth)));
        }
        if chance.percent(10) {
            members.extend(member("more", Value::Null));
        }
        Value::Object(members)
    };
    Value::Array((0..count).map(|index| entry(index, chance)).collect())
}

fn scalar(chance: &mut Chance, spice: Spice) -> Value {
    match chance.below(100) {
        0..36 => json(chance.pick(NUMBERS)),
        36..44 => Value::Bool(chance.percent(50)),
        44..53 => Value::Null,
        53..56 => json(&quoted(&"[".repeat(129 + chance.below(3)))),
        _ if spice.surrogates && chance.percent(20) => json("\"x\\ud800 canary\""),
        _ => json(&format!("\"{}\"", chance.pick(STRINGS))),
    }
}
