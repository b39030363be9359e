//! Certificates for tests of TLS, made on the spot: good ones, and the two kinds of bad ones that clients must refuse.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tempfile::TempDir;

/// What a server in these tests is called.
const HERE: [&str; 2] = ["localhost", "127.0.0.1"];

/// An authority of one test. Its files go away with it.
#[derive(Debug)]
pub struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
    issued: std::sync::atomic::AtomicU32,
}

/// A certificate and its private key, as PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate. The authority's own is not in the file.
    pub certificate: PathBuf,
    /// The private key, PKCS 8.
    pub key: PathBuf,
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose<'a> {
    /// A server on loopback, by name and by address.
    Server,
    /// A server with another name: who connects to loopback must refuse it.
    AnotherHost,
    /// A server on loopback, valid until the end of the year 2020.
    Expired,
    /// A client of this name.
    Client(&'a str),
}

impl Authority {
    /// Makes an authority that nobody knows but who is given its [`file`](Authority::file).
    ///
    /// # Errors
    /// When no key can be made or no file written.
    pub fn new() -> Result<Authority> {
        let folder = tempfile::Builder::new()
            .prefix("dunlin-certificates-")
            .tempdir()
            .context("no scratch folder for certificates")?;
        let mut params = CertificateParams::new(Vec::<String>::new())?;
        params
            .distinguished_name
            .push(DnType::CommonName, "authority of one test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        let authority = Authority {
            folder,
            issuer: Issuer::new(params, key),
            issued: std::sync::atomic::AtomicU32::new(0),
        };
        write(&authority.file(), &certificate.pem())?;
        Ok(authority)
    }

    /// The authority's certificate: what a client trusts.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// Makes a certificate.
    ///
    /// # Errors
    /// When no key can be made or no file written.
    pub fn issue(&self, purpose: Purpose<'_>) -> Result<Identity> {
        let names: Vec<String> = match purpose {
            Purpose::Server | Purpose::Expired => HERE.into_iter().map(str::to_owned).collect(),
            Purpose::AnotherHost => vec!["elsewhere.example".to_owned()],
            Purpose::Client(_) => Vec::new(),
        };
        let mut params = CertificateParams::new(names)?;
        let (name, usage) = match purpose {
            Purpose::Server | Purpose::Expired => ("localhost", ExtendedKeyUsagePurpose::ServerAuth),
            Purpose::AnotherHost => ("elsewhere.example", ExtendedKeyUsagePurpose::ServerAuth),
            Purpose::Client(name) => (name, ExtendedKeyUsagePurpose::ClientAuth),
        };
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![usage];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        if purpose == Purpose::Expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2020, 12, 31);
        }
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let number = self.issued.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let identity = Identity {
            certificate: self.folder.path().join(format!("{number}-certificate.pem")),
            key: self.folder.path().join(format!("{number}-key.pem")),
        };
        write(&identity.certificate, &certificate.pem())?;
        write(&identity.key, &key.serialize_pem())?;
        Ok(identity)
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("{} could not be written", path.display()))
}
