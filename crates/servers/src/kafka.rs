//! Kafka, one node that is broker and controller, with settings for small and quick tests.
//!
//! Clients have a listener of their own; the broker itself, and whoever administers it here, uses an inner one that
//! is always plain. So a test can have TLS and SASL, and a start is still recognised in one way.

use std::fmt::Write as _;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::process;
use crate::setup::Setup;

/// Further ports: the inner listener and the controller.
pub(crate) const FURTHER_PORTS: usize = 2;

const FILE: &str = "server.properties";

/// A cluster's id is sixteen bytes in base64url; nobody compares it between servers.
const CLUSTER: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// One replica of everything, small buffers, no waiting for a group's second member, and short sessions: without those
/// a killed broker comes back after 12 seconds only. Nothing is deleted for its age: messages keep their times over a bridge.
const SMALL_AND_QUICK: &str = "\
process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
inter.broker.listener.name=INTERNAL
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
log.retention.ms=-1
log.cleaner.dedupe.buffer.size=16777216
broker.session.timeout.ms=1500
broker.heartbeat.interval.ms=300
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=1000
group.consumer.session.timeout.ms=2000
group.consumer.min.heartbeat.interval.ms=300
group.consumer.heartbeat.interval.ms=300
";

/// Writes the configuration; also before a restart, since a changed password of SASL PLAIN stands in it.
pub(crate) fn prepare(setup: &Setup) -> Result<()> {
    let (client, internal, controller) = ports(setup);
    let advertised = match setup.options.advertised {
        Some(address) => address.to_string(),
        None => format!("127.0.0.1:{client}"),
    };
    let mut file = SMALL_AND_QUICK.to_owned();
    writeln!(file, "controller.quorum.bootstrap.servers=127.0.0.1:{controller}")?;
    let inner = format!("INTERNAL://127.0.0.1:{internal},CONTROLLER://127.0.0.1:{controller}");
    writeln!(file, "listeners=CLIENT://127.0.0.1:{client},{inner}")?;
    writeln!(file, "advertised.listeners=CLIENT://{advertised},{inner}")?;
    writeln!(
        file,
        "listener.security.protocol.map=CLIENT:{},INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
        protocol(setup)
    )?;
    writeln!(file, "log.dirs={}", setup.at("data"))?;
    if let Some(bytes) = setup.options.largest_message {
        writeln!(file, "message.max.bytes={bytes}")?;
    }
    let listener = "listener.name.client";
    if let Some(tls) = setup.tls()? {
        let clients = if tls.client_certificates {
            "required"
        } else {
            "none"
        };
        writeln!(file, "{listener}.ssl.keystore.type=PEM")?;
        writeln!(file, "{listener}.ssl.keystore.location={}", tls.identity)?;
        writeln!(file, "{listener}.ssl.truststore.type=PEM")?;
        writeln!(file, "{listener}.ssl.truststore.location={}", tls.authority)?;
        writeln!(file, "{listener}.ssl.client.auth={clients}")?;
    }
    if let Some((user, password)) = setup.password()? {
        let modules = "org.apache.kafka.common.security";
        writeln!(
            file,
            "{listener}.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"
        )?;
        writeln!(
            file,
            "{listener}.plain.sasl.jaas.config={modules}.plain.PlainLoginModule required user_{user}=\"{password}\";"
        )?;
        for mechanism in ["scram-sha-256", "scram-sha-512"] {
            writeln!(
                file,
                "{listener}.{mechanism}.sasl.jaas.config={modules}.scram.ScramLoginModule required;"
            )?;
        }
    }
    file.push_str(&setup.asked_lines());
    setup.write(FILE, &file)
}

fn protocol(setup: &Setup) -> &'static str {
    match (setup.login.is_some(), setup.options.tls.is_some()) {
        (false, false) => "PLAINTEXT",
        (false, true) => "SSL",
        (true, false) => "SASL_PLAINTEXT",
        (true, true) => "SASL_SSL",
    }
}

fn ports(setup: &Setup) -> (u16, u16, u16) {
    (
        setup.client.number,
        setup.further[0].number,
        setup.further[1].number,
    )
}

/// Makes the data folder, once: a new node does not start without it.
pub(crate) async fn format(setup: &Setup) -> Result<()> {
    let file = setup.at(FILE);
    let mut words = vec![
        "-Xmx128m",
        "kafka.tools.StorageTool",
        "format",
        "--standalone",
        "-t",
        CLUSTER,
        "-c",
        &file,
    ];
    let users: Vec<String> = match setup.password()? {
        Some((user, password)) => ["SCRAM-SHA-256", "SCRAM-SHA-512"]
            .into_iter()
            .map(|mechanism| format!("{mechanism}=[name={user},password={password}]"))
            .collect(),
        None => Vec::new(),
    };
    for user in &users {
        words.extend(["--add-scram", user]);
    }
    process::run(setup.helper(words, &[]))
        .await
        .map(drop)
        .context("the data folder could not be made")
}

pub(crate) fn command(setup: &Setup) -> Command {
    setup.server(["-Xms64m", "-Xmx256m", "kafka.Kafka", &setup.at(FILE)], &[])
}

/// Ready when the broker counts itself among the living ones, over the inner listener.
pub(crate) async fn ready(setup: &Setup) -> Result<()> {
    let (client, internal, _) = ports(setup);
    TcpStream::connect(("127.0.0.1", client)).await?;
    let mut stream = TcpStream::connect(("127.0.0.1", internal)).await?;
    // Metadata (3), version 1, correlation 7, client id of length -1, no topics.
    let request = [0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 7, 255, 255, 0, 0, 0, 0];
    stream.write_all(&request).await?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await?;
    // Size, correlation, and how many brokers are alive.
    ensure!(answer[4..8] == [0, 0, 0, 7], "Kafka answers another question");
    ensure!(answer[8..12] != [0; 4], "Kafka knows of no living broker yet");
    Ok(())
}

/// Changes the password of SCRAM at once. SASL PLAIN keeps the old one until the next start.
pub(crate) async fn change_password(setup: &Setup, user: &str, password: &str) -> Result<()> {
    let server = format!("127.0.0.1:{}", setup.further[0].number);
    // Kafka refuses to change two mechanisms of one user in one request.
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let credentials = format!("{mechanism}=[password={password}]");
        let words = [
            "-Xmx128m",
            "kafka.admin.ConfigCommand",
            "--bootstrap-server",
            &server,
            "--alter",
            "--add-config",
            &credentials,
            "--entity-type",
            "users",
            "--entity-name",
            user,
        ];
        process::run(setup.helper(words, &[])).await?;
    }
    prepare(setup)
}
