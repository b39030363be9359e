//! Whether documents of one shape fit another, and where they may not.

use std::collections::HashSet;
use std::sync::Arc;

use super::{ArrayShape, Kinds, Node, NumberShape, ObjectShape, Shape, ShapePath, StringShape, TextFormat};

/// How many misfits are told. Who changed everything need not read of each.
const MOST_MISFITS: usize = 200;

/// How deep two shapes are compared; documents are less deep by default.
const DEEPEST: usize = 128;

/// How sure it is that documents do not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Certainty {
    /// The shape says too little: a rule of the other shape is one about which it says nothing.
    Unknown,
    /// Some documents of the shape do not fit. Others do.
    Possible,
    /// No document of the shape fits.
    Certain,
}

/// A place at which documents of one shape may not fit another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// Where.
    pub path: ShapePath,
    /// How sure it is.
    pub certainty: Certainty,
    /// What is expected there: `a string or null`, `a member of this name`.
    pub expected: String,
    /// What there is instead, or may be: `a number`, `documents without it`.
    pub found: String,
}

impl Shape {
    /// Where documents of this shape may not fit another one.
    ///
    /// None: every document of this shape fits the other shape. What a schema asks for beyond its shape, such as a
    /// pattern, is not compared. At most 200 are told, in the order of the shapes.
    #[must_use]
    pub fn misfits(&self, into: &Self) -> Vec<Misfit> {
        let mut comparison = Comparison {
            from: self,
            to: into,
            seen: HashSet::new(),
            misfits: Vec::new(),
        };
        comparison.nodes(
            &self.root,
            &into.root,
            &At {
                path: ShapePath::default(),
                sure: true,
                depth: 0,
            },
        );
        comparison.misfits
    }
}

/// A place of both shapes.
struct At {
    path: ShapePath,
    /// Every document has this place, or does not fit anyway.
    sure: bool,
    depth: usize,
}

impl At {
    fn into(&self, path: ShapePath, sure: bool) -> Self {
        Self {
            path,
            sure: self.sure && sure,
            depth: self.depth + 1,
        }
    }
}

struct Comparison<'a> {
    from: &'a Shape,
    to: &'a Shape,
    /// Pairs of definitions that are compared already: shapes may be recursive.
    seen: HashSet<(Arc<str>, Arc<str>)>,
    misfits: Vec<Misfit>,
}

impl<'a> Comparison<'a> {
    fn nodes(&mut self, from: &'a Node, to: &'a Node, at: &At) {
        if let (Node::Reference(from), Node::Reference(to)) = (from, to)
            && !self.seen.insert((Arc::clone(from), Arc::clone(to)))
        {
            return;
        }
        let Some(to) = self.to.kinds(to) else { return };
        let Some(from) = self.from.kinds(from) else {
            self.tell(at, Certainty::Unknown, to.to_string(), "anything".to_owned());
            return;
        };
        if at.depth > DEEPEST || self.misfits.len() >= MOST_MISFITS {
            return;
        }
        self.kinds(from, to, at);
    }

    fn kinds(&mut self, from: &'a Kinds, to: &'a Kinds, at: &At) {
        let unfit = from.without(to);
        if !unfit.is_empty() {
            let certainty = certain_if(at.sure && unfit.kinds().count() == from.kinds().count());
            self.tell(at, certainty, to.to_string(), unfit.to_string());
        }
        // Values of another kind do not fit anyway, or are there beside this kind.
        let common = from.kinds().filter(|kind| to.has(*kind)).count();
        let at = &At {
            path: at.path.clone(),
            sure: at.sure && common == 1,
            depth: at.depth,
        };
        if let (Some(from), Some(to)) = (&from.number, &to.number) {
            self.numbers(from, to, at);
        }
        if let (Some(from), Some(to)) = (&from.string, &to.string) {
            self.strings(from, to, at);
        }
        if let (Some(from), Some(to)) = (&from.array, &to.array) {
            self.arrays(from, to, at);
        }
        if let (Some(from), Some(to)) = (&from.object, &to.object) {
            self.objects(from, to, at);
        }
    }

    fn numbers(&mut self, from: &NumberShape, to: &NumberShape, at: &At) {
        if to.integer && !from.integer {
            self.tell(
                at,
                Certainty::Possible,
                "an integer".to_owned(),
                "a number with a fraction".to_owned(),
            );
        }
        let Some((least, greatest)) = to.range else { return };
        let expected = format!("a number from {least} to {greatest}");
        match from.range {
            None => self.tell(
                at,
                Certainty::Unknown,
                expected,
                "a number of any size".to_owned(),
            ),
            Some((low, high)) if low < least || high > greatest => {
                let certainty = certain_if(at.sure && (high < least || low > greatest));
                self.tell(at, certainty, expected, format!("one from {low} to {high}"));
            }
            Some(_) => {}
        }
    }

    fn strings(&mut self, from: &StringShape, to: &StringShape, at: &At) {
        if let Some(values) = &to.values {
            let expected = format!("one of {}", listed(values));
            match &from.values {
                None => self.tell(at, Certainty::Possible, expected, "another text".to_owned()),
                Some(own) => {
                    let unfit: Vec<String> = own
                        .iter()
                        .filter(|value| !values.contains(value))
                        .cloned()
                        .collect();
                    if !unfit.is_empty() {
                        let certainty = certain_if(at.sure && unfit.len() == own.len());
                        self.tell(at, certainty, expected, listed(&unfit));
                    }
                }
            }
        }
        match (from.format, to.format) {
            (_, None) => {}
            (Some(own), Some(wanted)) if own == wanted => {}
            (Some(own), Some(wanted)) => {
                self.tell(
                    at,
                    Certainty::Possible,
                    wanted.noun().to_owned(),
                    own.noun().to_owned(),
                );
            }
            (None, Some(wanted)) => {
                self.tell(
                    at,
                    Certainty::Unknown,
                    wanted.noun().to_owned(),
                    "any text".to_owned(),
                );
            }
        }
    }

    fn arrays(&mut self, from: &'a ArrayShape, to: &'a ArrayShape, at: &At) {
        if from.least < to.least {
            let never = from.most.is_some_and(|most| most < to.least);
            let expected = format!("at least {} elements", to.least);
            self.tell(at, certain_if(at.sure && never), expected, "fewer".to_owned());
        }
        if let Some(most) = to.most
            && from.most.is_none_or(|own| own > most)
        {
            let never = from.least > most;
            let expected = format!("at most {most} elements");
            self.tell(at, certain_if(at.sure && never), expected, "more".to_owned());
        }
        if from.most != Some(0) {
            self.nodes(
                &from.element,
                &to.element,
                &at.into(at.path.elements(), from.least > 0),
            );
        }
    }

    fn objects(&mut self, from: &'a ObjectShape, to: &'a ObjectShape, at: &At) {
        for wanted in &to.members {
            let place = at.path.member(&wanted.name);
            let own = from.member(&wanted.name);
            let required = own.is_some_and(|own| own.required);
            if wanted.required && !required {
                let (certainty, found) = match (own, &from.others) {
                    (None, None) => (certain_if(at.sure), "documents without it"),
                    (None, Some(_)) => (Certainty::Possible, "documents that may be without it"),
                    (Some(_), _) => (Certainty::Possible, "documents without it"),
                };
                let expected = "a member of this name".to_owned();
                self.tell(
                    &at.into(place.clone(), true),
                    certainty,
                    expected,
                    found.to_owned(),
                );
            }
            let value = own.map(|own| &own.value).or(from.others.as_ref());
            if let Some(value) = value {
                // A member that can have no value is never there.
                let sure = required || wanted.required;
                if !self.is_impossible(value) {
                    self.nodes(value, &wanted.value, &at.into(place, sure));
                }
            }
        }
        for own in &from.members {
            if to.member(&own.name).is_some() || self.is_impossible(&own.value) {
                continue;
            }
            let place = at.into(at.path.member(&own.name), own.required);
            match &to.others {
                Some(others) => self.nodes(&own.value, others, &place),
                None => {
                    let certainty = certain_if(place.sure);
                    self.tell(
                        &place,
                        certainty,
                        "no member of this name".to_owned(),
                        "documents with it".to_owned(),
                    );
                }
            }
        }
        if let Some(own) = &from.others {
            let place = at.into(at.path.others(), false);
            match &to.others {
                Some(others) => self.nodes(own, others, &place),
                None if self.is_impossible(own) => {}
                None => self.tell(
                    &place,
                    Certainty::Unknown,
                    "no other members".to_owned(),
                    "documents that may have some".to_owned(),
                ),
            }
        }
    }

    fn is_impossible(&self, node: &Node) -> bool {
        self.from.kinds(node).is_some_and(Kinds::is_empty)
    }

    fn tell(&mut self, at: &At, certainty: Certainty, expected: String, found: String) {
        if self.misfits.len() < MOST_MISFITS {
            self.misfits.push(Misfit {
                path: at.path.clone(),
                certainty,
                expected,
                found,
            });
        }
    }
}

const fn certain_if(certain: bool) -> Certainty {
    if certain {
        Certainty::Certain
    } else {
        Certainty::Possible
    }
}

/// Texts of a schema as a sentence lists them; of many the first ones.
fn listed(values: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<String> = values
        .iter()
        .take(SHOWN)
        .map(|value| format!("`{value}`"))
        .collect();
    let rest = if values.len() > SHOWN { ", …" } else { "" };
    format!("{}{rest}", shown.join(", "))
}

impl TextFormat {
    /// The words for it in a sentence.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Uuid => "a UUID",
            Self::Date => "a date",
            Self::Time => "a time of day",
            Self::DateTime => "a point in time",
            Self::Decimal => "a decimal",
            Self::Bytes => "bytes",
        }
    }
}
