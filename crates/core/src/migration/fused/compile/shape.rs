//! What is known of a document while a chain runs over it without one.

use super::super::plan::{Action, Bits, Marks, Rule, Slots};
use super::Reason;
use crate::migration::document::Value;

/// The document, as far as operations name it.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) cells: Vec<Cell>,
    pub(super) objects: Vec<Object>,
    pub(super) slots: Vec<Slot>,
    /// Operations at any depth, in order.
    pub(super) rules: Vec<Rule>,
    pub(super) strict: Marks,
    pub(super) left_alone_unless_asked: Marks,
    pub(super) added_depth: usize,
    pub(super) copies: usize,
    /// Some operation of the pass looks at headers or the key.
    pub(super) sees_message: bool,
    marks: u32,
}

/// One value.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) kind: CellKind,
    pub(super) inside: Inside,
    /// What happens to it as a whole, behind what happens inside of it.
    pub(super) actions: Vec<Action>,
    pub(super) refuses_null: bool,
    pub(super) scope: Slots,
    /// How many rules came before the first operation on it as a whole: those behind it are performed with it.
    pub(super) rules: Option<usize>,
}

/// Where a value comes from.
#[derive(Debug, Clone)]
pub(super) enum CellKind {
    /// It stands in the document.
    Document,
    /// It was taken from elsewhere.
    Slot(usize),
    /// It stands in the migration.
    Constant(Value),
    /// It was computed before the pass.
    Value(usize),
    /// It is an object that the chain makes.
    Made,
}

/// What is named inside of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inside {
    Nothing,
    Members(usize),
    Elements(usize),
}

/// One object, of the document or made.
#[derive(Debug, Clone)]
pub(super) struct Object {
    /// The value that it is.
    pub(super) cell: usize,
    pub(super) is_made: bool,
    /// Names that were not picked are gone, and no later operation finds them.
    pub(super) picked: Option<Marks>,
    pub(super) content: Marks,
    pub(super) rivals: Vec<(Bits, Bits)>,
    /// In the order in which they were named or appended.
    pub(super) members: Vec<Member>,
    pub(super) nested: usize,
    /// How many rules came before the names that were not picked went.
    pub(super) rules: Option<usize>,
}

/// One member.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// Its name in the document. `None`: it is appended.
    pub(super) source: Option<String>,
    /// Its name now. `None`: it was removed or taken elsewhere.
    pub(super) name: Option<String>,
    pub(super) cell: usize,
    pub(super) changed: Marks,
    pub(super) unchanged: Marks,
    /// Of an appended member: what keeps it away, whether that is a conflict, and what it needs.
    pub(super) blockers: Bits,
    pub(super) conflicts: bool,
    pub(super) slots: Slots,
    /// How many rules came before it was removed.
    pub(super) rules: Option<usize>,
}

/// A value that is taken elsewhere.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    /// The values of which one is taken.
    pub(super) sources: Vec<usize>,
    /// Nothing stays behind.
    pub(super) is_moved: bool,
    /// The value where it goes.
    pub(super) cell: usize,
}

impl Shape {
    pub(super) fn new() -> Self {
        let mut shape = Self {
            cells: Vec::new(),
            objects: Vec::new(),
            slots: Vec::new(),
            rules: Vec::new(),
            strict: 0,
            left_alone_unless_asked: 0,
            added_depth: 0,
            copies: 0,
            sees_message: false,
            marks: 0,
        };
        shape.new_cell(CellKind::Document);
        shape
    }

    /// Whether nothing has been named yet.
    pub(super) fn is_blank(&self) -> bool {
        self.marks == 0 && self.cells.len() == 1 && self.objects.is_empty()
    }

    /// A mark for one more operation.
    pub(super) fn next_mark(&mut self) -> Result<Marks, Reason> {
        let mark = 1_u128
            .checked_shl(self.marks)
            .ok_or_else(|| Reason::new(format!("a fused chain has at most {} operations", Marks::BITS)))?;
        self.marks += 1;
        Ok(mark)
    }

    pub(super) fn new_cell(&mut self, kind: CellKind) -> usize {
        self.cells.push(Cell {
            kind,
            inside: Inside::Nothing,
            actions: Vec::new(),
            refuses_null: false,
            scope: 0,
            rules: None,
        });
        self.cells.len() - 1
    }

    pub(super) fn new_object(&mut self, cell: usize, is_made: bool) -> usize {
        self.objects.push(Object {
            cell,
            is_made,
            picked: None,
            content: 0,
            rivals: Vec::new(),
            members: Vec::new(),
            nested: 0,
            rules: None,
        });
        self.objects.len() - 1
    }

    /// A slot for a value that never leaves the element `scope`.
    pub(super) fn new_slot(&mut self, scope: usize, is_moved: bool) -> Result<usize, Reason> {
        let slot = self.slots.len();
        if slot >= Slots::BITS as usize {
            return Err(Reason::new(format!(
                "a fused chain takes at most {} values elsewhere",
                Slots::BITS
            )));
        }
        let cell = self.new_cell(CellKind::Slot(slot));
        self.slots.push(Slot {
            sources: Vec::new(),
            is_moved,
            cell,
        });
        self.cells[scope].scope |= 1 << slot;
        Ok(slot)
    }

    /// The members that have this name now: at most one of them is there in a document. Names that nobody has named
    /// before become known.
    pub(super) fn named(&mut self, object: usize, name: &str) -> Result<Vec<usize>, Reason> {
        let own = &self.objects[object];
        let with = |member: &Member| member.name.as_deref() == Some(name);
        let mut found: Vec<usize> = (0..own.members.len())
            .filter(|&at| with(&own.members[at]))
            .collect();
        let is_known = own
            .members
            .iter()
            .any(|member| member.source.as_deref() == Some(name));
        if !own.is_made && own.picked.is_none() && !is_known && self.is_left_by_rules(name)? {
            let cell = self.new_cell(CellKind::Document);
            found.push(self.new_member(object, Some(name), Some(name), cell)?);
        }
        Ok(found)
    }

    pub(super) fn new_member(
        &mut self,
        object: usize,
        source: Option<&str>,
        name: Option<&str>,
        cell: usize,
    ) -> Result<usize, Reason> {
        let members = &mut self.objects[object].members;
        if members.len() >= Bits::BITS as usize {
            return Err(Reason::new(format!(
                "a fused chain names at most {} members of one object",
                Bits::BITS
            )));
        }
        members.push(Member {
            source: source.map(str::to_owned),
            name: name.map(str::to_owned),
            cell,
            changed: 0,
            unchanged: 0,
            blockers: 0,
            conflicts: false,
            slots: 0,
            rules: None,
        });
        Ok(members.len() - 1)
    }

    /// Whether a value is put into this slot, and nothing else happens to it.
    pub(super) fn is_only_taken(&self, cell: usize, slot: usize) -> bool {
        matches!(self.cells[cell].actions.as_slice(), [Action::Capture(only)] if *only == slot)
    }
}

/// The bits of these members.
pub(super) fn bits(members: &[usize]) -> Bits {
    members.iter().fold(0, |bits, member| bits | 1 << member)
}
