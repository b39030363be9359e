//! Renaming headers: their list is written anew, because a name that repeats keeps the places of all its values.

use super::Rename;
use crate::migration::condition::text_of;
use crate::migration::context::{Context, Effect, OnConflict, Tally};
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::outcome::Change;
use crate::migration::path::{Name, Path};

/// What becomes of one header.
enum Turn {
    Stays,
    Renamed,
    Removed,
}

impl Rename {
    /// Renames every header of a name, each in its place.
    pub(super) fn apply_to_header(&self, context: &mut Context<'_>, name: &Name) -> Result<Change, Failure> {
        // A name from a migration is text, so that its new name is.
        let new = self.new_name(&name.to_text());
        let new = new
            .read()
            .map_or_else(|_| name.as_str().to_owned(), std::borrow::Cow::into_owned);
        let mut tally = Tally::default();
        let mut turns = Vec::new();
        for (own, bytes) in context.headers.iter() {
            if own != name.as_str() {
                turns.push(Turn::Stays);
            } else if context.judge_text(&self.path, Some(&text_of(bytes)))? {
                turns.push(self.turn(context, own, &new, &mut tally)?);
            } else {
                tally.leave_alone();
                turns.push(Turn::Stays);
            }
        }
        if tally.is_empty() {
            context.count_missing(&self.path, &mut tally)?;
        }
        // What stands under the new name goes as soon as one header takes it; a conflict has failed before.
        let replaced = turns.iter().any(|turn| matches!(turn, Turn::Renamed));
        let renamed = context
            .headers
            .iter()
            .zip(&turns)
            .filter_map(|((own, bytes), turn)| match turn {
                Turn::Stays if replaced && own == new => None,
                Turn::Stays => Some((own.to_owned(), bytes.clone())),
                Turn::Renamed => Some((new.clone(), bytes.clone())),
                Turn::Removed => None,
            });
        context.headers = renamed.collect();
        context.finish(&self.path, &tally)
    }

    fn turn(&self, context: &Context<'_>, own: &str, new: &str, tally: &mut Tally) -> Result<Turn, Failure> {
        if own == new {
            tally.count(Effect::Unchanged);
            return Ok(Turn::Stays);
        }
        match self.on_conflict {
            OnConflict::Fail | OnConflict::Merge if context.headers.contains(new) => {
                let failure = Failure::new(FailureKind::Conflict, "expected no header of this name");
                Err(failure.at(Path::of_header(Name::new(new)).to_string()))
            }
            OnConflict::KeepTarget if context.headers.contains(new) => {
                tally.kept_targets += 1;
                tally.count(Effect::Removed);
                Ok(Turn::Removed)
            }
            OnConflict::Fail | OnConflict::Merge | OnConflict::KeepTarget | OnConflict::Replace => {
                tally.count(Effect::Changed);
                Ok(Turn::Renamed)
            }
        }
    }
}
