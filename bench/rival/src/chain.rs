//! The chain as the contestants know it.

use serde_json::Value;

/// One operation, and when it is to be done. `C` is a constant as the contestant has it.
pub struct Step<C> {
    pub when: Option<When>,
    pub action: Action<C>,
}

pub enum Action<C> {
    Rename { path: Vec<Segment>, to: String },
    Remove { path: Vec<Segment> },
    Add { path: Vec<Segment>, value: C },
    Cast { path: Vec<Segment>, to: Type },
    Translate { path: Vec<Segment>, values: Vec<(C, C)> },
    Move { path: Vec<Segment>, to: Vec<Segment> },
    Compute { path: Vec<Segment>, terms: Vec<Term> },
}

#[derive(Clone, Copy)]
pub enum Type {
    Number,
    Integer,
    Text,
}

#[derive(Clone, PartialEq)]
pub enum Segment {
    Name(String),
    Elements,
}

/// `payload.a.b == 'text'`, the only form in the chains.
pub struct When {
    pub path: Vec<String>,
    pub text: String,
}

/// A part of a text that is put together with `+`.
pub enum Term {
    Text(String),
    Member(Vec<String>),
}

/// Reads the chain. It lives as long as the process, since documents borrow names from it.
pub fn read<C>(file: &Value, constant: &impl Fn(&Value) -> C) -> &'static [Step<C>] {
    let entries = file["transformations"].as_array().expect("a list");
    let steps: Vec<Step<C>> = entries.iter().map(|entry| step(entry, constant)).collect();
    Box::leak(steps.into_boxed_slice())
}

fn step<C>(entry: &Value, constant: &impl Fn(&Value) -> C) -> Step<C> {
    let at = |name: &str| entry.get(name).map(|text| path(text.as_str().expect("a path")));
    let text = |name: &str| entry[name].as_str().expect("a text").to_owned();
    let action = if let Some(path) = at("rename") {
        Action::Rename { path, to: text("to") }
    } else if let Some(path) = at("remove") {
        Action::Remove { path }
    } else if let Some(path) = at("add") {
        Action::Add {
            path,
            value: constant(&entry["value"]),
        }
    } else if let Some(path) = at("cast") {
        let to = match entry["to"].as_str() {
            Some("number") => Type::Number,
            Some("integer") => Type::Integer,
            Some("string") => Type::Text,
            _ => panic!("a cast that is not known: {entry}"),
        };
        Action::Cast { path, to }
    } else if let Some(path) = at("translate") {
        let pairs = entry["values"].as_array().expect("a list").iter();
        Action::Translate {
            path,
            values: pairs
                .map(|pair| (constant(&pair[0]), constant(&pair[1])))
                .collect(),
        }
    } else if let Some(from) = at("move") {
        Action::Move {
            path: from,
            to: path(&text("to")),
        }
    } else if let Some(path) = at("compute") {
        Action::Compute {
            path,
            terms: text("as").split(" + ").map(term).collect(),
        }
    } else {
        panic!("an operation that is not known: {entry}");
    };
    let when = entry.get("when").map(|when| {
        let (member, text) = when
            .as_str()
            .and_then(|when| when.split_once(" == "))
            .expect("a condition");
        When {
            path: names(member),
            text: text.trim_matches('\'').to_owned(),
        }
    });
    Step { when, action }
}

fn term(text: &str) -> Term {
    match text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
        Some(text) => Term::Text(text.to_owned()),
        None => Term::Member(names(text)),
    }
}

fn names(text: &str) -> Vec<String> {
    let path = text.strip_prefix("payload.").expect("a member of the payload");
    path.split('.').map(str::to_owned).collect()
}

fn path(text: &str) -> Vec<Segment> {
    let mut segments = Vec::new();
    for part in text.split('.') {
        segments.push(Segment::Name(part.trim_end_matches("[*]").to_owned()));
        if part.ends_with("[*]") {
            segments.push(Segment::Elements);
        }
    }
    segments
}
