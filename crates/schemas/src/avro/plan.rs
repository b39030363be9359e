//! How the bytes of a writer's schema become the documents of a reader's.
//!
//! Whatever schema resolution has to decide is decided here, once for each pair of schemas; a [`Plan`] then only says
//! which bytes to read and what to make of them. A schema that reads its own bytes is the pair of itself.
//!
//! Specification: <https://avro.apache.org/docs/1.12.0/specification/#schema-resolution>. Dunlin goes beyond it in two
//! points, so that no value changes its meaning in silence: where both sides have a logical type it must be the same one
//! (for decimals: the same scale, and no smaller precision for the reader), and of the branches of a reader's union one of
//! the same type is preferred to an earlier one to which the writer's would be promoted.

mod matching;
mod records;

use std::collections::HashMap;
use std::sync::Arc;

use dunlin_core::migration::document::{Text, Value};
use dunlin_core::migration::path::Name;

use super::model::{Form, Logical, Model, TypeId, Unit};
use super::union::Wrapper;
use matching::{Match, match_of};

/// The most pairs of types in one plan: two hostile schemas make the product of their sizes.
const MOST_STEPS: usize = 200_000;

/// The place of a step in its [`Plan`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct StepId(usize);

/// What to read, and what to make of it.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    steps: Vec<Step>,
    root: StepId,
    /// Values are skipped by the writer's schema.
    pub(super) writer: Arc<Model>,
    /// What cannot be read: static places and reasons, in the order of the writer's schema.
    pub(super) refusals: Vec<Refusal>,
}

/// Something that the reader's schema cannot hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The place in documents, with `[*]` for every element and `*` for every value of a map.
    pub(super) path: String,
    pub(super) reason: Box<str>,
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Null,
    Boolean,
    /// A variable-length integer; of an int or of a long.
    Integer {
        is_int: bool,
        into: Whole,
    },
    Float {
        is_wide: bool,
    },
    Double,
    /// Length and bytes; of a string they must be UTF-8.
    Bytes {
        is_text: bool,
        into: Octets,
    },
    Fixed {
        size: usize,
        into: Octets,
    },
    /// By the writer's symbols: what the document holds.
    Enum(Vec<Option<Value>>),
    Array(StepId),
    Map(StepId),
    Record(RecordStep),
    /// By the writer's branches.
    Union(Vec<StepId>),
    Wrapped(Wrapper, StepId),
    Refused(Box<str>),
}

/// What an integer becomes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Whole {
    Number,
    Float,
    Double,
    Date,
    Time(Unit),
    Timestamp(Unit),
    LocalTimestamp(Unit),
}

/// What bytes become.
#[derive(Debug, Clone, Copy)]
pub(super) enum Octets {
    Text,
    /// A string of the characters U+0000 to U+00FF.
    Latin,
    UuidText,
    UuidBytes,
    Decimal {
        precision: usize,
        scale: usize,
    },
    Duration,
}

#[derive(Debug, Clone)]
pub(super) struct RecordStep {
    /// In the order of the writer.
    pub(super) fields: Vec<FieldStep>,
    /// In the order of the reader.
    pub(super) members: Vec<MemberStep>,
    /// Whether the fields of the writer are those of the reader, in one order.
    pub(super) is_straight: bool,
}

#[derive(Debug, Clone)]
pub(super) struct FieldStep {
    pub(super) name: Arc<str>,
    /// The reader's member for it and how it is read; else it is skipped.
    pub(super) read: Option<(usize, StepId)>,
    pub(super) kind: TypeId,
}

#[derive(Debug, Clone)]
pub(super) struct MemberStep {
    pub(super) name: Text,
    /// What stands there where the writer does not have it.
    pub(super) default: Option<Value>,
}

impl Plan {
    /// The plan of two schemas.
    ///
    /// # Errors
    /// The two have too many pairs of types.
    pub(super) fn new(writer: &Arc<Model>, reader: &Model) -> Result<Self, &'static str> {
        let mut planner = Planner::new(writer, reader);
        let root = planner.pair(writer.root(), reader.root(), Origin::ROOT);
        planner.finish(root, writer)
    }

    /// The plan by which one type of a schema reads its own bytes.
    ///
    /// # Errors
    /// It has too many types.
    pub(super) fn of_type(model: &Arc<Model>, kind: TypeId) -> Result<Self, &'static str> {
        let mut planner = Planner::new(model, model);
        let root = planner.pair(kind, kind, Origin::ROOT);
        planner.finish(root, model)
    }

    pub(super) fn step(&self, id: StepId) -> &Step {
        &self.steps[id.0]
    }

    pub(super) const fn root(&self) -> StepId {
        self.root
    }
}

/// How a pair was come by: the pair before it, and the way from there.
#[derive(Debug, Clone)]
struct Origin {
    parent: Option<StepId>,
    way: Way,
}

#[derive(Debug, Clone)]
enum Way {
    Same,
    Member(Arc<str>),
    Element,
    MapValue,
}

impl Origin {
    const ROOT: Self = Self {
        parent: None,
        way: Way::Same,
    };

    const fn of(parent: StepId, way: Way) -> Self {
        Self {
            parent: Some(parent),
            way,
        }
    }
}

/// Makes a plan. Pairs wait in a list instead of being made by recursion, since schemas may be as deep as they have names.
struct Planner<'a> {
    writer: &'a Model,
    reader: &'a Model,
    steps: Vec<Step>,
    origins: Vec<Origin>,
    known: HashMap<(TypeId, TypeId), StepId>,
    pending: Vec<(StepId, TypeId, TypeId)>,
    refusals: Vec<(StepId, Box<str>)>,
}

impl<'a> Planner<'a> {
    fn new(writer: &'a Model, reader: &'a Model) -> Self {
        Self {
            writer,
            reader,
            steps: Vec::new(),
            origins: Vec::new(),
            known: HashMap::new(),
            pending: Vec::new(),
            refusals: Vec::new(),
        }
    }

    fn finish(mut self, root: StepId, writer: &Arc<Model>) -> Result<Plan, &'static str> {
        while let Some((step, from, into)) = self.pending.pop() {
            if self.steps.len() > MOST_STEPS {
                return Err("the writer's and the reader's schema have too many pairs of types");
            }
            self.steps[step.0] = self.make(step, from, into);
        }
        let mut refusals = std::mem::take(&mut self.refusals);
        refusals.sort_by_key(|(step, _)| step.0);
        let refusals = refusals
            .into_iter()
            .map(|(step, reason)| Refusal {
                path: self.path(step),
                reason,
            })
            .collect();
        Ok(Plan {
            steps: self.steps,
            root,
            writer: Arc::clone(writer),
            refusals,
        })
    }

    /// The step for a pair, which is made when its turn comes.
    fn pair(&mut self, from: TypeId, into: TypeId, origin: Origin) -> StepId {
        if let Some(step) = self.known.get(&(from, into)) {
            return *step;
        }
        let step = self.add(origin);
        self.known.insert((from, into), step);
        self.pending.push((step, from, into));
        step
    }

    fn add(&mut self, origin: Origin) -> StepId {
        self.steps.push(Step::Null);
        self.origins.push(origin);
        StepId(self.steps.len() - 1)
    }

    fn refuse(&mut self, step: StepId, reason: String) -> Step {
        let reason: Box<str> = reason.into();
        self.refusals.push((step, reason.clone()));
        Step::Refused(reason)
    }

    fn make(&mut self, step: StepId, from: TypeId, into: TypeId) -> Step {
        let (writer, reader) = (self.writer, self.reader);
        if let Form::Union(union) = &writer.of(from).form {
            let branches = union
                .branches
                .iter()
                .map(|branch| self.pair(branch.kind, into, Origin::of(step, Way::Same)));
            return Step::Union(branches.collect());
        }
        if let Form::Union(union) = &reader.of(into).form {
            let found = matching::branch_of(writer, from, reader, union);
            let Some(index) = found else {
                let label = writer.of(from).label();
                return self.refuse(
                    step,
                    format!("the writer's `{label}` is none of the reader's branches"),
                );
            };
            let branch = &union.branches[index];
            let Some(wrapper) = &branch.wrapper else {
                return self.make(step, from, branch.kind);
            };
            let way = Way::Member(wrapper.name.as_str().into());
            let inner = self.pair(from, branch.kind, Origin::of(step, way));
            return Step::Wrapped(wrapper.clone(), inner);
        }
        match match_of(writer.of(from), reader.of(into)) {
            Match::None(reason) => self.refuse(step, reason),
            Match::Same | Match::Promoted => self.matched(step, from, into),
        }
    }

    fn matched(&mut self, step: StepId, from: TypeId, into: TypeId) -> Step {
        let (source, target) = (self.writer.of(from), self.reader.of(into));
        // Where the reader says nothing the writer's word is not taken: its document has the form of its own schema.
        let logical = target.logical;
        match (&source.form, &target.form) {
            (Form::Null, _) => Step::Null,
            (Form::Boolean, _) => Step::Boolean,
            (Form::Int | Form::Long, form) => Step::Integer {
                is_int: matches!(source.form, Form::Int),
                into: whole(form, logical),
            },
            (Form::Float, form) => Step::Float {
                is_wide: matches!(form, Form::Double),
            },
            (Form::Double, _) => Step::Double,
            (Form::Bytes | Form::String, form) => Step::Bytes {
                is_text: matches!(source.form, Form::String) || matches!(form, Form::String),
                into: octets(form, logical),
            },
            (Form::Fixed(_, size), form) => Step::Fixed {
                size: *size,
                into: octets(form, logical),
            },
            (Form::Array(from), Form::Array(into)) => {
                Step::Array(self.pair(*from, *into, Origin::of(step, Way::Element)))
            }
            (Form::Map(from), Form::Map(into)) => {
                Step::Map(self.pair(*from, *into, Origin::of(step, Way::MapValue)))
            }
            (Form::Enum(from), Form::Enum(into)) => self.enumeration(step, from, into),
            (Form::Record(from), Form::Record(into)) => self.record(step, from, into),
            // What matches has one form, or one to which integers and strings are promoted.
            (Form::Array(_) | Form::Map(_) | Form::Enum(_) | Form::Record(_) | Form::Union(_), _) => self
                .refuse(
                    step,
                    format!(
                        "expected `{}`, found `{}`",
                        target.form.word(),
                        source.form.word()
                    ),
                ),
        }
    }

    /// The static place of a step.
    fn path(&self, step: StepId) -> String {
        let mut ways = Vec::new();
        let mut here = Some(step);
        while let Some(step) = here {
            let origin = &self.origins[step.0];
            ways.push(&origin.way);
            here = origin.parent;
        }
        let mut path = String::new();
        for way in ways.into_iter().rev() {
            let name = match way {
                Way::Same => continue,
                Way::Element => {
                    path.push_str("[*]");
                    continue;
                }
                Way::Member(name) => Name::new(&**name).to_string(),
                Way::MapValue => "*".to_owned(),
            };
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&name);
        }
        path
    }
}

fn whole(form: &Form, logical: Option<Logical>) -> Whole {
    match (form, logical) {
        (Form::Float, _) => Whole::Float,
        (Form::Double, _) => Whole::Double,
        (_, Some(Logical::Date)) => Whole::Date,
        (_, Some(Logical::Time(unit))) => Whole::Time(unit),
        (_, Some(Logical::Timestamp(unit))) => Whole::Timestamp(unit),
        (_, Some(Logical::LocalTimestamp(unit))) => Whole::LocalTimestamp(unit),
        (_, Some(Logical::Decimal { .. } | Logical::Uuid | Logical::Duration) | None) => Whole::Number,
    }
}

fn octets(form: &Form, logical: Option<Logical>) -> Octets {
    match (form, logical) {
        (_, Some(Logical::Decimal { precision, scale })) => Octets::Decimal { precision, scale },
        (_, Some(Logical::Duration)) => Octets::Duration,
        (Form::String, Some(Logical::Uuid)) => Octets::UuidText,
        (_, Some(Logical::Uuid)) => Octets::UuidBytes,
        (Form::String, _) => Octets::Text,
        (_, Some(_) | None) => Octets::Latin,
    }
}

#[cfg(test)]
mod tests;
