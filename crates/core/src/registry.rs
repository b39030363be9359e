//! Which messaging systems are built in, by the scheme of their address.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::capability::Capabilities;
use crate::carried;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::messaging::MessagingSystem;
use crate::settings::{SettingFact, Settings};

/// One kind of messaging system: how it is opened, and what is known of it beforehand.
///
/// An adapter has one `pub const PLUGIN`; nothing registers itself.
#[derive(Clone, Copy, Debug)]
pub struct Plugin {
    /// The scheme of its addresses, such as `file` in `file:data`.
    pub scheme: &'static str,
    /// The scheme of the same system over TLS, where it is reached over a network: `amqps` beside `amqp`.
    pub secure_scheme: Option<&'static str>,
    /// Opens a system; touches no network and no disk.
    pub open: fn(&Opening<'_>) -> Result<Arc<dyn MessagingSystem>>,
    /// What people are told about it.
    pub facts: &'static Facts,
}

/// What a system is opened with.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// The name it has in the configuration.
    pub name: &'a str,
    /// Its address, scheme included. Credentials are never part of it.
    pub url: &'a str,
    /// The folder to which a relative place in the address refers.
    pub base: &'a str,
    /// Its settings.
    pub settings: &'a Settings,
    /// The clock by which it waits: handed in, so that a test owns the time of everything that it opens.
    pub clock: &'a Arc<dyn Clock>,
}

impl Opening<'_> {
    /// The address behind its scheme and colon.
    pub fn rest(&self) -> &str {
        self.url.split_once(':').map_or("", |(_, rest)| rest)
    }
}

/// What is known of a kind of system without opening one.
#[derive(Debug)]
pub struct Facts {
    /// What it is, in a few words.
    pub title: &'static str,
    /// An address as one would write it.
    pub example: &'static str,
    /// What a channel is there.
    pub channel: &'static str,
    /// What it can do with its default settings.
    pub capabilities: Capabilities,
    /// What a setting changes in those capabilities, in words; empty where nothing does.
    pub conditions: &'static [&'static str],
    /// What it carries of a message with its default settings, and where.
    pub carries: &'static carried::Table,
    /// Every setting that it takes.
    pub settings: &'static [SettingFact],
}

/// The systems that are built in, and the names of those that could be.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    plugins: BTreeMap<&'static str, Plugin>,
    left_out: Vec<&'static str>,
}

impl Registry {
    /// No systems.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a kind of system.
    ///
    /// # Errors
    /// Another one has that scheme already; the error names both.
    pub fn add(&mut self, plugin: Plugin) -> Result<()> {
        let taken = |scheme: Option<&str>| scheme.and_then(|scheme| self.of_scheme(scheme));
        if let Some(there) = taken(Some(plugin.scheme)).or_else(|| taken(plugin.secure_scheme)) {
            return Err(Error::new(
                ErrorKind::InvalidSetting,
                "register",
                format!(
                    "expected one system for the scheme `{}`, found `{}` and `{}`",
                    plugin.scheme, there.facts.title, plugin.facts.title
                ),
            ));
        }
        self.plugins.insert(plugin.scheme, plugin);
        Ok(())
    }

    /// Says that this program was built without the feature of this name, which would bring the systems whose schemes begin
    /// with it. An address of one is refused all the same, but told with the feature that is missing.
    pub fn leave_out(&mut self, feature: &'static str) {
        self.left_out.push(feature);
    }

    /// The systems, in the order of their schemes.
    pub fn plugins(&self) -> impl Iterator<Item = &Plugin> {
        self.plugins.values()
    }

    /// The kind of system that this address asks for; none if it is not built in, or the address has no scheme.
    pub fn plugin(&self, url: &str) -> Option<&Plugin> {
        self.of_scheme(url.split_once(':')?.0)
    }

    fn of_scheme(&self, scheme: &str) -> Option<&Plugin> {
        (self.plugins.get(scheme)).or_else(|| {
            self.plugins
                .values()
                .find(|plugin| plugin.secure_scheme == Some(scheme))
        })
    }

    /// Opens the system of this address.
    ///
    /// # Errors
    /// An address without a scheme, a scheme that is not built in, or what the system itself refuses.
    pub fn open(&self, opening: &Opening<'_>) -> Result<Arc<dyn MessagingSystem>> {
        let known = || {
            self.plugins()
                .flat_map(|plugin| [Some(plugin.scheme), plugin.secure_scheme])
                .flatten()
                .map(|scheme| format!("`{scheme}:`"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let Some((scheme, _)) = opening.url.split_once(':') else {
            return Err(
                Error::invalid(format!("expected an address that begins with one of {}", known()))
                    .with("system", opening.name),
            );
        };
        match self.of_scheme(scheme) {
            Some(plugin) => (plugin.open)(opening).map_err(|error| error.with("system", opening.name)),
            None => {
                let expected = format!(
                    "expected a scheme that is built in ({}), found `{scheme}:`",
                    known()
                );
                let left_out = self.left_out.iter().find(|feature| scheme.starts_with(**feature));
                let message = match left_out {
                    Some(feature) => format!("{expected}, which needs a build with `--features {feature}`"),
                    None => expected,
                };
                Err(Error::invalid(message).with("system", opening.name))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    static FACTS: Facts = Facts {
        title: "a test system",
        example: "test:x",
        channel: "nothing",
        capabilities: Capabilities::NONE,
        conditions: &[],
        carries: &[],
        settings: &[],
    };
    const PLUGIN: Plugin = Plugin {
        scheme: "test",
        secure_scheme: Some("tests"),
        open: |_| Err(Error::new(ErrorKind::Unsupported, "open", "no")),
        facts: &FACTS,
    };

    #[test]
    fn a_system_that_was_left_out_is_told_with_its_feature() {
        let mut registry = Registry::new();
        registry.add(PLUGIN).unwrap();
        registry.leave_out("pigeon");
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
        let said = |url| {
            let opening = Opening {
                name: "loft",
                url,
                base: "",
                settings: &Settings::default(),
                clock: &clock,
            };
            registry.open(&opening).unwrap_err().to_string()
        };
        for url in ["pigeon://roof", "pigeon+tls://roof"] {
            assert!(said(url).contains("`--features pigeon`"), "{}", said(url));
        }
        assert!(!said("dove://roof").contains("--features"));
    }

    #[test]
    fn a_scheme_that_is_there_already_is_an_error_that_names_both() {
        let mut registry = Registry::new();
        registry.add(PLUGIN).unwrap();
        let error = registry.add(PLUGIN).unwrap_err().to_string();
        assert_eq!(error.matches("a test system").count(), 2, "{error}");
    }

    #[test]
    fn the_scheme_over_tls_is_the_same_system() {
        let mut registry = Registry::new();
        registry.add(PLUGIN).unwrap();
        assert_eq!(registry.plugin("tests:x").unwrap().scheme, "test");
        let other = Plugin {
            scheme: "tests",
            secure_scheme: None,
            ..PLUGIN
        };
        assert!(registry.add(other).is_err());
        assert_eq!(registry.plugins().count(), 1);
    }

    #[test]
    fn an_unknown_scheme_is_told_with_those_that_are_built_in() {
        let mut registry = Registry::new();
        registry.add(PLUGIN).unwrap();
        let settings = Settings::new();
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
        for url in ["other:x", "plain"] {
            let opening = Opening {
                name: "shop",
                url,
                base: ".",
                settings: &settings,
                clock: &clock,
            };
            let error = registry.open(&opening).unwrap_err().to_string();
            assert!(
                error.contains("`test:`") && error.contains("system: shop"),
                "{error}"
            );
        }
    }
}
