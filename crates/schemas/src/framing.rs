//! What stands before the content of a payload, so that a reader knows the schema of its writer.
//!
//! Confluent's wire format: <https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format>.

/// The first byte of a payload in Confluent's wire format.
const MAGIC: u8 = 0;
/// The magic byte and the id.
const LENGTH: usize = 5;

/// The id of the writer's schema and what follows it, of a payload in Confluent's wire format.
///
/// `None`: the payload is in none. Zero bytes and JSON text never are, since JSON does not begin with a zero byte.
#[must_use]
pub fn confluent(payload: &[u8]) -> Option<(u32, &[u8])> {
    let (head, content) = payload.split_at_checked(LENGTH)?;
    match head {
        [MAGIC, id @ ..] => Some((u32::from_be_bytes(id.try_into().ok()?), content)),
        _ => None,
    }
}

/// Begins a payload in Confluent's wire format.
pub fn write_confluent(id: u32, out: &mut Vec<u8>) {
    out.push(MAGIC);
    out.extend_from_slice(&id.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_framed_is_told_apart_again() {
        let mut payload = Vec::new();
        write_confluent(0x0102_0304, &mut payload);
        payload.push(7);
        assert_eq!(payload, [0, 1, 2, 3, 4, 7]);
        assert_eq!(confluent(&payload), Some((0x0102_0304, &[7][..])));
    }

    #[test]
    fn json_and_short_payloads_are_in_no_wire_format() {
        assert_eq!(confluent(b"{\"a\":1}"), None);
        assert_eq!(confluent(&[0, 1, 2, 3]), None);
    }
}
