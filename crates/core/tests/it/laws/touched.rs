//! What a transformation may touch, as its paths say, and whether it has kept its hands off everything else.
//!
//! This is judged on the printed documents before and after, so that a changed spelling counts as a change.

use dunlin_core::migration::document::{Member, Text, Value};
use dunlin_core::migration::path::{Name, Path, Segment};

use super::pair::{Entry, json};

/// Paths to what a transformation may change: everything at and below their ends.
pub(super) fn touched(entry: &Entry) -> Vec<Vec<Segment>> {
    let operation = entry.operation();
    let paths = paths(entry, operation);
    let ends: Vec<Vec<Segment>> = paths
        .iter()
        .filter_map(|path| path.segments())
        .map(<[_]>::to_vec)
        .collect();
    let parents: Vec<Vec<Segment>> = paths
        .iter()
        .filter_map(Path::parent)
        .filter_map(|path| path.segments().map(<[_]>::to_vec))
        .collect();
    match operation {
        "drop" => Vec::new(),
        "rename" => match entry.text("to").map(|to| segment(&to)) {
            Some(to) => ends
                .iter()
                .cloned()
                .chain(parents.iter().map(|parent| below(parent, &to)))
                .collect(),
            // Any name may come out of another case.
            None if paths.iter().any(Path::is_deep) => vec![Vec::new()],
            None => parents,
        },
        "move" | "copy" => {
            let to = entry.text("to").unwrap_or_default();
            ends.into_iter()
                .chain(path(&to).segments().map(<[_]>::to_vec))
                .collect()
        }
        "unnest" => parents,
        "nest" | "join" | "split" if entry.has("into") => {
            let into: Vec<String> = match json(entry.get("into").unwrap_or("null")) {
                Value::Array(names) => names.iter().filter_map(text).collect(),
                name => text(&name).into_iter().collect(),
            };
            let targets = into.iter().map(|name| segment(name));
            let targets: Vec<_> = targets
                .flat_map(|to| {
                    parents
                        .iter()
                        .map(move |parent| below(parent, &to))
                        .collect::<Vec<_>>()
                })
                .collect();
            ends.into_iter().chain(targets).collect()
        }
        _ => ends,
    }
}

/// Whether a transformation may change the headers of this name.
pub(super) fn touches_header(entry: &Entry, name: &str) -> bool {
    let mut headers: Vec<String> = message_paths(entry)
        .iter()
        .filter_map(Path::header)
        .map(|header| header.as_str().to_owned())
        .collect();
    if entry.operation() == "rename" && !headers.is_empty() {
        match entry.text("to") {
            Some(to) => headers.extend(
                path(&format!("@headers.{to}"))
                    .header()
                    .map(|name| name.as_str().to_owned()),
            ),
            // Any name may come out of another case.
            None => return true,
        }
    }
    headers.iter().any(|header| header == name)
}

/// Whether a transformation may change the key.
pub(super) fn touches_key(entry: &Entry) -> bool {
    message_paths(entry).iter().any(Path::is_key)
}

fn message_paths(entry: &Entry) -> Vec<Path> {
    let mut all = paths(entry, entry.operation());
    if matches!(entry.operation(), "move" | "copy") {
        all.extend(paths(entry, "to"));
    }
    all
}

/// The paths of the operation's own field.
pub(super) fn paths(entry: &Entry, field: &str) -> Vec<Path> {
    match json(entry.get(field).unwrap_or("null")) {
        Value::Array(all) => all.iter().filter_map(text).map(|text| path(&text)).collect(),
        _ if field == "drop" => Vec::new(),
        one => text(&one).map(|text| path(&text)).into_iter().collect(),
    }
}

/// Whether everything outside of these paths stands in both documents, spelled the same and in the same order.
pub(super) fn rest_is_kept(before: &Value, after: &Value, paths: &[&[Segment]]) -> bool {
    if paths.iter().any(|path| path.is_empty()) {
        return true;
    }
    if paths.is_empty() {
        return before.to_json() == after.to_json();
    }
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => members_are_kept(before, after, paths),
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            let count = old.len();
            old.iter().zip(new).enumerate().all(|(index, (old, new))| {
                let below: Vec<_> = paths
                    .iter()
                    .flat_map(|path| into_element(path, index, count))
                    .collect();
                rest_is_kept(old, new, &below)
            })
        }
        // Elements were removed, so there must have been a path that ends in them.
        (Value::Array(old), Value::Array(_)) => (0..old.len()).any(|index| {
            paths.iter().any(|path| {
                into_element(path, index, old.len())
                    .iter()
                    .any(|rest| rest.is_empty())
            })
        }),
        // A parent that was made in the place of a `null`.
        (Value::Null, Value::Object(_)) => true,
        _ => before.to_json() == after.to_json(),
    }
}

fn members_are_kept(before: &[Member], after: &[Member], paths: &[&[Segment]]) -> bool {
    let (kept_before, met_before) = apart(before, paths);
    let (kept_after, met_after) = apart(after, paths);
    let print = |members: &[&Member]| -> Vec<String> {
        members
            .iter()
            .map(|member| format!("{}:{}", member.name.source(), member.value.to_json()))
            .collect()
    };
    if print(&kept_before) != print(&kept_after) {
        return false;
    }
    // What is only passed through stays where and what it was; new parents may have been made behind.
    let passed_before: Vec<_> = met_before
        .iter()
        .filter(|(_, rest)| rest.iter().all(|path| !path.is_empty()))
        .collect();
    let passed_after: Vec<_> = met_after
        .iter()
        .filter(|(_, rest)| rest.iter().all(|path| !path.is_empty()))
        .collect();
    passed_before.len() <= passed_after.len()
        && passed_before
            .iter()
            .zip(&passed_after)
            .all(|((old, rest), (new, _))| {
                old.name.source() == new.name.source() && rest_is_kept(&old.value, &new.value, rest)
            })
}

type Met<'a> = Vec<(&'a Member, Vec<&'a [Segment]>)>;

fn apart<'a>(members: &'a [Member], paths: &[&'a [Segment]]) -> (Vec<&'a Member>, Met<'a>) {
    let mut kept = Vec::new();
    let mut met = Vec::new();
    for member in members {
        let rest: Vec<_> = paths
            .iter()
            .flat_map(|path| into_member(path, &member.name))
            .collect();
        if rest.is_empty() {
            kept.push(member);
        } else {
            met.push((member, rest));
        }
    }
    (kept, met)
}

fn into_member<'a>(path: &'a [Segment], name: &Text) -> Vec<&'a [Segment]> {
    match path.split_first() {
        Some((Segment::Name(own) | Segment::Token(own), rest)) if own.matches(name) => vec![rest],
        Some((Segment::Glob(glob), rest)) if glob.fits(name) => vec![rest],
        // At any depth: it may be met here, and is looked for below.
        Some((Segment::Anywhere, rest)) => into_member(rest, name).into_iter().chain([path]).collect(),
        _ => Vec::new(),
    }
}

fn into_element(path: &[Segment], index: usize, count: usize) -> Vec<&[Segment]> {
    match path.split_first() {
        Some((Segment::Elements, rest)) => vec![rest],
        Some((Segment::Index(wanted), rest)) => {
            let from_end = i64::try_from(index).ok().zip(i64::try_from(count).ok());
            let met = from_end.is_some_and(|(index, count)| *wanted == index || *wanted == index - count);
            if met { vec![rest] } else { Vec::new() }
        }
        Some((Segment::Token(token), rest)) if token.as_index() == Some(index) => vec![rest],
        Some((Segment::Anywhere, _)) => vec![path],
        _ => Vec::new(),
    }
}

pub(super) fn path(text: &str) -> Path {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

/// The segment that a NAME or a name with a star is.
fn segment(text: &str) -> Segment {
    match path(text).segments() {
        Some([segment]) => segment.clone(),
        _ => Segment::Name(Name::new(text)),
    }
}

fn below(parent: &[Segment], last: &Segment) -> Vec<Segment> {
    parent.iter().cloned().chain([last.clone()]).collect()
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => text.read().ok().map(std::borrow::Cow::into_owned),
        _ => None,
    }
}
