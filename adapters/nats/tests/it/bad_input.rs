//! What is wrong gets one clear sentence that names what to change, and never a panic, a hang or a silent success.

use std::time::Duration;

use async_nats::Client;
use bytes::Bytes;
use dunlin_core::messaging::{Endpoint, Outgoing, Purpose, Room, Session, Source, Start, Target};
use dunlin_core::position::Position;
use dunlin_core::settings::Settings;
use dunlin_core::{Class, Error, ErrorKind, Message, Result};
use dunlin_servers::{Kind, Login, Options, Server, shared};
use serde_json::json;
use std::sync::Arc;
use tokio::time::timeout;

use crate::stand::{ask, connect, file, make_stream, open, secret};

const SOON: Duration = Duration::from_secs(15);

/// The error, told in words that name what to change.
fn says<T>(result: Result<T>, class: Class, words: &[&str]) -> Error {
    let Err(error) = result else {
        panic!("expected an error that says {words:?}, found none");
    };
    let told = error.to_string();
    assert_eq!(error.class(), class, "{told}");
    for word in words {
        assert!(told.contains(word), "expected `{word}` in: {told}");
    }
    error
}

/// A session on the server that the tests share, and a client beside it.
async fn ready() -> (Arc<dyn Session>, Client) {
    let server = shared(Kind::Nats).await.expect("a server");
    let client = async_nats::connect(server.hosts()).await.expect("a client");
    let session = connect(&server.url(), &Settings::new()).await.expect("a session");
    (session, client)
}

async fn send(session: &Arc<dyn Session>, subject: &str, outgoing: Outgoing) -> Result<()> {
    let mut sender = session
        .sender(&Target::new(Endpoint::new(subject), "test"))
        .await?;
    let answer = timeout(SOON, sender.send(&[outgoing]).await?)
        .await
        .expect("an answer in time")
        .remove(0);
    sender.close().await?;
    answer.map(drop)
}

#[test]
fn an_address_that_cannot_be_is_told_without_a_network() {
    for (url, words) in [
        ("nats:", "nats://host:port"),
        ("nats://", "nats://host:port"),
        ("nats://host/vhost", "nats://host:port"),
        ("nats://host:99999", "nats://host:port"),
        ("nats://alice:canary@host", "`user` and `password`"),
    ] {
        let error = says(
            open(url, &Settings::new()),
            Class::Unhealthy,
            &[words, "setting: url"],
        );
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}

#[test]
fn a_setting_that_cannot_be_is_told_with_its_name() {
    for (name, value, words) in [
        ("ack_wait", "5", "did you mean `ack_wait_ms`?"),
        ("ack_wait_ms", "10", "1000"),
        ("replicas", "7", "1 to 5"),
        ("subjects", "orders.>.x", "orders.*"),
        ("stream", "a.b", "without spaces, dots"),
        ("max_ack_pending", "0", "at least one"),
        ("topology", "make", "`verify`, `create`"),
        ("user", "alice", "`password` beside `user`"),
        ("tls_ca", "ca.pem", "nats+tls:"),
    ] {
        says(
            open("nats://localhost", &Settings::new().with(name, value)),
            Class::Unhealthy,
            &[words],
        );
    }
    let both = Settings::new()
        .with("user", "a")
        .with("password", "b")
        .with("nkey", "c");
    says(
        open("nats://localhost", &both),
        Class::Unhealthy,
        &["one of", "`nkey`"],
    );
    let system = open("nats://localhost", &Settings::new()).unwrap();
    for channel in ["", "a b", "orders.*", "orders..new", "orders.>"] {
        says(
            system.resolve(&Endpoint::new(channel)),
            Class::Unhealthy,
            &["without spaces, wildcards"],
        );
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_with_its_address() {
    says(
        connect("nats://127.0.0.1:1", &Settings::new()).await,
        Class::Temporary,
        &["`url`", "servers: 127.0.0.1:1"],
    );
    says(
        connect("nats://no-such-host.invalid", &Settings::new()).await,
        Class::Temporary,
        &["name of the server", "`url`"],
    );
}

#[tokio::test]
async fn a_port_where_something_else_listens_is_told_in_time() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("nats://{}", silent.local_addr().unwrap());
    let settings = Settings::new().with("connect_timeout_ms", "300");
    let tried = timeout(SOON, connect(&url, &settings))
        .await
        .expect("an error in time");
    says(
        tried,
        Class::Temporary,
        &["`connect_timeout_ms`", "something else"],
    );
}

#[tokio::test]
async fn wrong_credentials_are_told_once_and_without_the_secret() {
    let options = Options::new().login(Login::password("alice", "right"));
    let server = Server::start(Kind::Nats, options).await.unwrap();
    let mut settings = Settings::new().with("user", "alice");
    settings.set("password", secret("canary"));
    let error = says(
        connect(&server.url(), &settings).await,
        Class::Unhealthy,
        &["credentials", "`password`"],
    );
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    says(
        connect(&server.url(), &Settings::new()).await,
        Class::Unhealthy,
        &["credentials"],
    );
}

#[tokio::test]
async fn a_key_and_a_credentials_file_let_in_and_nonsense_in_their_place_is_told() {
    let server = Server::start(Kind::Nats, Options::new().login(Login::nats_key().unwrap()))
        .await
        .unwrap();
    let mut settings = Settings::new();
    settings.set("nkey", secret(server.key_seed().unwrap()));
    connect(&server.url(), &settings)
        .await
        .unwrap()
        .close()
        .await
        .unwrap();
    settings.set("nkey", secret("canary"));
    let error = says(
        connect(&server.url(), &settings).await,
        Class::Unhealthy,
        &["seed", "setting: nkey"],
    );
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");

    let server = Server::start(
        Kind::Nats,
        Options::new().login(Login::nats_credentials().unwrap()),
    )
    .await
    .unwrap();
    let path = server.credentials_file().unwrap();
    let settings = Settings::new().with("credentials", path.display().to_string());
    connect(&server.url(), &settings)
        .await
        .unwrap()
        .close()
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let nonsense = file(folder.path(), "user.creds", "canary");
    for (path, words) in [
        (nonsense, "a user's token and seed"),
        (folder.path().join("missing"), "that can be read"),
    ] {
        let settings = Settings::new().with("credentials", path.display().to_string());
        says(
            connect(&server.url(), &settings).await,
            Class::Unhealthy,
            &[words, "setting: credentials"],
        );
    }
}

#[tokio::test]
async fn a_server_without_streams_is_told_how_to_get_them() {
    let server = Server::start(
        Kind::Nats,
        Options::new()
            .line("no_auth_user: bare")
            .line("accounts { BARE { users: [ { user: bare, password: bare } ] } }"),
    )
    .await
    .unwrap();
    let session = connect(&server.url(), &Settings::new()).await.unwrap();
    says(
        session.verify(&Endpoint::new("ORDERS"), Purpose::Receive).await,
        Class::Unhealthy,
        &["JetStream", "enable it for the account"],
    );
}

#[tokio::test]
async fn a_missing_stream_and_a_subject_that_no_stream_takes_are_told_with_what_would_make_them() {
    let (session, client) = ready().await;
    let missing = Endpoint::new("MISSING");
    says(
        session.verify(&missing, Purpose::Receive).await,
        Class::Unhealthy,
        &["`topology: create`", "stream: MISSING"],
    );
    says(
        session
            .receiver(&Source::new(missing.clone(), "g"))
            .await
            .map(drop),
        Class::Unhealthy,
        &["does not exist"],
    );
    says(
        session.verify(&Endpoint::new("nobody.here"), Purpose::Send).await,
        Class::Unhealthy,
        &["`topology: create`", "subject: nobody.here"],
    );
    says(
        send(&session, "nobody.here", Outgoing::new(Message::new("{}"))).await,
        Class::Unhealthy,
        &["nobody.here"],
    );
    make_stream(&client, "bad-addresses", json!({})).await;
    let long = format!("a.{}", "b".repeat(4_090));
    for address in [
        &long,
        "a.*",
        "a.>",
        "",
        "a b",
        "a..b",
        "$JS.API.STREAM.DELETE.bad-addresses",
        "_INBOX.x",
        "a\r\nPUB b 0",
    ] {
        let outgoing =
            Outgoing::new(Message::new("{}")).addressed(Bytes::copy_from_slice(address.as_bytes()));
        let error = says(
            send(&session, "bad-addresses", outgoing).await,
            Class::Unhealthy,
            &["subject", "channel: bad-addresses"],
        );
        assert_eq!(error.kind(), ErrorKind::Unroutable);
    }
}

/// Somebody who listens to a subject and is no stream takes messages without a word.
#[tokio::test]
async fn a_listener_that_is_no_stream_is_not_taken_for_one() {
    let (session, client) = ready().await;
    let _listener = client.subscribe("listened.to").await.unwrap();
    client.flush().await.unwrap();
    make_stream(&client, "listened-beside", json!({})).await;
    let outgoing = Outgoing::new(Message::new("{}")).addressed("listened.to");
    let error = says(
        send(&session, "listened-beside", outgoing).await,
        Class::Unhealthy,
        &[
            "expected a stream that takes this subject, found none",
            "channel: listened-beside",
        ],
    );
    assert!(!error.in_doubt());
    assert!(!error.to_string().contains("listened.to"), "{error}");
}

#[tokio::test]
async fn a_message_over_the_limit_of_server_or_stream_is_refused_before_the_wire() {
    let (session, client) = ready().await;
    make_stream(&client, "small", json!({ "max_msg_size": 1000 })).await;
    let large = || Message::new(vec![b'x'; 1001]);
    says(
        send(&session, "small", Outgoing::new(large())).await,
        Class::Permanent,
        &["`max_msg_size`", "at most 1000"],
    );
    make_stream(&client, "plain", json!({})).await;
    let most = client.max_payload();
    says(
        send(&session, "plain", Outgoing::new(Message::new(vec![b'x'; most]))).await,
        Class::Permanent,
        &["`max_payload`"],
    );
    let headers = Message::new("{}").with_header("long", vec![b'x'; 66_000]);
    says(
        send(&session, "plain", Outgoing::new(headers)).await,
        Class::Permanent,
        &["65535"],
    );
    let stream = ask(&client, "STREAM.INFO.small", &serde_json::Value::Null).await;
    assert_eq!(stream["state"]["messages"], 0);
}

#[tokio::test]
async fn a_group_whose_consumer_is_another_kind_is_told_what_differs() {
    let (session, client) = ready().await;
    make_stream(
        &client,
        "clashes",
        json!({ "subjects": ["clashes", "clashes.>"] }),
    )
    .await;
    for (group, config, words) in [
        (
            "pushing",
            json!({ "deliver_subject": "push.here", "ack_policy": "explicit" }),
            "pushes",
        ),
        (
            "acking",
            json!({ "ack_policy": "none" }),
            "`none`, expected `explicit`",
        ),
        (
            "filtered",
            json!({ "ack_policy": "explicit", "filter_subject": "clashes.a" }),
            "clashes.a, expected every subject",
        ),
        (
            "giving-up",
            json!({ "ack_policy": "explicit", "max_deliver": 3 }),
            "after 3 deliveries",
        ),
    ] {
        let mut config = config;
        config["durable_name"] = json!(group);
        let body = json!({ "stream_name": "clashes", "config": config });
        ask(
            &client,
            &format!("CONSUMER.DURABLE.CREATE.clashes.{group}"),
            &body,
        )
        .await;
        let opened = session
            .receiver(&Source::new(Endpoint::new("clashes"), group))
            .await
            .map(drop);
        says(opened, Class::Unhealthy, &[words, "choose another `group`"]);
    }
    says(
        session
            .receiver(&Source::new(Endpoint::new("clashes"), "a.b"))
            .await
            .map(drop),
        Class::Unhealthy,
        &["group: a.b"],
    );
    make_stream(&client, "queue", json!({ "retention": "workqueue" })).await;
    let first = session
        .receiver(&Source::new(Endpoint::new("queue"), "one"))
        .await
        .unwrap();
    says(
        session
            .receiver(&Source::new(Endpoint::new("queue"), "two"))
            .await
            .map(drop),
        Class::Unhealthy,
        &["work-queue", "share its group"],
    );
    first.0.close().await.unwrap();
}

#[tokio::test]
async fn a_position_of_another_stream_is_refused() {
    let (session, client) = ready().await;
    make_stream(&client, "places", json!({})).await;
    let strange = Source::new(Endpoint::new("places"), "g")
        .starting(Start::Position(Position::new("other/2020", 1_u64)));
    says(
        session.receiver(&strange).await.map(drop),
        Class::Unhealthy,
        &["places/", "setting: start"],
    );
}

/// The server only logs it, and tells the client beside the data: without more, a message would wait for its confirm.
#[tokio::test]
async fn a_user_who_may_not_publish_is_told_so_at_once() {
    let server = Server::start(
        Kind::Nats,
        Options::new().line(
            "authorization { users: [ { user: alice, password: a, permissions: { publish: { deny: [\"secret.>\"] } } } ] }",
        ),
    )
    .await
    .unwrap();
    let options = async_nats::ConnectOptions::with_user_and_password("alice".to_owned(), "a".to_owned());
    let client = options.connect(server.hosts()).await.unwrap();
    make_stream(&client, "SECRETS", json!({ "subjects": ["secret.>", "open"] })).await;
    let settings = Settings::new().with("user", "alice").with("password", "a");
    let session = connect(&server.url(), &settings).await.unwrap();
    let answer = timeout(
        Duration::from_secs(5),
        send(&session, "secret.a", Outgoing::new(Message::new("{}"))),
    )
    .await;
    let error = says(
        answer.expect("an answer at once"),
        Class::Unhealthy,
        &["secret.a", "right"],
    );
    assert_eq!(error.kind(), ErrorKind::AccessDenied);
    send(&session, "open", Outgoing::new(Message::new("{}")))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_stream_that_is_deleted_and_its_consumer_are_noticed_by_the_receiver() {
    let (session, client) = ready().await;
    make_stream(&client, "vanishing", json!({})).await;
    let endpoint = Endpoint::new("vanishing");
    let (mut receiver, mut settler) = session.receiver(&Source::new(endpoint, "g")).await.unwrap();
    send(&session, "vanishing", Outgoing::new(Message::new("1")))
        .await
        .unwrap();
    let room = Room {
        messages: 10,
        bytes: 1 << 20,
    };
    let mut batch = Vec::new();
    timeout(SOON, receiver.receive(room, &mut batch))
        .await
        .unwrap()
        .unwrap();
    settler
        .settle(&[(batch[0].token, dunlin_core::messaging::Verdict::Done)])
        .await
        .unwrap();
    // A consumer that somebody deletes is made again where it was: nothing settled comes again, and nothing is passed over.
    settler.close().await.unwrap();
    ask(&client, "CONSUMER.DELETE.vanishing.g", &serde_json::Value::Null).await;
    send(&session, "vanishing", Outgoing::new(Message::new("2")))
        .await
        .unwrap();
    batch.clear();
    timeout(SOON, receiver.receive(room, &mut batch))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(batch.len(), 1);
    assert_eq!(batch[0].message.payload.as_deref(), Some(&b"2"[..]));
    ask(&client, "STREAM.DELETE.vanishing", &serde_json::Value::Null).await;
    let failed = timeout(SOON, receiver.receive(room, &mut batch))
        .await
        .expect("an error in time");
    says(failed, Class::Unhealthy, &["does not exist", "stream: vanishing"]);
    receiver.close().await.unwrap();
}
