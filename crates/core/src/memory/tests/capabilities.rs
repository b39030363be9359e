//! Each capability, on and off.

use super::*;
use crate::capability::HeaderValues;
use crate::error::ErrorKind;

fn resolved(settings: &[(&str, &str)]) -> crate::capability::Capabilities {
    let stand = Stand::new(settings);
    at_once(stand.session.verify(&Endpoint::new("orders"), Purpose::Send))
        .unwrap()
        .capabilities
}

fn id(byte: u8) -> DedupId {
    DedupId([byte; 16])
}

#[test]
fn every_capability_that_is_switched_off_is_resolved_as_off_and_nothing_else() {
    let all = resolved(&[]);
    for (name, value) in all.facts() {
        let setting = format!("-{name}");
        let (found, expected) = match name {
            "header_values" => (resolved(&[("header_values", "none")]), "none"),
            "settling_deletes" => (resolved(&[("mode", "queue")]), "yes"),
            _ => (resolved(&[("capabilities", &setting)]), "no"),
        };
        assert_ne!(value, expected, "{name} is switched by something");
        for ((other, before), (_, after)) in all.facts().into_iter().zip(found.facts()) {
            let wanted = if other == name {
                expected.to_owned()
            } else {
                before
            };
            assert_eq!(after, wanted, "{other} with {name} switched");
        }
    }
}

#[test]
fn header_values_decide_what_is_carried_and_what_is_refused() {
    let text = || Outgoing::new(Message::new("p").with_header("a", "text"));
    let bytes = || Outgoing::new(Message::new("p").with_header("a", vec![0xff_u8]));
    let control = || Outgoing::new(Message::new("p").with_header("a", "x\r\nb: y"));
    for (values, takes) in [
        (HeaderValues::Binary, [true, true, true]),
        (HeaderValues::Text, [true, false, false]),
        (HeaderValues::None, [false, false, false]),
    ] {
        let off = ("capabilities", "-ordered_batches");
        let stand = Stand::new(&[("header_values", &values.to_string()), off]);
        let answers = send(&mut *stand.sender(), &[text(), bytes(), control()]);
        for (answer, takes) in answers.into_iter().zip(takes) {
            match answer {
                Ok(_) => assert!(takes, "{values}"),
                Err(error) => {
                    assert!(!takes, "{values}");
                    assert_eq!(error.kind(), ErrorKind::HeaderNotRepresentable);
                    assert_eq!(error.class(), Class::Permanent);
                }
            }
        }
    }
}

#[test]
fn lanes_are_in_order_with_ordered_lanes_and_visibly_not_without() {
    let payloads = ["a", "b", "c", "d"];
    for (settings, ordered) in [("all", true), ("-ordered_lanes", false)] {
        let stand = Stand::new(&[("capabilities", settings)]);
        stand.write(&payloads);
        let (mut receiver, _settler) = stand.receiver("g");
        let mut found = texts(&ready(&mut *receiver));
        assert_eq!(found == payloads, ordered);
        found.sort();
        assert_eq!(found, payloads);
    }
}

#[test]
fn what_is_given_back_comes_before_later_ones_only_with_ordered_redelivery() {
    for mode in ["log", "queue"] {
        for (settings, expected) in [("all", ["a", "b", "c"]), ("-ordered_redelivery", ["b", "a", "c"])] {
            let stand = Stand::new(&[("capabilities", settings), ("mode", mode)]);
            stand.write(&["a", "b", "c"]);
            let (mut receiver, mut settler) = stand.receiver("g");
            let first = ready_within(
                &mut *receiver,
                Room {
                    messages: 1,
                    bytes: 9,
                },
            );
            settle(&mut *settler, &first, retry(0));
            assert_eq!(texts(&ready(&mut *receiver)), expected, "{mode} {settings}");
        }
    }
}

#[test]
fn the_delay_of_a_retry_is_kept_only_with_delayed_retry() {
    for (settings, delayed) in [("all", true), ("-delayed_retry", false)] {
        let stand = Stand::new(&[("capabilities", settings)]);
        stand.write(&["a"]);
        let (mut receiver, mut settler) = stand.receiver("g");
        let first = ready(&mut *receiver);
        assert_eq!(first[0].attempt, Some(1));
        settle(&mut *settler, &first, retry(10));
        stand.clock.advance(Duration::from_secs(9));
        assert_eq!(ready(&mut *receiver).is_empty(), delayed, "{settings}");
        stand.clock.advance(Duration::from_secs(1));
        if delayed {
            assert_eq!(ready(&mut *receiver)[0].attempt, Some(2));
        }
    }
}

#[test]
fn a_receive_that_waits_for_a_delayed_retry_is_woken_by_the_clock() {
    let stand = Stand::new(&[]);
    stand.write(&["a"]);
    let (mut receiver, mut settler) = stand.receiver("g");
    let first = ready(&mut *receiver);
    settle(&mut *settler, &first, retry(10));
    let mut batch = Vec::new();
    let mut receive = receiver.receive(ROOM, &mut batch);
    assert!((&mut receive).now_or_never().is_none());
    stand.clock.advance(Duration::from_secs(10));
    assert!((&mut receive).now_or_never().is_some());
}

#[test]
fn after_a_refusal_later_ones_of_the_batch_stay_out_only_with_ordered_batches() {
    for (settings, stored) in [("all", 1), ("-ordered_batches", 2)] {
        let stand = Stand::new(&[("capabilities", settings), ("payload_limit", "3")]);
        let answers = send(
            &mut *stand.sender(),
            &[message("a"), message("too large"), message("c")],
        );
        assert!(answers[0].is_ok());
        assert_eq!(answers[1].as_ref().unwrap_err().kind(), ErrorKind::TooLarge);
        assert_eq!(answers[2].is_ok(), stored == 2);
        if let Err(error) = &answers[2] {
            assert_eq!((error.class(), error.in_doubt()), (Class::Temporary, false));
        }
        assert_eq!(stand.broker.stored("orders").len(), stored);
    }
}

#[test]
fn a_rejected_delivery_goes_to_the_dead_channel_only_with_broker_reject() {
    let stand = Stand::new(&[("mode", "queue"), ("reject_to", "dead")]);
    stand.write(&["a"]);
    let (mut receiver, mut settler) = stand.receiver("g");
    let batch = ready(&mut *receiver);
    settle(&mut *settler, &batch, Verdict::Reject);
    assert_eq!(stand.broker.stored("orders").len(), 0);
    assert_eq!(stand.broker.stored("dead").len(), 1);

    let stand = Stand::new(&[("mode", "queue"), ("capabilities", "-broker_reject")]);
    stand.write(&["a"]);
    let (mut receiver, mut settler) = stand.receiver("g");
    let batch = ready(&mut *receiver);
    let error = at_once(settler.settle(&[(batch[0].token, Verdict::Reject)])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(stand.broker.stored("orders").len(), 1);
}

#[test]
fn a_held_confirm_waits_only_with_confirms() {
    for (settings, waits) in [("all", true), ("-confirms", false)] {
        let stand = Stand::new(&[("capabilities", settings)]);
        stand.broker.hold_confirms();
        let mut sender = stand.sender();
        let mut confirm = at_once(sender.send(&[message("a")])).unwrap();
        let answered = (&mut confirm).now_or_never();
        assert_eq!(answered.is_none(), waits, "{settings}");
        assert_eq!(stand.broker.stored("orders").len(), 1);
        if waits {
            stand.broker.release_confirms();
            assert!(at_once(confirm)[0].is_ok());
        }
    }
}

#[test]
fn without_confirms_a_message_that_the_broker_refuses_is_lost_without_a_word() {
    for (settings, refused) in [("all", true), ("-confirms", false)] {
        let stand = Stand::new(&[
            ("capabilities", settings),
            ("mode", "queue"),
            ("depth_limit", "1"),
        ]);
        let answers = send(&mut *stand.sender(), &[message("a"), message("b")]);
        assert_eq!(answers[1].is_err(), refused, "{settings}");
        assert_eq!(stand.broker.stored("orders").len(), 1);
    }
}

#[test]
fn a_known_id_is_stored_again_only_without_dedup_by_id() {
    for (settings, stored) in [("all", 1), ("-dedup_by_id", 2)] {
        let stand = Stand::new(&[("capabilities", settings)]);
        let mut sender = stand.sender();
        let first = send(&mut *sender, &[message("a").with_dedup(id(1))])
            .remove(0)
            .unwrap();
        let second = send(&mut *sender, &[message("a").with_dedup(id(1))])
            .remove(0)
            .unwrap();
        assert!(!first.duplicate);
        assert_eq!(second.duplicate, stored == 1);
        assert_eq!(second.position == first.position, stored == 1);
        assert_eq!(stand.broker.stored("orders").len(), stored);
    }
}

#[test]
fn ids_are_forgotten_beyond_the_window() {
    let stand = Stand::new(&[("dedup_window", "2")]);
    let mut sender = stand.sender();
    for byte in [1, 2, 3, 1] {
        let answer = send(&mut *sender, &[message("a").with_dedup(id(byte))])
            .remove(0)
            .unwrap();
        assert!(!answer.duplicate, "{byte}");
    }
    let answer = send(&mut *sender, &[message("a").with_dedup(id(1))])
        .remove(0)
        .unwrap();
    assert!(answer.duplicate);
}

#[test]
fn positions_are_told_and_can_be_started_at_only_with_stable_position() {
    for (settings, stable) in [("all", true), ("-stable_position", false)] {
        let stand = Stand::new(&[("capabilities", settings)]);
        let receipts = stand.write(&["a", "b"]);
        let (mut receiver, _settler) = stand.receiver("g");
        let batch = ready(&mut *receiver);
        assert_eq!(batch[1].position.is_some(), stable);
        assert_eq!(receipts[1].position, batch[1].position);
        let start = Start::Position(batch[1].position.clone().unwrap_or(Position::new("x", 0_u64)));
        let source = Source::new(Endpoint::new("orders"), "other").starting(start);
        let opened = at_once(stand.session.receiver(&source));
        assert_eq!(opened.is_ok(), stable);
        if let Ok((mut receiver, _settler)) = opened {
            assert_eq!(texts(&ready(&mut *receiver)), ["b"]);
        }
    }
}
