//! What people get wrong, and what a server refuses: each one gets a sentence that names the setting to change.

use dunlin_core::messaging::{Endpoint, Events, Outgoing, Purpose, Source, Start};
use dunlin_core::settings::Settings;
use dunlin_core::{Class, ErrorKind, Message};
use dunlin_servers::{Kind, Login, Options, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::bed::{Bed, quick, refusal, system};

#[tokio::test]
async fn a_port_where_nobody_listens_is_a_lost_connection_that_names_the_address() {
    let error = refusal("redis://127.0.0.1:1", &quick()).await;
    assert_eq!(
        (error.kind(), error.class()),
        (ErrorKind::Disconnected, Class::Temporary)
    );
    assert!(
        error.to_string().contains("`url`") && error.to_string().contains("127.0.0.1:1/0"),
        "{error}"
    );
}

#[tokio::test]
async fn a_host_that_nobody_knows_is_told_with_the_setting() {
    let error = refusal("redis://no-such-host.invalid", &quick()).await;
    assert!(error.to_string().contains("`url`"), "{error}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("redis://{}", listener.local_addr().expect("its address"));
    let error = refusal(&url, &quick().with("connect_timeout_ms", "200")).await;
    assert_eq!(
        (error.kind(), error.class()),
        (ErrorKind::Timeout, Class::Temporary)
    );
}

#[tokio::test]
async fn a_server_that_is_no_redis_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("redis://{}", listener.local_addr().expect("its address"));
    let answering = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.expect("a client");
        let mut asked = [0; 64];
        let length = client.read(&mut asked).await.expect("a question");
        assert!(length > 0);
        client
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .expect("an answer");
        client
    });
    let error = refusal(&url, &quick()).await;
    assert!(error.to_string().contains("protocol of Redis"), "{error}");
    assert!(error.to_string().contains("`url`"), "{error}");
    drop(answering.await);
}

#[tokio::test]
async fn credentials_that_are_wrong_missing_or_not_wanted_are_access_denied() {
    let options = Options::new().login(Login::password("alice", "right"));
    let guarded = Server::start(Kind::Redis, options).await.expect("a server");
    let wrong = quick().with("user", "alice").with("password", "canary");
    for settings in [quick(), wrong] {
        let error = refusal(&guarded.url(), &settings).await;
        assert_eq!(
            (error.kind(), error.class()),
            (ErrorKind::AccessDenied, Class::Unhealthy),
            "{error}"
        );
        let told = format!("{error:?}");
        assert!(told.contains("`password`") && !told.contains("canary"), "{told}");
    }
    let open = Server::start(Kind::Redis, Options::new().own())
        .await
        .expect("a server");
    let error = refusal(&open.url(), &quick().with("password", "canary")).await;
    assert_eq!(error.kind(), ErrorKind::AccessDenied, "{error}");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_a_wrong_setting() {
    let server = Server::start(Kind::Redis, Options::new().own())
        .await
        .expect("a server");
    let error = refusal(&format!("{}/99", server.url().trim_end_matches("/0")), &quick()).await;
    assert!(error.to_string().contains("`url`"), "{error}");
    assert_eq!(error.class(), Class::Unhealthy, "{error}");
}

#[tokio::test]
async fn a_missing_stream_is_an_error_everywhere_and_nothing_is_made() {
    let bed = Bed::start().await;
    let missing = Endpoint::new("missing");
    for purpose in [Purpose::Receive, Purpose::Send] {
        let error = bed
            .session
            .verify(&missing, purpose)
            .await
            .expect_err("no such stream");
        assert_eq!(
            (error.kind(), error.class()),
            (ErrorKind::ChannelMissing, Class::Unhealthy)
        );
        assert!(error.to_string().contains("`topology: create`"), "{error}");
    }
    let received = bed.session.receiver(&Source::new(missing.clone(), "test")).await;
    assert_eq!(
        received.err().expect("no such stream").kind(),
        ErrorKind::ChannelMissing
    );
    let looked = bed
        .session
        .browse()
        .expect("it can")
        .look(&missing, &Start::Earliest, false)
        .await;
    assert_eq!(
        looked.err().expect("no such stream").kind(),
        ErrorKind::ChannelMissing
    );
    assert_eq!(
        bed.session
            .inspect(&missing, None)
            .await
            .expect_err("no such stream")
            .kind(),
        ErrorKind::ChannelMissing
    );
    let answers = bed.send(&missing, &["{}"]).await;
    assert_eq!(
        answers[0].as_ref().expect_err("no such stream").kind(),
        ErrorKind::ChannelMissing
    );
    let declared = bed
        .session
        .declare()
        .expect("it can")
        .declare(&missing, Purpose::Send)
        .await;
    assert_eq!(declared.expect("nothing to do"), Vec::<String>::new());
    assert_eq!(bed.say::<u64>(&["EXISTS", "missing"]).await, 0);
}

#[tokio::test]
async fn a_key_of_another_type_is_no_stream_and_stays_what_it_is() {
    let bed = Bed::with(Options::new().own(), &quick().with("topology", "create")).await;
    bed.say::<()>(&["SET", "text", "value"]).await;
    let text = Endpoint::new("text");
    let verified = bed
        .session
        .verify(&text, Purpose::Send)
        .await
        .expect_err("no stream");
    let received = bed
        .session
        .receiver(&Source::new(text.clone(), "test"))
        .await
        .err()
        .expect("no stream");
    let declared = bed
        .session
        .declare()
        .expect("it can")
        .declare(&text, Purpose::Send)
        .await
        .expect_err("no stream");
    let sent = bed.send(&text, &["{}"]).await.remove(0).expect_err("no stream");
    for error in [verified, received, declared, sent] {
        assert_eq!(
            (error.kind(), error.class()),
            (ErrorKind::ChannelMissing, Class::Unhealthy),
            "{error}"
        );
        assert!(error.to_string().contains("another type"), "{error}");
    }
    assert_eq!(bed.say::<String>(&["GET", "text"]).await, "value");
}

#[tokio::test]
async fn a_user_without_a_right_is_told_and_the_rest_of_the_batch_is_answered() {
    let bed = Bed::start().await;
    bed.stream("open").await;
    bed.stream("closed").await;
    bed.say::<()>(&[
        "ACL",
        "SETUSER",
        "limited",
        "on",
        ">secret",
        "~open",
        "+@all",
        "-@admin",
        "-@dangerous",
    ])
    .await;
    let settings = quick().with("user", "limited").with("password", "secret");
    let session = bed.another(&settings).await;
    let limited = Bed { session, ..bed };
    let batch = [
        Outgoing::new(Message::new("1")),
        Outgoing::new(Message::new("2")).addressed("closed"),
        Outgoing::new(Message::new("3")),
    ];
    let answers = limited.send_all(&Endpoint::new("open"), &batch).await;
    assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
    let error = answers[1].as_ref().expect_err("no right to it");
    assert_eq!(
        (error.kind(), error.class()),
        (ErrorKind::AccessDenied, Class::Unhealthy)
    );
    // Without `INFO` and `CLIENT KILL` a source works all the same.
    let mut ends = limited.receive(&Endpoint::new("open"), Start::Earliest).await;
    let batch = ends.take(2).await;
    ends.done(&batch).await;
    ends.close().await;
}

#[tokio::test]
async fn a_server_without_memory_is_full_for_a_while() {
    let bed = Bed::start().await;
    let endpoint = bed.stream("orders").await;
    bed.say::<()>(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let error = bed
        .send(&endpoint, &["{}"])
        .await
        .remove(0)
        .expect_err("no memory");
    assert_eq!(
        (error.kind(), error.class(), error.in_doubt()),
        (ErrorKind::Full, Class::Temporary, false)
    );
    bed.say::<()>(&["CONFIG", "SET", "maxmemory", "0"]).await;
    assert!(bed.send(&endpoint, &["{}"]).await[0].is_ok());
}

#[tokio::test]
async fn a_read_only_replica_is_unhealthy_for_a_target() {
    let bed = Bed::start().await;
    let endpoint = bed.stream("orders").await;
    bed.say::<()>(&["REPLICAOF", "127.0.0.1", "1"]).await;
    let error = bed
        .send(&endpoint, &["{}"])
        .await
        .remove(0)
        .expect_err("a replica");
    assert_eq!(error.class(), Class::Unhealthy);
    assert!(
        error.to_string().contains("replica") && error.to_string().contains("`url`"),
        "{error}"
    );
    let error = bed
        .session
        .verify(&endpoint, Purpose::Send)
        .await
        .expect_err("a replica");
    assert!(error.to_string().contains("replica"), "{error}");
}

#[tokio::test]
async fn the_limit_of_the_server_is_known_to_who_asks() {
    let bed = Bed::with(Options::new().largest_message(1 << 20), &quick()).await;
    let endpoint = bed.stream("orders").await;
    let resolved = bed
        .session
        .verify(&endpoint, Purpose::Send)
        .await
        .expect("a stream");
    assert_eq!(resolved.limits.payload, Some(1 << 20));
}

#[tokio::test]
async fn a_start_at_a_position_of_another_stream_is_a_wrong_setting() {
    let bed = Bed::start().await;
    let endpoint = bed.stream("orders").await;
    let elsewhere = dunlin_core::position::Position::new("returns", 7_u64);
    let source = Source::new(endpoint, "test").starting(Start::Position(elsewhere));
    let error = bed.session.receiver(&source).await.err().expect("another stream");
    assert_eq!(error.kind(), ErrorKind::InvalidSetting);
    assert!(error.to_string().contains("setting: start"), "{error}");
}

#[tokio::test]
async fn two_systems_of_one_server_call_its_channels_alike() {
    let bed = Bed::start().await;
    let endpoint = bed.stream("orders").await;
    let by_name = bed.server.url().replace("127.0.0.1", "localhost");
    let other = system(&by_name, &Settings::new())
        .connect(Events::ignored())
        .await
        .expect("a session");
    let one = bed
        .session
        .verify(&endpoint, Purpose::Send)
        .await
        .expect("a stream");
    let two = other.verify(&endpoint, Purpose::Receive).await.expect("a stream");
    assert_eq!(one.canonical, two.canonical);
}
