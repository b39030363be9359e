//! Routes between files through the command, from end to end: each promise of the `file` system where a user meets it.

mod full;

use dunlin_integration_tests::project::{Project, Running};
use rustix::process::Signal;
use serde_json::{Value, json};

/// A migration that refuses every message whose `total` is no number.
const TOTALS: &str = "migration: totals\ntransformations:\n  - cast: total\n    to: number\n";

/// Lines with these numbers.
fn numbers(numbers: impl IntoIterator<Item = usize>) -> String {
    let line = |number| format!("{{\"number\":{number},\"total\":\"12.50\"}}\n");
    numbers.into_iter().map(line).collect()
}

/// The member `number` of each payload.
fn numbers_of(payloads: &[Value]) -> Vec<u64> {
    let number = |payload: &Value| payload["number"].as_u64();
    payloads
        .iter()
        .map(|payload| number(payload).unwrap_or_else(|| panic!("no number: {payload}")))
        .collect()
}

fn range(numbers: std::ops::Range<u64>) -> Vec<u64> {
    numbers.collect()
}

#[test]
fn lines_that_are_appended_to_a_followed_file_are_forwarded_once_each_also_after_a_restart() {
    let project = Project::with(
        "systems: {shop: {url: 'file:data'}, warehouse: {url: 'file:out'}}\n\
         routes:\n  orders:\n    from: {system: shop, channel: orders, settings: {follow: true, poll_interval_ms: 5}}\n    \
         to: warehouse/orders\n",
    );
    let target = || project.json("out/orders.ndjson").len();
    project.write("data/orders.ndjson", numbers(0..100));
    let mut running = project.start(&["run"]);
    running.until("what was there is forwarded", || target() == 100);
    project.append("data/orders.ndjson", &numbers(100..150));
    running.until("what was appended is forwarded", || target() == 150);
    // A writer that is interrupted in the middle of a line: its first half is no message.
    let line = numbers([150]);
    let (first, second) = line.split_at(9);
    project.append("data/orders.ndjson", &(numbers([149]) + first));
    running.until("the whole line is forwarded", || target() == 151);
    project.append("data/orders.ndjson", second);
    running.until("the line is forwarded once it is whole", || target() == 152);
    running.signal(Signal::TERM);
    let ran = running.wait();
    assert_eq!(ran.status, Some(0), "{ran:?}");

    project.append("data/orders.ndjson", &numbers(151..160));
    let follow = "routes.orders.from.settings.follow=false";
    let ran = project.run(&["run", "--set", follow]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let expected = numbers((0..150).chain([149]).chain(150..160));
    assert_eq!(
        project.text("out/orders.ndjson"),
        expected,
        "a bridge changes no byte"
    );
    let ran = project.run(&["run", "--set", follow]);
    assert!(ran.out.contains("orders: nothing new"), "{ran:?}");
    assert_eq!(project.text("out/orders.ndjson"), expected);
}

#[test]
fn a_second_run_says_that_there_is_nothing_new_and_changes_no_file() {
    let project = Project::with(
        "systems: {shop: {url: 'file:data'}, warehouse: {url: 'file:out', settings: {envelope: true}}}\n\
         routes: {orders: {from: shop/orders, migrate: totals.yaml, to: warehouse/orders, report: warehouse/report, \
         dead_letter: warehouse/dead}}\n",
    );
    project.write("totals.yaml", TOTALS);
    project.write(
        "data/orders.ndjson",
        numbers(0..50) + "{\"number\":50,\"total\":\"twelve\"}\n",
    );
    let ran = project.run(&["run", "--format", "json"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(ran.route("orders")["fates"]["forwarded"], 50, "{ran:?}");
    assert_eq!(ran.route("orders")["fates"]["dead_lettered"], 1, "{ran:?}");
    let files = project.files();
    let ran = project.run(&["run"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.out.starts_with("orders: nothing new\n"), "{ran:?}");
    assert!(project.files() == files, "the second run changed a file");
}

#[test]
fn a_dry_run_counts_and_leaves_no_trace_on_the_disk() {
    let project = Project::with(
        "systems: {shop: {url: 'file:data'}, warehouse: {url: 'file:out', settings: {envelope: true}}}\n\
         routes: {orders: {from: shop/orders, migrate: totals.yaml, to: warehouse/orders, report: warehouse/report, \
         dead_letter: warehouse/dead}}\n",
    );
    project.write("totals.yaml", TOTALS);
    project.write(
        "data/orders.ndjson",
        numbers(0..300) + "{\"number\":300,\"total\":\"twelve\"}\n",
    );
    let before = project.files();
    for _ in 0..2 {
        let ran = project.run(&["run", "--dry-run", "--format", "json"]);
        assert_eq!(ran.status, Some(0), "{ran:?}");
        let route = ran.route("orders");
        assert_eq!(route["counts"]["received"], 301, "{ran:?}");
        assert_eq!(route["failures"], json!({"format": 1}), "{ran:?}");
        let outcomes = &route["migrations"][0]["transformations"][0]["outcomes"];
        assert_eq!(outcomes["applied"], 300, "{ran:?}");
        assert!(project.files() == before, "a dry run wrote something");
    }
    let ran = project.run(&["run", "--format", "json"]);
    assert_eq!(
        ran.route("orders")["counts"]["received"],
        301,
        "a dry run took messages: {ran:?}"
    );
    assert_eq!(project.payloads("out/orders.ndjson").len(), 300);
}

#[test]
fn strict_order_ends_at_the_message_that_fails_and_goes_on_there_once_it_can() {
    let project = Project::with(
        "systems: {shop: {url: 'file:data'}, warehouse: {url: 'file:out', settings: {envelope: true}}}\n\
         routes: {orders: {from: shop/orders, migrate: totals.yaml, to: warehouse/orders, order: strict}}\n",
    );
    project.write("totals.yaml", TOTALS);
    let wrong = "{\"number\":40,\"total\":\"twelve\"}\n";
    project.write("data/orders.ndjson", numbers(0..40) + wrong + &numbers(41..80));
    for _ in 0..2 {
        let ran = project.run(&["run"]);
        assert_eq!(ran.status, Some(1), "{ran:?}");
        assert!(
            ran.out.contains("totals#1") && !ran.out.contains("twelve"),
            "{ran:?}"
        );
        assert_eq!(
            numbers_of(&project.payloads("out/orders.ndjson")),
            range(0..40),
            "nothing overtakes the message that failed"
        );
    }
    project.write("totals.yaml", format!("{TOTALS}    on_error: keep\n"));
    let ran = project.run(&["run"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(numbers_of(&project.payloads("out/orders.ndjson")), range(0..80));

    let ran = project.run(&["run", "--set", "routes.orders.dead_letter=warehouse/dead"]);
    assert_eq!(ran.status, Some(2), "a dead letter lets others overtake: {ran:?}");
    assert!(ran.errors.contains("strict") && ran.out.is_empty(), "{ran:?}");
}

#[test]
fn standard_input_and_output_make_a_bridge_that_carries_bytes_and_nothing_else() {
    let project = Project::with(
        "systems: {pipe: {url: 'file:-'}}\n\
         routes: {through: {from: pipe, to: pipe}}\n",
    );
    let lines = numbers(0..5_000) + "no json, and a last line without a line feed";
    project.write("in", &lines);
    let mut command = project.command(&["run"]);
    command
        .stdin(std::fs::File::open(project.path("in")).unwrap())
        .stdout(std::fs::File::create(project.path("out")).unwrap());
    let ran = Running::beside(&mut command).wait();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(project.text("out"), lines + "\n");
    assert!(
        ran.errors.contains("through: done"),
        "the summary goes beside the messages: {ran:?}"
    );
}

#[test]
fn routes_that_write_one_file_mix_whole_lines_and_keep_the_order_of_each() {
    let sources = ["eu", "us", "asia"];
    let routes: String = sources
        .map(|name| format!("  {name}: {{from: shop/{name}, to: warehouse/all, window: 64, batch: 7}}\n"))
        .concat();
    let project = Project::with(&format!(
        "systems: {{shop: {{url: 'file:data'}}, warehouse: {{url: 'file:out'}}}}\nroutes:\n{routes}"
    ));
    for name in sources {
        let line = |number| format!("{{\"from\":\"{name}\",\"number\":{number}}}\n");
        let lines: String = (0..2_000).map(line).collect();
        project.write(&format!("data/{name}.ndjson"), lines);
    }
    let ran = project.run(&["run"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let all = project.json("out/all.ndjson");
    assert_eq!(all.len(), 6_000);
    for name in sources {
        let own: Vec<Value> = all.iter().filter(|line| line["from"] == name).cloned().collect();
        assert_eq!(numbers_of(&own), range(0..2_000), "{name}");
    }
    let turns = all
        .windows(2)
        .filter(|pair| pair[0]["from"] != pair[1]["from"])
        .count();
    assert!(turns > 2, "the routes wrote one after another, not side by side");
}

#[test]
fn a_route_that_ends_with_an_error_leaves_the_other_running_and_the_status_tells() {
    let project = Project::with(
        "systems: {shop: {url: 'file:data'}, warehouse: {url: 'file:out'}}\n\
         routes:\n  wrong: {from: shop/wrong, migrate: totals.yaml, to: warehouse/wrong}\n  \
         right:\n    from: {system: shop, channel: right, settings: {follow: true, poll_interval_ms: 5}}\n    \
         to: warehouse/right\n",
    );
    project.write("totals.yaml", TOTALS);
    project.write(
        "data/wrong.ndjson",
        numbers(0..3) + "{\"total\":\"twelve\"}\n" + &numbers(3..9),
    );
    project.write("data/right.ndjson", numbers(0..10));
    let forwarded = |name: &str| project.json(&format!("out/{name}.ndjson")).len();
    let mut running = project.start(&["run", "--format", "json"]);
    let place = "data/.dunlin/dunlin-wrong/wrong.lock";
    running.until("both have begun", || {
        forwarded("right") == 10 && project.path(place).exists()
    });
    running.until("what is before the message that fails is forwarded", || {
        forwarded("wrong") == 3
    });
    for more in 1..=5 {
        project.append("data/right.ndjson", &numbers([9 + more]));
        running.until("the other goes on", || forwarded("right") == 10 + more);
    }
    running.signal(Signal::TERM);
    let ran = running.wait();
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert_eq!(ran.route("right")["error"], Value::Null, "{ran:?}");
    assert_eq!(ran.route("right")["ended"], "stopped", "{ran:?}");
    let error = ran.route("wrong")["error"].to_string();
    assert!(error.contains("totals#1") && !error.contains("twelve"), "{error}");
    assert_eq!(
        forwarded("wrong"),
        3,
        "the message that failed stays with its source"
    );
}

#[test]
fn unsafe_forward_sends_the_bytes_that_came_and_says_in_headers_that_they_are_wrong() {
    let project = Project::with(
        "systems: {shop: {url: 'file:data'}, warehouse: {url: 'file:out', settings: {envelope: true}}}\n\
         routes: {orders: {from: shop/orders, migrate: totals.yaml, to: warehouse/orders, report: warehouse/report, \
         on_error: unsafe_forward}}\n",
    );
    project.write("totals.yaml", TOTALS);
    let wrong = r#"{ "number" : 2, "total" : "twelve" }"#;
    project.write(
        "data/orders.ndjson",
        numbers(0..2) + wrong + "\n" + &numbers(3..5),
    );
    let ran = project.run(&["run", "--format", "json"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(ran.route("orders")["fates"]["unsafe_forwarded"], 1, "{ran:?}");
    let target = project.json("out/orders.ndjson");
    let (marked, others): (Vec<_>, Vec<_>) = target
        .iter()
        .partition(|line| line["headers"].get("dunlin-error").is_some());
    assert_eq!((marked.len(), others.len()), (1, 4));
    assert_eq!(marked[0]["headers"]["dunlin-error-kind"], "format");
    assert_eq!(marked[0]["headers"]["dunlin-transformation"], "totals#1");
    assert!(
        !marked[0]["headers"].to_string().contains("twelve"),
        "no header shows a value"
    );
    assert!(
        marked[0]["headers"].get("dunlin-applied").is_none(),
        "nothing of the chain is behind it"
    );
    assert!(
        project.text("out/orders.ndjson").contains(wrong),
        "the payload is forwarded as it was written"
    );
    assert_eq!(
        project.json("out/report.ndjson").len(),
        4,
        "what was not migrated is not reported"
    );
}

#[test]
fn the_breaker_keeps_a_wrong_chain_from_draining_the_source_and_a_right_one_goes_on() {
    let project = Project::with(
        "systems: {shop: {url: 'file:data'}, warehouse: {url: 'file:out', settings: {envelope: true}}}\n\
         routes: {orders: {from: shop/orders, migrate: totals.yaml, to: warehouse/orders, dead_letter: warehouse/dead, \
         window: 64}}\n",
    );
    project.write(
        "totals.yaml",
        "migration: totals\ntransformations:\n  - cast: number\n    to: boolean\n",
    );
    project.write("data/orders.ndjson", numbers(500..2_000));
    let ran = project.run(&["run", "--format", "json"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(
        ran.route("orders")["error"].to_string().contains("100"),
        "{ran:?}"
    );
    let dead = project.payloads("out/dead.ndjson").len();
    assert!((100..=164).contains(&dead), "{dead} dead letters");
    project.write("totals.yaml", TOTALS);
    let ran = project.run(&["run", "--format", "json"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let mut all = numbers_of(&project.payloads("out/dead.ndjson"));
    all.extend(numbers_of(&project.payloads("out/orders.ndjson")));
    assert_eq!(all, range(500..2_000), "each is in one of them, and none in both");
}
