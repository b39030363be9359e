//! The suite bites: each way to break the contract fails the scenario that is there for it.

mod system;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dunlin_conformance::{Act, Hook, MemoryStand, Outcome, Stand, Suite, Wanted};
use dunlin_core::Result;
use dunlin_core::messaging::{Endpoint, MessagingSystem};

use system::{BrokenSystem, Fault};

/// The in-process system, broken in one way.
struct BrokenStand {
    inner: MemoryStand,
    fault: Fault,
}

impl BrokenStand {
    fn new(fault: Fault) -> Self {
        // A queue shows what is settled by mistake more sharply, except where the fault is one of logs.
        let settings: &[(&str, &str)] = match fault {
            Fault::FailsTheWholeBatch | Fault::AnswersInAnotherOrder => {
                &[("capabilities", "-ordered_batches")]
            }
            Fault::SettlesEverythingBefore => &[("mode", "queue")],
            _ => &[],
        };
        Self {
            inner: MemoryStand::new(settings),
            fault,
        }
    }
}

#[async_trait]
impl Stand for BrokenStand {
    fn name(&self) -> String {
        format!("a system broken by {:?}", self.fault)
    }

    fn open(&self) -> Result<Arc<dyn MessagingSystem>> {
        Ok(Arc::new(BrokenSystem {
            inner: self.inner.open()?,
            fault: self.fault,
        }))
    }

    async fn channel(&self, wanted: &Wanted) -> Result<Endpoint> {
        self.inner.channel(wanted).await
    }

    fn unroutable(&self) -> Option<Bytes> {
        self.inner.unroutable()
    }

    fn hooks(&self) -> &[Hook] {
        self.inner.hooks()
    }

    async fn act(&self, act: Act<'_>) -> Result<()> {
        self.inner.act(act).await
    }

    fn quiet(&self) -> Duration {
        self.inner.quiet()
    }
}

/// Each fault, and the scenarios that must fail by it.
const CAUGHT_BY: &[(Fault, &[&str])] = &[
    (Fault::LosesWhatADroppedReceiveTook, &["K1"]),
    (Fault::GivesMoreThanThereIsRoomFor, &["K1", "C17"]),
    (Fault::ReusesTokens, &["K10"]),
    (Fault::SettlesOnReceive, &["K6", "C12", "C14", "C26"]),
    (Fault::SettlesAnotherForAnUnknownToken, &["K3", "K4"]),
    (Fault::SettlesEverythingBefore, &["C12"]),
    (Fault::SettlesByStaleTokens, &["C23"]),
    (Fault::TakesARetryForDone, &["K5", "C10", "C13"]),
    (Fault::ForgetsTheDelay, &["C13"]),
    (Fault::LosesAConfirmedMessage, &["C05", "C06"]),
    (Fault::NeverAnswersAConfirm, &["C05"]),
    (Fault::AnswersInAnotherOrder, &["K9", "C09"]),
    (Fault::FailsTheWholeBatch, &["K9", "C09"]),
    (Fault::ConfirmsTheUnroutable, &["K8"]),
    (Fault::ConfirmsBeforeTheBroker, &["C11", "C17", "C24"]),
    (Fault::CallsADoubtCertain, &["C24"]),
    (Fault::SendsAgainWithANewId, &["C24"]),
    (Fault::NeverCloses, &["K7", "C01"]),
    (Fault::LeavesATaskRunning, &["C01"]),
    (Fault::DeliversTwice, &["C05", "C06"]),
    (Fault::TurnsALaneAround, &["C07", "C08"]),
    (Fault::KeepsOneHeaderOfAName, &["C04", "C05"]),
    (Fault::TidiesPayloads, &["C03", "C32"]),
    (Fault::CutsWhatIsTooLarge, &["C21"]),
    (Fault::HidesGaps, &["C30"]),
    (Fault::HidesAMissingChannel, &["C20"]),
];

#[test]
fn each_fault_fails_the_scenario_that_is_there_for_it() {
    // Most of the time goes into waiting for what never comes, so several wait at the same time.
    let uncaught: Vec<String> = CAUGHT_BY
        .chunks(9)
        .flat_map(|faults| {
            std::thread::scope(|scope| {
                let running: Vec<_> = (faults.iter())
                    .map(|(fault, expected)| scope.spawn(|| uncaught(*fault, expected)))
                    .collect();
                running
                    .into_iter()
                    .filter_map(|one| one.join().unwrap())
                    .collect::<Vec<_>>()
            })
        })
        .collect();
    assert!(uncaught.is_empty(), "{}", uncaught.join("\n"));
}

/// The report of a run in which other scenarios failed than those that should.
fn uncaught(fault: Fault, expected: &[&str]) -> Option<String> {
    let suite = Suite::new()
        .quietly()
        .repeats(1)
        .limit(Duration::from_secs(20))
        .only(expected.iter().copied());
    let report = suite.run(&BrokenStand::new(fault));
    let failed: BTreeSet<_> = report.failed().into_iter().collect();
    let wanted: BTreeSet<_> = expected.iter().copied().collect();
    (failed != wanted).then(|| format!("{fault:?}: {report}"))
}

#[test]
fn the_same_wrapper_without_a_fault_passes_all_of_them() {
    let ids: BTreeSet<_> = CAUGHT_BY
        .iter()
        .flat_map(|(_, ids)| ids.iter().copied())
        .collect();
    let report = Suite::new()
        .quietly()
        .only(ids.iter().copied())
        .run(&BrokenStand::new(Fault::None));
    report.at_least(ids.len());
}

#[test]
fn a_skip_names_what_is_missing_and_too_few_passes_fail_a_test() {
    let stand = MemoryStand::new(&[("capabilities", "-confirms,-stable_position")]);
    let report = Suite::new().quietly().only(["C11", "C30", "K4"]).run(&stand);
    let reason = |id| match report.outcome(id) {
        Some(Outcome::Skipped(reason)) => reason.clone(),
        other => panic!("expected {id} to be skipped, found {other:?}"),
    };
    assert_eq!(reason("C11"), "the channel has no confirms");
    assert_eq!(reason("C30"), "the channel has no stable_position");
    assert_eq!((report.passed(), report.skipped()), (1, 2));
    assert!(
        report
            .to_string()
            .contains("C11  ack_only_after_confirm     skipped: the channel has no confirms")
    );
    report.at_least(1);
    let failed = std::panic::catch_unwind(|| report.at_least(2));
    assert!(failed.is_err());
}
