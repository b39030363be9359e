//! What each transformation of a migration did, counted per outcome.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The words of the outcomes, in the order in which they are counted and shown.
const OUTCOMES: [&str; 6] = ["applied", "unchanged", "absent", "skipped", "dropped", "failed"];

/// A transformation that found nothing in so many messages is most likely written for another document.
const SUSPICIOUS: u64 = 1_000;

/// The counts of one migration's transformations.
#[derive(Debug)]
pub struct TransformationCounts {
    migration: String,
    chain: String,
    transformations: Vec<Counted>,
}

#[derive(Debug)]
struct Counted {
    id: String,
    outcomes: [AtomicU64; OUTCOMES.len()],
    /// Messages since it last found something to do.
    fruitless: AtomicU64,
    warned: AtomicBool,
}

/// The counts of one migration's transformations at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransformationSnapshot {
    /// The migration's name.
    pub migration: String,
    /// The whole chain, as `name@length:hash`: a migration that was replaced by a longer one is counted apart.
    pub chain: String,
    /// Each transformation's id with its outcomes and how often each came, in the order of the chain.
    pub transformations: Vec<(String, Vec<(&'static str, u64)>)>,
}

impl TransformationCounts {
    /// Counts for the transformations of this chain, which have these ids.
    pub fn new(
        migration: impl Into<String>,
        chain: impl Into<String>,
        ids: impl IntoIterator<Item = String>,
    ) -> Self {
        let counted = |id| Counted {
            id,
            outcomes: Default::default(),
            fruitless: AtomicU64::new(0),
            warned: AtomicBool::new(false),
        };
        Self {
            migration: migration.into(),
            chain: chain.into(),
            transformations: ids.into_iter().map(counted).collect(),
        }
    }

    /// The chain that is counted, as `name@length:hash`.
    pub(crate) fn chain(&self) -> &str {
        &self.chain
    }

    /// Counts an outcome by its word; `matched` says whether the transformation found a place, and is none where it did not
    /// look. One that finds nothing in 1,000 messages is warned of, once.
    pub(crate) fn add(&self, index: usize, outcome: &str, matched: Option<bool>) {
        let Some(counted) = self.transformations.get(index) else {
            return;
        };
        if let Some(place) = OUTCOMES.iter().position(|word| *word == outcome) {
            counted.outcomes[place].fetch_add(1, Ordering::Relaxed);
        }
        match matched {
            None => {}
            Some(true) => counted.fruitless.store(0, Ordering::Relaxed),
            Some(false) => {
                let fruitless = counted.fruitless.fetch_add(1, Ordering::Relaxed) + 1;
                if fruitless >= SUSPICIOUS && !counted.warned.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        migration = self.migration,
                        transformation = counted.id,
                        messages = fruitless,
                        "found nothing to do in this many messages; is its path right?"
                    );
                }
            }
        }
    }

    /// Whether a transformation was warned of because it found nothing.
    pub fn warned(&self, index: usize) -> bool {
        self.transformations
            .get(index)
            .is_some_and(|counted| counted.warned.load(Ordering::Relaxed))
    }

    /// Everything at this moment; outcomes that never came are left out.
    pub fn snapshot(&self) -> TransformationSnapshot {
        let seen = |counted: &Counted| {
            let counts = counted.outcomes.iter().map(|count| count.load(Ordering::Relaxed));
            OUTCOMES
                .into_iter()
                .zip(counts)
                .filter(|(_, count)| *count > 0)
                .collect()
        };
        TransformationSnapshot {
            migration: self.migration.clone(),
            chain: self.chain.clone(),
            transformations: self
                .transformations
                .iter()
                .map(|counted| (counted.id.clone(), seen(counted)))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transformation_that_finds_nothing_in_a_thousand_messages_is_warned_of() {
        let counts = TransformationCounts::new(
            "orders",
            "orders@2:0123456789abcdef",
            ["a".to_owned(), "b".to_owned()],
        );
        for _ in 0..999 {
            counts.add(0, "absent", Some(false));
            counts.add(1, "absent", Some(false));
        }
        counts.add(1, "applied", Some(true));
        assert!(!counts.warned(0));
        counts.add(0, "absent", Some(false));
        counts.add(1, "absent", Some(false));
        assert!(counts.warned(0));
        assert!(!counts.warned(1));
        let snapshot = counts.snapshot();
        assert_eq!(snapshot.transformations[1].1, [("applied", 1), ("absent", 1_000)]);
    }
}
