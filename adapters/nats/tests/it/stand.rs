//! Real servers, a bad network in front of one, and the adapter opened on them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, ConnectOptions};
use async_trait::async_trait;
use bytes::Bytes;
use dunlin_conformance::{Access, Act, Hook, RuntimeClock, Stand, Wanted};
use dunlin_core::Result;
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Endpoint, Events, MessagingSystem, Session};
use dunlin_core::registry::Opening;
use dunlin_core::settings::{Setting, Settings};
use dunlin_servers::{Authority, Kind, Login, Options, Proxy, Purpose, Server, Tls};
use serde_json::{Value, json};
use tokio::sync::Mutex;

/// Opens the adapter as a configuration would.
pub(crate) fn open(url: &str, settings: &Settings) -> Result<Arc<dyn MessagingSystem>> {
    open_with(url, settings, Arc::new(RuntimeClock::new()))
}

fn open_with(url: &str, settings: &Settings, clock: Arc<RuntimeClock>) -> Result<Arc<dyn MessagingSystem>> {
    let clock: Arc<dyn Clock> = clock;
    let opening = Opening {
        name: "stand",
        url,
        base: "/",
        settings,
        clock: &clock,
    };
    (dunlin_nats::PLUGIN.open)(&opening)
}

/// The adapter, connected.
pub(crate) async fn connect(url: &str, settings: &Settings) -> Result<Arc<dyn Session>> {
    open(url, settings)?.connect(Events::ignored()).await
}

/// A client that is not the adapter's, to prepare and to look.
pub(crate) async fn client(server: &Server, options: ConnectOptions) -> Client {
    options
        .connect(server.hosts())
        .await
        .expect("a client for the test")
}

/// Asks JetStream, and wants it to agree.
pub(crate) async fn ask(client: &Client, question: &str, body: &Value) -> Value {
    let payload = if body.is_null() {
        Bytes::new()
    } else {
        Bytes::from(body.to_string())
    };
    let answer = client
        .request(format!("$JS.API.{question}"), payload)
        .await
        .expect("an answer of JetStream");
    let answer: Value = serde_json::from_slice(&answer.payload).expect("an answer in JSON");
    assert!(answer.get("error").is_none(), "{question}: {answer}");
    answer
}

/// Makes a stream in files that takes one subject, its own name.
pub(crate) async fn make_stream(client: &Client, name: &str, more: Value) {
    let mut config = json!({ "name": name, "subjects": [name], "storage": "file", "num_replicas": 1, "retention": "limits", "discard": "old" });
    if let (Value::Object(config), Value::Object(more)) = (&mut config, more) {
        config.extend(more);
    }
    ask(client, &format!("STREAM.CREATE.{name}"), &config).await;
}

pub(crate) struct NatsStand {
    server: Mutex<Server>,
    hosts: String,
    proxy: Proxy,
    url: String,
    clock: Arc<RuntimeClock>,
    authority: Authority,
    stranger: Authority,
    guarded: Mutex<Option<Server>>,
    secured: Mutex<HashMap<&'static str, Server>>,
}

impl NatsStand {
    pub(crate) async fn start() -> Self {
        let proxy = Proxy::start(1).expect("a proxy");
        let server = Server::start(Kind::Nats, Options::new().own())
            .await
            .expect("a server");
        proxy.forward_to(server.address().await.expect("its address"));
        Self {
            hosts: server.hosts(),
            url: server.url_at(proxy.address()),
            server: Mutex::new(server),
            proxy,
            clock: Arc::new(RuntimeClock::new()),
            authority: Authority::new().expect("an authority"),
            stranger: Authority::new().expect("another authority"),
            guarded: Mutex::new(None),
            secured: Mutex::new(HashMap::new()),
        }
    }

    async fn client(&self) -> Client {
        async_nats::connect(&self.hosts)
            .await
            .expect("a client for the stand")
    }

    /// The server with this certificate.
    async fn secure(&self, purpose: Purpose<'_>, demanding: bool, wanted: &Wanted) -> String {
        let name = match (purpose, demanding) {
            (Purpose::AnotherHost, _) => "another host",
            (Purpose::Expired, _) => "expired",
            (_, true) => "demanding",
            (_, false) => "good",
        };
        let mut secured = self.secured.lock().await;
        if !secured.contains_key(name) {
            let identity = self.authority.issue(purpose).expect("a certificate");
            let tls = Tls::new(&self.authority, identity);
            let tls = if demanding { tls.client_certificates() } else { tls };
            let server = Server::start(Kind::Nats, Options::new().tls(tls))
                .await
                .expect("a server with TLS");
            secured.insert(name, server);
        }
        let server = &secured[name];
        if name == "good" || name == "demanding" {
            let own = self
                .authority
                .issue(Purpose::Client("stand"))
                .expect("a certificate");
            let options = ConnectOptions::new()
                .require_tls(true)
                .add_root_certificates(self.authority.file())
                .add_client_certificate(own.certificate, own.key);
            make_stream(&client(server, options).await, &wanted.name, json!({})).await;
        }
        server.url()
    }
}

fn text(path: impl AsRef<Path>) -> String {
    path.as_ref().display().to_string()
}

/// The most bytes of headers and payload for a stream in which a payload of `limit` bytes just fits: we name the stream in
/// a header of each message.
fn with_headers(limit: usize, stream: &str) -> usize {
    limit + format!("NATS/1.0\r\nNats-Expected-Stream: {stream}\r\n\r\n").len()
}

#[async_trait]
impl Stand for NatsStand {
    fn name(&self) -> String {
        "nats".to_owned()
    }

    fn open(&self) -> Result<Arc<dyn MessagingSystem>> {
        open_with(&self.url, &Settings::new(), Arc::clone(&self.clock))
    }

    async fn channel(&self, wanted: &Wanted) -> Result<Endpoint> {
        let limit = wanted.payload_limit.map_or(
            json!({}),
            |limit| json!({ "max_msg_size": with_headers(limit, &wanted.name) }),
        );
        make_stream(&self.client().await, &wanted.name, limit).await;
        Ok(Endpoint::new(&wanted.name))
    }

    fn unroutable(&self) -> Option<Bytes> {
        Some(Bytes::from_static(b"nobody.takes.this"))
    }

    fn hooks(&self) -> &[Hook] {
        &[
            Hook::Restart,
            Hook::Cut,
            Hook::DropFlow,
            Hook::HoldConfirms,
            Hook::Trim,
            Hook::Delete,
            Hook::Group,
            Hook::Tls,
            Hook::Credentials,
            Hook::Limit,
            Hook::Process,
            Hook::Clock,
        ]
    }

    async fn act(&self, act: Act<'_>) -> Result<()> {
        match act {
            Act::Restart => self
                .server
                .lock()
                .await
                .kill_and_start_again()
                .await
                .expect("the server comes back"),
            Act::Cut => self.proxy.cut(),
            Act::DropFlow => self.proxy.drop_flow(),
            Act::HoldConfirms => self.proxy.hold_answers(),
            Act::ReleaseConfirms => self.proxy.release_answers(),
            Act::Trim { endpoint, keep } => {
                // As retention does it; a purge would also make the server wait with what was given back.
                let client = self.client().await;
                let stream = ask(
                    &client,
                    &format!("STREAM.INFO.{}", endpoint.channel),
                    &Value::Null,
                )
                .await;
                let mut config = stream["config"].clone();
                for most in [json!(keep), json!(-1)] {
                    config["max_msgs"] = most;
                    ask(&client, &format!("STREAM.UPDATE.{}", endpoint.channel), &config).await;
                }
            }
            Act::Delete(endpoint) => {
                ask(
                    &self.client().await,
                    &format!("STREAM.DELETE.{}", endpoint.channel),
                    &Value::Null,
                )
                .await;
            }
            Act::Password(password) => {
                let mut guarded = self.guarded.lock().await;
                let server = guarded
                    .as_mut()
                    .expect("the suite opens with a password before it changes one");
                server
                    .change_password(password)
                    .await
                    .expect("the password changes");
            }
            Act::JumpClock(seconds) => self.clock.jump(seconds),
            other => panic!("not offered: {other:?}"),
        }
        Ok(())
    }

    /// Receivers of a group compete for the stream's messages.
    fn lanes_by_key(&self) -> bool {
        false
    }

    /// The server writes a consumer's place ten times a second at most.
    fn forgets(&self) -> Duration {
        Duration::from_millis(200)
    }

    fn quiet(&self) -> Duration {
        Duration::from_millis(400)
    }

    /// What a broken connection left behind comes again after six seconds, and a dead one is noticed after twelve.
    fn patience(&self) -> Duration {
        Duration::from_secs(20)
    }

    async fn open_by(
        &self,
        access: &Access,
        wanted: &Wanted,
    ) -> Result<(Arc<dyn MessagingSystem>, Endpoint)> {
        let ours = text(self.authority.file());
        let trusting = Settings::new().with("tls_ca", ours.as_str());
        let (url, settings) = match access {
            Access::Password(password) => {
                let mut guarded = self.guarded.lock().await;
                if guarded.is_none() {
                    let login = Login::password("alice", "the password before any other");
                    *guarded = Some(
                        Server::start(Kind::Nats, Options::new().login(login))
                            .await
                            .expect("a server with a login"),
                    );
                }
                let server = guarded.as_ref().expect("it was just started");
                let (user, now) = server.user_and_password().expect("it has a user");
                let options = ConnectOptions::with_user_and_password(user.to_owned(), now.to_owned());
                make_stream(&client(server, options).await, &wanted.name, json!({})).await;
                let mut settings = Settings::new().with("user", user);
                settings.set("password", password.clone());
                (server.url(), settings)
            }
            Access::Trusted => (self.secure(Purpose::Server, false, wanted).await, trusting),
            Access::UnknownAuthority => {
                let settings = Settings::new().with("tls_ca", text(self.stranger.file()));
                (self.secure(Purpose::Server, false, wanted).await, settings)
            }
            Access::OtherHost => (self.secure(Purpose::AnotherHost, false, wanted).await, trusting),
            Access::Expired => (self.secure(Purpose::Expired, false, wanted).await, trusting),
            Access::ClientCertificate => {
                let own = self
                    .authority
                    .issue(Purpose::Client("alice"))
                    .expect("a certificate");
                let settings = trusting
                    .with("tls_certificate", text(own.certificate))
                    .with("tls_key", text(own.key));
                (self.secure(Purpose::Server, true, wanted).await, settings)
            }
            Access::NoClientCertificate => (self.secure(Purpose::Server, true, wanted).await, trusting),
        };
        Ok((open(&url, &settings)?, Endpoint::new(&wanted.name)))
    }
}

/// A secret as a configuration gives it.
pub(crate) fn secret(value: &str) -> Setting {
    let value = value.to_owned();
    Setting::Secret(Arc::new(move || Ok(value.clone())))
}

/// A file of this text in a folder.
pub(crate) fn file(folder: &Path, name: &str, content: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).expect("a file for the test");
    path
}
