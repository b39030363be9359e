//! A route whose migration names schemas in a registry: what it waits for, and what it does meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dunlin_core::message::Message;
use dunlin_core::migration::load::MemoryResolver;
use dunlin_core::migration::{LoadOptions, Migration};
use dunlin_router::plan::{MigrationChoice, RoutePlan};
use dunlin_router::progress::{Fate, Progress};
use dunlin_router::route::EndReason;
use dunlin_schemas::Schemas;
use dunlin_schemas::registry::{Login, Registries, Registry, RegistrySettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::stand::{Running, Stand, header, pass};

const ORDER: &str =
    r#"{\"type\":\"record\",\"name\":\"Order\",\"fields\":[{\"name\":\"n\",\"type\":\"long\"}]}"#;

/// Reads Avro of any writer that the registry knows, and makes JSON of it.
const MIGRATION: &str = "
migration: orders
schemas:
  from: { format: avro, registry: main, subject: orders, version: 1 }
  to: { format: json-schema, file: any.json }
transformations:
  - { rename: n, to: amount }
";

/// A registry that answers by the first line of the question, once it is up.
struct Web {
    url: String,
    up: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Web {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let web = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            up: Arc::default(),
            asked: Arc::default(),
        };
        let (up, asked) = (Arc::clone(&web.up), Arc::clone(&web.asked));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut question = Vec::new();
                while !question.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else { break };
                    question.push(byte);
                }
                let question = String::from_utf8(question).unwrap();
                let line = question.lines().next().unwrap_or_default().to_owned();
                let (status, body) = if !up.load(Ordering::Relaxed) {
                    (503, "{}".to_owned())
                } else if line.contains("/ids/9 ") {
                    (
                        404,
                        r#"{"error_code":40403,"message":"Schema not found"}"#.to_owned(),
                    )
                } else {
                    (200, format!(r#"{{"id":1,"version":1,"schema":"{ORDER}"}}"#))
                };
                asked.lock().unwrap().push(line);
                let answer = format!(
                    "HTTP/1.1 {status} Word\r\nContent-Type: application/json\r\nConnection: close\r\n\
                     Content-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        web
    }

    fn set_up(&self, up: bool) {
        self.up.store(up, Ordering::Relaxed);
    }

    fn plan(&self, stand: &Stand) -> RoutePlan {
        let registries = Registries::new([Registry::new(RegistrySettings {
            name: "main".to_owned(),
            url: RegistrySettings::parse_url(&self.url).unwrap(),
            login: Login::Nobody,
            authority: None,
            identity: None,
            timeout: Duration::from_secs(60),
        })]);
        let files = MemoryResolver::new()
            .with("m.yaml", MIGRATION)
            .with("any.json", r#"{"type":"object"}"#);
        let options = LoadOptions {
            schemas: &Schemas::new(registries.clone()),
            ..LoadOptions::default()
        };
        let loaded = Migration::load("m.yaml", &files, &options);
        let migration = loaded.unwrap_or_else(|findings| panic!("{findings}")).migration;
        let mut plan = stand.bridge();
        plan.migrations = vec![MigrationChoice::always(Arc::new(migration))];
        plan.dead_letter = Some(stand.end("dead"));
        plan.registries = registries;
        plan
    }
}

/// A message that was written with the schema of this id.
fn written(id: u8, n: u8) -> Message {
    Message::new(vec![0, 0, 0, 0, id, 2 * n])
}

/// Lets questions and answers go their way, which takes time that no test owns, and the clock of the route run on.
async fn until(stand: &Stand, running: &Running, what: &str, mut holds: impl FnMut(&Progress) -> bool) {
    for _ in 0..3_000 {
        if holds(&running.progress) {
            return;
        }
        pass(&stand.clock, Duration::from_millis(50)).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("never: {what}; the route stands so: {:#?}", running.snapshot());
}

fn stands(progress: &Progress, word: &str) -> bool {
    progress.snapshot().state.to_string().contains(word)
}

#[tokio::test]
async fn no_message_is_taken_before_the_registry_has_said_what_the_migration_names() {
    let (stand, web) = (Stand::new(), Web::start().await);
    stand.fill([written(1, 7)]).await;
    let running = stand.run(web.plan(&stand));
    let told = "waiting: the schemas of the migrations are not there: the registry `main`";
    until(&stand, &running, "it says why it waits", |progress| {
        stands(progress, told)
    })
    .await;
    assert!(stand.payloads("orders").is_empty());
    assert!(stand.source_faults.verdicts().is_empty());
    web.set_up(true);
    until(&stand, &running, "it goes on", |progress| {
        progress.fate(Fate::Forwarded) == 1
    })
    .await;
    assert_eq!(stand.payloads("orders"), [r#"{"amount":7}"#]);
    let forwarded = stand.sink.stored("orders").remove(0);
    let media_type = forwarded.properties.content_type.as_deref();
    assert_eq!(media_type, Some("application/json"));
    assert_eq!(running.stop().await.unwrap().reason, EndReason::Stopped);
}

#[tokio::test]
async fn a_message_of_a_new_writer_waits_for_the_registry_and_keeps_its_place() {
    let (stand, web) = (Stand::new(), Web::start().await);
    web.set_up(true);
    let running = stand.run(web.plan(&stand));
    until(&stand, &running, "it runs", |progress| {
        stands(progress, "running")
    })
    .await;
    web.set_up(false);
    stand.fill([written(1, 1), written(2, 2), written(1, 3)]).await;
    until(&stand, &running, "it says why it waits", |progress| {
        stands(
            progress,
            "the registry `main` cannot answer for the schema with the id 2",
        )
    })
    .await;
    assert_eq!(
        stand.payloads("orders"),
        [r#"{"amount":1}"#],
        "none overtakes the one that waits"
    );
    web.set_up(true);
    until(&stand, &running, "all came", |progress| {
        progress.fate(Fate::Forwarded) == 3
    })
    .await;
    assert_eq!(
        stand.payloads("orders"),
        [r#"{"amount":1}"#, r#"{"amount":2}"#, r#"{"amount":3}"#]
    );
    let asked = web.asked.lock().unwrap().clone();
    let last: Vec<_> = asked.iter().filter(|line| line.contains("/ids/")).collect();
    assert!(
        last.len() > 1 && last.iter().all(|line| line.starts_with("GET /schemas/ids/2 ")),
        "{asked:?}"
    );
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_stop_waits_for_no_registry_and_leaves_what_was_held_to_the_source() {
    let (stand, web) = (Stand::new(), Web::start().await);
    web.set_up(true);
    let running = stand.run(web.plan(&stand));
    until(&stand, &running, "it runs", |progress| {
        stands(progress, "running")
    })
    .await;
    web.set_up(false);
    stand.fill([written(2, 2), written(1, 3)]).await;
    until(&stand, &running, "it waits", |progress| {
        stands(progress, "the id 2")
    })
    .await;
    let ended = running.stop().await.unwrap();
    assert_eq!((ended.reason, ended.left), (EndReason::Stopped, 2));
    assert!(stand.payloads("orders").is_empty());
    assert!(stand.source_faults.verdicts().is_empty(), "nothing was settled");
}

#[tokio::test]
async fn a_message_whose_writer_no_registry_knows_goes_to_the_dead_letter() {
    let (stand, web) = (Stand::new(), Web::start().await);
    web.set_up(true);
    stand.fill([written(9, 1), written(9, 2), written(1, 3)]).await;
    let running = stand.run(web.plan(&stand));
    until(&stand, &running, "all are through", |progress| {
        progress.fate(Fate::DeadLettered) == 2 && progress.fate(Fate::Forwarded) == 1
    })
    .await;
    let dead = stand.sink.stored("dead").remove(0);
    assert_eq!(header(&dead, "dunlin-error-kind").as_deref(), Some("schema"));
    assert_eq!(dead.payload.as_deref(), Some(&[0, 0, 0, 0, 9, 2][..]));
    let asked = web.asked.lock().unwrap().clone();
    let times = asked.iter().filter(|line| line.contains("/ids/9 ")).count();
    assert_eq!(times, 1, "an answer is remembered");
    running.stop().await.unwrap();
}

#[tokio::test]
async fn bytes_of_no_form_that_the_schema_has_go_to_the_dead_letter() {
    let (stand, web) = (Stand::new(), Web::start().await);
    web.set_up(true);
    stand
        .fill([Message::new("{\"n\":1}"), Message::new(vec![0, 0, 0, 0, 1])])
        .await;
    let running = stand.run(web.plan(&stand));
    until(&stand, &running, "both failed", |progress| {
        progress.fate(Fate::DeadLettered) == 2
    })
    .await;
    for dead in stand.sink.stored("dead") {
        assert_eq!(header(&dead, "dunlin-error-kind").as_deref(), Some("decode"));
    }
    running.stop().await.unwrap();
}
