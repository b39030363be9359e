//! What the routes of a configuration are to each other: ways that lead back to where they began.
//!
//! A message that comes back to a channel it was in is forwarded again, until its hops are used up. Only a route from a
//! channel to itself can end that, by the applied record; every other circle is refused, and so is every one through a
//! dead letter or a report.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use dunlin_core::finding::{Finding, Findings};
use dunlin_core::messaging::Resolved;

use super::{Plan, RoutePlan};
use crate::config::Loaded;

/// One way that messages take.
struct Edge<'a> {
    route: &'a str,
    key: &'static str,
    from: Channel<'a>,
    to: Channel<'a>,
}

/// A channel, however it was written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Channel<'a> {
    identity: &'a str,
    canonical: &'a str,
}

impl<'a> Channel<'a> {
    fn of(resolved: &'a Resolved) -> Self {
        Self {
            identity: &resolved.identity,
            canonical: &resolved.canonical,
        }
    }
}

/// Whether two ends are the same channel.
pub(super) fn is_same(one: &Resolved, other: &Resolved) -> bool {
    Channel::of(one) == Channel::of(other)
}

/// Reports every circle of the routes, each once.
pub(super) fn check(plan: &Plan, loaded: &Loaded, findings: &mut Findings) {
    let edges: Vec<Edge<'_>> = plan.routes.iter().flat_map(edges).collect();
    let mut told = BTreeSet::new();
    for edge in &edges {
        if edge.from == edge.to {
            if edge.key != "to" {
                let place = loaded.place(&["routes", edge.route, edge.key]);
                let message = format!(
                    "expected another channel than `from`, found the same: what is sent to `{}` would be received again",
                    edge.key
                );
                findings.error(&place, message);
            }
            continue;
        }
        let Some(back) = way(&edges, edge.to, edge.from) else {
            continue;
        };
        let circle: BTreeSet<usize> = back
            .iter()
            .copied()
            .chain(edges.iter().position(|other| std::ptr::eq(other, edge)))
            .collect();
        if !told.insert(circle) {
            continue;
        }
        let ways: Vec<_> = std::iter::once(edge)
            .chain(back.iter().map(|index| &edges[*index]))
            .collect();
        let steps: Vec<_> = ways
            .iter()
            .map(|edge| format!("`{}` of `{}` to {}", edge.key, edge.route, edge.to.canonical))
            .collect();
        let place = loaded.place(&["routes", edge.route, edge.key]);
        let message = format!(
            "messages would go in a circle that no applied record ends: from {} by {}",
            edge.from.canonical,
            steps.join(", then by ")
        );
        let help =
            "only a route from a channel to itself can know by the applied record that a message is done";
        findings.push(Finding::error(&place, message).help(help));
    }
}

fn edges(route: &RoutePlan) -> Vec<Edge<'_>> {
    let from = Channel::of(&route.from.resolved);
    let ends = [
        ("to", Some(&route.to.end)),
        ("report", route.report.as_ref().map(|report| &report.end)),
        ("dead_letter", route.dead_letter.as_ref()),
    ];
    ends.into_iter()
        .filter_map(|(key, end)| {
            Some(Edge {
                route: &route.name,
                key,
                from,
                to: Channel::of(&end?.resolved),
            })
        })
        .collect()
}

/// The shortest way from one channel to another, as indexes of edges.
fn way<'a>(edges: &[Edge<'a>], from: Channel<'a>, to: Channel<'a>) -> Option<Vec<usize>> {
    let mut came_by: BTreeMap<Channel<'a>, usize> = BTreeMap::new();
    let mut next = VecDeque::from([from]);
    while let Some(here) = next.pop_front() {
        if here == to {
            let mut way = Vec::new();
            let mut at = to;
            while at != from {
                let index = *came_by.get(&at)?;
                way.push(index);
                at = edges[index].from;
            }
            way.reverse();
            return Some(way);
        }
        for (index, edge) in edges.iter().enumerate() {
            if edge.from == here && edge.to != from && !came_by.contains_key(&edge.to) {
                came_by.insert(edge.to, index);
                next.push_back(edge.to);
            }
        }
    }
    None
}
