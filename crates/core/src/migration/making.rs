//! The last step of loading: schemas are compiled, and each gets its place in the chain.

#[cfg(test)]
mod tests;

use crate::finding::{Finding, Findings, did_you_mean};
use crate::migration::LoadOptions;
use crate::migration::load::{Draft, Resolver, VersionDraft};
use crate::migration::versions::{Version, Versions};

/// What is needed to make a migration of a draft.
pub(super) struct Making<'a> {
    pub(super) resolver: &'a dyn Resolver,
    pub(super) options: &'a LoadOptions<'a>,
    pub(super) findings: &'a mut Findings,
}

impl Making<'_> {
    /// Reports what is wrong with the schemas of a draft that is faulty elsewhere, so that all is told in one go. Their
    /// places are not judged, since its chain may lack transformations.
    pub(super) fn judge_schemas(&mut self, draft: &Draft) {
        for version in &draft.schemas.versions {
            // The schema itself is of no use without a migration.
            let _ = self
                .options
                .schemas
                .compile(&version.reference, self.resolver, self.findings);
        }
    }

    /// The versions of a migration; what is wrong with them is reported.
    pub(super) fn versions(&mut self, draft: &Draft) -> Versions {
        let length = draft.transformations.len();
        let drafts = &draft.schemas.versions;
        let mut all: Vec<Version> = Vec::new();
        for (index, version) in drafts.iter().enumerate() {
            let at = self.place_of(draft, version, index);
            let schema = self
                .options
                .schemas
                .compile(&version.reference, self.resolver, self.findings);
            let (Some(at), Some(schema)) = (at, schema) else {
                continue;
            };
            if let Some(before) = all.last().filter(|before| before.at > at) {
                let message = format!(
                    "the version `{}` stands behind `{}`, and holds at an earlier place of the chain",
                    version.name, before.name
                );
                let help = "list the versions in the order of the chain";
                self.findings
                    .push(Finding::error(&version.place, message).help(help));
            }
            all.push(Version {
                name: version.name.clone(),
                at,
                schema,
                place: version.place.clone(),
                reference: version.reference.clone(),
            });
        }
        let versions = Versions {
            all,
            by: draft.schemas.by.clone(),
            length,
        };
        self.judge_way_out(drafts, &versions);
        versions
    }

    /// How many transformations are behind a message of this version.
    fn place_of(&mut self, draft: &Draft, version: &VersionDraft, index: usize) -> Option<usize> {
        let length = draft.transformations.len();
        let is_last = index + 1 == draft.schemas.versions.len();
        let Some((id, place)) = &version.at else {
            return match &*version.name {
                "from" => Some(0),
                "to" => Some(length),
                _ if index == 0 => Some(0),
                _ if is_last => Some(length),
                _ => {
                    let help = "name the id of the transformation that is the last one behind a message of this version";
                    let message = format!(
                        "expected `at` for the version `{}`, which stands within the chain",
                        version.name
                    );
                    self.findings
                        .push(Finding::error(&version.place, message).help(help));
                    None
                }
            };
        };
        let ids = || draft.transformations.iter().map(|entry| entry.id.as_str());
        let found = ids().position(|known| known == id);
        if found.is_none() {
            const SHOWN: usize = 10;
            let meant = did_you_mean(id, ids());
            let message = format!("no transformation of this chain has the id `{id}`{meant}");
            let mut shown: Vec<String> = ids().take(SHOWN).map(|id| format!("`{id}`")).collect();
            if length > SHOWN {
                shown.push("…".to_owned());
            }
            let help = match shown.is_empty() {
                true => "the chain has no transformations".to_owned(),
                false => format!(
                    "give the transformation that is meant `id: {id}`; there are {}",
                    shown.join(", ")
                ),
            };
            self.findings.push(Finding::error(place, message).help(help));
        }
        found.map(|index| index + 1)
    }

    /// A message that comes in another form than JSON text needs one in which it can leave.
    fn judge_way_out(&mut self, drafts: &[VersionDraft], versions: &Versions) {
        if self.findings.has_errors() || versions.are_json() || versions.leaving().is_some() {
            return;
        }
        if let Some(first) = drafts.first() {
            let message =
                "expected a schema in which messages leave: they come in another form than JSON text";
            let help = "add `to` under `schemas`; `format: json-schema` makes JSON of them";
            self.findings
                .push(Finding::error(&first.place, message).help(help));
        }
    }
}
