//! Writes a shape down as a plan.

use super::super::buffer::Padded;
use super::super::names::Names;
use super::super::plan::{self, Action, Append, Content, Fate, MemberPlan, Node, Plan, Slots, ValuePlan};
use super::super::rules::Rules;
use super::shape::{CellKind, Inside, Member, Object, Shape};
use crate::migration::document::Text;

impl Shape {
    pub(super) fn into_plan(self) -> Plan {
        let mut levels = vec![0; self.cells.len()];
        self.level(self.root(), self.rules.len(), &mut levels);
        let node = |object: &Object| self.node(object, &levels);
        let nodes = self.objects.iter().map(node).collect();
        let values = self.cells.iter().zip(&levels).map(|(cell, level)| ValuePlan {
            inside: match cell.inside {
                Inside::Nothing if *level > 0 => plan::Inside::Anywhere(*level),
                Inside::Nothing => plan::Inside::Nothing,
                Inside::Members(object) => plan::Inside::Members(object),
                Inside::Elements(element) => plan::Inside::Elements(element),
            },
            actions: cell.actions.clone(),
            refuses_null: cell.refuses_null,
            scope: cell.scope,
        });
        let values = values.collect();
        let slots = self
            .slots
            .iter()
            .map(|slot| self.cells[slot.cell].actions.clone())
            .collect();
        Plan {
            nodes,
            values,
            slots,
            rules: Rules::new(self.rules),
            strict: self.strict,
            left_alone_unless_asked: self.left_alone_unless_asked,
            added_depth: self.added_depth,
            copies: self.copies,
        }
    }

    /// How many of the rules hold in each value: those that came before it was removed, or taken as a whole.
    fn level(&self, cell: usize, around: usize, levels: &mut [usize]) {
        let own = &self.cells[cell];
        let level = own.rules.map_or(around, |own| own.min(around));
        levels[cell] = level;
        match own.inside {
            Inside::Nothing => {}
            Inside::Elements(element) => self.level(element, level, levels),
            Inside::Members(object) => {
                for member in &self.objects[object].members {
                    if member.source.is_some() {
                        let level = member.rules.map_or(level, |own| own.min(level));
                        self.level(member.cell, level, levels);
                    }
                }
            }
        }
    }

    fn node(&self, object: &Object, levels: &[usize]) -> Node {
        let (sources, appended): (Vec<_>, Vec<_>) = object
            .members
            .iter()
            .enumerate()
            .partition(|(_, member)| member.source.is_some());
        let names = sources.iter().filter_map(|(_, member)| member.source.as_deref());
        Node {
            names: Names::new(names.map(|name| name.as_bytes().into()).collect()),
            members: sources
                .iter()
                .map(|(at, member)| self.member(1 << at, member, levels))
                .collect(),
            others_go: object.picked,
            rules: object
                .rules
                .map_or(levels[object.cell], |own| own.min(levels[object.cell])),
            content: object.content,
            rivals: object.rivals.clone(),
            appends: appended
                .iter()
                .map(|(at, member)| self.appended(1 << at, member))
                .collect(),
            sources: self.slots_in_object(object),
            nested: object.nested,
        }
    }

    fn member(&self, bit: u64, member: &Member, levels: &[usize]) -> MemberPlan {
        let cell = &self.cells[member.cell];
        let is_plain = cell.inside == Inside::Nothing && cell.actions.is_empty() && levels[member.cell] == 0;
        MemberPlan {
            bit,
            fate: match &member.name {
                None => Fate::Gone,
                Some(name) if member.source.as_ref() == Some(name) => Fate::Stays,
                Some(name) => Fate::Renamed(rendered(name)),
            },
            changed: member.changed,
            unchanged: member.unchanged,
            value: (!is_plain).then_some(member.cell),
        }
    }

    fn appended(&self, bit: u64, member: &Member) -> Append {
        let cell = &self.cells[member.cell];
        let content = match (&cell.kind, cell.inside) {
            (CellKind::Slot(slot), _) => Content::Slot(*slot),
            (CellKind::Value(value), _) => Content::Value(*value),
            (CellKind::Constant(value), _) => Content::Constant(Padded::new(&value.to_json())),
            (CellKind::Made, Inside::Members(object)) => Content::Object(object),
            // What is appended comes from a slot or the chain; an object without members is a constant.
            (CellKind::Made | CellKind::Document, _) => Content::Constant(Padded::new("{}")),
        };
        Append {
            bit,
            blockers: member.blockers,
            conflicts: member.conflicts,
            slots: member.slots,
            changed: member.changed,
            unchanged: member.unchanged,
            name: member.name.as_deref().map(rendered),
            content,
        }
    }

    /// The slots that are filled from inside of an object of the document.
    fn slots_in_object(&self, object: &Object) -> Slots {
        let members = object.members.iter().filter(|member| member.source.is_some());
        members.fold(0, |slots, member| slots | self.slots_in(member.cell))
    }

    fn slots_in(&self, cell: usize) -> Slots {
        let inside = match self.cells[cell].inside {
            Inside::Nothing => 0,
            Inside::Members(object) => self.slots_in_object(&self.objects[object]),
            Inside::Elements(element) => self.slots_in(element),
        };
        self.cells[cell]
            .actions
            .iter()
            .fold(inside, |slots, action| match action {
                Action::Capture(slot) => slots | 1 << slot | self.slots_in(self.slots[*slot].cell),
                Action::Apply(_) | Action::Replace { .. } => slots,
            })
    }
}

/// A name as it is written, with its colon.
pub(super) fn rendered(name: &str) -> Padded {
    let mut text = String::new();
    Text::from_str(name).write(&mut text);
    text.push(':');
    Padded::new(&text)
}
