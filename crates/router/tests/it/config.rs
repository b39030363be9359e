//! A configuration from a file, from environment variables and from `--set`, and everything that can be wrong with it.

use std::path::PathBuf;

use dunlin_core::finding::Findings;
use dunlin_router::config::{Loaded, Order, Sources};
use proptest::prelude::*;
use tempfile::TempDir;

/// A folder with one configuration, and what is laid over it.
struct Case {
    folder: TempDir,
    sources: Sources,
}

impl Case {
    fn new(name: &str, text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), text).unwrap();
        let sources = Sources {
            file: Some(folder.path().join(name)),
            ..Sources::default()
        };
        Self { folder, sources }
    }

    fn set(mut self, text: &str) -> Self {
        self.sources.set.push(text.to_owned());
        self
    }

    fn environment(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The configuration and its findings as text, without the folder's own name.
    fn read(&self) -> (Option<Loaded>, String) {
        let mut findings = Findings::new();
        let loaded = Loaded::read(&self.sources, &mut findings);
        let folder = format!("{}/", self.folder.path().display());
        (loaded, findings.render().replace(&folder, ""))
    }

    fn good(&self) -> Loaded {
        let (loaded, findings) = self.read();
        assert_eq!(findings, "");
        loaded.unwrap()
    }

    fn findings(&self) -> String {
        self.read().1
    }
}

const GOOD: &str = "\
systems:
  shop: { url: 'memory:shop', user: dunlin, password: \"${PASSWORD:-hunter2}\" }
  files: { url: 'file:data', settings: { envelope: true } }
secrets:
  mail-salt: \"${MAIL_SALT:-pepper}\"
routes:
  orders-eu:
    from: shop/orders/eu
    migrate: orders.yaml
    to: { system: files, channel: orders }
    report: { channel: files/reports }
    window: 512
";

#[test]
fn a_configuration_is_read_with_its_defaults() {
    let loaded = Case::new("dunlin.yaml", GOOD).good();
    let route = &loaded.config.routes["orders-eu"];
    assert_eq!(route.from.system.as_deref(), Some("shop"));
    assert_eq!(route.from.channel.as_deref(), Some("orders/eu"));
    assert_eq!(route.migrate[0].file, "orders.yaml");
    assert_eq!((route.window, route.batch, route.epoch), (512, 256, 0));
    assert_eq!(route.window_bytes.0, 64 << 20);
    assert_eq!(route.order, Order::PerLane);
    assert_eq!(route.breaker.row.0, Some(100));
    assert_eq!(route.breaker.share.0, Some(0.5));
    assert!(loaded.is_said(&["routes", "orders-eu", "window"]));
    assert!(!loaded.is_said(&["routes", "orders-eu", "batch"]));
}

#[test]
fn yaml_toml_and_json_say_the_same() {
    let toml = "[systems.shop]\nurl = 'memory:shop'\n[routes.orders]\nfrom = 'shop/a'\nto = 'shop/b'\nwindow = 7\n\
                breaker = 'off'\ndrain = '1m'\n";
    let json = r#"{"systems": {"shop": {"url": "memory:shop"}}, "routes": {"orders": {"from": "shop/a",
                  "to": {"system": "shop", "channel": "b"}, "window": "7", "breaker": {"row": "off", "share": "off"}, "drain": "60s"}}}"#;
    let yaml = "systems: {shop: {url: 'memory:shop'}}\nroutes: {orders: {from: shop/a, to: shop/b, window: 7, breaker: off, drain: 60000ms}}\n";
    let shown = [
        ("x.toml", toml),
        ("x.json", json),
        ("x.yaml", yaml),
        ("x.yml", yaml),
    ]
    .map(|(name, text)| Case::new(name, text).good().shown());
    assert_eq!(shown[0], shown[1]);
    assert_eq!(shown[1], shown[2]);
    assert_eq!(shown[2], shown[3]);
    assert_eq!(shown[0]["routes"]["orders"]["window"], 7);
    assert_eq!(shown[0]["routes"]["orders"]["breaker"]["row"], "off");
}

#[test]
fn set_wins_over_the_environment_and_that_over_the_file() {
    let case = Case::new("dunlin.yaml", GOOD)
        .environment("DUNLIN__ROUTES__ORDERS_EU__WINDOW", "64")
        .environment("DUNLIN__ROUTES__ORDERS_EU__BATCH", "8");
    let loaded = case.good();
    assert_eq!(loaded.config.routes["orders-eu"].window, 64);
    assert_eq!(loaded.config.routes["orders-eu"].batch, 8);
    let loaded = case
        .set("routes.orders-eu.window=32")
        .set("routes.orders-eu.from.start=latest")
        .good();
    let route = &loaded.config.routes["orders-eu"];
    assert_eq!((route.window, route.batch), (32, 8));
    // The rest of an end that was written short is still there.
    assert_eq!(route.from.channel.as_deref(), Some("orders/eu"));
    assert_eq!(route.from.start.as_ref().unwrap().to_string(), "latest");
}

#[test]
fn a_whole_route_and_lists_can_be_set() {
    let loaded = Case::new("dunlin.yaml", GOOD)
        .set("routes.orders-eu.migrate=[{when: \"headers['a'] == 'b'\", file: x.yaml}, {file: y.yaml}]")
        .set("routes.\"a.b\"={from: shop/x, to: {system: shop, channel: y, address: \"{key}\", allow: [\"a.*\"]}}")
        .set("routes.orders-eu.breaker=off")
        .good();
    let route = &loaded.config.routes["orders-eu"];
    assert_eq!(route.migrate.len(), 2);
    assert_eq!(route.migrate[0].when.as_deref(), Some("headers['a'] == 'b'"));
    assert_eq!(route.breaker.share.0, None);
    assert_eq!(loaded.config.routes["a.b"].to.allow, ["a.*"]);
}

#[test]
fn many_defects_give_as_many_findings_in_one_go() {
    let text = "\
systems:
  shop: { ur: 'memory:shop' }
  'a/b': { url: 'memory:b' }
routes:
  orders:
    from: shop/orders
    to: { system: shop, chanel: x }
    windwo: 64
    window_bytes: 64 megabytes
    batch: 0
    order: per-lane
    drain: 5
    breaker: { row: 100, share: 1.5 }
    migrate: []
  second:
    from: [shop]
    id:
extra: 1
";
    assert_eq!(
        Case::new("dunlin.yaml", text).findings(),
        "\
dunlin.yaml:2:11: error: unknown key `ur` in `shop`, did you mean `url`?
   2 |   shop: { ur: ************* }
     |           ^^
dunlin.yaml:3:3: error: expected a name of 1 to 63 letters, digits, `-`, `_` and `.`
   3 |   'a/b': { url: 'memory:b' }
     |   ^^^^^
dunlin.yaml:7:25: error: unknown key `chanel` in `to`, did you mean `channel`?
   7 |     to: { system: shop, chanel: x }
     |                         ^^^^^^
dunlin.yaml:8:5: error: unknown key `windwo` in `orders`, did you mean `window`?
   8 |     windwo: 64
     |     ^^^^^^
dunlin.yaml:9:19: error: expected one of the units B, KiB, MiB, GiB, KB, MB, GB behind the number, found `64 megabytes`
   9 |     window_bytes: 64 megabytes
     |                   ^^^^^^^^^^^^
dunlin.yaml:10:12: error: expected a whole number from 1 to 1000000, found `0`
  10 |     batch: 0
     |            ^
dunlin.yaml:11:12: error: expected `none`, `per_lane` or `strict`, found `per-lane`, did you mean `per_lane`?
  11 |     order: per-lane
     |            ^^^^^^^^
dunlin.yaml:12:12: error: expected one of the units ms, s, m, h, d behind the number, found `5`
  12 |     drain: 5
     |            ^
dunlin.yaml:13:33: error: expected a number above 0 and at most 1, or `off`, found `1.5`
  13 |     breaker: { row: 100, share: 1.5 }
     |                                 ^^^
dunlin.yaml:14:14: error: expected at least one migration, found an empty list; a plain bridge has no `migrate`
  14 |     migrate: []
     |              ^^
dunlin.yaml:15:3: error: expected `to` in `second`, found none
  15 |   second:
     |   ^^^^^^
dunlin.yaml:16:11: error: expected a channel such as `system/channel`, or an object, found a list
  16 |     from: [shop]
     |           ^^^^^^
dunlin.yaml:17:7: error: expected a text, found nothing
  17 |     id:
     |       ^
dunlin.yaml:18:1: error: unknown key `extra` in the configuration
  18 | extra: *
     | ^^^^^
     = help: the keys here are `systems`, `registries`, `secrets`, `routes`
"
    );
}

#[test]
fn a_required_key_that_is_misspelt_is_told_once_and_one_that_is_missing_by_its_name() {
    let text =
        "systems:\n  a: { urll: 'memory:a' }\n  b: { user: me }\nroutes:\n  r: { fom: a/x, to: a/y }\n";
    assert_eq!(
        Case::new("dunlin.yaml", text).findings(),
        "\
dunlin.yaml:2:8: error: unknown key `urll` in `a`, did you mean `url`?
   2 |   a: { urll: ********** }
     |        ^^^^
dunlin.yaml:3:3: error: expected `url` in `b`, found none
   3 |   b: { user: me }
     |   ^
dunlin.yaml:5:8: error: unknown key `fom` in `r`, did you mean `from`?
   5 |   r: { fom: a/x, to: a/y }
     |        ^^^
"
    );
}

#[test]
fn an_override_that_is_wrong_is_told_by_its_own_name() {
    let findings = Case::new("dunlin.yaml", GOOD)
        .environment("DUNLIN__ROUTES__ORDERS_EU__WINDWO", "64")
        .environment("DUNLIN__ROUTES__ORDERS_EU__BATCH", "many")
        .set("routes.orders-eu.drain=soon")
        .set("routes.orders-eu.migrate=[{fil: x}]")
        .set("nothing")
        .findings();
    for expected in [
        "the environment variable DUNLIN__ROUTES__ORDERS_EU__WINDWO: error: unknown key `windwo` in `orders-eu`, did you mean `window`?",
        "the environment variable DUNLIN__ROUTES__ORDERS_EU__BATCH: error: expected a whole number from 1 to 1000000, found `many`",
        "--set routes.orders-eu.drain: error: expected a length of time such as `5s` or `250ms`, found `soon`",
        "--set routes.orders-eu.migrate: error: unknown key `fil` in `migrate`, did you mean `file`?",
        "--set: error: expected `KEY=VALUE`",
    ] {
        assert!(
            findings.contains(expected),
            "{expected}\nis missing in\n{findings}"
        );
    }
}

#[test]
fn variables_are_filled_in_and_a_missing_one_is_told_with_its_place() {
    let text = "systems: { shop: { url: \"memory:${NAME}\", password: \"${file:secret.txt}\" } }\n\
                routes: { a: { from: shop/a, to: \"shop/${CHANNEL:-b}\", window: \"${WINDOW}\", drain: \"${file:x}\" } }\n";
    let case = Case::new("dunlin.yaml", text).environment("NAME", "x");
    let findings = case.findings();
    assert!(
        findings.contains("dunlin.yaml:2:65: error: the environment variable `WINDOW` is not set"),
        "{findings}"
    );
    assert!(findings.contains("a file cannot be used here"), "{findings}");
    let text = text.replace(", drain: \"${file:x}\"", "");
    let case = Case::new("dunlin.yaml", &text)
        .environment("NAME", "x")
        .environment("WINDOW", "5");
    let loaded = case.good();
    assert_eq!(loaded.config.systems["shop"].url, "memory:x");
    assert_eq!(loaded.config.routes["a"].window, 5);
    assert_eq!(loaded.config.routes["a"].to.channel.as_deref(), Some("b"));
}

#[test]
fn neither_findings_nor_the_resolved_configuration_show_a_secret() {
    let text = "\
systems:
  shop: { url: 'memory:shop', user: dunlin, password: canary-1, pasword: canary-2, settings: { sasl_password: canary-3, size: 4 } }
  nats: { url: 'nats://me:canary-4@host' , identity: }
  more: { url: 'nats://host?password=canary-9', identity: }
secrets: { salt: canary-5, other: [canary-6], file: \"${file:salt.txt}\" }
routes: { a: { from: shop/a, to: shop/b, windwo: 1 } }
";
    let (loaded, findings) = Case::new("dunlin.yaml", text)
        .environment("DUNLIN__SECRETS__SALT__X", "canary-7")
        .set("systems.shop.passwrod=canary-8")
        .read();
    assert!(findings.contains("unknown key `pasword`"), "{findings}");
    assert!(!findings.contains("canary"), "{findings}");
    let loaded = loaded.unwrap();
    assert!(!format!("{loaded:?}").contains("canary-1"));
    let yaml = loaded.shown_as_yaml().unwrap();
    assert!(
        !yaml.contains("canary-1") && !yaml.contains("canary-3") && !yaml.contains("canary-5"),
        "{yaml}"
    );
    assert!(
        yaml.contains("${file:salt.txt}") && yaml.contains("dunlin") && yaml.contains("window: 4096"),
        "{yaml}"
    );
}

#[test]
fn a_text_that_cannot_be_read_shows_no_line_that_might_hold_a_secret() {
    let (loaded, findings) = Case::new("dunlin.yaml", "secrets:\n  salt: \"canary\n    x: [\n").read();
    assert!(loaded.is_none());
    assert!(!findings.is_empty() && !findings.contains("canary"), "{findings}");
    let case = Case::new("dunlin.yaml", "");
    std::fs::write(
        case.folder.path().join("dunlin.yaml"),
        b"secrets: {a: canary, b: \xff}",
    )
    .unwrap();
    let (_, findings) = case.read();
    assert!(
        findings.contains("dunlin.yaml:1:25: error: expected UTF-8"),
        "{findings}"
    );
    assert!(!findings.contains("canary"), "{findings}");
}

#[test]
fn a_file_that_is_missing_or_of_another_kind_is_told() {
    let sources = Sources {
        file: Some(PathBuf::from("no/such/dunlin.yaml")),
        ..Sources::default()
    };
    let mut findings = Findings::new();
    assert!(Loaded::read(&sources, &mut findings).is_none());
    assert!(
        findings
            .render()
            .starts_with("no/such/dunlin.yaml: error: expected a configuration that can be read")
    );
    assert!(
        Case::new("dunlin.ini", "")
            .findings()
            .contains("ends in .yaml, .yml, .toml or .json")
    );
    assert!(
        Case::new("dunlin.yaml", "[1]")
            .findings()
            .contains("expected an object with `systems` and `routes`, found a list")
    );
}

#[test]
fn a_variable_of_the_process_counts_only_if_it_is_handed_in() {
    let text = "systems: {a: {url: \"memory:${PATH}\"}}";
    assert!(
        Case::new("dunlin.yaml", text)
            .findings()
            .contains("`PATH` is not set")
    );
    let loaded = Case::new("dunlin.yaml", text).environment("PATH", "p").good();
    assert_eq!(loaded.config.systems["a"].url, "memory:p");
}

proptest! {
    /// Whatever happens to a text, it is read or refused with findings; nothing panics.
    #[test]
    fn a_damaged_configuration_is_read_or_refused(
        edits in prop::collection::vec((0_usize..GOOD.len(), 0_usize..3, "[ -~\n\téü{}\\[\\]:\"'$&*#|>-]"), 1..8)
    ) {
        let mut text: Vec<char> = GOOD.chars().collect();
        for (at, kind, piece) in edits {
            let at = at % text.len();
            match kind {
                0 => drop(text.remove(at)),
                1 => text.splice(at..at, piece.chars()).for_each(drop),
                _ => text.truncate(text.len().saturating_sub(at / 8).max(1)),
            }
        }
        let text: String = text.into_iter().collect();
        let (loaded, findings) = Case::new("dunlin.yaml", &text).read();
        prop_assert!(loaded.is_some() || !findings.is_empty());
        if let Some(loaded) = loaded {
            loaded.shown_as_yaml().unwrap();
        }
    }
}

#[test]
fn a_registry_has_its_login_masked_and_its_defaults_filled_in() {
    let text = "systems: {}\nregistries:\n  main: { url: 'https://registry.example/api', user: dunlin, password: canary }\n";
    let loaded = Case::new("dunlin.yaml", text).good();
    let shown = loaded.shown()["registries"]["main"].clone();
    assert_eq!(shown["timeout"], "10s");
    assert_eq!(shown["user"], "dunlin");
    assert_eq!(shown["password"], "********");
    assert!(!format!("{loaded:?}").contains("canary"));
    let missing = Case::new("dunlin.yaml", "registries:\n  main: { tokn: canary }\n").findings();
    assert!(missing.contains("did you mean `token`"), "{missing}");
    assert!(missing.contains("expected `url` in `main`"), "{missing}");
    assert!(!missing.contains("canary"), "{missing}");
}

#[test]
fn a_registry_that_cannot_be_asked_as_it_is_written_is_told() {
    for (settings, expected) in [
        (
            "url: 'ftp://registry.example'",
            "begins with `http://` or `https://`",
        ),
        ("url: 'https://me:canary@registry.example'", "without a user"),
        ("url: 'https://registry.example?a=b'", "without `?` and `#`"),
        (
            "url: 'https://registry.example', user: me",
            "expected a `password` beside `user`",
        ),
        (
            "url: 'https://registry.example', password: canary",
            "expected a `user` beside `password`",
        ),
        (
            "url: 'https://registry.example', user: me, password: canary, token: canary",
            "found both",
        ),
        (
            "url: 'http://registry.example', tls_ca: a.pem",
            "no meaning for an address with `http://`",
        ),
        (
            "url: 'https://registry.example', tls_key: a.pem",
            "expected `tls_certificate` beside `tls_key`",
        ),
        ("url: 'http://registry.example', token: canary", "in the clear"),
    ] {
        let case = Case::new("dunlin.yaml", &format!("registries:\n  main: {{ {settings} }}\n"));
        let mut findings = Findings::new();
        let loaded = Loaded::read(&case.sources, &mut findings).unwrap();
        dunlin_router::plan::registries(&loaded, &mut findings);
        let text = findings.render();
        assert!(text.contains(expected), "{settings}: {text}");
        assert!(!text.contains("canary"), "{settings}: {text}");
    }
}
