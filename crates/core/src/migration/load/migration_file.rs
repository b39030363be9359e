//! Reads migration files: the frame, the pointers, and the downward migration's reference to the chain it inverts.

use super::Loader;
use super::complements::{self, complements};
use super::draft::{Direction, Draft, Entry, Status};
use super::fields::{Fields, Scope};
use super::name::{is_migration_name, natural_order, resolve};
use super::schemas::{SchemasDraft, schemas};
use super::transformations::{STATUSES, description, transformations};
use super::validations::{Frame, validations};
use crate::finding::{Finding, Place, nearest};
use crate::migration::complement::Complements;
use crate::migration::document::DuplicateNames;
use crate::migration::op::is_operation;
use crate::migration::record;
use crate::source::{Format, Node};

/// Fields that stand in migration files only. One of them, and a file is meant to be one.
const MIGRATION_FIELDS: [&str; 9] = [
    "migration",
    "duplicate_names",
    "schemas",
    "version_by",
    "validate",
    "accepts",
    "complement",
    "direction",
    "observed",
];

/// Whether a file is meant as a migration, and not as transformations only.
pub(super) fn is_migration(node: &Node) -> bool {
    let fields = node.members().unwrap_or_default();
    fields
        .iter()
        .filter_map(|member| member.name.text())
        .any(|name| MIGRATION_FIELDS.contains(&name) || nearest(name, ["migration"]).is_some())
}

/// What the frame of a migration file states.
pub(super) struct Header<'node> {
    name: Option<String>,
    description: Option<String>,
    duplicate_names: DuplicateNames,
    schemas: SchemasDraft,
    frame: Frame,
    accepts: Vec<(record::Entry, Place)>,
    complements: Option<(Complements, Place)>,
    down: Option<Down<'node>>,
}

pub(super) struct Down<'node> {
    of: &'node Node,
    from: usize,
    from_node: &'node Node,
    to: usize,
}

/// Reads the fields of a migration file. Name and list are told by themselves, since they are of use even where another field
/// is faulty.
pub(super) fn header<'node>(
    fields: &mut Fields<'node, '_>,
    file: &str,
    name: &mut Option<String>,
    list: &mut Option<&'node [Node]>,
) -> Option<Header<'node>> {
    fields.has("$schema");
    fields.has("observed");
    *name = migration_name(fields);
    let description = description(fields);
    let words = [
        ("allow", DuplicateNames::Allow),
        ("reject", DuplicateNames::Reject),
    ];
    let duplicate_names = fields.choice("duplicate_names", &words, DuplicateNames::Allow);
    let schemas = schemas(fields, file);
    let frame = validations(fields, schemas.checks());
    let accepts = accepts(fields, name.as_deref());
    let (is_down, down) = direction(fields);
    let complements = complements(fields, is_down);
    *list = transformations(fields);
    Some(Header {
        name: name.clone(),
        description,
        duplicate_names,
        schemas,
        frame,
        accepts,
        complements,
        down,
    })
}

/// Reads the fields of a pointer of this file: where it leads, and the status of what is there.
pub(super) fn target(fields: &mut Fields<'_, '_>, file: &str) -> Option<(&'static str, String, Status)> {
    let status = fields.choice("status", &STATUSES, Status::Pending);
    fields.excludes("directory", "file");
    let field = if fields.has("directory") {
        "directory"
    } else {
        "file"
    };
    let target = fields.text(field)?;
    if field == "file" && target.ends_with('/') {
        fields.error(
            field,
            "expected a file, found a name that ends in `/`, as those of folders do",
        );
        return None;
    }
    match resolve(file, target) {
        Ok(target) => Some((field, target, status)),
        Err(unresolved) => {
            let place = fields.place(field);
            fields.report(unresolved.at(&place));
            None
        }
    }
}

impl Loader<'_, '_> {
    /// Reads a migration file. A draft comes back even where errors were reported, as far as it makes sense.
    pub(super) fn migration_file(&mut self, file: &str, node: &Node) -> Option<Draft> {
        let errors = self.findings.errors();
        let mut list = None;
        let mut name = None;
        let header = Fields::read(node, "a migration", Scope::File, self.findings, |fields| {
            header(fields, file, &mut name, &mut list)
        });
        // The entries and the chain that is inverted are judged even where the frame is faulty.
        let name_or_file = name.unwrap_or_else(|| super::name::stem(file).to_owned());
        let entries = list.map_or_else(Vec::new, |list| self.chain(file, &name_or_file, list));
        let header = header?;
        if self.findings.errors() == errors {
            // Where an entry is faulty the length is not known.
            for (accepted, place) in &header.accepts {
                if accepted.count > entries.len() {
                    let message = format!(
                        "expected a count up to {}, the length of the chain",
                        entries.len()
                    );
                    self.findings.error(place, message);
                }
            }
        }
        if let Some((complements, place)) = &header.complements {
            complements::judge(*complements, place, &entries, self.findings);
        }
        let direction = match header.down {
            Some(down) => self.inverted(file, &down)?,
            None => Direction::Up,
        };
        Some(Draft {
            name: header.name?,
            description: header.description,
            duplicate_names: header.duplicate_names,
            schemas: header.schemas,
            validations: header.frame.validations,
            validate_is_written: header.frame.is_written,
            accepts: header.accepts.into_iter().map(|(accepted, _)| accepted).collect(),
            complements: header
                .complements
                .map_or(Complements::None, |(complements, _)| complements),
            direction,
            transformations: entries,
        })
    }

    /// Reads the list of pointers and of transformations written in place.
    fn chain(&mut self, file: &str, name: &str, list: &[Node]) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (index, node) in list.iter().enumerate() {
            if is_pointer(node) {
                entries.extend(self.pointer(file, node).into_iter().flatten());
            } else {
                entries.extend(self.entry_in_place(node, &format!("{name}#{}", index + 1)));
            }
        }
        entries
    }

    fn pointer(&mut self, file: &str, node: &Node) -> Option<Vec<Entry>> {
        let (field, target, status) =
            Fields::read(node, "a pointer", Scope::File, self.findings, |fields| {
                target(fields, file)
            })?;
        let place = &node.member(field)?.place;
        if field == "file" {
            return self.once(&target, place, status);
        }
        let mut names = match self.resolver.list(&target) {
            Ok(names) => names,
            Err(error) => {
                self.findings.error(place, error.to_string());
                return None;
            }
        };
        names.retain(|name| matches!(Format::of_name(name), Some(Format::Yaml | Format::Json)));
        names.sort_by(|left, right| natural_order(left, right));
        if names.is_empty() {
            let message = "expected at least one .yaml, .yml or .json file in this folder, found none";
            self.findings.error(place, message);
        }
        let path = |name: String| {
            if target.is_empty() {
                name
            } else {
                format!("{target}/{name}")
            }
        };
        Some(
            names
                .into_iter()
                .filter_map(|name| self.once(&path(name), place, status))
                .flatten()
                .collect(),
        )
    }

    /// Reads a file to which a pointer leads, unless one did before.
    fn once(&mut self, name: &str, place: &Place, status: Status) -> Option<Vec<Entry>> {
        if let Some(first) = self.pointed.get(name) {
            let message = format!(
                "the file {} stands twice in the chain, first at {first}",
                self.resolver.shown(name)
            );
            self.findings.error(place, message);
            return None;
        }
        self.pointed.insert(name.to_owned(), place.clone());
        self.pointed_file(name, place, status).map(|file| file.entries)
    }

    /// Loads the chain that a downward migration inverts.
    fn inverted(&mut self, file: &str, down: &Down<'_>) -> Option<Direction> {
        let target = match resolve(file, down.of.text()?) {
            Ok(target) => target,
            Err(unresolved) => {
                self.findings.push(unresolved.at(&down.of.place));
                return None;
            }
        };
        if target == file {
            self.findings
                .error(&down.of.place, "a migration cannot invert itself");
            return None;
        }
        let errors = self.findings.errors();
        let of = Loader::new(self.resolver, self.findings).migration(&target, Some(&down.of.place), false)?;
        // Where that chain is faulty its length is not known.
        if down.from > of.transformations.len() && self.findings.errors() == errors {
            let message = format!(
                "expected a count up to {}, the length of that chain",
                of.transformations.len()
            );
            self.findings.error(&down.from_node.place, message);
        }
        Some(Direction::Down {
            of: Box::new(of),
            from: down.from,
            to: down.to,
        })
    }
}

/// Whether an entry of the list is a pointer, or is near enough to one to be judged as such.
fn is_pointer(node: &Node) -> bool {
    let names = || {
        node.members()
            .unwrap_or_default()
            .iter()
            .filter_map(|member| member.name.text())
    };
    let has_operation = names().any(is_operation);
    names().any(|name| matches!(name, "file" | "directory"))
        || (!has_operation && names().any(|name| nearest(name, ["file", "directory"]).is_some()))
}

fn migration_name(fields: &mut Fields<'_, '_>) -> Option<String> {
    let name = fields.text("migration")?;
    if is_migration_name(name) {
        return Some(name.to_owned());
    }
    let place = fields.place("migration");
    let help = "a name has 1 to 64 of a-z, 0-9, `.`, `_` and `-`, and begins with a letter or a digit";
    fields.report(Finding::error(&place, format!("`{name}` is not a name of a migration")).help(help));
    None
}

/// The list `accepts`: `name@count:16 digits`, of this migration.
fn accepts(fields: &mut Fields<'_, '_>, own: Option<&str>) -> Vec<(record::Entry, Place)> {
    if !fields.has("accepts") {
        return Vec::new();
    }
    let mut all: Vec<(record::Entry, Place)> = Vec::new();
    for node in fields.list("accepts").unwrap_or_default() {
        let Some(text) = fields.text_of(node) else {
            continue;
        };
        match record::Entry::parse(text) {
            Ok(entry) if own.is_some_and(|own| own != entry.name) => {
                let message = format!(
                    "expected a record of this migration, found one of `{}`",
                    entry.name
                );
                fields.findings().error(&node.place, message);
            }
            Ok(entry) if all.iter().any(|(other, _)| *other == entry) => {
                fields
                    .findings()
                    .error(&node.place, "this stands twice in `accepts`");
            }
            Ok(entry) => all.push((entry, node.place.clone())),
            Err(_) => {
                let help = "a record is the name, the count and 16 digits of the chain hash: orders@2:9f3ac41b7d02e6aa";
                fields.report(Finding::error(&node.place, "expected a record").help(help));
            }
        }
    }
    all
}

/// Whether the migration leads back, and the fields that say where.
fn direction<'node>(fields: &mut Fields<'node, '_>) -> (bool, Option<Down<'node>>) {
    let is_down = fields.choice("direction", &[("up", false), ("down", true)], false);
    if !is_down {
        for field in ["of", "from", "to"] {
            if fields.has(field) {
                fields.error(
                    field,
                    format!("`{field}` has a meaning only beside `direction: down`"),
                );
            }
        }
        return (false, None);
    }
    (true, down(fields))
}

fn down<'node>(fields: &mut Fields<'node, '_>) -> Option<Down<'node>> {
    let of = fields.required("of");
    let is_text = of.is_some_and(|of| fields.text_of(of).is_some());
    let count = |fields: &mut Fields<'node, '_>, field| {
        fields
            .required(field)
            .and_then(|node| fields.count_of(node, usize::MAX))
    };
    let from_node = fields.node("from");
    let from = count(fields, "from");
    let to = count(fields, "to");
    if let (Some(from), Some(to)) = (from, to)
        && from <= to
    {
        fields.error("to", format!("expected a count below `from`, which is {from}"));
    }
    Some(Down {
        of: of.filter(|_| is_text)?,
        from: from?,
        from_node: from_node?,
        to: to?,
    })
}
