//! The secrets that transformations name: read when they are asked for, never printed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use dunlin_core::error::Result;
use dunlin_core::migration::Secrets;

/// Reads a secret anew.
pub(crate) type ReadSecret = Arc<dyn Fn() -> Result<String> + Send + Sync>;

/// The secrets of a configuration by the names that transformations use.
#[derive(Clone, Default)]
pub struct RouteSecrets(BTreeMap<String, ReadSecret>);

impl RouteSecrets {
    /// Gives a name its secret.
    pub(crate) fn set(&mut self, name: impl Into<String>, read: ReadSecret) {
        self.0.insert(name.into(), read);
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// A secret, read now; none if no secret has that name.
    ///
    /// # Errors
    /// Its file cannot be read at this moment.
    pub fn read(&self, name: &str) -> Result<Option<String>> {
        self.0.get(name).map(|read| read()).transpose()
    }
}

/// A secret that cannot be read at this moment is logged, and is none to the engine: the message fails.
impl Secrets for RouteSecrets {
    fn secret(&self, name: &str) -> Option<Bytes> {
        match self.read(name) {
            Ok(secret) => secret.map(Bytes::from),
            Err(error) => {
                tracing::error!(secret = name, %error, "a secret cannot be read");
                None
            }
        }
    }
}

/// Secrets for a migration that runs without a configuration: `mail-salt` is the environment variable
/// `DUNLIN_SECRET_MAIL_SALT`.
#[derive(Clone, Default)]
pub struct EnvironmentSecrets(BTreeMap<String, String>);

impl EnvironmentSecrets {
    const PREFIX: &str = "DUNLIN_SECRET_";

    /// The secrets among these environment variables.
    pub fn new(environment: &BTreeMap<String, String>) -> Self {
        let secrets = environment
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix(Self::PREFIX)?.to_owned(), value.clone())));
        Self(secrets.collect())
    }
}

impl Secrets for EnvironmentSecrets {
    fn secret(&self, name: &str) -> Option<Bytes> {
        let variable = name.to_uppercase().replace(['-', '.'], "_");
        self.0.get(&variable).map(|secret| Bytes::from(secret.clone()))
    }
}

/// Shows names and no value.
impl fmt::Debug for EnvironmentSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Shows names and no value.
impl fmt::Debug for RouteSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_names_and_no_value() {
        let mut secrets = RouteSecrets::default();
        secrets.set("salt", Arc::new(|| Ok("canary".to_owned())));
        assert_eq!(format!("{secrets:?}"), r#"{"salt"}"#);
        assert_eq!(secrets.read("salt").unwrap().as_deref(), Some("canary"));
        assert_eq!(secrets.read("pepper").unwrap(), None);
        assert_eq!(secrets.secret("salt").as_deref(), Some(b"canary".as_slice()));
    }

    #[test]
    fn without_a_configuration_a_secret_is_an_environment_variable() {
        let environment = [("DUNLIN_SECRET_MAIL_SALT", "canary"), ("MAIL_SALT", "other")];
        let environment = environment
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let secrets = EnvironmentSecrets::new(&environment);
        assert_eq!(secrets.secret("mail-salt").as_deref(), Some(b"canary".as_slice()));
        assert_eq!(secrets.secret("salt"), None);
        assert_eq!(format!("{secrets:?}"), r#"{"MAIL_SALT"}"#);
    }

    #[test]
    fn a_secret_that_cannot_be_read_is_none_to_the_engine() {
        use dunlin_core::error::{Error, ErrorKind};
        let mut secrets = RouteSecrets::default();
        secrets.set(
            "salt",
            Arc::new(|| Err(Error::new(ErrorKind::Io, "read", "no file"))),
        );
        assert!(secrets.read("salt").is_err());
        assert_eq!(secrets.secret("salt"), None);
    }
}
