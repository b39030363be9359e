//! Looks over a schema before it is compiled: where its references lead, and what judging one value with it can cost.
//!
//! A schema of a few lines can ask for 2^40 judgements of one value (`allOf` of two references to the next one, forty
//! times), or for judgements without end. Both are refused here, at the line that does it.

use std::collections::HashMap;

use dunlin_core::finding::{Finding, Findings};
use jsonschema::Draft;
use referencing::{Registry, Resolver, ResourceRef};
use serde_json::{Map, Value};

use super::compile::{Missing, pattern_is_good};
use super::documents::{Documents, dangling, resolved};

/// How many schemas may judge one value, through keywords that stay at it.
const MOST_JUDGEMENTS: u64 = 100_000;
/// Through how many such keywords one may lead to another.
const MOST_STEPS: u32 = 100;
/// The most regular expressions of one schema; each may take half a mebibyte of memory.
const MOST_PATTERNS: usize = 1000;

/// A part of a schema, with what is needed to follow its references.
pub(super) struct Part<'r> {
    pub(super) value: &'r Value,
    pub(super) resolver: Resolver<'r>,
    pub(super) draft: Draft,
}

/// How a schema applies another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Applied {
    /// To the same value.
    InPlace,
    /// To a part of the value, or not at all.
    Elsewhere,
}

impl<'r> Part<'r> {
    /// The part that is a whole text.
    pub(super) fn root(value: &'r Value, resolver: Resolver<'r>, draft: Draft) -> Self {
        Self {
            value,
            resolver,
            draft,
        }
        .within()
    }

    /// A part of this part.
    pub(super) fn child(&self, value: &'r Value) -> Self {
        Self {
            value,
            resolver: self.resolver.clone(),
            draft: self.draft,
        }
        .within()
    }

    /// The part to which a reference leads.
    pub(super) fn lookup(&self, reference: &str) -> Result<Self, referencing::Error> {
        let (value, resolver, draft) = self.resolver.lookup(reference)?.into_inner();
        Ok(Self {
            value,
            resolver,
            draft,
        })
    }

    /// The members, if it is an object.
    pub(super) fn members(&self) -> Option<&'r Map<String, Value>> {
        self.value.as_object()
    }

    /// The reference that stands here, and whether it is all that counts: up to draft 7, what stands beside it does not.
    pub(super) fn reference(&self) -> Option<(&'r str, bool)> {
        let reference = self.members()?.get("$ref")?.as_str()?;
        let is_all = matches!(self.draft, Draft::Draft4 | Draft::Draft6 | Draft::Draft7);
        Some((reference, is_all))
    }

    /// Takes an `$id` and a `$schema` of its own into account.
    fn within(self) -> Self {
        let draft = self.draft.detect(self.value);
        let resource = ResourceRef::new(self.value, draft);
        let is_covered = self.reference().is_some_and(|(_, is_all)| is_all);
        let resolver = if is_covered || resource.id().is_none() {
            self.resolver
        } else {
            self.resolver.in_subresource(resource).unwrap_or(self.resolver)
        };
        Self {
            value: self.value,
            resolver,
            draft,
        }
    }

    /// The schemas that are written within this one.
    pub(super) fn applied(&self) -> Vec<(Applied, &'r Value)> {
        let mut applied = Vec::new();
        let Some(members) = self.members() else {
            return applied;
        };
        if self.reference().is_some_and(|(_, is_all)| is_all) {
            return applied;
        }
        for (keyword, value) in members {
            let how = match keyword.as_str() {
                "allOf" | "anyOf" | "oneOf" | "not" | "if" | "then" | "else" | "dependentSchemas"
                | "dependencies" => Applied::InPlace,
                "properties"
                | "patternProperties"
                | "additionalProperties"
                | "unevaluatedProperties"
                | "propertyNames"
                | "items"
                | "prefixItems"
                | "additionalItems"
                | "unevaluatedItems"
                | "contains"
                | "$defs"
                | "definitions" => Applied::Elsewhere,
                _ => continue,
            };
            match (keyword.as_str(), value) {
                (
                    "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas"
                    | "dependencies",
                    Value::Object(map),
                ) => {
                    applied.extend(
                        map.values()
                            .filter(|value| is_schema(value))
                            .map(|value| (how, value)),
                    );
                }
                (_, Value::Array(all)) => applied.extend(all.iter().map(|value| (how, value))),
                (_, value) if is_schema(value) => applied.push((how, value)),
                _ => {}
            }
        }
        applied
    }
}

fn is_schema(value: &Value) -> bool {
    value.is_object() || value.is_boolean()
}

/// What is known of one part.
struct Known<'r> {
    value: &'r Value,
    in_place: Vec<usize>,
    judgements: u64,
    steps: u32,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Open,
    Done,
}

/// Reports everything that is wrong with the references of the texts, their patterns and their cost.
pub(super) fn survey<'r>(
    documents: &'r Documents,
    registry: &'r Registry<'r>,
    draft: Draft,
    missing: &Missing,
    findings: &mut Findings,
) {
    let mut survey = Survey {
        documents,
        missing,
        findings,
        known: Vec::new(),
        indexes: HashMap::new(),
        pending: Vec::new(),
        patterns: 0,
    };
    for document in &documents.all {
        let Ok(uri) = referencing::uri::from_str(&document.uri) else {
            continue;
        };
        let part = Part::root(
            &document.value,
            registry.resolver(uri),
            draft.detect(&document.value),
        );
        survey.index(part);
    }
    survey.go();
    survey.judge_cost();
}

struct Survey<'r, 'a> {
    documents: &'r Documents,
    missing: &'a Missing,
    findings: &'a mut Findings,
    known: Vec<Known<'r>>,
    indexes: HashMap<usize, usize>,
    pending: Vec<(usize, Part<'r>)>,
    patterns: usize,
}

impl<'r> Survey<'r, '_> {
    fn index(&mut self, part: Part<'r>) -> usize {
        let address = std::ptr::from_ref(part.value).addr();
        if let Some(index) = self.indexes.get(&address) {
            return *index;
        }
        let index = self.known.len();
        self.indexes.insert(address, index);
        self.known.push(Known {
            value: part.value,
            in_place: Vec::new(),
            judgements: 0,
            steps: 0,
            state: State::New,
        });
        self.pending.push((index, part));
        index
    }

    fn go(&mut self) {
        while let Some((index, part)) = self.pending.pop() {
            let mut in_place = Vec::new();
            for (how, value) in part.applied() {
                let child = self.index(part.child(value));
                if how == Applied::InPlace {
                    in_place.push(child);
                }
            }
            let members = part.members();
            for keyword in ["$ref", "$dynamicRef", "$recursiveRef"] {
                let Some(value) = members.and_then(|members| members.get(keyword)) else {
                    continue;
                };
                let Some(reference) = value.as_str() else { continue };
                match self.follow(&part, value, reference) {
                    // To itself: the validator passes over it, and so does everyone.
                    Some(target) if std::ptr::eq(target.value, part.value) => {}
                    Some(target) => {
                        let target = self.index(target);
                        in_place.push(target);
                    }
                    None => {}
                }
            }
            if let Some(members) = members {
                self.judge_patterns(members);
            }
            self.known[index].in_place = in_place;
        }
    }

    fn follow(&mut self, part: &Part<'r>, value: &Value, reference: &str) -> Option<Part<'r>> {
        let uri = resolved(part.resolver.base_uri().as_str(), reference);
        let is_missing = uri.as_ref().is_some_and(|uri| self.missing.has(uri));
        match part.lookup(reference) {
            Ok(target) if !is_missing => Some(target),
            Ok(_) | Err(_) => {
                let place = self.documents.place_of(value);
                let reason = uri.as_ref().and_then(|uri| self.documents.reasons.get(uri));
                self.findings
                    .push(dangling(&place, reference, reason, !is_missing));
                None
            }
        }
    }

    fn judge_patterns(&mut self, members: &'r Map<String, Value>) {
        let written = members
            .get("pattern")
            .into_iter()
            .filter_map(|value| Some((value, value.as_str()?)));
        let named = members
            .get("patternProperties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        let patterns: Vec<_> = written
            .chain(named.map(|(name, value)| (value, name.as_str())))
            .collect();
        for (value, pattern) in patterns {
            self.patterns += 1;
            if self.patterns == MOST_PATTERNS + 1 {
                let message = format!("the schema has more than {MOST_PATTERNS} regular expressions");
                self.findings.error(&self.documents.place_of(value), message);
            }
            if self.patterns <= MOST_PATTERNS && !pattern_is_good(pattern) {
                let message =
                    "expected a regular expression of ECMA 262 that takes at most 512 KiB of memory";
                self.findings.error(&self.documents.place_of(value), message);
            }
        }
    }

    /// Adds up what each part can cost, from those that lead nowhere to those that lead to them.
    fn judge_cost(&mut self) {
        let mut is_reported = false;
        for start in 0..self.known.len() {
            let mut open = vec![(start, 0)];
            while let Some((index, next)) = open.pop() {
                let known = &mut self.known[index];
                if next == 0 {
                    if known.state == State::Done {
                        continue;
                    }
                    known.state = State::Open;
                }
                if let Some(&child) = known.in_place.get(next) {
                    let value = known.value;
                    open.push((index, next + 1));
                    match self.known[child].state {
                        State::New => open.push((child, 0)),
                        State::Done => {}
                        State::Open => self.report_circle(value),
                    }
                    continue;
                }
                let children: Vec<_> = known.in_place.clone();
                let judgements = children.iter().map(|&child| self.known[child].judgements);
                let judgements = judgements.fold(1_u64, u64::saturating_add);
                let steps = children.iter().map(|&child| self.known[child].steps).max();
                let steps = steps.map_or(0, |steps| steps.saturating_add(1));
                let known = &mut self.known[index];
                (known.judgements, known.steps, known.state) = (judgements, steps, State::Done);
                if (judgements > MOST_JUDGEMENTS || steps > MOST_STEPS) && !is_reported {
                    is_reported = true;
                    let value = known.value;
                    self.report_cost(value, judgements);
                }
            }
        }
    }

    fn report_circle(&mut self, value: &Value) {
        let message = "the schema leads back to itself without going into a member or an element, so that it says nothing";
        let help = "let one of the schemas in the circle say something of its own, and refer to the others from its members";
        let place = self.documents.place_of(value);
        self.findings.push(Finding::error(&place, message).help(help));
    }

    fn report_cost(&mut self, value: &Value, judgements: u64) {
        let message = if judgements > MOST_JUDGEMENTS {
            format!(
                "one value would be judged by more than {MOST_JUDGEMENTS} schemas, through `allOf`, `anyOf`, `oneOf`, \
                 conditions and references"
            )
        } else {
            format!("the schema leads to others through more than {MOST_STEPS} steps at one value")
        };
        let place = self.documents.place_of(value);
        let help = "name each schema once in the lists of the others";
        self.findings.push(Finding::error(&place, message).help(help));
    }
}
