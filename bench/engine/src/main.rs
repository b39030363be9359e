//! Measures the engine beside others that do the same, in one run. See `bench/README.md` for how and why.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]
#![expect(clippy::print_stderr, reason = "it talks to the person who started it")]

mod cases;
mod chains;
mod compare;
mod contestant;
mod documents;
mod goals;
mod instructions;
mod measure;
mod ours;
mod page;
mod rival;

use std::alloc::System;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use cases::{Case, LENGTHS};
use contestant::Contestant;
use documents::Kind;
use instructions::Instructions;
use ours::Ours;
use rival::Rival;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const USAGE: &str = "expected `compare RIVAL INSTRUCTIONS WEBHOOKS-CONFIG WEBHOOKS-DATA`, \
    `spin CONTESTANT DOCUMENT OPERATIONS MESSAGES`, `chain DOCUMENT`, `documents DOCUMENT MESSAGES` or `vectors`";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["compare", rival, instructions, config, data] => compare(
            Path::new(rival),
            Path::new(instructions),
            [PathBuf::from(config), PathBuf::from(data)],
        ),
        // Nothing but messages, for a tool that counts instructions.
        ["spin", contestant, document, operations, messages] => {
            let contestant = Contestant::OURS
                .into_iter()
                .find(|one| one.name() == contestant)
                .context("expected the name of a contestant of ours")?;
            spin(
                contestant,
                &Case::named(document, operations.parse()?)?,
                messages.parse()?,
            )
        }
        // The documents and their chain, for others who do the same.
        ["chain", document] => {
            println!("{}", Case::named(document, 20)?.chain);
            Ok(())
        }
        ["documents", document, messages] => print_documents(&Case::named(document, 20)?, messages.parse()?),
        ["vectors"] => {
            println!("{}", ours::vectors());
            Ok(())
        }
        _ => bail!(USAGE),
    }
}

/// Prints how many bytes it has worked on.
fn spin(contestant: Contestant, case: &Case, messages: usize) -> Result<()> {
    let mut ours = Ours::of(case)?;
    ours.run(contestant, messages)?;
    let total: usize = case
        .messages
        .iter()
        .cycle()
        .take(messages)
        .map(|(document, _)| document.len())
        .sum();
    println!("{total}");
    Ok(())
}

/// Documents, one a line.
fn print_documents(case: &Case, messages: usize) -> Result<()> {
    use std::io::Write as _;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for (document, _) in case.messages.iter().cycle().take(messages) {
        out.write_all(document)?;
        out.write_all(b"\n")?;
    }
    out.flush().context("the documents could not be written")
}

fn compare(program: &Path, instructions: &Path, [config, data]: [PathBuf; 2]) -> Result<()> {
    let instructions = std::fs::read_to_string(instructions).context("the instructions cannot be read")?;
    let instructions = Instructions::read(&instructions)?;
    let mut rival = Rival::start(program)?;
    let mut rows = Vec::new();
    let mut row = |case: &Case, rivals: &[Contestant]| -> Result<()> {
        eprintln!("{}, {} operations", case.name, case.operations);
        rows.push(compare::measure(case, &mut rival, rivals)?);
        Ok(())
    };
    for kind in Kind::ALL {
        for operations in LENGTHS {
            row(&Case::of(kind, operations)?, &Contestant::RIVALS)?;
        }
    }
    row(&Case::guarded()?, &Contestant::RIVALS)?;
    row(&Case::webhooks(&data)?, &Contestant::RIVALS)?;
    row(&Case::migration(&config, &data)?, &[])?;
    let rivals = rival.describe()?;
    print!("{}", page::page(&rows, &instructions, &rivals, ours::vectors()));
    Ok(())
}
