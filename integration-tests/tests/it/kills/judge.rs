//! Reads what came of the messages, and judges it. Nothing of the adapter is used: the lines are read with `serde_json`.

use dunlin_integration_tests::lines::{Envelope, whole_lines};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::bench::{FILES, fails};
use super::*;

/// A migrated message; a member that is missing or of another kind is a message that was not migrated.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Migrated {
    number: usize,
    customer: Customer,
    total: f64,
    version: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Customer {
    full_name: String,
}

#[derive(Deserialize)]
struct Report {
    message: String,
}

#[derive(Deserialize)]
struct Original {
    number: usize,
}

/// The numbers of the messages in a file, each with the offset behind its line.
type Numbers = Vec<(u64, usize)>;

/// What a kill has led to.
pub(super) struct Repeated {
    /// Messages that stood in the target and were not settled.
    pub(super) unsettled: usize,
    /// Messages that came again: in target, report and dead letter.
    pub(super) twice: [usize; 3],
}

pub(super) struct Judge {
    /// Target, report and dead letter.
    files: [Numbers; 3],
}

impl Judge {
    pub(super) fn read(bench: &Bench) -> Self {
        let numbers = |name: &str, number: &dyn Fn(&str) -> usize| -> Numbers {
            let text = bench.project.text(name);
            assert!(text.ends_with('\n'), "the last line of {name} is torn");
            whole_lines(&text)
                .map(|(end, line)| (end, number(line)))
                .collect()
        };
        Self {
            files: [
                numbers(FILES[0], &number_in_target),
                numbers(FILES[1], &number_in_report),
                numbers(FILES[2], &|line| number_in_dead_letter(line, &bench.payloads)),
            ],
        }
    }

    /// Judges what the run after each kill has done, and counts what it repeated.
    ///
    /// What came again must have been unsettled, and the target must be in order.
    pub(super) fn kills(&self, kills: &[Kill], window: usize, seed: u64) -> Vec<Repeated> {
        let mut before =
            [0, 1, 2].map(|file| self.run(kills, 0, file).iter().copied().collect::<BTreeSet<_>>());
        let mut repeated = Vec::new();
        for (index, kill) in kills.iter().enumerate() {
            let number = index + 1;
            let killed = self.run(kills, index, 0);
            let unsettled = killed.iter().filter(|message| **message >= kill.settled).count();
            let twice = [0, 1, 2].map(|file| {
                let name = FILES[file];
                let run = self.run(kills, number, file);
                assert!(
                    file != 0 || run.is_sorted_by(|one, next| one < next),
                    "seed {seed}: the order of {name} after kill {number}"
                );
                let twice: Vec<usize> = run
                    .into_iter()
                    .filter(|message| !before[file].insert(*message))
                    .collect();
                let settled: Vec<_> = twice.iter().filter(|message| **message < kill.settled).collect();
                assert!(
                    settled.is_empty(),
                    "seed {seed}: settled, and again in {name} after kill {number}: {settled:?}"
                );
                assert!(
                    twice.len() <= window,
                    "seed {seed}: {} came twice in {name} after kill {number}; settled were those before {}",
                    twice.len(),
                    kill.settled
                );
                twice.len()
            });
            repeated.push(Repeated { unsettled, twice });
        }
        repeated
    }

    /// What a run wrote to a file: the run before the first kill, those between two, the one after the last.
    fn run(&self, kills: &[Kill], run: usize, file: usize) -> Vec<usize> {
        let begin = run.checked_sub(1).map_or(0, |before| kills[before].whole[file]);
        let end = kills.get(run).map_or(u64::MAX, |kill| kill.whole[file]);
        let lines = &self.files[file];
        let place = |offset| lines.partition_point(|(behind, _)| *behind <= offset);
        lines[place(begin)..place(end)]
            .iter()
            .map(|(_, message)| *message)
            .collect()
    }

    /// How many lines of all three files are copies of others.
    pub(super) fn copies(&self) -> usize {
        self.files
            .iter()
            .map(|file| file.len() - distinct(file).len())
            .sum()
    }

    /// Every message is in the target or in the dead letter and never in both, and the report names those in the target.
    pub(super) fn sums(&self, bench: &Bench, seed: u64) -> String {
        let [target, report, dead] = self.files.each_ref().map(distinct);
        let lost: Vec<usize> = (0..bench.messages)
            .filter(|number| !target.contains(number) && !dead.contains(number))
            .collect();
        let told = format!(
            "{} messages: {} lost; {} in the target and {} copies; {} in the report and {} copies; {} in the dead letter and {} copies",
            bench.messages,
            lost.len(),
            target.len(),
            self.files[0].len() - target.len(),
            report.len(),
            self.files[1].len() - report.len(),
            dead.len(),
            self.files[2].len() - dead.len(),
        );
        assert!(lost.is_empty(), "seed {seed}: lost: {lost:?}");
        let refused: BTreeSet<usize> = (0..bench.messages).filter(|number| fails(*number)).collect();
        assert!(!refused.is_empty());
        assert_eq!(dead, refused, "seed {seed}: the dead letter");
        assert!(
            target.is_disjoint(&dead),
            "seed {seed}: in the target and in the dead letter"
        );
        assert_eq!(target.len() + dead.len(), bench.messages, "seed {seed}");
        assert_eq!(report, target, "seed {seed}: the report");
        let mut seen = BTreeSet::new();
        let first: Vec<usize> = self.files[0]
            .iter()
            .map(|(_, number)| *number)
            .filter(|number| seen.insert(*number))
            .collect();
        assert!(
            first.is_sorted(),
            "seed {seed}: the order of the target without the copies"
        );
        told
    }
}

fn distinct(numbers: &Numbers) -> BTreeSet<usize> {
    numbers.iter().map(|(_, number)| *number).collect()
}

fn payload<'a, P: Deserialize<'a>>(line: &'a str) -> P {
    let envelope: Envelope<P> = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    envelope.payload.unwrap_or_else(|| panic!("no payload: {line}"))
}

pub(super) fn number_in_target(line: &str) -> usize {
    let Migrated {
        number,
        customer: Customer { full_name },
        total,
        version,
    } = payload(line);
    assert!((total - 12.5).abs() < f64::EPSILON && version == 2, "{line}");
    assert!(full_name.bytes().all(|byte| byte == b'n'), "{line}");
    number
}

fn number_in_report(line: &str) -> usize {
    let Report { message } = payload(line);
    let number = message.strip_prefix("o-").and_then(|number| number.parse().ok());
    number.unwrap_or_else(|| panic!("a report about a message that nobody sent: {line}"))
}

fn number_in_dead_letter(line: &str, payloads: &[String]) -> usize {
    let raw: &RawValue = payload(line);
    let Original { number } =
        serde_json::from_str(raw.get()).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert_eq!(raw.get(), payloads[number], "the original payload is untouched");
    number
}
