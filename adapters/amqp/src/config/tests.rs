use std::path::Path;
use std::sync::Arc;

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

fn refused(url: &str, settings: &Settings) -> String {
    config(url, settings)
        .expect_err("an address or setting that cannot be")
        .to_string()
}

#[test]
fn an_address_has_a_host_a_port_and_a_virtual_host() {
    for (url, host, port, vhost) in [
        ("amqp://Rabbit", "rabbit", 5672, "/"),
        ("amqp://rabbit/", "rabbit", 5672, "/"),
        ("amqps://rabbit", "rabbit", 5671, "/"),
        ("amqp://rabbit:1234/shop", "rabbit", 1234, "shop"),
        ("amqp://rabbit/%2F", "rabbit", 5672, "/"),
        ("amqp://rabbit/a%2Fb%20c", "rabbit", 5672, "a/b c"),
        ("amqp://[::1]:5673/x", "::1", 5673, "x"),
    ] {
        let config = config(url, &Settings::new()).expect(url);
        assert_eq!(
            (config.host.as_str(), config.port, config.vhost.as_str()),
            (host, port, vhost),
            "{url}"
        );
    }
}

#[test]
fn an_address_that_cannot_be_is_told_what_to_write() {
    for (url, advice) in [
        ("amqp:", "HOST"),
        ("amqp://", "HOST"),
        ("amqp:rabbit", "HOST"),
        ("amqp://rabbit:port", "HOST"),
        ("amqp://rabbit/a/b", "%2F"),
        ("amqp://rabbit/?heartbeat=0", "settings of the system"),
    ] {
        let error = refused(url, &Settings::new());
        assert!(error.contains(advice), "{url}: {error}");
    }
}

#[test]
fn a_password_in_the_address_is_refused_and_not_repeated() {
    let error = refused("amqp://user:canary@rabbit", &Settings::new());
    assert!(
        error.contains("`password`") && !error.contains("canary"),
        "{error}"
    );
}

#[test]
fn settings_for_tls_need_the_address_for_it_and_come_in_pairs() {
    let ca = Settings::new().with("tls_ca", "ca.pem");
    assert!(refused("amqp://rabbit", &ca).contains("amqps:"));
    let files = config("amqps://rabbit", &ca)
        .expect("an authority")
        .tls
        .expect("TLS");
    assert_eq!(
        files.authorities.as_deref(),
        Some(Path::new("/etc/dunlin/ca.pem"))
    );
    let half = Settings::new().with("tls_certificate", "client.pem");
    assert!(refused("amqps://rabbit", &half).contains("tls_key"));
}

#[test]
fn one_queue_has_one_name_however_its_address_is_written() {
    let canonical = |url: &str| {
        let config = config(url, &Settings::new()).expect(url);
        let end = config.end(&Endpoint::new("orders")).expect("a queue");
        end.resolved(&config).canonical
    };
    assert_eq!(canonical("amqp://rabbit"), canonical("amqp://RABBIT:5672/%2f"));
    assert_ne!(canonical("amqp://rabbit"), canonical("amqp://rabbit/shop"));
}

#[test]
fn an_end_takes_over_from_its_system_and_refuses_what_cannot_be() {
    let settings = Settings::new().with("headers", "escape");
    let config = config("amqp://rabbit", &settings).expect("a system");
    let end = |settings| config.end(&Endpoint::new("orders").with_settings(settings));
    let plain = end(Settings::new()).expect("a queue");
    assert!(plain.escape && !plain.create && plain.max_payload == 16 << 20);
    for (name, value, advice) in [
        ("prefetch", "0", "65535"),
        ("prefetch", "70000", "65535"),
        ("max_payload", "much", "16MiB"),
        ("topology", "make", "`create`"),
        ("user", "me", "at the system"),
        ("exchnge", "x", "`exchange`"),
    ] {
        let error = end(Settings::new().with(name, value))
            .expect_err(name)
            .to_string();
        assert!(error.contains(advice), "{name}: {error}");
    }
    let long = config
        .end(&Endpoint::new("q".repeat(256)))
        .expect_err("too long")
        .to_string();
    assert!(long.contains("255 bytes"), "{long}");
    assert!(config.end(&Endpoint::new("")).is_err());
}
