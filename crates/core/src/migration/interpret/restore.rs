//! Keeping complements on the way up, and putting them back on the way down.

use super::enter::Entered;
use super::{Disposition, Input, Migrated, Migration, Options, Step, Steps};
use crate::migration::Direction;
use crate::migration::complement::{
    Carried, Complement, Complemented, Complements, TooLarge, broken, judge_chain,
};
use crate::migration::failure::Failure;
use crate::migration::limits::Limits;
use crate::migration::load::{Check, Status};
use crate::migration::outcome::{Change, Outcome, SkipReason};
use crate::migration::record::{Entry, Record};

impl Migration {
    /// Writes the complement of a message that leaves into its headers, where the migration keeps complements.
    ///
    /// A message that came with one, half-way up, gets one that leads back to where that one leads.
    ///
    /// # Errors
    /// Kind `complement`: that of half the way does not belong to the message, or it is too large and must not be left out.
    pub(super) fn keep_complement(
        &self,
        came: &Input,
        migrated: &mut Migrated,
        limits: &Limits,
    ) -> Result<(), Failure> {
        let Complements::Kept { max_bytes, too_large } = self.complements else {
            return Ok(());
        };
        let Some(hash) = self.chain.hash(self.length()).filter(|_| self.length() > 0) else {
            return Ok(());
        };
        let mut carried = Carried::of(&came.headers)?;
        let half_way = carried
            .of_migration(&self.name)
            .filter(|one| one.entry.count == migrated.from);
        match migrated.disposition {
            Disposition::Forward => {}
            // It is only written in another form, and its complement with it.
            Disposition::Behind if half_way.is_some() && came.payload != migrated.payload => {}
            Disposition::Behind | Disposition::Ahead | Disposition::Dropped { .. } => return Ok(()),
        }
        let (start, came) = match half_way {
            Some(one) => {
                judge_chain(&one.entry, self.chain.hash(one.entry.count), &self.accepts)?;
                (one.start, one.undo(came, limits)?)
            }
            None => (migrated.from, Some(came.clone())),
        };
        let entry = Entry::new(&self.name, self.length(), hash);
        let leaves = Input {
            payload: migrated.payload.clone(),
            key: migrated.key.clone(),
            headers: migrated.headers.clone(),
        };
        let made = came.map(|came| Complement::between(entry.clone(), start, &came, &leaves));
        let made = made.transpose()?;
        let size = made.as_ref().map_or(0, |complement| complement.to_string().len());
        let (complement, complemented) = match made {
            Some(complement) if size <= max_bytes => (complement, Complemented::Kept),
            Some(_) if too_large == TooLarge::Fail => {
                return Err(broken(format!(
                    "expected a complement of at most {max_bytes} bytes, found one of {size}"
                )));
            }
            Some(_) | None => (Complement::left_out(entry, start), Complemented::LeftOut),
        };
        carried.put(complement)?;
        carried.write(&mut migrated.headers);
        migrated.complement = Some(complemented);
        Ok(())
    }

    /// The message that a downward migration takes this one back to, by its complement. `None` where it has none for this
    /// part of the chain, so that the chain has to be performed; the headers then no longer hold what will not fit any more.
    ///
    /// # Errors
    /// Kind `complement`: it is that of another message or chain, or there is none and one is required.
    pub(super) fn former(&self, came: &mut Input, limits: &Limits) -> Result<Option<Input>, Failure> {
        let Direction::Down { of, from, to } = &self.direction else {
            return Ok(None);
        };
        let mut carried = Carried::of(&came.headers)?;
        let own = carried.of_migration(of.name()).cloned();
        if own.is_some() {
            carried.remove(of.name());
            carried.write(&mut came.headers);
        }
        let own = own.filter(|own| own.entry.count == *from);
        if let Some(own) = &own {
            judge_chain(&own.entry, of.chain_hash(own.entry.count), of.accepts())?;
        }
        let former = match own.filter(|own| own.start == *to) {
            Some(own) => own.undo(came, limits)?,
            None => None,
        };
        if former.is_none() && self.complements == Complements::Required {
            return Err(broken(format!(
                "expected a complement of `{}` that leads from {from} transformations back to {to}, found none",
                of.name()
            )));
        }
        Ok(former)
    }

    /// Takes a message back by its complement. No transformation is performed; the checks are.
    ///
    /// # Errors
    /// Those of the checks.
    pub(super) fn give_back(
        &self,
        came: &Input,
        former: Input,
        record: Record,
        entered: &Entered<'_>,
        options: &Options<'_>,
        steps: &mut dyn Steps,
    ) -> Result<Migrated, Failure> {
        let content = came.payload.as_ref().filter(|bytes| !bytes.is_empty());
        let document = content
            .map(|bytes| self.read(bytes, entered, &options.limits))
            .transpose()?;
        let mut validations = Vec::new();
        for validation in self.validations.iter().filter(|one| one.check != Check::To) {
            let validated = self.judge_arrival(validation, content, document.as_ref(), entered)?;
            validations.push((validation.check, validated));
        }
        let Input {
            payload,
            key,
            mut headers,
        } = former;
        let change = Change::of(Outcome::Skipped(SkipReason::Restored));
        for transformation in self.transformations() {
            steps.step(&Step {
                transformation,
                change,
                document: None,
                headers: &headers,
                key: key.as_ref(),
            });
        }
        let content = payload.as_ref().filter(|bytes| !bytes.is_empty());
        for validation in self.validations.iter().filter(|one| one.check == Check::To) {
            let looked_at = content.filter(|_| validation.status == Status::Pending);
            let document = looked_at
                .map(|bytes| self.read_as(bytes, self.versions.leaving(), &options.limits))
                .transpose()?;
            let validated = self.judge_leaving(validation, content, document.as_ref())?;
            validations.push((validation.check, validated));
        }
        self.leave(record, &mut headers)?;
        self.name_version(&mut headers);
        let content_type = (entered.changes_form && content.is_some()).then(|| self.content_type());
        Ok(Migrated {
            payload,
            key,
            headers,
            disposition: Disposition::Forward,
            from: entered.from,
            changes: vec![change; self.length()],
            validations,
            content_type,
            complement: Some(Complemented::Restored),
        })
    }
}
