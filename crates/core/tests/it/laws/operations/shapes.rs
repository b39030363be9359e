//! Shape: nest, unnest, flatten, expand, wrap, unwrap, `to_entries`, `from_entries`, each.

use dunlin_core::migration::document::Value;

use super::super::pair::{Entry, Message, quoted};
use super::super::places::{Ends, Forms, Sample, World, written};
use super::is_object;
use super::members::{child, list};

const WHOLE: Forms = Forms {
    whole: true,
    deep: false,
    headers: false,
    key: false,
};

impl World<'_> {
    /// Some member names of an object, each once; a name that is not there among them perhaps.
    pub(super) fn some_names(&mut self, parent: &Sample, wanted: impl Fn(&Value) -> bool) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        if let Some(Value::Object(members)) = &parent.here {
            for member in members {
                if let Ok(name) = member.name.read()
                    && !names.iter().any(|have| *have == name)
                    && wanted(&member.value)
                    && self.chance.percent(50)
                {
                    names.push(name.into_owned());
                }
            }
        }
        if names.is_empty() || self.chance.percent(15) {
            names.push("missing".to_owned());
        }
        names.truncate(4);
        names
    }

    pub(super) fn nest(&mut self) -> (Entry, Sample) {
        let parent = self.parent();
        let names = self.some_names(&parent, |_| true);
        let paths: Vec<_> = names.iter().map(|name| child(&parent, name)).collect();
        let mut entry = Entry::new(
            "nest",
            if paths.len() == 1 && self.chance.percent(50) {
                quoted(&paths[0])
            } else {
                list(&paths)
            },
        );
        let into = if self.chance.percent(10) {
            names[0].clone()
        } else {
            self.target_name(parent.here.as_ref())
        };
        entry.put_text("into", &written(&into));
        self.choose(&mut entry, "on_conflict", 40, &["fail", "merge"]);
        (entry, parent)
    }

    pub(super) fn unnest(&mut self) -> (Entry, Sample) {
        let sample = self.path(Ends::Members, Forms::default(), |value| {
            matches!(value, Value::Object(_))
        });
        let mut entry = Entry::new("unnest", quoted(&sample.text()));
        self.choose(&mut entry, "prefix", 30, &["", "p_", "a.", "é"]);
        self.choose(&mut entry, "on_conflict", 28, &["fail", "replace", "keep_target"]);
        (entry, sample)
    }

    pub(super) fn flatten(&mut self) -> (Entry, Sample) {
        self.joined("flatten", |value| match value {
            Value::Object(members) => members.iter().any(|member| is_object(&member.value)),
            _ => false,
        })
    }

    pub(super) fn expand(&mut self) -> (Entry, Sample) {
        self.joined("expand", |value| match value {
            Value::Object(members) => members.iter().any(|member| member.name.source().contains('.')),
            _ => false,
        })
    }

    fn joined(&mut self, operation: &str, wanted: impl Fn(&Value) -> bool) -> (Entry, Sample) {
        let sample = match self.chance.below(10) {
            0..2 => self.path(Ends::Anything, WHOLE, has_long_name),
            2..7 => self.path(Ends::Anything, WHOLE, wanted),
            7..9 => self.path(Ends::Anything, WHOLE, is_object),
            _ => self.path(Ends::Anything, WHOLE, |_| true),
        };
        let mut entry = Entry::new(operation, quoted(&sample.text()));
        self.choose(&mut entry, "delimiter", 20, &[".", "_", "--"]);
        self.choose(&mut entry, "on_conflict", 28, &["fail", "replace", "keep_target"]);
        (entry, sample)
    }

    pub(super) fn wrap(&mut self) -> (Entry, Sample) {
        let sample = self.path(Ends::Anything, WHOLE, |_| true);
        let mut entry = Entry::new("wrap", quoted(&sample.text()));
        self.choose(&mut entry, "in", 50, &["v", "value", "\"a b\""]);
        (entry, sample)
    }

    pub(super) fn unwrap(&mut self) -> (Entry, Sample) {
        let sample = match self.chance.below(10) {
            0..4 => self.path(
                Ends::Anything,
                WHOLE,
                |value| matches!(value, Value::Array(elements) if elements.len() < 2),
            ),
            4..7 => self.path(
                Ends::Anything,
                WHOLE,
                |value| matches!(value, Value::Object(members) if !members.is_empty()),
            ),
            _ => self.path(Ends::Anything, WHOLE, Value::is_container),
        };
        let mut entry = Entry::new("unwrap", quoted(&sample.text()));
        match &sample.here {
            Some(Value::Object(members)) if self.chance.percent(85) => {
                let names: Vec<_> = members
                    .iter()
                    .filter_map(|member| member.name.read().ok())
                    .collect();
                let name = if names.is_empty() || self.chance.percent(15) {
                    "v".to_owned()
                } else {
                    names[self.chance.below(names.len())].clone().into_owned()
                };
                entry.put_text("of", &written(&name));
                self.choose(&mut entry, "rest", 50, &["fail", "drop"]);
            }
            _ => self.choose(&mut entry, "take", 50, &["only", "first", "last"]),
        }
        (entry, sample)
    }

    pub(super) fn make_entries(&mut self) -> (Entry, Sample) {
        let sample = if self.chance.percent(80) {
            self.path(Ends::Anything, WHOLE, is_object)
        } else {
            self.path(Ends::Anything, WHOLE, |_| true)
        };
        let mut entry = Entry::new("to_entries", quoted(&sample.text()));
        self.entry_names(&mut entry);
        (entry, sample)
    }

    pub(super) fn read_entries(&mut self) -> (Entry, Sample) {
        let is_entries = |value: &Value| match value {
            Value::Array(elements) => elements.iter().all(|element| match element {
                Value::Object(members) => members.iter().any(|member| member.name.is("key")),
                _ => false,
            }),
            _ => false,
        };
        let sample = match self.chance.below(10) {
            0..2 => self.path(Ends::Anything, WHOLE, |value| {
                is_entries(value) && has_rivals(value)
            }),
            2..8 => self.path(Ends::Anything, WHOLE, is_entries),
            8 => self.path(Ends::Anything, WHOLE, |value| matches!(value, Value::Array(_))),
            _ => self.path(Ends::Anything, WHOLE, |_| true),
        };
        let mut entry = Entry::new("from_entries", quoted(&sample.text()));
        self.entry_names(&mut entry);
        self.choose(&mut entry, "on_conflict", 40, &["fail", "first", "last"]);
        (entry, sample)
    }

    fn entry_names(&mut self, entry: &mut Entry) {
        self.choose(entry, "key", 15, &["key", "k", "\"the name\""]);
        match self.chance.below(10) {
            0..3 => entry.put("value", "null"),
            3..5 => self.choose(entry, "value", 100, &["v", "value", "\"null\"", "x"]),
            _ => {}
        }
    }

    pub(super) fn each(&mut self) -> (Entry, Sample) {
        let has_objects = |value: &Value| match value {
            Value::Array(elements) => elements.iter().any(is_object),
            Value::Object(members) => members.iter().any(|member| is_object(&member.value)),
            _ => false,
        };
        let sample = match self.chance.below(20) {
            0..15 => self.path(Ends::Anything, WHOLE, has_objects),
            15..19 => self.path(Ends::Anything, WHOLE, Value::is_container),
            _ => self.path(Ends::Anything, WHOLE, |_| true),
        };
        let children: Vec<Value> = match &sample.here {
            Some(Value::Array(elements)) => elements.clone(),
            Some(Value::Object(members)) => members.iter().map(|member| member.value.clone()).collect(),
            _ => Vec::new(),
        };
        let objects: Vec<&Value> = children.iter().filter(|child| is_object(child)).collect();
        let child = match (objects.len(), children.len()) {
            (0, 0) => None,
            (0, count) => Some(children[self.chance.below(count)].clone()),
            (count, _) => Some(objects[self.chance.below(count)].clone()),
        };
        let element = Message {
            document: child,
            headers: Vec::new(),
            key: None,
        };
        let mut steps = Vec::new();
        for _ in 0..1 + self.chance.below(3) {
            let operation = if self.chance.percent(20) {
                self.chance.pick(&["cast", "time", "decode", "split"])
            } else {
                self.chance.pick(&super::OPERATIONS)
            };
            if operation == "drop" || (operation == "each" && self.inside) {
                continue;
            }
            let mut world = World {
                chance: &mut *self.chance,
                message: &element,
                inside: true,
            };
            let (mut entry, inner) = world.operation(operation);
            world.rules(&mut entry, &inner);
            if !entry.has("on_mismatch") && world.chance.percent(55) {
                entry.put_text("on_mismatch", "skip");
            }
            steps.push(entry.to_json());
        }
        if self.chance.percent(9) {
            // What costs too much is rare among the others.
            steps.push(r#"{"compute":"n","as":"lists.range(100000000)"}"#.to_owned());
        }
        if steps.is_empty() {
            steps.push(r#"{"remove":"b","on_mismatch":"skip"}"#.to_owned());
        }
        let mut entry = Entry::new("each", quoted(&sample.text()));
        entry.put("do", format!("[{}]", steps.join(",")));
        (entry, sample)
    }
}

/// More pieces than a document may be deep.
fn has_long_name(value: &Value) -> bool {
    matches!(value, Value::Object(members) if members.iter().any(|member| member.name.source().len() > 1000))
}

/// Two entries of one name, or an entry with a member of its own.
fn has_rivals(value: &Value) -> bool {
    let text = value.to_json();
    text.contains("more") || text.matches("\"same\"").count() > 1
}
