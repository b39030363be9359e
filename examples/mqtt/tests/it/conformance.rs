//! The contract, held against Mosquitto behind a bad network.
//!
//! Mosquitto writes its sessions to disk now and then, not before it acknowledges, so a broker that is killed loses what it
//! confirmed: the stand offers no restart. A session has one receiver, so it offers no group.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dunlin_conformance::{Act, Hook, RuntimeClock, Stand, Wanted};
use dunlin_core::Result;
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Endpoint, Events, MessagingSystem, Source};
use dunlin_core::registry::Opening;
use dunlin_core::settings::Settings;
use dunlin_servers::{Kind, Options, Proxy, Server};
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, MqttOptions};

struct MqttStand {
    server: Server,
    proxy: Proxy,
    clock: Arc<RuntimeClock>,
}

impl MqttStand {
    async fn start() -> Self {
        // Without the first, what a session cannot hold is dropped without a word; without the second, twenty messages at a time
        // are taken.
        let options = Options::new()
            .own()
            .line("max_queued_messages 0")
            .line("max_inflight_messages 1000");
        let server = Server::start(Kind::Mosquitto, options).await.expect("a server");
        let proxy = Proxy::start(1).expect("a proxy");
        proxy.forward_to(server.address().await.expect("its address"));
        Self {
            server,
            proxy,
            clock: Arc::new(RuntimeClock::new()),
        }
    }

    fn open_at(&self, url: &str) -> Result<Arc<dyn MessagingSystem>> {
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as _;
        let opening = Opening {
            name: "stand",
            url,
            base: "/",
            settings: &Settings::new(),
            clock: &clock,
        };
        (dunlin_mqtt::PLUGIN.open)(&opening)
    }
}

#[async_trait]
impl Stand for MqttStand {
    fn name(&self) -> String {
        "mqtt on Mosquitto".to_owned()
    }

    fn open(&self) -> Result<Arc<dyn MessagingSystem>> {
        self.open_at(&self.server.url_at(self.proxy.address()))
    }

    async fn channel(&self, wanted: &Wanted) -> Result<Endpoint> {
        let mut settings = Settings::new().with("session", wanted.name.as_str());
        if let Some(limit) = wanted.payload_limit {
            settings = settings.with("max_payload", limit.to_string());
        }
        let endpoint = Endpoint::new(&wanted.name).with_settings(settings);
        // The session has to be there before the first message, which the broker keeps for nobody else.
        let session = self
            .open_at(&self.server.url())?
            .connect(Events::ignored())
            .await?;
        let (receiver, settler) = session.receiver(&Source::new(endpoint.clone(), "any")).await?;
        settler.close().await?;
        receiver.close().await?;
        session.close().await?;
        Ok(endpoint)
    }

    fn unroutable(&self) -> Option<Bytes> {
        Some(Bytes::from_static(b"nobody/listens"))
    }

    fn hooks(&self) -> &[Hook] {
        &[
            Hook::Cut,
            Hook::DropFlow,
            Hook::HoldConfirms,
            Hook::Delete,
            Hook::Limit,
            Hook::Process,
            Hook::Clock,
        ]
    }

    async fn act(&self, act: Act<'_>) -> Result<()> {
        match act {
            Act::Cut => self.proxy.cut(),
            Act::DropFlow => self.proxy.drop_flow(),
            Act::HoldConfirms => self.proxy.hold_answers(),
            Act::ReleaseConfirms => self.proxy.release_answers(),
            Act::JumpClock(seconds) => self.clock.jump(seconds),
            Act::Delete(endpoint) => {
                // A client of that name that wants no session takes the old one with it.
                let address = self.server.address().await.expect("the server's address");
                let mut options =
                    MqttOptions::new(&endpoint.channel, address.ip().to_string(), address.port());
                options.set_clean_start(true);
                let (_client, mut events) = AsyncClient::new(options, 1);
                while !matches!(
                    events.poll().await.expect("a connection"),
                    Event::Incoming(Packet::ConnAck(_))
                ) {}
            }
            other => panic!("not offered: {other:?}"),
        }
        Ok(())
    }

    fn quiet(&self) -> Duration {
        Duration::from_millis(300)
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(30)
    }
}

#[test]
fn sessions_of_mosquitto_keep_the_contract() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime for the stand");
    let stand = runtime.block_on(MqttStand::start());
    dunlin_conformance::run(&stand).at_least(33);
}
