//! Receiving, settling and coming again, in both modes.

use super::*;

#[test]
fn what_was_sent_is_received_with_everything_that_belongs_to_it() {
    let stand = Stand::new(&[]);
    let mut message = Message::new(vec![0_u8, 255, b'\n'])
        .with_key("k")
        .with_id("i")
        .with_header("a", "1")
        .with_header("a", vec![13_u8, 10]);
    message.timestamp = Some(std::time::UNIX_EPOCH);
    message.properties.content_type = Some("text/plain".to_owned());
    message.properties.priority = Some(3);
    message.properties.expiry = Some(Duration::from_secs(60));
    send(
        &mut *stand.sender(),
        &[Outgoing::new(message.clone()).addressed("eu.new")],
    );
    send(&mut *stand.sender(), &[Outgoing::new(Message::tombstone())]);
    let (mut receiver, _settler) = stand.receiver("g");
    let batch = ready(&mut *receiver);
    let found = &batch[0].message;
    assert_eq!(
        (
            &found.payload,
            &found.key,
            &found.id,
            found.timestamp,
            &found.headers,
            &found.properties
        ),
        (
            &message.payload,
            &message.key,
            &message.id,
            message.timestamp,
            &message.headers,
            &message.properties
        )
    );
    assert_eq!(batch[0].address.as_deref(), Some(&b"eu.new"[..]));
    assert_eq!(batch[1].message.payload, None);
}

#[test]
fn a_receive_waits_for_a_message_and_is_woken_by_it() {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let stand = Stand::new(&[]);
    let (mut receiver, _settler) = stand.receiver("g");
    let reader = std::thread::spawn(move || {
        let mut batch = Vec::new();
        let waker = Arc::new(Unpark(std::thread::current())).into();
        let mut context = std::task::Context::from_waker(&waker);
        let mut receive = receiver.receive(ROOM, &mut batch);
        while receive.as_mut().poll(&mut context).is_pending() {
            std::thread::park();
        }
        drop(receive);
        texts(&batch)
    });
    stand.write(&["late"]);
    assert_eq!(reader.join().unwrap(), ["late"]);
}

#[test]
fn a_dropped_receive_loses_no_delivery() {
    let stand = Stand::new(&[]);
    let (mut receiver, _settler) = stand.receiver("g");
    for _ in 0..50 {
        assert!(ready(&mut *receiver).is_empty());
    }
    stand.write(&["a", "b"]);
    assert_eq!(texts(&ready(&mut *receiver)), ["a", "b"]);
}

#[test]
fn room_bounds_messages_strictly_and_bytes_softly() {
    let stand = Stand::new(&[]);
    stand.write(&["large", "b", "c", "d"]);
    let (mut receiver, _settler) = stand.receiver("g");
    let small = Room {
        messages: 2,
        bytes: 1,
    };
    assert_eq!(texts(&ready_within(&mut *receiver, small)), ["large"]);
    let two = Room {
        messages: 2,
        bytes: 100,
    };
    assert_eq!(texts(&ready_within(&mut *receiver, two)), ["b", "c"]);
    let none = Room {
        messages: 0,
        bytes: 1,
    };
    assert!(at_once(receiver.receive(none, &mut Vec::new())).is_err());
}

#[test]
fn settling_in_a_queue_deletes_and_in_a_log_does_not() {
    for (mode, left) in [("queue", 0), ("log", 2)] {
        let stand = Stand::new(&[("mode", mode)]);
        stand.write(&["a", "b"]);
        let (mut receiver, mut settler) = stand.receiver("g");
        let batch = ready(&mut *receiver);
        settle(&mut *settler, &batch, Verdict::Done);
        assert_eq!(stand.broker.stored("orders").len(), left, "{mode}");
        assert!(ready(&mut *receiver).is_empty());
    }
}

#[test]
fn settling_twice_or_with_an_unknown_token_settles_nothing_else() {
    let stand = Stand::new(&[("mode", "queue")]);
    stand.write(&["a", "b", "c"]);
    let (mut receiver, mut settler) = stand.receiver("g");
    let batch = ready(&mut *receiver);
    settle(&mut *settler, &batch[1..2], Verdict::Done);
    settle(&mut *settler, &batch[1..2], Verdict::Done);
    at_once(settler.settle(&[(Token(u64::MAX), Verdict::Done), (Token(0), Verdict::Done)])).unwrap();
    assert_eq!(stand.broker.stored("orders").len(), 2);
}

#[test]
fn a_token_of_another_receiver_settles_nothing() {
    let stand = Stand::new(&[("mode", "queue")]);
    stand.write(&["a", "b"]);
    let (mut first, mut settle_first) = stand.receiver("g");
    let (mut second, _settle_second) = stand.receiver("g");
    let one = Room {
        messages: 1,
        bytes: 9,
    };
    ready_within(&mut *first, one);
    let theirs = ready_within(&mut *second, one);
    settle(&mut *settle_first, &theirs, Verdict::Done);
    assert_eq!(stand.broker.stored("orders").len(), 2);
}

#[test]
fn unsettled_at_close_comes_back_with_a_higher_attempt() {
    for mode in ["queue", "log"] {
        let stand = Stand::new(&[("mode", mode)]);
        stand.write(&["a", "b"]);
        let (mut receiver, mut settler) = stand.receiver("g");
        let batch = ready(&mut *receiver);
        settle(&mut *settler, &batch[..1], Verdict::Done);
        at_once(settler.close()).unwrap();
        at_once(receiver.close()).unwrap();
        let (mut receiver, _settler) = stand.receiver("g");
        let again = ready(&mut *receiver);
        assert_eq!(texts(&again), ["b"], "{mode}");
        assert_eq!(again[0].attempt, Some(2), "{mode}");
        assert_ne!(again[0].token, batch[1].token);
    }
}

#[test]
fn what_was_settled_behind_a_gap_comes_again_from_a_log_and_not_from_a_queue() {
    for (mode, expected) in [("log", ["c", "d", "e"].as_slice()), ("queue", &["c", "e"])] {
        let stand = Stand::new(&[("mode", mode)]);
        stand.write(&["a", "b", "c", "d", "e"]);
        let (mut receiver, mut settler) = stand.receiver("g");
        let batch = ready(&mut *receiver);
        for settled in [3, 0, 1] {
            settle(&mut *settler, &batch[settled..=settled], Verdict::Done);
        }
        // Dropped without a word, as a process that was killed.
        drop((receiver, settler));
        let (mut receiver, _settler) = stand.receiver("g");
        assert_eq!(texts(&ready(&mut *receiver)), expected, "{mode}");
    }
}

#[test]
fn a_closed_session_ends_receiving_and_sending_with_closed() {
    let stand = Stand::new(&[]);
    let (mut receiver, _settler) = stand.receiver("g");
    let mut sender = stand.sender();
    at_once(stand.session.close()).unwrap();
    let error = at_once(receiver.receive(ROOM, &mut Vec::new())).unwrap_err();
    assert_eq!(error.class(), Class::Closed);
    let error = at_once(sender.send(&[message("a")])).unwrap_err();
    assert_eq!(error.class(), Class::Closed);
}

#[test]
fn a_receiver_outlives_the_handle_of_its_session() {
    let stand = Stand::new(&[]);
    let mut sender = stand.sender();
    let (mut receiver, _settler) = stand.receiver("g");
    let Stand { session, .. } = stand;
    drop(session);
    send(&mut *sender, &[message("a")]);
    assert_eq!(texts(&ready(&mut *receiver)), ["a"]);
}

#[test]
fn looking_takes_nothing_from_anyone() {
    let stand = Stand::new(&[("mode", "queue")]);
    stand.write(&["a", "b", "c"]);
    let browse = stand.session.browse().unwrap();
    let mut looker = at_once(browse.look(&Endpoint::new("orders"), &Start::Earliest, false)).unwrap();
    assert_eq!(
        texts(&ready_within(
            &mut *looker,
            Room {
                messages: 2,
                bytes: 9
            }
        )),
        ["a", "b"]
    );
    assert_eq!(texts(&ready(&mut *looker)), ["c"]);
    let error = at_once(looker.receive(ROOM, &mut Vec::new())).unwrap_err();
    assert_eq!(error.class(), Class::Closed);
    let mut following = at_once(browse.look(&Endpoint::new("orders"), &Start::Latest, true)).unwrap();
    assert!(ready(&mut *following).is_empty());
    stand.write(&["d"]);
    assert_eq!(texts(&ready(&mut *following)), ["d"]);
    let (mut receiver, _settler) = stand.receiver("g");
    assert_eq!(texts(&ready(&mut *receiver)), ["a", "b", "c", "d"]);
}

#[test]
fn inspect_tells_depth_lag_and_the_first_and_last_position() {
    let stand = Stand::new(&[]);
    stand.write(&["a", "b", "c"]);
    let (mut receiver, mut settler) = stand.receiver("g");
    let batch = ready(&mut *receiver);
    settle(&mut *settler, &batch[..1], Verdict::Done);
    settle(&mut *settler, &batch[2..], Verdict::Done);
    let state = at_once(stand.session.inspect(&Endpoint::new("orders"), Some("g"))).unwrap();
    assert_eq!((state.depth, state.lag), (Some(3), Some(1)));
    assert_eq!(
        (state.first, state.last),
        (batch[0].position.clone(), batch[2].position.clone())
    );
    let other = at_once(stand.session.inspect(&Endpoint::new("orders"), Some("never"))).unwrap();
    assert_eq!(other.lag, Some(3));
}
