//! The two loops that look at many bytes at once, and the only place of the engine with `unsafe` code.
//!
//! What is unsafe here is loading vectors from memory. Each load is given a slice of exactly the length that it reads, so
//! that no byte outside of the input is ever touched: a payload needs no padding. Every function has a twin that looks at
//! one byte after the other; it runs on machines without vectors, under Miri, and in the tests that hold both against each
//! other.
#![expect(
    unsafe_code,
    reason = "vectors are loaded from memory through pointers; every load is bounded by a slice of its length"
)]

/// How many bytes a predicted name is compared in at once.
pub(super) const WINDOW: usize = 16;

/// The position of the next quote, backslash or control character in a string, or the length of the input.
#[inline(always)]
pub(super) fn special(bytes: &[u8], from: usize) -> usize {
    match bytes.get(from..).and_then(<[u8]>::first_chunk::<WINDOW>) {
        Some(chunk) => match specials(chunk) {
            0 => special_far(bytes, from + WINDOW),
            found => from + found.trailing_zeros() as usize,
        },
        None => special_scalar(bytes, from),
    }
}

/// The position of the next byte that is no digit, or the length of the input.
#[inline(always)]
pub(super) fn behind_digits(bytes: &[u8], mut from: usize) -> usize {
    while let Some(chunk) = bytes.get(from..).and_then(<[u8]>::first_chunk::<WINDOW>) {
        let others = others(chunk);
        if others != 0 {
            return from + others.trailing_zeros() as usize;
        }
        from += WINDOW;
    }
    behind_digits_scalar(bytes, from)
}

/// As [`behind_digits`], byte by byte.
fn behind_digits_scalar(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let found = rest.iter().position(|byte| !byte.is_ascii_digit());
    from + found.unwrap_or(rest.len())
}

/// One bit for each byte that is no digit.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
fn others(chunk: &[u8; WINDOW]) -> u32 {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_set1_epi8, _mm_sub_epi8,
    };
    // SAFETY: the load reads the 16 bytes of the array and needs no alignment; SSE2 is part of every x86-64 machine.
    let digits = unsafe {
        let bytes = _mm_loadu_si128(chunk.as_ptr().cast());
        let values = _mm_sub_epi8(bytes, _mm_set1_epi8(0x30));
        _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values))
    };
    digits.cast_unsigned() ^ 0xffff
}

/// One bit for each byte that is no digit.
#[cfg(any(miri, not(target_arch = "x86_64")))]
fn others(chunk: &[u8; WINDOW]) -> u32 {
    others_scalar(chunk)
}

#[cfg(any(test, miri, not(target_arch = "x86_64")))]
fn others_scalar(chunk: &[u8; WINDOW]) -> u32 {
    chunk
        .iter()
        .rev()
        .fold(0, |found, byte| found << 1 | u32::from(!byte.is_ascii_digit()))
}

/// Which code path long strings take on this machine: `avx2`, `sse2`, `neon` or `scalar`.
pub(super) fn path() -> &'static str {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        if std::arch::is_x86_feature_detected!("avx2") {
            "avx2"
        } else {
            "sse2"
        }
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    {
        "neon"
    }
    #[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
    {
        "scalar"
    }
}

/// Strings of more than a few words.
#[inline(never)]
fn special_far(bytes: &[u8], from: usize) -> usize {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the machine has AVX2, as has just been asked.
        return unsafe { special_avx2(bytes, from) };
    }
    special_by_windows(bytes, from)
}

/// As [`special`], by windows that every machine of the architecture can compare at once.
fn special_by_windows(bytes: &[u8], mut from: usize) -> usize {
    while let Some(chunk) = bytes.get(from..).and_then(<[u8]>::first_chunk::<WINDOW>) {
        let found = specials(chunk);
        if found != 0 {
            return from + found.trailing_zeros() as usize;
        }
        from += WINDOW;
    }
    special_scalar(bytes, from)
}

/// As [`special`], byte by byte.
fn special_scalar(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let found = rest.iter().position(|byte| is_special(*byte));
    from + found.unwrap_or(rest.len())
}

const fn is_special(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..=0x1f)
}

/// One bit for each byte that ends the plain part of a string.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
fn specials(chunk: &[u8; WINDOW]) -> u32 {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8,
    };
    // SAFETY: the load reads the 16 bytes of the array and needs no alignment; SSE2 is part of every x86-64 machine.
    let found = unsafe {
        let bytes = _mm_loadu_si128(chunk.as_ptr().cast());
        let quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x22));
        let backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x5c));
        let control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
        _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control))
    };
    found.cast_unsigned()
}

/// One bit for each byte that ends the plain part of a string.
#[cfg(all(target_arch = "aarch64", not(miri)))]
#[inline(always)]
fn specials(chunk: &[u8; WINDOW]) -> u32 {
    use std::arch::aarch64::{
        vaddv_u8, vandq_u8, vceqq_u8, vcltq_u8, vdupq_n_u8, vget_high_u8, vget_low_u8, vld1q_u8, vorrq_u8,
    };
    const BITS: [u8; WINDOW] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];
    // SAFETY: both loads read the 16 bytes of an array and need no alignment; NEON is part of every AArch64 machine.
    unsafe {
        let bytes = vld1q_u8(chunk.as_ptr());
        let quote = vceqq_u8(bytes, vdupq_n_u8(0x22));
        let backslash = vceqq_u8(bytes, vdupq_n_u8(0x5c));
        let control = vcltq_u8(bytes, vdupq_n_u8(0x20));
        let found = vandq_u8(
            vorrq_u8(vorrq_u8(quote, backslash), control),
            vld1q_u8(BITS.as_ptr()),
        );
        u32::from(vaddv_u8(vget_low_u8(found))) | u32::from(vaddv_u8(vget_high_u8(found))) << 8
    }
}

/// One bit for each byte that ends the plain part of a string.
#[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn specials(chunk: &[u8; WINDOW]) -> u32 {
    specials_scalar(chunk)
}

#[cfg(any(test, miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn specials_scalar(chunk: &[u8; WINDOW]) -> u32 {
    chunk
        .iter()
        .rev()
        .fold(0, |found, byte| found << 1 | u32::from(is_special(*byte)))
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
#[target_feature(enable = "avx2")]
fn special_avx2(bytes: &[u8], mut from: usize) -> usize {
    use std::arch::x86_64::{
        _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256,
        _mm256_set1_epi8,
    };
    const WIDE: usize = 32;
    let (quotes, backslashes) = (_mm256_set1_epi8(0x22), _mm256_set1_epi8(0x5c));
    let controls = _mm256_set1_epi8(0x1f);
    while let Some(chunk) = bytes.get(from..).and_then(<[u8]>::first_chunk::<WIDE>) {
        // SAFETY: the load reads the 32 bytes of the array and needs no alignment.
        let bytes = unsafe { _mm256_loadu_si256(chunk.as_ptr().cast()) };
        let quote = _mm256_cmpeq_epi8(bytes, quotes);
        let backslash = _mm256_cmpeq_epi8(bytes, backslashes);
        let control = _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, controls), bytes);
        let found = _mm256_movemask_epi8(_mm256_or_si256(_mm256_or_si256(quote, backslash), control));
        if found != 0 {
            return from + found.trailing_zeros() as usize;
        }
        from += WIDE;
    }
    special_by_windows(bytes, from)
}

/// Whether the input goes on with the bytes of a pattern of which `mask` says which count.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
pub(super) fn matches(chunk: &[u8; WINDOW], pattern: &[u8; WINDOW], mask: u32) -> bool {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8};
    // SAFETY: both loads read the 16 bytes of an array and need no alignment; SSE2 is part of every x86-64 machine.
    let equal = unsafe {
        let chunk = _mm_loadu_si128(chunk.as_ptr().cast());
        let pattern = _mm_loadu_si128(pattern.as_ptr().cast());
        _mm_movemask_epi8(_mm_cmpeq_epi8(chunk, pattern))
    };
    equal.cast_unsigned() & mask == mask
}

/// Whether the input goes on with the bytes of a pattern of which `mask` says which count.
#[cfg(any(miri, not(target_arch = "x86_64")))]
#[inline(always)]
pub(super) fn matches(chunk: &[u8; WINDOW], pattern: &[u8; WINDOW], mask: u32) -> bool {
    matches_scalar(chunk, pattern, mask)
}

#[cfg(any(test, miri, not(target_arch = "x86_64")))]
fn matches_scalar(chunk: &[u8; WINDOW], pattern: &[u8; WINDOW], mask: u32) -> bool {
    let differ = u128::from_le_bytes(*chunk) ^ u128::from_le_bytes(*pattern);
    (0..WINDOW).all(|place| mask & (1 << place) == 0 || (differ >> (place * 8)) & 0xff == 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_next_special_byte_is_the_same_by_vectors_and_byte_by_byte(
            bytes in proptest::collection::vec(prop_oneof![8 => 0x20_u8..0x7f, 1 => any::<u8>()], 0..200),
            from in 0_usize..220,
        ) {
            let expected = special_scalar(&bytes, from);
            prop_assert_eq!(special(&bytes, from), expected);
            prop_assert_eq!(special_by_windows(&bytes, from), expected);
            prop_assert_eq!(special_far(&bytes, from), expected);
        }

        #[test]
        fn the_end_of_digits_is_the_same_by_vectors_and_byte_by_byte(
            bytes in proptest::collection::vec(prop_oneof![12 => b'0'..=b'9', 1 => any::<u8>()], 0..100),
            from in 0_usize..120,
            chunk: [u8; WINDOW],
        ) {
            prop_assert_eq!(behind_digits(&bytes, from), behind_digits_scalar(&bytes, from));
            prop_assert_eq!(others(&chunk), others_scalar(&chunk));
        }

        #[test]
        fn a_window_is_compared_the_same_by_vectors_and_byte_by_byte(
            chunk: [u8; WINDOW], place in 0..WINDOW, other: u8, mask in 0_u32..0x1_0000,
        ) {
            let mut pattern = chunk;
            pattern[place] = other;
            prop_assert_eq!(matches(&chunk, &pattern, mask), matches_scalar(&chunk, &pattern, mask));
            prop_assert_eq!(specials(&chunk), specials_scalar(&chunk));
        }
    }
}
