//! Where a path leads in one document.
//!
//! A path is resolved completely before an operation changes anything. What comes out are locations: child indexes
//! from the root. They stay valid while the operation works, because values that are taken away leave a vacancy and
//! new members go to the end of their object.

mod aim;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use crate::migration::document::{Kind, Member, Value};
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::path::{Glob, Name, Segment};

pub(crate) use aim::{Aim, Parents, Target, aim};

/// A place in a document: the index of a child at every level, from the root. Empty: the document itself.
pub(crate) type Location = Vec<usize>;

/// A value that a path matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where the value stands.
    pub(crate) location: Location,
    /// How many steps of the location lead to the element of the last wildcard, where `where` begins. Behind `**`
    /// it is the object that holds the name; without a wildcard it is where the path began.
    pub(crate) scope: usize,
}

/// What became of one branch of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Branch {
    /// It matched.
    Place(Place),
    /// It ended early, which is no error by itself.
    Absent(Absent),
    /// It met a value of another kind.
    Mismatch(Mismatch),
}

/// A branch that ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Absent {
    /// Why.
    pub(crate) absence: Absence,
    /// Where `where` begins; `None` where the branch ended before its last wildcard, so that there is no element.
    pub(crate) scope: Option<Location>,
}

impl Absent {
    /// Nothing is there, and no element either.
    pub(crate) const NOWHERE: Self = Self {
        absence: Absence::Missing,
        scope: None,
    };
}

/// Why a branch is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absence {
    /// Something is missing, or `null`.
    Missing,
    /// A wildcard met an empty container. `strict` minds the other absence, and never this one.
    Empty,
}

/// A value of another kind stands where the path goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// Where it stands.
    pub(crate) location: Location,
    /// What the path needs there.
    pub(crate) expected: &'static str,
    /// What is there.
    pub(crate) found: Kind,
    /// As of [`Absent::scope`].
    pub(crate) scope: Option<Location>,
}

impl Mismatch {
    pub(crate) fn failure(&self, document: &Value) -> Failure {
        Failure::new(FailureKind::Mismatch, self.expected)
            .at(show(document, &self.location))
            .found(self.found)
    }
}

/// Which occurrences of a name that stands more than once are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occurrences {
    /// All of them: for operations that work in place.
    Every,
    /// The last one: for values that are taken elsewhere. A wildcard still means every member.
    Last,
}

/// Finds every branch of a path that begins at `base`, in document order.
///
/// Behind `**`, places inside of other places are given, too. Whoever works through them must skip those inside of a
/// value that was removed or replaced.
pub(crate) fn resolve(
    document: &Value,
    base: &[usize],
    segments: &[Segment],
    occurrences: Occurrences,
) -> Vec<Branch> {
    let mut walk = Walk {
        occurrences,
        location: base.to_vec(),
        branches: Vec::new(),
    };
    match get(document, base) {
        // The page: a top-level null is absent to every path, `$` included.
        Some(Value::Null) if base.is_empty() => walk.branches.push(Branch::Absent(absent_at(base, segments))),
        Some(start) => walk.step(start, segments, base.len()),
        None => walk.branches.push(Branch::Absent(Absent::NOWHERE)),
    }
    walk.branches
}

struct Walk {
    occurrences: Occurrences,
    location: Location,
    branches: Vec<Branch>,
}

impl Walk {
    fn step(&mut self, value: &Value, segments: &[Segment], scope: usize) {
        let Some((segment, rest)) = segments.split_first() else {
            self.branches.push(Branch::Place(Place {
                location: self.location.clone(),
                scope,
            }));
            return;
        };
        match children(value, segment, self.occurrences) {
            Children::Found(indexes) => {
                for index in indexes {
                    let Some(child) = child(value, index) else {
                        continue;
                    };
                    self.location.push(index);
                    let scope = if segment.is_wildcard() {
                        self.location.len()
                    } else {
                        scope
                    };
                    self.step(child, rest, scope);
                    self.location.pop();
                }
            }
            Children::Anywhere => {
                let found = self.branches.len();
                self.search(value, rest);
                if self.branches.len() == found {
                    self.branches.push(Branch::Absent(Absent::NOWHERE));
                }
            }
            Children::Absent(absence) => {
                let scope = scope_reached(&self.location, segments, scope);
                self.branches.push(Branch::Absent(Absent { absence, scope }));
            }
            Children::Mismatch(expected) => {
                let scope = scope_reached(&self.location, segments, scope);
                let location = self.location.clone();
                let found = value.kind();
                self.branches.push(Branch::Mismatch(Mismatch {
                    location,
                    expected,
                    found,
                    scope,
                }));
            }
        }
    }

    /// Looks for a name at any depth: each member first, then what is in it, then the next.
    fn search(&mut self, value: &Value, last: &[Segment]) {
        let scope = self.location.len();
        match value {
            Value::Object(members) => {
                for (index, member) in members.iter().enumerate() {
                    self.location.push(index);
                    let fits = match last.first() {
                        Some(Segment::Name(name)) => name.matches(&member.name),
                        Some(Segment::Glob(glob)) => glob.fits(&member.name),
                        _ => false,
                    };
                    if fits {
                        self.branches.push(Branch::Place(Place {
                            location: self.location.clone(),
                            scope,
                        }));
                    }
                    self.search(&member.value, last);
                    self.location.pop();
                }
            }
            Value::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    self.location.push(index);
                    self.search(element, last);
                    self.location.pop();
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

/// Where `where` begins for a branch that ends here, with these segments left: the element of the last wildcard, if
/// the branch has come to it.
fn scope_reached(location: &[usize], left: &[Segment], scope: usize) -> Option<Location> {
    (!left.iter().any(Segment::is_wildcard)).then(|| location[..scope.min(location.len())].to_vec())
}

/// A top-level `null`, into which nothing leads.
fn absent_at(base: &[usize], segments: &[Segment]) -> Absent {
    Absent {
        absence: Absence::Missing,
        scope: scope_reached(base, segments, base.len()),
    }
}

/// Where one segment leads from one value.
pub(crate) enum Children {
    /// To these children, at least one.
    Found(Vec<usize>),
    /// To wherever the next segment fits.
    Anywhere,
    /// Nowhere.
    Absent(Absence),
    /// The value is of another kind than this.
    Mismatch(&'static str),
}

const OBJECT: &str = "expected an object";
const ARRAY: &str = "expected an array";
const CONTAINER: &str = "expected an object or an array";

pub(crate) fn children(value: &Value, segment: &Segment, occurrences: Occurrences) -> Children {
    match (segment, value) {
        (_, Value::Null) => Children::Absent(Absence::Missing),
        (Segment::Name(name) | Segment::Token(name), Value::Object(members)) => {
            named(members, name, occurrences)
        }
        (Segment::Glob(glob), Value::Object(members)) => fitting(members, glob),
        (Segment::Elements, Value::Array(elements)) if elements.is_empty() => {
            Children::Absent(Absence::Empty)
        }
        (Segment::Elements, Value::Array(elements)) => Children::Found((0..elements.len()).collect()),
        (Segment::Index(index), Value::Array(elements)) => element(elements.len(), *index),
        (Segment::Token(token), Value::Array(elements)) => match token.as_index() {
            Some(index) if index < elements.len() => Children::Found(vec![index]),
            Some(_) => Children::Absent(Absence::Missing),
            None if token.is_element_token() => Children::Absent(Absence::Missing),
            None => Children::Mismatch(OBJECT),
        },
        (Segment::Anywhere, Value::Object(_) | Value::Array(_)) => Children::Anywhere,
        (Segment::Name(_) | Segment::Glob(_), _) => Children::Mismatch(OBJECT),
        (Segment::Elements | Segment::Index(_), _) => Children::Mismatch(ARRAY),
        (Segment::Token(_) | Segment::Anywhere, _) => Children::Mismatch(CONTAINER),
    }
}

fn named(members: &[Member], name: &Name, occurrences: Occurrences) -> Children {
    let mut indexes = members_named(members, name);
    if occurrences == Occurrences::Last {
        indexes.drain(..indexes.len().saturating_sub(1));
    }
    if indexes.is_empty() {
        Children::Absent(Absence::Missing)
    } else {
        Children::Found(indexes)
    }
}

fn fitting(members: &[Member], glob: &Glob) -> Children {
    if members.is_empty() {
        return Children::Absent(Absence::Empty);
    }
    let fits = |(index, member): (usize, &Member)| glob.fits(&member.name).then_some(index);
    let indexes: Vec<_> = members.iter().enumerate().filter_map(fits).collect();
    if indexes.is_empty() {
        Children::Absent(Absence::Missing)
    } else {
        Children::Found(indexes)
    }
}

fn element(length: usize, index: i64) -> Children {
    let found = match usize::try_from(index) {
        Ok(index) => Some(index),
        Err(_) => usize::try_from(index.unsigned_abs())
            .ok()
            .and_then(|back| length.checked_sub(back)),
    };
    match found {
        Some(index) if index < length => Children::Found(vec![index]),
        Some(_) | None => Children::Absent(Absence::Missing),
    }
}

/// The indexes of every member of this name that is still there.
pub(crate) fn members_named(members: &[Member], name: &Name) -> Vec<usize> {
    let meant = |(index, member): (usize, &Member)| {
        (name.matches(&member.name) && !member.value.is_vacant()).then_some(index)
    };
    members.iter().enumerate().filter_map(meant).collect()
}

fn child(value: &Value, index: usize) -> Option<&Value> {
    match value {
        Value::Array(elements) => elements.get(index),
        Value::Object(members) => members.get(index).map(|member| &member.value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// The value at a location. `None` where the location leads through something that was taken away or replaced.
pub(crate) fn get<'a>(document: &'a Value, location: &[usize]) -> Option<&'a Value> {
    let found = location
        .iter()
        .try_fold(document, |value, &index| child(value, index))?;
    (!found.is_vacant()).then_some(found)
}

/// The value at a location, to be changed.
pub(crate) fn get_mut<'a>(document: &'a mut Value, location: &[usize]) -> Option<&'a mut Value> {
    let found = location.iter().try_fold(document, |value, &index| match value {
        Value::Array(elements) => elements.get_mut(index),
        Value::Object(members) => members.get_mut(index).map(|member| &mut member.value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })?;
    (!found.is_vacant()).then_some(found)
}

/// The location as a path with concrete indexes: `lines[0].qty`, and `$` for the document itself.
pub(crate) fn show(document: &Value, location: &[usize]) -> String {
    if location.is_empty() {
        return "$".to_owned();
    }
    let mut shown = String::new();
    let mut here = Some(document);
    for &index in location {
        match here {
            Some(Value::Object(members)) => {
                let Some(member) = members.get(index) else { break };
                push_name(&mut shown, member);
                here = Some(&member.value);
            }
            Some(Value::Array(elements)) => {
                // Writing to a string cannot fail.
                let _ = write!(shown, "[{index}]");
                here = elements.get(index);
            }
            _ => break,
        }
    }
    shown
}

/// The location of a member that may not be there, as a path with concrete indexes.
pub(crate) fn show_member(document: &Value, parent: &[usize], names: &[Name]) -> String {
    let mut shown = if parent.is_empty() {
        String::new()
    } else {
        show(document, parent)
    };
    for name in names {
        if !shown.is_empty() {
            shown.push('.');
        }
        // Writing to a string cannot fail.
        let _ = write!(shown, "{name}");
    }
    shown
}

fn push_name(shown: &mut String, member: &Member) {
    if !shown.is_empty() {
        shown.push('.');
    }
    match member.name.read() {
        Ok(name) => shown.push_str(&Name::new(name).to_string()),
        // A name that is no text is shown as it was written.
        Err(_) => member.name.write(shown),
    }
}
