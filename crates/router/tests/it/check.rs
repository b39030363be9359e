//! What `check` says of a configuration.

use std::time::Duration;

use dunlin_core::message::Message;
use dunlin_core::messaging::{Endpoint, Events, Outgoing, Target};
use dunlin_router::check::check;
use dunlin_router::online::{Standing, online};

use crate::project::{MIGRATION, Project, clock, registry};

fn project() -> Project {
    Project::route("from: { channel: log/orders, start: earliest }\nto: queue/orders\nmigrate: orders.yaml\ndead_letter: log/dead")
        .file("orders.yaml", MIGRATION)
}

#[test]
fn a_report_says_what_each_route_would_do() {
    let report = check(&project().sources, &registry(), &clock());
    assert!(report.findings.is_empty(), "{}", report.findings);
    let text = report.routes[0].to_string();
    for expected in [
        "orders: log/orders -> queue/orders\n",
        "  guarantee    at-least-once: source and target could do better",
        "  order        per_lane\n",
        "  start        earliest\n",
        "  migration    orders@1:",
        "  dead_letter  log/dead\n",
        "  can          log/orders (header_values: binary, ordered_lanes,",
        "  note         applied record: trusted; whoever can write to the source can forge it\n",
    ] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
    let json = report.to_json();
    assert_eq!(json["routes"][0]["guarantee"]["level"], "at-least-once");
    assert_eq!(
        json["routes"][0]["ends"]["to"]["capabilities"]["settling_deletes"],
        "yes"
    );
    assert_eq!(json["findings"], serde_json::json!([]));
    assert_eq!(report.resolved.unwrap()["routes"]["orders"]["window"], 4096);
}

#[test]
fn a_route_with_an_error_is_a_finding_and_the_others_are_reported() {
    let project = project().set("routes.other={from: queue/x, to: nowhere/x}");
    let report = check(&project.sources, &registry(), &clock());
    assert_eq!(report.findings.errors(), 1);
    assert_eq!(
        report
            .routes
            .iter()
            .map(|route| route.name.as_str())
            .collect::<Vec<_>>(),
        ["orders"]
    );
}

#[tokio::test]
async fn asking_online_tells_how_much_would_be_read_and_takes_nothing() {
    let project = project().set("systems.log.url=memory:looking");
    let report = check(&project.sources, &registry(), &clock());
    let plan = report.plan.unwrap();
    let session = plan.systems["log"]
        .system
        .connect(Events::ignored())
        .await
        .unwrap();
    let mut sender = session
        .sender(&Target::new(Endpoint::new("orders"), "test"))
        .await
        .unwrap();
    let batch = [Outgoing::new(Message::new("1")), Outgoing::new(Message::new("2"))];
    for answer in sender.send(&batch).await.unwrap().await {
        answer.unwrap();
    }
    for _ in 0..2 {
        let asked = online(&plan, &clock(), Duration::from_secs(5)).await;
        assert!(
            asked[0].to_string().starts_with(
                "orders reads: 2 messages, 2 of them to read\n  from         log/orders: there\n"
            ),
            "{}",
            asked[0]
        );
    }
}

#[tokio::test]
async fn asking_online_tells_which_end_is_missing_and_which_would_be_made() {
    for (settings, made) in [
        ("{must_exist: true}", false),
        ("{must_exist: true, topology: create}", true),
    ] {
        let project = Project::route(&format!(
            "from: {{ channel: log/orders, start: earliest }}\nto: {{ channel: queue/orders, settings: {settings} }}"
        ));
        let plan = check(&project.sources, &registry(), &clock()).plan.unwrap();
        for _ in 0..2 {
            let asked = online(&plan, &clock(), Duration::from_secs(5)).await;
            assert_eq!(asked[0].ends[0].standing, Standing::There);
            let target = &asked[0].ends[1].standing;
            match made {
                true => assert_eq!(*target, Standing::ToBeMade, "asking makes nothing"),
                false => assert!(matches!(target, Standing::Unusable(_)), "{target:?}"),
            }
        }
    }
}

#[tokio::test]
async fn asking_online_tells_that_a_source_which_would_be_made_holds_nothing() {
    let project = Project::route(
        "from: { channel: queue/none, settings: {must_exist: true, topology: create} }\nto: log/orders",
    );
    let plan = check(&project.sources, &registry(), &clock()).plan.unwrap();
    let asked = online(&plan, &clock(), Duration::from_secs(5)).await;
    let told = asked[0].to_string();
    assert!(
        told.starts_with(
            "orders reads: 0 messages\n  from         queue/none: missing, and made when the route starts"
        ),
        "{told}"
    );
}

#[test]
fn what_the_target_has_no_way_for_is_noted_before_any_traffic() {
    let project = Project::route("from: { channel: log/orders, start: earliest }\nto: bare/orders")
        .file("unused", "")
        .set("systems.bare.url=file:bare");
    let mut registry = registry();
    registry.add(dunlin_file::PLUGIN).unwrap();
    let report = check(&project.sources, &registry, &clock());
    let notes = &report.routes[0].notes;
    assert!(
        notes
            .iter()
            .any(|note| note.starts_with("not carried to the target, and counted: key, id, time,")),
        "{notes:?}"
    );
    assert!(
        notes
            .iter()
            .any(|note| note.starts_with("refused by the target where a message has it: no payload")),
        "{notes:?}"
    );
}

#[test]
fn what_is_shown_as_resolved_is_found_in_order_when_it_is_read_again() {
    const WAY: &str = "from: { channel: log/orders, start: earliest }\nto: queue/orders";
    for (more, set) in [
        ("dead_letter: log/dead", "routes.orders.window=64"),
        ("order: strict", "routes.orders.batch=8"),
        ("epoch: 0", "systems.log.settings.capabilities=-ordered_lanes"),
        ("epoch: 0", "routes.orders.from.settings={unsettled_limit: 10}"),
    ] {
        let first = Project::route(&format!("{WAY}\n{more}")).set(set);
        let report = check(&first.sources, &registry(), &clock());
        assert!(report.findings.is_empty(), "{}", report.findings);
        let again = first.file("again.yaml", &report.resolved_as_yaml().unwrap());
        let mut sources = again.sources.clone();
        let folder = sources.file.clone().unwrap();
        sources.file = Some(folder.with_file_name("again.yaml"));
        sources.set.clear();
        let read = check(&sources, &registry(), &clock());
        assert!(read.findings.is_empty(), "{more}, {set}: {}", read.findings);
        assert_eq!(read.resolved, report.resolved);
    }
}
