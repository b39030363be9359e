//! Batches, rounds, medians and their spread.

use std::time::Duration;

use anyhow::Result;

/// How long a batch should take.
const BATCH: Duration = Duration::from_millis(20);
/// How often the engines take turns.
pub(crate) const ROUNDS: usize = 9;

/// One engine as it is measured: performs this many messages and tells the CPU time of its thread.
pub(crate) type Engine<'a> = Box<dyn FnMut(usize) -> Result<Duration> + 'a>;

/// The time of one message, over the rounds of one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time {
    /// The median, in nanoseconds.
    pub(crate) median: f64,
    /// The distance of the fastest and the slowest round from each other, in parts of the median.
    pub(crate) spread: f64,
}

/// Calibrates each engine to batches of about 20 ms, then lets them take turns.
pub(crate) fn interleave(engines: &mut [Engine<'_>]) -> Result<Vec<Time>> {
    let mut sizes = Vec::with_capacity(engines.len());
    for engine in engines.iter_mut() {
        sizes.push(calibrate(engine)?);
    }
    let mut times: Vec<Vec<f64>> = vec![Vec::with_capacity(ROUNDS); engines.len()];
    for _ in 0..ROUNDS {
        for ((engine, size), times) in engines.iter_mut().zip(&sizes).zip(&mut times) {
            times.push(nanoseconds(engine(*size)?) / count(*size));
        }
    }
    Ok(times.into_iter().map(|times| summary(&times)).collect())
}

fn calibrate(engine: &mut Engine<'_>) -> Result<usize> {
    let mut size = 64;
    loop {
        let taken = engine(size)?;
        if taken * 2 >= BATCH {
            let wanted = count(size) * nanoseconds(BATCH) / nanoseconds(taken);
            // A batch is far below 2^32 messages, and never negative.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "bounded above and below"
            )]
            return Ok((wanted.clamp(1.0, 1e9)) as usize);
        }
        size *= 2;
    }
}

/// The median of several figures, and their spread.
pub(crate) fn summary(figures: &[f64]) -> Time {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let median = sorted[sorted.len() / 2];
    Time {
        median,
        spread: (sorted[sorted.len() - 1] - sorted[0]) / median,
    }
}

fn nanoseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a number of messages in a batch is far below 2^53"
)]
fn count(messages: usize) -> f64 {
    messages as f64
}
