//! Document object models doing what a chain of transformations does, the way one would write it by hand: parse, walk, change, print.
//!
//! They know the operations of the benchmark's chains and no more. They are asked for one batch at a time over standard input, so
//! that two processes can take turns. The protocol is one line each: `describe`; `prepare COUNT`, the chain, and for each document
//! the document as a JSON string and the expected output; `run CONTESTANT MESSAGES`.

mod chain;
mod dom;
mod simd;
mod sonic;
mod value;

use std::hint::black_box;
use std::io::{BufRead, Write};
use std::time::Duration;

use cpu_time::ThreadTime;
use serde::de::IgnoredAny;
use serde_json::Value;

/// Somebody who does what the chain says.
trait Contestant {
    /// The document after the chain, for comparison.
    fn transform(&mut self, document: &str) -> Value;
    /// One message: from bytes to bytes, kept until the next one.
    fn migrate(&mut self, document: &str);
}

/// What is prepared: all contestants with one chain, and the documents.
#[derive(Default)]
struct Prepared {
    contestants: Vec<(&'static str, Box<dyn Contestant>)>,
    documents: Vec<String>,
}

fn main() {
    let mut lines = std::io::stdin().lock().lines().map_while(Result::ok);
    let mut output = std::io::stdout().lock();
    let mut prepared = Prepared::default();
    while let Some(line) = lines.next() {
        let answer = if line == "describe" {
            describe()
        } else if let Some(count) = line.strip_prefix("prepare ") {
            let count = count.parse().expect("a number of documents");
            match prepare(count, &mut lines) {
                Ok(ready) => {
                    prepared = ready;
                    "ready".to_owned()
                }
                Err(wrong) => wrong,
            }
        } else if let Some(rest) = line.strip_prefix("run ") {
            let (name, count) = rest.split_once(' ').expect("a contestant and a number");
            let count = count.parse().expect("a number of messages");
            prepared.run(name, count).as_nanos().to_string()
        } else {
            "unknown".to_owned()
        };
        writeln!(output, "{answer}").expect("somebody listens");
        output.flush().expect("somebody listens");
    }
}

impl Prepared {
    fn run(&mut self, name: &str, count: usize) -> Duration {
        let documents = self.documents.iter().cycle().take(count);
        // Reads all and keeps nothing: what checking alone costs another library.
        if name == "ignored" {
            let start = ThreadTime::now();
            for document in documents {
                let read: IgnoredAny = serde_json::from_slice(black_box(document.as_bytes())).expect("JSON");
                black_box(read);
            }
            return start.elapsed();
        }
        let (_, contestant) = self
            .contestants
            .iter_mut()
            .find(|(known, _)| *known == name)
            .expect("a contestant that is known");
        let start = ThreadTime::now();
        for document in documents {
            contestant.migrate(black_box(document));
        }
        start.elapsed()
    }
}

/// Reads the chain and the documents, and holds everybody against the expected outputs.
fn prepare(count: usize, lines: &mut impl Iterator<Item = String>) -> Result<Prepared, String> {
    let text = lines.next().expect("a chain");
    let file: Value = serde_json::from_str(&text).expect("a chain");
    let mut contestants: Vec<(&'static str, Box<dyn Contestant>)> = vec![
        ("value", Box::new(value::Serde::new(&file))),
        ("simd", Box::new(simd::Simd::new(&file))),
        ("sonic", Box::new(sonic::Sonic::new(&file))),
    ];
    let mut documents = Vec::new();
    let mut wrong = None;
    for _ in 0..count {
        let document: String = serde_json::from_str(&lines.next().expect("a document")).expect("a string");
        let expected: Value = serde_json::from_str(&lines.next().expect("an output")).expect("JSON");
        for (name, contestant) in &mut contestants {
            let theirs = contestant.transform(&document);
            if let Some(place) = dom::difference(&theirs, &expected) {
                wrong.get_or_insert(format!("{name}: at {place}: {theirs} instead of {expected}"));
            }
        }
        documents.push(document);
    }
    match wrong {
        Some(wrong) => Err(wrong),
        None => Ok(Prepared {
            contestants,
            documents,
        }),
    }
}

/// What was built, and which features of serde_json are live, told from what it does.
fn describe() -> String {
    let ordered = serde_json::from_str::<Value>(r#"{"b":0,"a":0}"#)
        .expect("JSON")
        .to_string()
        == r#"{"b":0,"a":0}"#;
    let exact = serde_json::from_str::<Value>("1.10").expect("JSON").to_string() == "1.10";
    let mut live = vec!["default"];
    if ordered {
        live.push("preserve_order (unexpected)");
    }
    if exact {
        live.push("arbitrary_precision (unexpected)");
    }
    format!(
        "serde_json (features: {}); simd-json (runtime-detection, big-int-as-float; runs {:?}); sonic-rs (default)",
        live.join(", "),
        simd_json::Deserializer::algorithm()
    )
}
