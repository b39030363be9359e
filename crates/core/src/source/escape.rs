//! The way back from an offset in a string to the column where that part of it was written.

/// Where byte `offset` of a string's text stands in the string as `written`, its quotes included.
///
/// None where that cannot be told without reading the string again: block scalars, folded lines.
pub(super) fn written_offset(written: &str, offset: usize) -> Option<usize> {
    if written.contains('\n') || written.starts_with(['|', '>']) {
        return None;
    }
    if let Some(quoted) = written.strip_prefix('"') {
        let mut at = 0;
        let mut text = 0;
        while text < offset {
            let rest = quoted.get(at..)?;
            let character = rest.chars().next()?;
            let (taken, length) = if character == '\\' {
                escape(rest)?
            } else {
                (character.len_utf8(), character.len_utf8())
            };
            at += taken;
            text += length;
        }
        return Some(at + 1);
    }
    if let Some(quoted) = written.strip_prefix('\'') {
        let mut at = 0;
        let mut text = 0;
        while text < offset {
            let rest = quoted.get(at..)?;
            let character = rest.chars().next()?;
            at += if rest.starts_with("''") {
                2
            } else {
                character.len_utf8()
            };
            text += character.len_utf8();
        }
        return Some(at + 1);
    }
    (offset <= written.len()).then_some(offset)
}

/// The bytes that an escape takes in the source, and those of the character it stands for, in UTF-8.
fn escape(rest: &str) -> Option<(usize, usize)> {
    let digits = |from: usize, count: usize| {
        rest.get(from..from + count)
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
    };
    let utf8 = |code: u32| char::from_u32(code).map(char::len_utf8);
    match rest.as_bytes().get(1)? {
        b'x' => Some((4, utf8(digits(2, 2)?)?)),
        b'U' => Some((10, utf8(digits(2, 8)?)?)),
        b'u' => match digits(2, 4)? {
            0xd800..=0xdbff if rest.get(6..8) == Some("\\u") => Some((12, 4)),
            code => Some((6, utf8(code)?)),
        },
        // Next line, no-break space, line and paragraph separator of YAML: the only ones beyond ASCII.
        b'N' | b'_' => Some((2, 2)),
        b'L' | b'P' => Some((2, 3)),
        _ => Some((2, 1)),
    }
}
