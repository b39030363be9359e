//! Redis: every write goes to disk before it is answered, so that a kill loses nothing that was confirmed.

use std::fmt::Write as _;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::setup::Setup;

/// A user that may do everything, for changing the password of the one that tests log in as.
const ADMINISTRATOR: (&str, &str) = ("administrator", "only-on-loopback");

/// Further ports: a plain one where clients use TLS.
pub(crate) const FURTHER_PORTS: usize = 1;

/// Redis takes no smaller limit than this.
const SMALLEST_LIMIT: u32 = 1024 * 1024;

pub(crate) fn prepare(setup: &Setup) -> Result<()> {
    let folder = setup.inside();
    let mut file = format!(
        "bind 127.0.0.1\nport {}\ndir \"{}\"\nappendonly yes\nappendfsync always\nsave \"\"\n",
        plain_port(setup),
        folder.display()
    );
    if let Some(bytes) = setup.options.largest_message {
        ensure!(
            bytes >= SMALLEST_LIMIT,
            "Redis takes no limit below {SMALLEST_LIMIT} bytes for a message, and {bytes} was asked for"
        );
        writeln!(file, "proto-max-bulk-len {bytes}")?;
    }
    if let Some(tls) = setup.tls()? {
        writeln!(file, "tls-port {}", setup.client.number)?;
        writeln!(file, "tls-ca-cert-file \"{}\"", tls.authority)?;
        writeln!(file, "tls-cert-file \"{}\"", tls.certificate)?;
        writeln!(file, "tls-key-file \"{}\"", tls.key)?;
        let clients = if tls.client_certificates { "yes" } else { "no" };
        writeln!(file, "tls-auth-clients {clients}")?;
    }
    if let Some((user, password)) = setup.password()? {
        let (name, word) = ADMINISTRATOR;
        writeln!(file, "user default off")?;
        writeln!(file, "user {user} on >{password} ~* &* +@all")?;
        writeln!(file, "user {name} on >{word} ~* &* +@all")?;
    }
    file.push_str(&setup.asked_lines());
    setup.write("redis.conf", &file)
}

/// Where nobody needs TLS: the port for clients, or one beside it.
fn plain_port(setup: &Setup) -> u16 {
    match setup.options.tls {
        None => setup.client.number,
        Some(_) => setup.further[0].number,
    }
}

pub(crate) fn command(setup: &Setup) -> Command {
    setup.server([setup.at("redis.conf")], &[])
}

/// Whether the server answers: a server that wants a password first is as ready as one that answers at once.
pub(crate) async fn ready(setup: &Setup) -> Result<()> {
    TcpStream::connect(("127.0.0.1", setup.client.number)).await?;
    let answer = ask(setup, &["PING"]).await?;
    ensure!(
        answer.starts_with("+PONG") || answer.starts_with("-NOAUTH"),
        "Redis answers PING with `{}`",
        answer.trim_end()
    );
    Ok(())
}

pub(crate) async fn change_password(setup: &Setup, user: &str, password: &str) -> Result<()> {
    let word = format!(">{password}");
    let answer = ask(setup, &["ACL", "SETUSER", user, "resetpass", &word]).await?;
    if !answer.starts_with("+OK") {
        bail!("Redis does not change the password: {}", answer.trim_end());
    }
    Ok(())
}

/// Says one command, as administrator where there is one, and returns the answer's first bytes.
async fn ask(setup: &Setup, words: &[&str]) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", plain_port(setup))).await?;
    if setup.login.is_some() {
        let (name, word) = ADMINISTRATOR;
        let answer = tell(&mut stream, &["AUTH", name, word]).await?;
        ensure!(
            answer.starts_with("+OK"),
            "Redis does not let the administrator in"
        );
    }
    tell(&mut stream, words).await
}

async fn tell(stream: &mut TcpStream, words: &[&str]) -> Result<String> {
    let mut request = format!("*{}\r\n", words.len());
    for word in words {
        write!(request, "${}\r\n{word}\r\n", word.len())?;
    }
    stream.write_all(request.as_bytes()).await?;
    let mut answer = vec![0; 1024];
    let length = stream.read(&mut answer).await?;
    ensure!(length > 0, "Redis closed the connection");
    answer.truncate(length);
    String::from_utf8(answer).context("Redis answers with something that is no text")
}
