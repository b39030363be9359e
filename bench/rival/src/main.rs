//! `serde_json::Value` doing what a chain of transformations does, the way one would write it by hand: parse, walk, change, print.
//!
//! It knows the operations of the benchmark's chains and no more. It is asked for one batch at a time over its standard input, so
//! that two processes can take turns.

use std::hint::black_box;
use std::io::{BufRead, Write};

use cpu_time::ThreadTime;
use serde_json::{Map, Number, Value};

fn main() {
    let mut lines = std::io::stdin().lock().lines().map_while(Result::ok);
    let mut output = std::io::stdout().lock();
    let mut chain = Vec::new();
    let mut documents: Vec<String> = Vec::new();
    while let Some(line) = lines.next() {
        let answer = if line == "describe" {
            format!("serde_json::Value, features: default{}", if is_ordered() { ", preserve_order (unexpected)" } else { "" })
        } else if let Some(count) = line.strip_prefix("prepare ") {
            let count: usize = count.parse().expect("a number of documents");
            chain = read_chain(&lines.next().expect("a chain"));
            documents.clear();
            let mut wrong = None;
            for _ in 0..count {
                let document: String = serde_json::from_str(&lines.next().expect("a document")).expect("a string");
                let expected: Value = serde_json::from_str(&lines.next().expect("an output")).expect("JSON");
                // Before it is printed: printing and reading a long number again gives another one here.
                let ours = transform(&chain, &document);
                if ours != expected {
                    wrong = Some(format!("{ours} instead of {expected}"));
                }
                documents.push(document);
            }
            wrong.unwrap_or_else(|| "ready".to_owned())
        } else if let Some(count) = line.strip_prefix("run ") {
            let count: usize = count.parse().expect("a number of messages");
            let start = ThreadTime::now();
            for number in 0..count {
                black_box(migrate(&chain, black_box(&documents[number % documents.len()])));
            }
            start.elapsed().as_nanos().to_string()
        } else {
            "unknown".to_owned()
        };
        writeln!(output, "{answer}").expect("somebody listens");
        output.flush().expect("somebody listens");
    }
}

/// Whether members keep their order, which the default features do not ask for.
fn is_ordered() -> bool {
    serde_json::from_str::<Value>(r#"{"b":0,"a":0}"#).expect("JSON").to_string() == r#"{"b":0,"a":0}"#
}

enum Step {
    Rename { path: Vec<Segment>, to: String },
    Remove { path: Vec<Segment> },
    Add { path: Vec<Segment>, value: Value },
    Cast { path: Vec<Segment>, to: String },
    Translate { path: Vec<Segment>, values: Vec<(Value, Value)> },
    Move { path: Vec<Segment>, to: Vec<Segment> },
}

#[derive(Clone, PartialEq)]
enum Segment {
    Name(String),
    Elements,
}

fn read_chain(text: &str) -> Vec<Step> {
    let file: Value = serde_json::from_str(text).expect("a chain");
    let entries = file["transformations"].as_array().expect("a list");
    entries.iter().map(read_step).collect()
}

fn read_step(entry: &Value) -> Step {
    let path = |name: &str| entry.get(name).map(|path| read_path(path.as_str().expect("a path")));
    let text = |name: &str| entry[name].as_str().expect("a text").to_owned();
    if let Some(path) = path("rename") {
        Step::Rename { path, to: text("to") }
    } else if let Some(path) = path("remove") {
        Step::Remove { path }
    } else if let Some(path) = path("add") {
        Step::Add { path, value: entry["value"].clone() }
    } else if let Some(path) = path("cast") {
        Step::Cast { path, to: text("to") }
    } else if let Some(path) = path("translate") {
        let pairs = entry["values"].as_array().expect("a list").iter();
        Step::Translate { path, values: pairs.map(|pair| (pair[0].clone(), pair[1].clone())).collect() }
    } else if let Some(from) = path("move") {
        Step::Move { path: from, to: read_path(entry["to"].as_str().expect("a path")) }
    } else {
        panic!("an operation that the rival does not know: {entry}");
    }
}

fn read_path(text: &str) -> Vec<Segment> {
    let mut segments = Vec::new();
    for part in text.split('.') {
        segments.push(Segment::Name(part.trim_end_matches("[*]").to_owned()));
        if part.ends_with("[*]") {
            segments.push(Segment::Elements);
        }
    }
    segments
}

fn migrate(chain: &[Step], document: &str) -> String {
    serde_json::to_string(&transform(chain, document)).expect("a value prints")
}

fn transform(chain: &[Step], document: &str) -> Value {
    let mut value: Value = serde_json::from_str(document).expect("JSON");
    for step in chain {
        match step {
            Step::Rename { path, to } => at_parent(&mut value, path, &mut |object, name| {
                if let Some(value) = object.remove(name) {
                    object.insert(to.clone(), value);
                }
            }),
            Step::Remove { path } => at_parent(&mut value, path, &mut |object, name| {
                object.remove(name);
            }),
            Step::Add { path, value: constant } => at_parent(&mut value, path, &mut |object, name| {
                if !object.contains_key(name) {
                    object.insert(name.to_owned(), constant.clone());
                }
            }),
            Step::Cast { path, to } => at_parent(&mut value, path, &mut |object, name| {
                if let Some(value) = object.get_mut(name) {
                    cast(value, to);
                }
            }),
            Step::Translate { path, values } => at_parent(&mut value, path, &mut |object, name| {
                if let Some(value) = object.get_mut(name)
                    && let Some((_, image)) = values.iter().find(|(from, _)| from == value)
                {
                    *value = image.clone();
                }
            }),
            Step::Move { path, to } => relocate(&mut value, path, to),
        }
    }
    value
}

/// Calls a function for every object that the path to a member leads to.
fn at_parent(value: &mut Value, path: &[Segment], change: &mut impl FnMut(&mut Map<String, Value>, &str)) {
    match path {
        [Segment::Name(name)] => {
            if let Value::Object(object) = value {
                change(object, name);
            }
        }
        [Segment::Name(name), rest @ ..] => {
            if let Some(next) = value.get_mut(name) {
                at_parent(next, rest, change);
            }
        }
        [Segment::Elements, rest @ ..] => {
            if let Value::Array(elements) = value {
                elements.iter_mut().for_each(|element| at_parent(element, rest, change));
            }
        }
        [] => {}
    }
}

fn relocate(value: &mut Value, from: &[Segment], to: &[Segment]) {
    let shared = from.iter().rposition(|segment| *segment == Segment::Elements).map_or(0, |at| at + 1);
    let (prefix, from) = from.split_at(shared);
    at_elements(value, prefix, &mut |element| {
        let mut taken = None;
        at_parent(element, from, &mut |object, name| taken = object.remove(name));
        if let Some(taken) = taken {
            let mut taken = Some(taken);
            at_parent(element, &to[shared..], &mut |object, name| {
                if let Some(taken) = taken.take() {
                    object.insert(name.to_owned(), taken);
                }
            });
        }
    });
}

fn at_elements(value: &mut Value, prefix: &[Segment], change: &mut impl FnMut(&mut Value)) {
    match prefix {
        [] => change(value),
        [Segment::Name(name), rest @ ..] => {
            if let Some(next) = value.get_mut(name) {
                at_elements(next, rest, change);
            }
        }
        [Segment::Elements, rest @ ..] => {
            if let Value::Array(elements) = value {
                elements.iter_mut().for_each(|element| at_elements(element, rest, change));
            }
        }
    }
}

fn cast(value: &mut Value, to: &str) {
    let result = match (&*value, to) {
        (Value::String(text), "number") => text.parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number),
        (Value::String(text), "integer") => text.parse::<i64>().ok().map(Value::from),
        (Value::Number(number), "string") => Some(Value::String(number.to_string())),
        _ => None,
    };
    if let Some(result) = result {
        *value = result;
    }
}
