//! Members that come to one object from several places, and what becomes of two with one name.
//!
//! flatten and unnest put members among others that were there. A member that has not moved is the one that is there; of two
//! that have moved, the earlier.

use std::collections::HashMap;

use crate::migration::context::OnConflict;
use crate::migration::document::{Member, Text, Value};
use crate::migration::failure::{Failure, FailureKind};

/// A member on its way into an object.
#[derive(Debug)]
pub(super) struct Arrival {
    /// The member.
    pub(super) member: Member,
    /// Those of one origin came from one object together and do not conflict with each other; `None`: it has not moved.
    pub(super) origin: Option<usize>,
}

/// The members of the object, and how many arrivals were given up for what was there.
///
/// # Errors
/// `conflict`, where two members have one name and `on_conflict` is `fail`.
pub(super) fn settle(arrivals: Vec<Arrival>, on_conflict: OnConflict) -> Result<(Vec<Member>, u64), Failure> {
    let mut there: HashMap<Vec<u32>, Vec<usize>> = HashMap::new();
    for (place, arrival) in arrivals.iter().enumerate() {
        if arrival.origin.is_none() {
            there
                .entry(arrival.member.name.sort_key())
                .or_default()
                .push(place);
        }
    }
    let mut gone = vec![false; arrivals.len()];
    let mut kept_targets = 0;
    for (place, arrival) in arrivals.iter().enumerate() {
        if arrival.origin.is_none() {
            continue;
        }
        let rivals = there.entry(arrival.member.name.sort_key()).or_default();
        let conflicts = rivals
            .iter()
            .any(|&rival| arrivals[rival].origin != arrival.origin);
        if !conflicts {
            rivals.push(place);
            continue;
        }
        match on_conflict {
            OnConflict::Fail | OnConflict::Merge => return Err(conflict(&arrivals[rivals[0]].member.value)),
            OnConflict::KeepTarget => {
                gone[place] = true;
                kept_targets += 1;
            }
            OnConflict::Replace => {
                for rival in std::mem::replace(rivals, vec![place]) {
                    gone[rival] = true;
                }
            }
        }
    }
    let stay = arrivals
        .into_iter()
        .zip(gone)
        .filter(|(_, gone)| !gone)
        .map(|(arrival, _)| arrival.member);
    Ok((stay.collect(), kept_targets))
}

fn conflict(there: &Value) -> Failure {
    Failure::new(FailureKind::Conflict, "expected no two members of one name").found(there.kind())
}

/// The names of two members, joined.
pub(super) fn joined(first: &Text, delimiter: &Text, second: &Text) -> Text {
    Text::concat(&[first, delimiter, second])
}
