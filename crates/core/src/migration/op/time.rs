//! `time`: a point in time in another form, exactly.
//!
//! A point is a decimal number of seconds since 1970-01-01T00:00:00Z, so that no digit is lost on the way; forms read into it
//! and write from it ([`form`]).

mod form;

#[cfg(test)]
mod tests;

use crate::migration::proof::{After, Prover};
use crate::migration::shape::Node;
use jiff::tz::TimeZone;

use crate::migration::canonical::Canonical;
use crate::migration::context::{Context, Effect, OnError};
use crate::migration::document::Value;
use crate::migration::failure::Failure;
use crate::migration::load::fields::Fields;
use crate::migration::op::convert::put;
use crate::migration::op::{Inverse, Op};
use crate::migration::outcome::Change;
use crate::migration::path::{Path, Takes};
use form::Form;

/// Converts points in time from one form into another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Time {
    path: Path,
    from: Form,
    to: Form,
    zone: String,
    round: Round,
    on_error: OnError,
}

/// What becomes of digits that the result cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// The conversion is refused.
    Fail,
    /// They are cut, to the past.
    Truncate,
}

const ROUND: [(&str, Round); 2] = [("fail", Round::Fail), ("truncate", Round::Truncate)];
const DEFAULT_ZONE: &str = "UTC";

impl Time {
    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let path = fields.path("time", Takes::PLACES.deep());
        let form = |fields: &mut Fields<'_, '_>, field| {
            let text = fields.text(field)?;
            match Form::read(text) {
                Ok(form) => Some(form),
                Err(message) => {
                    fields.error(field, message);
                    None
                }
            }
        };
        let from = form(fields, "from");
        let to = form(fields, "to");
        let zone = fields.optional_text("zone").unwrap_or(DEFAULT_ZONE).to_owned();
        if let Err(message) = find_zone(&zone) {
            fields.error("zone", message);
        }
        let round = fields.choice("round", &ROUND, Round::Fail);
        let on_error = fields.choice("on_error", &OnError::CHOICES, OnError::Fail);
        Some(Self {
            path: path?,
            from: from?,
            to: to?,
            zone,
            round,
            on_error,
        })
    }

    pub(super) fn canonical(&self, out: &mut Canonical) {
        out.text("time", &self.path);
        out.text("from", self.from.as_str());
        out.choice("on_error", &OnError::CHOICES, self.on_error, OnError::Fail);
        out.choice("round", &ROUND, self.round, Round::Fail);
        out.text("to", self.to.as_str());
        if self.zone != DEFAULT_ZONE {
            out.text("zone", &self.zone);
        }
    }

    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        // The zone was found when the file was loaded, and the tables are part of the program.
        let zone = find_zone(&self.zone).unwrap_or(TimeZone::UTC);
        context.change_values(&self.path, self.on_error, |value| self.convert(value, &zone))
    }

    /// As [`apply`](Self::apply), for one value.
    pub(super) fn convert_alone(&self, value: &mut Value) -> Result<Effect, Failure> {
        self.convert(value, &find_zone(&self.zone).unwrap_or(TimeZone::UTC))
    }

    fn convert(&self, value: &mut Value, zone: &TimeZone) -> Result<Effect, Failure> {
        if value.is_null() {
            return Ok(Effect::Unchanged);
        }
        let point = self.from.point(value, zone)?;
        let result = self.to.write(&point, zone, self.round == Round::Truncate)?;
        Ok(put(value, result))
    }

    /// Where it works.
    pub(super) fn paths(&mut self) -> Vec<&mut Path> {
        vec![&mut self.path]
    }

    /// What it makes of a shape.
    pub(super) fn prove(&self, prover: &mut Prover, node: Node) -> After {
        let expected = if self.from.reads_numbers() {
            "a number, or a string that is one"
        } else {
            "a string"
        };
        prover.convert(&self.path, node, expected, self.on_error, |_, kinds, _| {
            let number = self
                .from
                .reads_numbers()
                .then(|| kinds.unfit.number.take())
                .flatten();
            let string = kinds.unfit.string.take();
            if number.is_some() || string.is_some() {
                self.to.put_shape(&mut kinds.made);
                if string.is_some() {
                    kinds.doubt = Some("a text need not be a point in time");
                }
            }
            kinds.doubtful.number = number;
            kinds.doubtful.string = string;
        })
    }

    pub(super) fn inverse(&self) -> Inverse {
        let back = Self {
            path: self.path.clone(),
            from: self.to.clone(),
            to: self.from.clone(),
            zone: self.zone.clone(),
            round: Round::Fail,
            on_error: OnError::Fail,
        };
        let why = match self.round {
            Round::Truncate => "digits may have been cut off",
            Round::Fail => {
                "the point in time comes back, its spelling (offset, zeros, number or string) does not"
            }
        };
        Inverse::restorable(Op::Time(back), why)
    }
}

/// The zone of this name in the IANA database that is built in, so that it is the same on every machine.
fn find_zone(name: &str) -> Result<TimeZone, String> {
    if name == DEFAULT_ZONE {
        return Ok(TimeZone::UTC);
    }
    jiff::tz::TimeZoneDatabase::bundled()
        .get(name)
        .map_err(|_| format!("expected a zone of the IANA database such as `Europe/Vienna`, found `{name}`"))
}
