//! TLS with certificates made here: what the conformance suite does not ask.

use dunlin_core::Class;
use dunlin_core::Message;
use dunlin_core::messaging::{Endpoint, Outgoing, Target};
use dunlin_core::settings::Settings;
use dunlin_servers::{Authority, Kind, Options, Purpose, Server, Tls};
use serde_json::json;

use crate::stand::{client, connect, file, make_stream};

#[tokio::test]
async fn messages_pass_over_tls_and_a_plain_address_does_not() {
    let authority = Authority::new().unwrap();
    let tls = Tls::new(&authority, authority.issue(Purpose::Server).unwrap());
    let server = Server::start(Kind::Nats, Options::new().tls(tls)).await.unwrap();
    let options = async_nats::ConnectOptions::new()
        .require_tls(true)
        .add_root_certificates(authority.file());
    make_stream(&client(&server, options).await, "secure", json!({})).await;
    let settings = Settings::new().with("tls_ca", authority.file().display().to_string());
    assert!(server.url().starts_with("nats+tls://"), "{}", server.url());
    let session = connect(&server.url(), &settings).await.unwrap();
    let mut sender = session
        .sender(&Target::new(Endpoint::new("secure"), "test"))
        .await
        .unwrap();
    let confirm = sender.send(&[Outgoing::new(Message::new("{}"))]).await.unwrap();
    assert!(confirm.await[0].is_ok());
    sender.close().await.unwrap();
    session.close().await.unwrap();

    // A server that wants TLS gets it from a plain address, too, and there nobody named an authority for it.
    let plain = server.url().replace("nats+tls:", "nats:");
    let error = connect(&plain, &Settings::new()).await.unwrap_err();
    assert_eq!(error.class(), Class::Unhealthy, "{error}");
}

#[tokio::test]
async fn a_server_without_tls_is_not_spoken_to_in_the_clear() {
    let authority = Authority::new().unwrap();
    let server = Server::start(Kind::Nats, Options::new().own()).await.unwrap();
    let url = server.url().replace("nats:", "nats+tls:");
    let settings = Settings::new()
        .with("tls_ca", authority.file().display().to_string())
        .with("connect_timeout_ms", "2000");
    let error = connect(&url, &settings).await.unwrap_err();
    assert!(
        error.to_string().contains("`tls_ca`") || error.to_string().contains("`url`"),
        "{error}"
    );
}

#[tokio::test]
async fn files_that_hold_no_certificate_are_told_with_their_setting() {
    let folder = tempfile::tempdir().unwrap();
    let nonsense = file(folder.path(), "nonsense.pem", "canary")
        .display()
        .to_string();
    let missing = folder.path().join("missing.pem").display().to_string();
    let authority = Authority::new().unwrap().file().display().to_string();
    for (settings, setting) in [
        (Settings::new().with("tls_ca", nonsense.as_str()), "tls_ca"),
        (Settings::new().with("tls_ca", missing.as_str()), "tls_ca"),
        (
            Settings::new()
                .with("tls_certificate", nonsense.as_str())
                .with("tls_key", authority.as_str()),
            "tls_certificate",
        ),
    ] {
        let error = connect("nats+tls://127.0.0.1:1", &settings).await.unwrap_err();
        let told = error.to_string();
        assert!(
            told.contains(&format!("setting: {setting}")) && !told.contains("canary"),
            "{told}"
        );
        assert_eq!(error.class(), Class::Unhealthy);
    }
}
