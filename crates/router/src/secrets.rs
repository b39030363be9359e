//! The secrets that transformations name: read when they are asked for, never printed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use dunlin_core::error::Result;

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
    }
}
