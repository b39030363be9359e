//! Settings of a system or of one end, with secrets held as references.
//!
//! A secret is read when it is asked for, not when the configuration is loaded, so that a rotated password is picked up at
//! the next reconnect. Nothing here prints a value.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};

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
    /// [`ErrorKind::InvalidSetting`] that names the words.
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
    /// [`ErrorKind::InvalidSetting`] for any other text.
    pub fn flag(&self, name: &'static str) -> Result<Option<bool>> {
        self.choice(name, &[("true", true), ("false", false)])
    }

    /// A setting that is a whole number.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidSetting`] for any other text.
    pub fn number(&self, name: &'static str) -> Result<Option<u64>> {
        let Some(found) = self.get(name)? else {
            return Ok(None);
        };
        found
            .parse()
            .map(Some)
            .map_err(|_| invalid(name, "expected a whole number"))
    }

    /// Refuses every name that is not in this list, and names the nearest one that is.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidSetting`] for the first unknown name.
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
                return Err(Error::new(
                    ErrorKind::InvalidSetting,
                    "open",
                    format!("expected a setting of this system, found `{name}`{help}"),
                )
                .with("setting", name));
            }
        }
        Ok(())
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
    Error::new(ErrorKind::InvalidSetting, "open", message.into()).with("setting", name)
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

/// One documented setting of an adapter: the table in the docs and the check of unknown names come from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettingFact {
    /// Its name.
    pub name: &'static str,
    /// Its default as it would be typed, or a word for why there is none.
    pub default: &'static str,
    /// What it does, with its unit, in one sentence.
    pub meaning: &'static str,
    /// Whether it can stand at one end, too, or only at the system.
    pub at_end: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[SettingFact] = &[SettingFact {
        name: "follow",
        default: "false",
        meaning: "Waits for more.",
        at_end: true,
    }];

    #[test]
    fn an_unknown_setting_is_refused_with_the_nearest_name() {
        let error = Settings::new().with("folow", "true").only(KNOWN).unwrap_err();
        assert!(error.to_string().contains("did you mean `follow`?"), "{error}");
        assert!(Settings::new().with("follow", "true").only(KNOWN).is_ok());
    }

    #[test]
    fn debug_shows_names_and_no_value() {
        let mut settings = Settings::new().with("user", "canary");
        settings.set("password", Setting::Secret(Arc::new(|| Ok("canary".to_owned()))));
        assert_eq!(format!("{settings:?}"), r#"{"password", "user"}"#);
        assert!(!format!("{:?}", Setting::Plain("canary".to_owned())).contains("canary"));
    }

    #[test]
    fn a_secret_is_read_anew_each_time() {
        let reads = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counter = Arc::clone(&reads);
        let mut settings = Settings::new();
        settings.set(
            "password",
            Setting::Secret(Arc::new(move || {
                Ok(counter
                    .fetch_add(1, std::sync::atomic::Ordering::Relaxed)
                    .to_string())
            })),
        );
        assert_eq!(settings.get("password").unwrap().as_deref(), Some("0"));
        assert_eq!(settings.get("password").unwrap().as_deref(), Some("1"));
    }
}
