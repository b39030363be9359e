use std::sync::Arc;

use dunlin_core::clock::{Clock, ManualClock};
use dunlin_core::{Error, ErrorKind};

use super::*;

fn config(url: &str, settings: &[(&str, &str)]) -> Result<Config> {
    let settings = settings.iter().fold(Settings::new(), |settings, (name, value)| {
        settings.with(*name, *value)
    });
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    Config::new(&Opening {
        name: "shop",
        url,
        base: ".",
        settings: &settings,
        clock: &clock,
    })
}

fn end(channel: &str, settings: &[(&str, &str)]) -> Result<End> {
    let settings = settings.iter().fold(Settings::new(), |settings, (name, value)| {
        settings.with(*name, *value)
    });
    config("kafka://localhost:9092", &[])?.end(&Endpoint::new(channel).with_settings(settings))
}

fn refused(error: Result<impl std::fmt::Debug>, words: &[&str]) -> Error {
    let error = error.expect_err("expected a refusal");
    assert_eq!(error.kind(), ErrorKind::InvalidSetting, "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "expected `{word}` in: {error}");
    }
    error
}

#[test]
fn brokers_may_stand_in_any_order_and_have_a_port_by_default() {
    let one = config("kafka://b:9093,a", &[]).unwrap();
    let other = config("kafka://a:9092,b:9093/", &[]).unwrap();
    assert_eq!(one.bootstrap, "a:9092,b:9093");
    assert_eq!(one.bootstrap, other.bootstrap);
    assert_eq!(config("kafka://[::1]:9092", &[]).unwrap().bootstrap, "[::1]:9092");
    assert_eq!(config("kafka://[::1]", &[]).unwrap().bootstrap, "[::1]:9092");
}

#[test]
fn an_address_that_cannot_be_one_is_told() {
    for (url, word) in [
        ("kafka:host", "without `//`"),
        ("kafka://", "host"),
        ("kafka://a,,b", "host"),
        ("kafka://host:0", "port"),
        ("kafka://host:99999", "port"),
        ("kafka://host:port", "port"),
        ("kafka://host/orders", "host"),
    ] {
        refused(config(url, &[]), &[word]);
    }
}

#[test]
fn credentials_in_the_address_are_refused_and_not_printed() {
    let error = refused(
        config("kafka://alice:canary@host:9092", &[]),
        &["`user`", "`password`"],
    );
    assert!(!format!("{error:?}").contains("canary"));
}

#[test]
fn an_option_that_would_break_the_contract_is_an_error_that_says_so() {
    for (name, word) in [
        ("enable.auto.offset.store", "behind what was settled"),
        ("enable.auto.commit", "behind what was settled"),
        ("acks", "replicas in sync"),
        ("enable.idempotence", "idempotent"),
        ("isolation.level", "aborted"),
        ("auto.offset.reset", "`start`"),
        ("message.timeout.ms", "`confirm_timeout_ms`"),
        ("partitioner", "Java"),
        ("group.id", "`group`"),
        ("sasl.password", "`password`"),
        ("bootstrap.servers", "`url`"),
    ] {
        refused(end("orders", &[(name, "x")]), &[name, word]);
        refused(config("kafka://localhost:9092", &[(name, "x")]), &[name, word]);
    }
}

#[test]
fn an_option_is_judged_by_the_client_itself() {
    refused(end("orders", &[("linger.ms", "soon")]), &["linger.ms"]);
    refused(
        end("orders", &[("compression.type", "rar")]),
        &["compression.type"],
    );
    assert!(end("orders", &[("compression.type", "lz4"), ("linger.ms", "20")]).is_ok());
}

#[test]
fn an_unknown_setting_names_the_nearest() {
    refused(
        end("orders", &[("partition", "3")]),
        &["did you mean `partitions`?"],
    );
    refused(end("orders", &[("user", "alice")]), &["at the system"]);
    refused(end("orders", &[("partitions", "0")]), &["above 0"]);
    refused(end("orders", &[("topology", "make")]), &["`create`"]);
}

#[test]
fn a_topic_has_the_names_that_kafka_gives() {
    assert!(end("eu.orders_v1-x", &[]).is_ok());
    assert!(end(&"x".repeat(249), &[]).is_ok());
    for bad in ["", ".", "..", "a b", "a/b", "ü", "a\0", &"x".repeat(250)] {
        refused(end(bad, &[]), &["topic"]);
    }
    assert!(end("^eu\\.", &[]).is_ok());
    refused(end("^(", &[]), &["regular expression"]);
}

#[test]
fn a_password_goes_over_the_wire_as_it_is_only_to_this_machine_or_over_tls() {
    let plain = [
        ("user", "alice"),
        ("password", "canary"),
        ("sasl_mechanism", "PLAIN"),
    ];
    assert_eq!(
        config("kafka://127.0.0.1:9092", &plain).unwrap().sasl,
        Some("PLAIN")
    );
    let error = refused(config("kafka://broker:9092", &plain), &["kafka+tls://", "SCRAM"]);
    assert!(!format!("{error:?}").contains("canary"));
    refused(config("kafka://localhost", &[("user", "alice")]), &["together"]);
    refused(
        config("kafka://localhost", &[("sasl_mechanism", "PLAIN")]),
        &["`user`"],
    );
}

#[test]
fn certificates_without_tls_are_refused() {
    refused(
        config("kafka://localhost", &[("tls_ca", "ca.pem")]),
        &["kafka+tls:", "tls_ca"],
    );
}

#[cfg(feature = "ssl")]
#[test]
fn a_client_certificate_needs_its_key() {
    assert!(config("kafka+tls://localhost", &[]).unwrap().tls.is_some());
    refused(
        config("kafka+tls://localhost", &[("tls_certificate", "c.pem")]),
        &["`tls_key` beside `tls_certificate`"],
    );
    let scram = [("user", "alice"), ("password", "x")];
    assert_eq!(
        config("kafka://broker", &scram).unwrap().sasl,
        Some("SCRAM-SHA-512")
    );
}

#[cfg(not(feature = "ssl"))]
#[test]
fn a_build_without_tls_says_how_to_get_it() {
    refused(config("kafka+tls://localhost", &[]), &["kafka-ssl"]);
    let scram = [("user", "alice"), ("password", "x")];
    refused(config("kafka://broker", &scram), &["kafka-ssl"]);
}

#[test]
fn the_same_topic_is_the_same_channel_however_its_brokers_are_named() {
    let one = config("kafka://b,a", &[]).unwrap();
    let other = config("kafka://a:9092,b:9092", &[]).unwrap();
    let canonical = |config: &Config| {
        let end = config.end(&Endpoint::new("orders")).unwrap();
        end.resolved("kafka", &config.bootstrap, None).canonical
    };
    assert_eq!(canonical(&one), canonical(&other));
}

#[test]
fn the_size_of_a_message_is_the_least_of_what_is_set_and_what_the_topic_takes() {
    let free = end("orders", &[]).unwrap();
    assert_eq!(free.limit(None), None);
    assert_eq!(free.limit(Some(5_000)), Some(5_000));
    let set = end("orders", &[("message.max.bytes", "2000")]).unwrap();
    assert_eq!(
        (set.limit(None), set.limit(Some(5_000))),
        (Some(2_000), Some(2_000))
    );
    assert_eq!(set.limit(Some(1_000)), Some(1_000));
}

#[test]
fn every_setting_is_documented_once() {
    let mut names: Vec<_> = SETTINGS.iter().map(|fact| fact.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(SETTINGS.iter().all(|fact| fact.meaning.ends_with('.')));
    assert!(names.iter().all(|name| options::refused(name).is_none()));
}
