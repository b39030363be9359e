//! What `move` and `copy` share: a value is carried from one place to another inside of the same element.

mod prove;

use std::collections::HashSet;

use crate::finding::Finding;
use crate::migration::canonical::Canonical;
use crate::migration::context::{Context, Effect, OnConflict, Room, Tally};
use crate::migration::document::{Kind, Value};
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::load::fields::Fields;
use crate::migration::outcome::Change;
use crate::migration::path::{Ends, Path, Segment, Takes};
use crate::migration::place::{Aim, Occurrences, Parents, Place, Target};

/// From where to where, and what happens on the way.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Carry {
    pub(super) from: Path,
    pub(super) to: Path,
    pub(super) on_conflict: OnConflict,
    pub(super) parents: Parents,
}

/// What becomes of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// It is taken away, every occurrence of it.
    Goes,
    /// It stays.
    Stays,
}

impl Carry {
    /// Reads the operands. `spreads`: the target may have wildcards behind those that it shares with the source.
    pub(super) fn parse(fields: &mut Fields<'_, '_>, word: &'static str, spreads: bool) -> Option<Self> {
        let from = fields.path(word, Takes::PLACES.message());
        let to = fields.path("to", Takes::PLACES.message().ends(Ends::Name));
        let on_conflict = fields.choice("on_conflict", &OnConflict::CHOICES_WITH_MERGE, OnConflict::Fail);
        let parents = fields.choice("parents", &Parents::CHOICES, Parents::Missing);
        let carry = Self {
            from: from?,
            to: to?,
            on_conflict,
            parents,
        };
        carry.check_wildcards(fields, spreads);
        Some(carry)
    }

    fn check_wildcards(&self, fields: &mut Fields<'_, '_>, spreads: bool) {
        let (from, to) = (
            self.from.segments().unwrap_or_default(),
            self.to.segments().unwrap_or_default(),
        );
        let shared = self.shared();
        let message = if to.get(..shared) != from.get(..shared) {
            "expected the same path as that of the source up to its last wildcard, so that each element is handled by itself"
        } else if !spreads && to[shared..].iter().any(Segment::is_wildcard) {
            "expected no wildcard that the source has not, found one"
        } else {
            return;
        };
        let place = fields.place("to");
        fields.report(Finding::error(&place, message));
    }

    /// How many segments lead to the element that source and target share.
    fn shared(&self) -> usize {
        self.from.last_wildcard().map_or(0, |wildcard| wildcard + 1)
    }

    /// Writes the operands for the digest.
    pub(super) fn canonical(&self, word: &'static str, out: &mut Canonical) {
        out.text(word, &self.from);
        out.text("to", &self.to);
        out.choice(
            "on_conflict",
            &OnConflict::CHOICES_WITH_MERGE,
            self.on_conflict,
            OnConflict::Fail,
        );
        out.choice("parents", &Parents::CHOICES, self.parents, Parents::Missing);
    }

    /// From where to where.
    pub(super) fn paths(&mut self) -> Vec<&mut Path> {
        vec![&mut self.from, &mut self.to]
    }

    /// The way back.
    pub(super) fn back(&self) -> Self {
        Self {
            from: self.to.clone(),
            to: self.from.clone(),
            on_conflict: OnConflict::Fail,
            parents: Parents::Missing,
        }
    }

    /// Whether objects may be made that nothing removes again.
    pub(super) fn may_make_parents(&self) -> bool {
        let behind = self
            .to
            .segments()
            .map_or(0, <[_]>::len)
            .saturating_sub(self.shared());
        match self.parents {
            Parents::No => false,
            Parents::Missing => behind > 1,
            Parents::MissingOrNull => behind > 0,
        }
    }

    /// Carries from every place. Both paths are resolved before anything changes.
    pub(super) fn apply(&self, context: &mut Context<'_>, source: Source) -> Result<Change, Failure> {
        let mut tally = Tally::default();
        if self.from.is_document() {
            let turns = context.branches(&self.from, Occurrences::Last);
            let aims: Vec<Vec<Aim>> = turns
                .iter()
                .map(|turn| {
                    turn.place()
                        .map_or_else(Vec::new, |place| self.aims(context, place.scope_of()))
                })
                .collect();
            for (turn, aims) in turns.into_iter().zip(aims) {
                let Some(place) = context.admit(turn, &mut tally)? else {
                    continue;
                };
                self.carry_place(context, &place, aims, source, &mut tally)?;
            }
        } else {
            let there = context.message_text(&self.from);
            if let Some(value) = there {
                if context.judge_text(&self.from, Some(&value))? {
                    let aims = self.aims(context, &[]);
                    self.carry_text(context, &value, aims, source, &mut tally)?;
                } else {
                    tally.leave_alone();
                }
            } else {
                context.count_missing(&self.from, &mut tally)?;
            }
        }
        context.finish(&self.from, &tally)
    }

    /// Where the target path leads, from the element that it shares with the source.
    fn aims(&self, context: &Context<'_>, element: &[usize]) -> Vec<Aim> {
        match self.to.segments() {
            Some(segments) => context.aims_from(element, &segments[self.shared()..], self.parents),
            None => Vec::new(),
        }
    }

    fn carry_place(
        &self,
        context: &mut Context<'_>,
        place: &Place,
        aims: Vec<Aim>,
        source: Source,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let Some(value) = context
            .get(&place.location)
            .filter(|value| !value.is_vacant())
            .cloned()
        else {
            // It went with a value that was replaced for an earlier element.
            tally.count(Effect::Absent);
            return Ok(());
        };
        if !self.to.is_document() {
            let effect = self.put_into_message(context, &value, source, tally)?;
            if source == Source::Goes && effect.leaves_source() {
                context.take_source(&place.location);
            }
            tally.count(effect.into_effect(source));
            return Ok(());
        }
        for aim in aims {
            let Some(target) = context.admit_aim(aim, self.parents, tally)? else {
                continue;
            };
            if context.is_same_place(&target, &place.location) {
                tally.count(Effect::Unchanged);
                continue;
            }
            if source == Source::Goes && target.base.location.starts_with(&place.location) {
                return Err(Failure::new(
                    FailureKind::Conflict,
                    "expected a target outside of the value that is moved",
                )
                .at(context.show(&target.base.location))
                .found(value.kind()));
            }
            let taken = (source == Source::Goes).then_some(place.location.as_slice());
            match self.arrive(context, &target, &value, source, taken, tally) {
                Ok(arrival) => tally.count(arrival.into_effect(source)),
                Err(failure) => context.mismatched(failure, tally)?,
            }
        }
        Ok(())
    }

    fn carry_text(
        &self,
        context: &mut Context<'_>,
        value: &Value,
        aims: Vec<Aim>,
        source: Source,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        if !self.to.is_document() {
            if self.from == self.to {
                tally.count(Effect::Unchanged);
                return Ok(());
            }
            let arrival = self.put_into_message(context, value, source, tally)?;
            if source == Source::Goes && arrival.leaves_source() {
                context.remove_message_text(&self.from);
            }
            tally.count(arrival.into_effect(source));
            return Ok(());
        }
        if let Err(error) = value.scalar_text() {
            let failure = Failure::new(FailureKind::InvalidText, format!("expected text, {error}"));
            return Err(failure.at(self.from.to_string()).found(value.kind()));
        }
        for aim in aims {
            let Some(target) = context.admit_aim(aim, self.parents, tally)? else {
                continue;
            };
            match self.arrive(context, &target, value, source, None, tally) {
                Ok(arrival) => {
                    if source == Source::Goes {
                        context.remove_message_text(&self.from);
                    }
                    tally.count(arrival.into_effect(source));
                }
                Err(failure) => context.mismatched(failure, tally)?,
            }
        }
        Ok(())
    }

    /// Puts a value into a document. `taken` is the source, which goes as soon as it is sure that the value can arrive.
    fn arrive(
        &self,
        context: &mut Context<'_>,
        target: &Target,
        value: &Value,
        source: Source,
        taken: Option<&[usize]>,
        tally: &mut Tally,
    ) -> Result<Arrival, Failure> {
        let there = match target.make.as_slice() {
            [] => context.occurrences(&target.base.location, &target.name),
            _ => Vec::new(),
        };
        if source == Source::Stays
            && !there.is_empty()
            && there.iter().all(|at| context.get(at) == Some(value))
        {
            return Ok(Arrival::Equal);
        }
        if let (OnConflict::Merge, Some(last)) = (self.on_conflict, there.last()) {
            let last = last.clone();
            check_merge(context, &last, value)?;
            let adds_nothing = matches!(value, Value::Object(arriving) if arriving.is_empty());
            if source == Source::Stays && adds_nothing && context.get(&last).is_some_and(Value::is_container)
            {
                return Ok(Arrival::Equal);
            }
            Self::grow(context, target, value, taken)?;
            if let Some(source) = taken {
                context.take_source(source);
            }
            match (context.get_mut(&last), value.clone()) {
                (Some(Value::Object(members)), Value::Object(arriving)) => members.extend(arriving),
                (Some(there), value) => *there = value,
                (None, _) => {}
            }
            return Ok(Arrival::Arrived);
        }
        if self.on_conflict == OnConflict::Fail && !there.is_empty() {
            // Judged before the source is taken, so that a failure leaves nothing behind.
            return Err(context.conflict_at(&there[there.len() - 1]));
        }
        if there.is_empty() || self.on_conflict != OnConflict::KeepTarget {
            Self::grow(context, target, value, taken)?;
        }
        if let Some(source) = taken {
            context.take_source(source);
        }
        let parent = context.make_parents(target);
        match context.make_room(&parent, &target.name, self.on_conflict)? {
            Room::Taken => {
                tally.kept_targets += 1;
                Ok(Arrival::Kept)
            }
            Room::Free => {
                context.append(&parent, &target.name, value.clone());
                Ok(Arrival::Arrived)
            }
        }
    }

    /// Counts a copy before it is made. A value that is only taken elsewhere adds nothing.
    fn grow(
        context: &mut Context<'_>,
        target: &Target,
        value: &Value,
        taken: Option<&[usize]>,
    ) -> Result<(), Failure> {
        if taken.is_some() {
            return Ok(());
        }
        context
            .grow(value.size())
            .map_err(|failure| failure.at(context.show_target(target)))
    }

    /// Writes a value into a header or the key.
    fn put_into_message(
        &self,
        context: &mut Context<'_>,
        value: &Value,
        source: Source,
        tally: &mut Tally,
    ) -> Result<Arrival, Failure> {
        if let Some(there) = context.message_text(&self.to) {
            let same = there.scalar_text().ok() == value.scalar_text().ok();
            if same && source == Source::Stays {
                return Ok(Arrival::Equal);
            }
            let conflict = |kind, expected| {
                Err(Failure::new(kind, expected)
                    .at(self.to.to_string())
                    .found(Kind::String))
            };
            match self.on_conflict {
                OnConflict::KeepTarget => {
                    tally.kept_targets += 1;
                    return Ok(Arrival::Kept);
                }
                OnConflict::Replace => {
                    if same {
                        return Ok(Arrival::Equal);
                    }
                }
                OnConflict::Fail => return conflict(FailureKind::Conflict, "expected no value there"),
                OnConflict::Merge => {
                    return conflict(FailureKind::Mismatch, "expected an object to merge into");
                }
            }
        }
        context
            .write_message_text(&self.to, value)
            .map_err(|failure| failure.found(value.kind()))?;
        Ok(Arrival::Arrived)
    }
}

/// What became of a value at its target.
#[derive(Clone, Copy)]
enum Arrival {
    /// It is there.
    Arrived,
    /// An equal one was there already.
    Equal,
    /// Another one stays there.
    Kept,
}

impl Arrival {
    /// A source that was given up goes, too.
    fn leaves_source(self) -> bool {
        matches!(self, Self::Arrived | Self::Equal | Self::Kept)
    }

    fn into_effect(self, source: Source) -> Effect {
        match (self, source) {
            (Self::Arrived, _) | (Self::Equal | Self::Kept, Source::Goes) => Effect::Changed,
            (Self::Equal | Self::Kept, Source::Stays) => Effect::Unchanged,
        }
    }
}

fn check_merge(context: &Context<'_>, target: &[usize], value: &Value) -> Result<(), Failure> {
    let Some(there) = context.get(target) else {
        return Ok(());
    };
    match (there, value) {
        (Value::Null, _) => Ok(()),
        (Value::Object(members), Value::Object(arriving)) => {
            let there: HashSet<_> = members.iter().map(|member| member.name.sort_key()).collect();
            let twice = arriving
                .iter()
                .find(|member| there.contains(&member.name.sort_key()));
            match twice {
                None => Ok(()),
                Some(member) => Err(
                    Failure::new(FailureKind::Conflict, "expected no member of this name")
                        .at(context.show(target))
                        .found(member.value.kind()),
                ),
            }
        }
        (other, _) => Err(
            Failure::new(FailureKind::Mismatch, "expected two objects to merge")
                .at(context.show(target))
                .found(other.kind()),
        ),
    }
}

impl Context<'_> {
    /// Takes a source away: every occurrence of a member's name in the object that was followed, or an element.
    fn take_source(&mut self, location: &[usize]) {
        let name = self.member_at(location).map(|member| member.name.clone());
        match (name, location.split_last()) {
            (Some(name), Some((_, parent))) => self.take_named(parent, &name),
            (Some(_) | None, _) => drop(self.take(location)),
        }
    }

    fn is_same_place(&self, target: &Target, source: &[usize]) -> bool {
        let same_parent = source
            .split_last()
            .is_some_and(|(_, parent)| *parent == *target.base.location);
        let same_name = self
            .member_at(source)
            .is_some_and(|member| target.name.matches(&member.name));
        target.make.is_empty() && same_parent && same_name
    }
}
