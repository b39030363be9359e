//! Paths that are sampled from a document, so that they hit, or miss in a way that was meant.

use dunlin_core::migration::document::{Kind, Value};

use super::chance::Chance;
use super::documents::RESERVED_NAME;
use super::pair::Message;

/// One step down in a document. A name that is no text can be met by a wildcard only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Name(Option<String>),
    Index(usize, usize),
}

/// A place in a document.
#[derive(Debug, Clone)]
pub(super) struct Spot<'a> {
    pub(super) steps: Vec<Step>,
    pub(super) value: &'a Value,
}

/// A segment as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) text: String,
    pub(super) wildcard: bool,
}

/// A path as it is written, with what it was sampled from.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) segments: Vec<Segment>,
    /// How the path is printed, where it is no list of segments: a pointer, a deep path, a header, the key, `$`.
    pub(super) other: Option<String>,
    /// The value that stands there; `None` where nothing does, or where it is not in the document.
    pub(super) here: Option<Value>,
    /// The value where a `where` begins.
    pub(super) scope: Option<Value>,
}

impl Sample {
    pub(super) fn text(&self) -> String {
        self.other.clone().unwrap_or_else(|| join(&self.segments))
    }

    /// How many segments lead to the element of the last wildcard.
    pub(super) fn shared(&self) -> usize {
        self.segments
            .iter()
            .rposition(|segment| segment.wildcard)
            .map_or(0, |at| at + 1)
    }
}

/// What an operand takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    Anything,
    Members,
    Name,
}

/// Which forms an operand takes beside plain paths.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Forms {
    pub(super) whole: bool,
    pub(super) deep: bool,
    pub(super) headers: bool,
    pub(super) key: bool,
}

/// A message from which operations are sampled.
pub(super) struct World<'a> {
    pub(super) chance: &'a mut Chance,
    pub(super) message: &'a Message,
    /// Inside of `each`.
    pub(super) inside: bool,
}

pub(super) fn spots(document: &Value) -> Vec<Spot<'_>> {
    let mut found = Vec::new();
    let mut pending = vec![Spot {
        steps: Vec::new(),
        value: document,
    }];
    while let Some(spot) = pending.pop() {
        let below = |step: Step| {
            let mut steps = spot.steps.clone();
            steps.push(step);
            steps
        };
        match spot.value {
            // No path is to reach what is reserved, but a wildcard may.
            Value::Object(members) => pending.extend(
                members
                    .iter()
                    .filter(|member| !member.name.is(RESERVED_NAME))
                    .map(|member| Spot {
                        steps: below(Step::Name(
                            member.name.read().ok().map(std::borrow::Cow::into_owned),
                        )),
                        value: &member.value,
                    }),
            ),
            Value::Array(elements) => {
                pending.extend(elements.iter().enumerate().map(|(index, value)| Spot {
                    steps: below(Step::Index(index, elements.len())),
                    value,
                }));
            }
            _ => {}
        }
        if found.len() > 300 {
            break;
        }
        found.push(spot);
    }
    found
}

pub(super) fn name_segment(name: &str) -> Segment {
    Segment {
        text: written(name),
        wildcard: false,
    }
}

/// A name as a path spells it.
pub(super) fn written(name: &str) -> String {
    let mut characters = name.chars();
    let bare = characters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters
            .all(|character| character.is_ascii_alphanumeric() || character == '_' || character == '-');
    if bare {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

pub(super) fn join(segments: &[Segment]) -> String {
    let mut text = String::new();
    for segment in segments {
        if !text.is_empty() && !segment.text.starts_with('[') {
            text.push('.');
        }
        text.push_str(&segment.text);
    }
    text
}

impl World<'_> {
    /// A path to a value that is wanted; to any, where there is none.
    pub(super) fn path(&mut self, ends: Ends, forms: Forms, wanted: impl Fn(&Value) -> bool) -> Sample {
        if !self.inside {
            if forms.headers && self.chance.percent(13) {
                return self.header();
            }
            if forms.key && self.chance.percent(5) {
                return self.key();
            }
        }
        let Some(document) = &self.message.document else {
            return self.invented();
        };
        let all = spots(document);
        let fits = |spot: &&Spot<'_>| match (ends, spot.steps.last()) {
            (_, None) => forms.whole,
            (Ends::Anything, Some(_))
            | (Ends::Members, Some(Step::Name(_)))
            | (Ends::Name, Some(Step::Name(Some(_)))) => true,
            (Ends::Members | Ends::Name, Some(_)) => false,
        };
        let wanted: Vec<_> = all
            .iter()
            .filter(fits)
            .filter(|spot| wanted(spot.value))
            .collect();
        let any: Vec<_> = all.iter().filter(fits).collect();
        let from = if wanted.is_empty() || self.chance.percent(12) {
            any
        } else {
            wanted
        };
        if from.is_empty() {
            return self.invented();
        }
        let spot = from[self.chance.below(from.len())].clone();
        match self.chance.below(100) {
            0..5 => self.missed(&spot, ends),
            5..10 => self.mismatched(&all, ends),
            _ => self.render(document, &spot, ends, forms),
        }
    }

    fn header(&mut self) -> Sample {
        let there: Vec<String> = self
            .message
            .headers
            .iter()
            .map(|(name, _)| name.clone())
            .collect();
        let name = if there.is_empty() || self.chance.percent(15) {
            "h9".to_owned()
        } else {
            there[self.chance.below(there.len())].clone()
        };
        let here = self.message.headers.iter().rev().find(|(have, _)| *have == name);
        Sample {
            segments: Vec::new(),
            other: Some(format!("@headers.{}", written(&name))),
            here: here
                .and_then(|(_, value)| std::str::from_utf8(value).ok())
                .map(Value::string),
            scope: self.message.document.clone(),
        }
    }

    fn key(&mut self) -> Sample {
        let here = self
            .message
            .key
            .as_deref()
            .and_then(|key| std::str::from_utf8(key).ok());
        Sample {
            segments: Vec::new(),
            other: Some("@key".to_owned()),
            here: here.map(Value::string),
            scope: self.message.document.clone(),
        }
    }

    fn invented(&mut self) -> Sample {
        let mut segments = vec![name_segment(self.chance.pick(&["a", "b", "k"]))];
        if self.chance.percent(50) {
            segments.push(name_segment(self.chance.pick(&["a", "nope"])));
        }
        Sample {
            segments,
            other: None,
            here: None,
            scope: self.message.document.clone(),
        }
    }

    fn missed(&mut self, spot: &Spot<'_>, ends: Ends) -> Sample {
        let mut segments = self.plain(&spot.steps);
        segments.pop();
        match spot.steps.last() {
            Some(Step::Index(..)) if ends == Ends::Anything => {
                segments.push(Segment {
                    text: "[7]".to_owned(),
                    wildcard: false,
                });
            }
            _ if ends != Ends::Name && self.chance.percent(20) => {
                segments.push(Segment {
                    text: "none_*".to_owned(),
                    wildcard: true,
                });
            }
            _ => segments.push(name_segment("nope")),
        }
        Sample {
            segments,
            other: None,
            here: None,
            scope: self.message.document.clone(),
        }
    }

    /// A path that goes on where a value of another kind stands.
    fn mismatched(&mut self, all: &[Spot<'_>], ends: Ends) -> Sample {
        let spot = all[self.chance.below(all.len())].clone();
        let mut segments = self.plain(&spot.steps);
        let wrong = match spot.value.kind() {
            Kind::Object => "[0]",
            Kind::Array => self.chance.pick(&["*", "a"]),
            _ => self.chance.pick(&["a", "[*]", "x_*"]),
        };
        segments.push(Segment {
            text: wrong.to_owned(),
            wildcard: wrong.contains('*'),
        });
        if ends == Ends::Name || (ends == Ends::Members && wrong.starts_with('[')) {
            segments.push(name_segment("a"));
        }
        Sample {
            segments,
            other: None,
            here: None,
            scope: self.message.document.clone(),
        }
    }

    fn plain(&mut self, steps: &[Step]) -> Vec<Segment> {
        let segment = |step: &Step| match step {
            Step::Name(Some(name)) => name_segment(name),
            Step::Name(None) => Segment {
                text: "*".to_owned(),
                wildcard: true,
            },
            Step::Index(index, _) => Segment {
                text: format!("[{index}]"),
                wildcard: false,
            },
        };
        steps.iter().map(segment).collect()
    }

    /// The path to a spot, in one of the ways in which it can be written.
    fn render(&mut self, document: &Value, spot: &Spot<'_>, ends: Ends, forms: Forms) -> Sample {
        let here = Some(spot.value.clone());
        let whole = Some(document.clone());
        let Some(last) = spot.steps.last() else {
            return Sample {
                segments: Vec::new(),
                other: Some("$".to_owned()),
                here,
                scope: whole,
            };
        };
        let readable = |step: &Step| !matches!(step, Step::Name(None));
        if let (true, Step::Name(Some(name))) = (forms.deep && self.chance.percent(12), last) {
            let segment = self.name(name, Ends::Members);
            let scope = value_at(document, &spot.steps[..spot.steps.len() - 1]).cloned();
            return Sample {
                segments: Vec::new(),
                other: Some(format!("**.{}", segment.text)),
                here,
                scope,
            };
        }
        if spot.steps.iter().all(readable) && self.chance.percent(10) {
            return Sample {
                segments: Vec::new(),
                other: Some(pointer(&spot.steps)),
                here,
                scope: whole,
            };
        }
        let count = spot.steps.len();
        let mut segments = Vec::with_capacity(count);
        for (index, step) in spot.steps.iter().enumerate() {
            let segment = match step {
                Step::Name(Some(name)) => {
                    let end = if index + 1 == count { ends } else { Ends::Anything };
                    self.name(name, end)
                }
                Step::Name(None) => Segment {
                    text: "*".to_owned(),
                    wildcard: true,
                },
                Step::Index(index, length) => match self.chance.below(10) {
                    0..4 => Segment {
                        text: format!("[{index}]"),
                        wildcard: false,
                    },
                    4 => Segment {
                        text: format!("[-{}]", length - index),
                        wildcard: false,
                    },
                    _ => Segment {
                        text: "[*]".to_owned(),
                        wildcard: true,
                    },
                },
            };
            segments.push(segment);
        }
        let mut sample = Sample {
            segments,
            other: None,
            here,
            scope: None,
        };
        sample.scope = value_at(document, &spot.steps[..sample.shared()]).cloned();
        sample
    }

    /// A segment that meets this name, among others perhaps.
    pub(super) fn name(&mut self, name: &str, ends: Ends) -> Segment {
        let wild = |text: String| Segment { text, wildcard: true };
        if ends == Ends::Name || self.chance.percent(82) {
            return name_segment(name);
        }
        let bare = |part: &str| {
            part.chars()
                .all(|character| character.is_ascii_alphanumeric() || character == '_')
        };
        let cut = name.char_indices().nth(2).map_or(0, |(at, _)| at);
        let (head, tail) = name.split_at(cut);
        match self.chance.below(3) {
            0 if !head.is_empty()
                && bare(head)
                && !head.starts_with(|first: char| first.is_ascii_digit()) =>
            {
                wild(format!("{head}*"))
            }
            1 if !tail.is_empty() && bare(tail) => wild(format!("*{tail}")),
            _ => wild("*".to_owned()),
        }
    }

    /// A name for something new, or for something that is there.
    pub(super) fn target_name(&mut self, parent: Option<&Value>) -> String {
        if let Some(Value::Object(members)) = parent {
            let named = members.iter().filter_map(|member| member.name.read().ok());
            let there: Vec<_> = named.filter(|name| name != RESERVED_NAME).collect();
            if !there.is_empty() && self.chance.percent(42) {
                return there[self.chance.below(there.len())].clone().into_owned();
            }
        }
        (*self.chance.pick(&["n1", "n2", "new name", "a", "v", "x_9", "0"])).to_owned()
    }
}

pub(super) fn value_at<'a>(document: &'a Value, steps: &[Step]) -> Option<&'a Value> {
    steps
        .iter()
        .try_fold(document, |value, step| match (value, step) {
            (Value::Object(members), Step::Name(Some(name))) => members
                .iter()
                .rev()
                .find(|member| member.name.is(name))
                .map(|member| &member.value),
            (Value::Object(members), Step::Name(None)) => members
                .iter()
                .find(|member| member.name.read().is_err())
                .map(|member| &member.value),
            (Value::Array(elements), Step::Index(index, _)) => elements.get(*index),
            _ => None,
        })
}

fn pointer(steps: &[Step]) -> String {
    let token = |step: &Step| match step {
        Step::Name(name) => {
            let name = name.as_deref().unwrap_or_default();
            format!("/{}", name.replace('~', "~0").replace('/', "~1"))
        }
        Step::Index(index, _) => format!("/{index}"),
    };
    steps.iter().map(token).collect()
}
