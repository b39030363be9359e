//! Names of types: their grammar, their namespaces, and which of them a text defines and uses.

use dunlin_core::finding::Place;
use dunlin_core::source::Node;

/// The types that need no definition.
pub(super) const PRIMITIVES: [&str; 8] = [
    "null", "boolean", "int", "long", "float", "double", "bytes", "string",
];

/// The words for types that are written as an object.
pub(super) const COMPLEX: [&str; 6] = ["record", "error", "enum", "fixed", "array", "map"];

/// What a text defines and uses, by full names.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    pub(super) defined: Vec<(String, Place)>,
    pub(super) used: Vec<(String, Place)>,
}

/// Whether a text is one part of a name: `[A-Za-z_][A-Za-z0-9_]*`.
pub(super) fn is_simple_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether a text is a name, with or without a namespace.
pub(super) fn is_name(text: &str) -> bool {
    text.split('.').all(is_simple_name)
}

/// A name with its namespace: the one that it is written with, or else the one around it.
pub(super) fn full_name(name: &str, namespace: Option<&str>) -> String {
    match namespace {
        Some(namespace) if !name.contains('.') && !namespace.is_empty() => format!("{namespace}.{name}"),
        Some(_) | None => name.to_owned(),
    }
}

/// The full name that an object defines, by its `name` and `namespace` and the namespace around it.
pub(super) fn defined_name(node: &Node, around: Option<&str>) -> Option<String> {
    let name = node.member("name")?.text()?;
    let own = node.member("namespace").and_then(Node::text);
    Some(full_name(name, own.or(around)))
}

/// The namespace of a full name.
pub(super) fn namespace_of(full: &str) -> Option<&str> {
    full.rsplit_once('.').map(|(namespace, _)| namespace)
}

/// What a text defines and uses. Nothing is reported: what is wrong with the text is found where it is read.
pub(super) fn definitions(node: &Node) -> Definitions {
    let mut definitions = Definitions::default();
    collect(node, None, &mut definitions);
    definitions
}

/// Goes as deep as the text does, which its reader has bounded.
fn collect(node: &Node, namespace: Option<&str>, out: &mut Definitions) {
    if let Some(name) = node.text() {
        if !PRIMITIVES.contains(&name) && !COMPLEX.contains(&name) {
            out.used.push((full_name(name, namespace), node.place.clone()));
        }
        return;
    }
    if let Some(branches) = node.elements() {
        for branch in branches {
            collect(branch, namespace, out);
        }
        return;
    }
    let Some(of) = node.member("type") else { return };
    match of.text() {
        Some("record" | "error") => {
            let Some(full) = defined_name(node, namespace) else {
                return;
            };
            let inner = namespace_of(&full).map(str::to_owned);
            out.defined.push((full, node.place.clone()));
            for field in node.member("fields").and_then(Node::elements).unwrap_or_default() {
                if let Some(of) = field.member("type") {
                    collect(of, inner.as_deref(), out);
                }
            }
        }
        Some("enum" | "fixed") => {
            if let Some(full) = defined_name(node, namespace) {
                out.defined.push((full, node.place.clone()));
            }
        }
        Some("array") => {
            if let Some(items) = node.member("items") {
                collect(items, namespace, out);
            }
        }
        Some("map") => {
            if let Some(values) = node.member("values") {
                collect(values, namespace, out);
            }
        }
        Some(_) | None => collect(of, namespace, out),
    }
}

/// A name if it is one, with an underscore in front if that makes one of it, and else another.
pub(super) fn simple_or(name: String, other: &str) -> String {
    let with_underscore = format!("_{name}");
    if is_name(&name) {
        name
    } else if is_name(&with_underscore) {
        with_underscore
    } else {
        other.to_owned()
    }
}
