//! The hostile system shows every fault that it claims, keeps the contract all the same, and a consumer that keeps its side
//! loses nothing on it.

mod consumer;
mod machine;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dunlin_conformance::{Act, Behaviour, Hook, Hostile, Stand, Suite, Wanted};
use dunlin_core::messaging::{Endpoint, Events, MessagingSystem, Outgoing, Target};
use dunlin_core::position::DedupId;
use dunlin_core::{ErrorKind, HeaderValues, Limits, Message, Result};

use consumer::{Consumer, Mistake, paused};

/// The hostile system with no fault that costs a duplicate, as a stand.
struct Lingering(Hostile);

#[async_trait]
impl Stand for Lingering {
    fn name(&self) -> String {
        format!("{:?}, lingering", self.0)
    }

    fn open(&self) -> Result<Arc<dyn MessagingSystem>> {
        Ok(self.0.system())
    }

    async fn channel(&self, wanted: &Wanted) -> Result<Endpoint> {
        Ok(Endpoint::new(&wanted.name))
    }

    fn unroutable(&self) -> Option<Bytes> {
        Some(Bytes::from_static(b"nowhere"))
    }

    fn hooks(&self) -> &[Hook] {
        &[Hook::Cut, Hook::Process]
    }

    async fn act(&self, _: Act<'_>) -> Result<()> {
        self.0.reconnect();
        Ok(())
    }

    fn quiet(&self) -> Duration {
        Duration::from_millis(60)
    }
}

#[test]
fn a_system_that_only_lingers_and_delays_keeps_the_contract() {
    let behaviour = Behaviour {
        pending: 50,
        send_errors: 10,
        confirm_delay: Duration::from_millis(3),
        unroutable: Some("nowhere"),
        lanes: 1,
        ..Behaviour::calm()
    };
    let only = [
        "K1", "K2", "K4", "K5", "K6", "K7", "K10", "C02", "C10", "C12", "C13", "C14", "C15", "C23", "C26",
    ];
    let report = Suite::new()
        .quietly()
        .only(only)
        .run(&Lingering(Hostile::new(3, behaviour)));
    report.at_least(only.len());
}

#[test]
fn every_kind_of_fault_is_met() {
    let mut met: BTreeSet<&'static str> = BTreeSet::new();
    for seed in 0..40 {
        let runtime = paused();
        let hostile = Hostile::new(seed, Behaviour::hostile());
        hostile.issue("in", (0..60).map(|number| Message::new(format!("m{number}"))));
        let consumer = runtime.block_on(async {
            let mut consumer = Consumer::open(&hostile, Mistake::None).await;
            for _ in 0..60 {
                consumer.receive(4).await;
                consumer.receive(4).await;
                consumer.confirm(0).await;
            }
            consumer
        });
        met.extend(consumer.met());
    }
    let all = [
        "receive failed",
        "send failed with nothing taken",
        "settle failed",
        "one message refused",
        "in doubt",
        "came twice",
        "Gap",
        "Reconnected",
        "LanesRevoking",
        "LanesLost",
        "Blocked",
        "Unblocked",
        "confirms out of order",
    ];
    let missing: Vec<_> = all.iter().filter(|kind| !met.contains(**kind)).collect();
    assert!(missing.is_empty(), "never met: {missing:?}; met: {met:?}");
}

#[test]
fn the_same_seed_gives_the_same_faults() {
    let run = |seed| {
        let runtime = paused();
        let hostile = Hostile::new(seed, Behaviour::hostile());
        hostile.issue("in", (0..40).map(|number| Message::new(format!("m{number}"))));
        runtime.block_on(async {
            let mut consumer = Consumer::open(&hostile, Mistake::None).await;
            for _ in 0..60 {
                consumer.receive(8).await;
                consumer.confirm(0).await;
            }
        });
        format!("{:?}", hostile.history())
    };
    assert_eq!(run(11), run(11));
    assert_ne!(run(11), run(12));
}

#[test]
fn a_receiver_that_is_not_called_in_time_loses_its_lanes() {
    let behaviour = Behaviour {
        poll_interval: Some(Duration::from_secs(5)),
        ..Behaviour::calm()
    };
    let hostile = Hostile::new(1, behaviour);
    hostile.issue("in", [Message::new("a")]);
    paused().block_on(async {
        let mut consumer = Consumer::open(&hostile, Mistake::None).await;
        consumer.receive(1).await;
        tokio::time::sleep(Duration::from_secs(6)).await;
        consumer.receive(1).await;
        assert!(consumer.met().contains("LanesLost"));
        assert!(consumer.met().contains("came twice"));
    });
}

#[test]
fn what_can_never_pass_is_refused_in_its_own_place_and_its_neighbours_are_stored() {
    let mut behaviour = Behaviour {
        unroutable: Some("nowhere"),
        limits: Limits::default().payload(4),
        ..Behaviour::calm()
    };
    behaviour.capabilities.header_values = HeaderValues::None;
    let hostile = Hostile::new(5, behaviour);
    let answers = paused().block_on(async {
        let session = hostile.system().connect(Events::ignored()).await.unwrap();
        let target = Target::new(Endpoint::new("out"), "route");
        let mut sender = session.sender(&target).await.unwrap();
        let batch = [
            Outgoing::new(Message::new("good")),
            Outgoing::new(Message::new("large")),
            Outgoing::new(Message::new("head").with_header("a", "b")),
            Outgoing::new(Message::new("lost")).addressed("nowhere.to.go"),
            Outgoing::new(Message::new("also")),
        ];
        sender.send(&batch).await.unwrap().await
    });
    let kinds: Vec<_> = (answers.iter())
        .map(|answer| answer.as_ref().err().map(dunlin_core::Error::kind))
        .collect();
    let expected = [
        None,
        Some(ErrorKind::TooLarge),
        Some(ErrorKind::HeaderNotRepresentable),
        Some(ErrorKind::Unroutable),
        None,
    ];
    assert_eq!(kinds, expected);
    assert_eq!(hostile.stored("out").len(), 2);
}

#[test]
fn a_known_id_is_stored_once_where_ids_are_recognised_whatever_was_in_doubt() {
    for recognised in [true, false] {
        let mut behaviour = Behaviour {
            doubts: 60,
            ..Behaviour::calm()
        };
        behaviour.capabilities.dedup_by_id = recognised;
        let hostile = Hostile::new(9, behaviour);
        paused().block_on(async {
            let session = hostile.system().connect(Events::ignored()).await.unwrap();
            let target = Target::new(Endpoint::new("out"), "route");
            let mut sender = session.sender(&target).await.unwrap();
            for number in 0..50_u8 {
                let outgoing = [Outgoing::new(Message::new("m")).with_dedup(DedupId([number; 16]))];
                while sender.send(&outgoing).await.unwrap().await[0].is_err() {}
            }
        });
        let stored = hostile.stored("out").len();
        assert_eq!(stored == 50, recognised, "{stored}");
        assert!(stored >= 50);
    }
}

#[test]
fn each_mistake_of_a_consumer_is_caught_by_the_invariants() {
    for mistake in [
        Mistake::SettlesBeforeTheConfirm,
        Mistake::TakesEveryAnswerForAReceipt,
        Mistake::ForgetsWhatWasRefused,
    ] {
        let caught = (0..40).find_map(|seed| {
            let runtime = paused();
            let hostile = Hostile::new(seed, Behaviour::hostile());
            hostile.issue("in", (0..60).map(|number| Message::new(format!("m{number}"))));
            runtime.block_on(async {
                let mut consumer = Consumer::open(&hostile, mistake).await;
                for _ in 0..40 {
                    consumer.receive(8).await;
                    consumer.confirm(0).await;
                }
                let verdict = match consumer::settled_only_what_is_stored(&hostile) {
                    Ok(()) => consumer.finish(60).await,
                    found => found,
                };
                verdict.err()
            })
        });
        assert!(caught.is_some(), "{mistake:?} went unseen");
    }
}
