//! How a message becomes a line, and a line a message.
//!
//! A plain line is the payload and nothing else. Key, id, time, headers and properties have no place in it and are left
//! out, which the capability `header_values: none` says beforehand; a payload that cannot be one line is refused instead,
//! because leaving out a part of it would change what it says.

use bytes::Bytes;
use dunlin_core::envelope::{self, Envelope};
use dunlin_core::messaging::Outgoing;
use dunlin_core::{Error, ErrorKind, Result};

use crate::config::End;
use crate::container::Packed;
use crate::spot::Spot;

/// Makes lines of messages, up to the first that cannot be one, which is told.
pub(crate) fn lines(end: &End, batch: &[Outgoing]) -> (Packed, Option<Error>) {
    let mut packed = Packed::default();
    for outgoing in batch {
        let start = packed.bytes.len() as u64;
        if let Err(error) = write(end, outgoing, &mut packed.bytes) {
            return (packed, Some(error));
        }
        packed.starts.push(Spot::line(start));
    }
    (packed, None)
}

/// Appends the line of a message, with its line feed. On an error nothing is appended.
pub(crate) fn write(end: &End, outgoing: &Outgoing, lines: &mut Vec<u8>) -> Result<()> {
    let start = lines.len();
    let written = if end.envelope {
        envelope::write(&outgoing.message, outgoing.address.as_ref(), lines).map_err(|cause| {
            Error::new(
                ErrorKind::NotRepresentable,
                "send",
                "expected a message that fits an envelope",
            )
            .caused_by(cause)
        })
    } else {
        plain(outgoing, lines)
    };
    let written = written.and_then(|()| {
        let payload = outgoing.message.payload.as_ref().map_or(0, Bytes::len);
        fits("a payload", payload, end.max_payload())?;
        fits("a line", lines.len() - start, end.max_line)
    });
    match written {
        Ok(()) => lines.push(b'\n'),
        Err(_) => lines.truncate(start),
    }
    written.map_err(|error| error.with("channel", name(end)))
}

pub(crate) fn fits(what: &str, found: usize, most: usize) -> Result<()> {
    if found <= most {
        return Ok(());
    }
    let message = format!(
        "expected {what} of at most {most} bytes, found {found}; raise `max_line` here and where it is read"
    );
    Err(Error::new(ErrorKind::TooLarge, "send", message))
}

fn plain(outgoing: &Outgoing, lines: &mut Vec<u8>) -> Result<()> {
    let payload = outgoing.message.payload.as_deref().unwrap_or_default();
    let found = if payload.trim_ascii().is_empty() {
        "a message without a payload, or of white space alone"
    } else if payload.contains(&b'\n') {
        "a line feed in it"
    } else if payload.ends_with(b"\r") {
        "a carriage return at its end"
    } else {
        lines.extend_from_slice(payload);
        return Ok(());
    };
    Err(Error::new(
        ErrorKind::NotRepresentable,
        "send",
        format!("expected a payload that is one line, found {found}; set `envelope: true` for this channel"),
    ))
}

/// Reads one line, without its line feed.
pub(crate) fn read(end: &End, line: Bytes, offset: u64) -> Result<Envelope> {
    if !end.envelope {
        // A line as it stands, or a message of a container.
        return Ok(Envelope {
            message: dunlin_core::Message::new(line),
            address: None,
        });
    }
    envelope::read(&line).map_err(|cause| {
        Error::new(
            ErrorKind::Damaged,
            "receive",
            "expected an envelope in each line; mend the line, or set `envelope: false` if lines are bare payloads",
        )
        .with("channel", name(end))
        .with("offset", offset)
        .caused_by(cause)
    })
}

/// The channel as an error names it.
pub(crate) fn name(end: &End) -> &str {
    if end.channel.is_empty() { "-" } else { &end.channel }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dunlin_core::Message;
    use dunlin_core::clock::{Clock, ManualClock};
    use dunlin_core::messaging::Endpoint;
    use dunlin_core::registry::Opening;
    use dunlin_core::settings::Settings;

    use super::*;
    use crate::config::Config;

    fn end(settings: &Settings) -> End {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
        let opening = Opening {
            name: "disk",
            url: "file:data",
            base: "/",
            settings,
            clock: &clock,
        };
        Config::new(&opening, &[])
            .unwrap()
            .end(&Endpoint::new("a"))
            .unwrap()
    }

    #[test]
    fn a_payload_that_is_no_line_is_refused_for_good_and_told_what_to_do() {
        let plain = end(&Settings::new());
        for payload in [Some("{\n}"), Some(""), Some(" \t"), Some("{}\r"), None] {
            let mut message = Message::tombstone();
            message.payload = payload.map(Bytes::from);
            let mut lines = b"before\n".to_vec();
            let error = write(&plain, &Outgoing::new(message.clone()), &mut lines).unwrap_err();
            assert_eq!(error.class(), dunlin_core::Class::Permanent);
            assert!(error.to_string().contains("envelope: true"), "{error}");
            assert_eq!(lines, b"before\n");
            write(
                &end(&Settings::new().with("envelope", "true")),
                &Outgoing::new(message),
                &mut lines,
            )
            .unwrap();
        }
    }

    #[test]
    fn a_plain_line_keeps_the_bytes_of_its_payload_and_nothing_else() {
        let mut lines = Vec::new();
        for payload in [&b" {\"a\":1} "[..], b"\xff\x00", b"a\rb"] {
            let message = Message::new(payload).with_key("k").with_header("h", "v");
            write(&end(&Settings::new()), &Outgoing::new(message), &mut lines).unwrap();
        }
        assert_eq!(lines, b" {\"a\":1} \n\xff\x00\na\rb\n");
    }

    #[test]
    fn a_line_of_the_limit_passes_and_one_byte_more_is_too_large() {
        let end = end(&Settings::new().with("max_line", "4"));
        let mut lines = Vec::new();
        write(&end, &Outgoing::new(Message::new("1234")), &mut lines).unwrap();
        let error = write(&end, &Outgoing::new(Message::new("12345")), &mut lines).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert_eq!(lines, b"1234\n");
    }

    #[test]
    fn a_line_that_is_no_envelope_is_told_with_its_place_and_without_its_content() {
        let error = read(
            &end(&Settings::new().with("envelope", "true")),
            Bytes::from("\"canary\""),
            7,
        )
        .unwrap_err();
        let told = error.to_string();
        assert!(told.contains("offset: 7") && !told.contains("canary"), "{told}");
    }
}
