//! Why a registry did not say what was asked, in words that tell what to do.

use std::fmt;
use std::sync::Arc;

/// Why a registry did not say what was asked.
#[derive(Debug, Clone)]
pub struct RegistryError {
    pub(super) registry: Arc<str>,
    /// What was asked for: `version 3 of the subject orders-value`.
    pub(super) asked: String,
    pub(super) trouble: Trouble,
    pub(super) status: Option<u16>,
    /// The code in the answer, of those that Confluent's interface lists.
    pub(super) code: Option<u32>,
    /// What else is known, without a secret.
    pub(super) detail: String,
}

/// What kind of trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// No connection, or no answer in time.
    Unreachable,
    /// It said that it cannot at the moment: a status from 500, or 429.
    Busy,
    /// It does not let us in (401, 403).
    Refused,
    /// It has no such thing (404, with a code of the interface).
    Unknown,
    /// It finds a schema incompatible (409).
    Incompatible,
    /// It finds the question wrong (any other status from 400).
    Invalid,
    /// What answered is no schema registry, or not one that can be understood.
    Answer,
    /// It cannot be asked as the configuration says.
    Settings,
    /// What it has cannot be used.
    Unusable,
}

impl RegistryError {
    /// The trouble of a registry that was not asked, or that has answered to no avail.
    #[must_use]
    pub fn without_answer(registry: &Arc<str>, detail: &str) -> Self {
        Self {
            registry: Arc::clone(registry),
            asked: "what a migration needs".to_owned(),
            trouble: Trouble::Settings,
            status: None,
            code: None,
            detail: detail.to_owned(),
        }
    }

    /// What kind of trouble it is.
    #[must_use]
    pub const fn trouble(&self) -> Trouble {
        self.trouble
    }

    /// Whether the same question may be answered a moment later.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        matches!(self.trouble, Trouble::Unreachable | Trouble::Busy)
    }

    /// The name of the registry.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            registry,
            asked,
            detail,
            ..
        } = self;
        match self.trouble {
            Trouble::Unreachable => write!(f, "the registry `{registry}` cannot be reached for {asked}")?,
            Trouble::Busy => write!(f, "the registry `{registry}` cannot answer for {asked} now")?,
            Trouble::Refused => write!(f, "the registry `{registry}` does not let us in for {asked}")?,
            Trouble::Unknown => write!(f, "the registry `{registry}` does not know {asked}")?,
            Trouble::Incompatible => {
                write!(f, "the registry `{registry}` finds {asked} incompatible")?;
            }
            Trouble::Invalid => write!(f, "the registry `{registry}` refuses the question for {asked}")?,
            Trouble::Answer => write!(
                f,
                "expected an answer of the registry `{registry}` for {asked}, found another"
            )?,
            Trouble::Settings => write!(f, "the registry `{registry}` cannot be asked for {asked}")?,
            Trouble::Unusable => write!(f, "the registry `{registry}` has {asked}, which cannot be used")?,
        }
        match (self.status, self.code) {
            (Some(status), Some(code)) => write!(f, " ({status}, error {code})")?,
            (Some(status), None) => write!(f, " ({status})")?,
            (None, _) => {}
        }
        if !detail.is_empty() {
            write!(f, ": {detail}")?;
        }
        let help = match self.trouble {
            Trouble::Unreachable => "see that it runs, and where its `url` leads",
            Trouble::Busy => "it is asked again",
            Trouble::Refused => "see its `user` and `password`, or its `token`",
            Trouble::Unknown => "register it, or name another",
            Trouble::Incompatible => "change the schema, or the compatibility that the subject asks for",
            Trouble::Answer => {
                "see that its `url` leads to the registry's interface, path included, such as `/apis/ccompat/v7`"
            }
            Trouble::Settings => "see its settings under `registries`",
            Trouble::Invalid | Trouble::Unusable => return Ok(()),
        };
        write!(f, "; {help}")
    }
}

impl std::error::Error for RegistryError {}
