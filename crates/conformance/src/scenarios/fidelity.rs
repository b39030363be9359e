//! Whether a message arrives as it was sent, or its sending is refused. Nothing between the two.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dunlin_core::carried::{Part, Way};
use dunlin_core::message::Message;
use dunlin_core::messaging::{Delivery, Outgoing};
use dunlin_core::{Class, HeaderValues};

use crate::bench::{Bench, SourceEnd, TargetEnd};
use crate::oracle::Tally;
use crate::suite::{Checked, ensure};

/// Payloads of every kind arrive byte for byte; what else belongs to a message is kept, or its loss is told.
pub(super) async fn bytes_roundtrip(bench: &Bench<'_>) -> Checked<Tally> {
    let endpoint = bench.channel().await?;
    let connection = bench.connect().await?;
    let mut target = connection.target(&endpoint).await?;
    let mut source = connection.source(&endpoint, "bytes").await?;
    // Room for the headers that a system may add: a limit of the whole is told as one of the payload by some.
    let largest = bench
        .resolved()
        .limits
        .payload
        .map_or(1 << 20, |limit| limit.saturating_sub(4_096).min(1 << 20));
    let payloads: [(&str, Vec<u8>); 9] = [
        ("a document", br#"{"a":1}"#.to_vec()),
        ("nothing", Vec::new()),
        ("one byte", b"1".to_vec()),
        ("NUL", vec![0]),
        ("no UTF-8", vec![0xff, 0xfe, 0x80]),
        ("a line feed", b"{\n}".to_vec()),
        ("CR LF at its end", b"{}\r\n".to_vec()),
        ("every byte", (0..=255).collect()),
        (
            "the largest",
            format!("\"{}\"", "x".repeat(largest.saturating_sub(2))).into_bytes(),
        ),
    ];
    let mut tally = Tally::default();
    for (what, payload) in payloads {
        let sent = Message::new(payload);
        match pass(&mut target, &mut source, sent.clone(), what).await? {
            Some(found) => {
                ensure(is_same_payload(&sent, &found), || {
                    format!("expected {what} to arrive as it was sent, found other bytes")
                })?;
                if found.message.payload != sent.payload {
                    tally
                        .notes
                        .push("an empty payload arrives as a tombstone".to_owned());
                }
                tally.messages += 1;
            }
            None => tally.notes.push(format!("refused: {what}")),
        }
    }
    ensure(
        !tally.notes.iter().any(|note| note.ends_with("a document")),
        || "expected a plain JSON document to be taken, found it refused".to_owned(),
    )?;
    let full = dressed();
    match pass(
        &mut target,
        &mut source,
        full.clone(),
        "a message with everything",
    )
    .await?
    {
        None => tally
            .notes
            .push("refused: key, id, time or properties".to_owned()),
        Some(found) => {
            let lost = lost(&full, &found.message);
            tally.messages += 1;
            let is_told = |part: &Part| matches!(bench.way(*part), None | Some(Way::Lost(_)));
            let untold: Vec<_> = lost.iter().filter(|part| !is_told(part)).collect();
            ensure(untold.is_empty(), || {
                format!(
                    "expected every part that the system says it carries to be kept, found {untold:?} changed"
                )
            })?;
            if !lost.is_empty() {
                let names: Vec<_> = lost.iter().map(|part| part.name()).collect();
                tally.notes.push(format!("not kept: {}", names.join(", ")));
            }
        }
    }
    match pass(&mut target, &mut source, Message::tombstone(), "a tombstone").await? {
        Some(found) if found.message.payload.is_some() => {
            tally
                .notes
                .push("a tombstone arrives as an empty payload".to_owned());
        }
        Some(_) => {}
        None => tally.notes.push("refused: a tombstone".to_owned()),
    }
    source.close().await?;
    Ok(tally)
}

/// Zero bytes and no payload at all are one for every rule, so a system may make the one into the other.
fn is_same_payload(sent: &Message, found: &Delivery) -> bool {
    sent.payload.as_deref().unwrap_or_default() == found.message.payload.as_deref().unwrap_or_default()
}

/// A message with all that a message can have.
fn dressed() -> Message {
    let mut message = Message::new(r#"{"dressed":true}"#).with_key("key").with_id("id");
    message.timestamp = Some(UNIX_EPOCH + Duration::from_millis(1_600_000_000_123));
    message.properties.content_type = Some("application/json".to_owned());
    message.properties.content_encoding = Some("identity".to_owned());
    message.properties.kind = Some("order".to_owned());
    message.properties.correlation_id = Some("correlation".into());
    message.properties.reply_to = Some("answers".to_owned());
    message.properties.priority = Some(4);
    message.properties.expiry = Some(Duration::from_secs(3_600));
    message
}

/// The parts that did not arrive as they were sent.
fn lost(sent: &Message, found: &Message) -> Vec<Part> {
    let millis = |time: Option<SystemTime>| {
        time.and_then(|time| time.duration_since(UNIX_EPOCH).ok())
            .map(|since| since.as_millis())
    };
    let (before, after) = (&sent.properties, &found.properties);
    [
        (Part::Key, sent.key == found.key),
        (Part::Id, sent.id == found.id),
        (Part::Time, millis(sent.timestamp) == millis(found.timestamp)),
        (Part::ContentType, before.content_type == after.content_type),
        (
            Part::ContentEncoding,
            before.content_encoding == after.content_encoding,
        ),
        (Part::Kind, before.kind == after.kind),
        (Part::CorrelationId, before.correlation_id == after.correlation_id),
        (Part::ReplyTo, before.reply_to == after.reply_to),
        (Part::Priority, before.priority == after.priority),
        (Part::Expiry, before.expiry == after.expiry),
    ]
    .into_iter()
    .filter(|(_, same)| !same)
    .map(|(part, _)| part)
    .collect()
}

/// Headers arrive as they were sent, or the message is refused; no header turns into two.
pub(super) async fn headers_roundtrip(bench: &Bench<'_>) -> Checked<Tally> {
    let endpoint = bench.channel().await?;
    let connection = bench.connect().await?;
    let mut target = connection.target(&endpoint).await?;
    let mut source = connection.source(&endpoint, "headers").await?;
    let plain = |name: &str, value: &str| Message::new("{}").with_header(name, value.to_owned());
    let cases: Vec<(&str, Message)> = vec![
        ("a plain one", plain("name", "value")),
        (
            "a name three times",
            plain("twice", "1")
                .with_header("other", "x")
                .with_header("twice", "2")
                .with_header("twice", "1"),
        ),
        (
            "names that differ in case",
            plain("Name", "1").with_header("name", "2"),
        ),
        ("an empty value", plain("empty", "")),
        ("an empty name", plain("", "value")),
        ("64 KB", plain("large", &"x".repeat(64 << 10))),
        ("no ASCII", plain("näme-🦆", "wärt-🦆")),
        ("CR and LF in a value", plain("a", "x\r\ninjected: yes")),
        ("CR and LF in a name", plain("a\r\ninjected: yes", "x")),
        ("a colon and spaces", plain("a: b ", "  x: y  ")),
        ("NUL", plain("nul", "a\0b")),
        (
            "naughty text",
            plain(
                "naughty",
                "';DROP TABLE x;-- ${jndi:ldap://x} %s%n ../../ \u{202e}\u{feff}\u{1b}[31m",
            ),
        ),
        (
            "bytes",
            Message::new("{}").with_header("bytes", vec![0xff_u8, 0x00, 0x80, 0x0a]),
        ),
    ];
    let escapes = [Part::BinaryHeaders, Part::RepeatedHeaders]
        .into_iter()
        .any(|part| bench.way(part) == Some(Way::Header));
    let mut tally = Tally::default();
    for (what, sent) in cases {
        match pass(&mut target, &mut source, sent.clone(), what).await? {
            Some(found) => {
                ensure(found.message.headers == sent.headers, || {
                    format!(
                        "expected {what} to arrive as it was sent, found {:?}",
                        found.message.headers
                    )
                })?;
                ensure(found.message.payload == sent.payload, || {
                    format!("{what} changed the payload")
                })?;
                tally.messages += 1;
            }
            None => {
                let binary = bench.resolved().capabilities.header_values == HeaderValues::Binary;
                ensure(!(binary && what == "bytes"), || {
                    "expected a channel with binary header values to take bytes, found them refused"
                        .to_owned()
                })?;
                ensure(what != "a plain one", || "a plain header was refused".to_owned())?;
                tally.notes.push(format!("refused: {what}"));
                if !escapes {
                    continue;
                }
                // A dead letter is not refused for its headers, and gives them back.
                let escaped = Outgoing::new(sent.clone()).escaping();
                if let Some(found) = pass_outgoing(&mut target, &mut source, escaped, what).await? {
                    ensure(found.message.headers == sent.headers, || {
                        format!(
                            "expected {what} to come back from its escape, found {:?}",
                            found.message.headers
                        )
                    })?;
                    tally.messages += 1;
                } else {
                    ensure(what == "64 KB", || {
                        format!("expected {what} to pass where headers may be escaped, found it refused")
                    })?;
                }
            }
        }
    }
    source.close().await?;
    Ok(tally)
}

/// What no migration touches passes as it came, however malformed it is.
pub(super) async fn passthrough_identity(bench: &Bench<'_>) -> Checked<Tally> {
    let endpoint = bench.channel().await?;
    let connection = bench.connect().await?;
    let mut target = connection.target(&endpoint).await?;
    let mut source = connection.source(&endpoint, "identity").await?;
    let mut random = bench.random();
    let mut payloads: Vec<Vec<u8>> = [
        "1E2",
        "-0",
        "1.0000000000000000000000000000001",
        "123456789012345678901234567890",
        r#"{"b":1,"a":2,"a":3}"#,
        r#"["\u0041\/"]"#,
        r#"{"a":"\ud800"}"#,
        r#"{"a":1,}"#,
        "[1 2]",
        "nul",
        "{\"a\"",
        "  {}  ",
        "\u{feff}{}",
        "NaN",
    ]
    .into_iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    payloads.push("[".repeat(100_000).into_bytes());
    for _ in 0..200 {
        let length = random.below(200);
        let mut bytes = random.bytes(length);
        if random.percent(70) {
            // Mostly one line, so that systems of lines are not left out.
            bytes.retain(|byte| !matches!(byte, b'\n' | b'\r'));
        }
        payloads.push(bytes);
    }
    let (mut tally, mut refused) = (Tally::default(), 0);
    for payload in payloads {
        let sent = Message::new(payload);
        match pass(&mut target, &mut source, sent.clone(), "a fuzzed payload").await? {
            Some(found) => {
                ensure(is_same_payload(&sent, &found), || {
                    "expected a payload to arrive as it was sent, found other bytes".to_owned()
                })?;
                tally.messages += 1;
            }
            None => refused += 1,
        }
    }
    ensure(tally.messages > 0, || "every payload was refused".to_owned())?;
    source.close().await?;
    Ok(if refused > 0 {
        tally.noting(format!("refused as not representable: {refused}"))
    } else {
        tally
    })
}

/// Sends one message and receives it; none where sending it was refused for good.
async fn pass(
    target: &mut TargetEnd,
    source: &mut SourceEnd,
    message: Message,
    what: &str,
) -> Checked<Option<Delivery>> {
    pass_outgoing(target, source, Outgoing::new(message), what).await
}

async fn pass_outgoing(
    target: &mut TargetEnd,
    source: &mut SourceEnd,
    outgoing: Outgoing,
    what: &str,
) -> Checked<Option<Delivery>> {
    let answer = target.send(&[outgoing]).await?.remove(0);
    match answer {
        Err(error) if error.class() == Class::Permanent => Ok(None),
        Err(error) => Err(error.with("case", what).into()),
        Ok(_) => {
            let batch = source.take(1).await?;
            source.done(&batch).await?;
            Ok(batch.into_iter().next())
        }
    }
}
