//! What judging real webhooks with their JSON Schema costs, beside the crate `jsonschema` alone.
//!
//! Both sides read the bytes of each payload and judge the document: `serde_json` and the crate on one side, the engine's
//! own documents on the other. They take turns in one run, and the CPU time of the thread counts.
#![expect(clippy::print_stdout, reason = "printing a table is what this program is for")]

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cpu_time::ThreadTime;
use dunlin_core::finding::{Findings, Place};
use dunlin_core::migration::document::{DuplicateNames, Reading, parse};
use dunlin_core::migration::load::MemoryResolver;
use dunlin_core::migration::{Framing, Schema, SchemaCompiler as _, SchemaFormat, SchemaReference};
use dunlin_schemas::Schemas;

const ROUNDS: usize = 15;
const READING: Reading = Reading {
    depth: 128,
    duplicate_names: DuplicateNames::Allow,
};

fn main() -> Result<()> {
    let folder =
        std::env::var_os("DUNLIN_DATA").map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from);
    let schema = std::fs::read(folder.join("github-webhooks.schema.json"))
        .context("the folder named by DUNLIN_DATA holds no webhooks")?;
    let lines = std::fs::read_to_string(folder.join("github-webhooks.ndjson"))?;
    let mut payloads = Vec::new();
    for line in lines.lines() {
        let line: serde_json::Value = serde_json::from_str(line)?;
        payloads.push(line["payload"].to_string().into_bytes());
    }
    let bytes: usize = payloads.iter().map(Vec::len).sum();

    let own = compile(&schema)?;
    let alone = jsonschema::options()
        .should_validate_formats(false)
        .build(&serde_json::from_slice(&schema)?)
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    let judge_own =
        |payload: &[u8]| Ok::<_, anyhow::Error>(own.check(&parse(payload, &READING)?, Some(payload)).is_ok());
    let judge_alone = |payload: &[u8]| {
        let document: serde_json::Value = serde_json::from_slice(payload)?;
        Ok::<_, anyhow::Error>(alone.is_valid(&document))
    };
    // Only what fits is measured: of what does not, the two tell different things.
    let mut fitting = Vec::new();
    for payload in payloads {
        let (ours, theirs) = (judge_own(&payload)?, judge_alone(&payload)?);
        ensure!(ours == theirs, "the two sides do not agree on a payload");
        if ours {
            fitting.push(payload);
        }
    }
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // Who begins changes with every round.
        let (own, alone) = if round % 2 == 0 {
            let own = time(&fitting, judge_own)?;
            (own, time(&fitting, judge_alone)?)
        } else {
            let alone = time(&fitting, judge_alone)?;
            (time(&fitting, judge_own)?, alone)
        };
        ours.push(own.as_secs_f64());
        theirs.push(alone.as_secs_f64());
        ratios.push(own.as_secs_f64() / alone.as_secs_f64());
    }
    let (ours, theirs, ratio) = (median(&mut ours), median(&mut theirs), median(&mut ratios));
    println!(
        "{} payloads that fit, {bytes} bytes in all; median of {ROUNDS} rounds, CPU time",
        fitting.len()
    );
    println!(
        "parsing and judging, dunlin:              {:8.3} ms",
        ours * 1000.0
    );
    println!(
        "parsing and judging, the crate alone:     {:8.3} ms",
        theirs * 1000.0
    );
    println!("ratio: {ratio:.3}");
    Ok(())
}

fn compile(text: &[u8]) -> Result<std::sync::Arc<dyn Schema>> {
    let reference = SchemaReference {
        format: SchemaFormat::JsonSchema,
        file: Some("webhooks.json".to_owned()),
        imports: Vec::new(),
        message: None,
        framing: Framing::Plain,
        registry: None,
        place: Place::whole("webhooks.yaml"),
    };
    let mut findings = Findings::new();
    let files = MemoryResolver::new().with("webhooks.json", text);
    Schemas::default()
        .compile(&reference, &files, &mut findings)
        .with_context(|| findings.to_string())
}

fn time(payloads: &[Vec<u8>], judge: impl Fn(&[u8]) -> Result<bool>) -> Result<Duration> {
    let start = ThreadTime::now();
    for payload in payloads {
        ensure!(black_box(judge(black_box(payload))?), "a payload no longer fits");
    }
    Ok(start.elapsed())
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
