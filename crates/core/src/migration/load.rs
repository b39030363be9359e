//! From the texts that people write to a migration, with every finding and its place.
//!
//! A migration may be spread over many files. All of them are read, however many are faulty, so that one run of
//! `check` says everything there is to say. Where texts come from is the business of a [`Resolver`]; what an operand
//! means is that of its operation. This module knows how the files hang together, and nothing of messages.

pub mod fields;

mod complements;
mod draft;
pub mod lock;
mod migration_file;
mod name;
mod resolver;
mod schema;
mod schemas;
mod transformations;
mod validations;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

pub use draft::{Check, Status, Validation};
pub(crate) use draft::{Direction, Draft, Entry, Transformation};
pub use name::{MOST_ID_BYTES, is_migration_name, natural_order};
pub use resolver::{MemoryResolver, ResolveError, Resolver};
pub use schema::json_schema;
pub(crate) use schemas::{SchemasDraft, VersionDraft};

use crate::finding::{Finding, Findings, Place, meant, nearest};
use crate::migration::document::DuplicateNames;
use crate::migration::op::is_operation;
use crate::source::{self, Format, Node};

/// Reads a migration, or a bare transformation file as one, with all files that it points to.
///
/// `entry` is its name below the root of the resolver. Findings hold everything that is wrong in all files; a draft
/// comes back only if there is no error among them.
#[cfg(test)]
pub(crate) fn draft(entry: &str, resolver: &dyn Resolver, findings: &mut Findings) -> Option<Draft> {
    let errors = findings.errors();
    let draft = faulty_draft(entry, resolver, findings);
    if findings.errors() == errors { draft } else { None }
}

/// The same, also where errors were reported, as far as it makes sense: what it says is for more findings then.
pub(crate) fn faulty_draft(entry: &str, resolver: &dyn Resolver, findings: &mut Findings) -> Option<Draft> {
    Loader::new(resolver, findings).migration(entry, None, true)
}

/// Whether a file that was read is meant as a migration or as a file of transformations, misspelt or not.
///
/// One known field is enough, or a field that is near to one, or a bare list of transformations. A field of `others`, or one
/// that is nearer to them, says that it is something else.
pub fn is_meant_as_migration(node: &Node, others: &[&str]) -> bool {
    if let Some(elements) = node.elements() {
        let is_entry = |node: &Node| {
            let names = || {
                node.members()
                    .unwrap_or_default()
                    .iter()
                    .filter_map(|member| member.name.text())
            };
            names().any(|name| is_operation(name) || ["file", "directory"].contains(&name))
        };
        return elements.iter().any(is_entry);
    }
    const FIELDS: [&str; 2] = ["migration", "transformations"];
    let names = || {
        let members = node.members().unwrap_or_default();
        members.iter().filter_map(|member| member.name.text())
    };
    if FIELDS.iter().any(|field| node.member(field).is_some()) {
        return true;
    }
    let is_something_else = names().any(|name| nearest(name, others.iter().copied()).is_some());
    !is_something_else && names().any(|name| !meant(name, FIELDS).is_empty())
}

/// The state of one loading: what was seen so far.
struct Loader<'resolver, 'findings> {
    resolver: &'resolver dyn Resolver,
    findings: &'findings mut Findings,
    /// The ids of the transformations so far, and where they stand.
    ids: HashMap<String, Place>,
    /// The pairs of files of which a common id was reported.
    clashes: HashSet<(String, String)>,
    /// The files to which pointers led, and the pointers.
    pointed: HashMap<String, Place>,
}

impl<'resolver, 'findings> Loader<'resolver, 'findings> {
    fn new(resolver: &'resolver dyn Resolver, findings: &'findings mut Findings) -> Self {
        Self {
            resolver,
            findings,
            ids: HashMap::new(),
            clashes: HashSet::new(),
            pointed: HashMap::new(),
        }
    }

    /// Reads a migration file, or a bare transformation file as a migration.
    fn migration(&mut self, file: &str, pointer: Option<&Place>, may_lead_down: bool) -> Option<Draft> {
        let node = self.tree(file, pointer)?;
        if node.elements().is_some() {
            let message = "expected an object with `transformations`, found a list";
            let help = "write `transformations:` into a line above it";
            self.findings
                .push(Finding::error(&node.place, message).help(help));
            return None;
        }
        if !may_lead_down && node.member("direction").and_then(Node::text) == Some("down") {
            let place = pointer.unwrap_or(&node.place);
            self.findings.error(
                place,
                "expected a migration that leads up, found one that leads down itself",
            );
            return None;
        }
        if migration_file::is_migration(&node) {
            return self.migration_file(file, &node);
        }
        let read = self.transformation_file(file, &node, Status::Pending)?;
        let name = read.id.to_lowercase();
        if !is_migration_name(&name) {
            let place = node
                .member("id")
                .map_or_else(|| Place::whole(self.resolver.shown(file)), |id| id.place.clone());
            let help = "give it an `id` of 1 to 64 of a-z, 0-9, `.`, `_` and `-` that begins with a letter or a digit";
            let message = format!("the id `{}` cannot be the name of a migration", read.id);
            self.findings.push(Finding::error(&place, message).help(help));
            return None;
        }
        Some(Draft {
            complements: crate::migration::Complements::None,
            name,
            description: read.description,
            duplicate_names: DuplicateNames::Allow,
            schemas: SchemasDraft::default(),
            validations: vec![Validation {
                check: Check::Syntax,
                status: Status::Pending,
            }],
            validate_is_written: false,
            accepts: Vec::new(),
            direction: Direction::Up,
            transformations: read.entries,
        })
    }

    /// Reads a file into a tree; what is wrong with getting it is reported at the pointer that led to it.
    fn tree(&mut self, file: &str, pointer: Option<&Place>) -> Option<Node> {
        let shown = self.resolver.shown(file);
        let whole = Place::whole(shown.as_str());
        let place = pointer.unwrap_or(&whole);
        let Some(format @ (Format::Yaml | Format::Json)) = Format::of_name(file) else {
            self.findings
                .error(place, "expected a file whose name ends in .yaml, .yml or .json");
            return None;
        };
        match self.resolver.read(file) {
            Ok(bytes) => source::read(&shown, &bytes, format, self.findings),
            Err(error) => {
                let message = match pointer {
                    Some(_) => format!("{shown}: {error}"),
                    None => error.to_string(),
                };
                self.findings.error(place, message);
                None
            }
        }
    }
}
