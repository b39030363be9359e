use dunlin_core::Class;

use super::*;

const ROOM: Room = Room {
    messages: 100,
    bytes: 1 << 20,
};

struct Bed {
    flight: Flight,
    now: Instant,
}

impl Bed {
    fn with(ids: impl IntoIterator<Item = u64>) -> Self {
        let window = Room {
            messages: 10,
            bytes: 1_000,
        };
        let bed = Self {
            flight: Flight::new("orders", Lane(0), window),
            now: Instant::now(),
        };
        bed.flight.begin(Link::broken(), "orders#1".into());
        bed.add(ids);
        bed
    }

    fn add(&self, ids: impl IntoIterator<Item = u64>) {
        self.flight.add(
            ids.into_iter()
                .map(|id| (Id::at(id), Held::new(Message::new("0123456789"), 1))),
        );
    }

    fn take(&self, room: Room) -> Vec<Delivery> {
        let mut batch = Vec::new();
        self.flight.take(room, self.now, &mut batch).unwrap();
        batch
    }

    fn settle(&self, batch: &[Delivery], verdict: Verdict) -> Settling {
        let verdicts: Vec<_> = batch.iter().map(|delivery| (delivery.token, verdict)).collect();
        self.flight.settle(&verdicts, self.now).unwrap()
    }
}

fn places(batch: &[Delivery]) -> Vec<u64> {
    let place = |delivery: &Delivery| Id(delivery.position.as_ref().unwrap().offset).milliseconds();
    batch.iter().map(place).collect()
}

const SOON: Verdict = Verdict::Retry {
    after: Duration::from_millis(50),
};

#[test]
fn what_was_given_back_comes_before_anything_newer_and_not_before_its_time() {
    let mut bed = Bed::with(1..=4);
    let first = bed.take(Room { messages: 2, ..ROOM });
    bed.settle(&first, SOON);
    assert!(bed.take(ROOM).is_empty(), "the lane is held");
    bed.now += Duration::from_millis(50);
    let all = bed.take(ROOM);
    assert_eq!(places(&all), [1, 2, 3, 4]);
    assert_eq!(
        all.iter().map(|delivery| delivery.attempt).collect::<Vec<_>>(),
        [Some(2), Some(2), Some(1), Some(1)]
    );
}

#[test]
fn an_entry_that_is_read_twice_is_handed_out_once() {
    let bed = Bed::with(1..=3);
    bed.add(2..=4);
    assert_eq!(places(&bed.take(ROOM)), [1, 2, 3, 4]);
}

#[test]
fn a_token_settles_once_and_an_unknown_one_never() {
    let bed = Bed::with(1..=2);
    let batch = bed.take(ROOM);
    assert_eq!(bed.settle(&batch[..1], Verdict::Done).done.len(), 1);
    assert!(bed.settle(&batch[..1], Verdict::Done).done.is_empty());
    assert!(bed.settle(&batch[..1], SOON).done.is_empty());
    let unknown = bed
        .flight
        .settle(&[(Token(0), Verdict::Done), (Token(99), Verdict::Done)], bed.now)
        .unwrap();
    assert!(unknown.done.is_empty());
}

#[test]
fn tokens_of_an_incarnation_mean_nothing_in_the_next_and_are_not_given_out_again() {
    let bed = Bed::with(1..=2);
    let stale = bed.take(ROOM);
    assert_eq!(bed.flight.forget(), Some(Id::at(1)));
    bed.flight.begin(Link::broken(), "orders#1".into());
    bed.add(1..=2);
    let fresh = bed.take(ROOM);
    assert!(
        stale
            .iter()
            .all(|old| fresh.iter().all(|new| new.token != old.token))
    );
    assert!(bed.settle(&stale, Verdict::Done).done.is_empty());
    assert_eq!(bed.settle(&fresh, Verdict::Done).done.len(), 2);
}

#[test]
fn an_acknowledgement_of_an_earlier_incarnation_frees_nothing() {
    let bed = Bed::with(1..=2);
    let settling = bed.settle(&bed.take(ROOM), Verdict::Done);
    bed.flight.begin(Link::broken(), "orders#1".into());
    bed.add(1..=2);
    bed.flight.acknowledged(&settling);
    bed.flight.not_acknowledged(&settling);
    assert_eq!(bed.flight.free(0), 8);
    assert_eq!(places(&bed.take(ROOM)), [1, 2]);
}

#[test]
fn verdicts_that_the_server_refused_can_be_handed_over_again() {
    let bed = Bed::with(1..=1);
    let batch = bed.take(ROOM);
    let settling = bed.settle(&batch, Verdict::Done);
    bed.flight.not_acknowledged(&settling);
    assert_eq!(bed.settle(&batch, Verdict::Done).done.len(), 1);
}

#[test]
fn reading_stops_at_the_window_and_goes_on_when_something_is_acknowledged() {
    let bed = Bed::with(1..=10);
    assert_eq!((bed.flight.free(0), bed.flight.free(5)), (0, 5));
    let batch = bed.take(ROOM);
    let settling = bed.settle(&batch[..4], Verdict::Done);
    assert_eq!(bed.flight.free(0), 0, "not acknowledged yet");
    bed.flight.acknowledged(&settling);
    assert_eq!(bed.flight.free(0), 4);
}

#[test]
fn bytes_bound_what_is_read_and_what_is_handed_out_but_one_message_always_passes() {
    let bed = Bed::with(1..=3);
    assert_eq!(
        bed.take(Room {
            messages: 9,
            bytes: 15
        })
        .len(),
        2
    );
    assert_eq!(
        bed.take(Room {
            messages: 9,
            bytes: 0
        })
        .len(),
        1
    );
    bed.flight
        .add([(Id::at(9), Held::new(Message::new(vec![0_u8; 2_000]), 1))]);
    assert_eq!(bed.flight.free(100), 0);
}

#[test]
fn what_another_consumer_took_over_is_neither_handed_out_nor_settled() {
    let bed = Bed::with(1..=4);
    let out = bed.take(Room { messages: 2, ..ROOM });
    bed.flight.lost(&BTreeSet::from([Id::at(1), Id::at(3)]));
    assert_eq!(places(&bed.take(ROOM)), [4]);
    let settling = bed.settle(&out, Verdict::Done);
    assert_eq!(
        settling.done.iter().map(|(_, id)| *id).collect::<Vec<_>>(),
        [Id::at(2)]
    );
}

#[test]
fn what_is_being_acknowledged_is_not_claimed_again() {
    let bed = Bed::with(1..=3);
    let batch = bed.take(Room { messages: 2, ..ROOM });
    bed.settle(&batch[..1], Verdict::Done);
    assert_eq!(bed.flight.held(), BTreeSet::from([Id::at(2), Id::at(3)]));
}

#[test]
fn a_reject_is_an_error_that_changes_nothing() {
    let bed = Bed::with(1..=1);
    let batch = bed.take(ROOM);
    let error = bed
        .flight
        .settle(&[(batch[0].token, Verdict::Reject)], bed.now)
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.class()),
        (ErrorKind::Unsupported, Class::Unhealthy)
    );
    assert_eq!(bed.settle(&batch, Verdict::Done).done.len(), 1);
}

#[test]
fn deliveries_come_before_an_error_and_the_error_is_told_once() {
    let bed = Bed::with(1..=1);
    bed.flight
        .fail(Error::new(ErrorKind::AccessDenied, "receive", "no"));
    assert_eq!(bed.take(ROOM).len(), 1);
    let mut batch = Vec::new();
    assert!(bed.flight.take(ROOM, bed.now, &mut batch).is_err());
    assert!(matches!(
        bed.flight.take(ROOM, bed.now, &mut batch),
        Ok(Taken::Nothing)
    ));
    bed.flight.end();
    assert_eq!(
        bed.flight.take(ROOM, bed.now, &mut batch).unwrap_err().class(),
        Class::Closed
    );
}
