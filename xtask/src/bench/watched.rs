//! A process that is watched until it ends: how long it took, what of the processor, and how much memory at most.

use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// What a process took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) wall: Duration,
    /// Of all its threads, in the program and in the system.
    pub(super) processor: Duration,
    /// The most memory that was resident, in bytes.
    pub(super) memory: u64,
}

/// How often it is looked at. Memory that was used for a shorter time at the very end is missed.
const LOOK: Duration = Duration::from_millis(2);
/// The unit of processor times that the system tells: always this one on Linux, where programs see it.
const TICKS_PER_SECOND: u32 = 100;

/// Runs a command to its end, its output thrown away.
pub(super) fn run(command: &mut Command) -> Result<(ExitStatus, Taken)> {
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("`{}` could not be started", command.get_program().display()))?;
    let own = format!("/proc/{}", child.id());
    let mut memory = 0;
    let (wall, processor) = loop {
        let stat = std::fs::read_to_string(format!("{own}/stat")).context("a process cannot be watched")?;
        // Behind the name, which may hold anything but is in parentheses.
        let (_, fields) = stat.rsplit_once(") ").context("a process has no state")?;
        if fields.starts_with('Z') {
            break (started.elapsed(), processor(fields)?);
        }
        let status = std::fs::read_to_string(format!("{own}/status")).unwrap_or_default();
        memory = status.lines().find_map(peak).unwrap_or_default().max(memory);
        std::thread::sleep(LOOK);
    };
    // Only now: what was used is forgotten with the process.
    let status = child.wait().context("a process could not be waited for")?;
    Ok((
        status,
        Taken {
            wall,
            processor,
            memory,
        },
    ))
}

/// Fields 14 and 15 of `stat`, which begin at the third here.
fn processor(fields: &str) -> Result<Duration> {
    let mut ticks = 0;
    for field in fields.split_whitespace().skip(11).take(2) {
        ticks += field
            .parse::<u32>()
            .context("a process tells no processor time")?;
    }
    Ok(Duration::from_secs(1) * ticks / TICKS_PER_SECOND)
}

fn peak(line: &str) -> Option<u64> {
    let kilobytes = line.strip_prefix("VmHWM:")?.split_whitespace().next()?;
    Some(kilobytes.parse::<u64>().ok()? * 1024)
}
