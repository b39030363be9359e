//! The contract of a messaging system, executable.
//!
//! An adapter shows that it keeps the contract by one call. It brings a [`Stand`]: how its system is opened, where a fresh
//! channel comes from, and what the stand can do to the broker ([`Hook`]). What a channel can do is asked of the system
//! itself; a scenario whose capability or hook is missing is skipped, and each skip is printed with its reason, so that
//! nothing is left out without a word.
//!
//! ```
//! use dunlin_conformance::{MemoryStand, Suite};
//!
//! // An adapter writes `impl Stand for FileStand` in its `tests/it/conformance.rs`, and one test:
//! let stand = MemoryStand::new(&[("mode", "queue")]);
//! let report = Suite::new().only(["K1", "K6", "C05"]).run(&stand);
//! report.at_least(3); // without `only`: dunlin_conformance::run(&stand).at_least(the number that passed when it was written)
//! ```
//!
//! The judge is an [`Oracle`]: an id is an obligation once its confirm has come, every obligation must arrive with payload
//! and headers exact, nothing may arrive that was not issued, and duplicates are counted, printed and bounded. Nothing is
//! deduplicated on the way to it.
//!
//! Scenarios that leave the broker alone run four at a time ([`Suite::at_once`]), those that stop it or break its connections
//! one by one behind them. How long things take is the stand's to say ([`Stand::quiet`], [`Stand::patience`],
//! [`Stand::liveness`]); no scenario counts on the speed of memory. Variables of the environment:
//!
//! | Variable | Does |
//! |---|---|
//! | `DUNLIN_SEED` | repeats a run: every run prints its seed |
//! | `DUNLIN_ONLY` | runs only these scenarios, such as `K1,C18`, and does not count them |
//! | `DUNLIN_PATIENCE` | multiplies every time limit, for slow machines |
//! | `DUNLIN_CONFORMANCE=full` | kills the broker in twenty runs of C07 and C18 instead of three |
//! | `DUNLIN_CONFORMANCE_TABLE` | a folder, into which each stand's outcomes are written for a table of all |
//!
//! [`hostile`] has the opposite of a well-behaved broker: a seeded system that shows what a broker may do within the
//! contract, for whoever builds on it.
//!
//! Not here: processes that are frozen or killed in the middle of their work (C25, C27). They need the router's own process.

mod bench;
mod clock;
mod descriptors;
pub mod hostile;
mod memory;
mod oracle;
mod random;
mod recorder;
mod report;
mod scenario;
mod scenarios;
mod stand;
mod suite;

pub use clock::RuntimeClock;
pub use hostile::{Behaviour, Hostile};
pub use memory::MemoryStand;
pub use oracle::{Oracle, Tally};
pub use random::Random;
pub use report::{Outcome, Report};
pub use stand::{Access, Act, Hook, Stand, Wanted};
pub use suite::{Checked, Failure, Suite};

/// Runs every scenario against this stand, and prints each outcome and a summary to standard output.
pub fn run(stand: &dyn Stand) -> Report {
    Suite::new().run(stand)
}
