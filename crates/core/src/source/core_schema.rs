//! What a plain scalar of YAML means: the tag resolution of the YAML 1.2 core schema (YAML 1.2.2, section 10.3.2).

use num_bigint::BigInt;
use num_traits::Num;

use super::Content;
use crate::migration::document::Number;

/// Digits of a hexadecimal or octal number; its decimal is computed, in time that grows faster than its length.
const MOST_RADIX_DIGITS: usize = 1024;

/// What an unquoted scalar means, or why it means nothing that JSON could hold.
pub(super) fn resolve(text: &str) -> Result<Content, String> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Content::Null,
        "true" | "True" | "TRUE" => Content::Bool(true),
        "false" | "False" | "FALSE" => Content::Bool(false),
        _ => match number(text)? {
            Some(number) => Content::Number(Number::from_scanned(&number)),
            None => Content::String(text.to_owned()),
        },
    })
}

/// The JSON text of a number, or none if the scalar is a string.
fn number(text: &str) -> Result<Option<String>, String> {
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Err(format!(
            "`{text}` is no number that JSON knows; quote it if text is meant"
        ));
    }
    if is_digits(unsigned) {
        return Ok(Some(integer(negative, unsigned)));
    }
    if unsigned.len() == text.len() {
        for (prefix, radix) in [("0o", 8), ("0x", 16)] {
            if let Some(digits) = text.strip_prefix(prefix)
                && !digits.is_empty()
                && digits.chars().all(|digit| digit.is_digit(radix))
            {
                return in_radix(digits, radix).map(Some);
            }
        }
    }
    if !is_float(unsigned) {
        return Ok(None);
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Some(format!("{number:?}"))),
        _ => Err("the number is too large for a double; write it as an integer or as a string".to_owned()),
    }
}

/// An integer of any length: without a plus, leading zeros, or a negative zero.
fn integer(negative: bool, digits: &str) -> String {
    match digits.trim_start_matches('0') {
        "" => "0".to_owned(),
        digits if negative => format!("-{digits}"),
        digits => digits.to_owned(),
    }
}

fn in_radix(digits: &str, radix: u32) -> Result<String, String> {
    if digits.len() > MOST_RADIX_DIGITS {
        return Err(format!(
            "the number has more than {MOST_RADIX_DIGITS} digits; write it as a decimal"
        ));
    }
    BigInt::from_str_radix(digits, radix)
        .map(|number| number.to_string())
        .map_err(|error| error.to_string())
}

/// `(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, the sign being off already.
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", fraction)) => is_digits(fraction),
        Some((whole, fraction)) => is_digits(whole) && (fraction.is_empty() || is_digits(fraction)),
        None => is_digits(mantissa),
    };
    let exponent_fits =
        exponent.is_none_or(|exponent| is_digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)));
    mantissa_fits && exponent_fits
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
