//! Reads types that have a name: records, enumerations, fixed types.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use dunlin_core::finding::Finding;
use dunlin_core::source::Node;

use super::super::model::{Enumeration, Field, Form, Record, Type, TypeId, TypeName};
use super::super::names::{
    COMPLEX, PRIMITIVES, defined_name, full_name, is_name, is_simple_name, namespace_of,
};
use super::{Compiler, Known, Pending};

impl<'a> Compiler<'a, '_> {
    /// Reads the name of a type, and reserves a place for it, so that its parts may refer to it.
    fn define(&mut self, node: &Node, namespace: Option<&str>) -> Option<(TypeId, TypeName)> {
        let Some(full) = defined_name(node, namespace) else {
            let place = &node.member("name").unwrap_or(node).place;
            self.findings.error(place, "expected the name of the type");
            return None;
        };
        let name = node.member("name").unwrap_or(node);
        if !is_name(&full) {
            let message = format!("`{full}` is no name of a type");
            let help = "each part of a name has A-Z, a-z, 0-9 and `_`, and begins with no digit";
            self.findings
                .push(Finding::error(&name.place, message).help(help));
            return None;
        }
        if PRIMITIVES.contains(&full.as_str()) || COMPLEX.contains(&full.as_str()) {
            let message = format!("`{full}` is the name of a type of Avro's own");
            self.findings.error(&name.place, message);
            return None;
        }
        if let Some(known) = self.names.get(&full) {
            let message = format!("`{full}` is defined twice, first at {}", known.place);
            let help = "define a type once, and name it elsewhere";
            self.findings
                .push(Finding::error(&name.place, message).help(help));
            return None;
        }
        let aliases = self.aliases(node, namespace_of(&full));
        let place = name.place.clone();
        let name = TypeName {
            full: full.as_str().into(),
            aliases,
        };
        // What refers to the type while it is read asks for no more than its name; only a record can hold such a thing.
        let id = self.model.add(Type::plain(Form::Record(Record {
            name: name.clone(),
            fields: Vec::new(),
            by_name: HashMap::new(),
        })));
        self.names.insert(full, Known { id, place });
        Some((id, name))
    }

    /// The names of `aliases`, with the namespace of what they stand for.
    fn aliases(&mut self, node: &Node, namespace: Option<&str>) -> Vec<String> {
        let Some(all) = node.member("aliases") else {
            return Vec::new();
        };
        let names: Option<Vec<String>> = all.elements().and_then(|nodes| {
            nodes
                .iter()
                .map(|node| node.text().map(|alias| full_name(alias, namespace)))
                .collect()
        });
        if names.is_none() {
            self.findings.error(&all.place, "expected a list of names");
        }
        names.unwrap_or_default()
    }

    fn complete(&mut self, id: TypeId, form: Form, node: &Node) -> TypeId {
        let logical = self.logical(node, &form);
        self.model.types[id.0] = Type { form, logical };
        id
    }

    pub(super) fn fixed(&mut self, node: &Node, namespace: Option<&str>) -> Option<TypeId> {
        let (id, name) = self.define(node, namespace)?;
        let Some(size) = node.member("size") else {
            self.findings
                .error(&node.place, "expected the member `size` of a fixed type");
            return None;
        };
        let size = self.whole_number(size, "the number of bytes")?;
        Some(self.complete(id, Form::Fixed(name, size), node))
    }

    pub(super) fn enumeration(&mut self, node: &Node, namespace: Option<&str>) -> Option<TypeId> {
        let (id, name) = self.define(node, namespace)?;
        let nodes = node.member("symbols").and_then(Node::elements);
        let Some(nodes) = nodes else {
            let place = &node.member("symbols").unwrap_or(node).place;
            self.findings
                .error(place, "expected the list `symbols` of an enumeration");
            return None;
        };
        let mut symbols: Vec<Arc<str>> = Vec::new();
        let mut seen = HashSet::new();
        for symbol in nodes {
            match symbol.text().filter(|text| is_simple_name(text)) {
                Some(text) if seen.insert(text) => symbols.push(text.into()),
                Some(text) => {
                    let message = format!("the symbol `{text}` stands twice");
                    self.findings.error(&symbol.place, message);
                }
                None => {
                    let help = "a symbol has A-Z, a-z, 0-9 and `_`, and begins with no digit";
                    let message = format!("expected a symbol, found {} that is none", symbol.kind());
                    self.findings
                        .push(Finding::error(&symbol.place, message).help(help));
                }
            }
        }
        let default = node.member("default").and_then(|default| {
            let found = default
                .text()
                .and_then(|text| symbols.iter().position(|symbol| **symbol == *text));
            if found.is_none() {
                let message = "expected one of the symbols as the default";
                self.findings.error(&default.place, message);
            }
            found
        });
        let enumeration = Enumeration {
            name,
            symbols,
            default,
        };
        Some(self.complete(id, Form::Enum(enumeration), node))
    }

    pub(super) fn record(&mut self, node: &'a Node, namespace: Option<&str>) -> Option<TypeId> {
        let (id, name) = self.define(node, namespace)?;
        let Some(nodes) = node.member("fields").and_then(Node::elements) else {
            let place = &node.member("fields").unwrap_or(node).place;
            self.findings
                .error(place, "expected the list `fields` of a record");
            return None;
        };
        let full = Arc::clone(&name.full);
        let inner = namespace_of(&full);
        let mut fields = Vec::new();
        let mut by_name = HashMap::new();
        for node in nodes {
            let Some(field) = self.field(node, inner) else {
                continue;
            };
            let index = fields.len();
            if by_name.insert(Arc::clone(&field.name), index).is_some() {
                let place = &node.member("name").unwrap_or(node).place;
                let message = format!("the record has the field `{}` twice", field.name);
                self.findings.error(place, message);
            }
            if let Some(default) = node.member("default") {
                self.defaults.push(Pending {
                    record: id,
                    field: index,
                    node: default,
                });
            }
            fields.push(field);
        }
        let record = Record {
            name,
            fields,
            by_name,
        };
        Some(self.complete(id, Form::Record(record), node))
    }

    fn field(&mut self, node: &'a Node, namespace: Option<&str>) -> Option<Field> {
        let name = node.member("name");
        let Some(text) = name.and_then(Node::text).filter(|text| is_simple_name(text)) else {
            let place = &name.unwrap_or(node).place;
            let help = "a name has A-Z, a-z, 0-9 and `_`, and begins with no digit";
            self.findings
                .push(Finding::error(place, "expected the name of a field").help(help));
            return None;
        };
        if let Some(word) = node.member("logicalType")
            && node.member("type").is_some_and(|of| of.members().is_none())
        {
            let message = "`logicalType` has no meaning beside the type of a field";
            let help = "write it within the type: {\"type\": {\"type\": \"…\", \"logicalType\": \"…\"}}";
            self.findings
                .push(Finding::warning(&word.place, message).help(help));
        }
        let kind = self.part(node, "type", namespace)?;
        Some(Field {
            name: text.into(),
            aliases: self.aliases(node, None),
            kind,
            default: None,
        })
    }
}
