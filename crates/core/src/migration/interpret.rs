//! The reference interpreter: one message through one migration, one step after the other.
//!
//! It is meant to be obvious, not fast. It is the measure that every faster engine is held to.

mod arrive;
mod desk;
mod enter;
mod passage;
mod restore;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;

use crate::message::Headers;
use crate::migration::chain::Transformation;
use crate::migration::complement::Complemented;
use crate::migration::context::{Context, NoSecrets, Secrets};
use crate::migration::document::Value;
use crate::migration::expression::{EvaluationError, Scope};
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::limits::Limits;
use crate::migration::load::{Check, Status};
use crate::migration::op::Op;
use crate::migration::outcome::{Change, Outcome, SkipReason};
use crate::migration::validation::Validated;
use crate::migration::{Direction, Migration};
use arrive::Arrival;

pub(crate) use passage::{Beside, Passage};

/// A message as it arrives, as far as a migration is concerned.
#[derive(Clone, Default)]
pub struct Input {
    /// The payload. `None` and zero bytes are both a message without one.
    pub payload: Option<Bytes>,
    /// The key.
    pub key: Option<Bytes>,
    /// The headers, the applied record among them.
    pub headers: Headers,
}

/// How a message is to be migrated.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// Whether the applied record is believed.
    pub record: RecordMode,
    /// How large a document may be, on arrival and on leaving.
    pub limits: Limits,
    /// Where secrets come from.
    pub secrets: &'a dyn Secrets,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            record: RecordMode::Trust,
            limits: Limits::default(),
            secrets: &NoSecrets,
        }
    }
}

/// Whether the applied record of a message is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RecordMode {
    /// It is. Whoever can write headers can forge it.
    #[default]
    Trust,
    /// Messages are unmigrated, whatever they say.
    Ignore,
    /// It is, and a message without an entry of the migration fails.
    Required,
}

/// A message as it leaves, and what was done to it.
#[derive(Clone)]
pub struct Migrated {
    /// The payload. The very bytes that came in, where no transformation was applied.
    pub payload: Option<Bytes>,
    /// The key.
    pub key: Option<Bytes>,
    /// The headers, with the applied record brought up to date.
    pub headers: Headers,
    /// What is to become of the message.
    pub disposition: Disposition,
    /// How many transformations were behind the message when it arrived.
    pub from: usize,
    /// What each transformation did, in order. It ends at the one that dropped the message, and is empty for a
    /// message that is ahead.
    pub changes: Vec<Change>,
    /// What became of each validation, in order.
    pub validations: Vec<(Check, Validated)>,
    /// The media type of the payload, where that is another than on arrival.
    pub content_type: Option<&'static str>,
    /// What became of its complement, where the migration keeps or uses them.
    pub complement: Option<Complemented>,
}

/// What is to become of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// It is forwarded.
    Forward,
    /// It ends here, for this reason.
    Dropped {
        /// The text of the operation `drop`.
        reason: String,
    },
    /// The whole chain was behind it on arrival. It is forwarded as it is, unless to the channel it came from.
    Behind,
    /// It is further than this chain is long. It is forwarded as it is, unless to the channel it came from.
    Ahead,
}

/// Watches a message on its way, for people who want to know what each transformation did.
pub trait Steps {
    /// Called behind each transformation, also one that was skipped.
    fn step(&mut self, step: &Step<'_>);
}

/// A message behind one transformation.
#[derive(Clone, Copy)]
pub struct Step<'a> {
    /// The transformation.
    pub transformation: &'a Transformation,
    /// What it did.
    pub change: Change,
    /// The document as it stands now; `None` without a payload, and where it was not looked at.
    pub document: Option<&'a Value>,
    /// The headers as they stand now.
    pub headers: &'a Headers,
    /// The key as it stands now.
    pub key: Option<&'a Bytes>,
}

impl Migration {
    /// Takes a message through the migration.
    ///
    /// Deterministic: the same message and options give the same result on every machine.
    ///
    /// # Errors
    /// The message fails as a whole, and nothing of it is to be forwarded.
    pub fn migrate(&self, input: Input, options: &Options<'_>) -> Result<Migrated, Failure> {
        struct Nobody;
        impl Steps for Nobody {
            fn step(&mut self, _step: &Step<'_>) {}
        }
        self.migrate_watched(input, options, &mut Nobody)
    }

    /// As [`migrate`](Self::migrate), with someone who watches every step.
    ///
    /// # Errors
    /// The same.
    pub fn migrate_watched(
        &self,
        input: Input,
        options: &Options<'_>,
        steps: &mut dyn Steps,
    ) -> Result<Migrated, Failure> {
        self.perform(input, options, steps)
            .map_err(|failure| failure.of(&self.name))
    }

    fn perform(
        &self,
        mut input: Input,
        options: &Options<'_>,
        steps: &mut dyn Steps,
    ) -> Result<Migrated, Failure> {
        let (record, arrival) = self.arrive(&input.headers, options.record)?;
        let former = match arrival {
            Arrival::At(_) | Arrival::Unrecorded => self.former(&mut input, &options.limits)?,
            Arrival::Ahead | Arrival::Below => None,
        };
        let came = input.clone();
        let Input {
            payload,
            key,
            headers,
        } = input;
        // Zero bytes are a message without a payload, and leave as they came.
        let content = payload.as_ref().filter(|bytes| !bytes.is_empty());
        let entered = match arrival {
            Arrival::At(_) | Arrival::Unrecorded => {
                self.enter(arrival, content, &headers, &options.limits)?
            }
            Arrival::Ahead | Arrival::Below => {
                let disposition = if arrival == Arrival::Ahead {
                    Disposition::Ahead
                } else {
                    Disposition::Behind
                };
                let validations = self.checks_left_out();
                let changes = Vec::new();
                return Ok(Migrated {
                    payload,
                    key,
                    headers,
                    disposition,
                    from: 0,
                    changes,
                    validations,
                    content_type: None,
                    complement: None,
                });
            }
        };
        if let Some(former) = former {
            return self.give_back(&came, former, record, &entered, options, steps);
        }
        let from = entered.from;
        let transformations = self.chain.transformations();
        let nothing_left = transformations[from..].iter().all(Transformation::flagged);
        let look = content.filter(|_| !nothing_left || self.must_look() || entered.changes_form);
        let document = look
            .map(|bytes| self.read(bytes, &entered, &options.limits))
            .transpose()?;

        let mut validations = Vec::new();
        for validation in &self.validations {
            if validation.check != Check::To {
                let validated = self.judge_arrival(validation, content, document.as_ref(), &entered)?;
                validations.push((validation.check, validated));
            }
        }

        let mut context = Context::new(document, headers, key, options.secrets, options.limits);
        let mut changes = Vec::with_capacity(transformations.len());
        let mut dropped = None;
        for (index, transformation) in transformations.iter().enumerate() {
            let change = transform(transformation, index < from, &mut context)
                .map_err(|failure| failure.blame(transformation.id(), index))?;
            changes.push(change);
            steps.step(&Step {
                transformation,
                change,
                document: context.document.as_ref(),
                headers: &context.headers,
                key: context.key.as_ref(),
            });
            if let (Outcome::Dropped, Op::Drop(drop)) = (change.outcome, transformation.op()) {
                dropped = Some(drop.reason().to_owned());
                break;
            }
        }
        let Context {
            document,
            mut headers,
            key,
            ..
        } = context;
        if let Some(reason) = dropped {
            let disposition = Disposition::Dropped { reason };
            return Ok(Migrated {
                payload,
                key,
                headers,
                disposition,
                from,
                changes,
                validations,
                content_type: None,
                complement: None,
            });
        }

        let applied = changes.iter().any(|change| change.outcome == Outcome::Applied);
        if let Some(document) = document.as_ref().filter(|_| applied)
            && document.depth() > options.limits.depth()
        {
            let expected = format!(
                "expected at most {} open containers in the result",
                options.limits.depth()
            );
            return Err(Failure::new(FailureKind::Limit, expected));
        }
        let written = match &document {
            Some(document) if applied || entered.changes_form => Some(
                self.write(document, options)
                    .map_err(|failure| self.unmet_instead(failure, document))?,
            ),
            Some(_) | None => None,
        };
        for validation in &self.validations {
            if validation.check == Check::To {
                let text = written.as_ref().or(content);
                let validated = self.judge_leaving(validation, text, document.as_ref())?;
                validations.push((validation.check, validated));
            }
        }
        let content_type = entered
            .changes_form
            .then(|| written.as_ref().map(|_| self.content_type()))
            .flatten();
        let payload = written.or(payload);
        let behind = from == transformations.len() && !transformations.is_empty();
        self.leave(record, &mut headers)?;
        self.name_version(&mut headers);
        let disposition = if behind {
            Disposition::Behind
        } else {
            Disposition::Forward
        };
        let mut migrated = Migrated {
            payload,
            key,
            headers,
            disposition,
            from,
            changes,
            validations,
            content_type,
            complement: None,
        };
        self.keep_complement(&came, &mut migrated, &options.limits)?;
        Ok(migrated)
    }

    /// Whether the payload must be read even where nothing is left to do.
    fn must_look(&self) -> bool {
        self.validations.iter().any(|validation| {
            let asked = self.validate_is_written || validation.check == Check::To;
            asked && validation.status == Status::Pending
        })
    }

    fn checks_left_out(&self) -> Vec<(Check, Validated)> {
        self.validations
            .iter()
            .map(|validation| (validation.check, Validated::NothingToDo))
            .collect()
    }
}

fn transform(
    transformation: &Transformation,
    behind: bool,
    context: &mut Context<'_>,
) -> Result<Change, Failure> {
    if behind {
        return Ok(Change::of(Outcome::Skipped(SkipReason::AlreadyApplied)));
    }
    if transformation.flagged() {
        return Ok(Change::of(Outcome::Skipped(SkipReason::Flagged)));
    }
    if !holds(transformation, context)? {
        return Ok(Change::of(Outcome::Skipped(SkipReason::Condition)));
    }
    transformation.action.step.apply(context)
}

/// Judges `when`. One that reads a member that is missing does not hold.
fn holds(transformation: &Transformation, context: &Context<'_>) -> Result<bool, Failure> {
    let Some(when) = &transformation.action.when else {
        return Ok(true);
    };
    let scope = Scope {
        payload: context.document.as_ref(),
        this: None,
        item: None,
        index: None,
        headers: &context.headers,
        key: context.key.as_deref(),
        reads: &AtomicU64::new(0),
    };
    match when.holds(&scope) {
        Ok(holds) => Ok(holds),
        Err(EvaluationError::Missing(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Prints lengths, never content.
impl fmt::Debug for Input {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Input")
            .field("payload_bytes", &self.payload.as_ref().map(Bytes::len))
            .field("key_bytes", &self.key.as_ref().map(Bytes::len))
            .field("headers", &self.headers)
            .finish()
    }
}

/// Prints lengths and kinds, never content.
impl fmt::Debug for Step<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Step")
            .field("transformation", &self.transformation.id())
            .field("change", &self.change)
            .field("document", &self.document.map(Value::kind))
            .field("headers", &self.headers)
            .field("key_bytes", &self.key.map(Bytes::len))
            .finish()
    }
}

/// Prints lengths, never content.
impl fmt::Debug for Migrated {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Migrated")
            .field("payload_bytes", &self.payload.as_ref().map(Bytes::len))
            .field("key_bytes", &self.key.as_ref().map(Bytes::len))
            .field("headers", &self.headers)
            .field("disposition", &self.disposition)
            .field("from", &self.from)
            .field("changes", &self.changes)
            .field("validations", &self.validations)
            .field("content_type", &self.content_type)
            .field("complement", &self.complement)
            .finish()
    }
}
