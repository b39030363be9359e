//! A message on its way through an engine that does not go operation by operation.

use bytes::Bytes;

use super::arrive::Arrival;
use super::{Direction, Disposition, Input, Migrated, Migration, Options};
use crate::message::Headers;
use crate::migration::chain::Transformation;
use crate::migration::complement::{COMPLEMENT_HEADER, Complements};
use crate::migration::document::Value;
use crate::migration::failure::Failure;
use crate::migration::load::Check;
use crate::migration::outcome::Change;

/// What an engine has made of the document of a message.
pub(crate) struct Passage {
    /// What leaves; `None` where no transformation was applied.
    pub(crate) payload: Option<Bytes>,
    /// What each transformation did, up to one that drops the message.
    pub(crate) changes: Vec<Change>,
    /// Headers and key, where an operation has worked on them.
    pub(crate) beside: Option<Beside>,
    /// Why the message ends here, if it does.
    pub(crate) dropped: Option<String>,
}

/// What a message has beside its document.
#[derive(Debug)]
pub(crate) struct Beside {
    pub(crate) headers: Headers,
    pub(crate) key: Option<Bytes>,
}

impl Migration {
    /// As [`migrate`](Self::migrate), where `engine` takes the document through the chain: it is given the payload and how
    /// many transformations are behind the message, and gives nothing where it has no exact answer. Then the interpreter
    /// takes the message from the start, as it takes every message about which there is more to say than its document.
    ///
    /// The migration has no schemas: its documents are JSON text, and no check looks at more than their grammar.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn migrate_by(
        &self,
        input: Input,
        options: &Options<'_>,
        engine: &mut dyn FnMut(&Input, &Bytes, usize) -> Option<Passage>,
    ) -> Result<Migrated, Failure> {
        match self.passage(&input, options, engine) {
            Some(migrated) => Ok(migrated),
            None => self.migrate(input, options),
        }
    }

    fn passage(
        &self,
        input: &Input,
        options: &Options<'_>,
        engine: &mut dyn FnMut(&Input, &Bytes, usize) -> Option<Passage>,
    ) -> Option<Migrated> {
        let payload = input.payload.as_ref().filter(|bytes| !bytes.is_empty())?;
        // What is taken back by a complement goes through no chain.
        if matches!(self.direction, Direction::Down { .. })
            && (input.headers.contains(COMPLEMENT_HEADER) || self.complements != Complements::None)
        {
            return None;
        }
        let (record, arrival) = self.arrive(&input.headers, options.record).ok()?;
        let from = match arrival {
            Arrival::At(from) => from,
            Arrival::Unrecorded => 0,
            Arrival::Ahead | Arrival::Below => return None,
        };
        let transformations = self.chain.transformations();
        if transformations[from..].iter().all(Transformation::flagged) {
            return None;
        }
        let entered = self
            .enter(arrival, Some(payload), &input.headers, &options.limits)
            .ok()?;
        if entered.changes_form || entered.from != from {
            return None;
        }
        let passage = engine(input, payload, from)?;
        let mut validations = Vec::new();
        for validation in &self.validations {
            if validation.check != Check::Syntax {
                return None;
            }
            // The engine has read the document as strictly as the interpreter reads it.
            let read = Some(&Value::Null);
            let validated = self
                .judge_arrival(validation, Some(payload), read, &entered)
                .ok()?;
            validations.push((validation.check, validated));
        }
        let Beside { mut headers, key } = passage.beside.unwrap_or_else(|| Beside {
            headers: input.headers.clone(),
            key: input.key.clone(),
        });
        if let Some(reason) = passage.dropped {
            return Some(Migrated {
                payload: input.payload.clone(),
                key,
                headers,
                disposition: Disposition::Dropped { reason },
                from,
                changes: passage.changes,
                validations,
                content_type: None,
                complement: None,
            });
        }
        self.leave(record, &mut headers).ok()?;
        self.name_version(&mut headers);
        let mut migrated = Migrated {
            payload: passage.payload.or_else(|| input.payload.clone()),
            key,
            headers,
            disposition: Disposition::Forward,
            from,
            changes: passage.changes,
            validations,
            content_type: None,
            complement: None,
        };
        self.keep_complement(input, &mut migrated, &options.limits).ok()?;
        Some(migrated)
    }
}
