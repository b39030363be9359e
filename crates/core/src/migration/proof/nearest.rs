//! What a path may mean that leads nowhere: the members of nearly the name that is missing.

use crate::finding::did_you_mean;
use crate::migration::path::{Path, Segment};
use crate::migration::shape::{Node, Shape};

/// A question to the author, such as `, did you mean `zip`?`; empty where no name is near.
pub(super) fn meant(shape: &Shape, root: &Node, path: &Path) -> String {
    let mut node = root;
    for segment in path.segments().unwrap_or_default() {
        let Some(kinds) = shape.kinds(node) else { break };
        let inner = match segment {
            Segment::Name(name) | Segment::Token(name) => {
                let Some(object) = &kinds.object else { break };
                let Some(member) = object.member(name.as_str()) else {
                    let known = object
                        .members
                        .iter()
                        .filter(|member| !member.value.is_impossible());
                    return did_you_mean(name.as_str(), known.map(|member| member.name.as_str()));
                };
                Some(&member.value)
            }
            Segment::Elements | Segment::Index(_) => kinds.array.as_ref().map(|array| &array.element),
            Segment::Glob(_) | Segment::Anywhere => None,
        };
        let Some(inner) = inner else { break };
        node = inner;
    }
    String::new()
}
