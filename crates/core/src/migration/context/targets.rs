//! Writing members: finding and making their parents, and what to do where one is there already.

use super::{Context, Tally, Turn};
use crate::migration::condition::Here;
use crate::migration::document::{Member, Value};
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::path::{Name, Path, Segment};
use crate::migration::place::{self, Absence, Absent, Aim, Location, Occurrences, Parents, Target};

/// What becomes of a member that stands where another one goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum OnConflict {
    /// The message fails.
    #[default]
    Fail,
    /// What was there is removed.
    Replace,
    /// What was there stays, and the source is dropped.
    KeepTarget,
    /// Two objects become one. Only move and copy take this.
    Merge,
}

impl OnConflict {
    /// The choices of most operations, as they are written.
    pub(crate) const CHOICES: [(&'static str, Self); 3] = [
        ("fail", Self::Fail),
        ("replace", Self::Replace),
        ("keep_target", Self::KeepTarget),
    ];

    /// The choices of move and copy.
    pub(crate) const CHOICES_WITH_MERGE: [(&'static str, Self); 4] = [
        ("fail", Self::Fail),
        ("replace", Self::Replace),
        ("keep_target", Self::KeepTarget),
        ("merge", Self::Merge),
    ];
}

/// Whether a member can be put where it should go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// Nothing stands there, or does not any more.
    Free,
    /// What stands there stays.
    Taken,
}

impl Context<'_> {
    /// The branches of a path to a member that may have to be made, each with the answer of `where` about the parent.
    pub(crate) fn aims(&self, path: &Path, parents: Parents) -> Vec<Turn<Aim>> {
        let (Some(document), Some(segments)) = (&self.document, path.segments()) else {
            return vec![Turn {
                branch: Aim::Absent(Absent::NOWHERE),
                allowed: Ok(true),
            }];
        };
        let all = self
            .bases
            .iter()
            .flat_map(|base| place::aim(document, base, segments, Occurrences::Every, parents));
        let judged = all.map(|branch| {
            let allowed = match &branch {
                Aim::Target(target) if target.make.is_empty() => {
                    self.judge(target.base.scope_of(), Here::Location(&target.base.location))
                }
                Aim::Target(target) => self.judge(target.base.scope_of(), Here::Missing),
                Aim::Absent(absent) => self.judge_missing(absent.scope.as_deref()),
                Aim::Mismatch(mismatch) => self.judge_missing(mismatch.scope.as_deref()),
            };
            Turn { branch, allowed }
        });
        judged.collect()
    }

    /// The branches of a path that begins at an element, for a value that is carried inside of it.
    pub(crate) fn aims_from(&self, element: &[usize], segments: &[Segment], parents: Parents) -> Vec<Aim> {
        match &self.document {
            Some(document) => place::aim(document, element, segments, Occurrences::Last, parents),
            None => vec![Aim::Absent(Absent::NOWHERE)],
        }
    }

    /// As [`Self::admit_target`], where `where` was about something else and has been asked already.
    ///
    /// # Errors
    /// A mismatch that is not to be skipped.
    pub(crate) fn admit_aim(
        &self,
        aim: Aim,
        parents: Parents,
        tally: &mut Tally,
    ) -> Result<Option<Target>, Failure> {
        self.admit_target(
            Turn {
                branch: aim,
                allowed: Ok(true),
            },
            parents,
            tally,
        )
    }

    /// The target of a branch, if there is one for this operation; everything else is counted.
    ///
    /// # Errors
    /// A mismatch that is not to be skipped, and a `where` that could not be judged.
    pub(crate) fn admit_target(
        &self,
        turn: Turn<Aim>,
        parents: Parents,
        tally: &mut Tally,
    ) -> Result<Option<Target>, Failure> {
        if !turn.allowed? {
            tally.leave_alone();
            return Ok(None);
        }
        match turn.branch {
            Aim::Target(target) => match self.check_target(&target, parents) {
                Ok(true) => Ok(Some(target)),
                Ok(false) => {
                    tally.absent += 1;
                    Ok(None)
                }
                Err(failure) => {
                    self.mismatched(failure, tally)?;
                    Ok(None)
                }
            },
            Aim::Absent(absent) => {
                tally.absent += u64::from(absent.absence == Absence::Missing);
                Ok(None)
            }
            Aim::Mismatch(mismatch) => {
                self.mismatched(self.failure_of(&mismatch), tally)?;
                Ok(None)
            }
        }
    }

    /// Whether the member can be written: its parent is an object, or one can be made.
    ///
    /// # Errors
    /// `mismatch`, where the parent is of another kind.
    pub(crate) fn check_target(&self, target: &Target, parents: Parents) -> Result<bool, Failure> {
        match self.get(&target.base.location) {
            Some(Value::Object(_)) => Ok(true),
            Some(Value::Null) => {
                // A top-level null is never replaced.
                Ok(parents == Parents::MissingOrNull && !target.base.location.is_empty())
            }
            Some(other) => Err(Failure::new(FailureKind::Mismatch, "expected an object")
                .at(self.show(&target.base.location))
                .found(other.kind())),
            None => Ok(false),
        }
    }

    /// Makes the objects that are missing on the way, and gives the location of the parent.
    ///
    /// The target has been checked; where it is not there any more, nothing is made.
    pub(crate) fn make_parents(&mut self, target: &Target) -> Location {
        let mut location = target.base.location.clone();
        let Some(mut here) = self.get_mut(&location) else {
            return location;
        };
        if here.is_null() {
            *here = Value::Object(Vec::new());
        }
        for name in &target.make {
            let Value::Object(members) = here else { break };
            let index = members.len();
            members.push(Member {
                name: name.to_text(),
                value: Value::Object(Vec::new()),
            });
            location.push(index);
            here = &mut members[index].value;
        }
        location
    }

    /// The locations of every member of this name in an object, in document order.
    pub(crate) fn occurrences(&self, parent: &[usize], name: &Name) -> Vec<Location> {
        let Some(Value::Object(members)) = self.get(parent) else {
            return Vec::new();
        };
        let locate = |index| parent.iter().copied().chain([index]).collect();
        place::members_named(members, name)
            .into_iter()
            .map(locate)
            .collect()
    }

    /// Whether an object ends in this member, with an equal value, and has no other of the name: then putting it at the end
    /// changes nothing.
    pub(crate) fn is_only_and_last(&self, parent: &[usize], name: &Name, value: &Value) -> bool {
        match (self.get(parent), self.occurrences(parent, name).as_slice()) {
            (Some(Value::Object(members)), [only]) => {
                only.last().is_some_and(|index| index + 1 == members.len()) && self.get(only) == Some(value)
            }
            _ => false,
        }
    }

    /// Makes room for a member, as `on_conflict` says. [`OnConflict::Merge`] is not settled here and counts as `fail`.
    ///
    /// # Errors
    /// `conflict`, with the kind of what stands there.
    pub(crate) fn make_room(
        &mut self,
        parent: &[usize],
        name: &Name,
        on_conflict: OnConflict,
    ) -> Result<Room, Failure> {
        let there = self.occurrences(parent, name);
        let Some(last) = there.last() else {
            return Ok(Room::Free);
        };
        match on_conflict {
            OnConflict::Fail | OnConflict::Merge => Err(self.conflict_at(last)),
            OnConflict::KeepTarget => Ok(Room::Taken),
            OnConflict::Replace => {
                for location in &there {
                    let _ = self.take(location);
                }
                Ok(Room::Free)
            }
        }
    }

    /// The failure for a member that stands where another one goes.
    pub(crate) fn conflict_at(&self, location: &[usize]) -> Failure {
        let failure =
            Failure::new(FailureKind::Conflict, "expected no member of this name").at(self.show(location));
        match self.get(location) {
            Some(value) => failure.found(value.kind()),
            None => failure,
        }
    }

    /// Puts a member at the end of an object, and gives its location. `None` where the parent is no object any more.
    pub(crate) fn append(&mut self, parent: &[usize], name: &Name, value: Value) -> Option<Location> {
        let Value::Object(members) = self.get_mut(parent)? else {
            return None;
        };
        let index = members.len();
        members.push(Member {
            name: name.to_text(),
            value,
        });
        Some(parent.iter().copied().chain([index]).collect())
    }

    /// The path to a target, with concrete indexes.
    pub(crate) fn show_target(&self, target: &Target) -> String {
        let names: Vec<_> = target.make.iter().chain([&target.name]).cloned().collect();
        match &self.document {
            Some(document) => place::show_member(document, &target.base.location, &names),
            None => String::new(),
        }
    }
}
