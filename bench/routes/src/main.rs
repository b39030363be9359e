//! Measures routes over real servers beside a bare loop: the same client libraries, the same settings and the same
//! guarantees, and nothing else. See `bench/README.md` for how and why.
//!
//! Every measurement is a process of its own, so that its processor time and its memory are its own. The parent fills the
//! source, lets the contestants take turns, and prints medians, spreads and ratios of one run.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

mod bare;
mod compare;
mod document;
mod measure;
mod route;
mod servers;

use anyhow::{Context, Result, bail};

use crate::measure::Job;

fn main() -> Result<()> {
    // Two providers may be linked, and then a handshake without a choice panics.
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    let mut job = || -> Result<Job> {
        let text = arguments.next().context("expected a job, found none")?;
        serde_json::from_str(&text).context("the job cannot be read")
    };
    match command.as_deref() {
        Some("compare") => {
            let number = |text: Option<String>, default: usize| {
                text.map_or(Ok(default), |text| text.parse().context("expected a number"))
            };
            let messages = number(arguments.next(), 60_000)?;
            let rounds = number(arguments.next(), 5)?;
            compare::compare(messages, rounds)
        }
        Some("bare") => measure::print(|| bare::run(&job()?)),
        Some("route") => measure::print(|| route::run(&job()?)),
        _ => bail!("expected `compare [MESSAGES [ROUNDS]]`"),
    }
}
