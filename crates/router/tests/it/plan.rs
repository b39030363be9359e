//! What a configuration means, and what is refused because an end cannot do it.

use std::collections::BTreeMap;

use dunlin_core::messaging::Start;
use dunlin_router::config::keys::KEYS;
use dunlin_router::plan::{AddressPlan, Dedup, Level, Order};

use crate::project::{MIGRATION, Project};

const BRIDGE: &str = "from: queue/orders\nto: log/orders";

#[test]
fn a_bridge_is_planned_with_its_defaults() {
    let plan = Project::route(BRIDGE).good();
    assert!(plan.warnings.is_empty(), "{}", plan.warnings);
    let route = &plan.routes[0];
    assert_eq!((route.name.as_str(), route.id.as_str()), ("orders", "orders"));
    assert_eq!(route.from.source.group, "dunlin-orders");
    assert_eq!(route.from.source.window, route.window);
    assert_eq!(route.to.end.target.producer, "orders");
    assert_eq!((route.order, route.dedup), (Order::PerLane, Dedup::ByPosition));
    assert_eq!(route.limits.depth(), 128);
    assert_eq!((route.max_hops, route.own_channel), (8, false));
    assert!(matches!(route.to.address, AddressPlan::Own));
    assert!(route.migrations.is_empty());
}

#[test]
fn an_id_keeps_group_and_producer_when_a_route_is_renamed() {
    let plan = Project::route(&format!("id: old\n{BRIDGE}")).good();
    assert_eq!(plan.routes[0].from.source.group, "dunlin-old");
    assert_eq!(plan.routes[0].to.end.target.producer, "old");
    Project::route(&format!("id: old\n{BRIDGE}"))
        .set("routes.old={from: queue/a, to: log/b}")
        .refused("expected an id of its own for each route, found `old` for `old` and `orders`");
}

#[test]
fn everything_wrong_with_systems_and_ends_is_told_in_one_go() {
    let findings = Project::new(
        "\
systems:
  a: { url: 'memory:a', settings: { lane: 2, mode: queue } }
  b: { url: 'carrier-pigeon:b' }
  c: { url: 'nats://me:secret@host' }
  d: { url: 'memory:d', settings: { lanse: 2, lanes: many } }
  shop: { url: 'memory:shop', user: x }
  good: { url: 'memory:good' }
routes:
  one: { from: goood/x, to: nowhere/y, dead_letter: { system: good, channel: z, settings: { lanse: 3, lanes: few } } }
  two: { from: { start: latest }, to: { channel: good/y, address: 'a.{b}' } }
",
    )
    .findings();
    let expected = [
        "dunlin.yaml:2:37: error: expected a setting of in-process memory, found `lane`, did you mean `lanes`?",
        "dunlin.yaml:3:13: error: open: expected a scheme that is built in (`memory:`), found `carrier-pigeon:` (system: b)",
        "dunlin.yaml:4:13: error: expected an address without credentials, found a user or a password in it",
        "dunlin.yaml:5:37: error: expected a setting of in-process memory, found `lanse`, did you mean `lanes`?",
        "dunlin.yaml:5:54: error: open: expected a whole number (setting: lanes, system: d)",
        "dunlin.yaml:6:31: error: expected a setting of in-process memory, found `user`",
        "dunlin.yaml:9:16: error: expected a system of this configuration, found `goood`, did you mean `good`?",
        "dunlin.yaml:9:29: error: expected a system of this configuration, found `nowhere`",
        "dunlin.yaml:9:93: error: expected a setting of in-process memory, found `lanse`, did you mean `lanes`?",
        "dunlin.yaml:9:110: error: open: expected a whole number (setting: lanes, channel: z)",
        "dunlin.yaml:10:16: error: expected a `system` and a `channel` in `from`, found neither",
        "dunlin.yaml:10:67: error: the address cannot be read: expected `{headers.NAME}`, `{key}` or `{address}`, found `{b}`, at its byte 3",
    ];
    assert_eq!(findings, expected, "{findings:#?}");
}

#[test]
fn a_source_that_keeps_its_history_must_be_told_where_to_start() {
    Project::route("from: log/orders\nto: queue/orders").refused("expected `start` in `from`");
    let plan = Project::route("from: { channel: log/orders, start: latest }\nto: queue/orders").good();
    assert_eq!(plan.routes[0].from.source.start, Start::Latest);
    let without =
        "from: { channel: log/orders, settings: { capabilities: -stable_position } }\nto: queue/orders";
    assert_eq!(
        Project::route(without).good().routes[0].from.source.start,
        Start::Earliest
    );
    Project::route("from: { channel: queue/orders, start: latest }\nto: log/orders")
        .refused("warning: `start` has no effect");
}

#[test]
fn strict_order_names_the_capability_that_is_missing() {
    let strict = |settings: &str| {
        Project::route(&format!(
            "from: {{ channel: queue/orders, settings: {{ capabilities: '{settings}' }} }}\nto: log/orders\norder: strict"
        ))
    };
    let plan = strict("all").good();
    assert_eq!((plan.routes[0].window.messages, plan.routes[0].batch), (1, 1));
    strict("-ordered_lanes").refused("the source lacks the capability `ordered_lanes`");
    strict("-ordered_redelivery").refused("the source lacks the capability `ordered_redelivery`");
    strict("all")
        .set("routes.orders.window=2")
        .refused("`order: strict` has a window of 1, found 2");
    strict("all").set("routes.orders.window=1").good();
    strict("all")
        .set("routes.orders.dead_letter=queue/dead")
        .refused("excludes a dead letter");
    strict("all")
        .set("routes.orders.on_error=unsafe_forward")
        .findings()
        .iter()
        .for_each(|finding| {
            assert!(
                finding.contains("unsafe_forward") || finding.contains("needs `on_error: stop`"),
                "{finding}"
            );
        });
}

#[test]
fn order_per_lane_is_refused_where_it_was_asked_for_and_told_where_it_was_not() {
    let route = "from: { channel: queue/orders, settings: { capabilities: -ordered_lanes } }\nto: log/orders";
    let plan = Project::route(route).good();
    assert_eq!(plan.routes[0].order, Order::None);
    assert!(
        plan.routes[0]
            .notes
            .iter()
            .any(|note| note.contains("`ordered_lanes`"))
    );
    Project::route(route)
        .set("routes.orders.order=per_lane")
        .refused("`order: per_lane` cannot be kept");
}

#[test]
fn the_guarantee_is_at_least_once_until_more_is_proved_and_says_why() {
    let guarantee = |set: &str| {
        let plan = Project::route(BRIDGE).set(set).good();
        (
            plan.routes[0].guarantee.level,
            plan.routes[0].guarantee.reason.clone(),
        )
    };
    let (level, reason) = guarantee("routes.orders.epoch=0");
    assert_eq!(level, Level::AtLeastOnce);
    assert!(reason.contains("no run on this pair has shown it yet"));
    assert!(
        guarantee("routes.orders.from.settings={capabilities: -stable_position}")
            .1
            .contains("`stable_position`")
    );
    assert!(
        guarantee("routes.orders.to.settings={capabilities: -dedup_by_id}")
            .1
            .contains("`dedup_by_id`")
    );
    let unconfirmed = Project::route(BRIDGE).set("routes.orders.to.settings={capabilities: -confirms}");
    unconfirmed.refused("warning: messages may be lost: `to` does not confirm what it stores");
    assert_eq!(unconfirmed.good().routes[0].guarantee.level, Level::MayLose);
}

#[test]
fn a_source_without_stable_positions_gets_no_deduplication_ids() {
    let plan = Project::route(BRIDGE)
        .set("routes.orders.from.settings={capabilities: -stable_position}")
        .good();
    assert_eq!(plan.routes[0].dedup, Dedup::None);
}

#[test]
fn an_address_from_messages_needs_its_list() {
    let route = |address: &str| {
        Project::route(&format!(
            "from: queue/orders\nto: {{ channel: log/x, {address} }}"
        ))
    };
    route("address: 'o.{headers.region}'").refused("expected `allow` beside an `address`");
    let plan = route("address: 'o.{headers.region}', allow: ['o.*']").good();
    assert!(matches!(&plan.routes[0].to.address, AddressPlan::Template(template) if template.uses_headers()));
    assert!(matches!(
        route("address: same").good().routes[0].to.address,
        AddressPlan::Same
    ));
    route("address: fixed, allow: ['x']").refused("warning: `allow` has no effect");
    route("address: 'o.{headers.region}', allow: ['o.*']")
        .set("routes.orders.from.settings={header_values: none}")
        .refused("the source has none (capability `header_values`)");
}

#[test]
fn what_needs_a_dead_letter_says_so() {
    let route = |more: &str| Project::route(&format!("{BRIDGE}\n{more}"));
    assert_eq!(route("unmatched: dead_letter").findings().len(), 2);
    route("unroutable: dead_letter\ndead_letter: log/dead")
        .refused("needs an `address` that is made from messages");
    route("dead_letter: log/dead\non_error: stop").good();
    route("dead_letter: log/dead\non_error: unsafe_forward")
        .refused("warning: `on_error` has no effect beside `dead_letter`");
    route("on_error: unsafe_forward")
        .refused("warning: `on_error: unsafe_forward` sends messages to the target");
    route("dead_letter: log/orders").refused("warning: the dead letter is the target");
    route("report: log/orders").refused("warning: the report goes to the target");
}

#[test]
fn a_pause_that_cannot_be_is_refused() {
    let route = |more: &str| Project::route(&format!("{BRIDGE}\nretry: {more}"));
    route("{ first: 0s }").refused("expected a pause of at least 1ms");
    route("{ first: 1m }").refused("expected `retry.cap` to be at least `retry.first`");
}

#[test]
fn a_window_beyond_the_source_is_cut_and_told_where_it_was_asked_for() {
    let route = format!("{BRIDGE}\nbatch: 20");
    let limited = "routes.orders.from.settings={unsettled_limit: 10}";
    let plan = Project::route(&route).set(limited).good();
    assert_eq!((plan.routes[0].window.messages, plan.routes[0].batch), (10, 10));
    assert_eq!(plan.routes[0].from.source.window.messages, 10);
    assert!(plan.warnings.is_empty());
    Project::route(&route)
        .set(limited)
        .set("routes.orders.window=64")
        .refused("warning: the source lets at most 10");
    let plan = Project::route(&route)
        .set("routes.orders.to.settings={batch_limit: 5}")
        .good();
    assert_eq!(plan.routes[0].batch, 5);
}

#[test]
fn a_plain_bridge_to_its_own_channel_is_refused() {
    Project::route("from: { channel: log/orders, start: earliest }\nto: log/orders")
        .refused("a plain bridge to its own channel");
    let findings = Project::route("from: queue/orders\nto: queue/orders").findings();
    assert!(
        findings
            .iter()
            .any(|finding| finding.contains("`settling_deletes`")),
        "{findings:#?}"
    );
}

#[test]
fn the_same_channel_is_recognised_however_it_was_written() {
    let text = "\
systems: { a: { url: 'memory:x' }, b: { url: 'memory:x' } }
routes: { r: { from: { channel: a/orders, start: earliest }, to: b/orders } }
";
    Project::new(text).refused("a plain bridge to its own channel");
}

#[test]
fn a_circle_of_routes_is_told_once_with_its_ways() {
    let text = "\
systems: { q: { url: 'memory:q', settings: { mode: queue } } }
routes:
  a: { from: q/one, to: q/two }
  b: { from: q/two, to: q/three }
  c: { from: q/three, to: q/one }
  d: { from: q/other, to: q/one }
";
    Project::new(text).refused(
        "messages would go in a circle that no applied record ends: from memory:q/one by `to` of `a` to memory:q/two, then by \
         `to` of `b` to memory:q/three, then by `to` of `c` to memory:q/one",
    );
}

#[test]
fn a_dead_letter_that_comes_back_is_refused() {
    Project::route(&format!("{BRIDGE}\ndead_letter: queue/orders"))
        .refused("what is sent to `dead_letter` would be received again");
    let text = "\
systems: { q: { url: 'memory:q', settings: { mode: queue } } }
routes:
  a: { from: q/one, to: q/two, dead_letter: q/dead }
  again: { from: q/dead, to: q/one }
";
    Project::new(text)
        .refused("by `dead_letter` of `a` to memory:q/dead, then by `to` of `again` to memory:q/one");
}

#[test]
fn two_routes_in_one_group_are_warned_of() {
    let text = "\
systems: { l: { url: 'memory:l' } }
routes:
  a: { from: { channel: l/one, group: g, start: earliest }, to: l/two }
  b: { from: { channel: l/one, group: g, start: earliest }, to: l/three }
";
    Project::new(text).refused("warning: `a` and `b` read one channel in one group");
    let apart = text.replacen("group: g", "group: h", 1);
    assert!(Project::new(&apart).good().warnings.is_empty());
}

#[test]
fn two_routes_on_one_queue_are_warned_of_whatever_their_groups_are() {
    let text = "\
systems: { q: { url: 'memory:q', settings: { mode: queue } } }
routes:
  a: { from: q/one, to: q/two }
  b: { from: q/one, to: q/three }
";
    Project::new(text)
        .refused("warning: `a` and `b` read one channel, which keeps nothing that was settled: each message goes to one of them only");
}

#[test]
fn a_configuration_without_routes_is_a_warning() {
    Project::new("systems: { q: { url: 'memory:q' } }").refused("warning: expected `routes`, found none");
}

/// A value for each key of a route that is not its default.
const OTHER_VALUES: &[(&str, &str)] = &[
    ("id", "x"),
    ("from.system", "queue2"),
    ("from.channel", "other"),
    ("from.group", "g"),
    ("from.start", "latest"),
    ("from.settings.*", "{lanes: 2}"),
    ("migrate.*.when", "[{when: 'true', file: other.yaml}]"),
    ("migrate.*.file", "other.yaml"),
    ("unmatched", "drop"),
    ("to.system", "queue2"),
    ("to.channel", "y"),
    ("to.address", "same"),
    ("to.allow", "['a.*']"),
    ("to.settings.*", "{payload_limit: 5}"),
    ("report.system", "queue2"),
    ("report.channel", "s"),
    ("report.detail", "all"),
    ("report.settings.*", "{lanes: 2}"),
    ("dead_letter.system", "queue2"),
    ("dead_letter.channel", "e"),
    ("dead_letter.settings.*", "{lanes: 2}"),
    ("on_error", "unsafe_forward"),
    ("unroutable", "dead_letter"),
    ("order", "none"),
    ("window", "5"),
    ("window_bytes", "5B"),
    ("batch", "5"),
    ("epoch", "5"),
    ("empty_payload", "drop"),
    ("drops", "allow"),
    ("breaker.row", "5"),
    ("breaker.share", "0.9"),
    ("applied_record", "ignore"),
    ("limits.depth", "5"),
    ("limits.size", "5B"),
    ("limits.hops", "5"),
    ("retry.first", "5ms"),
    ("retry.cap", "5s"),
    ("retry.attempts", "5"),
    ("drain", "5s"),
];

#[test]
fn every_key_of_a_route_changes_its_plan() {
    let base = "\
from: { system: queue, channel: orders }
to: { system: log, channel: x, address: '{key}', allow: ['*'] }
report: { system: log, channel: r }
dead_letter: { system: log, channel: d }
migrate: orders.yaml
";
    let plan = |set: &str| {
        let project = Project::route(base)
            .file("orders.yaml", MIGRATION)
            .file("other.yaml", MIGRATION)
            .set("systems.queue2={url: 'memory:other', settings: {mode: queue}}")
            .set(set);
        let plan = project.good();
        format!("{:?}", plan.routes[0]).replace(&project.folder.path().display().to_string(), "")
    };
    let before = plan("routes.orders.epoch=0");
    assert_eq!(plan("routes.orders.epoch=0"), before, "a plan is the same twice");
    let values: BTreeMap<_, _> = OTHER_VALUES.iter().copied().collect();
    let keys: Vec<_> = KEYS
        .iter()
        .filter_map(|key| key.path.strip_prefix("routes.*."))
        .collect();
    for key in &keys {
        // An object has the values of its members.
        if keys.iter().any(|other| other.starts_with(&format!("{key}."))) {
            continue;
        }
        let value = values
            .get(key)
            .unwrap_or_else(|| panic!("no other value is listed for {key}"));
        let set = key.split(".*").next().unwrap_or_default();
        assert_ne!(
            plan(&format!("routes.orders.{set}={value}")),
            before,
            "{key} changes nothing"
        );
    }
}
