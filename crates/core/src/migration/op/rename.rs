//! `rename`: gives members another name in the same place.

mod case;
mod header;
mod prove;

use std::collections::HashMap;

use crate::finding::Finding;
use crate::migration::canonical::Canonical;
use crate::migration::context::{Context, Effect, OnConflict, Tally};
use crate::migration::document::{Text, Value};
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::load::fields::Fields;
use crate::migration::op::{Inverse, Op};
use crate::migration::outcome::Change;
use crate::migration::path::{Ends, Glob, Name, Path, Pattern, Segment, Takes};
use crate::migration::place::{Location, Occurrences, Place};
use case::Case;

/// Renames every member that the path leads to. The renames of one object are judged together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rename {
    pub(crate) path: Path,
    pub(crate) to: NewName,
    pub(crate) on_conflict: OnConflict,
}

/// How the new name is found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NewName {
    /// This name; or a glob, with the text that the star of the path stood for.
    To(Pattern),
    /// The old name in another case.
    Case(Case),
}

impl Rename {
    /// Reads the operands.
    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let path = fields.path("rename", Takes::PLACES.deep().headers().ends(Ends::Members));
        let to = if fields.has("to") {
            fields.pattern("to").map(NewName::To)
        } else {
            None
        };
        let case = if fields.has("case") {
            fields.required_choice("case", &Case::CHOICES).map(NewName::Case)
        } else {
            None
        };
        let on_conflict = fields.choice("on_conflict", &OnConflict::CHOICES, OnConflict::Fail);
        fields.excludes("case", "to");
        if !fields.has("to") && !fields.has("case") {
            let place = fields.head().clone();
            fields.report(Finding::error(&place, "`rename` needs `to` or `case`"));
        }
        let (path, to) = (path?, to.or(case)?);
        check_stars(fields, &path, &to);
        Some(Self {
            path,
            to,
            on_conflict,
        })
    }

    /// Writes the operands for the digest.
    pub(super) fn canonical(&self, out: &mut Canonical) {
        out.text("rename", &self.path);
        match &self.to {
            NewName::To(to) => out.text("to", to),
            NewName::Case(case) => out.text("case", case.word()),
        }
        out.choice(
            "on_conflict",
            &OnConflict::CHOICES,
            self.on_conflict,
            OnConflict::Fail,
        );
    }

    /// Renames, object by object.
    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        if let Some(name) = self.path.header() {
            return self.apply_to_header(context, name);
        }
        let mut tally = Tally::default();
        let mut batches = Batches::default();
        // A mismatch or a `where` that fails behind a batch must not be reported before that batch's conflict, so
        // the batches before it are performed first.
        for turn in context.branches(&self.path, Occurrences::Every) {
            match context.admit(turn, &mut tally) {
                Ok(Some(place)) => batches.join(place),
                Ok(None) => {}
                Err(failure) => {
                    self.perform(context, &batches.all, &mut tally)?;
                    return Err(failure);
                }
            }
        }
        self.perform(context, &batches.all, &mut tally)?;
        context.finish(&self.path, &tally)
    }

    fn perform(
        &self,
        context: &mut Context<'_>,
        batches: &[(Location, Vec<usize>)],
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        for (parent, indexes) in batches {
            self.rename_members(context, parent, indexes, tally)?;
        }
        Ok(())
    }

    /// Renames members of one object. The indexes stay valid: nothing moves, and what goes leaves a vacancy.
    fn rename_members(
        &self,
        context: &mut Context<'_>,
        parent: &Location,
        indexes: &[usize],
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let members = match context.get(parent) {
            Some(Value::Object(members)) => members,
            // The object went with a member that an outer batch replaced.
            None => return Ok(()),
            Some(other) => {
                let failure = Failure::new(FailureKind::Mismatch, "expected an object")
                    .at(context.show(parent))
                    .found(other.kind());
                return context.mismatched(failure, tally);
            }
        };
        let old: Vec<Text> = members.iter().map(|member| member.name.clone()).collect();
        let mut new: Vec<Option<Text>> = vec![None; old.len()];
        for &index in indexes {
            if members[index].value.is_vacant() {
                continue;
            }
            let name = self.new_name(&old[index]);
            if name == old[index] {
                tally.count(Effect::Unchanged);
            } else {
                new[index] = Some(name);
            }
        }
        let at = |index: usize| -> Location { parent.iter().copied().chain([index]).collect() };
        // Whoever has or gets a name, by that name: an object may have a hundred thousand members. Those of one name
        // either were there before, or came from one old name; so the first of them speaks for all.
        let mut bearers: HashMap<Vec<u32>, Vec<usize>> = HashMap::new();
        for (index, member) in members.iter().enumerate() {
            if new[index].is_none() && !member.value.is_vacant() {
                bearers.entry(member.name.sort_key()).or_default().push(index);
            }
        }
        for index in 0..old.len() {
            let Some(name) = new[index].clone() else { continue };
            let there = bearers.entry(name.sort_key()).or_default();
            // There already: what keeps this name, and what an earlier rename gave it. Occurrences of one name are
            // no conflict.
            let rival = there
                .first()
                .copied()
                .filter(|&first| new[first].is_none() || old[first] != old[index]);
            if let Some(rival) = rival {
                match self.on_conflict {
                    OnConflict::Fail | OnConflict::Merge => return Err(context.conflict_at(&at(rival))),
                    OnConflict::Replace => {
                        for other in std::mem::take(there) {
                            let _ = context.take(&at(other));
                        }
                    }
                    OnConflict::KeepTarget => {
                        let _ = context.take(&at(index));
                        tally.kept_targets += 1;
                        tally.count(Effect::Removed);
                        continue;
                    }
                }
            }
            there.push(index);
            if let Some(Value::Object(members)) = context.get_mut(parent) {
                members[index].name = name;
            }
            tally.count(Effect::Changed);
        }
        Ok(())
    }

    /// The name that a member gets.
    pub(crate) fn new_name(&self, old: &Text) -> Text {
        match &self.to {
            NewName::Case(case) => case.of(old),
            NewName::To(Pattern::Name(name)) => name.to_text(),
            NewName::To(Pattern::Glob(to)) => match self.path.last() {
                Some(Segment::Glob(from)) => refill(from, to, old),
                _ => old.clone(),
            },
        }
    }

    /// Where it works.
    pub(super) fn paths(&mut self) -> Vec<&mut Path> {
        vec![&mut self.path]
    }

    /// A member gets this name, and none that is there is touched.
    pub(super) fn to_name(path: Path, name: Name) -> Self {
        Self {
            path,
            to: NewName::To(Pattern::Name(name)),
            on_conflict: OnConflict::Fail,
        }
    }

    /// Renaming back undoes it.
    pub(super) fn inverse(&self) -> Inverse {
        let NewName::To(to) = &self.to else {
            return Inverse::none("the former case of a name is known from a schema only");
        };
        let Some(old) = self
            .path
            .header()
            .cloned()
            .map(Pattern::Name)
            .or_else(|| match self.path.last() {
                Some(Segment::Name(name) | Segment::Token(name)) => Some(Pattern::Name(name.clone())),
                Some(Segment::Glob(glob)) => Some(Pattern::Glob(glob.clone())),
                Some(Segment::Elements | Segment::Index(_) | Segment::Anywhere) | None => None,
            })
        else {
            return Inverse::none("the former name is not known");
        };
        let Some(path) = self.renamed_path(to) else {
            return Inverse::none("the new name is not known");
        };
        let back = Op::Rename(Self {
            path,
            to: NewName::To(old),
            on_conflict: OnConflict::Fail,
        });
        match self.on_conflict {
            OnConflict::Fail | OnConflict::Merge => Inverse::lossless_at_one_place(back, &self.path),
            OnConflict::Replace => Inverse::restorable(back, "members that were replaced do not come back"),
            OnConflict::KeepTarget => Inverse::restorable(back, "members that were dropped do not come back"),
        }
    }

    /// The path with the new name at its end.
    fn renamed_path(&self, to: &Pattern) -> Option<Path> {
        if self.path.header().is_some() {
            let Pattern::Name(name) = to else { return None };
            return Some(Path::of_header(name.clone()));
        }
        let (last, parent) = self.path.segments()?.split_last()?;
        let step = match (to, last) {
            (Pattern::Name(name), Segment::Token(_)) => Segment::Token(name.clone()),
            (Pattern::Name(name), _) => Segment::Name(name.clone()),
            (Pattern::Glob(glob), _) => Segment::Glob(glob.clone()),
        };
        Some(Path::of_segments(parent.iter().cloned().chain([step]).collect()))
    }
}

/// The places of each object, in the order in which the objects were met first.
#[derive(Default)]
struct Batches {
    all: Vec<(Location, Vec<usize>)>,
    /// Where the batch of an object stands. An array has as many objects as a message has room for.
    known: HashMap<Location, usize>,
}

impl Batches {
    fn join(&mut self, place: Place) {
        let mut parent = place.location;
        let Some(index) = parent.pop() else { return };
        if let Some(batch) = self.known.get(&parent) {
            self.all[*batch].1.push(index);
        } else {
            self.known.insert(parent.clone(), self.all.len());
            self.all.push((parent, vec![index]));
        }
    }
}

/// The name with its star's text in another glob. A name that is no text fits the star alone, and is carried whole.
fn refill(from: &Glob, to: &Glob, old: &Text) -> Text {
    match from.star(old) {
        Some(star) => Text::from_str(&to.fill(&star)),
        None => Text::concat(&[&Text::from_str(&to.prefix), old, &Text::from_str(&to.suffix)]).canonical(),
    }
}

/// Reports a new name whose stars do not fit those of the path, or that the path's kind of place cannot have.
fn check_stars(fields: &mut Fields<'_, '_>, path: &Path, to: &NewName) {
    let NewName::To(to) = to else { return };
    let from_glob = matches!(path.last(), Some(Segment::Glob(_)));
    match to {
        Pattern::Name(_) if from_glob => {
            let message = "expected a name with one star, for the text that the star of the path stands for";
            fields.error("to", message);
        }
        Pattern::Glob(_) if !from_glob => {
            fields.error(
                "to",
                "expected a name without a star, because the path ends in a plain name",
            );
        }
        Pattern::Name(name) if path.header().is_some() && name.is_own_header() => {
            fields.error(
                "to",
                "expected a header that does not begin with `dunlin-`: those are the router's own",
            );
        }
        Pattern::Name(name) if path.header().is_some() && name.is_no_header() => {
            fields.error(
                "to",
                "expected the name of a header, without control characters, and not empty",
            );
        }
        Pattern::Name(_) | Pattern::Glob(_) => {}
    }
}

#[cfg(test)]
mod tests;
