//! Documents with a few bytes changed, so that they are nearly what they were.

use crate::laws::chance::Chance;

/// Pieces that mean something to a reader of JSON.
const PIECES: [&[u8]; 32] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b" ",
    b"\n",
    b"0",
    b"-",
    b".",
    b"e",
    b"E+",
    b"null",
    b"true",
    b"\\u",
    b"\\ud800",
    b"\\u0061",
    b"\\/",
    b"\x00",
    b"\x1f",
    b"\x7f",
    b"\xff",
    b"\xc3\xa9",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\"a\":1,",
    b"{}",
    b"[]",
    b"\t",
];

/// The bytes with one to four changes.
pub(super) fn damaged(bytes: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..1 + chance.below(4) {
        let place = chance.below(bytes.len() + 1);
        let until = (place + 1 + chance.below(12)).min(bytes.len());
        match chance.below(7) {
            0 => {
                let piece = chance.pick(&PIECES);
                bytes.splice(place..place, piece.iter().copied());
            }
            1 => {
                let piece = chance.pick(&PIECES);
                bytes.splice(place..until, piece.iter().copied());
            }
            2 => {
                bytes.drain(place..until);
            }
            // Twice the same: names stand twice, brackets too often.
            3 => {
                let again = bytes[place..until].to_vec();
                bytes.splice(place..place, again);
            }
            4 => {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte ^= 1 << chance.below(8);
                }
            }
            5 if chance.percent(20) => bytes.truncate(place),
            // A piece from elsewhere, as long as a member may be.
            _ => {
                let from = chance.below(bytes.len() + 1);
                let to = (from + chance.below(40)).min(bytes.len());
                let piece = bytes[from..to].to_vec();
                bytes.splice(place..place, piece);
            }
        }
    }
    bytes
}
