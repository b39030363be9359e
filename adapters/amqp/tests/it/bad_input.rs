//! What is wrong gets one sentence, with the setting to change, and no panic.

use std::sync::{Arc, LazyLock};

use dunlin_core::messaging::{Endpoint, Events, Outgoing, Purpose, Session, Source, Start, Target};
use dunlin_core::settings::Settings;
use dunlin_core::{Class, Error, ErrorKind, Message, Result};
use dunlin_servers::{Kind, Options, Server, shared};
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use tokio::runtime::Runtime;

use crate::stand::{client, open};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// Runs in the runtime that the shared server lives in.
fn test(work: impl Future<Output = ()>) {
    RUNTIME.block_on(work);
}

async fn url() -> String {
    shared(Kind::RabbitMq).await.expect("a broker").url()
}

async fn connect(url: &str, settings: &Settings) -> Result<Arc<dyn Session>> {
    open(url, settings)?.connect(Events::ignored()).await
}

async fn session() -> Arc<dyn Session> {
    connect(&url().await, &Settings::new()).await.expect("a session")
}

fn creating(channel: &str) -> Endpoint {
    Endpoint::new(channel).with_settings(Settings::new().with("topology", "create"))
}

async fn made(session: &Arc<dyn Session>, endpoint: &Endpoint, purpose: Purpose) -> Vec<String> {
    let declare = session.declare().expect("an adapter that declares");
    declare
        .declare(endpoint, purpose)
        .await
        .expect("what was missing")
}

async fn sent(session: &Arc<dyn Session>, endpoint: &Endpoint, outgoing: Outgoing) -> Result<()> {
    let mut sender = session.sender(&Target::new(endpoint.clone(), "test")).await?;
    let answer = sender.send(&[outgoing]).await?.await.remove(0);
    sender.close().await?;
    answer.map(drop)
}

#[track_caller]
fn told(error: &Error, kind: ErrorKind, class: Class, words: &[&str]) {
    assert_eq!((error.kind(), error.class()), (kind, class), "{error:?}");
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "expected `{word}` in: {text}");
    }
}

#[test]
fn a_port_where_nobody_listens_is_told_with_host_and_port() {
    test(async {
        // The port was just free; nobody takes it in the moment between.
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("its address").port();
        drop(free);
        let error = connect(&format!("amqp://127.0.0.1:{port}"), &Settings::new())
            .await
            .expect_err("nobody");
        told(
            &error,
            ErrorKind::Disconnected,
            Class::Temporary,
            &["`url`", &port.to_string()],
        );
    });
}

#[test]
fn a_host_without_an_address_is_told() {
    test(async {
        let error = connect("amqp://no-such-host.invalid", &Settings::new())
            .await
            .expect_err("no host");
        told(
            &error,
            ErrorKind::Disconnected,
            Class::Temporary,
            &["`url`", "no-such-host.invalid"],
        );
    });
}

#[test]
fn a_port_that_never_answers_ends_at_the_limit() {
    test(async {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("amqp://{}", silent.local_addr().expect("its address"));
        let settings = Settings::new().with("connect_timeout_ms", "300");
        let error = connect(&url, &settings).await.expect_err("silence");
        told(&error, ErrorKind::Timeout, Class::Temporary, &["300ms"]);
    });
}

#[test]
fn a_port_of_something_else_is_told() {
    test(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let url = format!("amqp://{}", listener.local_addr().expect("its address"));
        tokio::spawn(async move {
            use tokio::io::AsyncWriteExt;
            while let Ok((mut stream, _)) = listener.accept().await {
                stream
                    .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    .await
                    .expect("an answer");
            }
        });
        let error = connect(&url, &Settings::new()).await.expect_err("no broker");
        assert!(error.to_string().contains("port in `url`"), "{error}");
    });
}

#[test]
fn a_wrong_password_names_the_settings_and_never_the_password() {
    test(async {
        let settings = Settings::new().with("user", "guest").with("password", "canary");
        let error = connect(&url().await, &settings)
            .await
            .expect_err("a wrong password");
        told(
            &error,
            ErrorKind::AccessDenied,
            Class::Unhealthy,
            &["`user`", "`password`"],
        );
        assert!(!format!("{error:?}").contains("canary"));
    });
}

#[test]
fn a_virtual_host_that_is_not_there_is_told_as_the_path_of_the_address() {
    test(async {
        let error = connect(&format!("{}/nowhere", url().await), &Settings::new())
            .await
            .expect_err("no vhost");
        told(
            &error,
            ErrorKind::AccessDenied,
            Class::Unhealthy,
            &["path of `url`"],
        );
    });
}

#[test]
fn a_queue_that_is_missing_is_told_by_verify_and_by_receiver() {
    test(async {
        let session = session().await;
        let endpoint = Endpoint::new("bad-input-missing");
        for purpose in [Purpose::Receive, Purpose::Send] {
            let error = session.verify(&endpoint, purpose).await.expect_err("no queue");
            told(
                &error,
                ErrorKind::ChannelMissing,
                Class::Unhealthy,
                &["`topology: create`", "bad-input-missing"],
            );
        }
        let error = session
            .receiver(&Source::new(endpoint.clone(), "g"))
            .await
            .map(drop)
            .expect_err("no queue");
        told(
            &error,
            ErrorKind::ChannelMissing,
            Class::Unhealthy,
            &["`topology: create`", "bad-input-missing"],
        );
        let error = sent(&session, &endpoint, Outgoing::new(Message::new("{}")))
            .await
            .expect_err("no queue");
        told(
            &error,
            ErrorKind::Unroutable,
            Class::Unhealthy,
            &["`topology: create`", "bad-input-missing"],
        );
        assert!(!error.in_doubt());
        session.close().await.expect("an end");
    });
}

#[test]
fn an_exchange_that_is_missing_is_told_by_verify_and_by_the_answer() {
    test(async {
        let session = session().await;
        let endpoint =
            Endpoint::new("key").with_settings(Settings::new().with("exchange", "bad-input-no-exchange"));
        let error = session
            .verify(&endpoint, Purpose::Send)
            .await
            .expect_err("no exchange");
        told(
            &error,
            ErrorKind::ChannelMissing,
            Class::Unhealthy,
            &["bad-input-no-exchange"],
        );
        let error = sent(&session, &endpoint, Outgoing::new(Message::new("{}")))
            .await
            .expect_err("no exchange");
        told(
            &error,
            ErrorKind::ChannelMissing,
            Class::Unhealthy,
            &["`topology: create`"],
        );
        let error = session
            .receiver(&Source::new(endpoint, "g"))
            .await
            .map(drop)
            .expect_err("an exchange");
        told(
            &error,
            ErrorKind::InvalidSetting,
            Class::Unhealthy,
            &["`bind_to`"],
        );
    });
}

#[test]
fn what_is_missing_is_made_once_where_that_is_wished_and_told() {
    test(async {
        let session = session().await;
        let settings = Settings::new()
            .with("topology", "create")
            .with("exchange", "bad-input-events");
        let target = Endpoint::new("bad-input.made").with_settings(settings);
        let first = made(&session, &target, Purpose::Send).await;
        assert!(
            first
                .iter()
                .any(|made| made.contains("quorum queue `bad-input.made`")),
            "{first:?}"
        );
        assert!(
            first
                .iter()
                .any(|made| made.contains("exchange `bad-input-events`")),
            "{first:?}"
        );
        let again = made(&session, &target, Purpose::Send).await;
        assert!(
            again.iter().all(|made| made.contains("if it was not yet")),
            "{again:?}"
        );
        session.verify(&target, Purpose::Send).await.expect("an exchange");
        sent(&session, &target, Outgoing::new(Message::new("{}")))
            .await
            .expect("a way");
        let unbound = Outgoing::new(Message::new("{}")).addressed("bad-input.elsewhere");
        let error = sent(&session, &target, unbound).await.expect_err("no binding");
        told(
            &error,
            ErrorKind::Unroutable,
            Class::Unhealthy,
            &["bad-input-events"],
        );
        assert!(
            made(&session, &Endpoint::new("bad-input-never"), Purpose::Receive)
                .await
                .is_empty()
        );
    });
}

#[test]
fn a_queue_of_another_connection_alone_is_told() {
    test(async {
        let (_connection, channel) = client(&url().await).await.expect("a client");
        let exclusive = QueueDeclareOptions {
            exclusive: true,
            ..QueueDeclareOptions::default()
        };
        channel
            .queue_declare("bad-input-exclusive".into(), exclusive, FieldTable::default())
            .await
            .expect("a queue");
        let session = session().await;
        let error = session
            .verify(&Endpoint::new("bad-input-exclusive"), Purpose::Receive)
            .await
            .expect_err("not ours");
        told(&error, ErrorKind::AccessDenied, Class::Unhealthy, &["exclusive"]);
    });
}

#[test]
fn a_message_over_the_servers_limit_is_told_with_both_settings() {
    test(async {
        let options = Options::new().own().largest_message(1_000);
        let server = Server::start(Kind::RabbitMq, options)
            .await
            .expect("a broker with a small limit");
        let session = connect(&server.url(), &Settings::new()).await.expect("a session");
        let endpoint = creating("bad-input-limit");
        made(&session, &endpoint, Purpose::Receive).await;
        let large = Outgoing::new(Message::new("x".repeat(2_000)));
        let error = sent(&session, &endpoint, large)
            .await
            .expect_err("too large for the broker");
        // It closes the channel, so it says nothing of this message alone.
        told(
            &error,
            ErrorKind::TooLarge,
            Class::Unhealthy,
            &["`max_message_size`", "`max_payload`"],
        );
        session.close().await.expect("an end");
    });
}

#[test]
fn a_start_that_a_queue_does_not_have_is_told() {
    test(async {
        let session = session().await;
        let endpoint = creating("bad-input-start");
        made(&session, &endpoint, Purpose::Receive).await;
        let source = Source::new(endpoint, "g").starting(Start::Latest);
        let error = session
            .receiver(&source)
            .await
            .map(drop)
            .expect_err("no such place");
        told(
            &error,
            ErrorKind::Unsupported,
            Class::Unhealthy,
            &["start: earliest"],
        );
    });
}

#[test]
fn a_session_that_was_closed_says_so() {
    test(async {
        let session = session().await;
        session.close().await.expect("an end");
        let error = session
            .verify(&Endpoint::new("x"), Purpose::Receive)
            .await
            .expect_err("closed");
        assert_eq!(error.class(), Class::Closed);
        let target = Target::new(Endpoint::new("x"), "test");
        let error = session.sender(&target).await.map(drop).expect_err("closed");
        assert_eq!(error.class(), Class::Closed);
    });
}

#[test]
fn a_look_shows_what_is_there_and_gives_it_back() {
    test(async {
        let session = session().await;
        let endpoint = creating("bad-input-look");
        made(&session, &endpoint, Purpose::Receive).await;
        for number in 0..3 {
            sent(
                &session,
                &endpoint,
                Outgoing::new(Message::new(number.to_string())),
            )
            .await
            .expect("stored");
        }
        let browse = session.browse().expect("an adapter that looks");
        for _ in 0..2 {
            let mut look = browse
                .look(&endpoint, &Start::Earliest, false)
                .await
                .expect("a look");
            let mut seen = Vec::new();
            let room = dunlin_core::messaging::Room {
                messages: 10,
                bytes: 1 << 20,
            };
            look.receive(room, &mut seen).await.expect("three messages");
            assert_eq!(seen.len(), 3);
            let end = look.receive(room, &mut seen).await.expect_err("the end");
            assert_eq!(end.class(), Class::Closed);
            look.close().await.expect("an end");
        }
        // A quorum queue takes them back after the channel was closed, and not before it answers to that.
        let mut state = session.inspect(&endpoint, None).await.expect("its state");
        for _ in 0..600 {
            if state.depth == Some(3) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            state = session.inspect(&endpoint, None).await.expect("its state");
        }
        assert_eq!((state.depth, state.lag), (Some(3), None));
    });
}

/// The payloads of a queue in their order, taken by a look of this many at most.
async fn looked_at(session: &Arc<dyn Session>, endpoint: &Endpoint, most: usize) -> Vec<String> {
    let browse = session.browse().expect("an adapter that looks");
    let mut look = browse
        .look(endpoint, &Start::Earliest, false)
        .await
        .expect("a look");
    let mut seen = Vec::new();
    while seen.len() < most {
        let room = dunlin_core::messaging::Room {
            messages: (most - seen.len()).min(256),
            bytes: 1 << 20,
        };
        match look.receive(room, &mut seen).await {
            Ok(()) => {}
            Err(end) => {
                assert_eq!(end.class(), Class::Closed, "{end}");
                break;
            }
        }
    }
    look.close().await.expect("an end");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    seen.iter()
        .map(|delivery| text(delivery.message.payload.as_deref().unwrap_or_default()))
        .collect()
}

#[test]
fn looking_again_and_again_costs_neither_a_message_nor_the_order() {
    test(async {
        let session = session().await;
        let endpoint = creating("bad-input-looks");
        made(&session, &endpoint, Purpose::Receive).await;
        let sent_ones: Vec<String> = (0..300).map(|number| number.to_string()).collect();
        for number in &sent_ones {
            sent(&session, &endpoint, Outgoing::new(Message::new(number.clone())))
                .await
                .expect("stored");
        }
        // More looks than the twenty deliveries after which a quorum queue drops a message by default.
        for _ in 0..24 {
            assert_eq!(looked_at(&session, &endpoint, 5).await, sent_ones[..5]);
        }
        // More than one consumer is let hold.
        assert_eq!(looked_at(&session, &endpoint, 290).await, sent_ones[..290]);
        assert_eq!(looked_at(&session, &endpoint, 1_000).await, sent_ones);
    });
}

#[test]
fn a_queue_that_counts_deliveries_is_looked_at_only_when_its_limit_is_said() {
    test(async {
        let session = session().await;
        let url = url().await;
        let (_client, channel) = client(&url).await.expect("a client");
        let mut arguments = FieldTable::default();
        arguments.insert(
            "x-queue-type".into(),
            lapin::types::AMQPValue::LongString("quorum".into()),
        );
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        for (name, arguments) in [
            ("bad-input-limited", arguments),
            ("bad-input-classic", FieldTable::default()),
        ] {
            channel
                .queue_declare(name.into(), durable, arguments)
                .await
                .expect("a queue");
        }
        let limited = Endpoint::new("bad-input-limited");
        sent(&session, &limited, Outgoing::new(Message::new("x")))
            .await
            .expect("stored");
        let browse = session.browse().expect("an adapter that looks");
        let refused = browse.look(&limited, &Start::Earliest, false).await;
        told(
            &refused.map(drop).expect_err("it counts"),
            ErrorKind::Unsupported,
            Class::Unhealthy,
            &["`delivery_limit`", "bad-input-limited"],
        );
        // A classic queue does not count.
        let classic = Endpoint::new("bad-input-classic");
        assert!(looked_at(&session, &classic, 1).await.is_empty());
        let said = limited.with_settings(Settings::new().with("delivery_limit", "6"));
        for _ in 0..3 {
            assert_eq!(looked_at(&session, &said, 1).await, ["x"]);
        }
        let mut look = browse.look(&said, &Start::Earliest, false).await.expect("a look");
        let room = dunlin_core::messaging::Room {
            messages: 1,
            bytes: 1 << 20,
        };
        let error = look.receive(room, &mut Vec::new()).await.expect_err("half of it");
        told(&error, ErrorKind::Unsupported, Class::Unhealthy, &["3 times"]);
    });
}
