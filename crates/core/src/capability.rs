//! What a messaging system can do, as data.
//!
//! Each fact is used three times: to check a route before it starts, to select the conformance scenarios, and to print
//! the table in the docs. A fact that nobody asks does not belong here.

use std::fmt;

/// What a channel can do with its settings. Ten facts, all of them promises that the conformance suite holds it to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// What a header value may hold.
    pub header_values: HeaderValues,
    /// Deliveries of one lane come in the order in which they were written, while nothing fails.
    pub ordered_lanes: bool,
    /// A delivery that is given back comes again before the later ones of its lane.
    pub ordered_redelivery: bool,
    /// Where one message of a batch is refused, no later one of the batch is written.
    pub ordered_batches: bool,
    /// A delivery that is given back stays away for the time asked, without the adapter holding it in memory.
    pub delayed_retry: bool,
    /// A delivery can be handed to the broker's own dead-lettering.
    pub broker_reject: bool,
    /// The broker answers for each message that it is stored as durably as the system promises.
    pub confirms: bool,
    /// A message with a known deduplication id is recognised and not stored again.
    pub dedup_by_id: bool,
    /// A delivery has a position that names the same message for ever.
    pub stable_position: bool,
    /// Settling a delivery takes the message away from every other reader, too.
    pub settling_deletes: bool,
}

/// What a header value may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HeaderValues {
    /// There are no headers.
    None,
    /// UTF-8 text without control characters that would end it.
    Text,
    /// Any bytes.
    Binary,
}

impl Capabilities {
    /// A system that promises nothing.
    pub const NONE: Self = Self {
        header_values: HeaderValues::None,
        ordered_lanes: false,
        ordered_redelivery: false,
        ordered_batches: false,
        delayed_retry: false,
        broker_reject: false,
        confirms: false,
        dedup_by_id: false,
        stable_position: false,
        settling_deletes: false,
    };

    /// Each fact with its name as configuration, findings and docs print it, and its value as text.
    pub fn facts(&self) -> [(&'static str, String); 10] {
        let yes = |fact: bool| if fact { "yes" } else { "no" }.to_owned();
        [
            ("header_values", self.header_values.to_string()),
            ("ordered_lanes", yes(self.ordered_lanes)),
            ("ordered_redelivery", yes(self.ordered_redelivery)),
            ("ordered_batches", yes(self.ordered_batches)),
            ("delayed_retry", yes(self.delayed_retry)),
            ("broker_reject", yes(self.broker_reject)),
            ("confirms", yes(self.confirms)),
            ("dedup_by_id", yes(self.dedup_by_id)),
            ("stable_position", yes(self.stable_position)),
            ("settling_deletes", yes(self.settling_deletes)),
        ]
    }

    /// The facts that `self` promises and `found` does not keep: what a downgrade found by `verify` is told with.
    pub fn missing_in(&self, found: &Self) -> Vec<&'static str> {
        let promised: [(&'static str, bool, bool); 8] = [
            ("ordered_lanes", self.ordered_lanes, found.ordered_lanes),
            (
                "ordered_redelivery",
                self.ordered_redelivery,
                found.ordered_redelivery,
            ),
            ("ordered_batches", self.ordered_batches, found.ordered_batches),
            ("delayed_retry", self.delayed_retry, found.delayed_retry),
            ("broker_reject", self.broker_reject, found.broker_reject),
            ("confirms", self.confirms, found.confirms),
            ("dedup_by_id", self.dedup_by_id, found.dedup_by_id),
            ("stable_position", self.stable_position, found.stable_position),
        ];
        let mut missing: Vec<_> = promised
            .into_iter()
            .filter(|(_, want, have)| *want && !*have)
            .map(|(name, ..)| name)
            .collect();
        if found.header_values < self.header_values {
            missing.push("header_values");
        }
        if found.settling_deletes && !self.settling_deletes {
            missing.push("settling_deletes");
        }
        missing
    }
}

impl fmt::Display for HeaderValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Text => "text",
            Self::Binary => "binary",
        })
    }
}

/// The sizes that a channel takes. `None`: no limit of its own is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a payload, headers not counted.
    pub payload: Option<usize>,
    /// Bytes of all header names and values together.
    pub headers: Option<usize>,
    /// Messages of one batch.
    pub batch: Option<usize>,
    /// Deliveries that may be unsettled at one time.
    pub unsettled: Option<usize>,
}

impl Limits {
    /// The same limits with this one for payloads, in bytes.
    #[must_use]
    pub const fn payload(mut self, bytes: usize) -> Self {
        self.payload = Some(bytes);
        self
    }

    /// The same limits with this one for all headers together, in bytes.
    #[must_use]
    pub const fn headers(mut self, bytes: usize) -> Self {
        self.headers = Some(bytes);
        self
    }

    /// The same limits with this one for the messages of one batch.
    #[must_use]
    pub const fn batch(mut self, messages: usize) -> Self {
        self.batch = Some(messages);
        self
    }

    /// The same limits with this one for unsettled deliveries.
    #[must_use]
    pub const fn unsettled(mut self, deliveries: usize) -> Self {
        self.unsettled = Some(deliveries);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_downgrade_is_told_by_the_names_of_what_is_missing() {
        let promised = Capabilities {
            confirms: true,
            header_values: HeaderValues::Text,
            ..Capabilities::NONE
        };
        let found = Capabilities {
            settling_deletes: true,
            ..Capabilities::NONE
        };
        assert_eq!(
            promised.missing_in(&found),
            ["confirms", "header_values", "settling_deletes"]
        );
        assert!(promised.missing_in(&promised).is_empty());
    }
}
