//! Reads the fields of one object, and reports everything that is wrong with them at its exact place.
//!
//! An operation's `parse` asks for each of its operands by name; what it asks for is thereby known, and what nobody
//! asked for is reported at the end with the nearest known name. So a parser has to ask for **every** operand it
//! knows, whatever it found in the others, and only then use `?`:
//!
//! ```
//! use dunlin_core::finding::Findings;
//! use dunlin_core::migration::load::fields::{Fields, Scope};
//! use dunlin_core::migration::path::Takes;
//! use dunlin_core::source::{Format, read};
//!
//! let mut findings = Findings::new();
//! let text = b"rename: a..b\ntoo: c\n";
//! let node = read("names.yaml", text, Format::Yaml, &mut findings).expect("it is YAML");
//! let parsed = Fields::read(&node, "a transformation", Scope::Transformation, &mut findings, |fields| {
//!     let path = fields.path("rename", Takes::PLACES);
//!     let to = fields.name("to");
//!     let batch = fields.flag("batch", false);
//!     Some((path?, to?, batch))
//! });
//! assert!(parsed.is_none());
//! assert_eq!(findings.errors(), 2);
//! let lines = findings.to_string();
//! assert!(lines.contains("names.yaml:1:11: error: not a path: expected a name"));
//! assert!(lines.contains("names.yaml:2:1: error: unknown field `too` of a transformation, did you mean `to`?"));
//! ```
//!
//! A reader that finds something wrong reports it and returns `None`, or the default. An optional field that is
//! missing is `None` without a report; where that difference matters there is [`Fields::has`]. Whatever a parser
//! returns, [`Fields::read`] hands it on only if no error was reported for the object.

mod asked;
mod operands;

#[cfg(test)]
mod tests;

pub(super) use asked::{Asked, Asking, ask_with};

use crate::finding::{Finding, Findings, Place, did_you_mean, meant, suggestion};
use crate::source::{Content, Member, Node};

/// Where an object of fields stands, since not everything is allowed everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In a list of transformations, or as its `inverse`.
    Transformation,
    /// In the list `do` of an `each`: no paths to headers or the key.
    Each,
    /// No transformation at all: a file, a pointer, a validation.
    File,
}

/// The fields of one object. See the module for how a parser uses it.
#[derive(Debug)]
pub struct Fields<'node, 'findings> {
    node: &'node Node,
    members: &'node [Member],
    subject: String,
    scope: Scope,
    known: Vec<&'static str>,
    /// Fields that were needed and are missing; reported at the end, since one of them may only be misspelt.
    missing: Vec<&'static str>,
    head: Place,
    /// What the object is meant to be could not be told, so that its fields cannot be judged.
    hopeless: bool,
    /// Keeps what is asked for, where somebody wants to know; none while files are read.
    asking: Option<Vec<(&'static str, Asked)>>,
    findings: &'findings mut Findings,
}

impl<'node, 'findings> Fields<'node, 'findings> {
    /// Reads one object: `parse` asks for its fields, then those that nobody asked for are reported.
    ///
    /// `subject` names the object in findings, such as `a transformation`. Returns what `parse` returned, or none if
    /// the node is no object or any error was reported meanwhile.
    pub fn read<T>(
        node: &'node Node,
        subject: &str,
        scope: Scope,
        findings: &'findings mut Findings,
        parse: impl FnOnce(&mut Fields<'node, '_>) -> Option<T>,
    ) -> Option<T> {
        if node.is_faulty() {
            return None;
        }
        let Some(members) = node.members() else {
            findings.error(&node.place, format!("expected {subject}, found {}", node.kind()));
            return None;
        };
        let errors = findings.errors();
        let head = members
            .first()
            .map_or(&node.place, |member| &member.name.place)
            .clone();
        let mut fields = Fields {
            node,
            members,
            subject: subject.to_owned(),
            scope,
            known: Vec::new(),
            missing: Vec::new(),
            head,
            hopeless: false,
            asking: None,
            findings,
        };
        let parsed = parse(&mut fields);
        fields.finish();
        if findings.errors() == errors { parsed } else { None }
    }

    /// Tells which one of `names` is a field here, as each transformation has exactly one operation.
    ///
    /// None of them, or a second one, is reported. `beside` are the other fields that may stand here; they are not
    /// taken for a misspelt operation.
    pub fn operation<T: Copy>(&mut self, names: &[(&'static str, T)], beside: &[&str]) -> Option<T> {
        let mut found: Option<(&'static str, T)> = None;
        for member in self.members {
            let named = names.iter().find(|(name, _)| member.name.text() == Some(name));
            let Some(&(name, operation)) = named else { continue };
            match found {
                None => {
                    found = Some((name, operation));
                    self.head = member.name.place.clone();
                    self.subject = format!("`{name}`");
                }
                // A member that stands twice has been reported as such.
                Some((first, _)) if first == name => {}
                Some((first, _)) => {
                    self.hopeless = true;
                    let message = format!("a second operation, `{name}`, stands beside `{first}`");
                    let help = "each operation is an entry of the list of its own";
                    self.findings
                        .push(Finding::error(&member.name.place, message).help(help));
                }
            }
        }
        if found.is_none() {
            self.hopeless = true;
            self.report_no_operation(names, beside);
        }
        found.map(|(_, operation)| operation)
    }

    fn report_no_operation<T>(&mut self, names: &[(&'static str, T)], beside: &[&str]) {
        let operations = || names.iter().map(|(name, _)| *name);
        let list = operations().collect::<Vec<_>>().join(", ");
        let candidates = || {
            self.members
                .iter()
                .filter_map(|member| Some((member.name.text()?, &member.name.place)))
                .filter(|(name, _)| !beside.contains(name))
        };
        let near = candidates().find(|(name, _)| !meant(name, operations()).is_empty());
        let finding = match near.or_else(|| candidates().next()) {
            Some((name, place)) => {
                let meant = did_you_mean(name, operations());
                let finding = Finding::error(place, format!("unknown operation `{name}`{meant}"));
                if meant.is_empty() {
                    finding.help(format!("the operations are {list}"))
                } else {
                    finding
                }
            }
            None => Finding::error(&self.head, "expected an operation in this entry")
                .help(format!("the operations are {list}")),
        };
        self.findings.push(finding);
    }

    /// Reports the fields that nobody asked for, and those that are missing. A misspelt field is one finding, not two.
    fn finish(mut self) {
        if !self.hopeless {
            for member in self.members {
                let name = match member.name.text() {
                    Some(name) if self.known.contains(&name) => continue,
                    Some(name) => name,
                    None if member.name.is_faulty() => continue,
                    None => "",
                };
                let meant = meant(name, self.known.iter().copied());
                self.missing.retain(|missing| !meant.contains(missing));
                let suggestion = suggestion(&meant);
                let message = format!("unknown field `{name}` of {}{suggestion}", self.subject);
                let finding = Finding::error(&member.name.place, message);
                self.findings.push(if meant.is_empty() && !self.known.is_empty() {
                    finding.help(format!("the fields are {}", self.known.join(", ")))
                } else {
                    finding
                });
            }
        }
        for missing in self.missing {
            self.findings
                .error(&self.head, format!("{} needs `{missing}`", self.subject));
        }
    }

    /// Where the object stands.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// The object itself.
    pub fn node_of_all(&self) -> &'node Node {
        self.node
    }

    /// What stands for the object in findings: the name of its operation, or its first member.
    pub fn head(&self) -> &Place {
        &self.head
    }

    /// The findings, for what a parser judges itself.
    pub fn findings(&mut self) -> &mut Findings {
        self.findings
    }

    /// Takes a finding in.
    pub fn report(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Reports an error at the value of a field; at the head of the object if the field is missing.
    pub fn error(&mut self, field: &'static str, message: impl Into<String>) {
        let place = self.place(field);
        self.findings.push(Finding::error(&place, message));
    }

    /// The place of the value of a field; the head of the object if the field is missing.
    pub fn place(&mut self, field: &'static str) -> Place {
        self.node(field)
            .map_or_else(|| self.head.clone(), |node| node.place.clone())
    }

    /// Whether a field is there, `null` included. The field is known from now on.
    pub fn has(&mut self, field: &'static str) -> bool {
        self.node(field).is_some()
    }

    /// Whether the value of a field is a list.
    pub fn is_list(&mut self, field: &'static str) -> bool {
        self.node(field).is_some_and(|node| node.elements().is_some())
    }

    /// Whether the value of a field is `null`, the literal or the word for it.
    pub fn is_null(&mut self, field: &'static str) -> bool {
        self.note(field, || Asked::Null);
        match self.node(field).map(|node| &node.content) {
            Some(Content::Null) => true,
            Some(Content::String(word)) => word == "null",
            _ => false,
        }
    }

    /// The value of a field as it was read, or none if it is missing. The field is known from now on.
    pub fn node(&mut self, field: &'static str) -> Option<&'node Node> {
        if !self.known.contains(&field) {
            self.known.push(field);
        }
        self.node.member(field)
    }

    /// As [`Self::node`]; a field that is missing is reported.
    pub fn required(&mut self, field: &'static str) -> Option<&'node Node> {
        let node = self.node(field);
        if node.is_none() && !self.missing.contains(&field) {
            self.missing.push(field);
        }
        node
    }

    /// Reports a field that has no meaning beside another: both are there.
    pub fn excludes(&mut self, field: &'static str, other: &'static str) {
        if self.has(field) && self.has(other) {
            self.error(field, format!("`{field}` has no meaning beside `{other}`"));
        }
    }

    /// Reports a field that has no meaning without another.
    pub fn only_with(&mut self, field: &'static str, other: &'static str) {
        if self.has(field) && !self.has(other) {
            self.error(field, format!("`{field}` has a meaning only beside `{other}`"));
        }
    }

    /// Reads a field that is an object itself, in the same scope.
    pub fn object<T>(
        &mut self,
        field: &'static str,
        subject: &str,
        parse: impl FnOnce(&mut Fields<'node, '_>) -> Option<T>,
    ) -> Option<T> {
        self.note(field, || Asked::Object);
        let node = self.node(field)?;
        Fields::read(node, subject, self.scope, self.findings, parse)
    }

    /// Reads a field that is a list of objects, such as `do`; a missing or empty list is reported.
    ///
    /// None if any of them is faulty; all of them are read in any case.
    pub fn objects<T>(
        &mut self,
        field: &'static str,
        subject: &str,
        scope: Scope,
        mut parse: impl FnMut(&mut Fields<'node, '_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        self.note(field, || Asked::Objects);
        let elements = self.list(field)?;
        let read: Vec<Option<T>> = elements
            .iter()
            .map(|node| Fields::read(node, subject, scope, self.findings, &mut parse))
            .collect();
        read.into_iter().collect()
    }
}
