//! Every scenario, with what it needs. The ids are those of the delivery guarantees in the book.

mod access;
mod backpressure;
mod batches;
mod connection;
mod contract;
mod faults;
mod fidelity;
mod lifecycle;
mod order;
mod settling;
mod volume;

use futures_util::FutureExt;

use crate::scenario::{Need, Run, Scenario};
use crate::stand::Hook;

const CONFIRMS: Need = Need::Capability("confirms", |can| can.confirms);
const ORDERED_LANES: Need = Need::Capability("ordered_lanes", |can| can.ordered_lanes);
const ORDERED_REDELIVERY: Need = Need::Capability("ordered_redelivery", |can| can.ordered_redelivery);
const HEADERS: Need = Need::Capability("header_values", |can| {
    can.header_values != dunlin_core::HeaderValues::None
});
const STABLE_POSITION: Need = Need::Capability("stable_position", |can| can.stable_position);

/// The contract's own checks first: what fails there explains most of what fails below.
pub(crate) fn all() -> Vec<Scenario> {
    vec![
        scenario("K1", "dropped_receive", &[], |bench| {
            contract::dropped_receive(bench).boxed_local()
        }),
        scenario("K2", "settle_in_any_order", &[], |bench| {
            contract::settle_in_any_order(bench).boxed_local()
        }),
        scenario("K3", "settle_twice", &[], |bench| {
            contract::settle_twice(bench).boxed_local()
        }),
        scenario("K4", "settle_unknown_token", &[], |bench| {
            contract::settle_unknown_token(bench).boxed_local()
        }),
        scenario("K5", "retry_comes_back", &[], |bench| {
            contract::retry_comes_back(bench).boxed_local()
        }),
        scenario("K6", "unsettled_at_close", &[], |bench| {
            contract::unsettled_at_close(bench).boxed_local()
        }),
        scenario("K7", "close_while_blocked", &[], |bench| {
            contract::close_while_blocked(bench).boxed_local()
        }),
        scenario(
            "K8",
            "unroutable_is_an_error",
            &[CONFIRMS, Need::Unroutable],
            |bench| contract::unroutable_is_an_error(bench).boxed_local(),
        ),
        scenario("K9", "bad_message_alone", &[Need::BadMessage], |bench| {
            contract::bad_message_alone(bench).boxed_local()
        }),
        scenario("K10", "tokens_never_reused", &[], |bench| {
            contract::tokens_never_reused(bench).boxed_local()
        })
        // It cuts connections where it can.
        .alone(),
        scenario("C01", "open_close", &[], |bench| {
            lifecycle::open_close(bench).boxed_local()
        })
        // It counts what the whole process has open.
        .alone(),
        scenario("C02", "open_close_isolated", &[], |bench| {
            lifecycle::open_close_isolated(bench).boxed_local()
        }),
        scenario("C03", "bytes_roundtrip", &[], |bench| {
            fidelity::bytes_roundtrip(bench).boxed_local()
        }),
        scenario("C04", "headers_roundtrip", &[HEADERS], |bench| {
            fidelity::headers_roundtrip(bench).boxed_local()
        }),
        scenario("C05", "sequential_1000", &[], |bench| {
            volume::sequential_1000(bench).boxed_local()
        }),
        scenario("C06", "parallel_1000x50", &[], |bench| {
            volume::parallel_1000x50(bench).boxed_local()
        }),
        scenario(
            "C07",
            "order_single_partition",
            &[ORDERED_LANES, ORDERED_REDELIVERY, Need::Hook(Hook::Restart)],
            |bench| order::order_single_partition(bench).boxed_local(),
        )
        .repeated(),
        scenario(
            "C08",
            "order_per_key",
            &[ORDERED_LANES, Need::Hook(Hook::Group)],
            |bench| order::order_per_key(bench).boxed_local(),
        ),
        scenario("C09", "batch_send", &[Need::BadMessage], |bench| {
            batches::batch_send(bench).boxed_local()
        }),
        scenario("C10", "batch_receive", &[], |bench| {
            batches::batch_receive(bench).boxed_local()
        }),
        scenario(
            "C11",
            "ack_only_after_confirm",
            &[CONFIRMS, Need::Hook(Hook::HoldConfirms)],
            |bench| backpressure::ack_only_after_confirm(bench).boxed_local(),
        ),
        scenario(
            "C12",
            "checkpoint_capture",
            &[Need::Hook(Hook::Process)],
            |bench| lifecycle::checkpoint_capture(bench).boxed_local(),
        ),
        scenario("C13", "nack_redelivers", &[], |bench| {
            settling::nack_redelivers(bench).boxed_local()
        }),
        scenario("C14", "at_least_once_restart", &[], |bench| {
            lifecycle::at_least_once_restart(bench).boxed_local()
        }),
        scenario(
            "C15",
            "lossy_through_reconnect",
            &[Need::Hook(Hook::Cut)],
            |bench| settling::lossy_through_reconnect(bench).boxed_local(),
        ),
        scenario("C16", "saturated_unacked", &[], |bench| {
            backpressure::saturated_unacked(bench).boxed_local()
        }),
        scenario(
            "C17",
            "backpressure_bound",
            &[CONFIRMS, Need::Hook(Hook::HoldConfirms)],
            |bench| backpressure::backpressure_bound(bench).boxed_local(),
        ),
        scenario(
            "C18",
            "broker_kill9_restart",
            &[CONFIRMS, Need::Hook(Hook::Restart)],
            |bench| faults::broker_kill9_restart(bench).boxed_local(),
        )
        .repeated(),
        scenario("C19", "half_open", &[Need::Hook(Hook::DropFlow)], |bench| {
            connection::half_open(bench).boxed_local()
        }),
        scenario(
            "C20",
            "missing_target",
            &[CONFIRMS, Need::Hook(Hook::Delete)],
            |bench| faults::missing_target(bench).boxed_local(),
        ),
        scenario("C21", "too_large", &[Need::PayloadLimit], |bench| {
            faults::too_large(bench).boxed_local()
        }),
        scenario(
            "C22",
            "consumer_group_scale",
            &[Need::Hook(Hook::Group)],
            |bench| faults::consumer_group_scale(bench).boxed_local(),
        ),
        scenario("C23", "stale_ack", &[Need::Hook(Hook::Cut)], |bench| {
            settling::stale_ack(bench).boxed_local()
        }),
        scenario(
            "C24",
            "confirm_in_doubt",
            &[CONFIRMS, Need::Hook(Hook::HoldConfirms), Need::Hook(Hook::Cut)],
            |bench| settling::confirm_in_doubt(bench).boxed_local(),
        ),
        scenario("C26", "graceful_drain", &[Need::Hook(Hook::Process)], |bench| {
            lifecycle::graceful_drain(bench).boxed_local()
        }),
        scenario(
            "C28",
            "auth_failure_and_rotation",
            &[Need::Hook(Hook::Credentials)],
            |bench| access::auth_failure_and_rotation(bench).boxed_local(),
        )
        .recorded(),
        scenario("C29", "tls_verify", &[Need::Hook(Hook::Tls)], |bench| {
            access::tls_verify(bench).boxed_local()
        }),
        scenario(
            "C30",
            "gap_detection",
            &[STABLE_POSITION, Need::Hook(Hook::Trim)],
            |bench| faults::gap_detection(bench).boxed_local(),
        ),
        scenario("C31", "clock_jump", &[Need::Hook(Hook::Clock)], |bench| {
            faults::clock_jump(bench).boxed_local()
        }),
        scenario("C32", "passthrough_identity", &[], |bench| {
            fidelity::passthrough_identity(bench).boxed_local()
        }),
    ]
}

fn scenario(id: &'static str, name: &'static str, needs: &'static [Need], run: Run) -> Scenario {
    Scenario::new(id, name, needs, run)
}
