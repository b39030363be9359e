//! What is asked of a message before the pass: conditions that hold or do not, and expressions that have a value.

use std::sync::atomic::AtomicU64;

use bytes::Bytes;

use super::Handed;
use super::wanted::Wanted;
use crate::message::Headers;
use crate::migration::condition::{Here, Judged, Subject, Where};
use crate::migration::context::{Context, Secrets};
use crate::migration::document::{Reading, Value, parse};
use crate::migration::expression::{EvaluationError, Expression, MAX_READS, Scope, Use};
use crate::migration::limits::Limits;
use crate::migration::op::{Compute, Op, Step};
use crate::migration::outcome::{Change, Outcome};
use crate::migration::path::{Path, Segment};

/// The message as it stands at one moment of the chain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    /// The document's text.
    pub(super) bytes: &'a [u8],
    pub(super) headers: &'a Headers,
    pub(super) key: Option<&'a Bytes>,
}

/// A condition that has one answer for a whole message.
#[derive(Debug, Clone)]
pub(super) enum Question {
    When(Expression),
    Where(Where),
    /// Whether one of these paths of names leads to a value.
    There(Vec<Vec<String>>),
}

/// What to do where a value must be known before the pass.
#[derive(Debug, Clone)]
pub(super) struct Evaluated {
    pub(super) expression: Expression,
    /// The place, if the expression looks at what stands there.
    pub(super) this: Option<Vec<String>>,
}

impl Question {
    /// What it asks about in the document.
    pub(super) fn wanted(&self) -> Wanted {
        match self {
            Self::When(expression) => of_expression(expression),
            Self::Where(filter) => {
                let mut wanted = Wanted::default();
                for subject in filter.tests.keys() {
                    if let Subject::Path(path) = subject
                        && let Some(segments) = path.segments()
                    {
                        add_path(&mut wanted, segments);
                    }
                }
                wanted
            }
            Self::There(places) => {
                let mut wanted = Wanted::default();
                for names in places {
                    wanted.add(names.iter().map(String::as_str), false);
                }
                wanted
            }
        }
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// It cannot be judged: the interpreter says why.
    pub(super) fn holds(&self, wanted: &Wanted, message: &Message<'_>) -> Result<bool, Handed> {
        let document = read(wanted, message)?;
        match self {
            Self::When(expression) => {
                match expression.holds(&scope(&document, None, message, &AtomicU64::new(0))) {
                    Ok(holds) => Ok(holds),
                    Err(EvaluationError::Missing(_)) => Ok(false),
                    Err(_) => Err(Handed),
                }
            }
            Self::Where(filter) => filter
                .holds(&Judged {
                    document: Some(&document),
                    headers: message.headers,
                    key: message.key,
                    scope: &[],
                    here: Here::Missing,
                })
                .map_err(|_| Handed),
            Self::There(places) => Ok(places.iter().any(|names| find(&document, names).is_some())),
        }
    }
}

/// The value to which names lead.
fn find<'a>(document: &'a Value, names: &[String]) -> Option<&'a Value> {
    names.iter().try_fold(document, |value, name| match value {
        Value::Object(members) => members
            .iter()
            .find(|member| member.name.is(name))
            .map(|member| &member.value),
        _ => None,
    })
}

/// Performs an operation on the whole document, and gives what it makes of it if it changes anything.
///
/// # Errors
/// It fails, or the text is no document: the interpreter says how.
pub(super) fn whole(
    step: &Step,
    message: &Message<'_>,
    around: (&dyn Secrets, Limits),
) -> Result<(Change, Option<Value>), Handed> {
    let reading = Reading {
        depth: around.1.depth(),
        ..Reading::default()
    };
    let document = parse(message.bytes, &reading).map_err(|_| Handed)?;
    let (headers, key) = (message.headers.clone(), message.key.cloned());
    let mut context = Context::new(Some(document), headers, key, around.0, around.1);
    let change = step.apply(&mut context).map_err(|_| Handed)?;
    let is_applied = change.outcome == Outcome::Applied;
    Ok((change, context.document.filter(|_| is_applied)))
}

impl Evaluated {
    /// The expression of an operation that sets one member.
    pub(super) fn of(compute: &Compute, names: &[String]) -> Self {
        let expression = compute.expression().clone();
        let looks = expression.reads("this").is_some();
        Self {
            this: looks.then(|| names.to_vec()),
            expression,
        }
    }

    /// What it reads of the document.
    pub(super) fn wanted(&self) -> Wanted {
        let mut wanted = of_expression(&self.expression);
        if let Some(names) = &self.this {
            wanted.add(names.iter().map(String::as_str), true);
        }
        wanted
    }

    /// The value.
    ///
    /// # Errors
    /// There is none: the interpreter says why.
    pub(super) fn value(&self, wanted: &Wanted, message: &Message<'_>) -> Result<Value, Handed> {
        let document = read(wanted, message)?;
        let reads = AtomicU64::new(0);
        let this = self.this.as_ref().and_then(|names| find(&document, names));
        let scope = scope(&document, this, message, &reads);
        self.expression.evaluate(&scope).map_err(|_| Handed)
    }
}

/// Performs an operation on headers and the key.
///
/// # Errors
/// It fails: the interpreter says how.
pub(super) fn beside(
    step: &Step,
    wanted: &Wanted,
    message: &Message<'_>,
    around: (&dyn Secrets, Limits),
) -> Result<(Change, Headers, Option<Bytes>), Handed> {
    let document = read(wanted, message)?;
    let (headers, key) = (message.headers.clone(), message.key.cloned());
    let mut context = Context::new(Some(document), headers, key, around.0, around.1);
    let change = step.apply(&mut context).map_err(|_| Handed)?;
    Ok((change, context.headers, context.key))
}

/// What an operation beside the document reads of it.
pub(super) fn read_by(step: &Step) -> Wanted {
    match &step.op {
        Op::Compute(compute) => of_expression(compute.expression()),
        _ => Wanted::default(),
    }
}

fn scope<'a>(
    document: &'a Value,
    this: Option<&'a Value>,
    message: &Message<'a>,
    reads: &'a AtomicU64,
) -> Scope<'a> {
    Scope {
        payload: Some(document),
        this,
        item: None,
        index: None,
        headers: message.headers,
        key: message.key.map(AsRef::as_ref),
        reads,
    }
}

fn read(wanted: &Wanted, message: &Message<'_>) -> Result<Value, Handed> {
    if wanted.is_nothing() {
        return Ok(Value::Object(Vec::new()));
    }
    // Whether an expression may read so many values depends on all that stands around them.
    if message.bytes.len() as u64 >= MAX_READS {
        return Err(Handed);
    }
    wanted.read(message.bytes)
}

fn of_expression(expression: &Expression) -> Wanted {
    let mut wanted = Wanted::default();
    match expression.reads("payload") {
        None => {}
        Some(Use::Whole) => wanted.whole = true,
        Some(Use::Members(names)) => {
            for name in names {
                wanted.add(std::iter::once(name.as_str()), true);
            }
        }
    }
    wanted
}

/// A path without wildcards; from the first segment on that is no name, everything is wanted.
fn add_path(wanted: &mut Wanted, segments: &[Segment]) {
    let names: Vec<&str> = segments
        .iter()
        .map_while(|segment| match segment {
            Segment::Name(name) => Some(name.as_str()),
            Segment::Token(name) if !name.is_element_token() => Some(name.as_str()),
            _ => None,
        })
        .collect();
    let whole = names.len() < segments.len();
    wanted.add(names.into_iter(), whole);
}

/// Whether a condition asks about the place itself, about the document around it, about headers or the key.
pub(super) fn subjects(filter: &Where) -> (bool, bool, bool) {
    let mut asks = (false, false, false);
    for subject in filter.tests.keys() {
        match subject {
            Subject::Here => asks.0 = true,
            Subject::Path(path) if Path::is_document(path) => asks.1 = true,
            Subject::Path(_) => asks.2 = true,
        }
    }
    asks
}
