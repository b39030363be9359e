//! The migrations of a route, and what a route must say to use them.

use dunlin_core::migration::Digest;

use crate::project::{MIGRATION, Project};

/// A route through `migrations/orders.yaml`.
fn through(migration: &str) -> Project {
    Project::route("from: queue/orders\nto: log/orders\nmigrate: migrations/orders.yaml")
        .file("migrations/orders.yaml", migration)
}

/// A route through it onto the channel that it reads.
fn onto_itself(migration: &str) -> Project {
    Project::route("from: { channel: log/orders, start: earliest }\nto: log/orders\nmigrate: orders.yaml")
        .file("orders.yaml", migration)
}

#[test]
fn a_migration_is_found_relative_to_the_configuration() {
    let plan = through(MIGRATION).good();
    let choice = &plan.routes[0].migrations[0];
    assert_eq!(
        (choice.migration.name(), choice.migration.length()),
        ("orders", 1)
    );
    assert_eq!(choice.file, "migrations/orders.yaml");
    assert!(choice.when.is_none());
}

#[test]
fn a_migration_outside_of_the_root_is_refused_unless_the_root_is_named() {
    let route = "from: queue/orders\nto: log/orders\nmigrate: ../shared/orders.yaml";
    Project::route(route).refused("expected a file below the project's root, found `../shared/orders.yaml`");
    let mut project = Project::route("").file("shared/orders.yaml", MIGRATION);
    let text = std::fs::read_to_string(project.folder.path().join("dunlin.yaml")).unwrap();
    let text = text.replace(
        "  orders:\n",
        "  orders: { from: queue/orders, to: log/orders, migrate: ../shared/orders.yaml }\n",
    );
    project = project.file("inner/dunlin.yaml", &text);
    project.sources.file = Some(project.folder.path().join("inner/dunlin.yaml"));
    project.sources.root = Some(project.folder.path().to_owned());
    assert_eq!(project.good().routes[0].migrations[0].migration.name(), "orders");
}

#[test]
fn what_is_wrong_in_a_migration_is_told_beside_what_is_wrong_in_the_configuration() {
    let findings = through("transformations: [{ remov: name }, { add: a }]\n")
        .set("routes.orders.order=stric")
        .findings();
    assert_eq!(findings.len(), 3, "{findings:#?}");
    assert!(
        findings
            .iter()
            .any(|finding| finding.contains("migrations/orders.yaml:1:21: error")),
        "{findings:#?}"
    );
    assert!(
        findings
            .iter()
            .any(|finding| finding.contains("--set routes.orders.order: error")),
        "{findings:#?}"
    );
    Project::route("from: queue/orders\nto: log/orders\nmigrate: orders.yaml")
        .refused("dunlin.yaml:8:14: error: orders.yaml: there is no such file");
}

#[test]
fn a_changed_chain_is_refused_by_its_lock() {
    let locked = through(MIGRATION).good().routes[0].migrations[0].migration.lock();
    let lock = locked.to_json();
    through(MIGRATION)
        .file("migrations/orders.yaml.lock", &lock)
        .good();
    through("transformations: [{ remove: name }, { remove: other }]")
        .file("migrations/orders.yaml.lock", &lock)
        .good();
    let findings = through("transformations: [{ remove: other }]")
        .file("migrations/orders.yaml.lock", &lock)
        .findings();
    assert!(
        !findings.is_empty() && findings[0].contains("orders.yaml"),
        "{findings:#?}"
    );
}

#[test]
fn a_migration_that_may_drop_messages_needs_the_routes_word() {
    let drops = "transformations: [{ id: old, drop: too old, when: 'payload.age > 5' }]\n";
    through(drops)
        .refused("the migration `orders` may drop messages (`old`), and the route does not allow it");
    through(drops).set("routes.orders.drops=allow").good();
}

#[test]
fn a_secret_that_a_transformation_names_must_be_there() {
    let hash = "transformations: [{ hash: mail, with: hmac_sha256, key: mail-salt }]\n";
    through(hash).refused("expected `mail-salt` under `secrets`, found none: `orders#1` needs it");
    through(hash).set("secrets.mail-salt=x").good();
    let inner = "transformations: [{ each: lines, do: [{ hash: mail, with: hmac_sha256, key: salt }] }]\n";
    through(inner).refused("expected `salt` under `secrets`, found none: `orders#1` needs it");
}

#[test]
fn the_first_migration_without_a_condition_ends_the_list() {
    let list = "from: queue/orders\nto: log/orders\nmigrate:\n  - { when: \"headers['a'] == 'b'\", file: a.yaml }\n  - { file: b.yaml }\n";
    let files = |project: Project| {
        project
            .file("a.yaml", MIGRATION)
            .file("b.yaml", MIGRATION)
            .file("c.yaml", MIGRATION)
    };
    let plan = files(Project::route(list)).good();
    assert_eq!(plan.routes[0].migrations.len(), 2);
    assert_eq!(
        plan.routes[0].migrations[0].when.as_ref().unwrap().text(),
        "headers['a'] == 'b'"
    );
    files(Project::route(&format!("{list}  - {{ file: c.yaml }}\n")))
        .refused("warning: this migration is never taken");
    files(Project::route(&list.replace("headers['a']", "heders['a']")))
        .refused("the condition cannot be read");
    files(Project::route(&format!("{list}unmatched: drop"))).good();
    files(Project::route(
        "from: queue/orders\nto: log/orders\nmigrate: a.yaml\nunmatched: drop",
    ))
    .refused("warning: `unmatched` has no effect");
}

#[test]
fn two_routes_share_a_migration_that_is_loaded_once() {
    let plan = through(MIGRATION)
        .set("routes.again={from: queue/x, to: log/x, migrate: migrations/orders.yaml}")
        .good();
    let [one, two] = &plan.routes[..] else {
        panic!("two routes")
    };
    assert!(std::sync::Arc::ptr_eq(
        &one.migrations[0].migration,
        &two.migrations[0].migration
    ));
}

#[test]
fn a_route_to_its_own_channel_is_planned_where_the_record_ends_it() {
    let plan = onto_itself(MIGRATION).good();
    assert!(plan.routes[0].own_channel);
    onto_itself("transformations: []\n")
        .refused("`orders` would be applied again and again: it leaves no record");
    for (set, expected) in [
        (
            "applied_record=ignore",
            "`applied_record: ignore` is refused on a route to its own channel",
        ),
        (
            "from.settings={header_values: none}",
            "(capability `header_values`)",
        ),
        (
            "migrate=[{when: 'true', file: orders.yaml}]",
            "an unmatched message would be forwarded again and again",
        ),
        (
            "report=log/orders",
            "what is sent to `report` would be received again",
        ),
    ] {
        let findings = onto_itself(MIGRATION)
            .set(&format!("routes.orders.{set}"))
            .findings();
        assert!(
            findings.iter().any(|finding| finding.contains(expected)),
            "{set}: {findings:#?}"
        );
    }
    onto_itself(MIGRATION)
        .set("routes.orders.migrate=[{when: 'true', file: orders.yaml}]")
        .set("routes.orders.unmatched=drop")
        .good();
    let findings = onto_itself(MIGRATION)
        .set("routes.orders.on_error=unsafe_forward")
        .findings();
    assert!(
        findings
            .iter()
            .any(|finding| finding.contains("error: `on_error: unsafe_forward` is refused")),
        "{findings:#?}"
    );
    let deleting = onto_itself(MIGRATION)
        .set("routes.orders.from.system=queue")
        .set("routes.orders.to.system=queue");
    assert!(
        deleting
            .findings()
            .iter()
            .any(|finding| finding.contains("`settling_deletes`"))
    );
}

#[test]
fn without_a_place_for_the_record_what_cannot_be_repeated_is_warned_of() {
    let without_headers =
        |migration: &str| through(migration).set("routes.orders.to.settings={header_values: none}");
    let plan = without_headers(MIGRATION).good();
    assert!(
        plan.routes[0]
            .notes
            .iter()
            .any(|note| note.starts_with("applied record: none is written"))
    );
    without_headers("transformations: [{ multiply: price, by: 100 }]\n")
        .refused("orders.yaml:1:21: warning: `multiply` (`orders#1`) does more when it is applied twice");
    through(MIGRATION)
        .set("routes.orders.from.settings={header_values: none}")
        .set("routes.orders.applied_record=required")
        .refused("would fail every message");
}

#[test]
fn complements_need_headers_and_room_for_them_at_the_ends() {
    const KEEPS: &str =
        "migration: orders\ncomplement: { max_bytes: 2000 }\ntransformations: [{ remove: a }]\n";
    assert!(through(KEEPS).good().warnings.is_empty());
    let narrow =
        |room: usize| through(KEEPS).set(&format!("routes.orders.to.settings={{headers_limit: {room}}}"));
    assert!(narrow(2000).good().warnings.is_empty());
    narrow(1999).refused("a complement of `orders` may have 2000 bytes, and the target of route `orders` takes 1999 bytes of headers");
    through(KEEPS)
        .set("routes.orders.to.settings={header_values: none}")
        .refused(
            "the complements of `orders` would be left out: the target of route `orders` has no headers",
        );
    const DOWN: &str = "migration: back\ndirection: down\nof: orders.yaml\nfrom: 1\nto: 0\ncomplement: { missing: fail }\ntransformations: []\n";
    let down = Project::route("from: queue/orders\nto: log/orders\nmigrate: migrations/down.yaml")
        .file("migrations/orders.yaml", KEEPS)
        .file("migrations/down.yaml", DOWN);
    down.set("routes.orders.from.settings={header_values: none}")
        .refused("`back` requires complements, and the source of route `orders` has no headers");
}

#[test]
fn only_what_does_more_a_second_time_is_warned_of() {
    let warned = |transformation: &str| {
        let migration = format!("transformations: [{transformation}]\n");
        let project = through(&migration).set("routes.orders.to.settings={header_values: none}");
        !project.good().warnings.is_empty()
    };
    for repeatable in [
        "{ wrap: price }",
        "{ cast: price, to: string }",
        "{ move: a, to: b }",
        "{ pick: $, members: [a] }",
        "{ add: a, value: 1 }",
    ] {
        assert!(!warned(repeatable), "{repeatable}");
    }
    for other in [
        "{ wrap: price, in: value }",
        "{ unwrap: price }",
        "{ move: 'a[*].b', to: 'a[*].c' }",
        "{ compute: a, as: '1 + 1' }",
    ] {
        assert!(warned(other), "{other}");
    }
}

#[test]
fn the_chain_is_that_of_the_files() {
    let plan = through("id: customers\ntransformations: [{ remove: name }]\n").good();
    let migration = &plan.routes[0].migrations[0].migration;
    assert_eq!(migration.name(), "customers");
    let expected = Digest::of(b"customers").followed_by(&Digest::of(br#"{"remove":"name"}"#));
    assert_eq!(migration.chain_hash(1), Some(expected));
}
