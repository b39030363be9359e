//! The files of a connection over TLS: three settings that mean the same in every system.
//!
//! Only their names are judged here. The files are read by the adapter at each connection, so that a certificate that was
//! renewed is picked up.

use std::path::{Path, PathBuf};

use super::{SettingFact, invalid};
use crate::error::Result;
use crate::registry::Opening;

/// Paths of PEM files, relative ones joined to the folder of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authorities that may have made the server's certificate; none for those that the system trusts.
    pub authorities: Option<PathBuf>,
    /// The certificate that is shown to the server, and its private key.
    pub client: Option<(PathBuf, PathBuf)>,
}

impl TlsFiles {
    /// The setting with the authorities.
    pub const AUTHORITIES: SettingFact = SettingFact::at_system(
        "tls_ca",
        "the system's authorities",
        "Over TLS, a PEM file with the authorities that may have made the server's certificate; no others count then.",
    );
    /// The setting with the client's certificate.
    pub const CERTIFICATE: SettingFact = SettingFact::at_system(
        "tls_certificate",
        "none",
        "Over TLS, a PEM file with the certificate that is shown to the server; `tls_key` goes with it.",
    );
    /// The setting with the key of that certificate.
    pub const KEY: SettingFact = SettingFact::at_system(
        "tls_key",
        "none",
        "The PEM file with the private key of `tls_certificate`.",
    );

    /// The files that a system is opened with; none where its address does not begin with the scheme for TLS.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidSetting`](crate::ErrorKind::InvalidSetting) for files beside an address without TLS, which
    /// would use none of them, and for a certificate or a key without the other.
    pub fn of(opening: &Opening<'_>, secure_scheme: &str) -> Result<Option<Self>> {
        let found = opening.url.split(':').next().unwrap_or_default();
        let secure = found == secure_scheme;
        let file = |name: &'static str| -> Result<Option<PathBuf>> {
            let path = opening.settings.get(name)?;
            if path.is_some() && !secure {
                return Err(invalid(
                    name,
                    format!(
                        "expected an address that begins with `{secure_scheme}:` for TLS, found `{found}:`"
                    ),
                ));
            }
            Ok(path.map(|path| Path::new(opening.base).join(path)))
        };
        let missing = |missing, there| {
            Err(invalid(
                missing,
                format!("expected `{missing}` beside `{there}`, found none"),
            ))
        };
        let authorities = file(Self::AUTHORITIES.name)?;
        let (certificate, key) = (Self::CERTIFICATE.name, Self::KEY.name);
        let client = match (file(certificate)?, file(key)?) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => return missing(key, certificate),
            (None, Some(_)) => return missing(certificate, key),
        };
        Ok(secure.then_some(Self { authorities, client }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::{Clock, ManualClock};
    use crate::settings::Settings;

    fn of(url: &str, settings: &Settings) -> Result<Option<TlsFiles>> {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
        let opening = Opening {
            name: "shop",
            url,
            base: "/etc/dunlin",
            settings,
            clock: &clock,
        };
        TlsFiles::of(&opening, "tests")
    }

    #[test]
    fn files_are_relative_to_the_configuration_and_belong_to_an_address_over_tls() {
        let all = Settings::new()
            .with("tls_ca", "ca.pem")
            .with("tls_certificate", "/keys/me.pem")
            .with("tls_key", "me.key");
        let files = of("tests://host", &all).unwrap().unwrap();
        assert_eq!(files.authorities, Some(PathBuf::from("/etc/dunlin/ca.pem")));
        let client = (PathBuf::from("/keys/me.pem"), PathBuf::from("/etc/dunlin/me.key"));
        assert_eq!(files.client, Some(client));
        let error = of("test://host", &all).unwrap_err().to_string();
        assert!(
            error.contains("`tests:` for TLS, found `test:`") && error.contains("setting: tls_ca"),
            "{error}"
        );
        assert_eq!(of("test://host", &Settings::new()).unwrap(), None);
        assert_eq!(
            of("tests://host", &Settings::new()).unwrap(),
            Some(TlsFiles::default())
        );
    }

    #[test]
    fn a_certificate_and_its_key_come_together() {
        for (there, missing) in [("tls_certificate", "tls_key"), ("tls_key", "tls_certificate")] {
            let error = of("tests://host", &Settings::new().with(there, "x.pem")).unwrap_err();
            let expected = format!("expected `{missing}` beside `{there}`, found none (setting: {missing})");
            assert!(error.to_string().contains(&expected), "{error}");
        }
    }
}
