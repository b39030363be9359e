//! One way to test an operation: its JSON, a document before, and what comes out.
//!
//! Every operation's tests use this, so that a test reads as an example and nothing else.

use crate::finding::Findings;
use crate::message::Headers;
use crate::migration::context::{Context, NoSecrets};
use crate::migration::document::{Reading, Value, parse};
use crate::migration::failure::Failure;
use crate::migration::limits::Limits;
use crate::migration::load::fields::{Fields, Scope};
use crate::migration::op::Step;
use crate::migration::outcome::Change;
use crate::source::{Format, read};

/// Reads an operation from JSON; the rendered findings if it is refused.
pub(crate) fn step(json: &str) -> Result<Step, String> {
    let mut findings = Findings::new();
    let step = read("test.json", json.as_bytes(), Format::Json, &mut findings).and_then(|node| {
        Fields::read(
            &node,
            "an operation",
            Scope::Transformation,
            &mut findings,
            |fields| Step::parse(fields),
        )
    });
    step.ok_or_else(|| findings.render())
}

/// Reads a document.
pub(crate) fn document(json: &str) -> Value {
    parse(json.as_bytes(), &Reading::default()).unwrap()
}

/// Performs an operation on a message with this document and these headers.
pub(crate) fn run(
    operation: &str,
    before: &str,
    headers: &[(&str, &str)],
) -> Result<(Change, String, Headers), Failure> {
    let step = step(operation).unwrap_or_else(|findings| panic!("{operation} was refused:\n{findings}"));
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let mut context = Context::new(
        Some(document(before)),
        headers,
        None,
        &NoSecrets,
        Limits::default(),
    );
    let change = step.apply(&mut context)?;
    Ok((change, context.document.unwrap().to_json(), context.headers))
}

/// The operation is applied and gives exactly this document, spelling and order included.
#[track_caller]
pub(crate) fn applies(operation: &str, before: &str, after: &str) {
    let (change, document, _) =
        run(operation, before, &[]).unwrap_or_else(|failure| panic!("{operation} on {before}: {failure}"));
    assert_eq!(document, after, "{operation} on {before}");
    assert_eq!(change.outcome.name(), "applied", "{operation} on {before}");
}

/// The operation is applied to an empty document and gives exactly these headers.
#[track_caller]
pub(crate) fn applies_with(operation: &str, before: &[(&str, &str)], after: &[(&str, &str)]) {
    let (change, _, headers) =
        run(operation, "{}", before).unwrap_or_else(|failure| panic!("{operation}: {failure}"));
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.to_owned(), String::from_utf8(value.to_vec()).unwrap()))
        .collect();
    let after: Vec<_> = after
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    assert_eq!(headers, after, "{operation}");
    assert_eq!(change.outcome.name(), "applied", "{operation}");
}

/// The operation leaves the document as it was, with this outcome.
#[track_caller]
pub(crate) fn unchanged(operation: &str, before: &str, outcome: &str) {
    let (change, document, _) =
        run(operation, before, &[]).unwrap_or_else(|failure| panic!("{operation} on {before}: {failure}"));
    assert_eq!(document, before, "{operation} on {before}");
    assert_eq!(change.outcome.name(), outcome, "{operation} on {before}");
}

/// The operation fails, and the failure prints so that it begins with this.
#[track_caller]
pub(crate) fn fails(operation: &str, before: &str, printed: &str) {
    let failure = run(operation, before, &[])
        .map(|(change, document, _)| panic!("{operation} on {before}: {change:?} {document}"))
        .unwrap_err();
    let shown = failure.to_string();
    assert!(shown.starts_with(printed), "{operation} on {before}: {shown}");
}

/// The operation is refused when it is loaded, with a finding that contains this.
#[track_caller]
pub(crate) fn refuses(operation: &str, contains: &str) {
    match step(operation) {
        Ok(step) => panic!("{operation} was read as {step:?}"),
        Err(findings) => assert!(findings.contains(contains), "{operation}:\n{findings}"),
    }
}
