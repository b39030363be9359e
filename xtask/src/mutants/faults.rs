//! The deliberate faults, each with the test that must catch it.

/// A fault: a piece of source that is replaced by a wrong one.
pub(super) struct Fault {
    /// What is done wrong.
    pub(super) name: &'static str,
    /// The file, from the root.
    pub(super) file: &'static str,
    /// The right piece. It stands exactly once in the file, or this list is out of date.
    pub(super) right: &'static str,
    /// The wrong one.
    pub(super) wrong: &'static str,
    /// The package of the test.
    pub(super) package: &'static str,
    /// The test that must fail.
    pub(super) test: &'static str,
}

/// The mistakes that would cost messages, order or values, one of each kind.
pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "acknowledge before the target has confirmed",
        file: "crates/router/src/route.rs",
        right: "self.outputs.target.enqueue(ticket, lane, outgoing);",
        wrong: "self.outputs.target.enqueue(ticket, lane, outgoing); self.settle(ticket, Verdict::Done);",
        package: "dunlin-router",
        test: "a_crash_while_the_target_takes_nothing_loses_nothing",
    },
    Fault {
        name: "acknowledge before the report has confirmed",
        file: "crates/router/src/route.rs",
        right: "(Some(report), Some(output)) => output.enqueue(ticket, entry.lane, *report),",
        wrong: "(Some(report), Some(output)) => { output.enqueue(ticket, entry.lane, *report); self.settle(ticket, Verdict::Done); }",
        package: "dunlin-router",
        test: "the_source_is_settled_only_after_the_report_is_confirmed",
    },
    Fault {
        name: "skip the report",
        file: "crates/router/src/route.rs",
        right: "(Some(report), Some(output)) => output.enqueue(ticket, entry.lane, *report),",
        wrong: "(Some(_), Some(_)) => self.settle(ticket, Verdict::Done),",
        package: "dunlin-router",
        test: "a_migrated_message_is_forwarded_reported_and_then_settled",
    },
    Fault {
        name: "acknowledge before the dead letter has confirmed",
        file: "crates/router/src/route/failing.rs",
        right: "output.enqueue(ticket, lane, self.judge.dead_letter(entry, &fault, end));",
        wrong: "output.enqueue(ticket, lane, self.judge.dead_letter(entry, &fault, end)); self.settle(ticket, Verdict::Done);",
        package: "dunlin-router",
        test: "a_failed_message_is_settled_only_after_its_dead_letter_is_confirmed",
    },
    Fault {
        name: "drop a confirm: take every answer of a target for stored",
        file: "crates/router/src/route/output.rs",
        right: "Err(error) => error,\n            };",
        wrong: "Err(_) => { self.passed(ticket, lane); judged.push(Answer::Stored { ticket, unexpected: false }); continue; }\n            };",
        package: "dunlin-router",
        test: "a_message_that_the_target_can_never_take_is_dead_lettered_and_spares_its_neighbours",
    },
    Fault {
        name: "lose the order of a lane when a message is sent again",
        file: "crates/router/src/route/output.rs",
        right: "held.waiting.into_values().rev()",
        wrong: "held.waiting.into_values()",
        package: "dunlin-router",
        test: "a_message_that_failed_for_a_while_is_sent_again_before_the_rest_of_its_lane",
    },
    Fault {
        name: "receive beyond the window",
        file: "crates/router/src/route/in_flight.rs",
        right: "(messages > 0 && bytes > 0).then_some(Room { messages, bytes })",
        wrong: "(bytes > 0).then_some(Room { messages: messages.max(1), bytes })",
        package: "dunlin-router",
        test: "receiving_goes_on_while_confirms_are_held_up_to_the_window_and_no_further",
    },
    Fault {
        name: "take one transformation too few for applied already",
        file: "crates/core/src/migration/interpret.rs",
        right: "transform(transformation, index < from, &mut context)",
        wrong: "transform(transformation, index + 1 < from, &mut context)",
        package: "dunlin-core",
        test: "every_golden_case_holds",
    },
    Fault {
        name: "acknowledge past a gap",
        file: "crates/core/src/ledger.rs",
        right: "while let Some((first, true)) = self.open.front().copied() {",
        wrong: "while let Some((first, _)) = self.open.front().copied() {",
        package: "dunlin-core",
        test: "a_gap_holds_the_prefix_back_until_it_is_settled",
    },
    Fault {
        name: "remove only the last of a name that stands twice",
        file: "crates/core/src/migration/context/values.rs",
        right: "self.branches(path, Occurrences::Every)",
        wrong: "self.branches(path, Occurrences::Last)",
        package: "dunlin-core",
        test: "members_and_elements_go_and_their_neighbours_stay_as_they_were",
    },
    Fault {
        name: "take a number through a float",
        file: "crates/core/src/migration/op/cast.rs",
        right: "(Value::Number(found), Kind::String) => Value::string(found.as_str()),",
        wrong: "(Value::Number(found), Kind::String) => Value::string(&found.as_str().parse::<f64>().unwrap_or(0.0).to_string()),",
        package: "dunlin-core",
        test: "every_golden_case_holds",
    },
    Fault {
        name: "confirm before the file is synced",
        file: "adapters/file/src/append.rs",
        right: "if self.sync == Sync::Always || self.named.is_none() {",
        wrong: "if self.named.is_none() {",
        package: "dunlin-file",
        test: "nothing_that_was_confirmed_is_lost_when_the_power_fails",
    },
];

#[cfg(test)]
mod tests {
    use super::FAULTS;
    use crate::workspace;

    #[test]
    fn every_fault_fits_one_place() {
        for fault in FAULTS {
            let text = std::fs::read_to_string(workspace::root().join(fault.file)).unwrap();
            assert_eq!(
                text.matches(fault.right).count(),
                1,
                "the fault `{}` in {}",
                fault.name,
                fault.file
            );
            assert_ne!(fault.right, fault.wrong);
        }
    }
}
