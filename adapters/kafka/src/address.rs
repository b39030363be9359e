//! Names as people type them: brokers, the way to log in, topics and patterns of topics.

use dunlin_core::settings::Settings;
use dunlin_core::{Error, Result};

use crate::config::Channel;

/// The brokers of an address, each with its port.
pub(crate) fn brokers(rest: &str) -> Result<String> {
    let shape = "expected `kafka://host:port`, several with commas between them";
    let Some(list) = rest.strip_prefix("//") else {
        return Err(Error::invalid(format!("{shape}, found an address without `//`")));
    };
    if list.contains('@') {
        return Err(Error::invalid(
            "expected an address without credentials, since it is printed; set `user` and `password` instead",
        ));
    }
    if list.contains(['?', '#']) {
        return Err(Error::invalid(format!(
            "{shape}, found more behind it, which belongs into settings"
        )));
    }
    let list = list.strip_suffix('/').unwrap_or(list);
    let mut brokers = Vec::new();
    for broker in list.split(',') {
        let (host, port) = match broker.rsplit_once(':') {
            // An address of IPv6 has colons of its own, and stands in brackets.
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => (broker, "9092"),
        };
        let bracketed = host.starts_with('[') && host.ends_with(']');
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if host.is_empty() || !(bracketed || host.chars().all(plain)) {
            return Err(
                Error::invalid(format!("{shape}, found a host that cannot be one")).with("host", host),
            );
        }
        if port.parse::<u16>().ok().is_none_or(|port| port == 0) {
            return Err(
                Error::invalid(format!("{shape}, found a port that is no number from 1 to 65535"))
                    .with("host", host)
                    .with("port", port),
            );
        }
        brokers.push(format!("{host}:{port}"));
    }
    // Two addresses of one cluster are one, in whatever order its brokers are named.
    brokers.sort();
    brokers.dedup();
    Ok(brokers.join(","))
}

/// How the client logs in; none where it does not.
pub(crate) fn mechanism(settings: &Settings, secure: bool, bootstrap: &str) -> Result<Option<&'static str>> {
    let has = |name| settings.names().any(|set| set == name);
    if has("user") != has("password") {
        return Err(Error::invalid(
            "expected `user` and `password` together, found one of them alone",
        ));
    }
    let words = [
        ("SCRAM-SHA-512", "SCRAM-SHA-512"),
        ("SCRAM-SHA-256", "SCRAM-SHA-256"),
        ("PLAIN", "PLAIN"),
    ];
    let chosen = settings.choice("sasl_mechanism", &words)?;
    if !has("user") {
        return match chosen {
            None => Ok(None),
            Some(_) => Err(Error::invalid(
                "expected `user` and `password` with `sasl_mechanism`, found neither",
            )),
        };
    }
    let mechanism = chosen.unwrap_or("SCRAM-SHA-512");
    let local = |broker: &str| {
        let host = broker.rsplit_once(':').map_or(broker, |(host, _)| host);
        host == "localhost" || host == "[::1]" || host.starts_with("127.")
    };
    if mechanism == "PLAIN" && !secure && !bootstrap.split(',').all(local) {
        return Err(Error::invalid(
            "`sasl_mechanism: PLAIN` sends the password as it is; use `kafka+tls://`, or a SCRAM mechanism",
        ));
    }
    Ok(Some(mechanism))
}

/// A topic's name, or a pattern of names.
pub(crate) fn channel(name: &str) -> Result<Channel> {
    if name.starts_with('^') {
        if name.len() > 1024 || name.contains('\0') {
            return Err(Error::invalid(
                "expected a pattern of at most 1,024 bytes without a NUL",
            ));
        }
        return regex::RegexBuilder::new(name)
            .size_limit(1 << 20)
            .build()
            .map(|pattern| Channel::Pattern(name.to_owned(), pattern))
            .map_err(|cause| Error::invalid("expected a regular expression behind `^`").caused_by(cause));
    }
    topic(name)?;
    Ok(Channel::Topic(name.to_owned()))
}

/// Whether a topic can have this name.
pub(crate) fn topic(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if name.is_empty() || name.len() > 249 || name == "." || name == ".." || !name.chars().all(plain) {
        return Err(Error::invalid(
            "expected a topic's name of 1 to 249 letters, digits, `.`, `_` and `-`, or a pattern that begins with `^`",
        ));
    }
    Ok(())
}
