//! What a transformation makes of a shape: the state of the run, and what is said on the way.
//!
//! Everything here errs on one side. What comes out covers each document that can come out; a document that would fail
//! is not covered. So an operation fails for every message exactly where nothing is left, and says on the way why.

use std::sync::Arc;

use crate::migration::context::Rules;
use crate::migration::document::Kind;
use crate::migration::op::{Inverse, Op};
use crate::migration::shape::{Kinds, MOST_NODES, Node, Shape, ShapePath};

/// A chain while it runs over a shape.
#[derive(Debug)]
pub(crate) struct Prover {
    /// The definitions, to which references lead all the way.
    shape: Shape,
    /// The rules of the operation.
    pub(super) rules: Arc<Rules>,
    /// Whether paths begin at an element, in `each`, and not at the document.
    pub(crate) inside: bool,
    base: ShapePath,
    /// The places that a message can have among those where the transformation works.
    pub(crate) met: Vec<ShapePath>,
    /// What may fail, and where.
    pub(crate) remarks: Vec<Remark>,
    /// What cannot be followed, and why.
    pub(crate) undecided: Vec<(ShapePath, String)>,
    /// What undoes the operation, where the shape knows better than the operation alone.
    pub(crate) known: Known,
    /// Whether a target was looked for that may be out of reach.
    pub(crate) unreached: bool,
    /// How many more nodes `**` may go into.
    pub(super) entries_left: usize,
}

/// What a shape knows of the way back.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Known {
    /// Nothing was said.
    #[default]
    Nothing,
    /// These operations lead back, wherever the operation worked so far.
    Undone(Inverse),
    /// Different places would need different operations, or a name is not known.
    Never,
}

/// Something that may fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remark {
    pub(crate) at: ShapePath,
    /// It fails for values that the schema declares, not only for some of their texts.
    pub(crate) is_warning: bool,
    pub(crate) sentence: String,
}

/// What a value became.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct After {
    /// Its shape. Impossible, and not gone: the message fails.
    pub(crate) value: Node,
    /// Whether it may have been removed.
    pub(crate) gone: bool,
}

impl After {
    /// The value is there.
    pub(crate) const fn stays(value: Node) -> Self {
        Self { value, gone: false }
    }

    /// The value is there, and has one of these kinds.
    pub(crate) fn of(kinds: Kinds) -> Self {
        Self::stays(kinds.into())
    }

    /// The value is removed.
    pub(crate) fn removed() -> Self {
        Self {
            value: Node::default(),
            gone: true,
        }
    }

    /// The message fails.
    pub(crate) fn never() -> Self {
        Self::stays(Node::default())
    }
}

/// The kinds of a value that is looked at.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) kinds: Kinds,
    /// Nothing was known of the value, so that nothing can be said against it.
    pub(crate) open: bool,
}

/// What is done with a value at a place.
pub(crate) type Act<'a> = dyn FnMut(&mut Prover, Node, &ShapePath) -> After + 'a;

impl Prover {
    /// A run over shapes with these definitions.
    pub(crate) fn new(shape: &Shape) -> Self {
        Self {
            shape: shape.clone(),
            rules: Arc::default(),
            inside: false,
            base: ShapePath::default(),
            met: Vec::new(),
            remarks: Vec::new(),
            undecided: Vec::new(),
            known: Known::Nothing,
            unreached: false,
            entries_left: MOST_NODES,
        }
    }

    /// Runs an operation under its rules, and says whether it may find a place.
    pub(crate) fn under(
        &mut self,
        rules: &Arc<Rules>,
        run: impl FnOnce(&mut Self) -> After,
    ) -> (After, bool) {
        let outer = std::mem::replace(&mut self.rules, Arc::clone(rules));
        let met = self.met.len();
        let after = run(self);
        self.rules = outer;
        (after, self.met.len() > met)
    }

    /// Says what undoes the operation at this place. In `each` that is nobody's business: its entries are undone together.
    pub(crate) fn undone_by(&mut self, ops: Option<Vec<Op>>, is_lossless: bool, why: &'static str) {
        if self.inside {
            return;
        }
        let known = ops.map(|ops| Inverse::known(ops, is_lossless, why));
        self.known = match (std::mem::take(&mut self.known), known) {
            (Known::Nothing, Some(known)) => Known::Undone(known),
            (Known::Undone(one), Some(other)) if one.ops == other.ops => {
                Known::Undone(if one.loss.rank() >= other.loss.rank() {
                    one
                } else {
                    other
                })
            }
            _ => Known::Never,
        };
    }

    /// The kinds of a value, behind its references.
    pub(crate) fn see(&self, node: &Node) -> Seen {
        match self.shape.kinds(node) {
            Some(kinds) => Seen {
                kinds: kinds.clone(),
                open: false,
            },
            None => Seen {
                kinds: Kinds::all(),
                open: true,
            },
        }
    }

    /// The values of both.
    pub(crate) fn unite(&self, one: &Node, other: &Node) -> Node {
        self.shape.united(one, other)
    }

    /// The path at which paths begin.
    pub(crate) const fn base(&self) -> &ShapePath {
        &self.base
    }

    /// Runs something whose paths begin at an element.
    pub(crate) fn within<T>(&mut self, base: ShapePath, inside: impl FnOnce(&mut Self) -> T) -> T {
        let outer = (std::mem::replace(&mut self.base, base), self.inside);
        self.inside = true;
        let result = inside(self);
        (self.base, self.inside) = outer;
        result
    }

    /// Remarks that values of these kinds fail at a place.
    pub(crate) fn refuse(&mut self, at: &ShapePath, seen: &Seen, unfit: &Kinds, expected: &str) {
        if unfit.is_empty() {
            return;
        }
        if seen.open {
            self.undecide(at, "the schema says nothing of this value");
            return;
        }
        let all = if unfit.kinds().count() == seen.kinds.kinds().count() {
            "it is"
        } else {
            "it may be"
        };
        self.remark(
            at,
            true,
            format!("fails at {at}: expected {expected}, and {all} {unfit} there"),
        );
    }

    /// Remarks that something may fail.
    pub(crate) fn remark(&mut self, at: &ShapePath, is_warning: bool, sentence: String) {
        let remark = Remark {
            at: at.clone(),
            is_warning,
            sentence,
        };
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }

    /// Notes that something cannot be followed.
    pub(crate) fn undecide(&mut self, at: &ShapePath, why: &str) {
        let entry = (at.clone(), why.to_owned());
        if !self.undecided.contains(&entry) {
            self.undecided.push(entry);
        }
    }

    /// Forgets a node that has become too large to be carried along.
    pub(super) fn handy(&mut self, node: Node, at: &ShapePath) -> Node {
        if node.is_handy() {
            return node;
        }
        self.undecide(
            at,
            "too many forms are possible here for all of them to be followed",
        );
        Node::Anything
    }

    /// Refuses the kinds of a value into which a path does not lead, and gives what is left of them: `null`, which is
    /// absent and no mismatch, and everything that may be left alone.
    pub(crate) fn mismatch(&mut self, at: &ShapePath, seen: &Seen, wanted: &[Kind], expected: &str) -> Kinds {
        let mut unfit = seen.kinds.clone();
        unfit.null = false;
        wanted.iter().for_each(|kind| unfit.forget(*kind));
        if !self.rules.skip_mismatch {
            self.refuse(at, seen, &unfit, expected);
        }
        let left = if self.may_leave_alone() {
            unfit
        } else {
            Kinds::default()
        };
        Kinds {
            null: seen.kinds.null,
            ..left
        }
    }

    /// Whether a place may be left alone, whatever stands there.
    pub(crate) fn may_leave_alone(&self) -> bool {
        self.rules.filter.is_some() || self.rules.skip_mismatch
    }
}
