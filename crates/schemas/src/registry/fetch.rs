//! What is fetched from a registry: the schemas that migrations name, and those of the writers of messages.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use dunlin_core::clock::Clock;
use dunlin_core::migration::{Awaited, RegistryReference, RegistryVersion, SchemaFormat, SchemaReference};
use reqwest::Method;
use serde_json::{Value, json};

use super::answer::{self, Compatibility, Level, ReferenceAnswer, Registration, SchemaAnswer};
use super::cache::{Cache, Expected, Known, Referenced, Registered};
use super::client::{Client, Question};
use super::error::{RegistryError, Trouble};
use super::settings::RegistrySettings;

/// How long an id is taken for one of no schema.
const MISSING: Duration = Duration::from_secs(60);

/// The most texts to which one schema may refer, directly or not.
const MOST_REFERENCES: usize = 256;

/// The most bytes of all of them.
const MOST_TEXT: usize = 16 * 1024 * 1024;

/// A registry: what it has said, and the way to ask it for more.
#[derive(Debug)]
pub struct Registry {
    cache: Arc<Cache>,
    settings: Option<RegistrySettings>,
}

/// What a registry is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Messages are to be migrated: what says `register: true` is registered where it is not.
    Run,
    /// Somebody wants to know. Nothing is written.
    Look,
}

/// How a reference of a migration stands in its registry.
#[derive(Debug)]
pub struct Looked {
    /// The reference.
    pub reference: SchemaReference,
    /// How it stands.
    pub standing: Result<Standing, RegistryError>,
}

/// How a reference stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has this id.
    Registered(u32),
    /// It is registered when a route starts, and the registry finds it compatible.
    ToBeRegistered,
}

impl Registry {
    /// A registry that is asked in this way.
    #[must_use]
    pub fn new(settings: RegistrySettings) -> Self {
        Self {
            cache: Arc::new(Cache::new(&settings.name)),
            settings: Some(settings),
        }
    }

    /// A registry that cannot be asked: what is known of it is what its cache is taught.
    #[must_use]
    pub fn offline(name: &str) -> Self {
        Self {
            cache: Arc::new(Cache::new(name)),
            settings: None,
        }
    }

    /// What it has said.
    #[must_use]
    pub const fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }

    /// Fetches what a migration awaits. A question that may be answered a moment later is asked up to three times.
    ///
    /// An id of no schema, and one of a schema that cannot be used, is no error: it is remembered for a minute of this clock
    /// that it is of no use.
    ///
    /// # Errors
    /// The first thing that the registry did not say; the others are learnt all the same.
    pub async fn fetch(
        &self,
        awaited: &Awaited,
        purpose: Purpose,
        clock: &dyn Clock,
    ) -> Result<(), RegistryError> {
        if let Some(id) = awaited.id {
            return self.fetch_writer(id, clock).await;
        }
        let mut first = None;
        for looked in self.look(purpose, clock).await {
            let error = match looked.standing {
                Ok(Standing::Registered(_)) => continue,
                Ok(Standing::ToBeRegistered) => RegistryError {
                    registry: Arc::clone(self.cache.name()),
                    asked: asked_for(looked.reference.registry.as_ref()),
                    trouble: Trouble::Unknown,
                    status: None,
                    code: None,
                    detail: "it is registered when a route that needs it starts".to_owned(),
                },
                Err(error) => error,
            };
            first.get_or_insert(error);
        }
        first.map_or(Ok(()), Err)
    }

    /// How the references of migrations stand; those that are known already are not asked for again.
    pub async fn look(&self, purpose: Purpose, clock: &dyn Clock) -> Vec<Looked> {
        let mut all = Vec::new();
        for expected in self.cache.expected() {
            let standing = match self.cache.own(&expected.reference) {
                Some(known) => Ok(Standing::Registered(known.id)),
                None => self.find(&expected, purpose, clock).await,
            };
            all.push(Looked {
                reference: expected.reference,
                standing,
            });
        }
        all
    }

    async fn find(
        &self,
        expected: &Expected,
        purpose: Purpose,
        clock: &dyn Clock,
    ) -> Result<Standing, RegistryError> {
        let Some(named) = &expected.reference.registry else {
            return Err(self.not_asked("a schema that names no registry"));
        };
        let asking = self.asking(clock)?;
        match asking.own(expected, named, purpose).await? {
            Some(registered) => {
                let id = registered.id;
                self.cache.learn_own(&expected.reference, Arc::new(registered));
                Ok(Standing::Registered(id))
            }
            None => Ok(Standing::ToBeRegistered),
        }
    }

    async fn fetch_writer(&self, id: u32, clock: &dyn Clock) -> Result<(), RegistryError> {
        match self.asking(clock)?.by_id(id).await {
            Ok(registered) => self.cache.learn(id, Known::Schema(Arc::new(registered))),
            Err(error) if matches!(error.trouble, Trouble::Unknown | Trouble::Unusable) => {
                tracing::warn!(registry = &**self.cache.name(), id, "{error}");
                self.cache.learn_missing(id, clock.now() + MISSING);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn asking<'a>(&'a self, clock: &'a dyn Clock) -> Result<Asking<'a>, RegistryError> {
        match &self.settings {
            Some(settings) => Ok(Asking {
                client: Client::new(settings, self.cache.name(), clock)?,
            }),
            None => Err(self.not_asked("anything")),
        }
    }

    fn not_asked(&self, asked: &str) -> RegistryError {
        RegistryError {
            registry: Arc::clone(self.cache.name()),
            asked: asked.to_owned(),
            trouble: Trouble::Settings,
            status: None,
            code: None,
            detail: "it has no address".to_owned(),
        }
    }
}

/// A subject and a version of it, in words.
fn asked_for(named: Option<&RegistryReference>) -> String {
    match named {
        Some(named) => format!("the file's schema under the subject `{}`", named.subject),
        None => "the file's schema".to_owned(),
    }
}

/// One errand.
struct Asking<'a> {
    client: Client<'a>,
}

impl Asking<'_> {
    /// What a reference names. None: its file is to be registered, and is not, since nobody asked for more than a look.
    async fn own(
        &self,
        expected: &Expected,
        named: &RegistryReference,
        purpose: Purpose,
    ) -> Result<Option<Registered>, RegistryError> {
        let reference = &expected.reference;
        if reference.file.is_none() {
            // The loader has seen to it that there is a version.
            let version = named.version.unwrap_or(RegistryVersion::Latest);
            return self
                .version(&named.subject, version, Some(reference.format))
                .await
                .map(Some);
        }
        let asked = asked_for(Some(named));
        let unusable = |detail: &str| self.client.error(&asked, Trouble::Unusable, detail);
        let Some(text) = &expected.text else {
            return Err(unusable("a registry holds text, and the file is none"));
        };
        if let Some(version) = named.version {
            let found = self
                .version(&named.subject, version, Some(reference.format))
                .await?;
            let same = if reference.imports.is_empty() {
                let known = self.look_up(named, reference.format, text).await?;
                known.is_some_and(|known| known.id == found.id)
            } else {
                // What it imports is registered under names that only the registry knows.
                squeezed(&found.text) == squeezed(text)
            };
            return if same {
                Ok(Some(found))
            } else {
                Err(unusable("that version holds another schema than the file"))
            };
        }
        if !reference.imports.is_empty() {
            return Err(unusable(
                "a file with `imports` is not looked for by its text; name the `version` that it has there",
            ));
        }
        if let Some(known) = self.look_up(named, reference.format, text).await? {
            return Ok(Some(known));
        }
        if !named.register {
            return Err(self.client.error(
                &asked,
                Trouble::Unknown,
                "no version of the subject has the file's text, and `register: true` is not said",
            ));
        }
        self.compatible(named, reference.format, text).await?;
        if purpose == Purpose::Look {
            return Ok(None);
        }
        let registration: Registration = self
            .client
            .ask(&Question {
                method: Method::POST,
                segments: &["subjects", &named.subject, "versions"],
                query: &[],
                body: Some(body(reference.format, text)),
                asked,
            })
            .await?;
        tracing::info!(
            subject = named.subject,
            id = registration.id,
            "registered the schema of a file"
        );
        Ok(Some(Registered {
            id: registration.id,
            format: reference.format,
            text: text.clone(),
            references: Vec::new(),
        }))
    }

    /// The version of a subject that has this text; none if no version has.
    async fn look_up(
        &self,
        named: &RegistryReference,
        format: SchemaFormat,
        text: &str,
    ) -> Result<Option<Registered>, RegistryError> {
        let asked = asked_for(Some(named));
        let answer: Result<SchemaAnswer, _> = self
            .client
            .ask(&Question {
                method: Method::POST,
                segments: &["subjects", &named.subject],
                query: &[],
                body: Some(body(format, text)),
                asked: asked.clone(),
            })
            .await;
        match answer {
            Ok(mut answer) => {
                // It was found by its language, which not every registry repeats.
                answer
                    .language
                    .get_or_insert_with(|| answer::word(format).to_owned());
                self.registered(answer, None, &asked, Some(format))
                    .await
                    .map(Some)
            }
            Err(error) if error.trouble == Trouble::Unknown => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks whether a text could be the next version of a subject.
    async fn compatible(
        &self,
        named: &RegistryReference,
        format: SchemaFormat,
        text: &str,
    ) -> Result<(), RegistryError> {
        let asked = asked_for(Some(named));
        let verdict: Result<Compatibility, _> = self
            .client
            .ask(&Question {
                method: Method::POST,
                segments: &["compatibility", "subjects", &named.subject, "versions", "latest"],
                query: &[("verbose", "true")],
                body: Some(body(format, text)),
                asked: asked.clone(),
            })
            .await;
        let verdict = match verdict {
            Ok(verdict) => verdict,
            // The first version of a subject is compatible with all before it.
            Err(error) if error.trouble == Trouble::Unknown => return Ok(()),
            Err(error) => return Err(error),
        };
        if verdict.is_compatible {
            return Ok(());
        }
        let level: Result<Level, _> = self
            .client
            .ask(&Question {
                method: Method::GET,
                segments: &["config", &named.subject],
                query: &[("defaultToGlobal", "true")],
                body: None,
                asked: asked.clone(),
            })
            .await;
        let mut detail = match level {
            Ok(level) => format!("the subject asks for {}", level.level),
            Err(_) => "the latest version of the subject differs too much".to_owned(),
        };
        for message in verdict.messages.into_iter().flatten().take(3) {
            detail.push_str("; ");
            detail.push_str(&super::client::shortened(&message));
        }
        Err(self.client.error(&asked, Trouble::Incompatible, detail))
    }

    async fn by_id(&self, id: u32) -> Result<Registered, RegistryError> {
        let asked = format!("the schema with the id {id}");
        let answer: SchemaAnswer = self
            .client
            .ask(&Question {
                method: Method::GET,
                segments: &["schemas", "ids", &id.to_string()],
                query: &[],
                body: None,
                asked: asked.clone(),
            })
            .await?;
        self.registered(answer, Some(id), &asked, None).await
    }

    async fn version(
        &self,
        subject: &str,
        version: RegistryVersion,
        format: Option<SchemaFormat>,
    ) -> Result<Registered, RegistryError> {
        let asked = version_in_words(subject, version);
        let answer = self.version_answer(subject, version).await?;
        self.registered(answer, None, &asked, format).await
    }

    async fn version_answer(
        &self,
        subject: &str,
        version: RegistryVersion,
    ) -> Result<SchemaAnswer, RegistryError> {
        let word = match version {
            RegistryVersion::Number(number) => number.to_string(),
            RegistryVersion::Latest => "latest".to_owned(),
        };
        let answer: SchemaAnswer = self
            .client
            .ask(&Question {
                method: Method::GET,
                segments: &["subjects", subject, "versions", &word],
                query: &[],
                body: None,
                asked: version_in_words(subject, version),
            })
            .await?;
        if let (RegistryVersion::Number(wanted), Some(found)) = (version, answer.version)
            && wanted != found
        {
            let asked = version_in_words(subject, version);
            return Err(self
                .client
                .error(&asked, Trouble::Answer, format!("version {found}")));
        }
        Ok(answer)
    }

    /// An answer with everything that it refers to.
    async fn registered(
        &self,
        answer: SchemaAnswer,
        id: Option<u32>,
        asked: &str,
        expected: Option<SchemaFormat>,
    ) -> Result<Registered, RegistryError> {
        let unusable = |detail: String| self.client.error(asked, Trouble::Unusable, detail);
        let format = answer.format().map_err(|language| {
            unusable(format!(
                "it is of the type `{}`",
                super::client::shortened(language)
            ))
        })?;
        if let Some(expected) = expected.filter(|expected| *expected != format) {
            return Err(unusable(format!("expected `{expected}`, found `{format}`")));
        }
        let Some(id) = id.or(answer.id) else {
            return Err(self.client.error(asked, Trouble::Answer, "one without an id"));
        };
        let references = self
            .references(answer.references.unwrap_or_default(), asked)
            .await?;
        Ok(Registered {
            id,
            format,
            text: answer.schema,
            references,
        })
    }

    /// All texts to which a schema refers, each behind those to which it refers itself.
    async fn references(
        &self,
        direct: Vec<ReferenceAnswer>,
        asked: &str,
    ) -> Result<Vec<Referenced>, RegistryError> {
        /// One text, with what is still to be looked at of what it refers to.
        struct Open {
            reference: ReferenceAnswer,
            text: String,
            rest: Vec<ReferenceAnswer>,
        }
        let unusable = |detail: String| self.client.error(asked, Trouble::Unusable, detail);
        let mut done: Vec<Referenced> = Vec::new();
        let mut named: HashMap<String, (String, u32)> = HashMap::new();
        let mut bytes = 0;
        let mut rest: Vec<ReferenceAnswer> = direct.into_iter().rev().collect();
        // A stack of one's own: how deep they lead is somebody else's choice.
        let mut open: Vec<Open> = Vec::new();
        loop {
            let next = match open.last_mut() {
                Some(last) => last.rest.pop(),
                None => rest.pop(),
            };
            let Some(reference) = next else {
                let Some(finished) = open.pop() else {
                    return Ok(done);
                };
                done.push(Referenced {
                    name: finished.reference.name,
                    text: finished.text,
                });
                continue;
            };
            let target = (reference.subject.clone(), reference.version);
            if open
                .iter()
                .any(|open| open.reference.subject == target.0 && open.reference.version == target.1)
            {
                return Err(unusable(format!(
                    "it refers to itself by way of version {} of the subject `{}`",
                    target.1, target.0
                )));
            }
            match named.get(&reference.name) {
                Some(known) if *known == target => continue,
                Some(_) => {
                    return Err(unusable(format!(
                        "it refers to two schemas by the name `{}`",
                        reference.name
                    )));
                }
                None => {}
            }
            if named.len() == MOST_REFERENCES {
                return Err(unusable(format!(
                    "it refers to more than {MOST_REFERENCES} others"
                )));
            }
            let version = RegistryVersion::Number(reference.version);
            let answer = self.version_answer(&reference.subject, version).await?;
            bytes += answer.schema.len();
            if bytes > MOST_TEXT {
                return Err(unusable(format!("it refers to more than {MOST_TEXT} bytes")));
            }
            named.insert(reference.name.clone(), target);
            open.push(Open {
                reference,
                text: answer.schema,
                rest: answer.references.unwrap_or_default().into_iter().rev().collect(),
            });
        }
    }
}

fn version_in_words(subject: &str, version: RegistryVersion) -> String {
    match version {
        RegistryVersion::Number(number) => format!("version {number} of the subject `{subject}`"),
        RegistryVersion::Latest => format!("the latest version of the subject `{subject}`"),
    }
}

/// What a schema is looked for by, and registered with.
fn body(format: SchemaFormat, text: &str) -> Value {
    match format {
        // Older registries do not know the member.
        SchemaFormat::Avro => json!({"schema": text}),
        SchemaFormat::JsonSchema | SchemaFormat::Protobuf => {
            json!({"schema": text, "schemaType": answer::word(format)})
        }
    }
}

/// A text without white space, by which two spellings are one.
fn squeezed(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_whitespace())
        .collect()
}
