//! The way back: the inverse of each transformation, and the downward migration that is made of them.
//!
//! What is lost on the way back is said for each transformation ([`Loss`]). A chain is as its weakest transformation. Nothing
//! here promises more than the operations do by themselves: a value that an upward step drops is kept by a complement, or by
//! nobody.

mod entry;
mod schemas;

use std::fmt::Write as _;

use super::canonical::Canonical;
use super::chain::{self, Transformation};
use super::op::{Inverse, Loss, Step};
use super::{Direction, Migration, Proof};

/// What undoes one transformation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undoing {
    /// The transformations that undo it, as canonical JSON, in the order in which they run. Empty where it cannot be undone.
    pub transformations: Vec<String>,
    /// What is lost.
    pub loss: Loss,
}

/// Why there is no downward migration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoWayBack {
    /// A downward migration leads back already.
    #[error(
        "expected a migration that goes on, found a downward migration; its way back is the migration that it names in `of`"
    )]
    Downward,
    /// The counts are not a part of the chain.
    #[error("expected counts with `to` below `from` and `from` at most {length}, found {from} and {to}")]
    Counts {
        /// How many transformations there are.
        length: usize,
        /// The count on arrival.
        from: usize,
        /// The count on leaving.
        to: usize,
    },
    /// The way back of a migration in JSON has a text that YAML does not keep.
    #[error(
        "what undoes {id} cannot be written in YAML, which keeps neither the spelling of every number nor half of a surrogate pair; `dunlin invert --format json` shows it, for a migration that is written in JSON"
    )]
    NotYaml {
        /// The transformation that it undoes.
        id: String,
    },
}

impl Transformation {
    /// What undoes it: the `inverse` that its author wrote, or the one that is derived from its operation.
    ///
    /// The conditions of a transformation are judged on the way back too, on the document as it is then. So a transformation
    /// with a condition is never better than restorable.
    #[must_use]
    pub fn undoing(&self) -> Undoing {
        if let Some(inverse) = &self.action.inverse {
            let loss =
                Loss::Restorable("its author wrote the inverse; whether it loses anything is not known");
            return Undoing {
                transformations: vec![chain::canonical(inverse)],
                loss,
            };
        }
        self.undone_by(self.op().inverse())
    }

    /// What undoes it where this undoes its operation: the same, under the conditions of the transformation.
    pub(crate) fn undone_by(&self, inverse: Inverse) -> Undoing {
        let rules = &self.action.step.rules;
        let conditional = self.action.when.is_some() || rules.filter.is_some();
        let loss = match inverse.loss {
            Loss::Lossless if conditional => Loss::Restorable(Loss::CONDITIONAL),
            loss => loss,
        };
        let write = |op| {
            let mut out = Canonical::new();
            Step {
                op,
                rules: rules.without_strict(),
            }
            .canonical(&mut out);
            if let Some(when) = &self.action.when {
                out.text("when", when.text());
            }
            out.finish()
        };
        Undoing {
            transformations: inverse.ops.into_iter().map(write).collect(),
            loss,
        }
    }
}

impl Undoing {
    /// What is lost when all of them are undone: the loss of the weakest.
    #[must_use]
    pub fn worst(all: &[Self]) -> Loss {
        let losses = all.iter().map(|undoing| &undoing.loss);
        losses
            .max_by_key(|loss| loss.rank())
            .cloned()
            .unwrap_or(Loss::Lossless)
    }
}

impl Migration {
    /// What is lost when the whole chain is performed and then undone: the loss of its weakest transformation.
    #[must_use]
    pub fn loss(&self) -> Loss {
        Undoing::worst(&self.undoings())
    }

    /// What undoes each transformation, in the order of the chain. Where the migration names schemas, by all that they know:
    /// the names that came out of an object, say, which the transformation alone cannot tell.
    ///
    /// Such a migration is proved for it, each time; [`Undoing::worst`] tells its loss without doing so again.
    #[must_use]
    pub fn undoings(&self) -> Vec<Undoing> {
        let mut all: Vec<Undoing> = self
            .transformations()
            .iter()
            .map(Transformation::undoing)
            .collect();
        let proof = self.prove();
        for step in proof.iter().flat_map(Proof::steps).map(|step| &step.step) {
            if let Some(undoing) = all.get_mut(step.index) {
                undoing.transformations.clone_from(&step.undone_by);
                undoing.loss = step.loss.clone();
            }
        }
        all
    }

    /// The text of the downward migration that leads from `from` transformations back to `to`, in YAML.
    ///
    /// `of` is the name of this migration's file as the new file will write it. A transformation that cannot be undone is
    /// left out, with a comment that says why; [`Transformation::undoing`] tells which ones those are.
    ///
    /// # Errors
    /// See [`NoWayBack`].
    pub fn invert(&self, of: &str, from: usize, to: usize) -> Result<String, NoWayBack> {
        if matches!(self.direction(), Direction::Down { .. }) {
            return Err(NoWayBack::Downward);
        }
        let undoings = self.undoings();
        let Some(part) = undoings.get(to..from).filter(|part| !part.is_empty()) else {
            return Err(NoWayBack::Counts {
                length: self.length(),
                from,
                to,
            });
        };
        let name = format!("{}-down", self.name());
        let mut text = format!(
            "migration: {name}\ndescription: Takes {} back from {from} to {to}\ndirection: down\nof: {}\nfrom: {from}\nto: {to}\n",
            self.name(),
            super::canonical::quoted(of),
        );
        // How many entries are behind a message that stands at each count, from the highest down.
        let mut behind = vec![0];
        let mut entries = String::new();
        let mut undone = 0;
        for (transformation, undoing) in self.transformations()[to..from].iter().zip(part).rev() {
            let Undoing {
                transformations,
                loss,
            } = undoing;
            undone += transformations.len();
            behind.push(undone);
            // Writing into a string cannot fail.
            let id = transformation.id();
            let _ = match loss {
                Loss::Lossless => writeln!(entries, "  # undoes {id}: lossless"),
                Loss::Restorable(why) | Loss::Lossy(why) if transformations.is_empty() => {
                    let operation = transformation.operation();
                    writeln!(entries, "  # cannot undo {id} ({operation}): {why}")
                }
                Loss::Restorable(why) | Loss::Lossy(why) => {
                    writeln!(entries, "  # undoes {id}: {}, {why}", loss.name())
                }
            };
            for undo in transformations {
                let entry = entry::of(undo).ok_or_else(|| NoWayBack::NotYaml { id: id.to_string() })?;
                let _ = writeln!(entries, "  - {entry}");
            }
        }
        text.push_str(&schemas::swapped(self, of, &name, from, &behind));
        if undone == 0 {
            text.push_str("transformations: []\n");
        } else {
            text.push_str("transformations:\n");
        }
        text.push_str(&entries);
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Headers;
    use crate::migration::load::MemoryResolver;
    use crate::migration::{Input, LoadOptions, Loaded, Options};

    fn load(entry: &str, resolver: &MemoryResolver) -> Migration {
        let loaded = Migration::load(entry, resolver, &LoadOptions::default());
        let Loaded { migration, .. } = loaded.unwrap_or_else(|findings| panic!("{}", findings.render()));
        migration
    }

    const CHAIN: &str = r#"
migration: orders
transformations:
  - rename: zip
    to: postcode
  - nest: [street, postcode]
    into: address
  - each: lines
    do:
      - { rename: qty, to: quantity }
      - { wrap: quantity, in: value }
  - move: address.street
    to: street
"#;

    #[test]
    fn what_was_applied_is_undone_by_the_downward_migration() {
        let up = load("orders.yaml", &MemoryResolver::new().with("orders.yaml", CHAIN));
        let losses: Vec<_> = up
            .transformations()
            .iter()
            .map(|one| one.undoing().loss.name())
            .collect();
        assert_eq!(losses, ["lossless", "lossless", "restorable", "lossless"]);
        let text = up.invert("orders.yaml", 4, 0).unwrap();
        let files = MemoryResolver::new()
            .with("orders.yaml", CHAIN)
            .with("orders-down.yaml", text.as_str());
        let down = load("orders-down.yaml", &files);
        let document = r#"{"zip":"1.0","street":"x","lines":[{"qty":1.50},{}],"n":1e5}"#;
        let input = Input {
            payload: Some(document.into()),
            key: None,
            headers: Headers::new(),
        };
        let there = up.migrate(input, &Options::default()).unwrap();
        assert_ne!(there.payload.as_deref(), Some(document.as_bytes()));
        let input = Input {
            payload: there.payload,
            key: None,
            headers: there.headers,
        };
        let back = down.migrate(input, &Options::default()).unwrap();
        assert_eq!(
            std::str::from_utf8(&back.payload.unwrap()).unwrap(),
            r#"{"lines":[{"qty":1.50},{}],"n":1e5,"zip":"1.0","street":"x"}"#
        );
        assert!(back.headers.is_empty(), "at 0 the record is gone");

        let known_by_its_document = Input {
            payload: Some(r#"{"address":{"postcode":"1"},"street":"x"}"#.into()),
            key: None,
            headers: down.presumed_headers(),
        };
        let back = down.migrate(known_by_its_document, &Options::default()).unwrap();
        assert_eq!(back.payload.as_deref(), Some(&br#"{"zip":"1","street":"x"}"#[..]));
        assert!(up.presumed_headers().is_empty());
    }

    #[test]
    fn what_cannot_be_undone_is_said_and_left_out() {
        let files = MemoryResolver::new().with(
            "orders.yaml",
            "transformations:\n  - { remove: a }\n  - { rename: b, to: c, when: 'has(payload.b)' }\n  - { hash: d, with: sha256, inverse: { modify: d, value: x } }\n",
        );
        let up = load("orders.yaml", &files);
        assert_eq!(up.loss().name(), "restorable");
        let losses: Vec<_> = up
            .transformations()
            .iter()
            .map(|one| one.undoing().loss.name())
            .collect();
        assert_eq!(losses, ["restorable", "restorable", "restorable"]);
        assert_eq!(
            up.invert("../orders.yaml", 3, 0).unwrap(),
            r##"migration: orders-down
description: Takes orders back from 3 to 0
direction: down
of: "../orders.yaml"
from: 3
to: 0
transformations:
  # undoes orders#3: restorable, its author wrote the inverse; whether it loses anything is not known
  - {"modify":"d","value":"x"}
  # undoes orders#2: restorable, its condition is judged anew, on the document as it is on the way back
  - {"rename":"c","to":"b","when":"has(payload.b)"}
  # cannot undo orders#1 (remove): what was removed is gone
"##
        );
    }

    /// What a transformation is labelled, by its JSON.
    fn label(transformation: &str) -> &'static str {
        let text = format!("{{\"transformations\":[{transformation}]}}");
        let migration = load("one.json", &MemoryResolver::new().with("one.json", text));
        migration.loss().name()
    }

    #[test]
    fn what_is_changed_at_one_place_is_lossless_and_at_several_it_is_not() {
        for (one, several) in [
            (r#"{"rename":"a.x","to":"y"}"#, r#"{"rename":"*.x","to":"y"}"#),
            (r#"{"nest":"a.x","into":"y"}"#, r#"{"nest":"a[*].x","into":"y"}"#),
            (r#"{"move":"a.x","to":"y"}"#, r#"{"move":"a[*].x","to":"a[*].y"}"#),
            (r#"{"copy":"a.x","to":"y"}"#, r#"{"copy":"a[*].x","to":"a[*].y"}"#),
            (r#"{"wrap":"a"}"#, r#"{"wrap":"a[*]"}"#),
            (r#"{"unwrap":"a"}"#, r#"{"each":"a","do":[{"unwrap":"x"}]}"#),
        ] {
            assert_eq!((label(one), label(several)), ("lossless", "restorable"), "{one}");
        }
        assert_eq!(label(r#"{"encode":"a[*]","to":"hex"}"#), "lossless");
        assert_eq!(
            label(r#"{"each":"a","do":[{"encode":"x","to":"hex"}]}"#),
            "lossless"
        );
    }

    #[test]
    fn what_may_be_lost_on_the_way_is_not_called_lossless() {
        for restorable in [
            r#"{"add":"a.b","value":1,"if_present":"fail"}"#,
            r#"{"add":"a[*].b","value":1,"if_present":"fail","parents":"missing_or_null"}"#,
            r#"{"decode":"a","from":"base64","on_error":"null"}"#,
            r#"{"move":"a","to":"@headers.a"}"#,
            r#"{"move":"/a/0","to":"b"}"#,
            r#"{"unwrap":"$"}"#,
            r#"{"each":"a","do":[{"encode":"x","to":"hex","where":{"k":1}}]}"#,
        ] {
            assert_eq!(label(restorable), "restorable", "{restorable}");
        }
        assert_eq!(label(r#"{"add":"b","value":1,"if_present":"fail"}"#), "lossless");
        assert_eq!(
            label(r#"{"move":"a.b","to":"a","on_conflict":"replace"}"#),
            "restorable"
        );
        assert_eq!(
            label(r#"{"translate":"@key","values":[["1",2]],"else":"fail"}"#),
            "restorable"
        );
    }

    #[test]
    fn what_is_hidden_is_gone_and_all_else_a_complement_restores() {
        for lossy in [
            r#"{"redact":"a"}"#,
            r#"{"each":"a","do":[{"remove":"b"},{"hash":"c","with":"sha256"},{"rename":"d","to":"e"}]}"#,
            r#"{"drop":"old","where":{"a":1}}"#,
        ] {
            assert_eq!(label(lossy), "lossy", "{lossy}");
        }
        for restorable in [
            r#"{"remove":"a"}"#,
            r#"{"text":"a","do":["trim"]}"#,
            r#"{"each":"a","do":[{"modify":"b","value":1}]}"#,
        ] {
            assert_eq!(label(restorable), "restorable", "{restorable}");
        }
    }

    #[test]
    fn counts_that_are_no_part_of_the_chain_are_refused() {
        let up = load("orders.yaml", &MemoryResolver::new().with("orders.yaml", CHAIN));
        for (from, to) in [(5, 0), (2, 2), (1, 2), (0, 0)] {
            assert_eq!(
                up.invert("orders.yaml", from, to),
                Err(NoWayBack::Counts { length: 4, from, to })
            );
        }
    }
}
