//! The difference between two texts of bytes: one of them compressed with the other as its dictionary.
//!
//! What both have in common costs a few bytes wherever it stands, so that values that were moved or renamed cost next to
//! nothing, and values that are gone cost what they are. The form is a zstd frame (RFC 8878) that refers back into the other
//! text, as `zstd --patch-from` makes it.

use zstd::zstd_safe::{CCtx, CParameter, DCtx, compress_bound, get_error_name, get_frame_content_size};

/// Good compression at a speed that is no burden for messages.
const LEVEL: i32 = 9;

/// Beyond this size the compressor is told how far back to look, since it would not look through both texts by itself.
const SEEN_BY_ITSELF: usize = 256 * 1024;

/// The least and the most that it can be told, as powers of two: what decoders take without being asked.
const WINDOWS: std::ops::RangeInclusive<u32> = 10..=27;

/// What must be known beside `base` to have `text`.
pub(super) fn between(text: &[u8], base: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut compressor = CCtx::create();
    compressor
        .set_parameter(CParameter::CompressionLevel(LEVEL))
        .map_err(get_error_name)?;
    let both = text.len().saturating_add(base.len());
    if both > SEEN_BY_ITSELF {
        let window = both
            .next_power_of_two()
            .ilog2()
            .clamp(*WINDOWS.start(), *WINDOWS.end());
        for parameter in [
            CParameter::WindowLog(window),
            CParameter::EnableLongDistanceMatching(true),
        ] {
            compressor.set_parameter(parameter).map_err(get_error_name)?;
        }
    }
    compressor.ref_prefix(base).map_err(get_error_name)?;
    let mut difference = Vec::with_capacity(compress_bound(text.len()));
    compressor
        .compress2(&mut difference, text)
        .map_err(get_error_name)?;
    Ok(difference)
}

/// The text that differs so from `base`, if it has at most so many bytes.
pub(super) fn apply(difference: &[u8], base: &[u8], most: usize) -> Result<Vec<u8>, &'static str> {
    let size = get_frame_content_size(difference).ok().flatten();
    let size = size
        .and_then(|size| usize::try_from(size).ok())
        .ok_or("it says no size")?;
    if size > most {
        return Err("it is larger than a message may be");
    }
    let mut decompressor = DCtx::create();
    decompressor.ref_prefix(base).map_err(get_error_name)?;
    let mut text = Vec::with_capacity(size);
    decompressor
        .decompress(&mut text, difference)
        .map_err(get_error_name)?;
    Ok(text)
}
