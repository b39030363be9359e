//! What decides about places and about the whole: where, strict, `on_mismatch`, when.

use dunlin_core::migration::document::{Kind, Value};

use super::super::documents::RESERVED_NAME;
use super::super::pair::{Entry, quoted};
use super::super::places::{Sample, Segment, Step, World, join, name_segment, spots};

impl World<'_> {
    /// Perhaps `where`, `strict` and `on_mismatch`.
    pub(super) fn rules(&mut self, entry: &mut Entry, sample: &Sample) {
        let drop = entry.operation() == "drop";
        if !entry.has("where") && self.chance.percent(20) {
            self.filter(entry, sample);
        }
        let strict = if sample.here.is_none() { 45 } else { 12 };
        if !drop && self.chance.percent(strict) {
            entry.put("strict", "true");
        }
        if !drop && self.chance.percent(10) {
            entry.put_text("on_mismatch", "skip");
        }
    }

    /// A `where` that knows what stands at the place.
    pub(super) fn filter(&mut self, entry: &mut Entry, sample: &Sample) {
        let mut tests: Vec<(String, String)> = Vec::new();
        for _ in 0..1 + self.chance.below(2) {
            let (path, test) = self.test(sample);
            if !tests.iter().any(|(have, _)| *have == path) {
                tests.push((path, test));
            }
        }
        let tests: Vec<_> = tests
            .iter()
            .map(|(path, test)| format!("{}:{test}", quoted(path)))
            .collect();
        entry.put("where", format!("{{{}}}", tests.join(",")));
    }

    fn test(&mut self, sample: &Sample) -> (String, String) {
        // The reserved member holds a string that is no text.
        let whole = sample.scope.as_ref().is_some_and(|scope| {
            matches!(scope, Value::Object(members) if members.iter().any(|member| member.name.is(RESERVED_NAME)))
        });
        if whole && self.chance.percent(20) {
            return (format!("\"{RESERVED_NAME}\".\"é\""), "\"x\"".to_owned());
        }
        match self.chance.below(10) {
            0..4 => (".".to_owned(), self.about(sample.here.as_ref())),
            4 => (
                "nope".to_owned(),
                (*self
                    .chance
                    .pick(&["{\"exists\":false}", "{\"exists\":true}", "1"]))
                .to_owned(),
            ),
            5 if !self.inside => {
                let path = (*self
                    .chance
                    .pick(&["@headers.h1", "@key", "@headers.\"content type\""]))
                .to_owned();
                let test = self.about(Some(&Value::string("canary")));
                (path, test)
            }
            _ => {
                let Some(scope) = &sample.scope else {
                    return ("a".to_owned(), self.about(None));
                };
                let all = spots(scope);
                let readable = |step: &Step| !matches!(step, Step::Name(None));
                let spots: Vec<_> = all
                    .iter()
                    .filter(|spot| !spot.steps.is_empty() && spot.steps.iter().all(readable))
                    .collect();
                if spots.is_empty() {
                    return ("a".to_owned(), self.about(None));
                }
                let spot = spots[self.chance.below(spots.len())];
                let segments: Vec<_> = spot
                    .steps
                    .iter()
                    .map(|step| match step {
                        Step::Name(name) => name_segment(name.as_deref().unwrap_or_default()),
                        Step::Index(index, _) => Segment {
                            text: format!("[{index}]"),
                            wildcard: false,
                        },
                    })
                    .collect();
                let value = spot.value.clone();
                (join(&segments), self.about(Some(&value)))
            }
        }
    }

    /// A test about this value, that holds more often than not.
    fn about(&mut self, value: Option<&Value>) -> String {
        let scalar = value.filter(|value| !value.is_container());
        let test = match (self.chance.below(10), scalar) {
            (0..4, Some(scalar)) if !matches!(scalar, Value::String(text) if text.read().is_err()) => {
                scalar.to_json()
            }
            (0..4, Some(_)) => "\"x\"".to_owned(),
            (4, Some(scalar)) if !matches!(scalar, Value::String(text) if text.read().is_err()) => {
                format!("[{},\"other\"]", scalar.to_json())
            }
            (5, _) => "{\"exists\":true}".to_owned(),
            (6, _) => (*self.chance.pick(&["\"active\"", "1", "null", "[true,\"a\"]"])).to_owned(),
            (_, _) => {
                let kind = match value {
                    Some(value) if self.chance.percent(75) => value.kind(),
                    _ => Kind::ALL[self.chance.below(6)],
                };
                format!("{{\"is\":\"{}\"}}", kind.name())
            }
        };
        if self.chance.percent(15) {
            return format!("{{\"not\":{test}}}");
        }
        test
    }

    pub(super) fn when(&mut self, entry: &mut Entry) {
        let when = self.chance.pick(&[
            "true",
            "false",
            "has(payload.a)",
            "payload.nope == 1",
            "1",
            "1 / 0 == 1",
            "headers['h1'] == 'canary'",
            "payload[key] == 1",
            "key != null",
            "size(headers) < 5",
            "int(key) == 5",
            "true",
            "'a' == 'a'",
        ]);
        entry.put_text("when", when);
    }
}
