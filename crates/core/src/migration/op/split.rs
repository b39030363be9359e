//! `split`: the parts of a string, as an array in its place or as siblings. Its way back is `join`.

use crate::migration::canonical::Canonical;
use crate::migration::context::OnConflict;
use crate::migration::context::{Context, Effect, OnError, Tally};
use crate::migration::document::Value;
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::load::fields::Fields;
use crate::migration::op::convert::{format, read, wrong_kind};
use crate::migration::op::join::Join;
use crate::migration::op::{Inverse, Op};
use crate::migration::outcome::Change;
use crate::migration::path::Segment;
use crate::migration::path::{Ends, Name, Path, Takes};
use crate::migration::place::Occurrences;
use crate::migration::proof::{After, Converted, Prover};
use crate::migration::shape::{ArrayShape, Kinds, Node, ObjectShape, StringShape};

/// Splits strings at a separator.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Split {
    pub(crate) path: Path,
    on: String,
    /// Empty: into an array, in place.
    pub(crate) into: Vec<Name>,
    trim: bool,
    on_error: OnError,
}

impl Split {
    /// What undoes a `join` with this separator.
    pub(super) fn new(path: Path, on: String, into: Vec<Name>) -> Self {
        Self {
            path,
            on,
            into,
            trim: false,
            on_error: OnError::Fail,
        }
    }

    /// Reads the operands.
    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let ends = if fields.has("into") {
            Ends::Members
        } else {
            Ends::Anything
        };
        let path = fields.path("split", Takes::PLACES.ends(ends));
        let on = fields.text("on").map(str::to_owned);
        if on.as_deref() == Some("") {
            fields.error("on", "expected a separator, found an empty text");
        }
        let into = if fields.has("into") {
            fields.names("into")
        } else {
            Some(Vec::new())
        };
        let trim = fields.flag("trim", false);
        let on_error = fields.choice("on_error", &OnError::CHOICES, OnError::Fail);
        Some(Self {
            path: path?,
            on: on?,
            into: into?,
            trim,
            on_error,
        })
    }

    /// Writes the operands for the digest.
    pub(super) fn canonical(&self, out: &mut Canonical) {
        out.text("split", &self.path);
        out.text("on", &self.on);
        if !self.into.is_empty() {
            out.texts("into", &self.into);
        }
        out.flag("trim", self.trim);
        out.choice("on_error", &OnError::CHOICES, self.on_error, OnError::Fail);
    }

    /// Splits at every place.
    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        if self.into.is_empty() {
            return context.change_values(&self.path, self.on_error, |value| self.split_into_array(value));
        }
        let mut tally = Tally::default();
        for turn in context.branches(&self.path, Occurrences::Last) {
            let Some(place) = context.admit(turn, &mut tally)? else {
                continue;
            };
            match self.split_into_siblings(context, &place.location, &mut tally) {
                Ok(effect) => tally.count(effect),
                Err(failure) => context.mismatched(failure, &mut tally)?,
            }
        }
        context.finish(&self.path, &tally)
    }

    fn split_into_array(&self, value: &mut Value) -> Result<Effect, Failure> {
        let parts = match value {
            Value::Null => return Ok(Effect::Unchanged),
            Value::String(text) => self.parts(&read(text)?, usize::MAX),
            _ => return Err(wrong_kind("expected a string")),
        };
        *value = Value::Array(parts);
        Ok(Effect::Changed)
    }

    fn split_into_siblings(
        &self,
        context: &mut Context<'_>,
        location: &[usize],
        tally: &mut Tally,
    ) -> Result<Effect, Failure> {
        let Some((index, parent)) = location.split_last() else {
            return Ok(Effect::Absent);
        };
        let source = match context.get(parent) {
            Some(Value::Object(members)) => members[*index].name.clone(),
            Some(other) => {
                let failure = Failure::new(FailureKind::Mismatch, "expected an object");
                return Err(failure.at(context.show(parent)).found(other.kind()));
            }
            None => return Ok(Effect::Absent),
        };
        let Some(value) = context.get(location) else {
            return Ok(Effect::Absent);
        };
        let found = value.kind();
        let parts = match value {
            Value::Null => return Ok(Effect::Unchanged),
            Value::String(text) => read(text).and_then(|text| {
                let parts = self.parts(&text, self.into.len());
                let enough = parts.len() == self.into.len();
                if enough {
                    Ok(parts)
                } else {
                    Err(format("expected as many parts as `into` has names"))
                }
            }),
            _ => Err(wrong_kind("expected a string")),
        };
        for name in &self.into {
            if let Some(there) = context.occurrences(parent, name).last()
                && !name.matches(&source)
            {
                return Err(context.conflict_at(there));
            }
        }
        let parts = match parts {
            Ok(parts) => parts,
            Err(failure) => {
                let failure = failure.at(context.show(location)).found(found);
                let Some(value) = context.get_mut(location) else {
                    return Err(failure);
                };
                let effect = self.on_error.settle(failure, value, tally)?;
                if effect == Effect::Removed {
                    context.take_named(parent, &source);
                }
                return Ok(effect);
            }
        };
        if let ([name], [part]) = (self.into.as_slice(), parts.as_slice())
            && context.is_only_and_last(parent, name, part)
        {
            return Ok(Effect::Unchanged);
        }
        context.take_named(parent, &source);
        for (name, part) in self.into.iter().zip(parts) {
            context.append(parent, name, part);
        }
        Ok(Effect::Changed)
    }

    fn parts(&self, text: &str, most: usize) -> Vec<Value> {
        let trim = |part: &str| Value::string(if self.trim { part.trim() } else { part });
        text.splitn(most, self.on.as_str()).map(trim).collect()
    }

    /// Where it works.
    pub(super) fn paths(&mut self) -> Vec<&mut Path> {
        vec![&mut self.path]
    }

    /// What it makes of a shape.
    pub(super) fn prove(&self, prover: &mut Prover, node: Node) -> After {
        if !self.into.is_empty() {
            return self.prove_siblings(prover, node);
        }
        prover.convert(&self.path, node, "a string", self.on_error, |_, kinds, _| {
            if let Some(string) = kinds.unfit.string.take() {
                kinds.made.array = Some(ArrayShape {
                    element: text_node(),
                    least: 1,
                    most: None,
                });
                kinds.doubtful.string = Some(string);
            }
        })
    }

    /// Into members beside the source, which are judged together with it.
    fn prove_siblings(&self, prover: &mut Prover, node: Node) -> After {
        prover.objects(&self.path, node, &mut |prover, object, last, at| {
            let (Segment::Name(source) | Segment::Token(source)) = last else {
                prover.met.push(at.others());
                prover.undecide(at, "which member is split is known only when a message is there");
                return Some(ObjectShape::open());
            };
            let source = source.as_str();
            let (required, value) = match object.look(source) {
                Some(found) => found,
                None => return Some(object),
            };
            let place = at.member(source);
            prover.met.push(place.clone());
            let seen = prover.see(&value);
            let mut converted = Converted::leaving_null(&seen);
            let string = converted.unfit.string.take();
            converted.doubtful.string.clone_from(&string);
            if self.into.len() > 1 {
                converted.doubt = Some("a text may have fewer parts than there are names");
            }
            let settled = prover.settle(&seen, converted, "a string", self.on_error, &place);
            let mut all: Vec<ObjectShape> = Vec::new();
            let mut without = object.clone();
            without.erase(source);
            if !required || settled.gone {
                all.push(without.clone());
            }
            if !settled.value.is_impossible() {
                let mut kept = object;
                kept.put(source, true, settled.value);
                all.push(kept);
            }
            if string.is_some() {
                let mut parts = Some(without);
                for name in &self.into {
                    let name = name.as_str();
                    parts = parts.filter(|parts| {
                        let mut parts = parts.clone();
                        prover.meet(&mut parts, name, (true, text_node()), OnConflict::Fail, at)
                    });
                    if let Some(parts) = &mut parts {
                        parts.put(name, true, text_node());
                    }
                }
                all.extend(parts);
            }
            prover.one_of(all)
        })
    }

    /// Joining the parts gives the string back, unless they were trimmed.
    pub(super) fn inverse(&self) -> Inverse {
        let join = match self.into.as_slice() {
            [] => Some(Join::array(self.path.clone(), self.on.clone())),
            names => Join::siblings(&self.path, names, self.on.clone()),
        };
        let Some(join) = join else {
            return Inverse::none("the name of the source is known only when the operation runs");
        };
        if self.trim {
            return Inverse::restorable(Op::Join(join), "white space around the parts does not come back");
        }
        if self.on_error != OnError::Fail {
            return Inverse::restorable(
                Op::Join(join),
                "a value that could not be split does not come back",
            );
        }
        if self.into.is_empty() {
            return Inverse::lossless(Op::Join(join));
        }
        Inverse::restorable(
            Op::Join(join),
            "the value comes back at the end of its object, not in its place",
        )
    }
}

/// The shape of any string.
pub(super) fn text_node() -> Node {
    Kinds {
        string: Some(StringShape::default()),
        ..Kinds::default()
    }
    .into()
}

#[cfg(test)]
mod tests {
    use crate::migration::op::testing::{applies, fails, refuses, unchanged};

    #[test]
    fn what_is_put_where_it_stands_already_is_unchanged() {
        unchanged(
            r#"{"split":"a","on":",","into":["a"]}"#,
            r#"{"b":1,"a":"\u0078,y"}"#,
            "unchanged",
        );
        applies(
            r#"{"split":"a","on":",","into":["a"]}"#,
            r#"{"a":"x","b":1}"#,
            r#"{"b":1,"a":"x"}"#,
        );
    }

    #[test]
    fn a_string_becomes_an_array_or_siblings() {
        applies(
            r#"{"split":"a","on":","}"#,
            r#"{"a":"x,,y"}"#,
            r#"{"a":["x","","y"]}"#,
        );
        applies(
            r#"{"split":"a","on":" ","into":["b","c"],"trim":true}"#,
            r#"{"a":"x  y z","z":1}"#,
            r#"{"z":1,"b":"x","c":"y z"}"#,
        );
    }

    #[test]
    fn every_occurrence_of_the_source_goes_and_the_last_is_split() {
        applies(
            r#"{"split":"a","on":"-","into":["a","b"]}"#,
            r#"{"a":"x","a":"1-2"}"#,
            r#"{"a":"1","b":"2"}"#,
        );
    }

    #[test]
    fn a_name_that_is_there_is_a_conflict_whatever_on_error_says() {
        fails(
            r#"{"split":"a","on":"-","into":["b","c"],"on_error":"keep"}"#,
            r#"{"a":"x","c":[]}"#,
            "conflict at c: expected no member of this name, found an array",
        );
        unchanged(
            r#"{"split":"a","on":"-","into":["b","c"],"on_error":"keep"}"#,
            r#"{"a":"x"}"#,
            "unchanged",
        );
    }

    #[test]
    fn siblings_need_a_member_and_a_separator_is_never_empty() {
        refuses(r#"{"split":"a[*]","on":"-","into":["b"]}"#, "expected");
        refuses(r#"{"split":"a","on":""}"#, "separator");
    }
}
