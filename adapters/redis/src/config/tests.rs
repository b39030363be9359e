use std::path::PathBuf;
use std::sync::Arc;

use dunlin_core::ErrorKind;
use dunlin_core::carried::Part;
use dunlin_core::clock::{Clock, ManualClock};

use super::*;

fn config(url: &str, settings: &Settings) -> Result<Config> {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    Config::new(&Opening {
        name: "shop",
        url,
        base: "/etc/dunlin",
        settings,
        clock: &clock,
    })
}

fn end(name: &str, value: &str) -> Result<End> {
    let endpoint = Endpoint::new("orders").with_settings(Settings::new().with(name, value));
    config("redis://localhost", &Settings::new())?.end(&endpoint)
}

#[test]
fn an_address_has_a_host_and_may_have_a_port_and_a_database() {
    let plain = config("redis://Localhost", &Settings::new()).unwrap();
    assert_eq!(plain.shown(), "localhost:6379/0");
    assert!(plain.tls.is_none());
    let full = config("rediss://[::1]:6380/7", &Settings::new()).unwrap();
    assert_eq!((full.host.as_str(), full.port, full.database), ("::1", 6380, 7));
    assert!(full.tls.is_some());
}

#[test]
fn an_address_that_cannot_be_is_refused_with_the_setting_to_change() {
    for url in [
        "redis:",
        "redis://",
        "redis://:6379",
        "redis://localhost/orders",
        "redis://localhost:port",
        "redis://localhost?db=1",
        "redis://one,two:6379",
        "redis://localhost/70000",
    ] {
        let error = config(url, &Settings::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidSetting, "{url}");
        assert!(error.to_string().contains("setting: url"), "{url}: {error}");
    }
}

#[test]
fn a_password_in_the_address_is_refused_and_not_printed() {
    for url in [
        "redis://:canary@localhost",
        "redis://canary@localhost",
        "redis://a:canary@localhost:1/0",
    ] {
        let told = format!("{:?}", config(url, &Settings::new()).unwrap_err());
        assert!(told.contains("`password`") && !told.contains("canary"), "{told}");
    }
}

#[test]
fn files_for_tls_are_relative_to_the_configuration_and_come_in_pairs() {
    let all = Settings::new()
        .with("tls_ca", "ca.pem")
        .with("tls_certificate", "/keys/me.pem")
        .with("tls_key", "me.key");
    let tls = config("rediss://localhost", &all).unwrap().tls.unwrap();
    assert_eq!(tls.authorities, Some(PathBuf::from("/etc/dunlin/ca.pem")));
    let client = (PathBuf::from("/keys/me.pem"), PathBuf::from("/etc/dunlin/me.key"));
    assert_eq!(tls.client, Some(client));
    let error = config("redis://localhost", &all).unwrap_err();
    assert!(error.to_string().contains("rediss:"), "{error}");
    let half = Settings::new().with("tls_key", "me.key");
    let error = config("rediss://localhost", &half).unwrap_err();
    assert!(error.to_string().contains("setting: tls_certificate"), "{error}");
}

#[test]
fn a_setting_that_would_break_the_contract_is_refused_by_its_name() {
    for (name, value) in [
        ("max_length", "0"),
        ("claim_idle_ms", "999"),
        ("consumer", ""),
        ("payload", ""),
        ("payload", "h:body"),
        ("payload", "dunlin-key"),
        ("topology", "make"),
        ("headers", "drop"),
    ] {
        let error = end(name, value).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidSetting, "{name}");
        assert!(error.to_string().contains(&format!("setting: {name}")), "{error}");
    }
    let slow = Settings::new().with("liveness_timeout_ms", "1000");
    assert!(
        config("redis://localhost", &slow)
            .unwrap_err()
            .to_string()
            .contains("liveness_timeout_ms")
    );
}

#[test]
fn a_setting_of_the_system_is_refused_at_one_end_and_an_unknown_one_everywhere() {
    let error = end("password", "canary").unwrap_err().to_string();
    assert!(
        error.contains("setting: password") && !error.contains("canary"),
        "{error}"
    );
    assert!(
        end("max_lenght", "1")
            .unwrap_err()
            .to_string()
            .contains("did you mean `max_length`?")
    );
    let error = config("redis://localhost", &Settings::new().with("consumers", "a")).unwrap_err();
    assert!(error.to_string().contains("did you mean `consumer`?"), "{error}");
}

#[test]
fn an_end_takes_over_what_its_system_says_and_may_say_otherwise() {
    let system = Settings::new().with("topology", "create").with("payload", "body");
    let config = config("redis://localhost", &system).unwrap();
    let own = Endpoint::new("orders").with_settings(Settings::new().with("payload", "data"));
    let end = config.end(&own).unwrap();
    assert!(end.creates);
    assert_eq!(end.payload, "data");
    assert!(config.end(&Endpoint::new("")).is_err());
}

#[test]
fn one_channel_is_the_same_channel_however_its_address_is_written() {
    let canonical = |url| {
        let config = config(url, &Settings::new()).unwrap();
        let end = config.end(&Endpoint::new("orders")).unwrap();
        config.resolved(&end, None).canonical
    };
    assert_eq!(
        canonical("redis://LOCALHOST"),
        canonical("redis://localhost:6379/0")
    );
    assert_eq!(canonical("redis://localhost"), canonical("rediss://localhost"));
    assert_ne!(canonical("redis://localhost/0"), canonical("redis://localhost/1"));
}

#[test]
fn every_part_of_a_message_has_one_row_in_the_table() {
    let parts: Vec<_> = CARRIES.iter().map(|(part, _)| *part).collect();
    assert_eq!(parts, Part::ALL);
}
