//! Reads `logicalType`.
//!
//! The specification wants a logical type that does not fit its type to be passed over, and so it is; but its author is
//! told, since documents look different then.

use dunlin_core::finding::Finding;
use dunlin_core::source::{Content, Node};

use super::super::logical::{DURATION_SIZE, MOST_DIGITS};
use super::super::model::{Form, Logical, Unit};
use super::Compiler;

/// The size of a UUID in a fixed.
const UUID_SIZE: usize = 16;

impl Compiler<'_, '_> {
    pub(super) fn logical(&mut self, node: &Node, form: &Form) -> Option<Logical> {
        let word = node.member("logicalType")?;
        let Some(name) = word.text() else {
            let message = format!("expected the name of a logical type, found {}", word.kind());
            self.findings.error(&word.place, message);
            return None;
        };
        let found = match (name, form) {
            ("decimal", Form::Bytes | Form::Fixed(..)) => return self.decimal(node, form),
            ("date", Form::Int) => Logical::Date,
            ("time-millis", Form::Int) => Logical::Time(Unit::Millis),
            ("time-micros", Form::Long) => Logical::Time(Unit::Micros),
            ("timestamp-millis", Form::Long) => Logical::Timestamp(Unit::Millis),
            ("timestamp-micros", Form::Long) => Logical::Timestamp(Unit::Micros),
            ("timestamp-nanos", Form::Long) => Logical::Timestamp(Unit::Nanos),
            ("local-timestamp-millis", Form::Long) => Logical::LocalTimestamp(Unit::Millis),
            ("local-timestamp-micros", Form::Long) => Logical::LocalTimestamp(Unit::Micros),
            ("local-timestamp-nanos", Form::Long) => Logical::LocalTimestamp(Unit::Nanos),
            ("uuid", Form::String) => Logical::Uuid,
            ("uuid", Form::Fixed(_, size)) if *size == UUID_SIZE => Logical::Uuid,
            ("duration", Form::Fixed(_, size)) if *size == DURATION_SIZE => Logical::Duration,
            _ => {
                let message = format!("the logical type `{name}` is not known for `{}`", form.word());
                let help = "it is passed over: documents have the value of the type itself";
                self.findings
                    .push(Finding::warning(&word.place, message).help(help));
                return None;
            }
        };
        Some(found)
    }

    fn decimal(&mut self, node: &Node, form: &Form) -> Option<Logical> {
        let scale = match node.member("scale") {
            None => Some(0),
            Some(node) => self.whole_number(node, "the digits behind the point"),
        };
        let precision = match node.member("precision") {
            Some(node) => self.whole_number(node, "the number of digits"),
            None => {
                self.findings
                    .error(&node.place, "expected the member `precision` of a decimal");
                None
            }
        };
        let (precision, scale) = (precision?, scale?);
        let most = match form {
            Form::Fixed(_, size) => most_digits(*size).min(MOST_DIGITS),
            _ => MOST_DIGITS,
        };
        let place = &node.member("precision").unwrap_or(node).place;
        if precision == 0 || precision > most {
            let message = format!("expected a precision from 1 to {most} of this decimal");
            self.findings.error(place, message);
            return None;
        }
        if scale > precision {
            let message = "expected a scale that is not greater than the precision";
            self.findings.error(place, message);
            return None;
        }
        Some(Logical::Decimal { precision, scale })
    }

    /// A whole number from 0 that a size can have.
    pub(super) fn whole_number(&mut self, node: &Node, what: &str) -> Option<usize> {
        let number = match &node.content {
            Content::Number(number) => number.as_str().parse::<u32>().ok(),
            _ => None,
        };
        let number = number.and_then(|number| usize::try_from(number).ok());
        if number.is_none() {
            let message = format!("expected {what}, a whole number from 0 to 4294967295");
            self.findings.error(&node.place, message);
        }
        number
    }
}

/// How many digits every number has that fits this many bytes in two's complement.
fn most_digits(bytes: usize) -> usize {
    // log10(2) to six places, rounded down; the sign takes one bit.
    const LOG_MILLIONTHS: usize = 301_029;
    let bits = bytes.min(MOST_DIGITS).saturating_mul(8).saturating_sub(1);
    bits * LOG_MILLIONTHS / 1_000_000
}
