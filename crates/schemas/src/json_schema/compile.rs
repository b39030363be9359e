//! From texts to a schema, with a finding for everything that is wrong, at its line and column.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use dunlin_core::finding::{Finding, Findings, Place};
use dunlin_core::migration::shape::Shape;
use dunlin_core::source::{Content, Node};
use jsonschema::error::ValidationErrorKind;
use jsonschema::meta::MetaValidator;
use jsonschema::paths::{Location, LocationSegment};
use jsonschema::{Draft, PatternOptions, Retrieve, ValidationError, ValidationOptions, Validator};
use referencing::{Registry, ResourceRef, Uri};
use serde_json::Value;

use super::check::sentence;
use super::documents::{Document, Documents};
use super::instance;
use super::keywords::with_exact_numbers;
use super::misspelt;
use super::rules::{Rules, rules};
use super::survey::{Part, survey};

/// The stack of the thread on which schemas are compiled. Most of it is never touched.
const STACK: usize = 256 << 20;
/// The memory that one regular expression may take, in bytes.
const PATTERN_BYTES: usize = 512 << 10;
/// How often a regular expression with look-around or back references may go back. Others never do.
const PATTERN_STEPS: usize = 100_000;

/// A schema that is ready to judge.
pub(super) struct Compiled {
    pub(super) validator: Validator<instance::Document>,
    pub(super) draft: Draft,
    pub(super) shape: Shape,
    pub(super) rules: Rules,
}

impl fmt::Debug for Compiled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Compiled")
            .field("draft", &self.draft)
            .finish_non_exhaustive()
    }
}

/// Compiles the first of the texts, with the others at hand.
pub(super) fn compile(documents: &Documents, findings: &mut Findings) -> Option<Compiled> {
    // The validator's compiler goes down a few frames for each level of a schema, and threads of the caller may be small.
    let compiled = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("json-schema".to_owned())
            .stack_size(STACK);
        let work = || {
            let mut findings = Findings::new();
            let compiled = Compiling {
                documents,
                findings: &mut findings,
            }
            .go();
            (compiled, findings)
        };
        thread.spawn_scoped(scope, work).ok()?.join().ok()
    });
    let Some((compiled, found)) = compiled else {
        let place = documents
            .all
            .first()
            .map_or_else(|| Place::whole("schema"), |first| first.node.place.clone());
        findings.error(
            &place,
            "the schema could not be compiled: its compiler ended early",
        );
        return None;
    };
    let is_good = !found.has_errors();
    findings.append(found);
    compiled.filter(|_| is_good)
}

/// How many meta-schemas may be written in each other's dialects.
const MOST_META_SCHEMAS: usize = 16;

/// What a schema is written in.
#[derive(Debug)]
struct Dialect {
    /// The draft that it is or is made of.
    draft: Draft,
    /// Whether it is described by a meta-schema among the texts.
    is_own: bool,
    /// Whether it has the vocabulary in which numbers are judged.
    has_validation: bool,
}

impl Dialect {
    const fn of(draft: Draft) -> Self {
        Self {
            draft,
            is_own: false,
            has_validation: true,
        }
    }
}

struct Compiling<'a> {
    documents: &'a Documents,
    findings: &'a mut Findings,
}

impl Compiling<'_> {
    fn go(&mut self) -> Option<Compiled> {
        let root = self.documents.all.first()?;
        let dialect = self.dialect_of(root)?;
        let draft = dialect.draft;
        for document in &self.documents.all {
            self.judge_with_meta_schema(document, draft);
        }
        self.documents.judge_references(self.findings);
        if self.findings.has_errors() {
            return None;
        }
        let missing = Missing::default();
        let registry = match registry(self.documents, draft, &missing) {
            Ok(registry) => registry,
            Err(error) => return self.refuse(&root.node.place, &error),
        };
        survey(self.documents, &registry, draft, &missing, self.findings);
        if self.findings.has_errors() {
            return None;
        }
        let has_notes = self.documents.all.iter().any(|document| document.has_notes);
        let base = self.documents.base();
        let options = options(&dialect)
            .with_registry(&registry)
            .with_base_uri(base.as_str());
        let options = match dialect.has_validation {
            true => with_exact_numbers(options, draft, has_notes),
            false => options,
        };
        let validator = match options.build(&root.value) {
            Ok(validator) => validator,
            Err(error) => {
                self.refuse_build(root, &error);
                return None;
            }
        };
        let uri = referencing::uri::from_str(&base).ok()?;
        let part = Part::root(&root.value, registry.resolver(uri), draft);
        Some(Compiled {
            validator,
            draft,
            shape: super::shape::shape(&part),
            rules: rules(&part),
        })
    }

    fn refuse<T>(&mut self, place: &Place, error: &dyn fmt::Display) -> Option<T> {
        self.findings
            .error(place, format!("the schema cannot be compiled: {error}"));
        None
    }

    /// The dialect of a text; the newest one where it names none.
    fn dialect_of(&mut self, document: &Document) -> Option<Dialect> {
        let Some(schema) = document.value.get("$schema") else {
            return Some(Dialect::of(Draft::Draft202012));
        };
        let place = || {
            document
                .node
                .member("$schema")
                .map_or_else(|| document.node.place.clone(), |node| node.place.clone())
        };
        let Some(uri) = schema.as_str() else {
            self.findings
                .error(&place(), "expected the URI of a dialect of JSON Schema");
            return None;
        };
        match Draft::from_schema_uri(uri) {
            Draft::Unknown => {
                if let Some(meta) = self.at_hand(uri) {
                    return Some(self.own_dialect(meta));
                }
                let help = "the dialects are https://json-schema.org/draft/2020-12/schema, \
                            https://json-schema.org/draft/2019-09/schema and http://json-schema.org/draft-07/schema#, \
                            and those before; or name the file of its meta-schema under `imports`";
                let message = "expected a dialect of JSON Schema that is known";
                self.findings.push(Finding::error(&place(), message).help(help));
                None
            }
            draft => Some(Dialect::of(draft)),
        }
    }

    /// A dialect that is made of a meta-schema: the keywords are those of the draft in which that is written, as far as it
    /// has their vocabularies.
    fn own_dialect(&self, meta: &Document) -> Dialect {
        let mut above = meta;
        let mut draft = Draft::Draft202012;
        for _ in 0..MOST_META_SCHEMAS {
            let Some(uri) = above.value.get("$schema").and_then(Value::as_str) else {
                break;
            };
            match (Draft::from_schema_uri(uri), self.at_hand(uri)) {
                (Draft::Unknown, Some(next)) => above = next,
                (Draft::Unknown, None) => break,
                (known, _) => {
                    draft = known;
                    break;
                }
            }
        }
        let vocabularies = meta.value.get("$vocabulary").and_then(Value::as_object);
        Dialect {
            draft,
            is_own: true,
            has_validation: vocabularies
                .is_none_or(|all| all.keys().any(|uri| uri.ends_with("/vocab/validation"))),
        }
    }

    fn at_hand(&self, uri: &str) -> Option<&Document> {
        let uri = uri.trim_end_matches('#');
        let ids = |document: &Document| {
            document
                .value
                .get("$id")
                .and_then(Value::as_str)
                .map(|id| id.trim_end_matches('#') == uri)
        };
        self.documents
            .all
            .iter()
            .find(|document| document.uri == uri || ids(document) == Some(true))
    }

    fn judge_with_meta_schema(&mut self, document: &Document, draft: Draft) {
        // Parts in another dialect are judged by the compiler.
        if has_parts_in_other_dialects(&document.value) {
            return;
        }
        let Some(validator) = meta_validator(draft.detect(&document.value)) else {
            return;
        };
        for error in validator.iter_errors(&document.value) {
            let place = place_at(&document.node, error.instance_path());
            self.findings.error(&place, sentence_of_schema(&error));
        }
        misspelt::warn(&document.node, self.findings);
    }

    fn refuse_build(&mut self, root: &Document, error: &ValidationError<'_>) {
        let location = if error.instance_path().is_empty() {
            error.schema_path()
        } else {
            error.instance_path()
        };
        self.findings
            .error(&place_at(&root.node, location), sentence(error));
    }
}

/// What a dialect expected of a schema. Of `type` it says only that one of two rules is not met.
fn sentence_of_schema(error: &ValidationError<'_>) -> String {
    let is_type = error.instance_path().as_str().ends_with("/type");
    if is_type && matches!(error.kind(), ValidationErrorKind::AnyOf { .. }) {
        return "expected one of `array`, `boolean`, `integer`, `null`, `number`, `object` and `string`, or a list of them"
            .to_owned();
    }
    sentence(error)
}

fn has_parts_in_other_dialects(value: &Value) -> bool {
    let mut pending: Vec<&Value> = children(value).collect();
    while let Some(value) = pending.pop() {
        if value.get("$schema").is_some() {
            return true;
        }
        pending.extend(children(value));
    }
    false
}

fn children(value: &Value) -> impl Iterator<Item = &Value> {
    let elements = value.as_array().into_iter().flatten();
    let members = value.as_object().into_iter().flat_map(serde_json::Map::values);
    elements.chain(members)
}

fn meta_validator(draft: Draft) -> Option<MetaValidator<'static>> {
    Some(match draft {
        Draft::Draft4 => jsonschema::draft4::meta::validator(),
        Draft::Draft6 => jsonschema::draft6::meta::validator(),
        Draft::Draft7 => jsonschema::draft7::meta::validator(),
        Draft::Draft201909 => jsonschema::draft201909::meta::validator(),
        Draft::Draft202012 => jsonschema::draft202012::meta::validator(),
        _ => return None,
    })
}

/// The place of what a pointer leads to; of the deepest value on the way that is there, if it is not.
fn place_at(node: &Node, location: &Location) -> Place {
    let mut here = node;
    for segment in location {
        let next = match (&here.content, &segment) {
            (Content::Array(elements), LocationSegment::Index(index)) => elements.get(*index),
            (Content::Object(_), LocationSegment::Property(name)) => here.member(name),
            (Content::Object(_), LocationSegment::Index(index)) => here.member(&index.to_string()),
            _ => None,
        };
        let Some(next) = next else { break };
        here = next;
    }
    here.place.clone()
}

/// The texts, by their URIs.
fn registry<'a>(
    documents: &'a Documents,
    draft: Draft,
    missing: &Missing,
) -> Result<Registry<'a>, referencing::Error> {
    let mut registry = Registry::new().draft(draft).retriever(missing.clone());
    for document in &documents.all {
        // Each in its own dialect: a text may refer to one of another.
        let resource = ResourceRef::new(&document.value, draft.detect(&document.value));
        registry = registry.add(document.uri.as_str(), resource)?;
    }
    registry.prepare()
}

/// Formats are annotations, unless a dialect of its own says that they are asserted. No reference is fetched.
fn options(dialect: &Dialect) -> ValidationOptions<'static, Arc<dyn Retrieve>, instance::Document> {
    let options = jsonschema::options_for::<instance::Document>();
    let options = match dialect.is_own {
        // The validator finds the meta-schema among the texts, and its vocabularies.
        true => options,
        false => options.with_draft(dialect.draft),
    };
    let options = options
        .with_retriever(Missing::default())
        .with_pattern_options(patterns());
    match dialect.draft {
        Draft::Draft4 | Draft::Draft6 | Draft::Draft7 => options.should_validate_formats(false),
        _ => options,
    }
}

fn patterns() -> PatternOptions<jsonschema::FancyRegex> {
    PatternOptions::fancy_regex()
        .backtrack_limit(PATTERN_STEPS)
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(PATTERN_BYTES)
}

/// Whether a regular expression can be compiled, within its limit of memory.
pub(super) fn pattern_is_good(pattern: &str) -> bool {
    let schema = serde_json::json!({ "pattern": pattern });
    jsonschema::options()
        .with_draft(Draft::Draft7)
        .with_pattern_options(patterns())
        .build(&schema)
        .is_ok()
}

/// Answers for everything that is not at hand, and remembers what was asked for.
///
/// Places of a text that no keyword reaches may refer to anything; only what is really used has to be there.
#[derive(Debug, Clone, Default)]
pub(super) struct Missing {
    asked: Arc<Mutex<HashSet<String>>>,
}

impl Missing {
    /// Whether a URI was asked for.
    pub(super) fn has(&self, uri: &str) -> bool {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.contains(uri)
    }
}

impl Retrieve for Missing {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.insert(uri.as_str().to_owned());
        Ok(Value::Bool(true))
    }
}
