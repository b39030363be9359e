//! The contract, held against quorum queues.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dunlin_conformance::{Act, Hook, RuntimeClock, Stand, Wanted};
use dunlin_core::Result;
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Endpoint, Events, MessagingSystem, Purpose};
use dunlin_core::registry::Opening;
use dunlin_core::settings::Settings;

struct RabbitStand {
    url: String,
    settings: Settings,
}

#[async_trait]
impl Stand for RabbitStand {
    fn name(&self) -> String {
        "RabbitMQ".to_owned()
    }

    fn open(&self) -> Result<Arc<dyn MessagingSystem>> {
        let clock: Arc<dyn Clock> = Arc::new(RuntimeClock::new());
        (dunlin_amqp::PLUGIN.open)(&Opening {
            name: "stand",
            url: &self.url,
            base: "/",
            settings: &self.settings,
            clock: &clock,
        })
    }

    async fn channel(&self, wanted: &Wanted) -> Result<Endpoint> {
        let mut settings = Settings::new()
            .with("topology", "create")
            .with("headers", "escape");
        if let Some(limit) = wanted.payload_limit {
            settings = settings.with("max_payload", limit.to_string());
        }
        let endpoint = Endpoint::new(&wanted.name).with_settings(settings);
        let session = self.open()?.connect(Events::ignored()).await?;
        let declare = session.declare().expect("an adapter that declares");
        declare.declare(&endpoint, Purpose::Receive).await?;
        session.close().await?;
        Ok(endpoint)
    }

    fn unroutable(&self) -> Option<Bytes> {
        Some(Bytes::from_static(b"nobody-takes-this"))
    }

    fn hooks(&self) -> &[Hook] {
        &[Hook::Limit, Hook::Process, Hook::Group]
    }

    async fn act(&self, act: Act<'_>) -> Result<()> {
        panic!("not offered: {act:?}")
    }

    fn quiet(&self) -> Duration {
        Duration::from_millis(500)
    }
}

#[test]
fn quorum_queues_keep_the_contract() {
    let stand = RabbitStand {
        url: std::env::var("DUNLIN_AMQP_URL").expect("a broker"),
        settings: Settings::new(),
    };
    match std::env::var("ONLY") {
        Ok(o) => {
            dunlin_conformance::Suite::new().only(o.split(',')).run(&stand);
        }
        Err(_) => dunlin_conformance::run(&stand).at_least(20),
    }
}
