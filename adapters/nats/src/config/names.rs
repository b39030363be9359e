//! The form of addresses, subjects and names.

use dunlin_core::{Error, Result};
use url::Url;

/// The `host:port` of one address, with or without the scheme that the first one has.
pub(super) fn server(address: &str, scheme: &str) -> Result<String> {
    let wrong = || {
        Error::invalid("expected `nats://host:port`, several hosts separated by commas, or the same with `nats+tls:`, found something else")
            .with("setting", "url")
    };
    let rest = address
        .strip_prefix(scheme)
        .and_then(|rest| rest.strip_prefix(':'))
        .unwrap_or(address);
    let host = rest.trim_start_matches('/').trim_end_matches('/');
    let url = Url::parse(&format!("nats://{host}")).map_err(|_| wrong())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::invalid(
            "expected no user and password in the address, where they would be printed; set `user` and `password`, the latter by reference",
        )
        .with("setting", "url"));
    }
    if !url.path().trim_matches('/').is_empty() || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong());
    }
    let name = url.host_str().filter(|name| !name.is_empty()).ok_or_else(wrong)?;
    Ok(format!("{}:{}", name.to_lowercase(), url.port().unwrap_or(4222)))
}

/// A part of a subject between its dots, without wildcards.
pub(crate) fn is_token(token: &str) -> bool {
    !token.is_empty()
        && token != "*"
        && token != ">"
        && !token.contains(|c: char| c.is_whitespace() || c.is_control())
}

pub(super) fn is_pattern(subject: &str) -> bool {
    let mut parts = subject.split('.').peekable();
    while let Some(part) = parts.next() {
        if !(is_token(part) || part == "*" || (part == ">" && parts.peek().is_none())) {
            return false;
        }
    }
    true
}

/// Whether a subject is one of those that a pattern means.
pub(crate) fn is_matched(pattern: &str, subject: &str) -> bool {
    let mut subject = subject.split('.');
    for part in pattern.split('.') {
        match (part, subject.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (part, Some(found)) if part == found => {}
            _ => return false,
        }
    }
    subject.next().is_none()
}

/// A name of a stream, a consumer or a domain: it stands in subjects, so a dot or a wildcard would change whom we ask.
pub(crate) fn plain_name(what: &'static str, name: &str) -> Result<()> {
    let plain = |c: char| !(c.is_whitespace() || c.is_control() || matches!(c, '.' | '*' | '>' | '/' | '\\'));
    if !name.is_empty() && name.len() <= 255 && name.chars().all(plain) {
        return Ok(());
    }
    Err(
        Error::invalid("expected a name without spaces, dots, `*`, `>` and slashes, as NATS has it")
            .with(what, name),
    )
}
