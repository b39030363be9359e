//! The contract, held against a real server behind a bad network.

use crate::stand::NatsStand;

#[test]
fn streams_of_nats_keep_the_contract() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime for the stand");
    let stand = runtime.block_on(NatsStand::start());
    dunlin_conformance::run(&stand).at_least(39);
}
