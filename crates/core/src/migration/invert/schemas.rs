//! The schemas of a downward migration: those of the upward one, the other way round.

use std::fmt::Write as _;

use crate::migration::canonical::quoted;
use crate::migration::schema::{Framing, RegistryVersion, SchemaReference};
use crate::migration::versions::{Version, VersionBy};
use crate::migration::{Check, DuplicateNames, Migration, Status};

/// The fields of the downward migration that speak of documents as a whole: `duplicate_names`, `schemas`, `version_by` and
/// `validate`. What has no place there is left out, with a comment that says why.
///
/// `of` is the name of the upward migration as the downward one, `name`, writes it. `behind` tells how many entries of the
/// downward chain are behind a message, for each count from `from` down.
pub(super) fn swapped(migration: &Migration, of: &str, name: &str, from: usize, behind: &[usize]) -> String {
    let mut text = String::new();
    if migration.duplicate_names == DuplicateNames::Reject {
        text.push_str("duplicate_names: reject\n");
    }
    let is_named = !migration.versions.by.is_empty();
    let mut kept: Vec<(&str, Option<usize>, &Version)> = Vec::new();
    for version in migration.versions().iter().rev() {
        let place = from.checked_sub(version.at).and_then(|below| behind.get(below));
        let Some(place) = place else {
            comment(&mut text, version, "it is outside of the part that is taken back");
            continue;
        };
        if !is_named {
            let (word, is_end) = match &*version.name {
                "from" => ("to", version.at + behind.len() == from + 1),
                _ => ("from", version.at == from),
            };
            if is_end {
                kept.push((word, None, version));
            } else {
                comment(
                    &mut text,
                    version,
                    "it holds at no end of the part that is taken back",
                );
            }
            continue;
        }
        let is_end = version.at == from || version.at + behind.len() == from + 1;
        if !is_end && *place == 0 {
            comment(&mut text, version, "no transformation leads back to it");
        } else {
            kept.push((&version.name, (!is_end).then_some(*place), version));
        }
    }
    if is_named && kept.len() < 2 {
        for (_, _, version) in kept.drain(..) {
            comment(
                &mut text,
                version,
                "no other version is in the part that is taken back",
            );
        }
    }
    if kept.is_empty() {
        return text;
    }
    text.push_str("schemas:\n");
    for (word, place, version) in &kept {
        let at = place.map(|place| format!("{name}#{place}"));
        line(
            &mut text,
            word,
            &fields(migration, of, &version.reference, at.as_deref()),
        );
    }
    if is_named {
        let names: Vec<&str> = kept.iter().map(|(word, ..)| *word).collect();
        let ways: Vec<String> = migration.versions.by.iter().map(|by| way(by, &names)).collect();
        text.push_str(&format!("version_by: [{}]\n", ways.join(", ")));
    }
    if migration.validate_is_written {
        validate(&mut text, migration, is_named, &kept);
    }
    text
}

fn line(text: &mut String, word: &str, fields: &str) {
    // Writing into a string cannot fail.
    let _ = writeln!(text, "  {}: {{ {fields} }}", quoted(word));
}

fn comment(text: &mut String, version: &Version, why: &str) {
    // Writing into a string cannot fail.
    let _ = writeln!(text, "# the schema `{}` is left out: {why}", version.name);
}

/// The fields of one schema. A way back registers nothing: what it writes was registered before.
fn fields(migration: &Migration, of: &str, reference: &SchemaReference, at: Option<&str>) -> String {
    let mut fields = vec![format!("format: {}", reference.format.word())];
    let mut put = |field: &str, value: &str| fields.push(format!("{field}: {}", quoted(value)));
    if let Some(file) = &reference.file {
        put("file", &beside(migration, of, file));
    }
    if let Some(message) = &reference.message {
        put("message", message);
    }
    if let Some(registry) = &reference.registry {
        put("registry", &registry.registry);
        put("subject", &registry.subject);
    }
    if let Some(at) = at {
        put("at", at);
    }
    match reference.registry.as_ref().and_then(|registry| registry.version) {
        Some(RegistryVersion::Number(number)) => fields.push(format!("version: {number}")),
        Some(RegistryVersion::Latest) => fields.push("version: latest".to_owned()),
        None => {}
    }
    if !reference.imports.is_empty() {
        let imports: Vec<String> = reference
            .imports
            .iter()
            .map(|import| quoted(beside(migration, of, import)))
            .collect();
        fields.push(format!("imports: [{}]", imports.join(", ")));
    }
    let default = if reference.registry.is_some() {
        Framing::Confluent
    } else {
        Framing::Plain
    };
    let framing = Framing::ALL
        .iter()
        .find(|(_, framing)| *framing == reference.framing);
    if let Some((word, _)) = framing.filter(|(_, framing)| *framing != default) {
        fields.push(format!("framing: {word}"));
    }
    fields.join(", ")
}

/// The name of a file, which is below the root, as the downward migration writes it: by the way to the upward one.
fn beside(migration: &Migration, of: &str, file: &str) -> String {
    let folder = |name: &str| {
        name.rsplit_once('/')
            .map_or(String::new(), |(folder, _)| folder.to_owned())
    };
    let home = folder(&migration.entry);
    let home: Vec<&str> = home.split('/').filter(|part| !part.is_empty()).collect();
    let target: Vec<&str> = file.split('/').collect();
    let shared = home
        .iter()
        .zip(&target)
        .take_while(|(one, other)| one == other)
        .count();
    let to_home = folder(of);
    let way: Vec<&str> = to_home
        .split('/')
        .filter(|part| !part.is_empty())
        .chain(home[shared..].iter().map(|_| ".."))
        .chain(target[shared..].iter().copied())
        .collect();
    way.join("/")
}

fn way(by: &VersionBy, kept: &[&str]) -> String {
    match by {
        VersionBy::Wire => "wire".to_owned(),
        VersionBy::Header => "header".to_owned(),
        VersionBy::Fits => "fits".to_owned(),
        VersionBy::Member { path, values } => {
            let values: Vec<String> = values
                .iter()
                .filter(|(_, version)| kept.contains(&&**version))
                .map(|(value, version)| format!("{}: {}", quoted(value), quoted(version)))
                .collect();
            let values = match values.as_slice() {
                [] => String::new(),
                values => format!(", values: {{ {} }}", values.join(", ")),
            };
            format!("{{ member: {}{values} }}", quoted(path.join(".")))
        }
    }
}

/// The checks that were written down, each at the other end. A check whose schema was left out is left out with it.
fn validate(
    text: &mut String,
    migration: &Migration,
    is_named: bool,
    kept: &[(&str, Option<usize>, &Version)],
) {
    let has = |word: &str| is_named || kept.iter().any(|(name, ..)| *name == word);
    let checks: Vec<String> = migration
        .validations
        .iter()
        .filter_map(|validation| {
            let word = match validation.check {
                Check::Syntax => "syntax",
                Check::From => "to",
                Check::To => "from",
            };
            let is_there = validation.check == Check::Syntax || has(word);
            is_there.then(|| match validation.status {
                Status::Pending => word.to_owned(),
                Status::Applied => format!("{{ check: {word}, status: applied }}"),
            })
        })
        .collect();
    if !checks.is_empty() {
        text.push_str(&format!("validate: [{}]\n", checks.join(", ")));
    }
}
