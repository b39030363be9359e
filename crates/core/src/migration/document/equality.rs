//! When two values are equal, by the formats page.

use super::{Member, Value};

impl PartialEq for Value {
    /// Equal values are of the same kind; strings are compared after unescaping, numbers by their text, arrays in
    /// order, objects with their members in any order.
    ///
    /// Where a name stands more than once, its occurrences are compared in document order: most readers take the
    /// last one, so that swapping them is a change.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(left), Self::Bool(right)) => left == right,
            (Self::Number(left), Self::Number(right)) => left == right,
            (Self::String(left), Self::String(right)) => left == right,
            (Self::Array(left), Self::Array(right)) => left == right,
            (Self::Object(left), Self::Object(right)) => equal_members(left, right),
            (
                Self::Null
                | Self::Bool(_)
                | Self::Number(_)
                | Self::String(_)
                | Self::Array(_)
                | Self::Object(_),
                _,
            ) => false,
        }
    }
}

fn equal_members(left: &[Member], right: &[Member]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let same_order = left
        .iter()
        .zip(right)
        .all(|(left, right)| left.name == right.name);
    if same_order {
        return left
            .iter()
            .zip(right)
            .all(|(left, right)| left.value == right.value);
    }
    let (left, right) = (by_name(left), by_name(right));
    left.iter()
        .zip(&right)
        .all(|(left, right)| left.0 == right.0 && left.1.value == right.1.value)
}

/// The sort is stable: occurrences of one name stay in document order.
fn by_name(members: &[Member]) -> Vec<(Vec<u32>, &Member)> {
    let mut keyed: Vec<_> = members
        .iter()
        .map(|member| (member.name.sort_key(), member))
        .collect();
    keyed.sort_by(|left, right| left.0.cmp(&right.0));
    keyed
}
