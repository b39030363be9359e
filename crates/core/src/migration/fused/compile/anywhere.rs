//! Operations on a name at any depth: `**.name` and `**.x_*`.
//!
//! Their names stand in objects of which nobody knows anything, so they become rules, in their order. An object of the shape
//! does at once what a rule says about the members that it knows; everything else is told by how many of the rules hold
//! there: those that came before a member was removed, or before an operation took a value as a whole.

use std::sync::Arc;

use super::super::ask::subjects;
use super::super::plan::{Action, Apply, Effect, Marks, Rule};
use super::Reason;
use super::emit::rendered;
use super::shape::{CellKind, Inside, Shape};
use super::values::{apply_of, local};
use crate::migration::document::Value;
use crate::migration::op::{NewName, Op, Step};
use crate::migration::path::{Name, Path, Pattern, Segment};

impl Shape {
    /// As many rules are kept apart by bits.
    const MOST_RULES: usize = 64;

    /// The pattern of a path that leads anywhere.
    pub(super) fn anywhere_pattern(path: &Path) -> Option<Pattern> {
        match path.segments()? {
            [Segment::Anywhere, Segment::Name(name)] => Some(Pattern::Name(name.clone())),
            [Segment::Anywhere, Segment::Glob(glob)] => Some(Pattern::Glob(glob.clone())),
            _ => None,
        }
    }

    pub(super) fn anywhere(&mut self, mark: Marks, step: &Step, pattern: Pattern) -> Result<(), Reason> {
        if self.rules.len() >= Self::MOST_RULES {
            return Err(Reason::new("a pass has room for 64 operations at any depth"));
        }
        let effect = effect(mark, step)?;
        self.check_taken(&pattern, &effect)?;
        let level = self.rules.len();
        self.settle_gone(level);
        if let (Effect::Rename { to, .. }, Pattern::Name(name)) = (&effect, &pattern) {
            let mut open = Vec::new();
            self.open_objects(self.root(), &mut open);
            for object in open {
                self.rename_in(object, mark, name.as_str(), to)?;
            }
        }
        self.apply_rule(self.root(), mark, step, &pattern, &effect, level)?;
        self.rules.push(Rule {
            mark,
            pattern,
            effect,
        });
        Ok(())
    }

    /// Values that were taken elsewhere are told apart from others by nothing but their place. Behind this check no value of
    /// the shape is taken elsewhere.
    fn check_taken(&self, pattern: &Pattern, effect: &Effect) -> Result<(), Reason> {
        if !self.slots.is_empty() {
            return Err(Reason::new("a value that was taken elsewhere may hold its names"));
        }
        let fits = |name: &str| {
            let is_target = matches!(effect, Effect::Rename { to, .. } if to == name);
            is_target || pattern.fits(&Name::new(name).to_text())
        };
        let appended = self.objects.iter().flat_map(|object| &object.members);
        for member in appended.filter(|member| member.source.is_none()) {
            let Some(name) = &member.name else { continue };
            let is_container = matches!(
                self.cells[member.cell].kind,
                CellKind::Constant(Value::Array(_) | Value::Object(_)) | CellKind::Value(_)
            );
            if fits(name) || is_container {
                return Err(Reason::new("a value that is added may hold its names"));
            }
        }
        Ok(())
    }

    /// Members that are gone by now are none of the rules' that follow.
    fn settle_gone(&mut self, level: usize) {
        for object in &mut self.objects {
            if object.picked.is_some() && object.rules.is_none() {
                object.rules = Some(level);
            }
            for member in &mut object.members {
                if member.name.is_none() && member.rules.is_none() {
                    member.rules = Some(level);
                }
            }
        }
    }

    /// The objects of the document that are there still, and that no operation has worked on as a whole: one that has comes
    /// behind all that is known of their members, and a rule that follows comes behind it.
    fn open_objects(&self, cell: usize, open: &mut Vec<usize>) {
        let own = &self.cells[cell];
        let is_open = matches!(own.kind, CellKind::Document) && own.actions.is_empty();
        match own.inside {
            Inside::Elements(element) if is_open => self.open_objects(element, open),
            Inside::Members(object) if is_open => {
                open.push(object);
                for member in &self.objects[object].members {
                    if member.name.is_some() {
                        self.open_objects(member.cell, open);
                    }
                }
            }
            Inside::Nothing | Inside::Elements(_) | Inside::Members(_) => {}
        }
    }

    /// What a rule does to the values of the shape.
    fn apply_rule(
        &mut self,
        cell: usize,
        mark: Marks,
        step: &Step,
        pattern: &Pattern,
        effect: &Effect,
        level: usize,
    ) -> Result<(), Reason> {
        let own = &self.cells[cell];
        if !matches!(own.kind, CellKind::Document) {
            return Ok(());
        }
        if !own.actions.is_empty() {
            self.act_inside(cell, mark, step);
            return Ok(());
        }
        match own.inside {
            Inside::Nothing => {}
            Inside::Elements(element) => self.apply_rule(element, mark, step, pattern, effect, level)?,
            Inside::Members(object) => {
                for member in 0..self.objects[object].members.len() {
                    let own = &mut self.objects[object].members[member];
                    let cell = own.cell;
                    let Some(name) = own.name.as_ref().filter(|_| own.source.is_some()) else {
                        continue;
                    };
                    let is_meant = pattern.fits(&Name::new(name.as_str()).to_text());
                    match effect {
                        Effect::Remove if is_meant => {
                            own.name = None;
                            own.changed |= mark;
                            own.rules = Some(level);
                            continue;
                        }
                        Effect::Apply(apply) if is_meant => {
                            if self.cells[cell].inside != Inside::Nothing
                                || !self.cells[cell].actions.is_empty()
                            {
                                return Err(Reason::new("it works on a value that is known from inside"));
                            }
                            self.act_by_rule(cell, apply, level);
                            self.act_inside(cell, mark, step);
                            continue;
                        }
                        // Those that are known by name have been renamed already.
                        Effect::Remove | Effect::Apply(_) | Effect::Rename { .. } => {}
                    }
                    self.apply_rule(cell, mark, step, pattern, effect, level)?;
                }
            }
        }
        Ok(())
    }

    fn act_by_rule(&mut self, cell: usize, apply: &Apply, level: usize) {
        let own = &mut self.cells[cell];
        own.rules.get_or_insert(level);
        own.actions.push(Action::Apply(Box::new(apply.clone())));
    }

    /// Lets the interpreter's operation look for its names in a value that operations work on as a whole.
    fn act_inside(&mut self, cell: usize, mark: Marks, step: &Step) {
        let mut apply = apply_of(mark, local(step, 0));
        apply.only_inside = true;
        self.sees_message |= apply.sees_message;
        self.cells[cell].actions.push(Action::Apply(Box::new(apply)));
    }

    /// Whether the rules leave a member of this name, that nobody has named before, under its name.
    pub(super) fn is_left_by_rules(&self, name: &str) -> Result<bool, Reason> {
        let text = Name::new(name).to_text();
        let mut is_left = true;
        for rule in &self.rules {
            // Whatever came under this name is gone by then, but another may get it.
            let is_meant = is_left && rule.pattern.fits(&text);
            match &rule.effect {
                Effect::Rename { to, .. } if is_meant || to == name => {
                    return Err(Reason::new("it names what is renamed at any depth"));
                }
                Effect::Remove if is_meant => is_left = false,
                Effect::Apply(_) if is_meant => {
                    return Err(Reason::new("it names what is changed at any depth"));
                }
                Effect::Rename { .. } | Effect::Remove | Effect::Apply(_) => {}
            }
        }
        Ok(is_left)
    }
}

/// What an operation does where its name stands.
fn effect(mark: Marks, step: &Step) -> Result<Effect, Reason> {
    let filter = step.rules.filter.as_ref();
    if filter.is_some_and(|filter| subjects(filter).1) {
        return Err(Reason::new(
            "at any depth its `where` asks about members beside the place",
        ));
    }
    match &step.op {
        Op::Remove(_) if filter.is_none() => Ok(Effect::Remove),
        Op::Rename(rename) if filter.is_none() => match (&rename.to, rename.path.last()) {
            (NewName::To(Pattern::Name(to)), Some(Segment::Name(name))) if to.as_str() == name.as_str() => {
                Err(Reason::new("at any depth it gives a name to itself"))
            }
            (NewName::To(Pattern::Name(to)), Some(Segment::Name(_))) => Ok(Effect::Rename {
                to: to.as_str().to_owned(),
                written: rendered(to.as_str()),
            }),
            (NewName::To(_) | NewName::Case(_), _) => {
                Err(Reason::new("at any depth its new names depend on the document"))
            }
        },
        Op::Remove(_) | Op::Rename(_) => Err(Reason::new("at any depth its `where` decides about names")),
        Op::Cast(_)
        | Op::Translate(_)
        | Op::Multiply(_)
        | Op::Time(_)
        | Op::Text(_)
        | Op::Hash(_)
        | Op::Redact(_)
        | Op::Modify(_) => {
            let path = |_: &Path| Path::of_segments(vec![Segment::Index(0)]);
            let step = Step {
                op: step.op.elsewhere(&path),
                rules: Arc::clone(&local(step, 0).rules),
            };
            Ok(Effect::Apply(Box::new(apply_of(mark, step))))
        }
        _ => Err(Reason::new("`**` finds its names at any depth")),
    }
}
