//! Users of NATS that have a key pair instead of a password: alone (nkey), or with a chain of signed claims.
//!
//! The claims follow version 2 of NATS's JSON web tokens: an operator vouches for accounts, an account for its users.

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

/// A new key for a user: its seed, which is the secret.
pub(crate) fn new_user() -> Result<String> {
    KeyPair::new_user()
        .seed()
        .context("a new key of NATS has no seed")
}

/// The public key that belongs to a seed.
pub(crate) fn public(seed: &str) -> Result<String> {
    Ok(KeyPair::from_seed(seed)
        .context("the seed is no key of NATS")?
        .public_key())
}

/// What a server that trusts an operator is configured with, and what its user holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The lines of the server's configuration.
    pub(crate) configuration: String,
    /// The text of the user's credentials file: its token and its seed.
    pub(crate) file: String,
}

/// An operator, an account with streams, the account that a server needs for itself, and one user.
pub(crate) fn chain() -> Result<Credentials> {
    let operator = KeyPair::new_operator();
    let account = KeyPair::new_account();
    let system = KeyPair::new_account();
    let user = KeyPair::new_user();

    let limits = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
        "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1
    });
    let system_limits = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1
    });
    let operator_token = token(
        &operator,
        &operator,
        "operator",
        &json!({ "type": "operator", "version": 2, "system_account": system.public_key() }),
    )?;
    let account_token = token(
        &operator,
        &account,
        "tests",
        &json!({ "type": "account", "version": 2, "limits": limits }),
    )?;
    let system_token = token(
        &operator,
        &system,
        "system",
        &json!({ "type": "account", "version": 2, "limits": system_limits }),
    )?;
    let user_token = token(
        &account,
        &user,
        "user",
        &json!({ "type": "user", "version": 2, "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1 }),
    )?;
    let seed = user.seed().context("a new key of NATS has no seed")?;
    Ok(Credentials {
        configuration: format!(
            "operator: {operator_token}\nsystem_account: {system}\nresolver: MEMORY\n\
             resolver_preload: {{ {account}: {account_token}, {system}: {system_token} }}\n",
            account = account.public_key(),
            system = system.public_key(),
        ),
        file: format!(
            "-----BEGIN NATS USER JWT-----\n{user_token}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        ),
    })
}

/// Claims about `subject`, signed by `issuer`.
fn token(issuer: &KeyPair, subject: &KeyPair, name: &str, claims: &Value) -> Result<String> {
    let header = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let body = json!({
        "jti": name,
        // Any moment in the past does: nothing here expires.
        "iat": 1_700_000_000,
        "iss": issuer.public_key(),
        "sub": subject.public_key(),
        "name": name,
        "nats": claims,
    });
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", encode(&header), encode(&body));
    let signature = issuer
        .sign(text.as_bytes())
        .context("a token of NATS could not be signed")?;
    Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
