//! Where a member goes that may not be there yet.

use super::{
    Absent, Children, Location, Mismatch, Occurrences, Place, absent_at, children, get, scope_reached,
};
use crate::migration::document::Value;
use crate::migration::path::{Name, Segment};

/// Which missing parents are made on the way to a new member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Parents {
    /// Objects that are missing.
    #[default]
    Missing,
    /// The same, and an object in the place of each `null`.
    MissingOrNull,
    /// None.
    No,
}

impl Parents {
    /// The choices as they are written.
    pub(crate) const CHOICES: [(&'static str, Self); 3] = [
        ("missing", Self::Missing),
        ("missing_or_null", Self::MissingOrNull),
        ("no", Self::No),
    ];
}

/// The parent of a member that is to be written, and what must be made first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The deepest value on the way that is there. With nothing to make it is the parent itself, of whatever kind:
    /// it was not looked at, because `where` comes first.
    pub(crate) base: Place,
    /// The objects to be made in it, outermost first.
    pub(crate) make: Vec<Name>,
    /// The name of the member.
    pub(crate) name: Name,
}

/// What became of one branch of a path to a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Aim {
    /// There is a parent, or one can be made.
    Target(Target),
    /// There is none.
    Absent(Absent),
    /// The path met a value of another kind before it came to the parent.
    Mismatch(Mismatch),
}

/// Finds every parent for the member at the end of a path, in document order. Nothing is changed.
///
/// The last segment must be a name or a token, as the loader has checked; of any other it makes an absence.
pub(crate) fn aim(
    document: &Value,
    base: &[usize],
    segments: &[Segment],
    occurrences: Occurrences,
    parents: Parents,
) -> Vec<Aim> {
    let Some((last @ (Segment::Name(name) | Segment::Token(name)), way)) = segments.split_last() else {
        return vec![Aim::Absent(Absent::NOWHERE)];
    };
    let mut walk = Walk {
        occurrences,
        parents,
        last,
        name,
        location: base.to_vec(),
        aims: Vec::new(),
    };
    match get(document, base) {
        Some(Value::Null) if base.is_empty() => walk.aims.push(Aim::Absent(absent_at(base, way))),
        Some(start) => walk.step(start, way, base.len()),
        None => walk.aims.push(Aim::Absent(Absent::NOWHERE)),
    }
    walk.aims
}

struct Walk<'a> {
    occurrences: Occurrences,
    parents: Parents,
    last: &'a Segment,
    name: &'a Name,
    location: Location,
    aims: Vec<Aim>,
}

impl Walk<'_> {
    fn step(&mut self, value: &Value, way: &[Segment], scope: usize) {
        let Some((segment, rest)) = way.split_first() else {
            self.target(scope, Vec::new());
            return;
        };
        match children(value, segment, self.occurrences) {
            Children::Found(indexes) => {
                for index in indexes {
                    let Some(child) = super::child(value, index) else {
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
            Children::Absent(absence) => match self.can_make(value, way) {
                Some(names) => self.target(scope, names),
                None => {
                    let scope = scope_reached(&self.location, way, scope);
                    self.aims.push(Aim::Absent(Absent { absence, scope }));
                }
            },
            Children::Mismatch(expected) => {
                let scope = scope_reached(&self.location, way, scope);
                let location = self.location.clone();
                let found = value.kind();
                self.aims.push(Aim::Mismatch(Mismatch {
                    location,
                    expected,
                    found,
                    scope,
                }));
            }
            Children::Anywhere => self.aims.push(Aim::Absent(Absent::NOWHERE)),
        }
    }

    /// The names of the objects to be made, if the whole rest of the way can be made of objects.
    ///
    /// Elements are never made, so that a wildcard, an index or a pointer's number on the rest of the way ends it.
    /// A pointer's number is a member's name only on an object that is there.
    fn can_make(&self, value: &Value, way: &[Segment]) -> Option<Vec<Name>> {
        let there = match value {
            Value::Object(_) => self.parents != Parents::No,
            Value::Null => self.parents == Parents::MissingOrNull,
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => false,
        };
        let last = self.last;
        let names = way
            .iter()
            .chain([last])
            .enumerate()
            .map(|(index, segment)| match segment {
                Segment::Name(name) => Some(name.clone()),
                Segment::Token(name) if index == 0 && !value.is_null() => Some(name.clone()),
                Segment::Token(name) if !name.is_element_token() => Some(name.clone()),
                Segment::Token(_) | Segment::Glob(_) | Segment::Elements => None,
                Segment::Index(_) | Segment::Anywhere => None,
            });
        let mut names = names.collect::<Option<Vec<_>>>()?;
        names.pop();
        there.then_some(names)
    }

    fn target(&mut self, scope: usize, make: Vec<Name>) {
        let base = Place {
            location: self.location.clone(),
            scope,
        };
        self.aims.push(Aim::Target(Target {
            base,
            make,
            name: self.name.clone(),
        }));
    }
}
