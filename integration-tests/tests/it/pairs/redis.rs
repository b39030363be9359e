//! Redis by the redis crate, command by command.

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use dunlin_servers::{Kind, Server, shared};
use redis::aio::MultiplexedConnection;
use redis::{Client, cmd};

use super::broker::Broker;
use super::item::Item;

/// A client of the shared server.
pub(crate) struct Redis {
    server: &'static Server,
    connection: MultiplexedConnection,
}

impl Redis {
    pub(crate) async fn open() -> Result<Self> {
        let server = shared(Kind::Redis).await?;
        let settings = redis::AsyncConnectionConfig::new().set_response_timeout(None);
        let connection = Client::open(server.url())?
            .get_multiplexed_async_connection_with_config(&settings)
            .await?;
        Ok(Self { server, connection })
    }
}

#[async_trait]
impl Broker for Redis {
    fn url(&self) -> String {
        self.server.url()
    }

    fn system(&self) -> String {
        format!(
            "{{ url: '{}', settings: {{ headers: escape }} }}",
            self.server.url()
        )
    }

    /// An entry is fields, and nothing else.
    fn native(&self, item: &Item) -> Item {
        Item {
            payload: item.payload.clone(),
            headers: item.headers.clone(),
            ..Item::default()
        }
    }

    async fn make(&mut self, channel: &str) -> Result<()> {
        cmd("XGROUP")
            .arg(&["CREATE", channel, "maker", "$", "MKSTREAM"])
            .exec_async(&mut self.connection)
            .await?;
        cmd("XGROUP")
            .arg(&["DESTROY", channel, "maker"])
            .exec_async(&mut self.connection)
            .await?;
        Ok(())
    }

    async fn write(&mut self, channel: &str, items: &[Item]) -> Result<()> {
        for some in items.chunks(1_000) {
            let mut pipeline = redis::pipe();
            for item in some {
                let mut add = cmd("XADD");
                add.arg(channel).arg("*");
                if let Some(payload) = &item.payload {
                    add.arg("payload").arg(payload);
                }
                for (name, value) in &item.headers {
                    add.arg(format!("h:{name}")).arg(value);
                }
                pipeline.add_command(add).ignore();
            }
            pipeline.exec_async(&mut self.connection).await?;
        }
        Ok(())
    }

    async fn count(&mut self, channel: &str) -> Result<usize> {
        Ok(cmd("XLEN").arg(channel).query_async(&mut self.connection).await?)
    }

    async fn read(&mut self, channel: &str) -> Result<Vec<Item>> {
        let entries: Vec<(String, Vec<Vec<u8>>)> = cmd("XRANGE")
            .arg(&[channel, "-", "+"])
            .query_async(&mut self.connection)
            .await?;
        entries.into_iter().map(|(_, fields)| item(&fields)).collect()
    }
}

fn item(fields: &[Vec<u8>]) -> Result<Item> {
    let mut item = Item::default();
    for pair in fields.chunks(2) {
        let [name, value] = pair else {
            anyhow::bail!("a field without a value");
        };
        let name = std::str::from_utf8(name).context("the name of a field")?;
        match name.strip_prefix("h:") {
            None if name == "payload" => item.payload = Some(value.clone()),
            bare => item
                .headers
                .push((bare.unwrap_or(name).to_owned(), value.clone())),
        }
    }
    item.arrived(&[])
}
