//! What an operator, or a fault, does to a broker.

use super::*;
use crate::error::ErrorKind;

#[test]
fn one_name_is_one_broker_for_as_long_as_it_is_held() {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    let first = MemoryBroker::named("operator-test", &clock);
    first.create(&Endpoint::new("orders")).unwrap();
    assert!(MemoryBroker::named("operator-test", &clock).delete("orders"));
    assert!(!first.delete("orders"));
    first.create(&Endpoint::new("orders")).unwrap();
    drop(first);
    assert!(!MemoryBroker::named("operator-test", &clock).delete("orders"));
}

#[test]
fn a_plugin_opens_the_broker_of_its_address() {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    let settings = Settings::new().with("must_exist", "true");
    let opening = |url| Opening {
        name: "shop",
        url,
        base: ".",
        settings: &settings,
        clock: &clock,
    };
    let system = (PLUGIN.open)(&opening("memory:plugin-test")).unwrap();
    let resolved = system.resolve(&Endpoint::new("orders")).unwrap();
    assert_eq!(resolved.identity, "memory:plugin-test");
    assert_eq!(resolved.canonical, "memory:plugin-test/orders");
    let session = at_once(system.connect(Events::ignored())).unwrap();
    let verify = || at_once(session.verify(&Endpoint::new("orders"), Purpose::Send));
    assert_eq!(verify().unwrap_err().kind(), ErrorKind::ChannelMissing);
    MemoryBroker::named("plugin-test", &clock)
        .create(&Endpoint::new("orders"))
        .unwrap();
    assert!(verify().is_ok());
    assert!((PLUGIN.open)(&opening("memory:")).is_err());
}

#[test]
fn verify_makes_no_channel() {
    let stand = Stand::new(&[]);
    at_once(stand.session.verify(&Endpoint::new("orders"), Purpose::Send)).unwrap();
    assert!(!stand.broker.delete("orders"));
}

#[test]
fn after_a_cut_everything_unsettled_comes_again_and_old_tokens_mean_nothing() {
    for mode in ["log", "queue"] {
        let stand = Stand::new(&[("mode", mode)]);
        stand.write(&["a", "b"]);
        let (mut receiver, mut settler) = stand.receiver("g");
        let before = ready(&mut *receiver);
        stand.broker.cut();
        assert_eq!(stand.heard(), ["Reconnected"]);
        settle(&mut *settler, &before, Verdict::Done);
        let after = ready(&mut *receiver);
        assert_eq!(texts(&after), ["a", "b"], "{mode}");
        assert!(
            after
                .iter()
                .all(|delivery| before.iter().all(|old| old.token != delivery.token))
        );
        settle(&mut *settler, &after, Verdict::Done);
        stand.broker.cut();
        assert!(ready(&mut *receiver).is_empty());
    }
}

#[test]
fn a_confirm_that_was_held_when_the_connection_broke_is_in_doubt() {
    let stand = Stand::new(&[("payload_limit", "3"), ("capabilities", "-ordered_batches")]);
    stand.broker.hold_confirms();
    let mut sender = stand.sender();
    let confirm = at_once(sender.send(&[message("a"), message("large")])).unwrap();
    stand.broker.cut();
    let answers = at_once(confirm);
    let error = answers[0].as_ref().unwrap_err();
    assert_eq!((error.class(), error.in_doubt()), (Class::Temporary, true));
    let error = answers[1].as_ref().unwrap_err();
    assert_eq!((error.kind(), error.in_doubt()), (ErrorKind::TooLarge, false));
    assert_eq!(stand.broker.stored("orders").len(), 1);
}

#[test]
fn a_confirm_has_a_deadline_and_closing_the_sender_waits_for_it() {
    let stand = Stand::new(&[("confirm_timeout_ms", "1000")]);
    stand.broker.hold_confirms();
    let mut sender = stand.sender();
    let mut confirm = at_once(sender.send(&[message("a")])).unwrap();
    let mut closing = sender.close();
    assert!((&mut confirm).now_or_never().is_none());
    assert!((&mut closing).now_or_never().is_none());
    stand.clock.advance(Duration::from_secs(1));
    let error = at_once(confirm).remove(0).unwrap_err();
    assert_eq!((error.kind(), error.in_doubt()), (ErrorKind::Timeout, true));
    at_once(closing).unwrap();
}

#[test]
fn an_answer_that_went_out_before_the_cut_stays_an_answer() {
    let stand = Stand::new(&[]);
    stand.broker.hold_confirms();
    let confirm = at_once(stand.sender().send(&[message("a")])).unwrap();
    stand.broker.release_confirms();
    stand.broker.cut();
    assert!(at_once(confirm)[0].is_ok());
}

#[test]
fn a_stopped_broker_takes_nothing_and_goes_on_where_it_was() {
    let stand = Stand::new(&[]);
    stand.write(&["a"]);
    let (mut receiver, mut settler) = stand.receiver("g");
    let mut sender = stand.sender();
    let batch = ready(&mut *receiver);
    stand.broker.stop();
    assert!(stand.heard()[0].starts_with("Unhealthy"));
    let error = at_once(sender.send(&[message("b")])).unwrap_err();
    assert_eq!(error.class(), Class::Temporary);
    assert!(at_once(settler.settle(&[(batch[0].token, Verdict::Done)])).is_err());
    assert!(ready(&mut *receiver).is_empty());
    stand.broker.start();
    assert_eq!(stand.heard(), ["Reconnected", "Healthy"]);
    send(&mut *sender, &[message("b")]);
    assert_eq!(texts(&ready(&mut *receiver)), ["a", "b"]);
}

#[test]
fn a_deleted_channel_is_missing_for_those_who_have_it_open_also_when_it_is_made_anew() {
    let stand = Stand::new(&[]);
    let mut sender = stand.sender();
    let (mut receiver, _settler) = stand.receiver("g");
    let old = stand.write(&["a"])[0].position.clone().unwrap();
    assert!(stand.broker.delete("orders"));
    let fresh = stand.write(&["b"])[0].position.clone().unwrap();
    assert_eq!(old.partial_cmp(&fresh), None, "they are of two logs");
    let error = at_once(sender.send(&[message("c")])).unwrap_err();
    assert_eq!(
        (error.kind(), error.class()),
        (ErrorKind::ChannelMissing, Class::Unhealthy)
    );
    let error = at_once(receiver.receive(ROOM, &mut Vec::new())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ChannelMissing);
}

#[test]
fn trimming_unread_messages_is_told_as_a_gap() {
    for mode in ["log", "queue"] {
        let stand = Stand::new(&[("mode", mode)]);
        stand.write(&["a", "b", "c"]);
        let (mut receiver, _settler) = stand.receiver("g");
        stand.broker.trim("orders", 1);
        assert_eq!(texts(&ready(&mut *receiver)), ["c"], "{mode}");
        let heard = stand.heard();
        assert!(
            heard.len() == 1 && heard[0].contains("Some(2)"),
            "{mode} {heard:?}"
        );
    }
}
