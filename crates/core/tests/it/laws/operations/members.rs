//! Members: add, remove, modify, rename, pick, drop.

use dunlin_core::migration::document::Value;

use super::super::checks::has_duplicates;
use super::super::pair::{Entry, quoted};
use super::super::places::{Ends, Forms, Sample, World, written};
use super::is_object;

const MESSAGE: Forms = Forms {
    whole: false,
    deep: false,
    headers: true,
    key: true,
};

impl World<'_> {
    /// A path to a parent: an object mostly, `null` or another value else. It may be the document itself.
    pub(super) fn parent(&mut self) -> Sample {
        let forms = Forms {
            whole: true,
            ..Forms::default()
        };
        match self.chance.below(20) {
            0..2 => self.path(Ends::Anything, forms, Value::is_null),
            2 => self.path(Ends::Anything, forms, |_| true),
            _ => self.path(Ends::Anything, forms, is_object),
        }
    }

    pub(super) fn add(&mut self) -> (Entry, Sample) {
        if !self.inside && self.chance.percent(8) {
            let header = self.chance.percent(70);
            let sample = self.path(
                Ends::Name,
                Forms {
                    headers: header,
                    key: !header,
                    ..Forms::default()
                },
                |_| true,
            );
            if sample.other.as_deref().is_some_and(|path| path.starts_with('@')) {
                let mut entry = Entry::new("add", quoted(&sample.text()));
                entry.put("value", self.constant_text());
                self.choose(
                    &mut entry,
                    "if_present",
                    60,
                    &["keep", "replace", "replace_null", "fail"],
                );
                return (entry, sample);
            }
        }
        let parent = self.parent();
        let mut path = self.below(&parent);
        if self.chance.percent(20) {
            path = child_of(&path, self.chance.pick(&["n", "0", "m n"]));
        }
        let mut entry = Entry::new("add", quoted(&path));
        entry.put("value", self.constant());
        self.choose(
            &mut entry,
            "if_present",
            70,
            &["keep", "replace", "replace_null", "fail", "fail"],
        );
        self.choose(&mut entry, "parents", 40, &["missing", "missing_or_null", "no"]);
        (entry, parent)
    }

    /// A member of what a path leads to, there already or not.
    pub(super) fn below(&mut self, parent: &Sample) -> String {
        let name = self.target_name(parent.here.as_ref());
        child(parent, &name)
    }

    pub(super) fn remove(&mut self) -> (Entry, Sample) {
        let sample = self.path(
            Ends::Anything,
            Forms {
                deep: true,
                ..MESSAGE
            },
            |_| true,
        );
        let mut entry = Entry::new("remove", quoted(&sample.text()));
        if self.chance.percent(20) {
            let value = if sample.text().starts_with('@') {
                self.constant_text()
            } else {
                self.constant()
            };
            entry.put("restore", value);
        }
        (entry, sample)
    }

    pub(super) fn modify(&mut self) -> (Entry, Sample) {
        let sample = self.path(
            Ends::Anything,
            Forms {
                deep: true,
                ..MESSAGE
            },
            |_| true,
        );
        let mut entry = Entry::new("modify", quoted(&sample.text()));
        let value = match &sample.here {
            _ if sample.text().starts_with('@') => self.constant_text(),
            Some(here) if self.chance.percent(15) && !has_duplicates(here) && here.depth() < 60 => {
                here.to_json()
            }
            _ => self.constant(),
        };
        entry.put("value", value);
        (entry, sample)
    }

    pub(super) fn rename(&mut self) -> (Entry, Sample) {
        let forms = Forms {
            deep: true,
            headers: true,
            ..Forms::default()
        };
        let sample = self.path(Ends::Members, forms, |_| true);
        let text = sample.text();
        let mut entry = Entry::new("rename", quoted(&text));
        if self.chance.percent(25) {
            self.choose(
                &mut entry,
                "case",
                100,
                &["snake", "camel", "pascal", "kebab", "lower", "upper"],
            );
            self.choose(&mut entry, "on_conflict", 40, &["fail", "replace", "keep_target"]);
            return (entry, sample);
        }
        let to = if text.starts_with("@headers") {
            (*self.chance.pick(&["h1", "h2", "h5", "\"a b\""])).to_owned()
        } else if ends_in_glob(&text) {
            (*self.chance.pick(&["y_*", "*_2", "x_*", "*", "a*"])).to_owned()
        } else {
            let siblings = self.siblings(&sample);
            written(&self.target_name(siblings.as_ref()))
        };
        entry.put_text("to", &to);
        self.choose(&mut entry, "on_conflict", 40, &["fail", "replace", "keep_target"]);
        (entry, sample)
    }

    /// The object in which the place stands, as far as it can be told without wildcards.
    pub(super) fn siblings(&mut self, sample: &Sample) -> Option<Value> {
        let last = sample.segments.last()?;
        let document = self.message.document.as_ref()?;
        let all = super::super::places::spots(document);
        let holds = |value: &Value| match value {
            Value::Object(members) => members
                .iter()
                .any(|member| member.name.read().is_ok_and(|name| written(&name) == last.text)),
            _ => false,
        };
        all.iter()
            .find(|spot| holds(spot.value))
            .map(|spot| spot.value.clone())
    }

    pub(super) fn pick(&mut self) -> (Entry, Sample) {
        let forms = Forms {
            whole: true,
            ..Forms::default()
        };
        let sample = if self.chance.percent(80) {
            self.path(Ends::Anything, forms, is_object)
        } else {
            self.path(Ends::Anything, forms, |_| true)
        };
        let mut entry = Entry::new("pick", quoted(&sample.text()));
        let mut members: Vec<String> = match &sample.here {
            Some(Value::Object(members)) => members
                .iter()
                .filter_map(|member| member.name.read().ok())
                .map(|name| written(&name))
                .collect(),
            _ => Vec::new(),
        };
        if self.chance.percent(60) && !members.is_empty() {
            members.remove(self.chance.below(members.len()));
        }
        if members.is_empty() || self.chance.percent(15) {
            members.push((*self.chance.pick(&["*", "x_*", "nope"])).to_owned());
        }
        members.sort();
        members.dedup();
        entry.put("members", list(&members));
        (entry, sample)
    }

    pub(super) fn drop(&mut self) -> (Entry, Sample) {
        let mut entry = Entry::new("drop", "\"no longer wanted\"");
        let sample = Sample {
            segments: Vec::new(),
            other: None,
            here: self.message.document.clone(),
            scope: self.message.document.clone(),
        };
        if self.chance.percent(50) {
            self.when(&mut entry);
        } else {
            self.filter(&mut entry, &sample);
        }
        (entry, sample)
    }
}

pub(super) fn ends_in_glob(path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or_default();
    !path.starts_with('/') && !last.ends_with('"') && last.contains('*') && !last.ends_with(']')
}

/// A member of what a path leads to.
pub(super) fn child(parent: &Sample, name: &str) -> String {
    match parent.text().as_str() {
        "" | "$" => written(name),
        path => child_of(path, name),
    }
}

fn child_of(path: &str, name: &str) -> String {
    if path.starts_with('/') {
        format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"))
    } else {
        format!("{path}.{}", written(name))
    }
}

pub(super) fn list(texts: &[String]) -> String {
    let texts: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(","))
}
