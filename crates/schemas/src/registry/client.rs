//! One question to a registry over HTTP, and its answer: within a time, within a size, and tried again only where that
//! can help.
//!
//! No proxy of the environment is used. A redirect is followed on the same host only, so that no login leaves it.

use std::sync::Arc;
use std::time::Duration;

use dunlin_core::clock::Clock;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use reqwest::{Certificate, Identity, Method, Response, StatusCode, redirect};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::answer::Refusal;
use super::error::{RegistryError, Trouble};
use super::settings::{Login, RegistrySettings};

/// The media type of questions, and the one that is asked for.
const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";
const ACCEPTED: &str =
    "application/vnd.schemaregistry.v1+json, application/vnd.schemaregistry+json, application/json";

/// The largest answer that is read, in bytes.
pub(super) const MOST_BYTES: usize = 4 * 1024 * 1024;

/// The longest sentence of a registry that is repeated, in characters.
const MOST_SAID: usize = 300;

/// The pauses before a question is asked again.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(800)];

/// How many redirects are followed.
const MOST_REDIRECTS: usize = 3;

/// The codes of what is not there: the subject, the version, the schema.
const UNKNOWN: [u32; 3] = [40_401, 40_402, 40_403];

/// Asks one registry. It is made anew for each errand, so that files are read anew, and no connection outlives the runtime
/// that it was made in.
pub(super) struct Client<'a> {
    settings: &'a RegistrySettings,
    name: &'a Arc<str>,
    clock: &'a dyn Clock,
    http: reqwest::Client,
}

/// A question.
pub(super) struct Question<'a> {
    pub(super) method: Method,
    /// Below the registry's path, each encoded by itself.
    pub(super) segments: &'a [&'a str],
    pub(super) query: &'a [(&'a str, &'a str)],
    pub(super) body: Option<Value>,
    /// What is asked for, in words.
    pub(super) asked: String,
}

impl<'a> Client<'a> {
    /// # Errors
    /// Certificates or keys that cannot be read.
    pub(super) fn new(
        settings: &'a RegistrySettings,
        name: &'a Arc<str>,
        clock: &'a dyn Clock,
    ) -> Result<Self, RegistryError> {
        let failed = |detail: String| RegistryError {
            registry: Arc::clone(name),
            asked: "anything".to_owned(),
            trouble: Trouble::Settings,
            status: None,
            code: None,
            detail,
        };
        // Another part of the process may have chosen already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .timeout(settings.timeout)
            .no_proxy()
            .user_agent(concat!("dunlin/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::custom(follow));
        let read = |path: &std::path::Path| {
            std::fs::read(path).map_err(|error| failed(format!("{} cannot be read: {error}", path.display())))
        };
        if let Some(path) = &settings.authority {
            let certificates = Certificate::from_pem_bundle(&read(path)?)
                .map_err(|error| failed(format!("`tls_ca` is no certificate in PEM: {}", causes(&error))))?;
            if certificates.is_empty() {
                return Err(failed("`tls_ca` holds no certificate in PEM".to_owned()));
            }
            builder = builder.tls_certs_only(certificates);
        }
        if let Some((certificate, key)) = &settings.identity {
            let mut both = read(certificate)?;
            both.push(b'\n');
            both.extend_from_slice(&read(key)?);
            let identity = Identity::from_pem(&both).map_err(|error| {
                failed(format!(
                    "`tls_certificate` and `tls_key` are no certificate and key in PEM: {}",
                    causes(&error)
                ))
            })?;
            builder = builder.identity(identity);
        }
        let http = builder
            .build()
            .map_err(|error| failed(format!("no connection can be prepared: {}", causes(&error))))?;
        Ok(Self {
            settings,
            name,
            clock,
            http,
        })
    }

    /// Asks, and asks again after a pause where the trouble may pass.
    pub(super) async fn ask<T: DeserializeOwned>(&self, question: &Question<'_>) -> Result<T, RegistryError> {
        let mut pauses = PAUSES.into_iter();
        loop {
            match self.ask_once(question).await {
                Ok(answer) => return Ok(answer),
                Err(error) => match pauses.next() {
                    Some(pause) if error.is_temporary() => self.clock.sleep(pause).await,
                    Some(_) | None => return Err(error),
                },
            }
        }
    }

    /// An error about a question.
    pub(super) fn error(&self, asked: &str, trouble: Trouble, detail: impl Into<String>) -> RegistryError {
        RegistryError {
            registry: Arc::clone(self.name),
            asked: asked.to_owned(),
            trouble,
            status: None,
            code: None,
            detail: detail.into(),
        }
    }

    async fn ask_once<T: DeserializeOwned>(&self, question: &Question<'_>) -> Result<T, RegistryError> {
        let asked = &question.asked;
        let mut request = self
            .http
            .request(question.method.clone(), self.url(question))
            .header(ACCEPT, ACCEPTED);
        let secret = |text: &super::ReadText| {
            text().map_err(|error| self.error(asked, Trouble::Settings, error.to_string()))
        };
        match &self.settings.login {
            Login::Nobody => {}
            Login::Basic { user, password } => {
                request = request.basic_auth(secret(user)?, Some(secret(password)?));
            }
            Login::Bearer(token) => request = request.bearer_auth(secret(token)?),
        }
        if let Some(body) = &question.body {
            request = request.header(CONTENT_TYPE, MEDIA_TYPE).body(body.to_string());
        }
        let unreachable = |error: reqwest::Error| {
            let detail = if error.is_timeout() {
                format!("no answer within {:?}", self.settings.timeout)
            } else {
                causes(&error.without_url())
            };
            self.error(asked, Trouble::Unreachable, detail)
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let media_type = response.headers().get(CONTENT_TYPE).cloned();
        let body = bounded(response).await.map_err(unreachable)?;
        if !status.is_success() {
            return Err(self.refusal(asked, status, body.as_deref()));
        }
        let not_understood = |detail: String| RegistryError {
            status: Some(status.as_u16()),
            ..self.error(asked, Trouble::Answer, detail)
        };
        let Some(body) = body else {
            return Err(not_understood(format!("more than {MOST_BYTES} bytes")));
        };
        if !is_json(media_type.as_ref()) {
            return Err(not_understood("something that is not said to be JSON".to_owned()));
        }
        // What serde says may quote a value; where it is, is enough.
        serde_json::from_slice(&body).map_err(|error| {
            not_understood(format!(
                "something else than the interface describes, at line {}, column {}",
                error.line(),
                error.column()
            ))
        })
    }

    fn url(&self, question: &Question<'_>) -> Url {
        let mut url = self.settings.url.clone();
        // An address with `http` can always have a path; see `RegistrySettings::parse_url`.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(question.segments);
        }
        if !question.query.is_empty() {
            url.query_pairs_mut().extend_pairs(question.query);
        }
        url
    }

    /// What a status from 300 means.
    fn refusal(&self, asked: &str, status: StatusCode, body: Option<&[u8]>) -> RegistryError {
        let refusal: Refusal = body
            .and_then(|body| serde_json::from_slice(body).ok())
            .unwrap_or_default();
        let code = refusal.error_code;
        let trouble = match status.as_u16() {
            401 | 403 => Trouble::Refused,
            // Without a code it is the path that is unknown, and not what was asked for.
            404 if code.is_some_and(|code| UNKNOWN.contains(&code)) => Trouble::Unknown,
            300..=399 | 404 => Trouble::Answer,
            409 => Trouble::Incompatible,
            429 | 500.. => Trouble::Busy,
            _ => Trouble::Invalid,
        };
        let detail = match (trouble, refusal.message) {
            (Trouble::Answer, _) if status.is_redirection() => {
                "a redirect to another host, which is not followed".to_owned()
            }
            (Trouble::Answer | Trouble::Refused | Trouble::Unknown, _) | (_, None) => String::new(),
            (_, Some(said)) => shortened(&said),
        };
        RegistryError {
            status: Some(status.as_u16()),
            code,
            ..self.error(asked, trouble, detail)
        }
    }
}

/// Follows a redirect that stays where it was.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let stays = attempt
        .previous()
        .last()
        .is_some_and(|before| before.origin() == attempt.url().origin());
    if stays && attempt.previous().len() <= MOST_REDIRECTS {
        attempt.follow()
    } else {
        attempt.stop()
    }
}

/// The body, or none if it is too large.
async fn bounded(mut response: Response) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MOST_BYTES {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// `application/json`, or anything that ends in `+json`.
fn is_json(media_type: Option<&HeaderValue>) -> bool {
    let text = media_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json") || essence.to_ascii_lowercase().ends_with("+json")
}

/// An error with its causes: the last one is the one that tells.
fn causes(error: &dyn std::error::Error) -> String {
    let mut all = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !all.contains(&text) {
            all.push_str(": ");
            all.push_str(&text);
        }
        source = cause.source();
    }
    all
}

/// A registry's own sentence, on one line and not too long.
pub(super) fn shortened(said: &str) -> String {
    let line: String = said
        .chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .take(MOST_SAID)
        .collect();
    line.trim().trim_end_matches('.').to_owned()
}
