//! What a transformation makes of a shape: the state of the run, and the walk along a path.
//!
//! Everything here errs on one side. What comes out covers each document that can come out; a document that would fail
//! is not covered. So an operation fails for every message exactly where nothing is left, and says on the way why.

use std::sync::Arc;

use crate::migration::context::Rules;
use crate::migration::document::{Kind, Text};
use crate::migration::op::Loss;
use crate::migration::path::{Name, Path, Segment};
use crate::migration::shape::{ArrayShape, Kinds, Node, ObjectShape, Shape, ShapePath};

/// How deep `**` is followed before nothing is known any more.
const DEEPEST: usize = 64;

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
    /// What is lost on the way back, where the shape knows better than the operation alone.
    pub(crate) loss: Option<Loss>,
    /// Whether a target was looked for that may be out of reach.
    pub(crate) unreached: bool,
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
            loss: None,
            unreached: false,
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

    /// Acts at every place of a path.
    pub(crate) fn places(&mut self, path: &Path, node: Node, act: &mut Act<'_>) -> After {
        let base = self.base.clone();
        let Some(segments) = path.segments() else {
            // Nothing is known of headers and the key.
            self.met.push(base);
            return After::stays(node);
        };
        let act = &mut |prover: &mut Self, node: Node, at: &ShapePath| {
            prover.met.push(at.clone());
            if !prover.may_leave_alone() {
                return act(prover, node, at);
            }
            let after = act(prover, node.clone(), at);
            After {
                value: prover.unite(&node, &after.value),
                gone: after.gone,
            }
        };
        if path.is_deep() {
            return match segments.get(1) {
                Some(last) => self.search(&node, last, &base, &mut Vec::new(), act),
                None => After::stays(node),
            };
        }
        if segments.is_empty() && !self.inside {
            return self.whole(node, &base, act);
        }
        self.walk(node, segments, &base, act)
    }

    /// Acts on the whole document. A top-level `null` is absent to every path.
    fn whole(&mut self, node: Node, at: &ShapePath, act: &mut Act<'_>) -> After {
        let mut seen = self.see(&node);
        if !seen.kinds.null {
            return act(self, node, at);
        }
        let null = Kinds {
            null: true,
            ..Kinds::default()
        };
        seen.kinds.null = false;
        if seen.kinds.is_empty() {
            return After::stays(node);
        }
        let after = act(self, seen.kinds.into(), at);
        After {
            value: self.unite(&after.value, &null.into()),
            gone: after.gone,
        }
    }

    /// Acts where the segments lead from a value.
    pub(crate) fn walk(
        &mut self,
        node: Node,
        segments: &[Segment],
        at: &ShapePath,
        act: &mut Act<'_>,
    ) -> After {
        if node.is_impossible() {
            return After::stays(node);
        }
        let Some((segment, rest)) = segments.split_first() else {
            return act(self, node, at);
        };
        let seen = self.see(&node);
        if seen.open {
            self.undecide(at, "the schema says nothing of this value");
        }
        let mut left = match segment {
            Segment::Name(_) | Segment::Glob(_) => self.mismatch(at, &seen, &[Kind::Object], "an object"),
            Segment::Elements | Segment::Index(_) => self.mismatch(at, &seen, &[Kind::Array], "an array"),
            Segment::Token(_) | Segment::Anywhere => {
                self.mismatch(at, &seen, &[Kind::Object, Kind::Array], "an object or an array")
            }
        };
        let inner = &mut |prover: &mut Self, node: Node, at: &ShapePath| prover.walk(node, rest, at, act);
        match (segment, seen.kinds.object, seen.kinds.array) {
            (Segment::Name(name), Some(object), _) => left.object = self.member(object, name, at, inner),
            (Segment::Token(name), object, array) => {
                left.object = object.and_then(|object| self.member(object, name, at, inner));
                left.array = array.and_then(|array| match name.as_index() {
                    // Of any array nothing is known behind the change either. Following both kinds all the way would
                    // take a time that doubles with each token.
                    _ if seen.open => Some(array),
                    Some(index) => self.element(array, i64::try_from(index).unwrap_or(i64::MAX), at, inner),
                    None => (name.is_element_token() || self.may_leave_alone()).then_some(array),
                });
            }
            (Segment::Glob(glob), Some(object), _) => {
                left.object = self.members(object, &|name| glob.fits(name), glob_is_all(segment), at, inner);
            }
            (Segment::Elements, _, Some(array)) => left.array = self.elements(array, at, inner),
            (Segment::Index(index), _, Some(array)) => left.array = self.element(array, *index, at, inner),
            // A path that begins with `**` is searched.
            (
                Segment::Name(_)
                | Segment::Glob(_)
                | Segment::Elements
                | Segment::Index(_)
                | Segment::Anywhere,
                ..,
            ) => {}
        }
        After::of(left)
    }

    /// Acts on the member of a name. `None`: every object fails.
    pub(crate) fn member(
        &mut self,
        mut object: ObjectShape,
        name: &Name,
        at: &ShapePath,
        act: &mut Act<'_>,
    ) -> Option<ObjectShape> {
        let name = name.as_str();
        let Some((required, value)) = object.look(name) else {
            return Some(object);
        };
        let after = act(self, value, &at.member(name));
        settle_member(&mut object, name, required, after).then_some(object)
    }

    /// Acts on every member whose name fits; `all` of them do, or only some may.
    pub(crate) fn members(
        &mut self,
        mut object: ObjectShape,
        fits: &dyn Fn(&Text) -> bool,
        all: bool,
        at: &ShapePath,
        act: &mut Act<'_>,
    ) -> Option<ObjectShape> {
        for member in object.members.clone() {
            if member.value.is_impossible() || !fits(&Text::from_str(&member.name)) {
                continue;
            }
            let after = act(self, member.value, &at.member(&member.name));
            if !settle_member(&mut object, &member.name, member.required, after) {
                return None;
            }
        }
        if let Some(others) = object.others.take().filter(|others| !others.is_impossible()) {
            let after = act(self, others.clone(), &at.others());
            let value = if all {
                after.value
            } else {
                self.unite(&others, &after.value)
            };
            // Members that must fail are not there.
            object.others = (!value.is_impossible()).then_some(value);
        }
        Some(object)
    }

    /// Acts on every element. `None`: every array fails.
    pub(crate) fn elements(
        &mut self,
        array: ArrayShape,
        at: &ShapePath,
        act: &mut Act<'_>,
    ) -> Option<ArrayShape> {
        if array.most == Some(0) || array.element.is_impossible() {
            return Some(array);
        }
        let after = act(self, array.element, &at.elements());
        let mut least = array.least;
        let mut most = array.most;
        if after.value.is_impossible() {
            if least > 0 && !after.gone {
                return None;
            }
            most = Some(0);
        }
        if after.gone {
            least = 0;
        }
        Some(ArrayShape {
            element: after.value,
            least,
            most,
        })
    }

    /// Acts on one element.
    pub(crate) fn element(
        &mut self,
        mut array: ArrayShape,
        index: i64,
        at: &ShapePath,
        act: &mut Act<'_>,
    ) -> Option<ArrayShape> {
        // How many elements there must be for this one.
        let needed = match usize::try_from(index) {
            Ok(index) => index.saturating_add(1),
            Err(_) => usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX),
        };
        if array.most.is_some_and(|most| most < needed) || array.element.is_impossible() {
            return Some(array);
        }
        let after = act(self, array.element.clone(), &at.elements());
        if after.value.is_impossible() && !after.gone {
            if array.least >= needed {
                return None;
            }
            // Arrays that have this element fail.
            array.most = Some(needed - 1);
            return Some(array);
        }
        array.element = self.unite(&array.element, &after.value);
        if after.gone {
            array.least = array.least.saturating_sub(1);
        }
        Some(array)
    }

    /// Acts on the members of a name at any depth.
    fn search(
        &mut self,
        node: &Node,
        last: &Segment,
        at: &ShapePath,
        within: &mut Vec<Arc<str>>,
        act: &mut Act<'_>,
    ) -> After {
        let Some(mut seen) = self.enter(node, at, within) else {
            let _ = act(self, Node::Anything, at);
            return After::stays(Node::Anything);
        };
        if within.is_empty() && at == &self.base {
            let left = self.mismatch(at, &seen, &[Kind::Object, Kind::Array], "an object or an array");
            seen.kinds = Kinds {
                array: seen.kinds.array,
                object: seen.kinds.object,
                ..left
            };
        }
        let depth = within.len();
        if let Node::Reference(name) = node {
            within.push(Arc::clone(name));
        }
        let fits = |name: &Text| match last {
            Segment::Name(wanted) => wanted.matches(name),
            Segment::Glob(glob) => glob.fits(name),
            _ => false,
        };
        seen.kinds.object = seen.kinds.object.and_then(|object| {
            let mut object = match last {
                Segment::Name(name) => named(object, name.as_str()),
                _ => object,
            };
            for member in object.members.clone() {
                if member.value.is_impossible() {
                    continue;
                }
                let place = at.member(&member.name);
                let after = if fits(&Text::from_str(&member.name)) {
                    let after = act(self, member.value.clone(), &place);
                    self.entered(member.value, after, last, &place, within, act)
                } else {
                    self.search(&member.value, last, &place, within, act)
                };
                if !settle_member(&mut object, &member.name, member.required, after) {
                    return None;
                }
            }
            if let Some(others) = object.others.take() {
                let place = at.others();
                let mut value = self.search(&others, last, &place, within, act).value;
                if matches!(last, Segment::Glob(_)) {
                    let after = act(self, others.clone(), &place);
                    let entered = self.entered(others, after, last, &place, within, act);
                    value = self.unite(&value, &entered.value);
                }
                object.others = (!value.is_impossible()).then_some(value);
            }
            Some(object)
        });
        seen.kinds.array = seen.kinds.array.and_then(|array| {
            self.elements(array, at, &mut |prover, element, at| {
                prover.search(&element, last, at, within, act)
            })
        });
        within.truncate(depth);
        After::of(seen.kinds)
    }

    /// What became of a value at a place of `**`: containers that were left as they were are entered. Which ones that are
    /// nobody knows, so both are taken for possible.
    fn entered(
        &mut self,
        before: Node,
        after: After,
        last: &Segment,
        at: &ShapePath,
        within: &mut Vec<Arc<str>>,
        act: &mut Act<'_>,
    ) -> After {
        let (old, new) = (self.see(&before), self.see(&after.value));
        let kept = Kinds {
            array: old.kinds.array.filter(|_| new.kinds.array.is_some()),
            object: old.kinds.object.filter(|_| new.kinds.object.is_some()),
            ..Kinds::default()
        };
        if kept.is_empty() {
            return after;
        }
        let node = if old.open || matches!(before, Node::Reference(_)) {
            before
        } else {
            kept.into()
        };
        let entered = self.search(&node, last, at, within, act);
        After {
            value: self.unite(&after.value, &entered.value),
            gone: after.gone,
        }
    }

    /// The kinds of a value that `**` goes into; `None` where it cannot be followed.
    pub(crate) fn enter(&mut self, node: &Node, at: &ShapePath, within: &[Arc<str>]) -> Option<Seen> {
        let recursive = matches!(node, Node::Reference(name) if within.contains(name));
        let seen = self.see(node);
        if seen.open || recursive || at.depth() > DEEPEST {
            let why = if recursive {
                "`**` is not followed into a schema that refers to itself"
            } else {
                "the schema says nothing of this value"
            };
            self.undecide(at, why);
            return None;
        }
        Some(seen)
    }
}

/// The object with a member of its own for a name that may be among the others.
pub(crate) fn named(mut object: ObjectShape, name: &str) -> ObjectShape {
    if object.member(name).is_none()
        && let Some((required, value)) = object.look(name)
    {
        object.put(name, required, value);
    }
    object
}

/// Puts what a member became into its object. `false`: every object fails.
pub(crate) fn settle_member(object: &mut ObjectShape, name: &str, required: bool, after: After) -> bool {
    let still = required && !after.gone;
    if after.value.is_impossible() {
        object.erase(name);
        return !still;
    }
    object.put(name, still, after.value);
    true
}

fn glob_is_all(segment: &Segment) -> bool {
    matches!(segment, Segment::Glob(glob) if glob.prefix.is_empty() && glob.suffix.is_empty())
}
