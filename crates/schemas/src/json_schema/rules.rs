//! What a schema asks for beyond its shape, place by place, so that two schemas can be compared in it.
//!
//! References and `allOf` are followed, alternatives are not: what they have in common is in the shape, and what they ask
//! for apart cannot be laid side by side.

use std::collections::{BTreeMap, HashSet};

use dunlin_core::migration::shape::ShapePath;
use serde_json::Value;

use super::keywords::number_of;
use super::survey::Part;

/// How deep places are looked for; documents are less deep by default.
const DEEPEST: usize = 64;
/// How many rules are remembered.
const MOST_RULES: usize = 10_000;

/// Keywords with numbers, and whether a greater one lets less through.
pub(super) const BOUNDS: [(&str, bool); 8] = [
    ("minLength", true),
    ("maxLength", false),
    ("minProperties", true),
    ("maxProperties", false),
    ("minimum", true),
    ("maximum", false),
    ("exclusiveMinimum", true),
    ("exclusiveMaximum", false),
];

/// Keywords of which only their being there, and their being the same, is known.
const OTHERS: [&str; 13] = [
    "pattern",
    "multipleOf",
    "uniqueItems",
    "contains",
    "minContains",
    "maxContains",
    "propertyNames",
    "dependentRequired",
    "dependentSchemas",
    "dependencies",
    "not",
    "if",
    "patternProperties",
];

/// The rules of each place: keywords, and what they say.
pub(super) type Rules = BTreeMap<(ShapePath, String), String>;

/// Collects the rules of a schema.
pub(super) fn rules(root: &Part<'_>) -> Rules {
    let mut collecting = Collecting {
        rules: Rules::new(),
        open: HashSet::new(),
    };
    collecting.part(root, &ShapePath::default(), 0);
    collecting.rules
}

struct Collecting {
    rules: Rules,
    /// The parts on the way to here: schemas may lead back to themselves.
    open: HashSet<usize>,
}

impl Collecting {
    fn part(&mut self, part: &Part<'_>, path: &ShapePath, depth: usize) {
        let address = std::ptr::from_ref(part.value).addr();
        if depth > DEEPEST || self.rules.len() >= MOST_RULES || !self.open.insert(address) {
            return;
        }
        self.members(part, path, depth);
        self.open.remove(&address);
    }

    fn members(&mut self, part: &Part<'_>, path: &ShapePath, depth: usize) {
        let Some(members) = part.members() else { return };
        if let Some((reference, is_all)) = part.reference() {
            if let Ok(target) = part.lookup(reference) {
                self.part(&target, path, depth + 1);
            }
            if is_all {
                return;
            }
        }
        let mut add = |keyword: &str, says: String| {
            self.rules.insert((path.clone(), keyword.to_owned()), says);
        };
        for (keyword, _) in BOUNDS {
            if let Some(number) = number_of(members, keyword) {
                add(keyword, number);
            }
        }
        for keyword in OTHERS {
            match members.get(keyword) {
                None | Some(Value::Bool(false)) => {}
                Some(value) => add(keyword, value.to_string()),
            }
        }
        for value in members
            .get("allOf")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            self.part(&part.child(value), path, depth + 1);
        }
        for (name, value) in members
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            self.part(&part.child(value), &path.member(name), depth + 1);
        }
        if let Some(value) = members.get("additionalProperties") {
            self.part(&part.child(value), &path.others(), depth + 1);
        }
        if let Some(value) = members.get("items").filter(|items| !items.is_array()) {
            self.part(&part.child(value), &path.elements(), depth + 1);
        }
    }
}
