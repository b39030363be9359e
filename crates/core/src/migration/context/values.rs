//! Changing values in place: what remove, modify, cast and all others of their kind share.

use super::{Context, Effect, Tally};
use crate::migration::condition::Here;
use crate::migration::document::Value;
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::outcome::Change;
use crate::migration::path::{Path, Segment};
use crate::migration::place::{Location, Occurrences};

/// What an operation does with a value that it cannot convert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum OnError {
    /// The message fails.
    #[default]
    Fail,
    /// The value stays as it is, and is counted.
    Keep,
    /// It becomes `null`.
    Null,
    /// It is removed.
    Remove,
}

impl OnError {
    /// The choices as they are written, for the loader.
    pub(crate) const CHOICES: [(&'static str, Self); 4] = [
        ("fail", Self::Fail),
        ("keep", Self::Keep),
        ("null", Self::Null),
        ("remove", Self::Remove),
    ];

    /// Whether it answers for a failure of this kind: `type`, `format`, `range` and `invalid_text`.
    pub(crate) fn covers(self, kind: FailureKind) -> bool {
        let conversion = matches!(
            kind,
            FailureKind::Type | FailureKind::Format | FailureKind::Range | FailureKind::InvalidText
        );
        conversion && self != Self::Fail
    }

    /// What becomes of a value that could not be converted.
    ///
    /// # Errors
    /// The failure, where this does not answer for it.
    pub(crate) fn settle(
        self,
        failure: Failure,
        value: &mut Value,
        tally: &mut Tally,
    ) -> Result<Effect, Failure> {
        if !self.covers(failure.kind) {
            return Err(failure);
        }
        match self {
            Self::Fail => Err(failure),
            Self::Keep => {
                tally.kept_errors += 1;
                Ok(Effect::Unchanged)
            }
            Self::Null => {
                *value = Value::Null;
                Ok(Effect::Changed)
            }
            Self::Remove => Ok(Effect::Removed),
        }
    }
}

impl Context<'_> {
    /// Changes the value at every place of a path, every occurrence of a name included.
    ///
    /// `change` works on the value alone. It must leave it as it was where it fails or says that it changed nothing.
    /// Its failures need neither path nor kind: both are added here.
    ///
    /// # Errors
    /// The first place that fails; `absent` under `strict`.
    pub(crate) fn change_values(
        &mut self,
        path: &Path,
        on_error: OnError,
        mut change: impl FnMut(&mut Value) -> Result<Effect, Failure>,
    ) -> Result<Change, Failure> {
        let mut change = |value: &mut Value, tally: &mut Tally| {
            let found = value.kind();
            change(value)
                .map_err(|failure| failure.found(found))
                .or_else(|failure| {
                    // What could not be converted was left as it was.
                    on_error.settle(failure, value, tally)
                })
        };
        if let Some(name) = path.header() {
            return self.change_header(name, path, &mut change);
        }
        if path.is_key() {
            return self.change_key(path, &mut change);
        }
        let mut tally = Tally::default();
        let mut replaced: Option<Location> = None;
        let anywhere = path
            .segments()
            .is_some_and(|segments| segments.contains(&Segment::Anywhere));
        for turn in self.branches(path, Occurrences::Every) {
            let Some(place) = self.admit(turn, &mut tally)? else {
                continue;
            };
            // Behind `**` there may be places inside of a value that has just been removed or replaced.
            if replaced
                .as_ref()
                .is_some_and(|outer| place.location.starts_with(outer))
            {
                continue;
            }
            let Some(value) = self.get_mut(&place.location) else {
                continue;
            };
            // Behind `**` a container may stand in many others; measuring each would walk it as often.
            let before = if anywhere && value.is_container() {
                0
            } else {
                value.size()
            };
            match change(value, &mut tally) {
                Ok(effect) => {
                    tally.count(effect);
                    if effect == Effect::Changed {
                        let added = value.size().saturating_sub(before);
                        self.grow(added)
                            .map_err(|failure| failure.at(self.show(&place.location)))?;
                    }
                    if effect == Effect::Removed {
                        let _ = self.take(&place.location);
                    }
                    if matches!(effect, Effect::Changed | Effect::Removed) {
                        replaced = Some(place.location);
                    }
                }
                Err(failure) => self.mismatched(failure.at(self.show(&place.location)), &mut tally)?,
            }
        }
        self.finish(path, &tally)
    }

    /// Asks `where` about a header or the key; `.` is its value.
    ///
    /// # Errors
    /// As [`judge`](Self::judge).
    pub(crate) fn judge_text(&self, path: &Path, value: Option<&Value>) -> Result<bool, Failure> {
        self.judge(&[], Here::Value(value))
            .map_err(|failure| failure.at(path.to_string()))
    }
}
