//! `each`: a list of operations inside of every element or member of a container, as one transformation.

use crate::migration::canonical::{self, Canonical};
use crate::migration::context::{Context, Effect, Tally};
use crate::migration::document::Kind;
use crate::migration::document::Value;
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::load::fields::{Fields, Scope};
use crate::migration::op::{Inverse, Loss, Op, Step};
use crate::migration::outcome::Change;
use crate::migration::path::{Path, Takes};
use crate::migration::place::{Location, Occurrences};
use crate::migration::proof::{After, Prover};
use crate::migration::shape::{Node, ShapePath};

/// Performs operations inside of containers. Paths in them begin at the element.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Each {
    pub(crate) path: Path,
    pub(crate) steps: Vec<Step>,
}

impl Each {
    /// Reads the operands.
    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let path = fields.path("each", Takes::PLACES.whole());
        let steps = fields.objects("do", "an operation", Scope::Each, Step::parse);
        Some(Self {
            path: path?,
            steps: steps?,
        })
    }

    /// The operations that are performed in every element.
    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Writes the operands for the digest.
    pub(super) fn canonical(&self, out: &mut Canonical) {
        out.text("each", &self.path);
        let steps: Vec<_> = self
            .steps
            .iter()
            .map(|step| {
                let mut entry = Canonical::new();
                step.canonical(&mut entry);
                entry.finish()
            })
            .collect();
        out.json("do", canonical::list(&steps));
    }

    /// Performs the list, container by container, operation by operation.
    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        let mut containers = Tally::default();
        let mut inside = Tally::default();
        for turn in context.branches(&self.path, Occurrences::Every) {
            let Some(place) = context.admit(turn, &mut containers)? else {
                continue;
            };
            let children = match context.get(&place.location) {
                Some(Value::Array(elements)) => elements.len(),
                Some(Value::Object(members)) => members.len(),
                Some(Value::Null) | None => {
                    containers.count(Effect::Absent);
                    continue;
                }
                Some(other) => {
                    let failure = Failure::new(FailureKind::Mismatch, "expected an array or an object")
                        .at(context.show(&place.location))
                        .found(other.kind());
                    context.mismatched(failure, &mut containers)?;
                    continue;
                }
            };
            containers.count(Effect::Unchanged);
            let bases: Vec<Location> = (0..children)
                .map(|child| place.location.iter().copied().chain([child]).collect())
                .collect();
            for step in &self.steps {
                inside.add(context.within(bases.clone(), |context| step.apply(context))?);
            }
        }
        // `strict` asks for a container; what became of the message the entries say.
        let found = context.finish(&self.path, &containers)?;
        let entries = inside.change();
        Ok(if containers.matched_nothing() {
            found
        } else {
            entries
        })
    }

    /// Where it works.
    pub(super) fn paths(&mut self) -> Vec<&mut Path> {
        vec![&mut self.path]
    }

    /// What it makes of a shape.
    pub(super) fn prove(&self, prover: &mut Prover, node: Node) -> After {
        let start = prover.met.len();
        let mut found = false;
        let after = prover.places(&self.path, node, &mut |prover, node, at| {
            let seen = prover.see(&node);
            let mut left = prover.mismatch(at, &seen, &[Kind::Array, Kind::Object], "an array or an object");
            let before = prover.met.len();
            let run = &mut |prover: &mut Prover, node: Node, at: &ShapePath| self.run(prover, node, at);
            left.array = (seen.kinds.array).and_then(|array| prover.elements(array, at, run));
            left.object =
                (seen.kinds.object).and_then(|object| prover.members(object, &|_| true, true, at, run));
            found |= prover.met.len() > before;
            After::of(left)
        });
        if !found {
            // A container in which no entry finds a place is none itself.
            prover.met.truncate(start);
        }
        after
    }

    fn run(&self, prover: &mut Prover, node: Node, at: &ShapePath) -> After {
        prover.within(at.clone(), |prover| {
            let mut all = After::stays(node);
            for step in &self.steps {
                let after = step.prove(prover, std::mem::take(&mut all.value));
                all = After {
                    value: after.value,
                    gone: all.gone || after.gone,
                };
            }
            all
        })
    }

    /// The inverses of the entries, in reverse order.
    pub(super) fn inverse(&self) -> Inverse {
        let mut steps = Vec::new();
        let mut loss = Loss::Lossless;
        let mut is_undone = true;
        for step in self.steps.iter().rev() {
            let inverse = step.op.inverse();
            let lost = inverse.loss_at_many_places(step.rules.filter.is_some());
            if lost.rank() >= loss.rank() {
                loss = lost;
            }
            is_undone &= !inverse.ops.is_empty();
            steps.extend(inverse.ops.into_iter().map(|op| Step {
                op,
                rules: step.rules.without_strict(),
            }));
        }
        let each = is_undone.then(|| {
            Op::Each(Self {
                path: self.path.clone(),
                steps,
            })
        });
        Inverse {
            // Half of the entries undone would be a document of no version.
            ops: each.into_iter().collect(),
            loss,
            one_place: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::migration::op::testing::{applies, fails, refuses, unchanged};

    #[test]
    fn operations_run_one_after_the_other_in_every_element() {
        applies(
            r#"{"each":"items","do":[{"rename":"q","to":"n"},{"add":"u","value":1}]}"#,
            r#"{"items":[{"q":1.0},{"n":2,"u":3}]}"#,
            r#"{"items":[{"n":1.0,"u":1},{"n":2,"u":3}]}"#,
        );
        applies(
            r#"{"each":"$","do":[{"remove":"x"}]}"#,
            r#"{"a":{"x":1,"y":2},"b":{}}"#,
            r#"{"a":{"y":2},"b":{}}"#,
        );
        applies(
            r#"{"each":"a","do":[{"each":"b","do":[{"wrap":"$"}]}]}"#,
            r#"{"a":[{"b":[1,[2]]},{}]}"#,
            r#"{"a":[{"b":[[1],[2]]},{}]}"#,
        );
    }

    #[test]
    fn the_outcome_is_the_best_of_its_entries() {
        unchanged(
            r#"{"each":"a","do":[{"remove":"x"},{"add":"y","value":1}]}"#,
            r#"{"a":[{"y":2}]}"#,
            "unchanged",
        );
        unchanged(r#"{"each":"a","do":[{"remove":"x"}]}"#, r#"{"a":[]}"#, "absent");
        unchanged(r#"{"each":"a","do":[{"remove":"x"}]}"#, "{}", "absent");
        unchanged(
            r#"{"each":"a","do":[{"remove":"x"}],"where":{".":{"is":"object"}}}"#,
            r#"{"a":[{"x":1}]}"#,
            "skipped",
        );
    }

    #[test]
    fn strict_is_about_the_container_outside_and_about_all_elements_inside() {
        fails(
            r#"{"each":"a","do":[{"remove":"x"}],"strict":true}"#,
            "{}",
            "absent at a",
        );
        unchanged(
            r#"{"each":"a","do":[{"remove":"x"}],"strict":true}"#,
            r#"{"a":[{}]}"#,
            "absent",
        );
        applies(
            r#"{"each":"a","do":[{"remove":"x","strict":true}]}"#,
            r#"{"a":[{},{"x":1}]}"#,
            r#"{"a":[{},{}]}"#,
        );
        fails(
            r#"{"each":"a","do":[{"remove":"x","strict":true}]}"#,
            r#"{"a":[{}]}"#,
            "absent",
        );
        fails(
            r#"{"each":"a","do":[{"remove":"x"}]}"#,
            r#"{"a":1}"#,
            "mismatch at a: expected an array or an object",
        );
    }

    #[test]
    fn what_is_about_the_message_cannot_stand_inside() {
        refuses(r#"{"each":"a","do":[{"remove":"@key"}]}"#, "@");
        refuses(r#"{"each":"a","do":[{"drop":"x","where":{"a":1}}]}"#, "drop");
        refuses(r#"{"each":"a","do":[{"remove":"b","id":"x"}]}"#, "id");
        refuses(r#"{"each":"a","do":[]}"#, "empty");
    }

    #[test]
    fn very_many_containers_are_each_looked_at_for_themselves() {
        let lines: Vec<_> = (0..50_000).map(|_| r#"{"t":[{"q":1}]}"#).collect();
        let before = format!("[{}]", lines.join(","));
        applies(
            r#"{"each":"[*].t","do":[{"rename":"q","to":"n"}]}"#,
            &before,
            &before.replace('q', "n"),
        );
    }
}
