//! What stands between a reader with one schema and a writer with another.

use std::sync::Arc;

use dunlin_core::finding::Findings;
use dunlin_core::migration::SchemaReference;
use dunlin_core::migration::load::Resolver;

use super::compile::compile;
use super::model::Model;
use super::plan::{Plan, Refusal};
use super::sources::Sources;
use crate::compat::Difference;

/// The differences between two schemas in files: what schema resolution refuses, in either direction.
///
/// A branch of a union or a symbol that the reader does not have counts, since a writer may write it. `None` where one of
/// the schemas cannot be compiled, and findings say why.
pub(crate) fn differences(
    old: &SchemaReference,
    new: &SchemaReference,
    files: &dyn Resolver,
    findings: &mut Findings,
) -> Option<Vec<Difference>> {
    let (before, after) = (model(old, files, findings), model(new, files, findings));
    let (before, after) = (before?, after?);
    let mut plan = |writer, reader: &Arc<Model>| match Plan::new(writer, reader) {
        Ok(plan) => Some(plan.refusals),
        Err(message) => {
            findings.error(&new.place, message);
            None
        }
    };
    let backward = plan(&before, &after)?;
    let forward = plan(&after, &before)?;
    let difference = |refusal: Refusal, breaks_backward| Difference {
        path: refusal.path,
        sentence: refusal.reason.into(),
        breaks_backward,
        breaks_forward: !breaks_backward,
    };
    let backward = backward.into_iter().map(|refusal| difference(refusal, true));
    let forward = forward.into_iter().map(|refusal| difference(refusal, false));
    Some(backward.chain(forward).collect())
}

fn model(reference: &SchemaReference, files: &dyn Resolver, findings: &mut Findings) -> Option<Arc<Model>> {
    let Some(file) = &reference.file else {
        let message = "expected a schema in a file: what a registry has is not known here";
        findings.error(&reference.place, message);
        return None;
    };
    let sources = Sources::of_files(reference, file, files, findings)?;
    let message = reference.message.as_deref().map(|name| (name, &reference.place));
    compile(&sources, message, findings)
}

#[cfg(test)]
mod tests;
