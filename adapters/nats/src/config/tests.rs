use std::path::Path;

use dunlin_core::carried::Part;
use std::sync::Arc;

use dunlin_core::clock::{Clock, ManualClock};

use super::*;

fn config(url: &str, settings: &Settings) -> Result<Config> {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    Config::new(&Opening {
        name: "stand",
        url,
        base: "/etc/dunlin",
        settings,
        clock: &clock,
    })
}

#[test]
fn servers_are_told_apart_by_commas_with_or_without_their_scheme() {
    for url in [
        "nats://One:4222,two:4333",
        "nats://one,nats://two:4333",
        "nats:one, two:4333/",
    ] {
        assert_eq!(
            config(url, &Settings::new()).unwrap().servers,
            ["one:4222", "two:4333"],
            "{url}"
        );
    }
    let secure = config("nats+tls://[::1]:5000", &Settings::new()).unwrap();
    assert!(secure.tls.is_some());
    assert_eq!(secure.servers, ["[::1]:5000"]);
}

#[test]
fn the_same_channel_has_the_same_name_in_whatever_order_its_servers_are_written() {
    let name = |url| {
        let config = config(url, &Settings::new()).unwrap();
        config
            .resolved(&config.end(&Endpoint::new("ORDERS")).unwrap())
            .canonical
    };
    assert_eq!(name("nats://a:1,b:2"), name("nats://b:2,A:1"));
    assert_ne!(name("nats://a:1"), name("nats://b:2"));
}

#[test]
fn what_a_stream_does_with_settled_messages_is_known_offline_from_its_setting() {
    let config = config("nats://localhost", &Settings::new()).unwrap();
    let resolved = |settings| {
        let end = config
            .end(&Endpoint::new("ORDERS").with_settings(settings))
            .unwrap();
        config.resolved(&end)
    };
    assert!(!resolved(Settings::new()).capabilities.settling_deletes);
    assert!(
        resolved(Settings::new().with("retention", "workqueue"))
            .capabilities
            .settling_deletes
    );
    let one = resolved(Settings::new().with("max_ack_pending", "1"));
    assert!(one.capabilities.ordered_redelivery);
    assert_eq!(one.limits.unsettled, Some(1));
}

#[test]
fn a_setting_of_the_system_at_one_end_is_refused() {
    let config = config("nats://localhost", &Settings::new()).unwrap();
    let end = Endpoint::new("ORDERS").with_settings(Settings::new().with("user", "alice"));
    let told = config.end(&end).unwrap_err().to_string();
    assert!(
        told.contains("at the system") && told.contains("setting: user"),
        "{told}"
    );
}

#[test]
fn files_are_looked_for_beside_the_configuration() {
    let settings = Settings::new()
        .with("tls_ca", "ca.pem")
        .with("credentials", "/run/user.creds");
    let config = config("nats+tls://localhost", &settings).unwrap();
    assert_eq!(
        config.tls.as_ref().unwrap().authorities,
        Some("/etc/dunlin/ca.pem".into())
    );
    assert!(
        matches!(config.login().unwrap(), Login::Credentials { path } if path == Path::new("/run/user.creds"))
    );
}

#[test]
fn a_pattern_means_the_subjects_that_the_server_takes_it_for() {
    for (pattern, subject, matched) in [
        ("orders", "orders", true),
        ("orders", "orders.new", false),
        ("orders.*", "orders.new", true),
        ("orders.*", "orders", false),
        ("orders.*", "orders.new.eu", false),
        ("orders.>", "orders.new.eu", true),
        ("orders.>", "orders", false),
        ("*.new", "orders.new", true),
        (">", "a", true),
    ] {
        assert_eq!(is_matched(pattern, subject), matched, "{pattern} {subject}");
    }
}

#[test]
fn every_part_of_a_message_has_a_row_in_the_table() {
    for part in Part::ALL {
        assert_eq!(
            CARRIES.iter().filter(|(have, _)| *have == part).count(),
            1,
            "{part}"
        );
    }
}
