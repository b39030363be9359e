//! Reads transformation files, and the transformations that are written in place.

use super::Loader;
use super::draft::{Entry, Status, Transformation};
use super::fields::{Fields, Scope};
use super::name::{fault_of_id, stem};
use crate::finding::{Finding, Place};
use crate::migration::op::Step;
use crate::source::Node;

/// The words of `status`.
pub(super) const STATUSES: [(&str, Status); 2] = [("pending", Status::Pending), ("applied", Status::Applied)];

/// What one transformation file states.
pub(super) struct File {
    pub(super) id: String,
    pub(super) description: Option<String>,
    pub(super) entries: Vec<Entry>,
}

impl Loader<'_, '_> {
    /// Reads a transformation file to which a pointer led.
    pub(super) fn pointed_file(&mut self, name: &str, pointer: &Place, status: Status) -> Option<File> {
        let node = self.tree(name, Some(pointer))?;
        if let Some(migration) = node.member("migration") {
            let message = "expected a file of transformations, found a migration";
            let help = "pointers name transformation files only; list what that migration lists";
            self.findings
                .push(Finding::error(&migration.place, message).help(help));
            return None;
        }
        self.transformation_file(name, &node, status)
    }

    /// Reads a transformation file. None if its frame is faulty; faulty entries are reported and left out.
    pub(super) fn transformation_file(&mut self, name: &str, node: &Node, status: Status) -> Option<File> {
        // What is wrong with the frame does not keep the entries from being judged.
        let mut list = None;
        let mut own_id = None;
        let mut about = None;
        Fields::read(
            node,
            "a transformation file",
            Scope::File,
            self.findings,
            |fields| {
                (own_id, about, list) = frame(fields);
                Some(())
            },
        );
        let id = own_id.unwrap_or_else(|| stem(name).to_owned());
        let entries = list?
            .iter()
            .enumerate()
            .filter_map(|(index, node)| self.entry(node, &format!("{id}#{}", index + 1), status))
            .collect();
        Some(File {
            id,
            description: about,
            entries,
        })
    }

    /// Reads one transformation of a file.
    fn entry(&mut self, node: &Node, default_id: &str, status: Status) -> Option<Entry> {
        if let Some(pointer) = ["file", "directory"]
            .into_iter()
            .find_map(|field| node.member(field))
        {
            let message = "expected a transformation, found a pointer";
            let help =
                "pointers stand in migration files only; `migration: NAME` at the top makes this file one";
            self.findings
                .push(Finding::error(&pointer.place, message).help(help));
            return None;
        }
        let read = Fields::read(
            node,
            "a transformation",
            Scope::Transformation,
            self.findings,
            |fields| {
                if fields.has("status") {
                    fields.error(
                        "status",
                        "a status stands at a pointer, or at a transformation written in a migration",
                    );
                }
                entry(fields, default_id, status)
            },
        );
        self.with_its_own_id(read, default_id)
    }

    /// Reads one transformation that is written in a migration, with its own status.
    pub(super) fn entry_in_place(&mut self, node: &Node, default_id: &str) -> Option<Entry> {
        let read = Fields::read(
            node,
            "a transformation",
            Scope::Transformation,
            self.findings,
            |fields| {
                let status = fields.choice("status", &STATUSES, Status::Pending);
                entry(fields, default_id, status)
            },
        );
        self.with_its_own_id(read, default_id)
    }

    /// Takes the id of an entry in, and reports one that was there before.
    ///
    /// It comes with the place of its id: that of the entry where the id is the default.
    fn with_its_own_id(&mut self, entry: Option<(Entry, Place)>, default_id: &str) -> Option<Entry> {
        let (entry, id_place) = entry?;
        let Some(first) = self.ids.get(&entry.id) else {
            self.ids.insert(entry.id.clone(), id_place);
            return Some(entry);
        };
        let (one, other) = (first.file(), id_place.file());
        let are_files_of_one_id = entry.id == default_id && one != other;
        // Two files of one id clash in all of their entries; saying so once is enough.
        if !are_files_of_one_id || self.clashes.insert((one.to_owned(), other.to_owned())) {
            let message = format!("the id `{}` stands twice, first at {first}", entry.id);
            let help = if are_files_of_one_id {
                "ids are unique in a migration; give one of the two files an `id` of its own"
            } else {
                "ids are unique in a migration; give one of the two transformations another `id`"
            };
            self.findings.push(Finding::error(&id_place, message).help(help));
        }
        None
    }
}

/// Reads the fields of a transformation file: its id, its description, its list.
pub(super) fn frame<'node>(
    fields: &mut Fields<'node, '_>,
) -> (Option<String>, Option<String>, Option<&'node [Node]>) {
    fields.has("$schema");
    (id(fields), description(fields), transformations(fields))
}

pub(super) fn entry(fields: &mut Fields<'_, '_>, default_id: &str, status: Status) -> Option<(Entry, Place)> {
    let id_place = fields.place("id");
    let id = id(fields).unwrap_or_else(|| default_id.to_owned());
    let description = description(fields);
    let step = Step::parse(fields);
    let when = fields.optional_expression("when");
    let inverse = fields.object("inverse", "a transformation", |inverse| {
        let step = Step::parse(inverse);
        let when = inverse.optional_expression("when");
        inverse.optional_text("description");
        Some(Box::new(Transformation {
            step: step?,
            when,
            inverse: None,
        }))
    });
    let transformation = step.map(|step| Transformation { step, when, inverse });
    let entry = Entry {
        id,
        description,
        status,
        transformation: transformation?,
        place: fields.head().clone(),
    };
    Some((entry, id_place))
}

/// The field `id`; one that is no id is reported.
fn id(fields: &mut Fields<'_, '_>) -> Option<String> {
    let id = fields.optional_text("id")?;
    if let Some(message) = fault_of_id(id) {
        fields.error("id", message);
        return None;
    }
    Some(id.to_owned())
}

pub(super) fn description(fields: &mut Fields<'_, '_>) -> Option<String> {
    fields.optional_text("description").map(str::to_owned)
}

/// The list `transformations`, which may be empty.
pub(super) fn transformations<'node>(fields: &mut Fields<'node, '_>) -> Option<&'node [Node]> {
    let node = fields.required("transformations")?;
    match node.elements() {
        Some(elements) => Some(elements),
        None => fields.expected(node, "a list of transformations"),
    }
}
