//! `expand`: members with joined names as nested objects. Its way back is `flatten`.

use crate::migration::proof::{After, Prover, object_node};
use crate::migration::shape::{self, ObjectShape, ShapePath};
use std::collections::HashMap;
use std::collections::{BTreeMap, VecDeque};

use crate::migration::canonical::Canonical;
use crate::migration::context::{Context, Effect, OnConflict, OnError};
use crate::migration::document::{Kind, Member, Text, Value};
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::limits::Limits;
use crate::migration::load::fields::Fields;
use crate::migration::op::convert::wrong_kind;
use crate::migration::op::flatten::Flatten;
use crate::migration::op::{Inverse, Op};
use crate::migration::outcome::Change;
use crate::migration::path::{Path, Takes};

/// The delimiter that `flatten` and `expand` use where none is given.
pub(super) const DEFAULT_DELIMITER: &str = ".";

/// Expands an object's own names; it does not look into its values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expand {
    path: Path,
    delimiter: String,
    on_conflict: OnConflict,
}

impl Expand {
    /// What undoes a `flatten`.
    pub(super) fn new(path: Path, delimiter: String) -> Self {
        Self {
            path,
            delimiter,
            on_conflict: OnConflict::Fail,
        }
    }

    /// Reads the operands.
    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let path = fields.path("expand", Takes::PLACES.whole());
        let delimiter = delimiter(fields);
        let on_conflict = fields.choice("on_conflict", &OnConflict::CHOICES, OnConflict::Fail);
        Some(Self {
            path: path?,
            delimiter,
            on_conflict,
        })
    }

    /// Writes the operands for the digest.
    pub(super) fn canonical(&self, out: &mut Canonical) {
        out.text("expand", &self.path);
        if self.delimiter != DEFAULT_DELIMITER {
            out.text("delimiter", &self.delimiter);
        }
        out.choice(
            "on_conflict",
            &OnConflict::CHOICES,
            self.on_conflict,
            OnConflict::Fail,
        );
    }

    /// Expands at every place.
    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        let mut kept_targets = 0;
        let mut change = context.change_values(&self.path, OnError::Fail, |value| {
            let members = match value {
                Value::Null => return Ok(Effect::Absent),
                Value::Object(members) => members,
                _ => return Err(wrong_kind("expected an object")),
            };
            let names: Vec<_> = members
                .iter()
                .map(|member| member.name.split_on(&self.delimiter))
                .collect();
            if names.iter().all(|pieces| pieces.len() == 1) {
                return Ok(Effect::Unchanged);
            }
            let mut tree = Tree {
                on_conflict: self.on_conflict,
                kept_targets: 0,
                entries: Vec::new(),
                places: HashMap::new(),
            };
            // What does not move is there before anything that does, wherever it stands.
            for (place, member) in members
                .iter()
                .enumerate()
                .filter(|(place, _)| names[*place].len() == 1)
            {
                tree.push(place, &member.name, Node::Leaf(member.value.clone()));
            }
            for (place, member) in members
                .iter()
                .enumerate()
                .filter(|(place, _)| names[*place].len() > 1)
            {
                tree.expand(place, &names[place], member.value.clone())?;
            }
            kept_targets += tree.kept_targets;
            *members = tree.finish();
            Ok(Effect::Changed)
        })?;
        change.kept_targets += kept_targets;
        Ok(change)
    }

    /// Where it works.
    pub(super) fn paths(&mut self) -> Vec<&mut Path> {
        vec![&mut self.path]
    }

    /// What it makes of a shape.
    pub(super) fn prove(&self, prover: &mut Prover, node: shape::Node) -> After {
        prover.convert(
            &self.path,
            node,
            "an object",
            OnError::Fail,
            |prover, kinds, at| {
                kinds.made.object = kinds
                    .unfit
                    .object
                    .take()
                    .map(|object| self.expanded(prover, object, at));
            },
        )
    }

    fn expanded(&self, prover: &mut Prover, object: ObjectShape, at: &ShapePath) -> ObjectShape {
        if object.others.is_some() {
            prover.undecide(
                at,
                "which members are expanded is known only when a message is there",
            );
            return ObjectShape::open();
        }
        let members = object.members.into_iter().map(|member| {
            let pieces = member.name.split(&self.delimiter).map(str::to_owned).collect();
            (pieces, member.required, member.value)
        });
        expanded_shape(members.collect())
    }

    /// Flattening gives the names back where no value was an object before.
    pub(super) fn inverse(&self) -> Inverse {
        let back = Op::Flatten(Flatten::new(self.path.clone(), self.delimiter.clone()));
        Inverse::restorable(back, "a value that was an object before is flattened, too")
    }
}

/// Reads `delimiter`, which `flatten` takes as well.
pub(super) fn delimiter(fields: &mut Fields<'_, '_>) -> String {
    let delimiter = fields
        .optional_text("delimiter")
        .unwrap_or(DEFAULT_DELIMITER)
        .to_owned();
    if delimiter.is_empty() {
        fields.error("delimiter", "expected a delimiter, found an empty text");
    }
    delimiter
}

/// An object while it is made. Entries know the place of the member that they came from.
struct Tree {
    on_conflict: OnConflict,
    kept_targets: u64,
    entries: Vec<(usize, Text, Node)>,
    /// Where the entries of a name stand: an object may have a hundred thousand names.
    places: HashMap<Vec<u32>, Vec<usize>>,
}

enum Node {
    /// A value that is not looked into.
    Leaf(Value),
    /// An object that is being made.
    Branch(Branch),
    /// What was here has given way to something else.
    Gone,
}

/// The members of an object that is being made, each name once.
#[derive(Default)]
struct Branch {
    members: Vec<(Text, Node)>,
    places: HashMap<Vec<u32>, usize>,
}

impl Branch {
    /// The member of this name, unless it has given way.
    fn find(&self, name: &Text) -> Option<usize> {
        self.places.get(&name.sort_key()).copied()
    }

    fn push(&mut self, name: &Text, node: Node) -> usize {
        let place = self.members.len();
        self.places.insert(name.sort_key(), place);
        self.members.push((name.clone(), node));
        place
    }
}

impl Tree {
    fn expand(&mut self, place: usize, pieces: &[Text], value: Value) -> Result<(), Failure> {
        let Some((first, rest)) = pieces.split_first() else {
            return Ok(());
        };
        if pieces.len() > Limits::WORKING_DEPTH {
            return Err(Failure::new(
                FailureKind::Limit,
                "expected a name with fewer parts",
            ));
        }
        let there = self
            .places
            .get(&first.sort_key())
            .and_then(|places| places.first().copied());
        let index = match there {
            Some(index) if matches!(self.entries[index].2, Node::Branch(_)) => index,
            Some(index) => {
                let Node::Leaf(found) = &self.entries[index].2 else {
                    return Ok(());
                };
                match give_way(self.on_conflict, found.kind())? {
                    Way::Stays => {
                        self.kept_targets += 1;
                        return Ok(());
                    }
                    Way::Goes => self.give_up(first),
                }
                self.branch(place, first)
            }
            None => self.branch(place, first),
        };
        let on_conflict = self.on_conflict;
        if let Node::Branch(children) = &mut self.entries[index].2 {
            self.kept_targets += insert(children, rest, value, on_conflict)?;
        }
        Ok(())
    }

    fn branch(&mut self, place: usize, name: &Text) -> usize {
        self.push(place, name, Node::Branch(Branch::default()))
    }

    fn push(&mut self, place: usize, name: &Text, node: Node) -> usize {
        let index = self.entries.len();
        self.places.entry(name.sort_key()).or_default().push(index);
        self.entries.push((place, name.clone(), node));
        index
    }

    /// Every member of this name gives way.
    fn give_up(&mut self, name: &Text) {
        for index in self.places.remove(&name.sort_key()).unwrap_or_default() {
            self.entries[index].2 = Node::Gone;
        }
    }

    fn finish(mut self) -> Vec<Member> {
        self.entries.sort_by_key(|(place, ..)| *place);
        self.entries
            .into_iter()
            .filter_map(|(_, name, node)| node.finish(name))
            .collect()
    }
}

impl Node {
    fn finish(self, name: Text) -> Option<Member> {
        let value = match self {
            Self::Leaf(value) => value,
            Self::Branch(branch) => Value::Object(
                branch
                    .members
                    .into_iter()
                    .filter_map(|(name, node)| node.finish(name))
                    .collect(),
            ),
            Self::Gone => return None,
        };
        Some(Member { name, value })
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Leaf(value) => value.kind(),
            Self::Branch(_) | Self::Gone => Kind::Object,
        }
    }
}

enum Way {
    Stays,
    Goes,
}

fn give_way(on_conflict: OnConflict, there: Kind) -> Result<Way, Failure> {
    match on_conflict {
        OnConflict::Fail | OnConflict::Merge => {
            Err(Failure::new(FailureKind::Conflict, "expected no two values for one name").found(there))
        }
        OnConflict::KeepTarget => Ok(Way::Stays),
        OnConflict::Replace => Ok(Way::Goes),
    }
}

/// Puts a value below a branch. Gives the number of values that were given up for what was there.
fn insert(
    mut branch: &mut Branch,
    pieces: &[Text],
    value: Value,
    on_conflict: OnConflict,
) -> Result<u64, Failure> {
    let Some((last, way)) = pieces.split_last() else {
        return Ok(0);
    };
    for piece in way {
        let mut index = branch.find(piece);
        if let Some(there) = index
            && let Node::Leaf(found) = &branch.members[there].1
        {
            match give_way(on_conflict, found.kind())? {
                Way::Stays => return Ok(1),
                Way::Goes => {
                    branch.members[there].1 = Node::Gone;
                    index = None;
                }
            }
        }
        let index = index.unwrap_or_else(|| branch.push(piece, Node::Branch(Branch::default())));
        let Node::Branch(inner) = &mut branch.members[index].1 else {
            return Ok(0);
        };
        branch = inner;
    }
    if let Some(there) = branch.find(last) {
        match give_way(on_conflict, branch.members[there].1.kind())? {
            Way::Stays => return Ok(1),
            Way::Goes => branch.members[there].1 = Node::Gone,
        }
    }
    branch.push(last, Node::Leaf(value));
    Ok(0)
}

/// The object of members whose names are in pieces. Of what meets something else nothing is known any more.
fn expanded_shape(members: Vec<(VecDeque<String>, bool, shape::Node)>) -> ObjectShape {
    let mut object = ObjectShape {
        members: Vec::new(),
        others: None,
    };
    let mut groups: BTreeMap<String, Vec<(VecDeque<String>, bool, shape::Node)>> = BTreeMap::new();
    for (mut pieces, required, value) in members {
        let Some(first) = pieces.pop_front() else { continue };
        if pieces.is_empty() {
            object.put(&first, required, value);
        } else {
            groups.entry(first).or_default().push((pieces, required, value));
        }
    }
    for (name, group) in groups {
        let there = object.look(&name);
        let required = group.iter().any(|(_, required, _)| *required);
        let always = required || there.as_ref().is_some_and(|(required, _)| *required);
        let value = match there {
            Some(_) => shape::Node::Anything,
            None => object_node(expanded_shape(group)),
        };
        object.put(&name, always, value);
    }
    object
}

#[cfg(test)]
mod tests {
    use crate::migration::op::testing::{applies, fails, unchanged};

    #[test]
    fn names_become_objects_at_the_place_of_the_first() {
        applies(
            r#"{"expand":"$"}"#,
            r#"{"y":1.0,"a.b":1,"x":2,"a.c.d":3,".":4}"#,
            r#"{"y":1.0,"a":{"b":1,"c":{"d":3}},"x":2,"":{"":4}}"#,
        );
        applies(
            r#"{"expand":"$","delimiter":"::"}"#,
            r#"{"a::b":1,"c:d":2}"#,
            r#"{"a":{"b":1},"c:d":2}"#,
        );
        unchanged(r#"{"expand":"$"}"#, r#"{"a":{"b.c":1}}"#, "unchanged");
    }

    #[test]
    fn two_values_for_one_name_are_settled_as_asked() {
        let replace = r#"{"expand":"$","on_conflict":"replace"}"#;
        let keep = r#"{"expand":"$","on_conflict":"keep_target"}"#;
        for (document, replaced, kept) in [
            (r#"{"a.b":1,"a":{"c":2}}"#, r#"{"a":{"b":1}}"#, r#"{"a":{"c":2}}"#),
            (
                r#"{"a.b":1,"a.b.c":2}"#,
                r#"{"a":{"b":{"c":2}}}"#,
                r#"{"a":{"b":1}}"#,
            ),
            (
                r#"{"a.b.c":1,"a.b":2}"#,
                r#"{"a":{"b":2}}"#,
                r#"{"a":{"b":{"c":1}}}"#,
            ),
        ] {
            fails(r#"{"expand":"$"}"#, document, "conflict at $");
            applies(replace, document, replaced);
            applies(keep, document, kept);
        }
    }

    #[test]
    fn a_name_with_very_many_parts_is_a_limit() {
        fails(
            r#"{"expand":"$"}"#,
            &format!(r#"{{"{}":1}}"#, ".".repeat(10_000)),
            "limit at $",
        );
    }

    #[test]
    fn a_lone_surrogate_in_a_name_is_carried_as_it_is() {
        applies(r#"{"expand":"$"}"#, r#"{"\ud800.b":1}"#, r#"{"\ud800":{"b":1}}"#);
    }

    #[test]
    fn very_many_names_are_expanded_in_one_pass() {
        // Comparing each with each would take these minutes.
        let members = |form: &dyn Fn(usize) -> String| {
            let members: Vec<_> = (0..100_000).map(form).collect();
            format!("{{{}}}", members.join(","))
        };
        applies(
            r#"{"expand":"$"}"#,
            &members(&|index| format!(r#""a{index}.b":1"#)),
            &members(&|index| format!(r#""a{index}":{{"b":1}}"#)),
        );
        applies(
            r#"{"expand":"$"}"#,
            &members(&|index| format!(r#""a.b{index}":1"#)),
            &format!(r#"{{"a":{}}}"#, members(&|index| format!(r#""b{index}":1"#))),
        );
    }
}
