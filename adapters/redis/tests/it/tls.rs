//! TLS: what the contract's scenario does not ask. Certificates are made on the spot.

use dunlin_core::ErrorKind;
use dunlin_core::messaging::Start;
use dunlin_core::settings::Settings;
use dunlin_servers::{Authority, Kind, Options, Purpose, Server, Tls};

use crate::bed::{Bed, payloads, quick, refusal};
use dunlin_core::messaging::Endpoint;

fn trusting(authority: &Authority) -> Settings {
    quick().with("tls_ca", authority.file().display().to_string())
}

fn server_of(authority: &Authority, purpose: Purpose<'_>) -> Tls {
    Tls::new(authority, authority.issue(purpose).expect("a certificate"))
}

#[tokio::test]
async fn messages_pass_over_tls_with_a_client_certificate() {
    let authority = Authority::new().expect("an authority");
    let client = authority.issue(Purpose::Client("dunlin")).expect("a certificate");
    let settings = trusting(&authority)
        .with("topology", "create")
        .with("tls_certificate", client.certificate.display().to_string())
        .with("tls_key", client.key.display().to_string());
    let tls = server_of(&authority, Purpose::Server).client_certificates();
    let bed = Bed::with(Options::new().tls(tls), &settings).await;
    let endpoint = Endpoint::new("orders");
    assert!(bed.send(&endpoint, &["1", "2"]).await.iter().all(Result::is_ok));
    let mut ends = bed.receive(&endpoint, Start::Earliest).await;
    let batch = ends.take(2).await;
    assert_eq!(payloads(&batch), ["1", "2"]);
    ends.done(&batch).await;
    ends.close().await;
}

#[tokio::test]
async fn a_server_without_tls_and_one_with_it_are_told_apart_by_the_scheme() {
    let authority = Authority::new().expect("an authority");
    let plain = Server::start(Kind::Redis, Options::new().own())
        .await
        .expect("a server");
    let url = plain.url().replace("redis://", "rediss://");
    // Redis answers a handshake with silence.
    let impatient = trusting(&authority).with("connect_timeout_ms", "500");
    let error = refusal(&url, &impatient).await;
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(error.to_string().contains("`redis://`"), "{error}");
    let tls = server_of(&authority, Purpose::Server);
    let secure = Server::start(Kind::Redis, Options::new().tls(tls))
        .await
        .expect("a server");
    let url = secure.url().replace("rediss://", "redis://");
    let error = refusal(&url, &quick()).await;
    assert!(error.to_string().contains("`url`"), "{error}");
}

#[tokio::test]
async fn a_certificate_that_does_not_fit_is_told_with_the_setting_to_change() {
    let (authority, other) = (Authority::new().expect("one"), Authority::new().expect("two"));
    let tls = server_of(&authority, Purpose::AnotherHost);
    let server = Server::start(Kind::Redis, Options::new().tls(tls))
        .await
        .expect("a server");
    for settings in [trusting(&authority), trusting(&other), quick()] {
        let error = refusal(&server.url(), &settings).await;
        assert_eq!(error.kind(), ErrorKind::AccessDenied, "{error}");
        assert!(error.to_string().contains("`tls_ca`"), "{error}");
    }
}

#[tokio::test]
async fn a_client_without_the_certificate_that_the_server_wants_is_told_so() {
    let authority = Authority::new().expect("an authority");
    let tls = server_of(&authority, Purpose::Server).client_certificates();
    let server = Server::start(Kind::Redis, Options::new().tls(tls))
        .await
        .expect("a server");
    let error = refusal(&server.url(), &trusting(&authority)).await;
    assert_eq!(error.kind(), ErrorKind::AccessDenied, "{error}");
    assert!(error.to_string().contains("`tls_certificate`"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_not_there_or_is_no_pem_is_told_before_anything_is_sent() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let junk = folder.path().join("junk.pem");
    std::fs::write(&junk, "canary").expect("a file");
    let missing = quick().with("tls_ca", "/no/such/file.pem");
    let error = refusal("rediss://127.0.0.1:1", &missing).await;
    assert_eq!(error.kind(), ErrorKind::InvalidSetting);
    assert!(error.to_string().contains("setting: tls_ca"), "{error}");
    for name in ["tls_ca", "tls_key"] {
        let mut settings = quick().with(name, junk.display().to_string());
        if name == "tls_key" {
            settings = settings.with("tls_certificate", junk.display().to_string());
        }
        let error = refusal("rediss://127.0.0.1:1", &settings).await.to_string();
        assert!(error.contains("PEM") && !error.contains("canary"), "{error}");
    }
}
