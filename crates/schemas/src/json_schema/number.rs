//! Numbers compared, and divided, by what is written, and not by the nearest float.
//!
//! A document may hold forty digits, and `0.1` is no binary fraction. A decimal is its significant digits and the place of
//! its point; nothing is written out, so `1e999999999` costs ten bytes here.

use std::borrow::Cow;
use std::cmp::Ordering;

use num_bigint::BigUint;

/// The most significant digits that a number of a schema may have. Those of a document are as many as there are.
pub(super) const MOST_DIGITS: usize = 400;

/// A number: `0.digits` × 10^`point`, and zero has no digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Decimal<'a> {
    negative: bool,
    /// The significant digits, without zeros at either end.
    digits: Cow<'a, str>,
    point: i128,
}

impl<'a> Decimal<'a> {
    /// Reads the text of a JSON number. The text must be one.
    pub(super) fn read(text: &'a str) -> Self {
        let negative = text.starts_with('-');
        let text = text.strip_prefix('-').unwrap_or(text);
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let whole = whole.trim_start_matches('0');
        let digits: Cow<'a, str> = if fraction.is_empty() {
            whole.into()
        } else if whole.is_empty() {
            fraction.into()
        } else {
            format!("{whole}{fraction}").into()
        };
        let leading = digits.len() - digits.trim_start_matches('0').len();
        let digits = trimmed(digits);
        if digits.is_empty() {
            return Self {
                negative: false,
                digits,
                point: 0,
            };
        }
        // An exponent of forty digits is beyond every other one; two of those are told apart by their digits only.
        let exponent = exponent.parse::<i128>().unwrap_or(if exponent.starts_with('-') {
            i128::MIN / 2
        } else {
            i128::MAX / 2
        });
        let moved = i128::try_from(whole.len()).unwrap_or(0) - i128::try_from(leading).unwrap_or(0);
        Self {
            negative,
            digits,
            point: exponent.saturating_add(moved),
        }
    }

    pub(super) fn digits(&self) -> usize {
        self.digits.len()
    }

    pub(super) fn is_integer(&self) -> bool {
        self.last_place() >= 0 || self.digits.is_empty()
    }

    /// The power of ten of the last significant digit.
    fn last_place(&self) -> i128 {
        self.point
            .saturating_sub(i128::try_from(self.digits.len()).unwrap_or(i128::MAX))
    }

    /// The integer, where it is one and small enough.
    pub(super) fn to_i128(&self) -> Option<i128> {
        if self.digits.is_empty() {
            return Some(0);
        }
        let zeros = u32::try_from(self.last_place()).ok()?;
        let digits = self.digits.parse::<i128>().ok()?;
        let digits = if self.negative { -digits } else { digits };
        digits.checked_mul(10_i128.checked_pow(zeros)?)
    }

    /// The nearest integer that is not greater (`below`) or not less than this number, where it is small enough.
    pub(super) fn to_i128_beyond(&self, below: bool) -> Option<i128> {
        if self.is_integer() {
            return self.to_i128();
        }
        let whole = usize::try_from(self.point).unwrap_or(0);
        let whole = self
            .digits
            .get(..whole)
            .filter(|digits| !digits.is_empty())
            .unwrap_or("0");
        let whole = whole.parse::<i128>().ok()?;
        match (self.negative, below) {
            (false, true) => Some(whole),
            (false, false) => whole.checked_add(1),
            (true, true) => whole.checked_add(1).map(|whole| -whole),
            (true, false) => Some(-whole),
        }
    }

    /// Whether this is a whole multiple of another number. Nothing is a multiple of zero.
    ///
    /// Takes time in proportion to the digits of this number times those of the other.
    pub(super) fn is_multiple_of(&self, other: &Self) -> bool {
        if other.digits.is_empty() {
            return false;
        }
        if self.digits.is_empty() {
            return true;
        }
        let zeros = self.last_place().saturating_sub(other.last_place());
        // What has no zero at its end is no multiple of a number with one.
        let Ok(zeros) = u128::try_from(zeros) else {
            return false;
        };
        let Ok(divisor) = other.digits.parse::<BigUint>() else {
            return false;
        };
        let power = BigUint::from(10_u8).modpow(&BigUint::from(zeros), &divisor);
        (remainder(&self.digits, &divisor) * power) % &divisor == BigUint::ZERO
    }
}

/// The remainder of a number of any length, some digits at a time: reading it as a whole takes the square of its length.
fn remainder(digits: &str, divisor: &BigUint) -> BigUint {
    const AT_ONCE: usize = 18;
    let mut rest = BigUint::ZERO;
    for chunk in digits.as_bytes().chunks(AT_ONCE) {
        let value = chunk
            .iter()
            .fold(0_u64, |value, digit| value * 10 + u64::from(digit - b'0'));
        let scale = 10_u64.pow(u32::try_from(chunk.len()).unwrap_or(0));
        rest = (rest * scale + value) % divisor;
    }
    rest
}

fn trimmed(digits: Cow<'_, str>) -> Cow<'_, str> {
    match digits {
        Cow::Borrowed(digits) => Cow::Borrowed(digits.trim_matches('0')),
        Cow::Owned(digits) => Cow::Owned(digits.trim_matches('0').to_owned()),
    }
}

impl Ord for Decimal<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |number: &Self| match (number.digits.is_empty(), number.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let by_sign = sign(self).cmp(&sign(other));
        if by_sign != Ordering::Equal || self.digits.is_empty() {
            return by_sign;
        }
        // Without zeros in front, the point decides; then the digits do, as texts.
        let magnitude = self.point.cmp(&other.point).then(self.digits.cmp(&other.digits));
        if self.negative {
            magnitude.reverse()
        } else {
            magnitude
        }
    }
}

impl PartialOrd for Decimal<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn compare(left: &str, right: &str) -> Ordering {
        Decimal::read(left).cmp(&Decimal::read(right))
    }

    #[test]
    fn numbers_are_compared_by_their_digits() {
        for (left, right) in [
            ("9007199254740992", "9007199254740993"),
            ("0.3", "0.30000000000000000000000000000000000001"),
            ("-2", "-1.5"),
            ("-1", "0"),
            ("0", "1e-400"),
            ("18446744073709551615", "18446744073709551616"),
            ("1e999999999", "1e1000000000"),
            ("1e999999999", "1e99999999999999999999999999999999999999999999"),
            ("12", "123"),
            ("9", "10"),
        ] {
            assert_eq!(compare(left, right), Ordering::Less, "{left} {right}");
            assert_eq!(compare(right, left), Ordering::Greater, "{right} {left}");
        }
        for (left, right) in [
            ("1", "1.0"),
            ("1", "10e-1"),
            ("0", "-0.0e7"),
            ("0.010", "1E-2"),
            ("100", "1e2"),
        ] {
            assert_eq!(compare(left, right), Ordering::Equal, "{left} {right}");
            assert_eq!(Decimal::read(left), Decimal::read(right), "{left} {right}");
        }
    }

    #[test]
    fn multiples_are_exact_and_cheap_at_any_exponent() {
        let is = |left: &str, right: &str| Decimal::read(left).is_multiple_of(&Decimal::read(right));
        assert!(is("19.99", "0.01"));
        assert!(is("0.3", "0.1"));
        assert!(is("-4.5", "1.5"));
        assert!(is("0", "7"));
        assert!(is("1e308", "0.123456789e-200") == is("1e508", "123456789e-9"));
        assert!(is("1e1000000000", "8"));
        assert!(!is("1e1000000000", "3"));
        assert!(!is("19.999", "0.01"));
        assert!(!is("1", "1e1000000000"));
        assert!(!is("5", "0"));
        assert!(is(&"9".repeat(100_000), "9"));
        assert!(!is(&format!("{}8", "9".repeat(100_000)), "9"));
    }

    #[test]
    fn integers_are_told_by_their_value() {
        for text in ["1", "1.0", "1e3", "1.5e1", "-0.0", "1e400", "12300e-2"] {
            assert!(Decimal::read(text).is_integer(), "{text}");
        }
        for text in ["0.5", "1e-1", "15e-1", "1e-400"] {
            assert!(!Decimal::read(text).is_integer(), "{text}");
        }
        assert_eq!(Decimal::read("-1.5e1").to_i128(), Some(-15));
        assert_eq!(Decimal::read("1e39").to_i128(), None);
        for (text, below, above) in [
            ("1.5", 1, 2),
            ("-1.5", -2, -1),
            ("0.001", 0, 1),
            ("-1e-9", -1, 0),
            ("7", 7, 7),
        ] {
            let number = Decimal::read(text);
            assert_eq!(
                (number.to_i128_beyond(true), number.to_i128_beyond(false)),
                (Some(below), Some(above)),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn small_numbers_are_ordered_and_divided_as_integers_are(left in -10_000_i64..10_000, right in -10_000_i64..10_000, scale in 0_usize..6) {
            let text = |number: i64| format!("{number}e-{scale}");
            let (left_text, right_text) = (text(left), text(right));
            let (a, b) = (Decimal::read(&left_text), Decimal::read(&right_text));
            prop_assert_eq!(a.cmp(&b), left.cmp(&right));
            prop_assert_eq!(a.is_multiple_of(&b), right != 0 && left % right == 0);
        }
    }
}
