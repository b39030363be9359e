//! What a channel does not take.

use super::*;
use crate::error::ErrorKind;

#[test]
fn a_payload_and_headers_at_their_limit_pass_and_one_byte_more_is_refused() {
    let stand = Stand::new(&[
        ("payload_limit", "4"),
        ("headers_limit", "4"),
        ("capabilities", "-ordered_batches"),
    ]);
    let headed = |value: &'static str| Outgoing::new(Message::new("p").with_header("ab", value));
    let batch = [message("1234"), message("12345"), headed("12"), headed("123")];
    let kinds: Vec<_> = (send(&mut *stand.sender(), &batch).into_iter())
        .map(|answer| answer.err().map(|error| (error.kind(), error.class())))
        .collect();
    let refused = Some((ErrorKind::TooLarge, Class::Permanent));
    assert_eq!(kinds, [None, refused, None, refused]);
}

#[test]
fn a_batch_above_its_limit_is_refused_as_a_whole() {
    let stand = Stand::new(&[("batch_limit", "2")]);
    let mut sender = stand.sender();
    let batch = [message("a"), message("b"), message("c")];
    assert!(at_once(sender.send(&batch)).is_err());
    assert!(stand.broker.stored("orders").is_empty());
    assert_eq!(send(&mut *sender, &batch[..2]).len(), 2);
}

#[test]
fn no_more_than_the_limit_is_unsettled_at_one_time() {
    let stand = Stand::new(&[("unsettled_limit", "2")]);
    stand.write(&["a", "b", "c"]);
    let (mut receiver, mut settler) = stand.receiver("g");
    let batch = ready(&mut *receiver);
    assert_eq!(texts(&batch), ["a", "b"]);
    assert!(ready(&mut *receiver).is_empty());
    settle(&mut *settler, &batch[..1], Verdict::Done);
    assert_eq!(texts(&ready(&mut *receiver)), ["c"]);
}

#[test]
fn a_full_queue_refuses_and_takes_again_when_something_was_settled() {
    let stand = Stand::new(&[("mode", "queue"), ("depth_limit", "1")]);
    stand.write(&["a"]);
    let error = send(&mut *stand.sender(), &[message("b")]).remove(0).unwrap_err();
    assert_eq!((error.kind(), error.class()), (ErrorKind::Full, Class::Temporary));
    let (mut receiver, mut settler) = stand.receiver("g");
    let batch = ready(&mut *receiver);
    settle(&mut *settler, &batch, Verdict::Done);
    stand.write(&["b"]);
}

#[test]
fn a_full_queue_that_lets_its_senders_wait_says_so_and_goes_on() {
    let stand = Stand::new(&[("mode", "queue"), ("depth_limit", "1"), ("full", "wait")]);
    stand.write(&["a"]);
    let mut sender = stand.sender();
    let batch = [message("b")];
    let mut waiting = sender.send(&batch);
    assert!((&mut waiting).now_or_never().is_none());
    assert!(stand.heard()[0].starts_with("Blocked"));
    let (mut receiver, mut settler) = stand.receiver("g");
    let first = ready(&mut *receiver);
    settle(&mut *settler, &first, Verdict::Done);
    let confirm = (&mut waiting).now_or_never().unwrap().unwrap();
    assert!(at_once(confirm)[0].is_ok());
    assert_eq!(stand.heard(), ["Unblocked"]);
}

#[test]
fn a_log_keeps_the_newest_and_tells_a_group_what_it_never_saw() {
    let stand = Stand::new(&[("retain", "2")]);
    let (mut receiver, _settler) = stand.receiver("g");
    stand.write(&["a", "b", "c", "d", "e"]);
    assert_eq!(texts(&ready(&mut *receiver)), ["d", "e"]);
    let heard = stand.heard();
    assert!(
        heard[0].starts_with("Gap") && heard[0].contains("Some(3)"),
        "{heard:?}"
    );
    assert_eq!(heard.len(), 1);
}

#[test]
fn addresses_that_are_not_routed_are_refused() {
    let stand = Stand::new(&[("addresses", "eu.*, us"), ("capabilities", "-ordered_batches")]);
    let to = |address: &'static str| message("a").addressed(address);
    let batch = [to("eu.new"), to("us"), to("us.new"), message("plain")];
    let kinds: Vec<_> = (send(&mut *stand.sender(), &batch).into_iter())
        .map(|answer| answer.err().map(|error| (error.kind(), error.class())))
        .collect();
    assert_eq!(
        kinds,
        [None, None, Some((ErrorKind::Unroutable, Class::Unhealthy)), None]
    );
}

#[test]
fn two_ends_that_want_different_channels_of_one_name_are_told_which_setting_differs() {
    let stand = Stand::new(&[]);
    let _sender = stand.sender();
    let other = Endpoint::new("orders").with_settings(Settings::new().with("lanes", "2"));
    for error in [
        at_once(stand.session.verify(&other, Purpose::Receive)).unwrap_err(),
        at_once(stand.session.receiver(&Source::new(other.clone(), "g")))
            .err()
            .unwrap(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidSetting);
        assert!(error.to_string().contains("setting: lanes"), "{error}");
    }
}

#[test]
fn settings_that_mean_nothing_are_refused_when_the_system_is_opened() {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    let broker = MemoryBroker::new("test", &clock);
    for (name, value) in [
        ("lains", "1"),
        ("lanes", "0"),
        ("lanes", "many"),
        ("mode", "stack"),
        ("capabilities", "confirms"),
        ("capabilities", "-settling_deletes"),
        ("depth_limit", "5"),
        ("retain", "0"),
        ("header_values", "some"),
    ] {
        let error = broker.system(&Settings::new().with(name, value)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidSetting, "{name}: {value}");
        assert!(error.to_string().contains(name), "{error}");
    }
}
