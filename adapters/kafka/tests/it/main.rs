//! The adapter against real servers, one test binary for all of it.
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests fail like the tests themselves"
)]

use std::future::Future;

mod bad_input;
mod conformance;
mod partitions;
mod reading;
mod speed;
mod stand;

use crate::stand::KafkaStand;

/// Runs this on a runtime like that of a program.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(work)
}

/// One broker serves all of these: starting one takes longer than any of them.
#[test]
fn topics_groups_and_mistakes_are_told_as_the_readme_says() {
    let stand = KafkaStand::start();
    block_on(async {
        bad_input::a_wrong_address_is_told_within_the_limit().await;
        bad_input::a_missing_topic_is_told_and_not_made(&stand).await;
        bad_input::a_topic_is_made_on_request_and_told(&stand).await;
        bad_input::what_the_broker_refuses_is_one_messages_own_fault(&stand).await;
        bad_input::a_position_of_another_log_is_no_place_to_begin(&stand).await;
        bad_input::a_group_whose_members_are_of_another_kind_is_told(&stand).await;
        partitions::keys_go_where_java_sends_them(&stand).await;
        reading::a_group_begins_where_it_is_told(&stand).await;
        reading::a_pattern_receives_from_every_topic_that_matches(&stand).await;
        reading::a_look_takes_nothing_and_may_wait_for_more(&stand).await;
        reading::a_short_cut_brings_nothing_again(&stand).await;
    });
}
