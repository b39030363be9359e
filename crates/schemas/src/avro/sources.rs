//! The texts of which a schema is made, and the order in which they have to be read.
//!
//! A text may use names that it does not define; they are looked up in the other texts. What a text needs is read before
//! it, so that every name is known where it is used; texts that need one another are refused.

use std::collections::{BTreeMap, HashMap};

use dunlin_core::finding::{Finding, Findings, Place};
use dunlin_core::migration::SchemaReference;
use dunlin_core::migration::load::{ResolveError, Resolver};
use dunlin_core::source::{self, Format, Node};

use super::names::{Definitions, definitions};
use crate::registry::Registered;

/// The most texts in one schema.
const MOST_TEXTS: usize = 1000;

/// A text of a schema.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) node: Node,
    pub(super) definitions: Definitions,
}

/// The text that is meant, and those in which names are looked up.
#[derive(Debug)]
pub(super) struct Sources {
    /// The first is the one that is meant.
    pub(super) all: Vec<Source>,
    /// Which text defines a name; the place is that of the definition.
    index: HashMap<String, Vec<(usize, Place)>>,
}

impl Sources {
    /// The texts that a reference names. `None` where one of them cannot be read, and findings say why.
    pub(super) fn of_files(
        reference: &SchemaReference,
        file: &str,
        files: &dyn Resolver,
        findings: &mut Findings,
    ) -> Option<Self> {
        let mut names = vec![file.to_owned()];
        let mut is_complete = true;
        for import in &reference.imports {
            match files.list(import) {
                Ok(mut listed) => {
                    listed.sort();
                    let below = |name: String| {
                        if import.is_empty() {
                            name
                        } else {
                            format!("{import}/{name}")
                        }
                    };
                    names.extend(
                        listed
                            .into_iter()
                            .filter(|name| name.ends_with(".avsc"))
                            .map(below),
                    );
                }
                // It is a file.
                Err(ResolveError::Kind { .. }) => names.push(import.clone()),
                Err(error) => {
                    let message = format!("the import `{}`: {error}", files.shown(import));
                    findings.error(&reference.place, message);
                    is_complete = false;
                }
            }
        }
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        if names.len() > MOST_TEXTS {
            let message = format!(
                "the imports have {} files, at most {MOST_TEXTS} are read",
                names.len()
            );
            findings.error(&reference.place, message);
            return None;
        }
        let mut nodes = Vec::new();
        for name in names {
            match files.read(&name) {
                Ok(bytes) => {
                    let shown = files.shown(&name);
                    match source::read(&shown, &bytes, Format::Json, findings) {
                        Some(node) => nodes.push((shown, node)),
                        None => is_complete = false,
                    }
                }
                Err(error) => {
                    let message = format!("the schema `{}`: {error}", files.shown(&name));
                    findings.error(&reference.place, message);
                    is_complete = false;
                }
            }
        }
        (is_complete && !findings.has_errors()).then(|| Self::new(nodes))
    }

    /// The texts that a registry has for a schema.
    pub(super) fn of_registered(registered: &Registered, findings: &mut Findings) -> Option<Self> {
        let own = (format!("schema {}", registered.id), registered.text.as_str());
        let references = registered.references.iter().map(|referenced| {
            let name = format!("schema {}, reference {}", registered.id, referenced.name);
            (name, referenced.text.as_str())
        });
        let mut nodes = Vec::new();
        // A subject may be referred to from several places, under one name.
        let mut seen = BTreeMap::new();
        for (name, text) in std::iter::once(own).chain(references) {
            if seen.insert(text, ()).is_some() {
                continue;
            }
            let node = source::read(&name, text.as_bytes(), Format::Json, findings)?;
            nodes.push((name, node));
        }
        (!findings.has_errors()).then(|| Self::new(nodes))
    }

    /// A text that stands alone.
    pub(super) fn of_text(name: &str, text: &[u8], findings: &mut Findings) -> Option<Self> {
        let node = source::read(name, text, Format::Json, findings)?;
        (!findings.has_errors()).then(|| Self::new(vec![(name.to_owned(), node)]))
    }

    fn new(nodes: Vec<(String, Node)>) -> Self {
        let mut index: HashMap<String, Vec<(usize, Place)>> = HashMap::new();
        let mut all = Vec::new();
        for (position, (name, node)) in nodes.into_iter().enumerate() {
            let definitions = definitions(&node);
            for (defined, place) in &definitions.defined {
                let entry = index.entry(defined.clone()).or_default();
                entry.push((position, place.clone()));
            }
            all.push(Source {
                name,
                node,
                definitions,
            });
        }
        Self { all, index }
    }

    /// The texts that are needed, each behind those that it needs. `wanted` is a name that must be defined too.
    pub(super) fn order(&self, wanted: Option<&str>, findings: &mut Findings) -> Vec<usize> {
        let mut order = Order {
            sources: self,
            states: vec![State::Unread; self.all.len()],
            order: Vec::new(),
        };
        order.visit(0, findings);
        if let Some(wanted) = wanted
            && let Some((source, _)) = self.defining(wanted, 0)
        {
            order.visit(source, findings);
        }
        order.order
    }

    /// The text in which a name that `source` uses is defined: itself, or else the first of the others.
    fn defining(&self, name: &str, source: usize) -> Option<(usize, &Place)> {
        let all = self.index.get(name)?;
        let own = all.iter().find(|(position, _)| *position == source);
        own.or_else(|| all.first())
            .map(|(position, place)| (*position, place))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Unread,
    /// It waits for what it needs.
    Open,
    Done,
}

struct Order<'a> {
    sources: &'a Sources,
    states: Vec<State>,
    order: Vec<usize>,
}

impl Order<'_> {
    /// Goes as deep as there are texts, which are no more than [`MOST_TEXTS`].
    fn visit(&mut self, source: usize, findings: &mut Findings) {
        if self.states[source] != State::Unread {
            return;
        }
        self.states[source] = State::Open;
        let sources = self.sources;
        for (name, place) in &sources.all[source].definitions.used {
            let Some((needed, _)) = sources.defining(name, source) else {
                continue;
            };
            if needed == source {
                continue;
            }
            if self.states[needed] == State::Open {
                let message = format!(
                    "`{name}` is defined in {}, which needs this file in turn: files may not import one another",
                    sources.all[needed].name
                );
                let help = "define types that need one another in one file";
                findings.push(Finding::error(place, message).help(help));
                continue;
            }
            self.visit(needed, findings);
        }
        self.states[source] = State::Done;
        self.order.push(source);
    }
}
