//! Decimals: an integer in two's complement, big-endian, and a scale that the schema has.

use num_bigint::{BigInt, Sign};

/// The greatest precision of a decimal that is read: more digits cost more than linear time to write out.
pub(crate) const MOST_DIGITS: usize = 1000;

/// The number that bytes mean, with exactly `scale` digits behind the point.
///
/// # Errors
/// It has more digits than the precision allows. That is found out before anything is computed, so that long bytes cost
/// no time.
pub(crate) fn decimal_text(bytes: &[u8], precision: usize, scale: usize) -> Result<String, String> {
    let too_long = || format!("expected a decimal of at most {precision} digits");
    let significant = without_padding(bytes);
    // One byte holds more than two digits, so a number of that many digits never needs more bytes than this.
    if significant.len() > precision / 2 + 2 {
        return Err(too_long());
    }
    let number = BigInt::from_signed_bytes_be(significant);
    let mut digits = number.magnitude().to_string();
    let is_zero = digits == "0";
    if !is_zero && digits.len() > precision {
        return Err(too_long());
    }
    if digits.len() <= scale {
        digits.insert_str(0, &"0".repeat(scale + 1 - digits.len()));
    }
    if scale > 0 {
        digits.insert(digits.len() - scale, '.');
    }
    if number.sign() == Sign::Minus {
        digits.insert(0, '-');
    }
    Ok(digits)
}

/// The shortest bytes of a JSON number.
///
/// # Errors
/// It has digits other than zeros beyond the scale, or more digits than the precision allows.
pub(crate) fn decimal_bytes(text: &str, precision: usize, scale: usize) -> Result<Vec<u8>, String> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_negative = whole.starts_with('-');
    let all = format!("{}{fraction}", whole.trim_start_matches('-'));
    let digits = all.trim_start_matches('0').trim_end_matches('0');
    if digits.is_empty() {
        return Ok(vec![0]);
    }
    let trailing = all.len() - all.trim_end_matches('0').len();
    let too_long =
        || format!("expected a number of at most {precision} digits, {scale} of them behind the point");
    // How many zeros stand behind the digits once the point is moved behind the last digit of the scale. An exponent
    // beyond 64 bits belongs to a number that fits no precision and no scale.
    let zeros = exponent
        .parse::<i64>()
        .ok()
        .and_then(|exponent| exponent.checked_add(i64::try_from(trailing).ok()?))
        .and_then(|zeros| zeros.checked_add(i64::try_from(scale).ok()?))
        .and_then(|zeros| zeros.checked_sub(i64::try_from(fraction.len()).ok()?))
        .ok_or_else(too_long)?;
    let Ok(zeros) = usize::try_from(zeros) else {
        return Err(format!(
            "expected a number with at most {scale} digits behind the point"
        ));
    };
    if digits.len().saturating_add(zeros) > precision {
        return Err(too_long());
    }
    let unscaled = format!("{digits}{}", "0".repeat(zeros));
    let number: BigInt = unscaled.parse().map_err(|_| too_long())?;
    let number = if is_negative { -number } else { number };
    Ok(number.to_signed_bytes_be())
}

/// Bytes without those in front that only repeat the sign.
fn without_padding(mut bytes: &[u8]) -> &[u8] {
    while let [first, second, ..] = bytes {
        let repeats = (*first == 0 && *second < 0x80) || (*first == 0xff && *second >= 0x80);
        if !repeats {
            break;
        }
        bytes = &bytes[1..];
    }
    bytes
}
