//! The list of all operations, and what is asked of each in the same words.
//!
//! An operation stands here once, with its word; what is different from one to the next is in its own file.

use super::{
    Add, Cast, Compute, Copy, Decode, Drop, Each, Encode, Expand, Flatten, FromEntries, Hash, Inverse, Join,
    Modify, Move, Multiply, Nest, Pick, Redact, Remove, Rename, Split, Text, Time, ToEntries, Translate,
    Unnest, Unwrap, Wrap,
};
use crate::migration::canonical::Canonical;
use crate::migration::context::Context;
use crate::migration::failure::Failure;
use crate::migration::load::fields::Fields;
use crate::migration::outcome::Change;
use crate::migration::path::Path;
use crate::migration::proof::{After, Prover};
use crate::migration::shape::Node;

/// Makes the enum of the operations, the table of their words, and the matches in which every arm reads the same.
macro_rules! operations {
    ($($word:literal => $name:ident,)+) => {
        /// One operation with its operands.
        #[derive(Debug, Clone, PartialEq)]
        pub(crate) enum Op {
            $(
                #[doc = concat!("`", $word, "`.")]
                $name($name),
            )+
        }

        /// Every operation by its word, in the order of the reference.
        pub(super) const OPERATIONS: &[(&str, Parse)] = &[
            $(($word, |fields| $name::parse(fields).map(Op::$name)),)+
        ];

        impl Op {
            /// The word for it.
            pub(crate) const fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => $word,)+
                }
            }

            /// Writes the operation and its operands.
            pub(super) fn canonical(&self, out: &mut Canonical) {
                match self {
                    $(Self::$name(op) => op.canonical(out),)+
                }
            }

            /// Performs it on a message.
            pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
                match self {
                    $(Self::$name(op) => op.apply(context),)+
                }
            }

            /// What the operation makes of a shape: every document that it can make of documents of this shape.
            pub(super) fn prove(&self, prover: &mut Prover, node: Node) -> After {
                match self {
                    $(Self::$name(op) => op.prove(prover, node),)+
                }
            }

            /// What undoes it, where it is judged for itself, without the fields that all operations take.
            pub(crate) fn inverse(&self) -> Inverse {
                match self {
                    $(Self::$name(op) => op.inverse(),)+
                }
            }

            /// The paths that it works on. Those in the entries of `each` begin at the element, and are not among them.
            pub(super) fn paths(&mut self) -> Vec<&mut Path> {
                match self {
                    $(Self::$name(op) => op.paths(),)+
                }
            }
        }
    };
}

pub(super) type Parse = fn(&mut Fields<'_, '_>) -> Option<Op>;

operations! {
    "add" => Add,
    "remove" => Remove,
    "modify" => Modify,
    "rename" => Rename,
    "move" => Move,
    "copy" => Copy,
    "pick" => Pick,
    "drop" => Drop,
    "nest" => Nest,
    "unnest" => Unnest,
    "flatten" => Flatten,
    "expand" => Expand,
    "wrap" => Wrap,
    "unwrap" => Unwrap,
    "to_entries" => ToEntries,
    "from_entries" => FromEntries,
    "each" => Each,
    "cast" => Cast,
    "translate" => Translate,
    "split" => Split,
    "join" => Join,
    "multiply" => Multiply,
    "time" => Time,
    "text" => Text,
    "hash" => Hash,
    "redact" => Redact,
    "encode" => Encode,
    "decode" => Decode,
    "compute" => Compute,
}
