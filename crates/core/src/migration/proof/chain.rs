//! A part of a chain, run over a shape.

use super::nearest::meant;
use super::prover::{Known, Prover, Remark};
use crate::migration::op::Loss;
use crate::migration::shape::{Kinds, Node, Shape, ShapePath};
use crate::migration::{Migration, Transformation};

/// What a part of a chain makes of a shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Followed {
    /// The shape of what comes out. Impossible where every message fails.
    pub shape: Shape,
    /// What became of each transformation, up to the one at which every message fails.
    pub steps: Vec<FollowedStep>,
}

/// What a transformation does to every document of a shape.
#[derive(Debug, Clone, PartialEq)]
pub struct FollowedStep {
    /// Its position in the chain, from 0.
    pub index: usize,
    /// Whether it is performed at all: one that is flagged as applied is not.
    pub performed: bool,
    /// The places that messages may have among those where it works. None: it never does anything.
    pub places: Vec<ShapePath>,
    /// Where it never does anything: what its path may mean, as a question for the end of a sentence. Empty where no name
    /// is near.
    pub meant: String,
    /// Whether every message fails in it.
    pub always_fails: bool,
    /// What fails for some messages that the schema declares.
    pub warnings: Vec<String>,
    /// What may fail for the text of a value.
    pub notes: Vec<String>,
    /// What could not be followed, and is decided when a message is there.
    pub undecided: Vec<String>,
    /// What is lost on the way back.
    pub loss: Loss,
    /// The transformations that undo it, as canonical JSON, with the names that the shape knows. Empty where none do.
    pub undone_by: Vec<String>,
}

impl Migration {
    /// Runs transformations over a shape: those from the position `from` up to `to`, which is not included.
    ///
    /// Every document that can come out of them, and came in with this shape, has the shape that comes out.
    #[must_use]
    pub fn follow(&self, shape: &Shape, from: usize, to: usize) -> Followed {
        let mut node = shape.root.clone();
        let mut steps = Vec::new();
        let part = self.transformations().iter().enumerate().take(to).skip(from);
        for (index, transformation) in part {
            if transformation.flagged() {
                steps.push(FollowedStep::flagged(index, transformation));
                continue;
            }
            let mut prover = Prover::new(shape);
            let before = node.clone();
            let mut after = transformation.action.step.prove(&mut prover, node).value;
            if transformation.action.when.is_some() {
                after = prover.unite(&before, &after);
                let why = "whether its condition holds is known only when a message is there";
                prover.undecide(&ShapePath::default(), why);
            }
            let after = prover.handy(after, &ShapePath::default());
            let fails = after.is_impossible();
            let mut step = FollowedStep::of(index, transformation, prover, fails);
            if step.places.is_empty()
                && let Some(path) = transformation.action.step.op.first_path()
            {
                step.meant = meant(shape, &before, &path);
            }
            steps.push(step);
            node = tidied(after);
            if fails {
                break;
            }
        }
        Followed {
            shape: Shape {
                root: node,
                definitions: std::sync::Arc::clone(&shape.definitions),
            },
            steps,
        }
    }
}

impl FollowedStep {
    fn flagged(index: usize, transformation: &Transformation) -> Self {
        Self {
            index,
            performed: false,
            places: Vec::new(),
            meant: String::new(),
            always_fails: false,
            warnings: Vec::new(),
            notes: Vec::new(),
            undecided: Vec::new(),
            loss: transformation.undoing().loss,
            undone_by: transformation.undoing().transformations,
        }
    }

    fn of(index: usize, transformation: &Transformation, prover: Prover, always_fails: bool) -> Self {
        let undoing = match prover.known {
            Known::Undone(inverse) if transformation.op().inverse().ops.is_empty() => {
                transformation.undone_by(inverse)
            }
            Known::Undone(_) | Known::Nothing | Known::Never => transformation.undoing(),
        };
        let loss = if prover.met.is_empty() {
            Loss::Lossless
        } else {
            undoing.loss
        };
        let texts = |is_warning: bool| {
            let remarks = prover.remarks.iter();
            remarks
                .filter(|remark| remark.is_warning == is_warning)
                .map(|Remark { sentence, .. }| sentence.clone())
                .collect()
        };
        let mut places = prover.met.clone();
        places.sort();
        places.dedup();
        Self {
            index,
            performed: true,
            meant: String::new(),
            always_fails,
            warnings: texts(true),
            notes: texts(false),
            undecided: prover
                .undecided
                .iter()
                .map(|(at, why)| format!("at {at}: {why}"))
                .collect(),
            places,
            loss,
            undone_by: undoing.transformations,
        }
    }
}

/// A node of every kind of which nothing is known is one of which nothing is known.
fn tidied(node: Node) -> Node {
    match node {
        Node::Kinds(kinds) if *kinds == Kinds::all() => Node::Anything,
        node => node,
    }
}
