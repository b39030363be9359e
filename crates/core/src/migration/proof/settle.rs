//! What becomes of values that cannot be converted, and of members that meet others of their name.

use super::prover::{After, Prover, Seen};
use crate::migration::context::{OnConflict, OnError};
use crate::migration::path::Path;
use crate::migration::shape::{Kinds, Node, ObjectShape, ShapePath};

/// What a conversion makes of the kinds of a value.
#[derive(Debug, Default)]
pub(crate) struct Converted {
    /// What it makes, and what it leaves as it is.
    pub(crate) made: Kinds,
    /// What it never converts.
    pub(crate) unfit: Kinds,
    /// What it may not be able to convert.
    pub(crate) doubtful: Kinds,
    /// Why, where that is worth saying.
    pub(crate) doubt: Option<&'static str>,
}

impl Converted {
    /// A conversion that leaves `null` as it is, and fails for every kind that is not converted yet.
    pub(crate) fn leaving_null(seen: &Seen) -> Self {
        Self {
            made: Kinds {
                null: seen.kinds.null,
                ..Kinds::default()
            },
            unfit: Kinds {
                null: false,
                ..seen.kinds.clone()
            },
            ..Self::default()
        }
    }
}

impl Prover {
    /// Converts the values at every place of a path. `null` is left alone; `convert` takes from what is unfit what it
    /// can convert.
    pub(crate) fn convert(
        &mut self,
        path: &Path,
        node: Node,
        expected: &str,
        on_error: OnError,
        mut convert: impl FnMut(&mut Self, &mut Converted, &ShapePath),
    ) -> After {
        self.places(path, node, &mut |prover, node, at| {
            let seen = prover.see(&node);
            let mut converted = Converted::leaving_null(&seen);
            convert(prover, &mut converted, at);
            prover.settle(&seen, converted, expected, on_error, at)
        })
    }

    /// What becomes of the values, as `on_error` says.
    pub(crate) fn settle(
        &mut self,
        seen: &Seen,
        converted: Converted,
        expected: &str,
        on_error: OnError,
        at: &ShapePath,
    ) -> After {
        let Converted {
            made,
            unfit,
            doubtful,
            doubt,
        } = converted;
        let failing = self.unite(&unfit.clone().into(), &doubtful.clone().into());
        let any = !failing.is_impossible();
        match on_error {
            OnError::Fail => {
                self.refuse(at, seen, &unfit, expected);
                if let Some(doubt) = doubt.filter(|_| !doubtful.is_empty()) {
                    self.remark(at, false, format!("may fail at {at}: {doubt}"));
                }
                After::of(made)
            }
            OnError::Keep => After::stays(self.unite(&made.into(), &failing)),
            OnError::Null => After::of(Kinds {
                null: made.null || any,
                ..made
            }),
            OnError::Remove => After {
                value: made.into(),
                gone: any,
            },
        }
    }

    /// Puts a member into an object where another of its name may stand. `false`: the message fails.
    pub(crate) fn meet(
        &mut self,
        object: &mut ObjectShape,
        name: &str,
        arriving: (bool, Node),
        on_conflict: OnConflict,
        at: &ShapePath,
    ) -> bool {
        let declared = object.member(name).is_some();
        let Some(there) = object.look(name) else {
            object.put(name, arriving.0, arriving.1);
            return true;
        };
        let both = there.0 && arriving.0;
        let either = there.0 || arriving.0;
        let value = match on_conflict {
            OnConflict::Fail | OnConflict::Merge => {
                let place = at.member(name);
                if both {
                    self.remark(
                        &place,
                        true,
                        format!("fails at {place}: a member of this name is there"),
                    );
                    return false;
                }
                if declared {
                    self.remark(
                        &place,
                        true,
                        format!("fails where there is a {place} already: a member of this name may be there"),
                    );
                } else {
                    self.undecide(
                        &place,
                        "the schema does not say whether there is a member of this name already",
                    );
                }
                match (there.0, arriving.0) {
                    (true, _) => there.1,
                    (_, true) => arriving.1,
                    _ => self.unite(&there.1, &arriving.1),
                }
            }
            OnConflict::Replace if arriving.0 => arriving.1,
            OnConflict::KeepTarget if there.0 => there.1,
            OnConflict::Replace | OnConflict::KeepTarget => self.unite(&there.1, &arriving.1),
        };
        object.put(name, either, value);
        true
    }
}

impl Prover {
    /// Two objects that become one: the one that is there, and the one that arrives.
    pub(crate) fn merged(&mut self, there: &Node, arriving: &Node, at: &ShapePath) -> Node {
        let (own, new) = (self.see(there), self.see(arriving));
        let mut merged = Node::default();
        if own.kinds.null {
            merged = arriving.clone();
        }
        let mut wanted = Kinds {
            object: own.kinds.object.clone(),
            null: own.kinds.null,
            ..Kinds::default()
        };
        self.refuse(at, &own, &own.kinds.without(&wanted), "an object to merge into");
        let (Some(own), Some(arriving)) = (own.kinds.object, new.kinds.object) else {
            return merged;
        };
        let mut both = own.clone();
        for member in arriving
            .members
            .iter()
            .filter(|member| !member.value.is_impossible())
        {
            let new = (member.required, member.value.clone());
            if !self.meet(&mut both, &member.name, new, OnConflict::Fail, at) {
                return merged;
            }
        }
        if let Some(others) = &arriving.others {
            for member in both.members.iter_mut().filter(|member| !member.required) {
                member.value = self.unite(&member.value, others);
            }
        }
        both.others = match (own.others, arriving.others) {
            (Some(one), Some(other)) => Some(self.unite(&one, &other)),
            (one, other) => one.or(other),
        };
        wanted = Kinds {
            object: Some(both),
            ..Kinds::default()
        };
        self.unite(&merged, &wanted.into())
    }

    /// An object of one of these shapes; `None` where there is none.
    pub(crate) fn one_of(&self, all: Vec<ObjectShape>) -> Option<ObjectShape> {
        let united = all
            .into_iter()
            .map(super::aim::object)
            .fold(Node::default(), |one, other| self.unite(&one, &other));
        self.see(&united).kinds.object
    }
}
