//! Every operation with all its operands, sampled so that it finds something to work on.
//!
//! What is written here must load: a transformation that is refused fails the test.

mod carried;
mod conditions;
mod members;
mod shapes;
mod values;

use dunlin_core::migration::document::Value;

use super::chance::Chance;
use super::pair::{Entry, Message};
use super::places::{Sample, World};

/// All operations, in the order of the page.
pub(super) const OPERATIONS: [&str; 29] = [
    "add",
    "remove",
    "modify",
    "rename",
    "move",
    "copy",
    "pick",
    "drop",
    "nest",
    "unnest",
    "flatten",
    "expand",
    "wrap",
    "unwrap",
    "to_entries",
    "from_entries",
    "each",
    "cast",
    "translate",
    "split",
    "join",
    "multiply",
    "time",
    "text",
    "hash",
    "redact",
    "encode",
    "decode",
    "compute",
];

/// A transformation of this operation for this message.
pub(super) fn transformation(operation: &str, message: &Message, chance: &mut Chance) -> Entry {
    let mut world = World {
        chance,
        message,
        inside: false,
    };
    let (mut entry, sample) = world.operation(operation);
    world.rules(&mut entry, &sample);
    if operation != "drop" && world.chance.percent(13) {
        world.when(&mut entry);
    }
    if world.chance.percent(2) {
        entry.put("inverse", r#"{"remove":"a.b","strict":true}"#);
    }
    if world.chance.percent(2) {
        entry.put_text("description", "a \"canary\" is no value here");
    }
    entry
}

impl World<'_> {
    fn operation(&mut self, operation: &str) -> (Entry, Sample) {
        match operation {
            "add" => self.add(),
            "remove" => self.remove(),
            "modify" => self.modify(),
            "rename" => self.rename(),
            "move" => self.carry("move"),
            "copy" => self.carry("copy"),
            "pick" => self.pick(),
            "drop" => self.drop(),
            "nest" => self.nest(),
            "unnest" => self.unnest(),
            "flatten" => self.flatten(),
            "expand" => self.expand(),
            "wrap" => self.wrap(),
            "unwrap" => self.unwrap(),
            "to_entries" => self.make_entries(),
            "from_entries" => self.read_entries(),
            "each" => self.each(),
            "cast" => self.cast(),
            "translate" => self.translate(),
            "split" => self.split(),
            "join" => self.join(),
            "multiply" => self.multiply(),
            "time" => self.time(),
            "text" => self.text(),
            "hash" => self.hash(),
            "redact" => self.redact(),
            "encode" => self.encode(),
            "decode" => self.decode(),
            "compute" => self.compute(),
            other => unreachable!("{other} is no operation"),
        }
    }

    /// One of these in so many of a hundred cases; the default else.
    fn choose(&mut self, entry: &mut Entry, field: &str, percent: usize, choices: &[&str]) {
        if self.chance.percent(percent) {
            let choice = self.chance.pick(choices);
            entry.put_text(field, choice);
        }
    }

    /// A constant for the document, as JSON text.
    fn constant(&mut self) -> String {
        (*self.chance.pick(&[
            "1",
            "1.0",
            "-0",
            "\"ES\"",
            "\"\\u00e9\\/\"",
            "null",
            "true",
            "[]",
            "{}",
            "[1,{\"a\":null}]",
            "{\"b\":1E2,\"a\":{\"c\":[]}}",
            "\"\"",
            "12345678901234567890123",
            "\"5\"",
        ]))
        .to_owned()
    }

    /// A constant that a header can hold.
    fn constant_text(&mut self) -> String {
        (*self
            .chance
            .pick(&["5", "\"active\"", "true", "\"\"", "1.50", "\"x\\u00e9\""]))
        .to_owned()
    }
}

fn is_scalar(value: &Value) -> bool {
    !value.is_container() && !value.is_null()
}

fn is_string(value: &Value) -> bool {
    matches!(value, Value::String(_))
}

fn is_object(value: &Value) -> bool {
    matches!(value, Value::Object(_))
}
