use std::time::SystemTime;

use proptest::prelude::*;

use super::*;

fn fetched(sequence: u64, bytes: usize) -> Fetched {
    Fetched {
        message: async_nats::Message {
            subject: "orders".into(),
            reply: None,
            payload: Bytes::new(),
            headers: None,
            status: None,
            description: None,
            length: bytes,
        },
        reply: format!("reply.{sequence}").into(),
        sequence,
        consumer_sequence: sequence,
        attempt: 1,
        time: SystemTime::UNIX_EPOCH,
    }
}

fn shared(messages: usize, bytes: usize) -> Arc<Shared> {
    Shared::new(Room { messages, bytes }, Lane(0))
}

proptest! {
    /// Whatever is asked for, comes, is handed out and is settled: no more than the window is ever asked for, and an empty
    /// window always asks.
    #[test]
    fn no_more_is_asked_for_than_the_window_has_room_for(
        window in 1_usize..3000,
        steps in proptest::collection::vec((0_usize..400, 0_usize..400, 0_usize..400), 1..40),
    ) {
        let shared = shared(window, usize::MAX >> 8);
        let log: Arc<str> = "log".into();
        let (mut sequence, mut open) = (0, Vec::new());
        for (coming, handing, settling) in steps {
            let mut state = shared.state();
            let want = state.want();
            state.outstanding += want;
            let held = state.open.len() + state.ready.len() + state.outstanding;
            prop_assert!(held <= window, "{held} of {window}");
            prop_assert!(held > 0);
            for _ in 0..coming.min(state.outstanding) {
                sequence += 1;
                state.add(fetched(sequence, 100), &log);
                state.outstanding -= 1;
            }
            let mut batch = Vec::new();
            if handing > 0 {
                state.hand_out(Room { messages: handing, bytes: 1 << 30 }, &mut batch);
            }
            prop_assert!(batch.len() <= handing);
            open.extend(batch.iter().map(|delivery| delivery.token));
            for token in open.drain(..settling.min(open.len())) {
                prop_assert!(state.settle(token).is_some());
                prop_assert!(state.settle(token).is_none());
            }
        }
    }
}

#[test]
fn large_messages_fill_the_window_by_their_bytes() {
    let shared = shared(4096, 64 << 20);
    let log: Arc<str> = "log".into();
    let mut state = shared.state();
    for sequence in 0..70 {
        state.add(fetched(sequence, 1 << 20), &log);
    }
    assert_eq!(state.want(), 0);
}

#[test]
fn a_message_that_is_in_flight_for_long_is_reported_each_round_and_a_quick_one_never() {
    let shared = shared(10, 1 << 20);
    let log: Arc<str> = "log".into();
    let mut state = shared.state();
    state.add(fetched(1, 10), &log);
    assert!(state.at_work().is_empty());
    assert_eq!(state.at_work().len(), 1);
    assert_eq!(state.at_work().len(), 1);
    let mut batch = Vec::new();
    state.hand_out(
        Room {
            messages: 1,
            bytes: 1,
        },
        &mut batch,
    );
    assert_eq!(state.at_work().len(), 1, "handing out makes it no younger");
    state.settle(batch[0].token);
    assert!(state.at_work().is_empty());
}

#[test]
fn what_is_given_back_is_in_the_order_of_the_stream_and_its_tokens_mean_nothing() {
    let shared = shared(100, 1 << 20);
    let log: Arc<str> = "log".into();
    let mut state = shared.state();
    for sequence in 1..=20 {
        state.add(fetched(sequence, 10), &log);
    }
    let mut batch = Vec::new();
    state.hand_out(
        Room {
            messages: 10,
            bytes: 1 << 20,
        },
        &mut batch,
    );
    let back: Vec<_> = state.give_back().iter().map(|(sequence, _)| *sequence).collect();
    assert_eq!(back, (1..=20).collect::<Vec<_>>());
    assert!(
        batch
            .iter()
            .all(|delivery| state.settle(delivery.token).is_none())
    );
}

#[test]
fn a_delay_is_told_in_nanoseconds() {
    assert_eq!(give_back(Duration::ZERO), GIVE_BACK);
    assert_eq!(
        give_back(Duration::from_millis(150)),
        r#"-NAK {"delay":150000000}"#
    );
}
