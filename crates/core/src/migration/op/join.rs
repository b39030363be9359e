//! `join`: several texts as one, from an array in place or from siblings. Its way back is `split`.

use crate::migration::canonical::Canonical;
use crate::migration::context::OnConflict;
use crate::migration::context::{Context, Effect, OnError, Tally};
use crate::migration::document::Value;
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::load::fields::Fields;
use crate::migration::op::convert::wrong_kind;
use crate::migration::op::split::Split;
use crate::migration::op::split::text_node;
use crate::migration::op::{Inverse, Op};
use crate::migration::outcome::Change;
use crate::migration::path::{Ends, Name, Path, Segment, Takes};
use crate::migration::place::{Location, Occurrences};
use crate::migration::proof::{After, Prover, Seen};
use crate::migration::shape::{Kinds, Node, ObjectShape, ShapePath, StringShape};

/// Joins texts with a separator.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Join {
    what: What,
    with: String,
    missing: Missing,
}

/// What is joined.
#[derive(Debug, Clone, PartialEq)]
enum What {
    /// The elements of the arrays at this path, in place.
    Array(Path),
    /// The members of these sibling paths, into a new member of their object.
    Siblings { paths: Vec<Path>, into: Name },
}

/// What a part that is missing or `null` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// Nothing is joined.
    Absent,
    /// It is left out.
    Skip,
}

const MISSING: [(&str, Missing); 2] = [("absent", Missing::Absent), ("skip", Missing::Skip)];

impl Join {
    /// What undoes a `split` into an array.
    pub(super) fn array(path: Path, with: String) -> Self {
        Self {
            what: What::Array(path),
            with,
            missing: Missing::Absent,
        }
    }

    /// What undoes a `split` of the member at this path into these siblings.
    pub(super) fn siblings(source: &Path, names: &[Name], with: String) -> Option<Self> {
        let Some(Segment::Name(into) | Segment::Token(into)) = source.last() else {
            return None;
        };
        let parent = source.parent()?;
        let paths = names
            .iter()
            .map(|name| parent.member(name.clone()))
            .collect::<Option<Vec<_>>>()?;
        Some(Self {
            what: What::Siblings {
                paths,
                into: into.clone(),
            },
            with,
            missing: Missing::Absent,
        })
    }

    /// Reads the operands.
    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let what = if fields.is_list("join") {
            let paths = fields.paths("join", Takes::PLACES.ends(Ends::Name));
            let into = fields.name("into");
            let paths = paths.filter(|paths| are_siblings(fields, "join", paths));
            paths
                .zip(into)
                .map(|(paths, into)| What::Siblings { paths, into })
        } else {
            let path = fields.path("join", Takes::PLACES);
            if fields.has("into") {
                fields.error(
                    "into",
                    "`into` goes with a list of siblings; one path is an array, which is joined in place",
                );
            }
            path.map(What::Array)
        };
        let with = fields.optional_text("with").unwrap_or_default().to_owned();
        let missing = fields.choice("missing", &MISSING, Missing::Absent);
        Some(Self {
            what: what?,
            with,
            missing,
        })
    }

    /// Writes the operands for the digest.
    pub(super) fn canonical(&self, out: &mut Canonical) {
        match &self.what {
            What::Array(path) => out.text("join", path),
            What::Siblings { paths, into } => {
                out.texts("join", paths);
                out.text("into", into);
            }
        }
        if !self.with.is_empty() {
            out.text("with", &self.with);
        }
        out.choice("missing", &MISSING, self.missing, Missing::Absent);
    }

    /// Joins at every place.
    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        match &self.what {
            What::Array(path) => context.change_values(path, OnError::Fail, |value| self.join_array(value)),
            What::Siblings { paths, into } => self.join_siblings(context, paths, into),
        }
    }

    fn join_array(&self, value: &mut Value) -> Result<Effect, Failure> {
        let elements = match value {
            Value::Null => return Ok(Effect::Unchanged),
            Value::Array(elements) => elements,
            _ => return Err(wrong_kind("expected an array")),
        };
        let mut texts = Vec::with_capacity(elements.len());
        for element in elements.iter() {
            match text(element)? {
                Some(text) => texts.push(text),
                None if self.missing == Missing::Skip => {}
                None => return Ok(Effect::Absent),
            }
        }
        *value = Value::string(&texts.join(&self.with));
        Ok(Effect::Changed)
    }

    fn join_siblings(
        &self,
        context: &mut Context<'_>,
        paths: &[Path],
        into: &Name,
    ) -> Result<Change, Failure> {
        let mut tally = Tally::default();
        let names: Vec<&Name> = paths.iter().filter_map(last_name).collect();
        let Some(parent) = paths.first().and_then(Path::parent) else {
            return Ok(tally.change());
        };
        for turn in context.branches(&parent, Occurrences::Last) {
            let Some(place) = context.admit(turn, &mut tally)? else {
                continue;
            };
            match context.get(&place.location) {
                Some(Value::Object(_)) => {
                    let effect = self.join_members(context, &place.location, &names, into)?;
                    tally.count(effect);
                }
                Some(Value::Null) | None => tally.count(Effect::Absent),
                Some(other) => {
                    let failure = Failure::new(FailureKind::Mismatch, "expected an object")
                        .at(context.show(&place.location))
                        .found(other.kind());
                    context.mismatched(failure, &mut tally)?;
                }
            }
        }
        context.finish(
            &paths.iter().map(Path::to_string).collect::<Vec<_>>().join(", "),
            &tally,
        )
    }

    fn join_members(
        &self,
        context: &mut Context<'_>,
        parent: &Location,
        names: &[&Name],
        into: &Name,
    ) -> Result<Effect, Failure> {
        let mut texts = Vec::with_capacity(names.len());
        for name in names {
            let member = context.occurrences(parent, name).pop();
            let value = member.as_ref().and_then(|location| context.get(location));
            let found = match (value, member.as_ref()) {
                (Some(value), Some(location)) => {
                    text(value).map_err(|failure| failure.at(context.show(location)).found(value.kind()))?
                }
                _ => None,
            };
            match found {
                Some(text) => texts.push(text),
                None if self.missing == Missing::Skip => {}
                None => return Ok(Effect::Absent),
            }
        }
        if texts.is_empty() {
            return Ok(Effect::Absent);
        }
        if let Some(there) = context.occurrences(parent, into).last()
            && !names.contains(&into)
        {
            return Err(context.conflict_at(there));
        }
        let joined = Value::string(&texts.join(&self.with));
        let alone = names
            .iter()
            .all(|&name| name == into || context.occurrences(parent, name).is_empty());
        if alone && context.is_only_and_last(parent, into, &joined) {
            return Ok(Effect::Unchanged);
        }
        for name in names {
            context.take_all(parent, name);
        }
        context.append(parent, into, joined);
        Ok(Effect::Changed)
    }

    /// Whether several members become one.
    pub(crate) const fn is_of_siblings(&self) -> bool {
        matches!(self.what, What::Siblings { .. })
    }

    /// Where it works.
    pub(super) fn paths(&mut self) -> Vec<&mut Path> {
        match &mut self.what {
            What::Array(path) => vec![path],
            What::Siblings { paths, .. } => paths.iter_mut().collect(),
        }
    }

    /// What it makes of a shape.
    pub(super) fn prove(&self, prover: &mut Prover, node: Node) -> After {
        let (paths, into) = match &self.what {
            What::Siblings { paths, into } => (paths, into),
            What::Array(path) => {
                return prover.convert(path, node, "an array", OnError::Fail, |prover, kinds, at| {
                    let array = kinds.unfit.array.take();
                    let unfit = array.as_ref().map(|array| {
                        let element = prover.see(&array.element);
                        let unfit = Kinds {
                            array: element.kinds.array.clone(),
                            object: element.kinds.object.clone(),
                            ..Kinds::default()
                        };
                        prover.refuse(&at.elements(), &element, &unfit, "a scalar");
                        array.least > 0 && element.kinds.without(&unfit).is_empty()
                    });
                    if unfit == Some(false) {
                        kinds.made.string = Some(StringShape::default());
                        // With a `null` among its elements an array is left as it is.
                        kinds.made.array = array.filter(|_| self.missing == Missing::Absent);
                    }
                });
            }
        };
        let Some(first) = paths.first() else {
            return After::stays(node);
        };
        let names: Vec<&str> = paths.iter().filter_map(last_name).map(Name::as_str).collect();
        prover.objects(first, node, &mut |prover, object, _, at| {
            self.prove_members(prover, object, &names, into.as_str(), at)
        })
    }

    fn prove_members(
        &self,
        prover: &mut Prover,
        object: ObjectShape,
        names: &[&str],
        into: &str,
        at: &ShapePath,
    ) -> Option<ObjectShape> {
        let found: Vec<Option<(bool, Seen)>> = names
            .iter()
            .map(|name| {
                object
                    .look(name)
                    .map(|(required, value)| (required, prover.see(&value)))
            })
            .collect();
        let scalar = |found: &Option<(bool, Seen)>| {
            found.as_ref().is_some_and(|(_, seen)| {
                seen.kinds.boolean || seen.kinds.number.is_some() || seen.kinds.string.is_some()
            })
        };
        for (name, found) in names.iter().zip(&found) {
            if let Some((_, seen)) = found {
                let unfit = Kinds {
                    array: seen.kinds.array.clone(),
                    object: seen.kinds.object.clone(),
                    ..Kinds::default()
                };
                prover.refuse(&at.member(name), seen, &unfit, "a scalar");
            }
        }
        let joins = match self.missing {
            Missing::Absent => found.iter().all(scalar),
            Missing::Skip => found.iter().any(scalar),
        };
        let always = |found: &Option<(bool, Seen)>| {
            found
                .as_ref()
                .is_some_and(|(required, seen)| *required && !seen.kinds.null)
        };
        let leaves = match self.missing {
            Missing::Absent => !found.iter().all(always),
            Missing::Skip => !found.iter().any(always),
        };
        let mut all = Vec::new();
        if leaves {
            all.push(object.clone());
        }
        if joins {
            names.iter().for_each(|name| prover.met.push(at.member(name)));
            prover.met.push(at.member(into));
            let mut joined = object;
            names.iter().for_each(|name| joined.erase(name));
            if prover.meet(&mut joined, into, (true, text_node()), OnConflict::Fail, at) {
                joined.put(into, true, text_node());
                all.push(joined);
            }
        }
        prover.one_of(all)
    }

    /// Splitting gives the parts back where the separator cannot occur in them, which nobody knows beforehand.
    pub(super) fn inverse(&self) -> Inverse {
        if self.with.is_empty() {
            return Inverse::none("without a separator nobody knows where one part ends");
        }
        let split = match &self.what {
            What::Array(path) => Some(Split::new(path.clone(), self.with.clone(), Vec::new())),
            What::Siblings { paths, into } => {
                let names = paths.iter().filter_map(last_name).cloned().collect();
                let source = paths
                    .first()
                    .and_then(Path::parent)
                    .and_then(|parent| parent.member(into.clone()));
                source.map(|source| Split::new(source, self.with.clone(), names))
            }
        };
        match split {
            Some(split) => Inverse::restorable(
                Op::Split(split),
                "parts that hold the separator, numbers, booleans and missing parts do not come back as they were",
            ),
            None => Inverse::none("the joined member cannot be named by a path"),
        }
    }
}

/// The text of a scalar; `None` for `null`.
fn text(value: &Value) -> Result<Option<String>, Failure> {
    match value {
        Value::Null => Ok(None),
        Value::Array(_) | Value::Object(_) => Err(wrong_kind("expected a scalar")),
        Value::String(text) => crate::migration::op::convert::read(text).map(|text| Some(text.into_owned())),
        Value::Bool(flag) => Ok(Some(flag.to_string())),
        Value::Number(number) => Ok(Some(number.as_str().to_owned())),
    }
}

pub(super) fn last_name(path: &Path) -> Option<&Name> {
    match path.last() {
        Some(Segment::Name(name) | Segment::Token(name)) => Some(name),
        _ => None,
    }
}

/// Whether all paths have the same parent; reports those that have not.
pub(super) fn are_siblings(fields: &mut Fields<'_, '_>, field: &'static str, paths: &[Path]) -> bool {
    let Some((first, others)) = paths.split_first() else {
        return false;
    };
    let stranger = others.iter().find(|path| !path.is_sibling_of(first));
    if let Some(stranger) = stranger {
        fields.error(
            field,
            format!("expected siblings, members of one object, found `{first}` and `{stranger}`"),
        );
    }
    stranger.is_none()
}

#[cfg(test)]
mod tests {
    use crate::migration::op::testing::{applies, fails, refuses, unchanged};

    #[test]
    fn what_is_put_where_it_stands_already_is_unchanged() {
        unchanged(
            r#"{"join":["a"],"into":"a"}"#,
            r#"{"b":1,"a":"\u0078"}"#,
            "unchanged",
        );
        let skip = r#"{"join":["c","a"],"into":"a","missing":"skip"}"#;
        unchanged(skip, r#"{"a":"x"}"#, "unchanged");
        applies(skip, r#"{"c":null,"a":"x"}"#, r#"{"a":"x"}"#);
        applies(
            r#"{"join":["a"],"into":"a"}"#,
            r#"{"b":1,"a":5}"#,
            r#"{"b":1,"a":"5"}"#,
        );
    }

    #[test]
    fn an_array_is_joined_in_place_and_siblings_at_the_end() {
        applies(
            r#"{"join":"a","with":"-"}"#,
            r#"{"a":["x",1.0,true],"z":0}"#,
            r#"{"a":"x-1.0-true","z":0}"#,
        );
        applies(
            r#"{"join":["b","a"],"into":"c"}"#,
            r#"{"a":"1","z":0,"b":"2"}"#,
            r#"{"z":0,"c":"21"}"#,
        );
        applies(
            r#"{"join":["p[*].a","p[*].b"],"into":"a","with":"."}"#,
            r#"{"p":[{"a":1,"b":2},{"a":3}]}"#,
            r#"{"p":[{"a":"1.2"},{"a":3}]}"#,
        );
    }

    #[test]
    fn a_missing_part_makes_it_absent_unless_it_is_skipped() {
        unchanged(
            r#"{"join":["a","b"],"into":"c"}"#,
            r#"{"a":"1","b":null}"#,
            "absent",
        );
        applies(
            r#"{"join":["a","b"],"into":"c","missing":"skip"}"#,
            r#"{"a":"1","b":null}"#,
            r#"{"c":"1"}"#,
        );
        unchanged(r#"{"join":"a"}"#, r#"{"a":["x",null]}"#, "absent");
    }

    #[test]
    fn containers_and_taken_names_fail() {
        fails(
            r#"{"join":["a","b"],"into":"c"}"#,
            r#"{"a":1,"b":[]}"#,
            "type at b: expected a scalar, found an array",
        );
        fails(
            r#"{"join":["a","b"],"into":"c"}"#,
            r#"{"a":1,"b":2,"c":3}"#,
            "conflict at c: expected no member of this name, found a number",
        );
        fails(
            r#"{"join":["x.a","x.b"],"into":"c"}"#,
            r#"{"x":1}"#,
            "mismatch at x: expected an object, found a number",
        );
    }

    #[test]
    fn paths_of_different_objects_are_refused() {
        refuses(r#"{"join":["a.x","b.y"],"into":"c"}"#, "siblings");
        refuses(r#"{"join":"a","into":"c"}"#, "into");
        refuses(r#"{"join":["a"]}"#, "into");
    }
}
