//! The contract, held to on a real broker with quorum queues.

use crate::stand::RabbitStand;

/// How many scenarios pass; fewer are a regression.
const PASSING: usize = 38;

#[test]
fn quorum_queues_keep_the_contract() {
    let stand = RabbitStand::start();
    let only = std::env::var("DUNLIN_ONLY").ok();
    match only {
        Some(only) => dunlin_conformance::Suite::new()
            .only(only.split(','))
            .run(&stand)
            .at_least(only.split(',').count()),
        None => dunlin_conformance::run(&stand).at_least(PASSING),
    }
}
