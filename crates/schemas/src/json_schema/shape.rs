//! From JSON Schema to what the engine knows of documents.
//!
//! The rule: every document that fits the schema fits its shape. `type`, `properties`, `required`, `additionalProperties`,
//! `patternProperties`, `items`, `prefixItems`, `minItems`, `maxItems`, bounds of numbers, `enum`, `const`, references,
//! `allOf` (what all of them say together), `anyOf` and `oneOf` (what one of them says) are understood. Everything else
//! (`not`, conditions, `pattern`, `format`, which is an annotation, `unevaluatedProperties`, …) leaves the shape wider than
//! the schema, and never narrower.

mod meet;
#[cfg(test)]
mod tests;
mod value;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use dunlin_core::migration::shape::{
    ArrayShape, Kinds, MemberShape, Node, NumberShape, ObjectShape, Shape, StringShape,
};
use serde_json::{Map, Value};

use super::keywords::{is_noted, number_of};
use super::number::Decimal;
use super::survey::Part;

/// What is known of the documents that fit a schema.
pub(super) fn shape(root: &Part<'_>) -> Shape {
    let mut definitions = Arc::default();
    let mut shape = Shape::anything();
    // Lists of alternatives are united with what is known of the definitions, which is nothing the first time.
    for _ in 0..2 {
        let mut building = Building {
            known: Shape {
                root: Node::Anything,
                definitions,
            },
            names: HashMap::new(),
            taken: BTreeMap::new(),
            pending: Vec::new(),
            built: HashMap::new(),
        };
        let node = building.node(root);
        while let Some((name, part)) = building.pending.pop() {
            let node = building.node(&part);
            building.taken.insert(name, node);
        }
        definitions = Arc::new(building.taken);
        shape = Shape {
            root: node,
            definitions: Arc::clone(&definitions),
        };
    }
    shape
}

struct Building<'r> {
    /// The definitions as the round before found them.
    known: Shape,
    /// The names of the parts to which references lead, by their addresses.
    names: HashMap<usize, Arc<str>>,
    taken: BTreeMap<Arc<str>, Node>,
    pending: Vec<(Arc<str>, Part<'r>)>,
    /// Parts that were met at the same value as others already.
    built: HashMap<usize, Node>,
}

impl<'r> Building<'r> {
    /// The shape of a part. Parts that judge the same value are never in a circle: the survey refuses those.
    fn node(&mut self, part: &Part<'r>) -> Node {
        let address = std::ptr::from_ref(part.value).addr();
        if let Some(node) = self.built.get(&address) {
            return node.clone();
        }
        let node = match part.value {
            Value::Bool(false) => Kinds::default().into(),
            Value::Object(members) => self.schema(part, members),
            _ => Node::Anything,
        };
        self.built.insert(address, node.clone());
        node
    }

    fn schema(&mut self, part: &Part<'r>, members: &'r Map<String, Value>) -> Node {
        let referred = part
            .reference()
            .and_then(|(reference, is_all)| Some((part.lookup(reference).ok()?, is_all)));
        let referred = referred.filter(|(target, _)| !std::ptr::eq(target.value, part.value));
        if let Some((target, is_all)) = &referred
            && (*is_all || says_nothing_else(members))
        {
            return self.reference(part, target);
        }
        let mut node = self.own(part, members);
        if let Some((target, _)) = &referred {
            let target = self.node(target);
            node = self.both(&node, &target);
        }
        for value in list(members, "allOf") {
            let other = self.node(&part.child(value));
            node = self.both(&node, &other);
        }
        for keyword in ["anyOf", "oneOf"] {
            let all: Vec<_> = list(members, keyword).collect();
            if all.is_empty() {
                continue;
            }
            let mut one_of: Node = Kinds::default().into();
            for value in all {
                let other = self.node(&part.child(value));
                one_of = self.known.united(&one_of, &other);
            }
            node = self.both(&node, &one_of);
        }
        node
    }

    fn both(&self, one: &Node, other: &Node) -> Node {
        meet::both(&self.known, one, other)
    }

    /// The name of what a reference leads to, which is looked into later.
    fn reference(&mut self, part: &Part<'r>, target: &Part<'r>) -> Node {
        let address = std::ptr::from_ref(target.value).addr();
        if let Some(name) = self.names.get(&address) {
            return Node::Reference(Arc::clone(name));
        }
        let wanted = part.reference().map_or("", |(reference, _)| reference);
        let wanted = wanted
            .rsplit(['/', '#'])
            .find(|part| !part.is_empty())
            .unwrap_or("root");
        let mut name: Arc<str> = wanted.into();
        let mut count = 1;
        while self.taken.contains_key(&name) {
            count += 1;
            name = format!("{wanted}-{count}").into();
        }
        self.names.insert(address, Arc::clone(&name));
        self.taken.insert(Arc::clone(&name), Node::Anything);
        self.pending.push((
            Arc::clone(&name),
            Part {
                value: target.value,
                resolver: target.resolver.clone(),
                draft: target.draft,
            },
        ));
        Node::Reference(name)
    }

    /// What the keywords say that stand here themselves.
    fn own(&mut self, part: &Part<'r>, members: &'r Map<String, Value>) -> Node {
        let mut kinds = types(members);
        if let Some(number) = &mut kinds.number {
            number.range = range(members);
        }
        if let Some(array) = &mut kinds.array {
            *array = self.array(part, members);
        }
        if let Some(object) = &mut kinds.object {
            *object = self.object(part, members);
        }
        let mut node = if kinds == Kinds::all() {
            Node::Anything
        } else {
            kinds.into()
        };
        // Where the values are noted, those of the validator are not exact; then nothing is known of them.
        if let Some(value) = members.get("const").filter(|_| !is_noted(members, "const")) {
            node = self.both(&node, &value::node(value));
        }
        if let Some(Value::Array(values)) = members.get("enum").filter(|_| !is_noted(members, "enum")) {
            let empty: Node = Kinds::default().into();
            let all = values
                .iter()
                .fold(empty, |all, value| self.known.united(&all, &value::node(value)));
            node = self.both(&node, &all);
        }
        node
    }

    fn array(&mut self, part: &Part<'r>, members: &'r Map<String, Value>) -> ArrayShape {
        let first: Vec<&Value> = match members.get("items") {
            Some(Value::Array(first)) => first.iter().collect(),
            _ => list(members, "prefixItems").collect(),
        };
        let rest = match members.get("items") {
            Some(Value::Array(_)) => members.get("additionalItems"),
            rest => rest,
        };
        let mut element = rest.map_or(Node::Anything, |rest| self.node(&part.child(rest)));
        let is_closed = rest == Some(&Value::Bool(false));
        for value in &first {
            let node = self.node(&part.child(value));
            element = self.known.united(&element, &node);
        }
        let count = |keyword| {
            members
                .get(keyword)
                .and_then(Value::as_u64)
                .and_then(|count| usize::try_from(count).ok())
        };
        let most = count("maxItems");
        ArrayShape {
            element,
            least: count("minItems").unwrap_or(0),
            most: if is_closed {
                Some(most.map_or(first.len(), |most| most.min(first.len())))
            } else {
                most
            },
        }
    }

    fn object(&mut self, part: &Part<'r>, members: &'r Map<String, Value>) -> ObjectShape {
        let required: Vec<&str> = list(members, "required").filter_map(Value::as_str).collect();
        let mut others = match members.get("additionalProperties") {
            Some(Value::Bool(false)) => None,
            Some(value) => Some(self.node(&part.child(value))),
            None => Some(Node::Anything),
        };
        let patterns = members.get("patternProperties").and_then(Value::as_object);
        for value in patterns.into_iter().flat_map(Map::values) {
            let node = self.node(&part.child(value));
            others = Some(match others {
                Some(others) => self.known.united(&others, &node),
                None => node,
            });
        }
        let properties = members.get("properties").and_then(Value::as_object);
        let mut all: Vec<MemberShape> = Vec::new();
        for (name, value) in properties.into_iter().flatten() {
            all.push(MemberShape {
                name: name.clone(),
                required: required.contains(&name.as_str()),
                value: self.node(&part.child(value)),
            });
        }
        for name in required {
            if !all.iter().any(|member| member.name == name) {
                all.push(MemberShape {
                    name: name.to_owned(),
                    required: true,
                    value: others.clone().unwrap_or_default(),
                });
            }
        }
        ObjectShape { members: all, others }
    }
}

/// Whether nothing but a reference is said, so that it may stand for the whole.
fn says_nothing_else(members: &Map<String, Value>) -> bool {
    let says_nothing = |name: &str| {
        [
            "$ref",
            "$schema",
            "$id",
            "$defs",
            "definitions",
            "$comment",
            "$anchor",
            "title",
            "description",
            "default",
            "examples",
            "deprecated",
            "readOnly",
            "writeOnly",
            "format",
        ]
        .contains(&name)
    };
    members.keys().all(|name| says_nothing(name))
}

fn list<'a>(members: &'a Map<String, Value>, keyword: &str) -> impl Iterator<Item = &'a Value> {
    members
        .get(keyword)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// The kinds of value that `type` admits.
fn types(members: &Map<String, Value>) -> Kinds {
    let words: Vec<&str> = match members.get("type") {
        Some(Value::String(word)) => vec![word],
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect(),
        _ => return Kinds::all(),
    };
    let all = Kinds::all();
    let has = |word| words.contains(&word);
    let number = NumberShape {
        integer: !has("number"),
        range: None,
    };
    Kinds {
        null: has("null"),
        boolean: has("boolean"),
        number: (has("number") || has("integer")).then_some(number),
        string: has("string").then(StringShape::default),
        array: all.array.filter(|_| has("array")),
        object: all.object.filter(|_| has("object")),
    }
}

/// The least and the greatest number, where both ends are said. A fraction is cut away from the middle.
fn range(members: &Map<String, Value>) -> Option<(i128, i128)> {
    let bound = |keywords: [&str; 2], is_lower: bool| {
        let bounds = keywords.into_iter().filter_map(|keyword| {
            let text = number_of(members, keyword)?;
            Decimal::read(&text).to_i128_beyond(is_lower)
        });
        if is_lower { bounds.max() } else { bounds.min() }
    };
    let least = bound(["minimum", "exclusiveMinimum"], true)?;
    let most = bound(["maximum", "exclusiveMaximum"], false)?;
    Some((least, most))
}
