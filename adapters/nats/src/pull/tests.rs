use super::*;

fn message(reply: Option<&str>) -> Message {
    Message {
        subject: "orders".into(),
        reply: reply.map(Into::into),
        payload: Bytes::new(),
        headers: None,
        status: None,
        description: None,
        length: 0,
    }
}

#[test]
fn both_forms_of_a_reply_subject_say_the_same() {
    for reply in [
        "$JS.ACK.ORDERS.billing.3.41.57.1600000000123456789.9",
        "$JS.ACK._.ACCHASH.ORDERS.billing.3.41.57.1600000000123456789.9",
        "$JS.ACK.hub.ACCHASH.ORDERS.billing.3.41.57.1600000000123456789.9.token.more",
    ] {
        let found = fetched(message(Some(reply))).unwrap();
        assert_eq!(
            (found.attempt, found.sequence, found.consumer_sequence),
            (3, 41, 57),
            "{reply}"
        );
        let since = found.time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(since.as_nanos(), 1_600_000_000_123_456_789);
    }
}

#[test]
fn a_message_that_no_stream_sent_is_an_error_and_no_panic() {
    for reply in [
        None,
        Some(""),
        Some("_INBOX.x"),
        Some("$JS.ACK."),
        Some("$JS.ACK.ORDERS.billing.3.41.57.1"),
        Some("$JS.ACK.ORDERS.billing.x.41.57.1600000000123456789.9"),
        Some("$JS.ACK.ORDERS.billing.-3.41.57.1600000000123456789.9"),
    ] {
        assert!(fetched(message(reply)).is_err(), "{reply:?}");
    }
}
