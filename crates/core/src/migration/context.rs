//! The message as an operation sees it, and what all operations do alike.
//!
//! Resolving a path, asking `where`, minding `strict` and `on_mismatch`, taking values away, making parents and
//! putting members: each is written once, here and in the two modules below, so that no two operations can differ
//! in it by accident.

mod message;
mod targets;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;

use crate::message::Headers;
use crate::migration::condition::{Here, Judged, Where};
use crate::migration::document::{Member, Text, Value};
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::limits::Limits;
use crate::migration::outcome::{Change, Outcome, SkipReason};
use crate::migration::path::{Name, Path};
use crate::migration::place::{self, Absence, Absent, Branch, Location, Occurrences, Place};

pub(crate) use targets::{OnConflict, Room};
pub(crate) use values::OnError;

/// Hands out secrets by their name. The engine asks for them when an operation runs, and keeps none.
pub trait Secrets: fmt::Debug + Sync {
    /// The bytes of the secret with this name.
    fn secret(&self, name: &str) -> Option<Bytes>;
}

/// No secrets at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSecrets;

impl Secrets for NoSecrets {
    fn secret(&self, _name: &str) -> Option<Bytes> {
        None
    }
}

/// What the fields that every operation takes say about the places that it works on.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Rules {
    /// `where`.
    pub(crate) filter: Option<Where>,
    /// `strict`.
    pub(crate) strict: bool,
    /// `on_mismatch: skip`.
    pub(crate) skip_mismatch: bool,
}

impl Rules {
    /// The same rules for the way back, where a place that is not there is nothing to fail for.
    pub(crate) fn without_strict(&self) -> Arc<Self> {
        Arc::new(Self {
            strict: false,
            ..self.clone()
        })
    }
}

/// One message while an operation works on it.
pub(crate) struct Context<'a> {
    /// The document; `None` for a message without a payload.
    pub(crate) document: Option<Value>,
    /// The headers.
    pub(crate) headers: Headers,
    /// The key.
    pub(crate) key: Option<Bytes>,
    /// Where secrets come from.
    pub(crate) secrets: &'a dyn Secrets,
    /// The limits that hold for what leaves.
    pub(crate) limits: Limits,
    /// Where paths begin: the document, or inside of `each` the elements of one container.
    bases: Vec<Location>,
    rules: Arc<Rules>,
    /// Containers in which something was taken away and has left a vacancy.
    vacated: BTreeSet<Location>,
    /// How many bytes the transformation has added so far.
    grown: usize,
    /// How many values the expressions of the transformation have read so far.
    pub(crate) reads: AtomicU64,
}

/// What became of one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It was changed.
    Changed,
    /// It already was as wanted.
    Unchanged,
    /// The operation found nothing to work on there.
    Absent,
    /// It is to be removed.
    Removed,
}

/// Counts what became of the places of one operation.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    changed: u64,
    unchanged: u64,
    left_alone: u64,
    absent: u64,
    /// Counted as `unchanged` as well.
    pub(crate) kept_errors: u64,
    /// Counted as `unchanged` as well.
    pub(crate) kept_targets: u64,
}

impl Tally {
    /// Counts a place.
    pub(crate) fn count(&mut self, effect: Effect) {
        match effect {
            Effect::Changed | Effect::Removed => self.changed += 1,
            Effect::Unchanged => self.unchanged += 1,
            Effect::Absent => self.absent += 1,
        }
    }

    /// Counts a place that `where` left alone.
    pub(crate) fn leave_alone(&mut self) {
        self.left_alone += 1;
    }

    /// Whether nothing was counted.
    pub(crate) fn is_empty(&self) -> bool {
        self.changed + self.unchanged + self.left_alone + self.absent == 0
    }

    /// Counts what a nested operation did.
    pub(crate) fn add(&mut self, change: Change) {
        match change.outcome {
            Outcome::Applied | Outcome::Dropped => self.changed += 1,
            Outcome::Unchanged => self.unchanged += 1,
            Outcome::Skipped(_) => self.left_alone += 1,
            Outcome::Absent => {}
        }
        self.kept_errors += change.kept_errors;
        self.kept_targets += change.kept_targets;
    }

    /// Whether there was no place to work on.
    pub(crate) fn matched_nothing(&self) -> bool {
        self.changed + self.unchanged == 0
    }

    /// The outcome of the operation, with what was kept back.
    pub(crate) fn change(&self) -> Change {
        let outcome = if self.changed > 0 {
            Outcome::Applied
        } else if self.unchanged > 0 {
            Outcome::Unchanged
        } else if self.left_alone > 0 {
            Outcome::Skipped(SkipReason::Condition)
        } else {
            Outcome::Absent
        };
        Change {
            outcome,
            kept_errors: self.kept_errors,
            kept_targets: self.kept_targets,
        }
    }
}

/// A branch of a path, with the answer of `where` for it.
///
/// All are asked before the first place is changed, so that no change decides about a later place; a failure of a
/// `where` still waits for its turn, so that the first place that fails names the failure.
#[derive(Debug)]
pub(crate) struct Turn<B> {
    branch: B,
    allowed: Result<bool, Failure>,
}

impl Turn<Branch> {
    /// The place of the branch, if it is one.
    pub(crate) fn place(&self) -> Option<&Place> {
        match &self.branch {
            Branch::Place(place) => Some(place),
            Branch::Absent(_) | Branch::Mismatch(_) => None,
        }
    }
}

impl<'a> Context<'a> {
    /// A message at the beginning of a migration.
    pub(crate) fn new(
        document: Option<Value>,
        headers: Headers,
        key: Option<Bytes>,
        secrets: &'a dyn Secrets,
        limits: Limits,
    ) -> Self {
        Self {
            document,
            headers,
            key,
            secrets,
            limits,
            bases: vec![Location::new()],
            rules: Arc::default(),
            vacated: BTreeSet::new(),
            grown: 0,
            reads: AtomicU64::new(0),
        }
    }

    /// Performs an operation under its rules, and sweeps what it took away.
    ///
    /// # Errors
    /// Those of the operation; the context is not to be used any more then.
    pub(crate) fn under(
        &mut self,
        rules: &Arc<Rules>,
        operation: impl FnOnce(&mut Self) -> Result<Change, Failure>,
    ) -> Result<Change, Failure> {
        let outer = std::mem::replace(&mut self.rules, Arc::clone(rules));
        let is_transformation = self.bases.iter().all(Vec::is_empty);
        if is_transformation {
            self.grown = 0;
            self.reads = AtomicU64::new(0);
        }
        let change = operation(self);
        self.rules = outer;
        self.sweep();
        let change = change?;
        self.check_working_depth()?;
        if is_transformation {
            self.check_working_size(self.document.as_ref().map_or(0, Value::size))?;
        }
        Ok(change)
    }

    /// Counts bytes that are put into the document and were not in it before.
    ///
    /// # Errors
    /// `limit`, where the transformation has added too many. It must be asked before a copy is made, not behind the last.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Failure> {
        self.grown = self.grown.saturating_add(bytes);
        self.check_working_size(self.grown)
    }

    /// # Errors
    /// `limit`, where a document of this size is too large to be worked on.
    pub(crate) fn check_working_size(&self, size: usize) -> Result<(), Failure> {
        let most = self.limits.working_size();
        if size <= most {
            return Ok(());
        }
        Err(Failure::new(FailureKind::Limit, too_large(most)))
    }

    /// Performs something with paths that begin at these locations instead of at the document.
    ///
    /// The locations must stay valid meanwhile: what works inside of them never removes them.
    pub(crate) fn within<T>(
        &mut self,
        bases: Vec<Location>,
        inside: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let outer = std::mem::replace(&mut self.bases, bases);
        let result = inside(self);
        self.bases = outer;
        result
    }

    /// The branches of a path into the document, in document order, each with the answer of `where`.
    pub(crate) fn branches(&self, path: &Path, occurrences: Occurrences) -> Vec<Turn<Branch>> {
        let (Some(document), Some(segments)) = (&self.document, path.segments()) else {
            return vec![Turn {
                branch: Branch::Absent(Absent::NOWHERE),
                allowed: Ok(true),
            }];
        };
        let all = self
            .bases
            .iter()
            .flat_map(|base| place::resolve(document, base, segments, occurrences));
        let judged = all.map(|branch| {
            let allowed = match &branch {
                Branch::Place(place) => self.judge(place.scope_of(), Here::Location(&place.location)),
                Branch::Absent(absent) => self.judge_missing(absent.scope.as_deref()),
                Branch::Mismatch(mismatch) => self.judge_missing(mismatch.scope.as_deref()),
            };
            Turn { branch, allowed }
        });
        judged.collect()
    }

    /// The place of a branch, if it is this operation's to work on; everything else is counted.
    ///
    /// # Errors
    /// A mismatch that is not to be skipped, and a `where` that could not be judged.
    pub(crate) fn admit(&self, turn: Turn<Branch>, tally: &mut Tally) -> Result<Option<Place>, Failure> {
        if !turn.allowed? {
            tally.leave_alone();
            return Ok(None);
        }
        match turn.branch {
            Branch::Place(place) => Ok(Some(place)),
            Branch::Absent(absent) => {
                tally.absent += u64::from(absent.absence == Absence::Missing);
                Ok(None)
            }
            Branch::Mismatch(mismatch) => {
                self.mismatched(self.failure_of(&mismatch), tally)?;
                Ok(None)
            }
        }
    }

    /// Skips a failure where it is a mismatch and `on_mismatch` says so.
    ///
    /// # Errors
    /// Every other failure.
    pub(crate) fn mismatched(&self, failure: Failure, tally: &mut Tally) -> Result<(), Failure> {
        if failure.kind == FailureKind::Mismatch && self.rules.skip_mismatch {
            tally.absent += 1;
            return Ok(());
        }
        Err(failure)
    }

    /// The outcome of the operation.
    ///
    /// # Errors
    /// `absent` under `strict`: nothing matched, and not only because containers were empty.
    pub(crate) fn finish(&self, path: &impl fmt::Display, tally: &Tally) -> Result<Change, Failure> {
        let matched = tally.changed + tally.unchanged + tally.left_alone;
        if self.rules.strict && matched == 0 && tally.absent > 0 {
            let expected = "expected at least one place, because the transformation is strict";
            return Err(Failure::new(FailureKind::Absent, expected).at(path.to_string()));
        }
        Ok(tally.change())
    }

    /// Asks `where` about a place; without one the answer is yes.
    ///
    /// # Errors
    /// `invalid_text` where a string had to be compared that is no text, at the place that is judged.
    pub(crate) fn judge(&self, scope: &[usize], here: Here<'_>) -> Result<bool, Failure> {
        let Some(filter) = &self.rules.filter else {
            return Ok(true);
        };
        let held = filter.holds(&Judged {
            document: self.document.as_ref(),
            headers: &self.headers,
            key: self.key.as_ref(),
            scope,
            here,
        });
        held.map_err(|failure| match here {
            Here::Location(location) => failure.at(self.show(location)),
            Here::Missing => failure.at(self.show(scope)),
            // The caller knows which header it is.
            Here::Value(_) => failure,
        })
    }

    /// Asks `where` about something that is not there, or not as the path needs it. Where the path has not even come to
    /// the element at which `where` begins, there is nothing to ask about, and the answer is yes.
    pub(super) fn judge_missing(&self, scope: Option<&[usize]>) -> Result<bool, Failure> {
        scope.map_or(Ok(true), |scope| self.judge(scope, Here::Missing))
    }

    /// Takes the value at a location away and leaves a vacancy, which is swept when the operation has ended.
    ///
    /// `None` where nothing stands any more.
    pub(crate) fn take(&mut self, location: &[usize]) -> Option<Value> {
        let (_, parent) = location.split_last()?;
        let taken = place::get_mut(self.document.as_mut()?, location)?.take();
        self.vacated.insert(parent.to_vec());
        Some(taken)
    }

    /// Takes every occurrence of a name out of an object.
    pub(crate) fn take_all(&mut self, parent: &[usize], name: &Name) {
        self.take_named(parent, &name.to_text());
    }

    /// As [`take_all`](Self::take_all), for a name that stands in the document and may be no text.
    pub(crate) fn take_named(&mut self, parent: &[usize], name: &Text) {
        let Some(Value::Object(members)) = self.get_mut(parent) else {
            return;
        };
        for member in members
            .iter_mut()
            .filter(|member| member.name == *name && !member.value.is_vacant())
        {
            drop(member.value.take());
        }
        self.vacated.insert(parent.to_vec());
    }

    /// The member at a location; `None` for an element, and for the document.
    pub(crate) fn member_at(&self, location: &[usize]) -> Option<&Member> {
        let (index, parent) = location.split_last()?;
        let Value::Object(members) = self.get(parent)? else {
            return None;
        };
        members.get(*index)
    }

    /// The value at a location.
    pub(crate) fn get(&self, location: &[usize]) -> Option<&Value> {
        place::get(self.document.as_ref()?, location)
    }

    /// The value at a location, to be changed.
    pub(crate) fn get_mut(&mut self, location: &[usize]) -> Option<&mut Value> {
        place::get_mut(self.document.as_mut()?, location)
    }

    /// A location as a path with concrete indexes.
    pub(crate) fn show(&self, location: &[usize]) -> String {
        self.document
            .as_ref()
            .map_or_else(|| "$".to_owned(), |document| place::show(document, location))
    }

    fn failure_of(&self, mismatch: &place::Mismatch) -> Failure {
        match &self.document {
            Some(document) => mismatch.failure(document),
            None => Failure::new(FailureKind::Mismatch, mismatch.expected).found(mismatch.found),
        }
    }

    /// From the last container to the first, so that no sweep moves one that is still to be swept.
    fn sweep(&mut self) {
        let vacated = std::mem::take(&mut self.vacated);
        for location in vacated.iter().rev() {
            if let Some(container) = self.get_mut(location) {
                container.sweep();
            }
        }
    }

    /// Looks only where the operation worked: inside of `each` there may be as many containers as operations.
    fn check_working_depth(&mut self) -> Result<(), Failure> {
        let too_deep = self.bases.iter().any(|base| {
            self.get(base)
                .is_some_and(|value| base.len() + value.depth() > Limits::WORKING_DEPTH)
        });
        if !too_deep {
            return Ok(());
        }
        if let Some(document) = self.document.take() {
            document.dismantle();
        }
        let expected = format!(
            "expected at most {} open containers between operations",
            Limits::WORKING_DEPTH
        );
        Err(Failure::new(FailureKind::Limit, expected))
    }
}

/// Prints no content.
impl fmt::Debug for Context<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Context")
            .field("document", &self.document.as_ref().map(Value::kind))
            .field("headers", &self.headers)
            .field("key_bytes", &self.key.as_ref().map(Bytes::len))
            .finish_non_exhaustive()
    }
}

/// What a failure says where a transformation makes more than it may.
pub(crate) fn too_large(most: usize) -> String {
    format!("expected at most {most} bytes between transformations")
}

impl Place {
    /// The location of the element of the last wildcard.
    pub(crate) fn scope_of(&self) -> &[usize] {
        &self.location[..self.scope.min(self.location.len())]
    }
}
