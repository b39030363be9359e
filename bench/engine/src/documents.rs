//! The documents that are measured: seeded, distinct ones of each kind.

use std::fmt::Write as _;

use crate::chains::Chain;

/// One kind of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// About 350 bytes: 15 members, text that is not ASCII, a number of 32 digits, a small nested object.
    Flat,
    /// About 1.8 KB: an order with 8 line items, an address, a payment, an integer beyond 64 bits.
    Nested,
    /// About 16 KB: 26 items with long escaped text, and 50 entries that no operation touches.
    Large,
    /// Flat, with one optional member on half of the messages.
    Optional,
    /// Flat, with 32 random mixes of optional members.
    Mixed,
    /// Flat, with 32 optional members between the others, each on half of the messages.
    Scattered,
    /// Nested, printed over many lines.
    Pretty,
    /// About 1 MiB: an order with 2,560 line items.
    Huge,
}

impl Kind {
    pub(crate) const ALL: [Self; 8] = [
        Self::Flat,
        Self::Nested,
        Self::Large,
        Self::Optional,
        Self::Mixed,
        Self::Scattered,
        Self::Pretty,
        Self::Huge,
    ];

    /// The name in tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Nested => "nested",
            Self::Large => "large",
            Self::Optional => "optional",
            Self::Mixed => "mixed",
            Self::Scattered => "scattered",
            Self::Pretty => "pretty",
            Self::Huge => "huge",
        }
    }

    /// What it is, for people.
    pub(crate) const fn description(self) -> &'static str {
        match self {
            Self::Flat => "15 members, text that is not ASCII, a number of 32 digits, a small nested object",
            Self::Nested => "an order with 8 line items, address, payment, an integer beyond 64 bits",
            Self::Large => "26 items with long escaped text, 50 entries that no operation touches",
            Self::Optional => "flat, with one optional member on half of the messages",
            Self::Mixed => "flat, with 32 random mixes of 5 optional members",
            Self::Scattered => {
                "flat, with 32 optional members between the others, each on half of the messages"
            }
            Self::Pretty => "nested, each token on a line of its own",
            Self::Huge => "an order with 2,560 line items",
        }
    }

    /// The chain that is for it.
    pub(crate) const fn chain(self) -> Chain {
        match self {
            Self::Flat | Self::Optional | Self::Mixed | Self::Scattered => Chain::Flat,
            Self::Nested | Self::Large | Self::Pretty | Self::Huge => Chain::Order,
        }
    }

    /// The documents: 64 that differ, or 8 where they are huge.
    pub(crate) fn documents(self) -> Vec<String> {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let count = if self == Self::Huge { 8 } else { 64 };
        (0..count)
            .map(|number| self.document(number, &mut random))
            .collect()
    }

    fn document(self, number: u64, random: &mut Random) -> String {
        match self {
            Self::Flat => flat(number, random, 0),
            Self::Optional => flat(number, random, number % 2),
            Self::Mixed => flat(number, random, random.clone().below(32)),
            Self::Nested => order(number, random, 8, 0, 12),
            Self::Large => order(number, random, 26, 50, 280),
            Self::Scattered => scattered(number, random),
            Self::Pretty => pretty(&order(number, random, 8, 0, 12)),
            Self::Huge => order(number, random, 2_560, 50, 280),
        }
    }
}

/// A small generator (splitmix64), so that the documents are the same everywhere.
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn digits(&mut self, count: usize) -> String {
        (0..count)
            .map(|place| {
                char::from(
                    b'0' + u8::try_from(if place == 0 {
                        1 + self.below(9)
                    } else {
                        self.below(10)
                    })
                    .unwrap_or(1),
                )
            })
            .collect()
    }
}

const NAMES: [&str; 5] = [
    "Zoë Müller",
    "Ádám Kovács",
    "李小龍",
    "Ann \\\"Annie\\\" Lee",
    "Søren Åberg",
];

fn flat(number: u64, random: &mut Random, optional: u64) -> String {
    let mut text = String::new();
    let name = NAMES[usize::try_from(random.below(5)).unwrap_or(0)];
    let _ = write!(
        text,
        r#"{{"id":{number},"customer":"{name}","status":"{}","total":"{}.{}","serial":{},"weight":{}.50,"active":true,"note":null,"zip":"{}","country":"at","created":1700000{},"tags":["a","b"],"address":{{"city":"Wien","street":"Ring {}"}}"#,
        ["N", "P", "S"][usize::try_from(random.below(3)).unwrap_or(0)],
        random.digits(3),
        random.digits(2),
        random.digits(32),
        random.below(99),
        random.digits(4),
        random.digits(3),
        random.below(40),
    );
    for bit in 0..5 {
        if optional & (1 << bit) != 0 {
            let _ = write!(text, r#","extra{bit}":"{}""#, random.digits(8));
        }
    }
    text.push_str(r#","legacy":"x","source":"web"}"#);
    text
}

/// A flat document with optional members wherever a member ends on the top level.
fn scattered(number: u64, random: &mut Random) -> String {
    let plain = flat(number, random, 0);
    let mut text = String::new();
    let mut bit = 0;
    for part in plain.split_inclusive(",\"") {
        match part.strip_suffix(",\"") {
            Some(member) if !member.contains('[') && bit < 32 => {
                text.push_str(member);
                for _ in 0..3 {
                    if bit < 32 && random.below(2) == 0 {
                        let _ = write!(text, r#","extra{bit}":"{}""#, random.digits(8));
                    }
                    bit += 1;
                }
                text.push_str(",\"");
            }
            _ => text.push_str(part),
        }
    }
    text
}

fn order(number: u64, random: &mut Random, items: u64, history: u64, length: usize) -> String {
    let mut text = String::new();
    let name = NAMES[usize::try_from(random.below(5)).unwrap_or(0)];
    let _ = write!(
        text,
        r#"{{"id":{},"number":"{number}","customer":{{"name":"{name}","email":"a{}@example.org","vip":false}},"status":"{}","address":{{"street":"Ring {}","city":"Wien","zip":"{}"}},"payment":{{"method":"card","amount":"{}.{}","currency":"eur"}},"lines":["#,
        random.digits(21),
        random.below(9999),
        ["N", "P", "S"][usize::try_from(random.below(3)).unwrap_or(0)],
        random.below(40),
        random.digits(4),
        random.digits(4),
        random.digits(2),
    );
    for item in 0..items {
        let comma = if item == 0 { "" } else { "," };
        let words = "lorem \\\"ipsum\\\" \\u00e9 dolor ".repeat(length / 28 + 1);
        let words = &words[..words.len().min(length * 2)];
        let words = words.trim_end_matches(|last| last != ' ').trim_end();
        let _ = write!(
            text,
            r#"{comma}{{"sku":"S-{}","qty":"{}","price":{}.{}0,"kind":"{}","text":"{words}","internal":{{"row":{item}}}}}"#,
            random.digits(6),
            random.below(50),
            random.below(900),
            random.below(10),
            ["g", "s"][usize::try_from(random.below(2)).unwrap_or(0)],
        );
    }
    text.push_str(r#"],"debug":{"trace":["#);
    let _ = write!(
        text,
        r#""{}","{}"]}},"history":["#,
        random.digits(12),
        random.digits(12)
    );
    for entry in 0..history {
        let comma = if entry == 0 { "" } else { "," };
        let _ = write!(
            text,
            r#"{comma}{{"at":17000{},"from":"N","to":"P","by":"user-{}","ok":true}}"#,
            random.digits(5),
            random.below(99)
        );
    }
    text.push_str(r#"],"meta":{"v":1},"channel":"web"}"#);
    text
}

/// Every token on a line of its own, with two spaces for each level.
fn pretty(compact: &str) -> String {
    let mut text = String::new();
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for character in compact.chars() {
        if in_string {
            text.push(character);
            in_string = escaped || character != '"';
            escaped = !escaped && character == '\\';
            continue;
        }
        let line = |text: &mut String, depth: usize| {
            text.push('\n');
            text.push_str(&"  ".repeat(depth));
        };
        match character {
            '{' | '[' => {
                depth += 1;
                text.push(character);
                line(&mut text, depth);
            }
            '}' | ']' => {
                depth -= 1;
                line(&mut text, depth);
                text.push(character);
            }
            ',' => {
                text.push(character);
                line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            other => {
                in_string = other == '"';
                text.push(other);
            }
        }
    }
    text
}
