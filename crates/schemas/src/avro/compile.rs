//! Reads the text of a schema, and reports everything that is wrong with it at its line and column.
//!
//! Specification: <https://avro.apache.org/docs/1.12.0/specification/#schema-declaration>. What is allowed beyond it:
//! nothing. Attributes that no rule of the specification knows are metadata, and are passed over.

mod logical;
mod named;

use std::collections::HashMap;
use std::sync::Arc;

use dunlin_core::finding::{Finding, Findings, Place, did_you_mean};
use dunlin_core::migration::Limits;
use dunlin_core::migration::document::Value;
use dunlin_core::source::{Content, Node};

use super::decode::decode;
use super::defaults::Defaults;
use super::model::{DefaultValue, Form, Model, Type, TypeId};
use super::names::{COMPLEX, PRIMITIVES, full_name};
use super::plan::Plan;
use super::sources::Sources;
use super::union::Union;

/// The schema of some texts: the whole of the first, or the type of it that is meant. `None` where it cannot be made,
/// and findings say why.
pub(super) fn compile(
    sources: &Sources,
    message: Option<(&str, &Place)>,
    findings: &mut Findings,
) -> Option<Arc<Model>> {
    // Findings of other files must not keep this one from being told complete.
    let mut own = Findings::new();
    let mut compiler = Compiler {
        model: Model::default(),
        primitives: HashMap::new(),
        names: HashMap::new(),
        to_come: HashMap::new(),
        defaults: Vec::new(),
        findings: &mut own,
    };
    let mut root = None;
    for index in sources.order(message.map(|(name, _)| name), compiler.findings) {
        let source = &sources.all[index];
        compiler.to_come = source.definitions.defined.iter().cloned().collect();
        let read = compiler.read(&source.node, None);
        if index == 0 {
            root = read;
        }
    }
    if let Some((name, place)) = message {
        root = compiler.named(name, place);
    }
    let model = compiler.finish(root);
    let model = model.filter(|_| !own.has_errors());
    findings.append(own);
    model
}

/// A type that has a name.
struct Known {
    id: TypeId,
    place: Place,
}

/// A default that is to be read once all types are complete.
struct Pending<'a> {
    record: TypeId,
    field: usize,
    node: &'a Node,
}

struct Compiler<'a, 'f> {
    model: Model,
    primitives: HashMap<&'static str, TypeId>,
    names: HashMap<String, Known>,
    /// What the text that is read defines somewhere.
    to_come: HashMap<String, Place>,
    defaults: Vec<Pending<'a>>,
    findings: &'f mut Findings,
}

impl<'a> Compiler<'a, '_> {
    /// Reads a type, within a namespace. `None` where it is wrong, which is reported then.
    ///
    /// It goes as deep as the text does, which its reader has bounded.
    fn read(&mut self, node: &'a Node, namespace: Option<&str>) -> Option<TypeId> {
        match &node.content {
            Content::String(name) => self.by_name(name, node, namespace),
            Content::Array(branches) => self.union(branches, node, namespace),
            Content::Object(_) => self.object(node, namespace),
            Content::Faulty => None,
            Content::Null | Content::Bool(_) | Content::Number(_) | Content::Surrogates(_) => {
                let message = format!(
                    "expected a type: its name, an object, or a list of types for a union; found {}",
                    node.kind()
                );
                self.findings.error(&node.place, message);
                None
            }
        }
    }

    fn primitive(&mut self, name: &str) -> Option<TypeId> {
        let (word, form) = match name {
            "null" => ("null", Form::Null),
            "boolean" => ("boolean", Form::Boolean),
            "int" => ("int", Form::Int),
            "long" => ("long", Form::Long),
            "float" => ("float", Form::Float),
            "double" => ("double", Form::Double),
            "bytes" => ("bytes", Form::Bytes),
            "string" => ("string", Form::String),
            _ => return None,
        };
        let model = &mut self.model;
        let id = self
            .primitives
            .entry(word)
            .or_insert_with(|| model.add(Type::plain(form)));
        Some(*id)
    }

    fn by_name(&mut self, name: &str, node: &Node, namespace: Option<&str>) -> Option<TypeId> {
        if let Some(id) = self.primitive(name) {
            return Some(id);
        }
        let full = full_name(name, namespace);
        if let Some(known) = self.names.get(&full) {
            return Some(known.id);
        }
        let finding = if COMPLEX.contains(&name) {
            let message = format!("`{name}` is no type by its name alone");
            let help = format!("write an object: {{\"type\": {{\"type\": \"{name}\", …}}}}");
            Finding::error(&node.place, message).help(help)
        } else if let Some(later) = self.to_come.get(&full) {
            let line = later.line().unwrap_or(0);
            let message = format!("`{full}` is used before it is defined, in line {line}");
            let help = "define a type where it is used first, and name it elsewhere";
            Finding::error(&node.place, message).help(help)
        } else {
            let known = self.names.keys().map(String::as_str).chain(PRIMITIVES);
            let meant = did_you_mean(&full, known);
            let message = format!("no type is called `{full}`{meant}");
            let help = "define it here, or name the file or folder that does under `imports`";
            Finding::error(&node.place, message).help(help)
        };
        self.findings.push(finding);
        None
    }

    /// The type of a migration's `message`.
    fn named(&mut self, name: &str, place: &Place) -> Option<TypeId> {
        if let Some(known) = self.names.get(name) {
            return Some(known.id);
        }
        let meant = did_you_mean(name, self.names.keys().map(String::as_str));
        let message = format!("the schema defines no type `{name}`{meant}");
        let help = "`message` is the full name of a type, with its namespace";
        self.findings.push(Finding::error(place, message).help(help));
        None
    }

    fn object(&mut self, node: &'a Node, namespace: Option<&str>) -> Option<TypeId> {
        let Some(of) = node.member("type") else {
            self.findings
                .error(&node.place, "expected the member `type` of a type");
            return None;
        };
        match of.text() {
            Some("record" | "error") => self.record(node, namespace),
            Some("enum") => self.enumeration(node, namespace),
            Some("fixed") => self.fixed(node, namespace),
            Some("array") => {
                let items = self.part(node, "items", namespace)?;
                Some(self.model.add(Type::plain(Form::Array(items))))
            }
            Some("map") => {
                let values = self.part(node, "values", namespace)?;
                Some(self.model.add(Type::plain(Form::Map(values))))
            }
            Some(name) => {
                let id = self.by_name(name, of, namespace)?;
                let form = self.model.of(id).form.clone();
                // A named type that is referred to has the logical type of its definition.
                if self.model.of(id).name().is_some() {
                    return Some(id);
                }
                let logical = self.logical(node, &form);
                match logical {
                    None => Some(id),
                    Some(_) => Some(self.model.add(Type { form, logical })),
                }
            }
            None => self.read(of, namespace),
        }
    }

    fn part(&mut self, node: &'a Node, member: &str, namespace: Option<&str>) -> Option<TypeId> {
        match node.member(member) {
            Some(part) => self.read(part, namespace),
            None => {
                let message = format!("expected the member `{member}`");
                self.findings.error(&node.place, message);
                None
            }
        }
    }

    fn union(&mut self, branches: &'a [Node], node: &Node, namespace: Option<&str>) -> Option<TypeId> {
        if branches.is_empty() {
            self.findings
                .error(&node.place, "expected at least one branch of a union");
            return None;
        }
        let mut ids = Vec::new();
        let mut labels: HashMap<String, ()> = HashMap::new();
        let mut is_complete = true;
        for branch in branches {
            let Some(id) = self.read(branch, namespace) else {
                is_complete = false;
                continue;
            };
            let of = self.model.of(id);
            if matches!(of.form, Form::Union(_)) {
                let message = "a union may not hold another union at once";
                self.findings.error(&branch.place, message);
                is_complete = false;
            } else if labels.insert(of.label().to_owned(), ()).is_some() {
                let message = format!("the union has `{}` twice", of.label());
                let help = "only records, enumerations and fixed types may be there more than once, by different names";
                self.findings
                    .push(Finding::error(&branch.place, message).help(help));
                is_complete = false;
            }
            ids.push(id);
        }
        is_complete.then(|| self.model.add(Type::plain(Form::Union(Union::new(ids)))))
    }

    /// Settles what needs all types, and reads the defaults.
    fn finish(mut self, root: Option<TypeId>) -> Option<Arc<Model>> {
        if self.findings.has_errors() {
            return None;
        }
        self.model.root = Some(root?);
        let unions: Vec<(usize, Union)> = self
            .model
            .types
            .iter()
            .enumerate()
            .filter_map(|(index, of)| match &of.form {
                Form::Union(union) => Some((index, union.clone())),
                _ => None,
            })
            .collect();
        for (index, mut union) in unions {
            union.settle(&self.model);
            self.model.types[index].form = Form::Union(union);
        }
        let nodes: HashMap<(TypeId, usize), &Node> = self
            .defaults
            .iter()
            .map(|pending| ((pending.record, pending.field), pending.node))
            .collect();
        let mut defaults = Defaults::new(&self.model, &nodes);
        let mut written = Vec::new();
        for pending in &self.defaults {
            match defaults.bytes_of(pending.record, pending.field) {
                Ok(bytes) => written.push((pending, bytes)),
                Err((place, message)) => self.findings.error(&place, message),
            }
        }
        let plain = Arc::new(self.model.clone());
        for (pending, bytes) in written {
            let Form::Record(record) = &mut self.model.types[pending.record.0].form else {
                continue;
            };
            let field = &mut record.fields[pending.field];
            let read = Plan::of_type(&plain, field.kind)
                .map_err(str::to_owned)
                .and_then(|plan| {
                    let read = decode(&plan, &bytes, 0, &Limits::default());
                    read.map_err(|failure| failure.message())
                });
            match read {
                Ok(value) => {
                    // A default that could be written has no fault within.
                    let written = pending.node.to_value().unwrap_or(Value::Null);
                    field.default = Some(DefaultValue {
                        written,
                        bytes,
                        value,
                    });
                }
                Err(message) => self.findings.error(&pending.node.place, message),
            }
        }
        Some(Arc::new(self.model))
    }
}

#[cfg(test)]
mod tests;
