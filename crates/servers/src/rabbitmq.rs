//! RabbitMQ, one node with nothing of Erlang outside loopback.
//!
//! The node gets a name service (`epmd`) of its own, in its process group, so that two servers never meet and nothing
//! outlives the node.

use std::fmt::Write as _;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::options::Login;
use crate::process;
use crate::setup::Setup;

/// Further ports: distribution of Erlang, name service, and a plain listener where clients use TLS.
pub(crate) const FURTHER_PORTS: usize = 3;

/// Whoever is let in where a test asks for nobody in particular; the user of a fresh RabbitMQ.
pub(crate) fn default_login() -> Login {
    Login::password("guest", "guest")
}

/// The script replaces itself by the server, so that the process id is the server's.
const START: &str = "epmd -address 127.0.0.1 -port \"$ERL_EPMD_PORT\" & exec rabbitmq-server";

pub(crate) fn prepare(setup: &Setup) -> Result<()> {
    let mut file = format!("listeners.tcp.1 = 127.0.0.1:{}\n", plain_port(setup));
    if let Some(tls) = setup.tls()? {
        let clients = if tls.client_certificates {
            "verify_peer"
        } else {
            "verify_none"
        };
        writeln!(file, "listeners.ssl.1 = 127.0.0.1:{}", setup.client.number)?;
        writeln!(file, "ssl_options.cacertfile = {}", tls.authority)?;
        writeln!(file, "ssl_options.certfile = {}", tls.certificate)?;
        writeln!(file, "ssl_options.keyfile = {}", tls.key)?;
        writeln!(file, "ssl_options.verify = {clients}")?;
        writeln!(
            file,
            "ssl_options.fail_if_no_peer_cert = {}",
            tls.client_certificates
        )?;
    }
    if let Some((user, password)) = setup.password()? {
        writeln!(file, "default_user = {user}\ndefault_pass = {password}")?;
        writeln!(file, "default_user_tags.administrator = true")?;
    }
    if let Some(bytes) = setup.options.largest_message {
        writeln!(file, "max_message_size = {bytes}")?;
    }
    // A scratch disk that is nearly full blocks publishers, which looks like anything but a full disk.
    writeln!(file, "disk_free_limit.absolute = 10MB")?;
    file.push_str(&setup.asked_lines());
    setup.write("rabbitmq.conf", &file)?;
    setup.write("enabled_plugins", "[].\n")?;
    for folder in ["db", "log"] {
        std::fs::create_dir_all(setup.folder.join(folder)).context("a folder could not be made")?;
    }
    Ok(())
}

/// Where nobody needs TLS: the port for clients, or one beside it.
fn plain_port(setup: &Setup) -> u16 {
    match setup.options.tls {
        None => setup.client.number,
        Some(_) => setup.further[2].number,
    }
}

pub(crate) fn command(setup: &Setup) -> Command {
    setup.server(["sh", "-c", START], &environment(setup))
}

fn environment(setup: &Setup) -> Vec<(String, String)> {
    let mut environment: Vec<(String, String)> = [
        ("RABBITMQ_MNESIA_BASE", setup.at("db")),
        ("RABBITMQ_LOG_BASE", setup.at("log")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", setup.at("enabled_plugins")),
        ("RABBITMQ_CONFIG_FILE", setup.at("rabbitmq")),
        // Names no file: the machine's own settings for RabbitMQ must not be read.
        ("RABBITMQ_CONF_ENV_FILE", setup.at("none")),
        ("RABBITMQ_PID_FILE", setup.at("pid")),
        // Erlang keeps the cookie there by which `rabbitmqctl` is let in.
        ("HOME", setup.inside().display().to_string()),
        ("RABBITMQ_NODENAME", node(setup)),
        ("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1".to_owned()),
        ("RABBITMQ_NODE_PORT", plain_port(setup).to_string()),
        ("RABBITMQ_DIST_PORT", setup.further[0].number.to_string()),
        ("ERL_EPMD_PORT", setup.further[1].number.to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        // Without it the start script stays in front of the server and catches its signals.
        ("RUNNING_UNDER_SYSTEMD", "1".to_owned()),
        (
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none".to_owned(),
        ),
        ("LC_ALL", "C.UTF-8".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    if let Some(path) = &setup.program.path {
        environment.push(("PATH".to_owned(), path.clone()));
    }
    environment
}

fn node(setup: &Setup) -> String {
    format!("test{}@localhost", setup.client.number)
}

/// Ready when it offers the protocol: the listener comes last when a node boots.
pub(crate) async fn ready(setup: &Setup) -> Result<()> {
    TcpStream::connect(("127.0.0.1", setup.client.number)).await?;
    let mut stream = TcpStream::connect(("127.0.0.1", plain_port(setup))).await?;
    stream.write_all(b"AMQP\x00\x00\x09\x01").await?;
    let mut frame = [0; 11];
    stream.read_exact(&mut frame).await?;
    // Channel 0, class 10 (connection), method 10 (start).
    ensure!(
        frame[0] == 1 && frame[7..] == [0, 10, 0, 10],
        "RabbitMQ answers with something else than the start of a connection"
    );
    Ok(())
}

pub(crate) async fn change_password(setup: &Setup, user: &str, password: &str) -> Result<()> {
    let node = node(setup);
    let words = [
        "rabbitmqctl",
        "--quiet",
        "--node",
        &node,
        "change_password",
        user,
        password,
    ];
    process::run(setup.helper(words, &environment(setup)))
        .await
        .map(drop)
}
