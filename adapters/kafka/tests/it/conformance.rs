//! The contract, held to on a real broker.

use crate::stand::KafkaStand;

/// How many scenarios pass; fewer are a regression. Passwords and certificates need the feature `ssl`.
const PASSING: usize = if cfg!(feature = "ssl") { 39 } else { 37 };

#[test]
fn kafka_keeps_the_contract() {
    let stand = KafkaStand::start();
    dunlin_conformance::run(&stand).at_least(PASSING);
}
