//! Values: cast, translate, split, join, multiply, time, text, hash, redact, encode, decode, compute.

use dunlin_core::migration::document::Value;

use super::super::pair::{Entry, quoted};
use super::super::places::{Ends, Forms, Sample, World, written};
use super::members::{child, list};
use super::{is_scalar, is_string};

const DEEP: Forms = Forms {
    whole: false,
    deep: true,
    headers: false,
    key: false,
};
const EVERYWHERE: Forms = Forms {
    whole: false,
    deep: true,
    headers: true,
    key: true,
};
const ON_ERROR: &[&str] = &["fail", "keep", "null", "remove"];
const ROUND: &[&str] = &["fail", "half_even", "half_up", "floor", "ceil", "truncate"];

/// Costs more than an expression may.
const DEAR: &str = "lists.range(100000000)";

impl World<'_> {
    fn value(&mut self, operation: &str, forms: Forms, wanted: impl Fn(&Value) -> bool) -> (Entry, Sample) {
        let sample = match self.chance.below(100) {
            0..78 => self.path(Ends::Anything, forms, wanted),
            78..86 => self.path(Ends::Anything, forms, Value::is_null),
            86..91 => self.path(Ends::Anything, forms, Value::is_container),
            91..95 => self.path(Ends::Anything, forms, is_broken),
            _ => self.path(Ends::Anything, forms, |_| true),
        };
        (Entry::new(operation, quoted(&sample.text())), sample)
    }

    pub(super) fn cast(&mut self) -> (Entry, Sample) {
        let (mut entry, sample) = self.value("cast", DEEP, is_scalar);
        let to = *self.chance.pick(&[&"string", &"integer", &"number", &"boolean"]);
        entry.put_text("to", to);
        if to == "number" && self.chance.percent(40) {
            entry.put("scale", self.chance.below(4).to_string());
        }
        self.choose(&mut entry, "round", 40, ROUND);
        self.choose(&mut entry, "on_error", 35, ON_ERROR);
        (entry, sample)
    }

    pub(super) fn translate(&mut self) -> (Entry, Sample) {
        let (mut entry, sample) = self.value("translate", EVERYWHERE, is_scalar);
        let mut pairs: Vec<(String, String)> = Vec::new();
        if let Some(here) = sample.here.as_ref().filter(|here| !here.is_container())
            && self.chance.percent(75)
            && !is_broken(here)
        {
            let image = if sample.text().starts_with('@') && self.chance.percent(25) {
                "[]".to_owned()
            } else if self.chance.percent(10) {
                here.to_json()
            } else {
                self.constant()
            };
            pairs.push((here.to_json(), image));
        }
        for from in ["\"active\"", "\"closed\"", "1", "true", "null", "\"\""] {
            let new = !pairs
                .iter()
                .any(|(have, _)| super::super::pair::json(have) == super::super::pair::json(from));
            if new && self.chance.percent(30) {
                let image = self.constant();
                pairs.push((from.to_owned(), image));
            }
        }
        let strings = pairs.iter().all(|(from, _)| from.starts_with('"'));
        let text = if strings && self.chance.percent(50) {
            let members: Vec<_> = pairs.iter().map(|(from, to)| format!("{from}:{to}")).collect();
            format!("{{{}}}", members.join(","))
        } else {
            let members: Vec<_> = pairs.iter().map(|(from, to)| format!("[{from},{to}]")).collect();
            format!("[{}]", members.join(","))
        };
        entry.put("values", text);
        match self.chance.below(10) {
            0..4 => entry.put_text("else", "fail"),
            4 => entry.put("else", "null"),
            5 => entry.put_text("else", "remove"),
            6 => entry.put("else", format!("{{\"value\":{}}}", self.constant())),
            _ => {}
        }
        (entry, sample)
    }

    pub(super) fn split(&mut self) -> (Entry, Sample) {
        let on = *self.chance.pick(&[&",", &"-", &" ", &"a"]);
        let holds = move |value: &Value| matches!(value, Value::String(text) if text.source().contains(on));
        if self.chance.percent(50) {
            let (mut entry, sample) = self.value("split", Forms::default(), holds);
            entry.put_text("on", on);
            self.choose(&mut entry, "on_error", 35, ON_ERROR);
            if self.chance.percent(30) {
                entry.put("trim", "true");
            }
            return (entry, sample);
        }
        let sample = match self.chance.below(10) {
            0..7 => self.path(Ends::Members, Forms::default(), holds),
            7 => self.path(Ends::Members, Forms::default(), is_broken),
            8 => self.path(Ends::Members, Forms::default(), Value::is_null),
            _ => self.path(Ends::Members, Forms::default(), |_| true),
        };
        let mut entry = Entry::new("split", quoted(&sample.text()));
        entry.put_text("on", on);
        let siblings = self.siblings(&sample);
        let mut names = vec![written(&self.target_name(siblings.as_ref()))];
        if self.chance.percent(80) {
            names.push("s2".to_owned());
        }
        if self.chance.percent(15)
            && let Some(last) = sample
                .segments
                .last()
                .filter(|last| !last.wildcard && !last.text.starts_with('['))
        {
            names[0].clone_from(&last.text);
        }
        if self.chance.percent(10) {
            names.push("s3".to_owned());
        }
        names.dedup();
        entry.put("into", list(&names));
        self.choose(&mut entry, "on_error", 35, ON_ERROR);
        (entry, sample)
    }

    pub(super) fn join(&mut self) -> (Entry, Sample) {
        let (mut entry, sample) = if self.chance.percent(50) {
            let joins =
                |value: &Value| matches!(value, Value::Array(elements) if elements.iter().all(is_scalar));
            if self.chance.percent(14) {
                let nulls = self.path(Ends::Anything, Forms::default(), Value::is_null);
                (Entry::new("join", quoted(&nulls.text())), nulls)
            } else {
                self.value("join", Forms::default(), joins)
            }
        } else {
            let parent = self.parent();
            let names = if self.chance.percent(85) {
                self.some_names(&parent, is_scalar)
            } else {
                self.some_names(&parent, |_| true)
            };
            let paths: Vec<_> = names.iter().map(|name| child(&parent, name)).collect();
            let mut entry = Entry::new("join", list(&paths));
            let there = match &parent.here {
                Some(Value::Object(members)) if self.chance.percent(30) => members
                    .iter()
                    .filter_map(|member| member.name.read().ok())
                    .find(|name| !names.iter().any(|source| source == name)),
                _ => None,
            };
            let into = if let Some(there) = there {
                there.into_owned()
            } else if self.chance.percent(15) {
                names[0].clone()
            } else {
                self.target_name(parent.here.as_ref())
            };
            entry.put_text("into", &written(&into));
            (entry, parent)
        };
        self.choose(&mut entry, "with", 60, &["", ",", "--", "é"]);
        self.choose(&mut entry, "missing", 40, &["absent", "skip"]);
        (entry, sample)
    }

    pub(super) fn multiply(&mut self) -> (Entry, Sample) {
        let (mut entry, sample) = self.value("multiply", DEEP, |value| matches!(value, Value::Number(_)));
        entry.put(
            "by",
            *self.chance.pick(&[
                &"2",
                &"100",
                &"\"0.01\"",
                &"1.0",
                &"-1",
                &"0",
                &"3",
                &"\"1e300\"",
                &"\"-0.125\"",
            ]),
        );
        if self.chance.percent(35) {
            entry.put("scale", self.chance.below(4).to_string());
        }
        self.choose(&mut entry, "round", 40, ROUND);
        self.choose(&mut entry, "on_error", 25, ON_ERROR);
        (entry, sample)
    }

    pub(super) fn time(&mut self) -> (Entry, Sample) {
        let all: &[&str] = &[
            "rfc3339",
            "unix_s",
            "unix_ms",
            "unix_us",
            "unix_ns",
            "%Y-%m-%d",
            "%Y-%m-%d %H:%M",
        ];
        let is_time = |value: &Value| match value {
            Value::Number(_) => true,
            Value::String(text) => text.source().len() >= 10 && text.source().as_bytes()[4] == b'-',
            _ => false,
        };
        let (mut entry, sample) = self.value("time", DEEP, is_time);
        let from = match &sample.here {
            _ if self.chance.percent(15) => self.chance.pick(all),
            Some(Value::Number(_)) => self.chance.pick(&["unix_s", "unix_ms"]),
            Some(Value::String(text)) => match text.source() {
                text if text.contains(['T', 't']) => "rfc3339",
                text if text.contains(' ') => "%Y-%m-%d %H:%M",
                text if text.contains('-') => "%Y-%m-%d",
                _ => "unix_s",
            },
            _ => "rfc3339",
        };
        entry.put_text("from", from);
        let to = if self.chance.percent(10) {
            from
        } else {
            self.chance.pick(all)
        };
        entry.put_text("to", to);
        self.choose(
            &mut entry,
            "zone",
            40,
            &["UTC", "Europe/Vienna", "America/New_York", "Asia/Kolkata"],
        );
        self.choose(&mut entry, "round", 40, &["fail", "truncate"]);
        self.choose(&mut entry, "on_error", 25, ON_ERROR);
        (entry, sample)
    }

    pub(super) fn text(&mut self) -> (Entry, Sample) {
        let (mut entry, sample) = self.value("text", EVERYWHERE, is_string);
        let steps: Vec<_> = (0..1 + self.chance.below(3))
            .map(|_| {
                *self.chance.pick(&[
                    &"\"trim\"",
                    &"\"lower\"",
                    &"\"upper\"",
                    &"{\"strip_prefix\":\"a\"}",
                    &"{\"strip_suffix\":\"=\"}",
                    &"{\"truncate\":3}",
                    &"{\"truncate\":0}",
                    &"{\"replace\":\"[0-9]+\",\"with\":\"#$0$$\"}",
                    &"{\"replace\":\"(?P<x>c)a\",\"with\":\"${x}o\"}",
                    &"{\"replace\":\"\",\"with\":\"\"}",
                ])
            })
            .collect();
        entry.put("do", format!("[{}]", steps.join(",")));
        (entry, sample)
    }

    pub(super) fn hash(&mut self) -> (Entry, Sample) {
        let (mut entry, sample) = self.value("hash", EVERYWHERE, |_| true);
        let with = *self.chance.pick(&[&"sha256", &"blake3", &"hmac_sha256"]);
        entry.put_text("with", with);
        if with == "hmac_sha256" {
            entry.put_text("key", "the-secret");
        }
        (entry, sample)
    }

    pub(super) fn redact(&mut self) -> (Entry, Sample) {
        let (mut entry, sample) = self.value("redact", EVERYWHERE, is_scalar);
        if self.chance.percent(40) {
            entry.put("keep_last", self.chance.below(6).to_string());
        }
        self.choose(&mut entry, "char", 30, &["*", "x", "é", "🙂"]);
        (entry, sample)
    }

    pub(super) fn encode(&mut self) -> (Entry, Sample) {
        let (mut entry, sample) = self.value("encode", DEEP, is_string);
        self.choose(&mut entry, "to", 100, &["json", "base64", "base64url", "hex"]);
        (entry, sample)
    }

    pub(super) fn decode(&mut self) -> (Entry, Sample) {
        let is_code = |value: &Value| match value {
            Value::String(text) => {
                text.source().contains(['=', '{', '[']) || text.source().starts_with("686")
            }
            _ => false,
        };
        let (mut entry, sample) = self.value("decode", DEEP, is_code);
        let from = match &sample.here {
            Some(Value::String(text)) if self.chance.percent(70) => match text.source() {
                text if text.contains('=') => "base64",
                text if text.starts_with("aGV") || text.starts_with('_') => "base64url",
                text if text.starts_with("686") => "hex",
                _ => "json",
            },
            _ => self.chance.pick(&["json", "base64", "base64url", "hex"]),
        };
        entry.put_text("from", from);
        self.choose(&mut entry, "on_error", 30, ON_ERROR);
        (entry, sample)
    }

    pub(super) fn compute(&mut self) -> (Entry, Sample) {
        let sample = match self.chance.below(10) {
            0..3 => {
                let parent = self.parent();
                let path = self.below(&parent);
                Sample {
                    segments: Vec::new(),
                    other: Some(path),
                    ..parent
                }
            }
            3 => self.path(
                Ends::Anything,
                Forms {
                    headers: true,
                    key: true,
                    ..Forms::default()
                },
                is_broken,
            ),
            _ => self.path(
                Ends::Anything,
                Forms {
                    headers: true,
                    key: true,
                    ..Forms::default()
                },
                |_| true,
            ),
        };
        let mut entry = Entry::new("compute", quoted(&sample.text()));
        let expression = if self.chance.percent(5) {
            DEAR
        } else if sample.text().starts_with('@') && self.chance.percent(25) {
            "{'a': [null]}"
        } else {
            *self.chance.pick(&[
                &"1",
                &"'x'",
                &"1.5",
                &"null",
                &"this",
                &"payload",
                &"[1, 2.50]",
                &"{'z': 1, 'a': [this]}",
                &"item",
                &"index",
                &"headers",
                &"key",
                &"this + 'x'",
                &"int(this)",
                &"payload[string(this)]",
                &"payload.nope",
                &"1 / 0",
                &"string(this)",
                &"this == null ? 1 : 2",
                &"headers['h1']",
                &"this.a",
                &"double('NaN')",
                &"this",
                &"size(this)",
                &"payload.?a.orValue('none')",
                &"this.upperAscii()",
                &"timestamp(this)",
                &"headers[key]",
                &"this[this]",
                &"18446744073709551615u",
                &"{1: this}",
            ])
        };
        entry.put_text("as", expression);
        self.choose(&mut entry, "if_present", 30, &["replace", "keep"]);
        self.choose(&mut entry, "parents", 30, &["missing", "missing_or_null", "no"]);
        (entry, sample)
    }
}

/// A string that is no text.
fn is_broken(value: &Value) -> bool {
    matches!(value, Value::String(text) if text.read().is_err())
}
