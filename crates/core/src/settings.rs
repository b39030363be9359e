//! Settings of a system or of one end, with secrets held as references.
//!
//! A secret is read when it is asked for, not when the configuration is loaded, so that a rotated password is picked up at
//! the next reconnect. Nothing here prints a value.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};

mod fact;
mod tls;

pub use fact::SettingFact;
pub use tls::TlsFiles;

/// Names and values as they were typed, checked by the adapter against its documented list.
#[derive(Clone, Default)]
pub struct Settings(BTreeMap<String, Setting>);

/// One value.
#[derive(Clone)]
pub enum Setting {
    /// A value that may be read at any time. Numbers and booleans stand as their text.
    Plain(String),
    /// A value that must be read again at each use, and never printed.
    Secret(Arc<dyn Fn() -> Result<String> + Send + Sync>),
}

impl Settings {
    /// No settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives a setting its value.
    pub fn set(&mut self, name: impl Into<String>, value: Setting) {
        self.0.insert(name.into(), value);
    }

    /// The same settings with one more plain value.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.set(name, Setting::Plain(value.into()));
        self
    }

    /// The value of a setting, read now.
    ///
    /// # Errors
    /// A secret that cannot be read at this moment.
    pub fn get(&self, name: &str) -> Result<Option<String>> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Setting::Plain(value)) => Ok(Some(value.clone())),
            Some(Setting::Secret(read)) => read().map(Some),
        }
    }

    /// A setting that is one of these words.
    ///
    /// # Errors
    /// [`InvalidSetting`](crate::ErrorKind::InvalidSetting) that names the words.
    pub fn choice<T: Copy>(&self, name: &'static str, words: &[(&str, T)]) -> Result<Option<T>> {
        let Some(found) = self.get(name)? else {
            return Ok(None);
        };
        match words.iter().find(|(word, _)| *word == found) {
            Some((_, meaning)) => Ok(Some(*meaning)),
            None => {
                let known: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
                Err(invalid(name, format!("expected {}", known.join(", "))))
            }
        }
    }

    /// A setting that is `true` or `false`.
    ///
    /// # Errors
    /// [`InvalidSetting`](crate::ErrorKind::InvalidSetting) for any other text.
    pub fn flag(&self, name: &'static str) -> Result<Option<bool>> {
        self.choice(name, &[("true", true), ("false", false)])
    }

    /// A setting that is a whole number.
    ///
    /// # Errors
    /// [`InvalidSetting`](crate::ErrorKind::InvalidSetting) for any other text.
    pub fn number(&self, name: &'static str) -> Result<Option<u64>> {
        let Some(found) = self.get(name)? else {
            return Ok(None);
        };
        found
            .parse()
            .map(Some)
            .map_err(|_| invalid(name, "expected a whole number"))
    }

    /// A setting that is a number of bytes, such as `4096`, `64KiB`, `16MiB` or `1GiB`.
    ///
    /// # Errors
    /// [`InvalidSetting`](crate::ErrorKind::InvalidSetting) for any other text, for no bytes at all, and for more than this
    /// machine can address.
    pub fn bytes(&self, name: &'static str) -> Result<Option<usize>> {
        self.get(name)?
            .map(|text| {
                bytes(&text)
                    .ok_or_else(|| invalid(name, "expected a number of bytes such as `4096` or `16MiB`"))
            })
            .transpose()
    }

    /// A setting that is a time in whole milliseconds, at least so many.
    ///
    /// # Errors
    /// [`InvalidSetting`](crate::ErrorKind::InvalidSetting) for less, and for any other text.
    pub fn milliseconds(&self, name: &'static str, default: u64, least: u64) -> Result<Duration> {
        let found = self.number(name)?.unwrap_or(default);
        if found < least {
            return Err(invalid(
                name,
                format!("expected at least {least} milliseconds, found {found}"),
            ));
        }
        Ok(Duration::from_millis(found))
    }

    /// Refuses every name that is not in this list, and names the nearest one that is.
    ///
    /// # Errors
    /// [`InvalidSetting`](crate::ErrorKind::InvalidSetting) for the first unknown name.
    pub fn only(&self, known: &[SettingFact]) -> Result<()> {
        for name in self.0.keys() {
            if !known.iter().any(|fact| fact.name == name) {
                let nearest = known
                    .iter()
                    .map(|fact| (strsim::damerau_levenshtein(fact.name, name), fact.name))
                    .min()
                    .filter(|(distance, nearest)| *distance <= nearest.len() / 2);
                let help = match nearest {
                    Some((_, nearest)) => format!("; did you mean `{nearest}`?"),
                    None => String::new(),
                };
                return Err(Error::invalid(format!(
                    "expected a setting of this system, found `{name}`{help}"
                ))
                .with("setting", name));
            }
        }
        Ok(())
    }

    /// Refuses, in the settings of one end, every name that is not in this list, and those that belong to the system alone.
    ///
    /// # Errors
    /// [`InvalidSetting`](crate::ErrorKind::InvalidSetting) for the first of them.
    pub fn only_at_end(&self, known: &[SettingFact]) -> Result<()> {
        self.only(known)?;
        match known.iter().find(|fact| !fact.at_end && self.has(fact.name)) {
            Some(fact) => Err(invalid(
                fact.name,
                "expected this setting at the system, found it at one end",
            )),
            None => Ok(()),
        }
    }

    /// Whether a setting is there. A secret is not read for that.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// These settings, with those of one end in front.
    #[must_use]
    pub fn overridden_by(&self, end: &Self) -> Self {
        let mut merged = self.clone();
        merged
            .0
            .extend(end.0.iter().map(|(name, value)| (name.clone(), value.clone())));
        merged
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn invalid(name: &'static str, message: impl Into<String>) -> Error {
    Error::invalid(message.into()).with("setting", name)
}

fn bytes(text: &str) -> Option<usize> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let factor = match text[digits.len()..].trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    let number = digits.parse::<usize>().ok()?;
    number.checked_mul(factor).filter(|bytes| *bytes > 0)
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain(..)",
            Self::Secret(_) => "Secret(..)",
        })
    }
}

#[cfg(test)]
mod tests;
