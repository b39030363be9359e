//! Opening the systems of a configuration, and handing their settings on.

use std::collections::BTreeMap;

use dunlin_core::error::Error;
use dunlin_core::finding::{Finding, Place, did_you_mean};
use dunlin_core::registry::{Opening, Plugin};
use dunlin_core::settings::{Setting, Settings};

use super::build::Planner;
use super::{CREATE, PlannedSystem, TOPOLOGY};
use crate::config::{SystemConfig, Text};

impl<'a> Planner<'a> {
    /// Opens all systems; one that cannot be opened is reported and missing from the plan.
    pub(super) fn open_systems(&mut self) {
        for (name, config) in &self.loaded.config.systems {
            if let Some(system) = self.open_system(name, config) {
                self.plan.systems.insert(name.clone(), system);
            }
        }
    }

    fn open_system(&mut self, name: &'a str, config: &'a SystemConfig) -> Option<PlannedSystem> {
        let at_url = self.loaded.place(&["systems", name, "url"]);
        if holds_credentials(&config.url) {
            let finding = Finding::error(
                &at_url,
                "expected an address without credentials, found a user or a password in it",
            );
            self.findings
                .push(finding.help("give them as `user` and `password` beside `url`"));
            return None;
        }
        let errors = self.findings.errors();
        let plugin = self.registry.plugin(&config.url);
        let mut settings = self.settings(&["systems", name, "settings"], &config.settings, plugin, false);
        for (key, text) in [("user", &config.user), ("password", &config.password)] {
            let Some(text) = text else { continue };
            if self.knows(plugin, key, &["systems", name, key], false) {
                self.look_for_files(text, &["systems", name, key]);
                // A password is never read before it is needed, wherever it stands.
                settings.set(
                    key,
                    match key {
                        "password" => Setting::Secret(text.reader(&self.loaded.folder)),
                        _ => text.setting(&self.loaded.folder),
                    },
                );
            }
        }
        let is_right = self.findings.errors() == errors;
        let opening = Opening {
            name,
            url: &config.url,
            base: self.base,
            settings: &settings,
            clock: self.clock,
        };
        match self.registry.open(&opening) {
            Ok(_) if !is_right => None,
            Ok(system) => Some(PlannedSystem {
                name: name.to_owned(),
                system,
                identity: config.identity.clone(),
                makes_channels: matches!(settings.get(TOPOLOGY), Ok(Some(word)) if word == CREATE),
            }),
            Err(error) => {
                if is_right || self.setting_of(&error, &["systems", name]).is_some() {
                    self.refused(&error, &["systems", name], "url");
                }
                None
            }
        }
    }

    /// Settings for an adapter. Unknown names are reported here, all of them and each at its place; an adapter alone would
    /// tell the first.
    pub(super) fn settings(
        &mut self,
        path: &[&str],
        texts: &BTreeMap<String, Text>,
        plugin: Option<&Plugin>,
        at_end: bool,
    ) -> Settings {
        let mut settings = Settings::new();
        for (name, text) in texts {
            let path: Vec<&str> = path.iter().copied().chain([name.as_str()]).collect();
            if self.knows(plugin, name, &path, at_end) {
                self.look_for_files(text, &path);
                settings.set(name, text.setting(&self.loaded.folder));
            }
        }
        settings
    }

    /// Warns of a file that is not there. It may be on the machine that runs the route, so this is no error.
    fn look_for_files(&mut self, text: &Text, path: &[&str]) {
        for file in text.files() {
            if let Err(cause) = std::fs::metadata(self.loaded.folder.join(file)) {
                let message = format!("the file `{file}` cannot be found here ({})", cause.kind());
                self.findings.warning(&self.loaded.place(path), message);
            }
        }
    }

    /// Whether a kind of system has this setting. A kind that is not built in is told when it is opened.
    fn knows(&mut self, plugin: Option<&Plugin>, name: &str, path: &[&str], at_end: bool) -> bool {
        let Some(plugin) = plugin else { return true };
        let known = plugin.facts.settings;
        let title = plugin.facts.title;
        let message = match known.iter().find(|fact| fact.name == name) {
            Some(fact) if fact.at_end || !at_end => return true,
            Some(_) => format!("the setting `{name}` of {title} can stand under `systems` only"),
            None => {
                let meant = did_you_mean(name, known.iter().map(|fact| fact.name));
                format!("expected a setting of {title}, found `{name}`{meant}")
            }
        };
        self.findings.error(&self.loaded.named(path), message);
        false
    }

    /// Reports what an adapter refused, at the setting that it names, else at `otherwise`.
    pub(super) fn refused(&mut self, error: &Error, path: &[&str], otherwise: &str) {
        let place = self
            .setting_of(error, path)
            .unwrap_or_else(|| self.loaded.place(&[path, &[otherwise]].concat()));
        self.findings.error(&place, error.to_string());
    }

    /// The place of the setting that an adapter refused, where it names one that was typed. Beside a misspelt name that is the
    /// only refusal to believe: any other may come from what the misspelt one would have said.
    pub(super) fn setting_of(&self, error: &Error, path: &[&str]) -> Option<Place> {
        let (_, setting) = error.context().find(|(name, _)| *name == "setting")?;
        let below = [path, &["settings", setting]].concat();
        let beside = [path, &[setting]].concat();
        let said = [below, beside]
            .into_iter()
            .find(|path| self.loaded.is_said(path))?;
        Some(self.loaded.place(&said))
    }
}

/// Whether an address has a user or a password in front of its host.
fn holds_credentials(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else {
        return false;
    };
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    authority.contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_looked_for_in_front_of_the_host_only() {
        for (url, found) in [
            ("amqp://me:secret@host:5672/%2f", true),
            ("nats://token@host", true),
            ("amqp://host/a@b", false),
            ("nats://host?x=a@b", false),
            ("plain:a@b", false),
        ] {
            assert_eq!(holds_credentials(url), found, "{url}");
        }
    }
}
