//! The contract, held to on a real broker.

use crate::stand::KafkaStand;

/// How many scenarios pass; fewer are a regression.
const PASSING: usize = 30;

#[test]
fn kafka_keeps_the_contract() {
    let stand = KafkaStand::start();
    let only = std::env::var("DUNLIN_ONLY").ok();
    match only {
        Some(only) => dunlin_conformance::Suite::new()
            .only(only.split(','))
            .run(&stand)
            .at_least(only.split(',').count()),
        None => dunlin_conformance::run(&stand).at_least(PASSING),
    }
}
