//! What a registry may do to us: be slow, refuse, talk nonsense, send us elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dunlin_core::migration::{RegistryVersion, SchemaFormat};
use dunlin_schemas::registry::{Known, Login, Purpose, Registry, RegistryError, RegistrySettings, Trouble};
use dunlin_servers::{Authority, Purpose as Holder};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::stand::{Hurried, ask_for, file, registry, settings, version};
use super::web::{Answer, Asked, Web, json, with};

const STRING: &str = r#"{"schema":"\"string\""}"#;

/// Asks once for the schema 7 of a registry that answers so.
async fn asked(answer: impl Fn(&Asked, usize) -> Answer + Send + Sync + 'static) -> (Web, RegistryError) {
    let web = Web::start(None, answer).await;
    let clock = Hurried::default();
    let error = ask_for(&registry(&web.url()), 7, &clock).await.unwrap_err();
    (web, error)
}

#[tokio::test]
async fn a_schema_is_fetched_by_its_id_below_the_path_of_the_address() {
    let web = Web::start(None, |_, _| json(200, STRING)).await;
    let registry = registry(&format!("{}/apis/ccompat/v7/", web.url()));
    ask_for(&registry, 7, &Hurried::default()).await.unwrap();
    assert_eq!(web.lines(), ["GET /apis/ccompat/v7/schemas/ids/7"]);
    let Some(Known::Schema(schema)) = registry.cache().writer(7) else {
        panic!("nothing was learnt");
    };
    assert_eq!((schema.id, schema.format), (7, SchemaFormat::Avro));
    assert_eq!(schema.text, "\"string\"");
}

#[tokio::test]
async fn a_registry_that_does_not_answer_in_time_is_asked_again_and_then_given_up() {
    let web = Web::start(None, |_, _| Answer::Silence).await;
    let slow = Registry::new(RegistrySettings {
        timeout: Duration::from_millis(50),
        ..settings(&web.url())
    });
    let clock = Hurried::default();
    let error = ask_for(&slow, 7, &clock).await.unwrap_err();
    assert_eq!(error.trouble(), Trouble::Unreachable);
    assert!(error.is_temporary());
    let text = error.to_string();
    assert!(
        text.contains("`main`") && text.contains("the id 7") && text.contains("within 50ms"),
        "{text}"
    );
    assert_eq!(clock.pauses(), [200, 800]);
    assert_eq!(web.lines().len(), 3);
}

#[tokio::test]
async fn trouble_that_passes_is_passed_over() {
    let web = Web::start(None, |_, before| match before {
        0 => json(503, ""),
        1 => json(429, r#"{"error_code":42901,"message":"too many"}"#),
        _ => json(200, STRING),
    })
    .await;
    let clock = Hurried::default();
    ask_for(&registry(&web.url()), 7, &clock).await.unwrap();
    assert_eq!(clock.pauses(), [200, 800]);
}

#[tokio::test]
async fn a_server_error_that_stays_is_told_with_its_code() {
    let answer = r#"{"error_code":50001,"message":"Error in the backend data store"}"#;
    let (web, error) = asked(move |_, _| json(500, answer)).await;
    assert_eq!(web.lines().len(), 3);
    assert_eq!(
        error.to_string(),
        "the registry `main` cannot answer for the schema with the id 7 now (500, error 50001): \
         Error in the backend data store; it is asked again"
    );
}

#[tokio::test]
async fn an_unknown_id_is_remembered_for_a_minute() {
    let web = Web::start(None, |_, _| {
        json(404, r#"{"error_code":40403,"message":"Schema 7 not found"}"#)
    })
    .await;
    let registry = registry(&web.url());
    let clock = Hurried::default();
    ask_for(&registry, 7, &clock).await.unwrap();
    let cache = registry.cache();
    assert!(matches!(cache.writer(7), Some(Known::Missing)));
    assert_eq!(web.lines().len(), 1, "a refusal is not asked for again");
    cache.expire(Instant::now() + Duration::from_secs(50));
    assert!(matches!(cache.writer(7), Some(Known::Missing)));
    cache.expire(Instant::now() + Duration::from_secs(61));
    assert!(cache.writer(7).is_none());
}

#[tokio::test]
async fn a_404_of_something_else_than_a_registry_makes_no_schema_unknown() {
    let (_, error) = asked(|_, _| with(404, "Content-Type: text/html", "<h1>Not Found</h1>")).await;
    assert_eq!(error.trouble(), Trouble::Answer);
    assert!(error.to_string().contains("path included"), "{error}");
}

#[tokio::test]
async fn a_registry_that_lets_nobody_in_is_asked_once() {
    for status in [401, 403] {
        let (web, error) = asked(move |_, _| json(status, r#"{"error_code":401}"#)).await;
        assert_eq!(error.trouble(), Trouble::Refused);
        assert!(error.to_string().contains("`password`"), "{error}");
        assert_eq!(web.lines().len(), 1);
    }
}

#[tokio::test]
async fn what_is_no_answer_of_a_registry_is_told_as_such() {
    let json_type = "Content-Type: application/json";
    for (name, status, header, body) in [
        ("garbage", 200, json_type, "\u{1}\u{2}garbage"),
        ("empty", 200, json_type, ""),
        ("another object", 200, json_type, r#"{"subjects":[]}"#),
        ("a list", 200, json_type, "[]"),
        ("a wrong id", 200, json_type, r#"{"id":-1,"schema":""}"#),
        ("a page", 200, "Content-Type: text/html", "<html>log in</html>"),
        ("no type", 200, "X: y", STRING),
        ("deep", 200, json_type, &"[".repeat(100_000)),
    ] {
        let body = body.to_owned();
        let (web, error) = asked(move |_, _| with(status, header, &body)).await;
        assert_eq!(error.trouble(), Trouble::Answer, "{name}: {error}");
        assert!(!error.to_string().contains("garbage"), "{error}");
        assert_eq!(web.lines().len(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_truncated_answer_is_no_answer() {
    let (web, error) = asked(|_, _| {
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"schema\"";
        Answer::Bytes(head.as_bytes().to_vec())
    })
    .await;
    assert_eq!(error.trouble(), Trouble::Unreachable, "{error}");
    assert_eq!(web.lines().len(), 3);
}

#[tokio::test]
async fn no_more_than_four_mebibytes_are_read() {
    let (_, error) = asked(|_, _| {
        // No length is given: whoever believes in lengths alone reads on.
        let mut bytes = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"schema\":\"".to_vec();
        bytes.resize(bytes.len() + 5 * 1024 * 1024, b'a');
        bytes.extend_from_slice(b"\"}");
        Answer::Bytes(bytes)
    })
    .await;
    assert_eq!(error.trouble(), Trouble::Answer, "{error}");
    assert!(error.to_string().contains("4194304 bytes"), "{error}");
}

#[tokio::test]
async fn a_redirect_is_followed_on_the_same_host_only() {
    let other = Web::start(None, |_, _| json(200, STRING)).await;
    let elsewhere = format!("Location: {}/schemas/ids/7", other.url());
    let (_, error) = asked(move |_, _| with(302, &elsewhere, "")).await;
    assert_eq!(error.trouble(), Trouble::Answer);
    assert!(error.to_string().contains("another host"), "{error}");
    assert!(other.lines().is_empty(), "a login would have gone there, too");

    let web = Web::start(None, |asked, _| match asked.line.as_str() {
        "GET /new/schemas/ids/7" => json(200, STRING),
        _ => with(307, "Location: /new/schemas/ids/7", ""),
    })
    .await;
    ask_for(&registry(&web.url()), 7, &Hurried::default())
        .await
        .unwrap();

    let (web, error) = asked(|_, _| with(302, "Location: /again", "")).await;
    assert_eq!(error.trouble(), Trouble::Answer);
    assert!(web.lines().len() < 10, "a circle of redirects is left");
}

#[tokio::test]
async fn a_login_is_read_anew_for_every_question_and_never_printed() {
    let web = Web::start(None, |_, _| json(401, "{}")).await;
    let reads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&reads);
    let mut settings = settings(&web.url());
    settings.login = Login::Basic {
        user: Arc::new(|| Ok("alice".to_owned())),
        password: Arc::new(move || Ok(format!("canary{}", counted.fetch_add(1, Ordering::Relaxed)))),
    };
    let asked = Registry::new(settings.clone());
    for _ in 0..2 {
        let error = ask_for(&asked, 7, &Hurried::default()).await.unwrap_err();
        assert!(!format!("{error} {error:?} {asked:?}").contains("canary"));
    }
    settings.login = Login::Bearer(Arc::new(|| Ok("canary".to_owned())));
    let asked = Registry::new(settings.clone());
    let error = ask_for(&asked, 7, &Hurried::default()).await.unwrap_err();
    assert!(!format!("{error} {error:?} {asked:?}").contains("canary"));
    let shown: Vec<String> = web
        .asked()
        .iter()
        .map(|asked| asked.header("authorization").unwrap_or_default().to_owned())
        .collect();
    assert_eq!(
        shown,
        [
            "Basic YWxpY2U6Y2FuYXJ5MA==",
            "Basic YWxpY2U6Y2FuYXJ5MQ==",
            "Bearer canary"
        ]
    );

    settings.login = Login::Bearer(Arc::new(|| {
        let kind = dunlin_core::ErrorKind::Io;
        Err(dunlin_core::Error::new(kind, "read", "the file is gone"))
    }));
    let error = ask_for(&Registry::new(settings), 7, &Hurried::default())
        .await
        .unwrap_err();
    assert_eq!(error.trouble(), Trouble::Settings);
}

#[tokio::test]
async fn a_registry_over_tls_is_believed_by_its_own_authority_and_shown_a_certificate() {
    let authority = Authority::new().unwrap();
    let stranger = Authority::new().unwrap();
    let identity = authority.issue(Holder::Server).unwrap();
    let client = authority.issue(Holder::Client("dunlin")).unwrap();
    let acceptor = {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(authority.file()).unwrap())
            .unwrap();
        let ring = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&ring))
            .build()
            .unwrap();
        let chain = CertificateDer::pem_file_iter(&identity.certificate)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let config = ServerConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, PrivateKeyDer::from_pem_file(&identity.key).unwrap())
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    };
    let web = Web::start(Some(acceptor), |_, _| json(200, STRING)).await;
    let trusted = RegistrySettings {
        authority: Some(authority.file()),
        identity: Some((client.certificate.clone(), client.key.clone())),
        ..settings(&web.url())
    };
    let clock = Hurried::default();
    ask_for(&Registry::new(trusted.clone()), 7, &clock).await.unwrap();

    let nobody = RegistrySettings {
        identity: None,
        ..trusted.clone()
    };
    let strange = RegistrySettings {
        authority: Some(stranger.file()),
        ..trusted.clone()
    };
    let system = RegistrySettings {
        authority: None,
        ..trusted.clone()
    };
    for refused in [nobody, strange, system] {
        let error = ask_for(&Registry::new(refused), 7, &clock).await.unwrap_err();
        assert_eq!(error.trouble(), Trouble::Unreachable, "{error}");
    }
    let broken = RegistrySettings {
        authority: Some(identity.key.clone()),
        ..trusted
    };
    let error = ask_for(&Registry::new(broken), 7, &clock).await.unwrap_err();
    assert_eq!(error.trouble(), Trouble::Settings, "{error}");
}

#[tokio::test]
async fn references_are_fetched_to_the_last_each_behind_its_own() {
    let web = Web::start(None, |asked, _| {
        json(
            200,
            match asked.line.as_str() {
                "GET /schemas/ids/7" => {
                    r#"{"schema":"top","schemaType":"PROTOBUF","references":[
                        {"name":"a.proto","subject":"a","version":1},{"name":"b.proto","subject":"b","version":2}]}"#
                }
                "GET /subjects/a/versions/1" => {
                    r#"{"subject":"a","version":1,"id":1,"schema":"A","references":[
                        {"name":"b.proto","subject":"b","version":2}]}"#
                }
                _ => r#"{"subject":"b","version":2,"id":2,"schema":"B"}"#,
            },
        )
    })
    .await;
    let registry = registry(&web.url());
    ask_for(&registry, 7, &Hurried::default()).await.unwrap();
    let Some(Known::Schema(schema)) = registry.cache().writer(7) else {
        panic!("nothing was learnt");
    };
    let names: Vec<(&str, &str)> = schema
        .references
        .iter()
        .map(|one| (one.name.as_str(), one.text.as_str()))
        .collect();
    assert_eq!(names, [("b.proto", "B"), ("a.proto", "A")]);
    assert_eq!(web.lines().len(), 3, "what is known is not asked for again");
}

#[tokio::test]
async fn references_that_never_end_make_a_schema_unusable() {
    let circle = |_: &Asked, _| {
        let reference = r#"[{"name":"a","subject":"a","version":1}]"#;
        json(
            200,
            &format!(r#"{{"version":1,"id":1,"schema":"A","references":{reference}}}"#),
        )
    };
    // Each has another name and another subject than all before it.
    let endless = |_: &Asked, before: usize| {
        let reference = format!(r#"[{{"name":"n{before}","subject":"s{before}","version":1}}]"#);
        json(
            200,
            &format!(r#"{{"version":1,"id":1,"schema":"A","references":{reference}}}"#),
        )
    };
    for (web, questions) in [
        (Web::start(None, circle).await, 3),
        (Web::start(None, endless).await, 257),
    ] {
        let registry = registry(&web.url());
        ask_for(&registry, 7, &Hurried::default()).await.unwrap();
        assert!(matches!(registry.cache().writer(7), Some(Known::Missing)));
        assert!(web.lines().len() <= questions, "{}", web.lines().len());
    }
}

#[tokio::test]
async fn a_subject_is_one_segment_of_the_path_whatever_it_is_called() {
    let web = Web::start(None, |_, _| {
        json(200, r#"{"version":3,"id":9,"schema":"{}","schemaType":"JSON"}"#)
    })
    .await;
    let registry = registry(&web.url());
    let reference = version(
        SchemaFormat::JsonSchema,
        "a/b?c#d ../e",
        RegistryVersion::Number(3),
    );
    registry.cache().expect(&reference, None);
    let looked = registry.look(Purpose::Run, &Hurried::default()).await;
    looked[0].standing.as_ref().unwrap();
    assert_eq!(web.lines(), ["GET /subjects/a%2Fb%3Fc%23d%20..%2Fe/versions/3"]);
}

#[tokio::test]
async fn another_version_or_language_than_the_one_that_was_named_is_refused() {
    let web = Web::start(None, |_, _| {
        json(200, r#"{"version":4,"id":9,"schema":"{}","schemaType":"JSON"}"#)
    })
    .await;
    for (format, number, trouble) in [
        (SchemaFormat::JsonSchema, 3, Trouble::Answer),
        (SchemaFormat::Avro, 4, Trouble::Unusable),
    ] {
        let registry = registry(&web.url());
        let reference = version(format, "orders", RegistryVersion::Number(number));
        registry.cache().expect(&reference, None);
        let looked = registry.look(Purpose::Run, &Hurried::default()).await;
        assert_eq!(looked[0].standing.as_ref().unwrap_err().trouble(), trouble);
        assert!(registry.cache().own(&reference).is_none());
    }
}

/// A registry that does not have the schema of a file yet.
fn without(asked: &Asked, compatible: bool) -> Answer {
    let line = asked.line.as_str();
    if line.starts_with("POST /compatibility/") {
        return json(
            200,
            &format!(r#"{{"is_compatible":{compatible},"messages":["the field n is gone"]}}"#),
        );
    }
    match line {
        "POST /subjects/orders/versions" => json(200, r#"{"id":12}"#),
        line if line.starts_with("GET /config/") => json(200, r#"{"compatibilityLevel":"BACKWARD"}"#),
        _ => json(404, r#"{"error_code":40403,"message":"Schema not found"}"#),
    }
}

#[tokio::test]
async fn a_schema_is_registered_only_where_that_is_said_and_the_registry_finds_it_compatible() {
    let text = r#"{"type":"string"}"#;
    for (register, compatible, purpose, writes) in [
        (false, true, Purpose::Run, false),
        (true, false, Purpose::Run, false),
        (true, true, Purpose::Look, false),
        (true, true, Purpose::Run, true),
    ] {
        let web = Web::start(None, move |asked, _| without(asked, compatible)).await;
        let registry = registry(&web.url());
        let reference = file(SchemaFormat::Avro, "orders", register);
        registry.cache().expect(&reference, Some(text.to_owned()));
        let looked = registry.look(purpose, &Hurried::default()).await;
        let standing = &looked[0].standing;
        let registered = web
            .asked()
            .into_iter()
            .find(|asked| asked.line == "POST /subjects/orders/versions");
        assert_eq!(registered.is_some(), writes, "{standing:?}");
        assert_eq!(
            registry.cache().own(&reference).map(|own| own.id),
            writes.then_some(12)
        );
        if let Some(registered) = registered {
            assert_eq!(registered.body, r#"{"schema":"{\"type\":\"string\"}"}"#);
            let media_type = Some("application/vnd.schemaregistry.v1+json");
            assert_eq!(registered.header("content-type"), media_type);
        }
        if register && !compatible {
            let error = standing.as_ref().unwrap_err().to_string();
            assert!(error.contains("BACKWARD; the field n is gone"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_conflict_on_registering_is_told_and_not_tried_again() {
    let web = Web::start(None, |asked, _| match asked.line.as_str() {
        "POST /subjects/orders/versions" => json(
            409,
            r#"{"error_code":409,"message":"Schema being registered is incompatible"}"#,
        ),
        _ => without(asked, true),
    })
    .await;
    let registry = registry(&web.url());
    let reference = file(SchemaFormat::Avro, "orders", true);
    registry.cache().expect(&reference, Some("\"string\"".to_owned()));
    let looked = registry.look(Purpose::Run, &Hurried::default()).await;
    let error = looked[0].standing.as_ref().unwrap_err();
    assert_eq!(error.trouble(), Trouble::Incompatible);
    let writes = web
        .lines()
        .iter()
        .filter(|line| *line == "POST /subjects/orders/versions")
        .count();
    assert_eq!(writes, 1);
}
