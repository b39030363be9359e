//! One golden case, as its file states it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// A file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) cases: Vec<Case>,
}

/// One case. See `golden/README.md` for what each field means.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) rules: Vec<String>,

    pub(crate) transformations: Option<String>,
    pub(crate) json: Option<String>,
    pub(crate) files: Option<BTreeMap<String, String>>,
    pub(crate) entry: Option<String>,

    #[serde(rename = "in")]
    pub(crate) input: Option<String>,
    pub(crate) in_base64: Option<String>,
    pub(crate) no_payload: bool,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) key: Option<String>,
    pub(crate) options: CaseOptions,

    pub(crate) out: Option<String>,
    pub(crate) exact: bool,
    pub(crate) out_no_payload: bool,
    pub(crate) out_headers: Option<Vec<(String, String)>>,
    #[serde(deserialize_with = "given")]
    pub(crate) out_key: Option<Option<String>>,
    pub(crate) outcomes: Option<Vec<String>>,
    pub(crate) disposition: Option<String>,
    #[serde(deserialize_with = "given")]
    pub(crate) record: Option<Option<String>>,
    pub(crate) error: Option<ExpectedFailure>,
    pub(crate) load_errors: Option<Vec<ExpectedFinding>>,
    pub(crate) canonical: Option<Vec<String>>,
    pub(crate) digests: Option<Vec<String>>,
    pub(crate) ids: Option<Vec<String>>,
    pub(crate) chain: Option<String>,
    pub(crate) inverse: Option<Vec<String>>,
    pub(crate) loss: Option<String>,
    pub(crate) twice: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CaseOptions {
    pub(crate) record: Option<String>,
    pub(crate) max_depth: Option<usize>,
    pub(crate) max_size: Option<usize>,
    pub(crate) secrets: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedFailure {
    pub(crate) kind: String,
    pub(crate) transformation: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) found: Option<String>,
    pub(crate) offset: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedFinding {
    pub(crate) line: Option<usize>,
    pub(crate) column: Option<usize>,
    pub(crate) contains: Option<String>,
    pub(crate) file: Option<String>,
}

/// Tells a field that is `null` from one that is left out.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
