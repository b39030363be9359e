//! Exact decimal numbers, as far as operations need them: reading the text of a number, cutting digits by a stated rule,
//! multiplying, and writing plainly.
//!
//! Nothing here is ever a float. What is written out never has an exponent and never a negative zero. A number that needs
//! more than 400 digits when it is written out is refused, so that nine characters (`1e9999999`) cannot ask for gigabytes.

use std::fmt;

use num_bigint::{BigInt, Sign};
use num_traits::{Signed, Zero};

/// The most digits that a decimal may need when it is written plainly and without trailing zeros.
pub(crate) const MAX_DIGITS: usize = 400;

/// A decimal number: `mantissa` × 10^`-scale`, without trailing zeros in the mantissa.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decimal {
    mantissa: BigInt,
    /// Digits behind the point; below zero: zeros before it.
    scale: i64,
}

/// Why a decimal could not be read, cut or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DecimalError {
    /// The text is no decimal number.
    Format,
    /// It needs more than [`MAX_DIGITS`] digits.
    Digits,
    /// Digits other than zeros would be cut off, and no rule says how.
    Cut,
}

impl DecimalError {
    /// What was expected, for a failure.
    pub(crate) const fn expected(self) -> &'static str {
        match self {
            Self::Format => "expected a decimal number",
            Self::Digits => "expected a number of at most 400 digits when written out",
            Self::Cut => "expected a number that keeps its value with fewer digits, or a `round`",
        }
    }
}

/// How digits that must go are cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Round {
    /// Refuse to cut anything but zeros.
    Fail,
    /// To the nearest, ties to the even digit.
    HalfEven,
    /// To the nearest, ties away from zero.
    HalfUp,
    /// Towards negative infinity.
    Floor,
    /// Towards positive infinity.
    Ceil,
    /// Towards zero.
    Truncate,
}

impl Round {
    /// The words of files and their meaning.
    pub(crate) const CHOICES: [(&'static str, Self); 6] = [
        ("fail", Self::Fail),
        ("half_even", Self::HalfEven),
        ("half_up", Self::HalfUp),
        ("floor", Self::Floor),
        ("ceil", Self::Ceil),
        ("truncate", Self::Truncate),
    ];
}

impl Decimal {
    /// Reads `[+-]?digits(.digits)?([eE][+-]?digits)?`, the grammar of JSON numbers with a plus sign and leading zeros allowed.
    ///
    /// # Errors
    /// [`DecimalError::Format`], or [`DecimalError::Digits`] before anything that large is made.
    pub(crate) fn read(text: &str) -> Result<Self, DecimalError> {
        let parts = Parts::split(text).ok_or(DecimalError::Format)?;
        let mut digits = String::with_capacity(parts.whole.len() + parts.fraction.len());
        digits.push_str(parts.whole);
        digits.push_str(parts.fraction);
        let significant = digits.trim_start_matches('0').trim_end_matches('0').len();
        if significant == 0 {
            return Ok(Self {
                mantissa: BigInt::zero(),
                scale: 0,
            });
        }
        if significant > MAX_DIGITS {
            return Err(DecimalError::Digits);
        }
        let trailing = digits.len() - digits.trim_end_matches('0').len();
        let kept = &digits[..digits.len() - trailing];
        // An exponent beyond i64 belongs to a number of far more than 400 digits, since the mantissa is not zero.
        let exponent: i64 = parts.exponent.parse().map_err(|_| DecimalError::Digits)?;
        let scale = i64::try_from(parts.fraction.len())
            .ok()
            .zip(i64::try_from(trailing).ok())
            .and_then(|(fraction, trailing)| (fraction - trailing).checked_sub(exponent))
            .ok_or(DecimalError::Digits)?;
        let mut mantissa: BigInt = kept.parse().map_err(|_| DecimalError::Format)?;
        if parts.negative {
            mantissa = -mantissa;
        }
        Self { mantissa, scale }.within_limit()
    }

    /// The number of this whole number and scale.
    pub(crate) fn new(mantissa: impl Into<BigInt>, scale: i64) -> Self {
        Self {
            mantissa: mantissa.into(),
            scale,
        }
        .normal()
    }

    /// The exact product.
    ///
    /// # Errors
    /// [`DecimalError::Digits`].
    pub(crate) fn times(&self, other: &Self) -> Result<Self, DecimalError> {
        Self {
            mantissa: &self.mantissa * &other.mantissa,
            scale: self.scale + other.scale,
        }
        .normal()
        .within_limit()
    }

    /// The exact sum. It is not limited: both terms are, and their scales.
    pub(crate) fn plus(&self, other: &Self) -> Self {
        let scale = self.scale.max(other.scale);
        let raised = |number: &Self| {
            // Both scales lie within the limit of digits, so the difference is small.
            let zeros = u32::try_from(scale - number.scale).unwrap_or(0);
            &number.mantissa * BigInt::from(10).pow(zeros)
        };
        Self {
            mantissa: raised(self) + raised(other),
            scale,
        }
        .normal()
    }

    /// The number by which a product is divided exactly by multiplying, if that is a finite decimal.
    pub(crate) fn reciprocal(&self) -> Option<Self> {
        // 1/m is a finite decimal when m has no prime factor but 2 and 5: then m divides 10^k for k the larger power.
        if self.mantissa.is_zero() {
            return None;
        }
        let mut rest = self.mantissa.abs();
        let mut power = 0_i64;
        for factor in [2_u8, 5] {
            let mut count = 0;
            while (&rest % factor).is_zero() {
                rest /= factor;
                count += 1;
            }
            power = power.max(count);
        }
        if rest != BigInt::from(1) {
            return None;
        }
        let ten = BigInt::from(10).pow(u32::try_from(power).ok()?);
        Self {
            mantissa: ten / &self.mantissa,
            scale: power - self.scale,
        }
        .normal()
        .within_limit()
        .ok()
    }

    /// The number with at most this many digits behind the point.
    ///
    /// # Errors
    /// [`DecimalError::Cut`] where [`Round::Fail`] would lose more than zeros.
    pub(crate) fn rounded(&self, digits: u32, round: Round) -> Result<Self, DecimalError> {
        let cut = self.scale - i64::from(digits);
        if cut <= 0 {
            return Ok(self.clone());
        }
        // At most 400 digits stand behind the point, so the power is small.
        let unit = BigInt::from(10).pow(u32::try_from(cut).map_err(|_| DecimalError::Digits)?);
        let towards_zero = &self.mantissa / &unit;
        let rest = &self.mantissa - &towards_zero * &unit;
        if rest.is_zero() {
            return Ok(Self {
                mantissa: towards_zero,
                scale: i64::from(digits),
            }
            .normal());
        }
        let away = BigInt::from(if self.mantissa.sign() == Sign::Minus {
            -1
        } else {
            1
        });
        let twice = rest.abs() * 2;
        let goes_away = match round {
            Round::Fail => return Err(DecimalError::Cut),
            Round::Truncate => false,
            Round::Floor => self.mantissa.is_negative(),
            Round::Ceil => self.mantissa.is_positive(),
            Round::HalfUp => twice >= unit,
            Round::HalfEven => twice > unit || (twice == unit && (&towards_zero % 2_u8) != BigInt::zero()),
        };
        let mantissa = if goes_away {
            towards_zero + away
        } else {
            towards_zero
        };
        Self {
            mantissa,
            scale: i64::from(digits),
        }
        .normal()
        .within_limit()
    }

    /// The whole number, if there is no fraction.
    pub(crate) fn to_integer(&self) -> Option<BigInt> {
        if self.scale > 0 {
            return None;
        }
        let zeros = u32::try_from(-self.scale).ok()?;
        Some(&self.mantissa * BigInt::from(10).pow(zeros))
    }

    /// Written plainly with exactly this many digits behind the point. The number must have been rounded to them.
    pub(crate) fn with_scale(&self, digits: u32) -> String {
        let plain = self.to_string();
        if digits == 0 {
            return plain;
        }
        let have = plain.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let zeros = (digits as usize).saturating_sub(have);
        let point = if have == 0 { "." } else { "" };
        format!("{plain}{point}{}", "0".repeat(zeros))
    }

    fn normal(mut self) -> Self {
        if self.mantissa.is_zero() {
            self.scale = 0;
            return self;
        }
        while (&self.mantissa % 10_u8).is_zero() {
            self.mantissa /= 10_u8;
            self.scale -= 1;
        }
        self
    }

    fn within_limit(self) -> Result<Self, DecimalError> {
        let digits = i64::try_from(self.mantissa.magnitude().to_string().len()).unwrap_or(i64::MAX);
        let before = digits.saturating_sub(self.scale).max(1);
        let behind = self.scale.max(0);
        match usize::try_from(before.saturating_add(behind)) {
            Ok(digits) if digits <= MAX_DIGITS => Ok(self),
            Ok(_) | Err(_) => Err(DecimalError::Digits),
        }
    }
}

impl fmt::Display for Decimal {
    /// Plainly, without exponent, without trailing zeros in the fraction.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.mantissa.magnitude().to_string();
        if self.mantissa.is_negative() {
            f.write_str("-")?;
        }
        let Ok(behind) = usize::try_from(self.scale) else {
            let zeros = usize::try_from(-self.scale).unwrap_or(0);
            return write!(f, "{digits}{}", "0".repeat(zeros));
        };
        if behind == 0 {
            return f.write_str(&digits);
        }
        let digits = format!(
            "{}{digits}",
            "0".repeat((behind + 1).saturating_sub(digits.len()))
        );
        let (whole, fraction) = digits.split_at(digits.len() - behind);
        write!(f, "{whole}.{fraction}")
    }
}

struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: &'a str,
}

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Option<Self> {
        let negative = text.starts_with('-');
        let text = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], &text[at + 1..]),
            None => (text, "0"),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return None,
            None => (mantissa, ""),
        };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let unsigned = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        let proper = !whole.is_empty()
            && digits(whole)
            && digits(fraction)
            && !unsigned.is_empty()
            && digits(unsigned);
        proper.then_some(Self {
            negative,
            whole,
            fraction,
            exponent,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(text: &str) -> String {
        Decimal::read(text).unwrap().to_string()
    }

    #[test]
    fn numbers_are_written_plainly_and_exactly() {
        for (text, expected) in [
            ("0", "0"),
            ("-0.00", "0"),
            ("1.50", "1.5"),
            ("1E2", "100"),
            ("12.0e-1", "1.2"),
            ("-0.00120", "-0.0012"),
            ("0e999999999999999999999", "0"),
            ("+007", "7"),
            (
                "123456789012345678901234567890.10",
                "123456789012345678901234567890.1",
            ),
        ] {
            assert_eq!(plain(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_decimal_is_refused() {
        for text in [
            "", "+", ".5", "5.", "1e", "1e+", "0x10", " 1", "1 ", "NaN", "Infinity", "1.2.3", "1e1.5", "--1",
            "١",
        ] {
            assert_eq!(Decimal::read(text), Err(DecimalError::Format), "{text}");
        }
    }

    #[test]
    fn four_hundred_digits_are_enough_and_one_more_is_too_many() {
        assert_eq!(plain("1e399").len(), 400);
        assert_eq!(Decimal::read("1e400"), Err(DecimalError::Digits));
        assert_eq!(
            plain("1e-399").len(),
            401,
            "one zero before the point and 399 behind it"
        );
        assert_eq!(Decimal::read("1e-400"), Err(DecimalError::Digits));
        assert_eq!(Decimal::read("1e99999999999999999999"), Err(DecimalError::Digits));
        assert_eq!(
            Decimal::read(&format!("1{}", "0".repeat(1000))),
            Err(DecimalError::Digits)
        );
        assert!(Decimal::read(&format!("1.{}", "0".repeat(1000))).is_ok());
        let large = Decimal::read("1e300").unwrap();
        assert_eq!(large.times(&large), Err(DecimalError::Digits));
    }

    #[test]
    fn each_rule_of_rounding_does_what_it_says() {
        for (text, half_even, half_up, floor, ceil, truncate) in [
            ("2.5", "2", "3", "2", "3", "2"),
            ("3.5", "4", "4", "3", "4", "3"),
            ("-2.5", "-2", "-3", "-3", "-2", "-2"),
            ("2.4", "2", "2", "2", "3", "2"),
            ("-0.4", "0", "0", "-1", "0", "0"),
            ("7", "7", "7", "7", "7", "7"),
        ] {
            let rounded = |round| {
                Decimal::read(text)
                    .unwrap()
                    .rounded(0, round)
                    .unwrap()
                    .to_string()
            };
            assert_eq!(rounded(Round::HalfEven), half_even, "{text}");
            assert_eq!(rounded(Round::HalfUp), half_up, "{text}");
            assert_eq!(rounded(Round::Floor), floor, "{text}");
            assert_eq!(rounded(Round::Ceil), ceil, "{text}");
            assert_eq!(rounded(Round::Truncate), truncate, "{text}");
        }
        assert_eq!(
            Decimal::read("1.25").unwrap().rounded(1, Round::Fail),
            Err(DecimalError::Cut)
        );
        assert_eq!(
            Decimal::read("1.20")
                .unwrap()
                .rounded(1, Round::Fail)
                .unwrap()
                .to_string(),
            "1.2"
        );
    }

    #[test]
    fn a_scale_pads_with_zeros() {
        let number = Decimal::read("12.5").unwrap();
        assert_eq!(number.with_scale(3), "12.500");
        assert_eq!(Decimal::read("7").unwrap().with_scale(2), "7.00");
        assert_eq!(Decimal::read("-0").unwrap().with_scale(2), "0.00");
    }

    #[test]
    fn a_reciprocal_is_there_only_where_it_is_finite() {
        let reciprocal = |text: &str| {
            Decimal::read(text)
                .unwrap()
                .reciprocal()
                .map(|number| number.to_string())
        };
        assert_eq!(reciprocal("100").as_deref(), Some("0.01"));
        assert_eq!(reciprocal("0.25").as_deref(), Some("4"));
        assert_eq!(reciprocal("-8").as_deref(), Some("-0.125"));
        assert_eq!(reciprocal("3"), None);
        assert_eq!(reciprocal("0"), None);
    }

    proptest! {
        #[test]
        fn whole_numbers_multiply_as_integers_do(left in any::<i64>(), right in any::<i64>()) {
            let product = Decimal::new(left, 0).times(&Decimal::new(right, 0)).unwrap();
            prop_assert_eq!(product.to_string(), (i128::from(left) * i128::from(right)).to_string());
        }

        #[test]
        fn reading_what_was_written_gives_the_same_number(mantissa in any::<i64>(), scale in -20_i64..20) {
            let number = Decimal::new(mantissa, scale);
            prop_assert_eq!(Decimal::read(&number.to_string()).unwrap(), number);
        }

        #[test]
        fn rounding_moves_a_number_by_less_than_one_unit(mantissa in any::<i64>(), scale in 0_i64..12, digits in 0_u32..6) {
            let number = Decimal::new(mantissa, scale);
            for (_, round) in Round::CHOICES.into_iter().filter(|(_, round)| *round != Round::Fail) {
                let moved = number.rounded(digits, round).unwrap();
                let difference = moved.times(&Decimal::new(1, 0)).unwrap();
                let unit = 12;
                let to_units = |number: &Decimal| &number.mantissa * BigInt::from(10).pow(u32::try_from(unit - number.scale).unwrap());
                let distance = (to_units(&difference) - to_units(&number)).abs();
                prop_assert!(distance < BigInt::from(10).pow(u32::try_from(unit).unwrap() - digits));
            }
        }
    }
}
