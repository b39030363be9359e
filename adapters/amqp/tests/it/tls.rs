//! Who may be talked to over TLS, and what is said where that goes wrong.

use std::sync::LazyLock;

use dunlin_core::messaging::Events;
use dunlin_core::settings::Settings;
use dunlin_core::{Class, Error, Result};
use dunlin_servers::{Authority, Kind, Options, Purpose, Server, Tls, shared};

use crate::stand::open;

struct Secure {
    authority: Authority,
    server: Server,
}

/// Lives as long as the process; its server ends with that.
static SECURE: tokio::sync::OnceCell<Secure> = tokio::sync::OnceCell::const_new();
static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Runtime::new().expect("a runtime"));

async fn secure() -> &'static Secure {
    SECURE
        .get_or_init(async || {
            let authority = Authority::new().expect("an authority");
            let identity = authority.issue(Purpose::Server).expect("a certificate");
            let options = Options::new().own().tls(Tls::new(&authority, identity));
            let server = Server::start(Kind::RabbitMq, options)
                .await
                .expect("a broker with TLS");
            Secure { authority, server }
        })
        .await
}

async fn connect(url: &str, settings: &Settings) -> Result<()> {
    let session = open(url, settings)?.connect(Events::ignored()).await?;
    session.close().await
}

fn refused(url: &str, settings: &Settings) -> Error {
    let error = RUNTIME.block_on(connect(url, settings)).expect_err("a refusal");
    assert!(error.to_string().contains("localhost"), "{error}");
    error
}

fn port() -> (u16, &'static Secure) {
    RUNTIME.block_on(async {
        let secure = secure().await;
        (secure.server.address().await.expect("its address").port(), secure)
    })
}

#[test]
fn a_server_of_the_named_authority_is_accepted() {
    let (port, secure) = port();
    let settings = Settings::new().with("tls_ca", secure.authority.file().display().to_string());
    RUNTIME
        .block_on(connect(&format!("amqps://localhost:{port}"), &settings))
        .expect("a connection");
}

#[test]
fn an_authority_that_only_the_test_knows_is_none_of_the_systems() {
    let (port, _) = port();
    let error = refused(&format!("amqps://localhost:{port}"), &Settings::new());
    assert_eq!(error.class(), Class::Unhealthy);
    assert!(error.to_string().contains("`tls_ca`"), "{error}");
}

#[test]
fn a_file_that_is_missing_or_holds_no_certificate_is_named() {
    let (port, secure) = port();
    let known = secure.authority.file().display().to_string();
    let key = secure
        .authority
        .issue(Purpose::Client("x"))
        .expect("a key")
        .key
        .display()
        .to_string();
    for (settings, told) in [
        (
            Settings::new().with("tls_ca", "/nowhere/ca.pem"),
            "/nowhere/ca.pem",
        ),
        (Settings::new().with("tls_ca", key.clone()), key.as_str()),
        (
            Settings::new()
                .with("tls_ca", known.clone())
                .with("tls_certificate", known)
                .with("tls_key", "/nowhere/key.pem"),
            "/nowhere/key.pem",
        ),
    ] {
        let error = refused(&format!("amqps://localhost:{port}"), &settings);
        assert_eq!(error.class(), Class::Unhealthy);
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[test]
fn a_port_of_the_other_kind_is_told_as_that() {
    let (port, secure) = port();
    let known = Settings::new().with("tls_ca", secure.authority.file().display().to_string());
    let plain = RUNTIME.block_on(async {
        let server = shared(Kind::RabbitMq).await.expect("a broker");
        server.address().await.expect("its address").port()
    });
    let without = refused(&format!("amqp://localhost:{port}"), &Settings::new());
    assert!(without.to_string().contains("`amqps:`"), "{without}");
    let with = refused(&format!("amqps://localhost:{plain}"), &known);
    assert!(with.to_string().contains("`amqp:`"), "{with}");
}
