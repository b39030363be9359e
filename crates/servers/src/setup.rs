//! Everything that a server's files and command line are made of.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::install::Program;
use crate::options::{Login, Options};
use crate::ports::Port;

/// One server's program, folder, ports and wishes.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) program: Program,
    pub(crate) options: Options,
    /// The scratch folder as this process sees it.
    pub(crate) folder: PathBuf,
    /// Where clients connect.
    pub(crate) client: Port,
    /// Further ports, in the order in which the server's module wants them.
    pub(crate) further: Vec<Port>,
    /// The login as it is now, after changes of the password.
    pub(crate) login: Option<Login>,
}

/// Where the server finds its certificates.
#[derive(Debug)]
pub(crate) struct TlsFiles {
    pub(crate) authority: String,
    pub(crate) certificate: String,
    pub(crate) key: String,
    /// Key and certificate in one file.
    pub(crate) identity: String,
    pub(crate) client_certificates: bool,
}

impl Setup {
    /// The scratch folder as the server sees it.
    pub(crate) fn inside(&self) -> PathBuf {
        match &self.program.root {
            Some(root) => match self.folder.strip_prefix(root) {
                Ok(inside) => Path::new("/").join(inside),
                Err(_) => self.folder.clone(),
            },
            None => self.folder.clone(),
        }
    }

    /// A file of the scratch folder as the server sees it.
    pub(crate) fn at(&self, name: &str) -> String {
        self.inside().join(name).display().to_string()
    }

    /// Writes a file of the scratch folder.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("{} could not be written", path.display()))
    }

    /// User and password, for the servers that know nothing else.
    ///
    /// # Errors
    /// When a login of NATS was asked for.
    pub(crate) fn password(&self) -> Result<Option<(&str, &str)>> {
        match &self.login {
            None => Ok(None),
            Some(Login::Password { user, password }) => Ok(Some((user, password))),
            Some(Login::Key { .. } | Login::Credentials(_)) => {
                bail!("keys and credentials are logins of NATS; this server takes a user and a password")
            }
        }
    }

    /// Copies certificates to where the server sees them, and says where that is.
    pub(crate) fn tls(&self) -> Result<Option<TlsFiles>> {
        let Some(tls) = &self.options.tls else {
            return Ok(None);
        };
        let read = |path: &Path| {
            std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
        };
        let certificate = read(&tls.identity.certificate)?;
        let key = read(&tls.identity.key)?;
        self.write("authority.pem", &read(&tls.authority)?)?;
        self.write("certificate.pem", &certificate)?;
        self.write("key.pem", &key)?;
        // Kafka wants both in one file.
        self.write("identity.pem", &format!("{key}{certificate}"))?;
        Ok(Some(TlsFiles {
            authority: self.at("authority.pem"),
            certificate: self.at("certificate.pem"),
            key: self.at("key.pem"),
            identity: self.at("identity.pem"),
            client_certificates: tls.client_certificates,
        }))
    }

    /// The lines of the configuration file that every kind ends with: those that the test asked for.
    pub(crate) fn asked_lines(&self) -> String {
        self.options
            .lines
            .iter()
            .map(|line| format!("{line}\n"))
            .collect()
    }

    /// The server itself, with these arguments and variables, in the scratch folder.
    pub(crate) fn server(
        &self,
        arguments: impl IntoIterator<Item: Into<String>>,
        environment: &[(String, String)],
    ) -> Command {
        self.command(Some(&self.container_name()), arguments, environment)
    }

    /// Another program of the server's, that runs for a moment beside it or before it.
    pub(crate) fn helper(
        &self,
        arguments: impl IntoIterator<Item: Into<String>>,
        environment: &[(String, String)],
    ) -> Command {
        self.command(None, arguments, environment)
    }

    /// What the engine calls the server's container.
    pub(crate) fn container_name(&self) -> String {
        let name = self.folder.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    fn command(
        &self,
        name: Option<&str>,
        arguments: impl IntoIterator<Item: Into<String>>,
        environment: &[(String, String)],
    ) -> Command {
        let (program, words) = match self.program.words.split_first() {
            Some((program, words)) => (program.clone(), words),
            None => (OsString::new(), &[][..]),
        };
        let mut command = match &self.program.container {
            None => {
                let mut command = Command::new(program);
                command.envs(environment.iter().map(|(name, value)| (name, value)));
                command
            }
            Some(container) => {
                let mut command = Command::new(&container.engine);
                let folder = self.folder.display().to_string();
                command.args(container.run(name, &folder, environment, &program.to_string_lossy()));
                command
            }
        };
        command
            .args(words)
            .args(arguments.into_iter().map(Into::into))
            .current_dir(&self.folder);
        command
    }
}
