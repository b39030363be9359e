//! The registries of a configuration, ready to be asked; none is asked here.

use dunlin_core::finding::{Finding, Findings};
use dunlin_schemas::registry::{Login, Registries, Registry, RegistrySettings};

use crate::config::{Loaded, RegistryConfig};

/// The registries of a configuration. One that cannot be asked as it is written is reported, and then is known by its name
/// only, so that migrations that name it are not blamed.
pub fn registries(loaded: &Loaded, findings: &mut Findings) -> Registries {
    let all = loaded.config.registries.iter();
    Registries::new(all.map(|(name, config)| {
        settings(loaded, name, config, findings).map_or_else(|| Registry::offline(name), Registry::new)
    }))
}

fn settings(
    loaded: &Loaded,
    name: &str,
    config: &RegistryConfig,
    findings: &mut Findings,
) -> Option<RegistrySettings> {
    let errors = findings.errors();
    let place = |key| loaded.place(&["registries", name, key]);
    let url = RegistrySettings::parse_url(&config.url)
        .map_err(|message| findings.error(&place("url"), message))
        .ok();
    let reader = |text: &crate::config::Text| text.reader(&loaded.folder);
    let login = match (&config.user, &config.password, &config.token) {
        (None, None, None) => Login::Nobody,
        (Some(user), Some(password), None) => Login::Basic {
            user: reader(user),
            password: reader(password),
        },
        (None, None, Some(token)) => Login::Bearer(reader(token)),
        (_, _, Some(_)) => {
            let message = "expected a `token`, or a `user` with a `password`, found both";
            findings.error(&place("token"), message);
            Login::Nobody
        }
        (Some(_), None, None) => {
            findings.error(&place("user"), "expected a `password` beside `user`, found none");
            Login::Nobody
        }
        (None, Some(_), None) => {
            findings.error(
                &place("password"),
                "expected a `user` beside `password`, found none",
            );
            Login::Nobody
        }
    };
    if let Some(url) = &url
        && !RegistrySettings::is_secure(url)
    {
        for (key, is_there) in [
            ("tls_ca", config.tls_ca.is_some()),
            ("tls_certificate", config.tls_certificate.is_some()),
            ("tls_key", config.tls_key.is_some()),
        ] {
            if is_there {
                findings.error(
                    &place(key),
                    format!("`{key}` has no meaning for an address with `http://`"),
                );
            }
        }
        let is_here = ["localhost", "127.0.0.1", "[::1]"].contains(&url.host_str().unwrap_or_default());
        if !matches!(login, Login::Nobody) && !is_here {
            let message = "a login goes to this registry in the clear";
            findings.push(Finding::warning(&place("url"), message).help("use an address with `https://`"));
        }
    }
    let identity = match (&config.tls_certificate, &config.tls_key) {
        (Some(certificate), Some(key)) => Some((loaded.folder.join(certificate), loaded.folder.join(key))),
        (Some(_), None) => {
            findings.error(
                &place("tls_certificate"),
                "expected `tls_key` beside `tls_certificate`, found none",
            );
            None
        }
        (None, Some(_)) => {
            findings.error(
                &place("tls_key"),
                "expected `tls_certificate` beside `tls_key`, found none",
            );
            None
        }
        (None, None) => None,
    };
    if findings.errors() > errors {
        return None;
    }
    Some(RegistrySettings {
        name: name.to_owned(),
        url: url?,
        login,
        authority: config.tls_ca.as_ref().map(|file| loaded.folder.join(file)),
        identity,
        timeout: config.timeout.0,
    })
}
