//! The servers, and what the parent does at them: channels are made, and sources filled.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use dunlin_servers::{Kind, Server, shared};
use futures_util::future::try_join_all;

use crate::document::document;
use crate::measure::End;

/// The servers by the names of their systems, started when they are first asked for.
#[derive(Default)]
pub(crate) struct Servers(BTreeMap<&'static str, &'static Server>);

impl Servers {
    /// The end of this system with a channel of this name.
    pub(crate) async fn end(&mut self, system: &'static str, channel: &str) -> Result<End> {
        let server = match self.0.get(system) {
            Some(server) => server,
            None => {
                let kind =
                    Kind::from_name(system).with_context(|| format!("no server is called `{system}`"))?;
                self.0.entry(system).or_insert(shared(kind).await?)
            }
        };
        Ok(End {
            system: system.to_owned(),
            url: server.url(),
            channel: channel.to_owned(),
        })
    }
}

/// Makes the channel of an end and puts so many messages into it.
pub(crate) async fn fill(end: &End, messages: usize) -> Result<()> {
    match end.system.as_str() {
        "amqp" => amqp(end, messages).await,
        "nats" => nats(end, messages).await,
        "redis" => redis(end, messages).await,
        #[cfg(feature = "kafka")]
        "kafka" => kafka(end, messages).await,
        other => bail!("expected a system that is built in, found `{other}`"),
    }
}

async fn amqp(end: &End, messages: usize) -> Result<()> {
    use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
    use lapin::types::{AMQPValue, FieldTable};
    let connection = lapin::Connection::connect(&end.url, lapin::ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let queue = end.channel.as_str();
    channel.queue_declare(queue.into(), durable, arguments).await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    for start in (0..messages).step_by(1_000) {
        let mut confirms = Vec::new();
        for number in start..messages.min(start + 1_000) {
            let properties = lapin::BasicProperties::default().with_delivery_mode(2);
            let payload = document(number);
            let options = BasicPublishOptions::default();
            let sent =
                channel.basic_publish("".into(), queue.into(), options, payload.as_bytes(), properties);
            confirms.push(sent.await?);
        }
        try_join_all(confirms).await?;
    }
    connection.close(200, "".into()).await?;
    Ok(())
}

async fn nats(end: &End, messages: usize) -> Result<()> {
    use async_nats::jetstream::{self, stream};
    let context = jetstream::new(async_nats::connect(&end.url).await?);
    // The stream takes the subject of its own name, so that one name serves both uses of the end.
    context
        .create_stream(stream::Config {
            name: end.channel.clone(),
            subjects: vec![end.channel.clone()],
            storage: stream::StorageType::File,
            ..stream::Config::default()
        })
        .await?;
    for start in (0..messages).step_by(1_000) {
        let mut answers = Vec::new();
        for number in start..messages.min(start + 1_000) {
            answers.push(
                context
                    .publish(end.channel.clone(), document(number).into())
                    .await?,
            );
        }
        for answer in answers {
            answer.await?;
        }
    }
    Ok(())
}

async fn redis(end: &End, messages: usize) -> Result<()> {
    let client = redis::Client::open(end.url.as_str())?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    // A stream is there when something was written to it; what only makes it is taken away again.
    let mut pipeline = redis::pipe();
    pipeline
        .cmd("XGROUP")
        .arg("CREATE")
        .arg(&end.channel)
        .arg("made")
        .arg("0")
        .arg("MKSTREAM")
        .ignore();
    pipeline.query_async::<()>(&mut connection).await?;
    for start in (0..messages).step_by(500) {
        let mut pipeline = redis::pipe();
        for number in start..messages.min(start + 500) {
            pipeline
                .xadd(&end.channel, "*", &[("payload", document(number))])
                .ignore();
        }
        pipeline.query_async::<()>(&mut connection).await?;
    }
    Ok(())
}

#[cfg(feature = "kafka")]
async fn kafka(end: &End, messages: usize) -> Result<()> {
    use rdkafka::ClientConfig;
    use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
    use rdkafka::client::DefaultClientContext;
    use rdkafka::producer::{FutureProducer, FutureRecord};
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", end.url.trim_start_matches("kafka://"));
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    let topic = NewTopic::new(&end.channel, 4, TopicReplication::Fixed(1));
    for made in admin.create_topics([&topic], &AdminOptions::new()).await? {
        if let Err((topic, code)) = made {
            bail!("the topic `{topic}` was not made: {code}");
        }
    }
    let producer: FutureProducer = config.set("linger.ms", "5").create()?;
    for start in (0..messages).step_by(10_000) {
        let documents: Vec<String> = (start..messages.min(start + 10_000)).map(document).collect();
        let mut reports = Vec::new();
        for document in &documents {
            let record = FutureRecord::<[u8], [u8]>::to(&end.channel).payload(document.as_bytes());
            reports.push(producer.send_result(record).map_err(|(error, _)| error)?);
        }
        for report in reports {
            report.await?.map_err(|(error, _)| error)?;
        }
    }
    Ok(())
}
