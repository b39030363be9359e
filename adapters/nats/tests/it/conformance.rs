//! The contract, held against a real server behind a bad network.

use crate::stand::NatsStand;

#[test]
fn streams_of_nats_keep_the_contract() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime for the stand");
    let stand = runtime.block_on(NatsStand::start());
    let suite = match std::env::var("DUNLIN_ONLY") {
        Ok(only) => dunlin_conformance::Suite::new().only(only.split(',')),
        Err(_) => dunlin_conformance::Suite::new(),
    };
    suite.run(&stand).at_least(1);
}
