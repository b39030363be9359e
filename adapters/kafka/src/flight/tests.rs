use super::*;

const ROOM: Room = Room {
    messages: 100,
    bytes: 1 << 20,
};

fn partition(number: i32) -> Partition {
    Partition {
        topic: "orders".into(),
        number,
    }
}

fn fetched(offset: i64) -> Fetched {
    Fetched {
        offset,
        message: Message::new(offset.to_string()),
    }
}

/// A flight with one partition and these offsets fetched.
fn flight(offsets: impl IntoIterator<Item = i64>) -> Flight {
    let mut flight = Flight::new("cluster");
    flight.begin(partition(0));
    for offset in offsets {
        flight.push(&partition(0), fetched(offset));
    }
    flight
}

fn take(flight: &mut Flight, now: Instant) -> Vec<Delivery> {
    let mut batch = Vec::new();
    flight.take(now, ROOM, &mut batch);
    batch
}

fn offsets(batch: &[Delivery]) -> Vec<u128> {
    batch
        .iter()
        .map(|delivery| delivery.position.as_ref().unwrap().offset)
        .collect()
}

fn settle(flight: &mut Flight, batch: &[Delivery], verdict: Verdict, now: Instant) {
    let verdicts: Vec<_> = batch.iter().map(|delivery| (delivery.token, verdict)).collect();
    flight.settle(&verdicts, now).unwrap();
}

fn again(milliseconds: u64) -> Verdict {
    Verdict::Retry {
        after: Duration::from_millis(milliseconds),
    }
}

#[test]
fn a_place_moves_behind_what_is_settled_without_a_gap_and_names_the_offset_to_read_next() {
    let now = Instant::now();
    let mut flight = flight(10..15);
    let batch = take(&mut flight, now);
    settle(&mut flight, &batch[1..3], Verdict::Done, now);
    assert_eq!(flight.risen(), []);
    settle(&mut flight, &batch[..1], Verdict::Done, now);
    assert_eq!(flight.risen(), [(partition(0), 13)]);
    assert_eq!(flight.risen(), [], "what was handed on is not handed on again");
    assert!(!flight.is_committed());
    let places = flight.stored();
    flight.committed(&places);
    assert!(flight.is_committed());
}

#[test]
fn what_is_given_back_goes_before_anything_later_of_its_partition() {
    let now = Instant::now();
    let mut flight = flight(0..3);
    flight.begin(partition(1));
    let batch = take(&mut flight, now);
    settle(&mut flight, &batch[1..2], again(50), now);
    flight.push(&partition(0), fetched(3));
    flight.push(&partition(1), fetched(70));
    // The other partition goes on, this one waits.
    let other = take(&mut flight, now);
    assert_eq!(offsets(&other), [70]);
    let mut none = Vec::new();
    assert_eq!(
        flight.take(now, ROOM, &mut none),
        Taken::In(Duration::from_millis(50))
    );
    let later = take(&mut flight, now + Duration::from_millis(50));
    assert_eq!(offsets(&later), [1, 3]);
    assert_eq!(later[0].attempt, Some(2));
    assert_ne!(later[0].token, batch[1].token);
}

#[test]
fn tokens_of_a_lost_lane_settle_nothing_of_its_successor() {
    let now = Instant::now();
    let mut flight = flight(0..3);
    let stale = take(&mut flight, now);
    let lanes = flight.lose_all();
    assert_eq!(lanes.len(), 1);
    let lane = flight.begin(partition(0));
    assert_ne!(lane, lanes[0]);
    for offset in 0..3 {
        flight.push(&partition(0), fetched(offset));
    }
    let fresh = take(&mut flight, now);
    settle(&mut flight, &stale, Verdict::Done, now);
    assert_eq!(flight.risen(), []);
    settle(&mut flight, &fresh[..1], Verdict::Done, now);
    assert_eq!(flight.risen(), [(partition(0), 1)]);
}

#[test]
fn a_lane_that_leaves_hands_out_nothing_more_and_still_settles() {
    let now = Instant::now();
    let mut flight = flight(0..2);
    let batch = take(&mut flight, now);
    flight.push(&partition(0), fetched(2));
    let lanes = flight.leave(&[partition(0)]);
    assert_eq!(flight.unsettled(&lanes), 2);
    assert!(take(&mut flight, now).is_empty());
    assert_eq!(flight.push(&partition(0), fetched(3)), Pushed::Stray);
    settle(&mut flight, &batch[..1], Verdict::Done, now);
    settle(&mut flight, &batch[1..], again(0), now);
    assert_eq!(flight.risen(), [(partition(0), 1)]);
    assert_eq!(flight.unsettled(&lanes), 0);
    let window = Room {
        messages: 1,
        bytes: 1,
    };
    assert_eq!(flight.room(window), 1, "what was let go needs no room");
}

#[test]
fn a_jump_is_told_with_the_offset_that_was_expected() {
    let mut flight = flight([5]);
    assert!(matches!(
        flight.push(&partition(0), fetched(9)),
        Pushed::Jumped { expected: 6, .. }
    ));
    assert_eq!(flight.push(&partition(0), fetched(10)), Pushed::Taken);
}

#[test]
fn a_log_that_goes_back_begins_a_new_lane() {
    let now = Instant::now();
    let mut flight = flight(5..7);
    let stale = take(&mut flight, now);
    assert!(matches!(
        flight.push(&partition(0), fetched(0)),
        Pushed::Restarted { .. }
    ));
    let fresh = take(&mut flight, now);
    assert_eq!(offsets(&fresh), [0]);
    assert_ne!(fresh[0].lane, stale[0].lane);
    settle(&mut flight, &stale, Verdict::Done, now);
    assert_eq!(flight.risen(), []);
}

#[test]
fn partitions_have_their_turns() {
    let now = Instant::now();
    let mut flight = flight(0..4);
    flight.begin(partition(1));
    for offset in 100..104 {
        flight.push(&partition(1), fetched(offset));
    }
    let room = Room {
        messages: 3,
        bytes: 1 << 20,
    };
    let mut seen = Vec::new();
    for _ in 0..4 {
        let mut batch = Vec::new();
        flight.take(now, room, &mut batch);
        assert!(batch.len() <= 3);
        seen.push(offsets(&batch));
    }
    assert!(seen[1].iter().any(|offset| *offset >= 100), "{seen:?}");
    assert_eq!(seen.concat().len(), 8);
}

#[test]
fn what_a_lost_membership_settled_is_owed_to_the_partitions_that_come_back_alone() {
    let now = Instant::now();
    let mut flight = flight(0..2);
    flight.begin(partition(1));
    flight.push(&partition(1), fetched(7));
    let batch = take(&mut flight, now);
    settle(&mut flight, &batch, Verdict::Done, now);
    let lanes: Vec<_> = flight.lanes().map(|(lane, _)| lane).collect();
    flight.owe(&lanes);
    flight.lose(&lanes);
    assert_eq!(flight.owed(&[partition(1)]), [(partition(1), 8)]);
    assert_eq!(
        flight.owed(&[partition(0)]),
        [],
        "what somebody else has now is not ours to say"
    );
}

#[test]
fn rejecting_is_an_error_and_settles_nothing() {
    let now = Instant::now();
    let mut flight = flight(0..1);
    let batch = take(&mut flight, now);
    let error = flight
        .settle(&[(batch[0].token, Verdict::Reject)], now)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    settle(&mut flight, &batch, Verdict::Done, now);
    assert_eq!(flight.risen(), [(partition(0), 1)]);
}
