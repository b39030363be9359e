//! Counts what the tests say of themselves, line by line, while their output passes by.
//!
//! libtest ends each test binary with one `test result:` line. A test that leaves something out prints a line that
//! begins with `skipped: ` and its reason; it is counted beside the ignored ones, so that a green run never hides
//! what was not tried. The names of the tests that failed are kept, to be said again at the end; no times are read.

use std::fmt;

/// Sums over all test binaries of a run.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Tests that failed, and steps that ended badly without saying which test it was.
    pub(crate) failed: u64,
    /// Tests marked `#[ignore]`.
    pub(crate) ignored: u64,
    /// What the tests left out, in their own words.
    pub(crate) left_out: Vec<String>,
    /// The names of the tests that failed.
    pub(crate) names: Vec<String>,
}

/// A test that leaves something out says so with a line that begins like this.
const LEFT_OUT: &str = "skipped: ";

impl Totals {
    /// Takes one line of output into account.
    pub(crate) fn read(&mut self, line: &str) {
        let line = line.trim();
        if let Some(reason) = line.strip_prefix(LEFT_OUT) {
            self.left_out.push(reason.to_owned());
            return;
        }
        let name = line
            .strip_prefix("test ")
            .and_then(|line| line.strip_suffix(" ... FAILED"));
        self.names.extend(name.map(str::to_owned));
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
        let counts = result.split_once(". ").map_or("", |(_, counts)| counts);
        for part in counts.split(';') {
            match part.trim().split_once(' ') {
                Some((count, "passed")) => self.passed += count.parse().unwrap_or(0),
                Some((count, "failed")) => self.failed += count.parse().unwrap_or(0),
                Some((count, "ignored")) => self.ignored += count.parse().unwrap_or(0),
                _ => {}
            }
        }
    }

    /// Counts a step that failed although none of its tests said so: it did not compile, or a test binary crashed.
    pub(crate) fn note_failed_step(&mut self, failed_before: u64) {
        if self.failed == failed_before {
            self.failed += 1;
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let skipped = self.ignored + u64::try_from(self.left_out.len()).unwrap_or(u64::MAX);
        write!(
            f,
            "tests: {} passed, {} failed, {skipped} skipped",
            self.passed, self.failed
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Totals;

    const OUTPUT: &str = "
running 3 tests
test a ... ok
test b ... ignored
test c ... FAILED
skipped: real webhooks: no folder of data

test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s

running 2 tests
test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 7 filtered out; finished in 0.12s
";

    #[test]
    fn results_of_all_binaries_are_added_and_skips_are_counted() {
        let mut totals = Totals::default();
        OUTPUT.lines().for_each(|line| totals.read(line));
        assert_eq!(totals.to_string(), "tests: 3 passed, 1 failed, 2 skipped");
        assert_eq!(totals.left_out, ["real webhooks: no folder of data"]);
        assert_eq!(totals.names, ["c"]);
    }

    #[test]
    fn a_step_that_fails_without_a_failed_test_counts_as_one_failure() {
        let mut totals = Totals::default();
        totals.note_failed_step(0);
        assert_eq!(totals.failed, 1);
        totals.read("test result: FAILED. 0 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out");
        totals.note_failed_step(1);
        assert_eq!(totals.failed, 3, "the two failed tests are what went wrong");
    }
}
