//! Mosquitto, for the adapter that is written as an example of how to write one.

use std::process::Command;

use anyhow::{Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::setup::Setup;

pub(crate) fn prepare(setup: &Setup) -> Result<()> {
    if setup.login.is_some() || setup.options.tls.is_some() {
        bail!("a Mosquitto with a user or with TLS is not needed by any test so far");
    }
    let folder = setup.inside();
    let mut file = format!(
        "listener {} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {}/\n",
        setup.client.number,
        folder.display()
    );
    if let Some(bytes) = setup.options.largest_message {
        file.push_str(&format!("message_size_limit {bytes}\n"));
    }
    if rustix::process::geteuid().is_root() {
        // Otherwise it becomes another user, who may not write into our folder.
        file.push_str("user root\n");
    }
    file.push_str(&setup.asked_lines());
    setup.write("mosquitto.conf", &file)
}

pub(crate) fn command(setup: &Setup) -> Command {
    setup.server(["-c".to_owned(), setup.at("mosquitto.conf")], &[])
}

/// Ready when it accepts a connection of MQTT 3.1.1 from a client without a name.
pub(crate) async fn ready(setup: &Setup) -> Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", setup.client.number)).await?;
    stream
        .write_all(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00")
        .await?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await?;
    ensure!(
        answer == [0x20, 2, 0, 0],
        "Mosquitto does not accept the connection"
    );
    Ok(())
}
