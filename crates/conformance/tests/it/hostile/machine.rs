//! The consumer against the hostile system, step by step, in every order that chance finds.

use std::time::Duration;

use dunlin_conformance::{Behaviour, Hostile};
use dunlin_core::Message;
use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use super::consumer::{Consumer, Mistake, paused, settled_only_what_is_stored};

/// What can be known without the system: its seed, and how many messages were issued.
#[derive(Clone, Debug)]
pub(crate) struct Issued {
    seed: u64,
    messages: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum Transition {
    Issue(usize),
    Receive(usize),
    Confirm(usize),
    Pass(u64),
    Reconnect,
    Revoke(usize),
    Restart,
}

impl ReferenceStateMachine for Issued {
    type State = Self;
    type Transition = Transition;

    fn init_state() -> BoxedStrategy<Self> {
        any::<u64>().prop_map(|seed| Self { seed, messages: 0 }).boxed()
    }

    fn transitions(_: &Self) -> BoxedStrategy<Transition> {
        prop_oneof![
            4 => (1_usize..20).prop_map(Transition::Issue),
            10 => (1_usize..12).prop_map(Transition::Receive),
            10 => (0_usize..4).prop_map(Transition::Confirm),
            2 => (0_u64..2_000).prop_map(Transition::Pass),
            1 => Just(Transition::Reconnect),
            1 => (0_usize..2).prop_map(Transition::Revoke),
            1 => Just(Transition::Restart),
        ]
        .boxed()
    }

    fn apply(mut state: Self, transition: &Transition) -> Self {
        if let Transition::Issue(messages) = transition {
            state.messages += messages;
        }
        state
    }
}

pub(crate) struct Machine {
    runtime: tokio::runtime::Runtime,
    hostile: Hostile,
    consumer: Consumer,
}

impl StateMachineTest for Machine {
    type SystemUnderTest = Self;
    type Reference = Issued;

    fn init_test(issued: &Issued) -> Self {
        let runtime = paused();
        let hostile = Hostile::new(issued.seed, Behaviour::hostile());
        let consumer = runtime.block_on(Consumer::open(&hostile, Mistake::None));
        Self {
            runtime,
            hostile,
            consumer,
        }
    }

    fn apply(mut machine: Self, issued: &Issued, transition: Transition) -> Self {
        let Self {
            runtime,
            hostile,
            consumer,
        } = &mut machine;
        runtime.block_on(async {
            match transition {
                Transition::Issue(count) => {
                    let numbers = issued.messages - count..issued.messages;
                    hostile.issue("in", numbers.map(|number| Message::new(format!("m{number}"))));
                }
                Transition::Receive(room) => consumer.receive(room).await,
                Transition::Confirm(which) => consumer.confirm(which).await,
                Transition::Pass(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
                Transition::Reconnect => hostile.reconnect(),
                Transition::Revoke(lane) => hostile.revoke("in", lane),
                Transition::Restart => consumer.restart().await,
            }
        });
        machine
    }

    fn check_invariants(machine: &Self, _: &Issued) {
        settled_only_what_is_stored(&machine.hostile).unwrap();
    }

    fn teardown(machine: Self, issued: Issued) {
        let Self {
            runtime, consumer, ..
        } = machine;
        let judged = runtime.block_on(consumer.finish(issued.messages));
        assert!(judged.is_ok(), "seed {}: {judged:?}", issued.seed);
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn a_consumer_that_waits_for_confirms_loses_nothing(sequential 1..120 => Machine);
}
