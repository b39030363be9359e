//! What was done to one message, as the JSON that a report channel gets.
//!
//! It says which transformations did what, how many bytes came and left, and their digests. It never holds a value of the
//! message. Its members and their order are those of the documented example.

use std::collections::BTreeMap;
use std::time::SystemTime;

use bytes::Bytes;
use dunlin_core::message::Message;
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::plan::ReportDetail;

/// The header that names the message a report is about; the report's key is the same.
pub const REPORT_FOR: &str = "dunlin-for";

/// What was done to one message.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Report<'a> {
    dunlin: u32,
    /// The route; left out where a message was migrated outside of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<&'a str>,
    /// The migration's name.
    pub migration: &'a str,
    /// The first 16 hexadecimal digits of the chain hash of the whole migration.
    pub chain: &'a str,
    /// The number of its transformations.
    pub length: usize,
    /// How many of them were behind the message when it came.
    pub from: usize,
    /// Names the message: its id, or its deduplication id, or a digest of its payload.
    pub message: &'a str,
    /// Where it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Place<'a>>,
    /// Where it went; none for one that was dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Place<'a>>,
    /// The checks, with what became of them.
    pub validations: Vec<CheckEntry<'a>>,
    /// What became of its complement: `kept`, `left_out` or `restored`; left out where the migration has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complement: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transformations: Option<Vec<StepEntry<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<BTreeMap<&'static str, u64>>,
    bytes: Sizes,
    sha256: Digests,
    at: String,
}

/// A channel, and a place in it where there is one.
#[derive(Clone, Debug, Serialize)]
pub struct Place<'a> {
    /// The system's name in the configuration.
    pub system: &'a str,
    /// The channel.
    pub channel: &'a str,
    /// The position in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
}

/// One check, and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct CheckEntry<'a> {
    /// `syntax`, `from` or `to`.
    pub check: &'a str,
    /// `passed` or `skipped`.
    pub outcome: &'static str,
    /// Why it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
}

/// One transformation, and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct StepEntry<'a> {
    /// The transformation's id.
    pub id: &'a str,
    /// The outcome's word.
    pub outcome: &'static str,
    /// Why it was skipped, or why it dropped the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
}

#[derive(Clone, Debug, Serialize)]
struct Sizes {
    r#in: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    out: Option<usize>,
}

#[derive(Clone, Debug, Serialize)]
struct Digests {
    r#in: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    out: Option<String>,
}

/// The payloads of one message before and behind its migration; a message without payload counts as empty.
#[derive(Clone, Copy, Debug)]
pub struct Payloads<'a> {
    /// As it came.
    pub incoming: Option<&'a Bytes>,
    /// As it left; the outer is none for a message that was dropped.
    pub outgoing: Option<Option<&'a Bytes>>,
}

impl<'a> Report<'a> {
    /// A report of a message that was taken by this migration; `chain` is written as `name@length:hash`.
    pub fn new(
        migration: &'a str,
        chain: &'a str,
        length: usize,
        message: &'a str,
        payloads: Payloads<'_>,
        at: SystemTime,
    ) -> Self {
        let size = |payload: Option<&Bytes>| payload.map_or(0, Bytes::len);
        let digest =
            |payload: Option<&Bytes>| hex::encode(Sha256::digest(payload.map_or(&[][..], |bytes| bytes)));
        Self {
            dunlin: 1,
            route: None,
            migration,
            chain,
            length,
            from: 0,
            message,
            source: None,
            target: None,
            validations: Vec::new(),
            complement: None,
            transformations: None,
            counts: None,
            bytes: Sizes {
                r#in: size(payloads.incoming),
                out: payloads.outgoing.map(size),
            },
            sha256: Digests {
                r#in: digest(payloads.incoming),
                out: payloads.outgoing.map(digest),
            },
            at: timestamp(at),
        }
    }

    /// The same report with what became of the transformations, in as much detail as is asked for.
    #[must_use]
    pub fn listing(mut self, steps: impl IntoIterator<Item = StepEntry<'a>>, detail: ReportDetail) -> Self {
        let listed = |step: &StepEntry<'_>| match detail {
            ReportDetail::All => true,
            ReportDetail::Changes => matches!(step.outcome, "applied" | "dropped"),
            ReportDetail::Count => false,
        };
        let (shown, counted): (Vec<_>, Vec<_>) = steps.into_iter().partition(listed);
        let mut counts = BTreeMap::new();
        for step in counted {
            *counts.entry(step.outcome).or_insert(0) += 1;
        }
        self.transformations = (detail != ReportDetail::Count).then_some(shown);
        self.counts = (detail != ReportDetail::All).then_some(counts);
        self
    }

    /// The message that a report channel gets.
    ///
    /// # Errors
    /// None that is known: texts and numbers always have a JSON form.
    pub fn to_message(&self) -> Result<Message, serde_json::Error> {
        let name = Bytes::copy_from_slice(self.message.as_bytes());
        let mut message = Message::new(serde_json::to_vec(self)?).with_key(name.clone());
        message.properties.content_type = Some("application/json".to_owned());
        message.headers.append(REPORT_FOR, name);
        Ok(message)
    }
}

/// A point of time as RFC 3339 text in UTC with milliseconds. One outside of the years -9999 to 9999 is cut to them.
pub fn timestamp(at: SystemTime) -> String {
    let stamp = Timestamp::try_from(at).unwrap_or(if at < SystemTime::UNIX_EPOCH {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    });
    format!("{stamp:.3}")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn report(detail: ReportDetail) -> String {
        let (incoming, outgoing) = (Bytes::from("{}"), Bytes::from("{ }"));
        let payloads = Payloads {
            incoming: Some(&incoming),
            outgoing: Some(Some(&outgoing)),
        };
        let at = UNIX_EPOCH + Duration::from_secs(1_600_000_000);
        let step = |id, outcome, reason| StepEntry { id, outcome, reason };
        let mut report = Report::new("orders", "9f3ac41b7d02e6aa", 5, "m1", payloads, at).listing(
            [
                step("a", "applied", None),
                step("b", "unchanged", None),
                step("c", "absent", None),
                step("d", "absent", None),
                step("e", "skipped", Some("condition")),
            ],
            detail,
        );
        report.route = Some("orders");
        report.source = Some(Place {
            system: "shop",
            channel: "orders",
            position: Some("log@7".to_owned()),
        });
        report.target = Some(Place {
            system: "stream",
            channel: "orders.v3",
            position: None,
        });
        report.validations = vec![CheckEntry {
            check: "syntax",
            outcome: "passed",
            reason: None,
        }];
        let message = report.to_message().unwrap();
        assert_eq!(message.key.as_deref(), Some(&b"m1"[..]));
        assert_eq!(
            message.headers.get(REPORT_FOR).map(|value| &value[..]),
            Some(&b"m1"[..])
        );
        String::from_utf8(message.payload.unwrap().to_vec()).unwrap()
    }

    const HEAD: &str = r#"{"dunlin":1,"route":"orders","migration":"orders","chain":"9f3ac41b7d02e6aa","length":5,"from":0,"message":"m1","source":{"system":"shop","channel":"orders","position":"log@7"},"target":{"system":"stream","channel":"orders.v3"},"validations":[{"check":"syntax","outcome":"passed"}],"#;
    const TAIL: &str = r#""bytes":{"in":2,"out":3},"sha256":{"in":"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","out":"257c1be96ae69f4b01c2c69bdb6d78605f59175819fb007d0bf245bf48444c4a"},"at":"2020-09-13T12:26:40.000Z"}"#;

    #[test]
    fn changes_lists_what_was_applied_and_counts_the_rest() {
        let middle = r#""transformations":[{"id":"a","outcome":"applied"}],"counts":{"absent":2,"skipped":1,"unchanged":1},"#;
        assert_eq!(report(ReportDetail::Changes), format!("{HEAD}{middle}{TAIL}"));
    }

    #[test]
    fn all_lists_every_transformation_with_its_reason() {
        let middle = r#""transformations":[{"id":"a","outcome":"applied"},{"id":"b","outcome":"unchanged"},{"id":"c","outcome":"absent"},{"id":"d","outcome":"absent"},{"id":"e","outcome":"skipped","reason":"condition"}],"#;
        assert_eq!(report(ReportDetail::All), format!("{HEAD}{middle}{TAIL}"));
    }

    #[test]
    fn count_only_counts() {
        let middle = r#""counts":{"absent":2,"applied":1,"skipped":1,"unchanged":1},"#;
        assert_eq!(report(ReportDetail::Count), format!("{HEAD}{middle}{TAIL}"));
    }

    #[test]
    fn a_time_is_written_with_milliseconds_and_never_panics() {
        assert_eq!(timestamp(UNIX_EPOCH), "1970-01-01T00:00:00.000Z");
        let far = UNIX_EPOCH.checked_add(Duration::from_secs(1 << 60));
        assert!(far.is_none_or(|far| timestamp(far).starts_with("9999-12-3")));
    }
}
