//! From the path of a setting, as libraries and people name it, to the place where it was written.
//!
//! Libraries that merge configurations report `routes.orders.window` and have forgotten the file. The tree has not.

use super::{Content, Node};
use crate::finding::Place;

impl Node {
    /// The value at a path of names and indexes joined by dots, such as `routes.orders.migrate.0.file`.
    ///
    /// Names may hold dots themselves: the longest name that fits is tried first.
    pub fn lookup(&self, path: &str) -> Option<&Self> {
        let found = self.walk(path);
        found.rest.is_empty().then_some(found.node)
    }

    /// The place of the value at a path; of the deepest value on the way to it that is there, if it is not.
    pub fn place_of(&self, path: &str) -> Place {
        self.walk(path).node.place.clone()
    }

    /// The place of the name of the member at a path; none if it is not there, or is an element.
    pub fn name_place_of(&self, path: &str) -> Option<Place> {
        let found = self.walk(path);
        if found.rest.is_empty() {
            found.name.map(|name| name.place.clone())
        } else {
            None
        }
    }

    fn walk<'node, 'path>(&'node self, path: &'path str) -> Found<'node, 'path> {
        let here = Found {
            node: self,
            name: None,
            rest: path,
        };
        if path.is_empty() {
            return here;
        }
        let mut best = here;
        // From the longest first segment to the shortest.
        let ends = std::iter::once(path.len()).chain(path.rmatch_indices('.').map(|(at, _)| at));
        for end in ends {
            let rest = path.get(end + 1..).unwrap_or_default();
            let Some((name, value)) = self.child(&path[..end]) else {
                continue;
            };
            let mut found = value.walk(rest);
            if found.name.is_none() && rest.is_empty() {
                found.name = name;
            }
            if found.rest.len() < best.rest.len() {
                best = found;
            }
            if best.rest.is_empty() {
                break;
            }
        }
        best
    }

    fn child(&self, segment: &str) -> Option<(Option<&Self>, &Self)> {
        match &self.content {
            Content::Object(members) => members
                .iter()
                .find(|member| member.name.text() == Some(segment))
                .map(|member| (Some(&member.name), &member.value)),
            Content::Array(elements) => segment
                .parse::<usize>()
                .ok()
                .and_then(|index| elements.get(index))
                .map(|element| (None, element)),
            _ => None,
        }
    }
}

/// How far a path led.
struct Found<'node, 'path> {
    node: &'node Node,
    name: Option<&'node Node>,
    rest: &'path str,
}
