//! The condition by which a route chooses a migration.

use std::sync::atomic::AtomicU64;

use dunlin_core::finding::{Findings, Place};
use dunlin_core::message::Message;
use dunlin_core::migration::document::{Reading, Value, parse};
use dunlin_core::migration::expression::{EvaluationError, Expression, Scope};
use dunlin_core::migration::{Failure, FailureKind, Limits};

/// A CEL expression over the message as it arrives: `headers`, `key`, `payload`.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    expression: Expression,
    reads_payload: bool,
}

impl Condition {
    /// Reads a condition; what is wrong with it is reported at its place.
    pub(super) fn compile(text: &str, place: &Place, findings: &mut Findings) -> Option<Self> {
        match Expression::compile(text) {
            Ok(expression) => Some(Self {
                // Reading a document is dear, so it is not done for a condition over headers.
                reads_payload: text.contains("payload") || text.contains("this"),
                expression,
            }),
            Err(errors) => {
                for error in errors {
                    let at = error
                        .offset
                        .map(|offset| format!(", at its byte {}", offset + 1))
                        .unwrap_or_default();
                    findings.error(place, format!("the condition cannot be read: {error}{at}"));
                }
                None
            }
        }
    }

    /// Whether it holds for this message. A member or a header that is not there makes it false.
    ///
    /// # Errors
    /// [`FailureKind::Expression`], or what is wrong with a payload that it has to read.
    pub fn holds(&self, message: &Message, limits: &Limits) -> Result<bool, Failure> {
        let document = if self.reads_payload {
            document(message, limits)?
        } else {
            None
        };
        let scope = Scope {
            payload: document.as_ref(),
            this: document.as_ref(),
            item: None,
            index: None,
            headers: &message.headers,
            key: message.key.as_deref(),
            reads: &AtomicU64::new(0),
        };
        match self.expression.holds(&scope) {
            Ok(holds) => Ok(holds),
            Err(EvaluationError::Missing(_)) => Ok(false),
            Err(error @ (EvaluationError::Cost | EvaluationError::Reads)) => {
                Err(Failure::new(FailureKind::Limit, error.to_string()))
            }
            Err(error) => Err(Failure::new(FailureKind::Expression, error.to_string())),
        }
    }

    /// The text as it was written.
    pub fn text(&self) -> &str {
        self.expression.text()
    }
}

fn document(message: &Message, limits: &Limits) -> Result<Option<Value>, Failure> {
    let Some(payload) = message.payload.as_ref().filter(|payload| !payload.is_empty()) else {
        return Ok(None);
    };
    if payload.len() > limits.size {
        let most = limits.size;
        return Err(Failure::new(
            FailureKind::Limit,
            format!("expected a payload of at most {most} bytes"),
        ));
    }
    let reading = Reading {
        depth: limits.depth(),
        ..Reading::default()
    };
    Ok(Some(parse(payload, &reading)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(text: &str) -> Condition {
        let mut findings = Findings::new();
        let condition = Condition::compile(text, &Place::whole("x"), &mut findings);
        assert!(findings.is_empty(), "{findings}");
        condition.unwrap()
    }

    #[test]
    fn a_condition_asks_headers_key_and_payload() {
        let message = Message::new(r#"{"type": "order"}"#)
            .with_key("k")
            .with_header("type", "order");
        let holds = |text| condition(text).holds(&message, &Limits::default());
        assert_eq!(holds("headers['type'] == 'order'"), Ok(true));
        assert_eq!(holds("payload.type == 'invoice'"), Ok(false));
        assert_eq!(holds("key == 'k'"), Ok(true));
        assert_eq!(holds("headers['none'] == 'order'"), Ok(false));
        assert_eq!(holds("payload.none == 1"), Ok(false));
        assert_eq!(holds("payload.type").unwrap_err().kind, FailureKind::Expression);
    }

    #[test]
    fn a_payload_is_read_only_by_a_condition_that_names_it() {
        let message = Message::new("no json").with_header("type", "order");
        let holds = |text| condition(text).holds(&message, &Limits::default());
        assert_eq!(holds("headers['type'] == 'order'"), Ok(true));
        assert_eq!(
            holds("payload.type == 'order'").unwrap_err().kind,
            FailureKind::Syntax
        );
        let empty = condition("payload == null").holds(&Message::tombstone(), &Limits::default());
        assert_eq!(empty, Ok(true));
    }

    #[test]
    fn a_condition_that_cannot_be_read_is_a_finding() {
        let mut findings = Findings::new();
        assert_eq!(
            Condition::compile("headers[", &Place::whole("x"), &mut findings),
            None
        );
        assert!(
            findings
                .render()
                .starts_with("x: error: the condition cannot be read: "),
            "{findings}"
        );
    }
}
