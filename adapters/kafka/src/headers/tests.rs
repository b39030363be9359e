use super::*;

fn outgoing(message: Message) -> Outgoing {
    Outgoing::new(message)
}

/// The headers of a record, as a message has them.
fn told(record: &Record) -> Headers {
    let headers = record.headers.iter().flat_map(|headers| headers.iter());
    headers
        .map(|header| {
            (
                header.key,
                Bytes::copy_from_slice(header.value.unwrap_or_default()),
            )
        })
        .collect()
}

#[test]
fn a_time_that_a_record_holds_exactly_needs_no_header() {
    let mut message = Message::new("{}");
    message.timestamp = Some(UNIX_EPOCH + Duration::from_millis(1_600_000_000_123));
    let record = record(&outgoing(message), false).unwrap();
    assert_eq!(record.time, Some(1_600_000_000_123));
    assert!(record.headers.is_none());
}

#[test]
fn a_time_that_a_record_cannot_hold_goes_as_a_header_beside_it() {
    for (time, whole) in [
        (
            UNIX_EPOCH + Duration::from_micros(1_600_000_000_000_001),
            Some(1_600_000_000_000),
        ),
        (UNIX_EPOCH, None),
        (UNIX_EPOCH - Duration::from_secs(1), None),
    ] {
        let mut message = Message::new("{}");
        message.timestamp = Some(time);
        let record = record(&outgoing(message), false).unwrap();
        assert_eq!(record.time, whole);
        assert!(told(&record).contains("dunlin-time"));
    }
}

#[test]
fn a_time_that_no_calendar_holds_goes_as_a_header() {
    let mut message = Message::new("{}");
    message.timestamp = UNIX_EPOCH.checked_add(Duration::from_secs(i64::MAX.unsigned_abs()));
    assert!(message.timestamp.is_some());
    let record = record(&outgoing(message.clone()), false).unwrap();
    let mut back = Message::new("{}");
    back.headers = told(&record);
    carried::unpack(&mut back, OWN_BUT_TIME);
    assert_eq!(back.timestamp, message.timestamp);
}

#[test]
fn what_has_a_place_in_a_record_is_no_header_and_what_has_none_is_one() {
    let message = Message::tombstone().with_key("k").with_id("i");
    let record = record(&outgoing(message), false).unwrap();
    let names: Vec<_> = told(&record).iter().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(names, ["dunlin-id"]);
}

#[test]
fn a_header_name_with_a_nul_is_refused_and_escaped_on_request() {
    let message = Message::new("{}")
        .with_header("a\0b", "1")
        .with_header("c", vec![0xff_u8]);
    let refused = record(&outgoing(message.clone()), false).err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::HeaderNotRepresentable);
    assert!(refused.message().contains("headers: escape"), "{refused}");
    for escaped in [
        record(&outgoing(message.clone()), true).unwrap(),
        record(&outgoing(message).escaping(), false).unwrap(),
    ] {
        let mut back = Message::new("{}");
        back.headers = told(&escaped);
        assert_eq!(back.headers.get("c").unwrap(), &vec![0xff_u8]);
        carried::unpack(&mut back, OWN_BUT_TIME);
        assert_eq!(back.headers.get("a\0b").unwrap(), "1");
    }
}

#[test]
fn the_size_of_a_batch_is_the_one_that_a_broker_counts() {
    let size = |message: Message| record(&outgoing(message), false).unwrap().size;
    // Measured: a record of 1,024 bytes without key and headers makes a batch of 1,094 bytes.
    assert_eq!(size(Message::new(vec![0; 1_024])), 1_094);
    // The smallest: a tombstone without anything. 61 of the batch, 1 for the record's length, 6 of the record.
    assert_eq!(size(Message::tombstone()), 68);
    let keyed = Message::new("v").with_key("k");
    assert_eq!(size(keyed.clone()), 68 + 2);
    assert_eq!(size(keyed.with_header("ab", "c")), 68 + 2 + 5);
}

#[test]
fn the_largest_payload_just_fits() {
    for limit in [68, 100, 133, 134, 135, 1_094, 8_300, 1_048_588] {
        let largest = largest_payload(limit);
        let size = |length| batch_size(&Message::new(vec![0; length]), &List::default());
        assert!(size(largest) <= limit, "{limit}");
        assert!(size(largest + 1) > limit, "{limit}");
    }
}
