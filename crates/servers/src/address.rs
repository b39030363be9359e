//! A server that somebody else runs, named by an environment variable.

use anyhow::{Context, Result};
use url::Url;

use crate::kind::Kind;
use crate::options::Login;

/// What the environment says of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// The address without user and password.
    pub(crate) url: String,
    /// `host:port`, several separated by commas.
    pub(crate) hosts: String,
    pub(crate) login: Option<Login>,
    pub(crate) tls: bool,
}

/// Reads the variable of this kind; `None` if it is unset or empty.
pub(crate) fn from_environment(kind: Kind) -> Result<Option<Address>> {
    match std::env::var(kind.variable()) {
        Ok(value) if !value.is_empty() => parse(kind, &value).map(Some).with_context(|| {
            format!(
                "{} does not name a server as it should, for example `{}`",
                kind.variable(),
                example(kind)
            )
        }),
        _ => Ok(None),
    }
}

fn example(kind: Kind) -> &'static str {
    match kind {
        Kind::RabbitMq => "amqp://guest:guest@127.0.0.1:5672",
        Kind::Nats => "nats://127.0.0.1:4222",
        Kind::Kafka => "127.0.0.1:9092",
        Kind::Redis => "redis://127.0.0.1:6379",
        Kind::Mosquitto => "mqtt://127.0.0.1:1883",
        Kind::Registry => "http://127.0.0.1:8080/apis/ccompat/v7",
    }
}

fn parse(kind: Kind, value: &str) -> Result<Address> {
    if kind == Kind::Kafka {
        return Ok(Address {
            url: format!("{}://{value}", kind.scheme(false)),
            hosts: value.to_owned(),
            login: None,
            tls: false,
        });
    }
    let mut url = Url::parse(value).context("it is no URL")?;
    let host = url.host_str().context("it has no host")?.to_owned();
    let port = url.port_or_known_default().context("it has no port")?;
    let login = url
        .password()
        .map(|password| Login::password(&decoded(url.username()), &decoded(password)));
    // These cannot fail for an address that has a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Ok(Address {
        url: url.as_str().trim_end_matches('/').to_owned(),
        hosts: format!("{host}:{port}"),
        login,
        tls: url.scheme() == kind.scheme(true),
    })
}

/// Percent-encoded text as it was meant.
fn decoded(text: &str) -> String {
    // A form's value is decoded the same way, but for `+`, which is a plain sign in a URL's user and password.
    url::form_urlencoded::parse(format!("value={}", text.replace('+', "%2B")).as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Address, parse};
    use crate::kind::Kind;
    use crate::options::Login;

    #[test]
    fn user_and_password_are_taken_out_of_an_address() {
        assert_eq!(
            parse(Kind::RabbitMq, "amqp://alice:a%40b+c@host:5672/%2f").unwrap(),
            Address {
                url: "amqp://host:5672/%2f".to_owned(),
                hosts: "host:5672".to_owned(),
                login: Some(Login::password("alice", "a@b+c")),
                tls: false,
            }
        );
        assert_eq!(
            parse(Kind::Kafka, "one:9092,two:9092").unwrap().url,
            "kafka://one:9092,two:9092"
        );
    }
}
