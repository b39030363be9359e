//! How a registry is reached, and as whom.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dunlin_core::error::Result;
use url::Url;

/// Reads a text anew whenever it is needed, so that a rotated password is picked up.
pub type ReadText = Arc<dyn Fn() -> Result<String> + Send + Sync>;

/// How a registry is reached.
#[derive(Clone, Debug)]
pub struct RegistrySettings {
    /// Its name in the configuration.
    pub name: String,
    /// Its address, `http` or `https`, with the path below which the interface stands.
    pub url: Url,
    /// As whom it is asked.
    pub login: Login,
    /// A file of certificates (PEM) of the authorities that may vouch for the registry, instead of those of the system.
    pub authority: Option<PathBuf>,
    /// Files of the certificate and the key (PEM) that are shown to the registry.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// How long one answer is waited for.
    pub timeout: Duration,
}

/// As whom a registry is asked.
#[derive(Clone)]
pub enum Login {
    /// As nobody.
    Nobody,
    /// By a name and a password (RFC 7617).
    Basic {
        /// The name.
        user: ReadText,
        /// The password.
        password: ReadText,
    },
    /// By a token (RFC 6750).
    Bearer(ReadText),
}

/// Shows the way and no secret.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nobody => "Nobody",
            Self::Basic { .. } => "Basic",
            Self::Bearer(_) => "Bearer",
        })
    }
}

impl RegistrySettings {
    /// Whether what goes to this address is encrypted, and files for TLS have a meaning.
    #[must_use]
    pub fn is_secure(url: &Url) -> bool {
        url.scheme() == "https"
    }

    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it, in words for whoever wrote it. The address is not repeated: it may hold a password.
    pub fn parse_url(text: &str) -> std::result::Result<Url, String> {
        let url = Url::parse(text).map_err(|error| {
            format!("expected an address such as `https://registry.example:8081/apis/ccompat/v7`: {error}")
        })?;
        if !["http", "https"].contains(&url.scheme()) || !url.has_host() {
            return Err("expected an address that begins with `http://` or `https://`".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "expected an address without a user: `user`, `password` and `token` have their own keys"
                    .to_owned(),
            );
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("expected an address without `?` and `#`".to_owned());
        }
        Ok(url)
    }
}
