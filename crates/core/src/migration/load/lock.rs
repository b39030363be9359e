//! Lock files: the proof that a chain in production was only ever appended to.
//!
//! A lock lists the ids and digests of a chain as it was when it went live. A chain that is loaded later may be longer;
//! where it differs before that, messages that are under way would be migrated by two chains of one name, and the
//! records on them would no longer fit. A lock is JSON, one transformation per line, so that its changes read well.

use super::fields::{Fields, Scope};
use super::resolver::{ResolveError, Resolver};
use crate::finding::{Finding, Findings, Place};
use crate::migration::chain::Digest;
use crate::migration::record;
use crate::source::{self, Content, Format, Node};

/// A chain as its lock file states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// The name of the migration.
    pub migration: String,
    /// The transformations, in the order of application.
    pub transformations: Vec<Locked>,
}

/// One transformation of a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locked {
    /// Its id.
    pub id: String,
    /// The SHA-256 of its canonical JSON.
    pub digest: Digest,
}

/// The name of the lock file of a migration's file.
pub fn lock_name(file: &str) -> String {
    format!("{file}.lock")
}

impl Lock {
    /// The chain hash after the first `length` transformations.
    fn chain_hash(&self, length: usize) -> Digest {
        let start = Digest::of(self.migration.as_bytes());
        self.transformations[..length]
            .iter()
            .fold(start, |hash, locked| hash.followed_by(&locked.digest))
    }

    /// The text of the lock file. Ends with a line feed.
    pub fn to_json(&self) -> String {
        let string = |text: &str| serde_json::Value::from(text).to_string();
        let lines: Vec<String> = self
            .transformations
            .iter()
            .map(|locked| {
                format!(
                    "    {{\"id\": {}, \"digest\": \"{}\"}}",
                    string(&locked.id),
                    locked.digest
                )
            })
            .collect();
        let list = if lines.is_empty() {
            "[]".to_owned()
        } else {
            format!("[\n{}\n  ]", lines.join(",\n"))
        };
        let chain = self.chain_hash(self.transformations.len());
        let name = string(&self.migration);
        format!(
            "{{\n  \"dunlin\": 1,\n  \"migration\": {name},\n  \"chain\": \"{chain}\",\n  \"transformations\": {list}\n}}\n"
        )
    }

    /// Reads a lock file, and the place of each of its entries.
    fn read(node: &Node, findings: &mut Findings) -> Option<(Self, Vec<Place>)> {
        let (lock, chain, places) = Fields::read(node, "a lock file", Scope::File, findings, |fields| {
            let version = fields.required("dunlin").and_then(|node| match &node.content {
                Content::Number(number) if number.as_str() == "1" => Some(()),
                _ => fields.expected(node, "the version 1 of the format"),
            });
            let migration = fields.text("migration");
            let chain = fields.required("chain").and_then(|node| hash(fields, node));
            let list = fields.required("transformations")?;
            let Some(nodes) = list.elements() else {
                return fields.expected(list, "a list");
            };
            let mut transformations = Vec::new();
            for node in nodes {
                transformations.push(Fields::read(
                    node,
                    "a locked transformation",
                    Scope::File,
                    fields.findings(),
                    |entry| {
                        let id = entry.text("id").map(str::to_owned);
                        let digest = entry.required("digest").and_then(|node| hash(entry, node));
                        Some(Locked {
                            id: id?,
                            digest: digest?,
                        })
                    },
                ));
            }
            let transformations = transformations.into_iter().collect::<Option<_>>()?;
            let places = nodes.iter().map(|node| node.place.clone()).collect::<Vec<_>>();
            version?;
            Some((
                Self {
                    migration: migration?.to_owned(),
                    transformations,
                },
                chain?,
                places,
            ))
        })?;
        if lock.chain_hash(lock.transformations.len()) != chain {
            let place = node.member("chain").map_or(&node.place, |node| &node.place);
            let message = "the chain hash does not fit the digests below";
            findings.push(Finding::error(place, message).help("a lock is not edited by hand; write it anew"));
            return None;
        }
        Some((lock, places))
    }
}

/// Reads 64 hexadecimal digits.
fn hash(fields: &mut Fields<'_, '_>, node: &Node) -> Option<Digest> {
    let text = fields.text_of(node)?;
    let hash = Digest::parse(text);
    if hash.is_none() {
        fields
            .findings()
            .error(&node.place, "expected 64 hexadecimal digits");
    }
    hash
}

/// Compares a chain with the lock file beside its migration, if there is one.
///
/// `file` is the migration's file; `places` are those of its transformations, in the same order as in `current`.
pub(crate) fn check(
    file: &str,
    current: &Lock,
    places: &[Place],
    accepts: &[record::Entry],
    resolver: &dyn Resolver,
    findings: &mut Findings,
) {
    let name = lock_name(file);
    let shown = resolver.shown(&name);
    let bytes = match resolver.read(&name) {
        Ok(bytes) => bytes,
        Err(ResolveError::NotFound) => return,
        Err(error) => return findings.error(&Place::whole(shown), error.to_string()),
    };
    let Some(node) = source::read(&shown, &bytes, Format::Json, findings) else {
        return;
    };
    let Some((lock, locked_places)) = Lock::read(&node, findings) else {
        return;
    };
    if lock.migration != current.migration {
        let place = node.member("migration").map_or(&node.place, |node| &node.place);
        let message = format!(
            "expected the lock of `{}`, found that of `{}`",
            current.migration, lock.migration
        );
        return findings.error(place, message);
    }
    if !accepts.iter().any(|accepted| lock.is_accepted(accepted, current))
        && let Some(difference) = lock.first_difference(current)
    {
        findings.push(lock.describe(&difference, current, places, &locked_places));
        return;
    }
    for ((now, locked), place) in current
        .transformations
        .iter()
        .zip(&lock.transformations)
        .zip(places)
    {
        if now.id != locked.id && now.digest == locked.digest {
            let message = format!(
                "the id was `{}` when the chain was locked; it is `{}` now",
                locked.id, now.id
            );
            findings.push(Finding::warning(place, message).help("counts and reports go by ids"));
        }
    }
}

/// Where a chain first differs from its lock.
enum Difference {
    Changed(usize),
    Inserted(usize),
    Removed(usize),
}

impl Lock {
    fn digest(&self, index: usize) -> Option<Digest> {
        self.transformations.get(index).map(|locked| locked.digest)
    }

    fn holds(&self, from: usize, digest: Option<Digest>) -> bool {
        self.transformations
            .iter()
            .skip(from)
            .any(|locked| Some(locked.digest) == digest)
    }

    /// Whether the record of the whole locked chain is listed, and the current chain only changes what was locked.
    ///
    /// A record counts positions. Where a transformation was inserted or removed, what stands at a position is another one
    /// than the record speaks of, and taking the record as ours would apply a transformation twice or never.
    fn is_accepted(&self, accepted: &record::Entry, current: &Self) -> bool {
        accepted.count == self.transformations.len()
            && accepted.count <= current.transformations.len()
            && self.chain_hash(accepted.count).short() == accepted.hash
            && !self.is_shifted_in(current)
    }

    /// Whether a locked transformation stands in the current chain, but no longer at its position.
    fn is_shifted_in(&self, current: &Self) -> bool {
        let changed: Vec<usize> = (0..self.transformations.len().max(current.transformations.len()))
            .filter(|index| self.digest(*index) != current.digest(*index))
            .collect();
        changed
            .iter()
            .filter_map(|at| self.digest(*at))
            .any(|locked| changed.iter().any(|other| current.digest(*other) == Some(locked)))
    }

    fn first_difference(&self, current: &Self) -> Option<Difference> {
        let at =
            (0..self.transformations.len()).find(|index| self.digest(*index) != current.digest(*index))?;
        Some(if current.holds(at, self.digest(at)) {
            Difference::Inserted(at)
        } else if current.digest(at).is_none() || self.holds(at, current.digest(at)) {
            Difference::Removed(at)
        } else {
            Difference::Changed(at)
        })
    }

    fn describe(
        &self,
        difference: &Difference,
        current: &Self,
        places: &[Place],
        locked_places: &[Place],
    ) -> Finding {
        let (at, places, lock, what) = match *difference {
            Difference::Changed(at) => (at, places, current, "was changed"),
            Difference::Inserted(at) => (
                at,
                places,
                current,
                "was inserted into the chain, not appended to it,",
            ),
            Difference::Removed(at) => (at, locked_places, self, "was removed from the chain"),
        };
        let id = lock
            .transformations
            .get(at)
            .map_or("", |locked| locked.id.as_str());
        let message = format!("`{id}` {what} since the chain was locked");
        let finding = match places.get(at) {
            Some(place) => Finding::error(place, message),
            None => Finding::error(&Place::whole(lock_name(&self.migration)), message),
        };
        finding.help(match *difference {
            Difference::Removed(_) => {
                "a chain that is in use is only appended to: leave it in, and append what takes its effect back"
                    .to_owned()
            }
            Difference::Inserted(_) => {
                "a chain that is in use is only appended to: move it to the end".to_owned()
            }
            Difference::Changed(_) if self.is_shifted_in(current) => {
                "a chain that is in use is only appended to".to_owned()
            }
            Difference::Changed(at) => self.how_to_accept(at),
        })
    }

    /// What to list so that messages of the locked chain count as migrated, although the transformation at `at` was changed.
    fn how_to_accept(&self, at: usize) -> String {
        let length = self.transformations.len();
        let record = |count| format!("`{}@{count}:{}`", self.migration, self.chain_hash(count).short());
        let mut help = format!(
            "a chain that is in use is only appended to; if what was migrated by the old one may count as migrated, list {} \
             under `accepts`",
            record(length)
        );
        let shorter: Vec<String> = (at + 1..length).map(record).collect();
        if !shorter.is_empty() {
            help.push_str(", and of the shorter chains that were in use ");
            help.push_str(&shorter.join(", "));
        }
        help
    }
}
