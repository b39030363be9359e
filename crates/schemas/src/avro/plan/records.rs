//! The parts of a plan that go by names: fields of records, symbols of enumerations.

use std::collections::HashMap;
use std::sync::Arc;

use dunlin_core::migration::document::Value;

use super::super::model::{Enumeration, Field, Record};
use super::{FieldStep, MemberStep, Origin, Planner, RecordStep, Step, StepId, Way};

impl Planner<'_> {
    pub(super) fn record(&mut self, step: StepId, from: &Record, into: &Record) -> Step {
        let written: HashMap<usize, usize> = into
            .fields
            .iter()
            .enumerate()
            .filter_map(|(member, field)| Some((written_as(from, field)?, member)))
            .collect();
        let fields: Vec<FieldStep> = from
            .fields
            .iter()
            .enumerate()
            .map(|(index, field)| {
                let read = written.get(&index).map(|member| {
                    let target = &into.fields[*member];
                    let way = Way::Member(Arc::clone(&target.name));
                    (*member, self.pair(field.kind, target.kind, Origin::of(step, way)))
                });
                FieldStep {
                    name: Arc::clone(&field.name),
                    read,
                    kind: field.kind,
                }
            })
            .collect();
        let mut is_read = vec![false; into.fields.len()];
        for (member, _) in fields.iter().filter_map(|field| field.read) {
            is_read[member] = true;
        }
        let mut missing = Vec::new();
        for (field, is_read) in into.fields.iter().zip(&is_read) {
            if !is_read && field.default.is_none() {
                missing.push(format!("`{}`", field.name));
            }
        }
        if !missing.is_empty() {
            let reason = format!(
                "the writer's `{}` has no field {}, and the reader's has no default for it",
                from.name.full,
                missing.join(", ")
            );
            return self.refuse(step, reason);
        }
        let member = |field: &Field| MemberStep {
            name: field.text(),
            default: field.default.as_ref().map(|default| default.value.clone()),
        };
        let is_straight = fields.len() == into.fields.len()
            && fields
                .iter()
                .enumerate()
                .all(|(index, field)| field.read.is_some_and(|(member, _)| member == index));
        Step::Record(RecordStep {
            fields,
            members: into.fields.iter().map(member).collect(),
            is_straight,
        })
    }

    pub(super) fn enumeration(&mut self, step: StepId, from: &Enumeration, into: &Enumeration) -> Step {
        let fallback = into.default.map(|index| Value::string(&into.symbols[index]));
        let symbols: Vec<Option<Value>> = from
            .symbols
            .iter()
            .map(|symbol| {
                if into.symbols.contains(symbol) {
                    Some(Value::string(symbol))
                } else {
                    fallback.clone()
                }
            })
            .collect();
        let unknown: Vec<String> = from
            .symbols
            .iter()
            .zip(&symbols)
            .filter(|(_, value)| value.is_none())
            .map(|(symbol, _)| format!("`{symbol}`"))
            .collect();
        if !unknown.is_empty() {
            let reason = format!(
                "the reader's `{}` has neither the symbol {} nor a default",
                into.name.full,
                unknown.join(", ")
            );
            self.refusals.push((step, reason.into()));
        }
        Step::Enum(symbols)
    }
}

/// The writer's field that a field of the reader means: by its name, else by the first of its aliases that there is.
fn written_as(from: &Record, field: &Field) -> Option<usize> {
    let by_alias = || {
        field
            .aliases
            .iter()
            .find_map(|alias| from.by_name.get(alias.as_str()))
    };
    from.by_name.get(&field.name).or_else(by_alias).copied()
}
