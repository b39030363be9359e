//! The contract, held against a real server.

use dunlin_conformance::{Hook, Suite};

use crate::stand::RedisStand;

/// A stream is one lane, whoever reads it: several receivers of a group share its entries without their order.
const HOOKS: &[Hook] = &[
    Hook::Restart,
    Hook::Cut,
    Hook::DropFlow,
    Hook::HoldConfirms,
    Hook::Trim,
    Hook::Delete,
    Hook::Tls,
    Hook::Credentials,
    Hook::Limit,
    Hook::Process,
];

#[test]
fn redis_streams_keep_the_contract() {
    dunlin_conformance::run(&RedisStand::start(HOOKS)).at_least(37);
}

#[test]
fn receivers_of_one_group_share_a_stream() {
    Suite::new()
        .only(["C22"])
        .run(&RedisStand::start(&[Hook::Group]))
        .at_least(1);
}
