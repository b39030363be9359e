//! A source with numbered messages of which some must fail, and a route that carries them.

use std::fmt::Write;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::*;

/// Target, report and dead letter.
pub(super) const FILES: [&str; 3] = ["out/target.ndjson", "out/report.ndjson", "out/dead.ndjson"];

const MIGRATION: &str = "migration: orders
transformations:
  - rename: customer.name
    to: full_name
  - cast: total
    to: number
  - add: version
    value: 2
";

pub(super) struct Bench {
    pub(super) project: Project,
    pub(super) messages: usize,
    /// The payload of each message, as the source has it.
    pub(super) payloads: Vec<String>,
    /// The offset behind each line of the source.
    ends: Vec<u64>,
}

impl Bench {
    pub(super) fn new(program: PathBuf, messages: usize, window: usize, random: &mut Random) -> Self {
        let project = Project::of(program);
        project.write("orders.yaml", MIGRATION);
        project.write(
            "dunlin.yaml",
            format!(
                "systems:
  shop: {{ url: 'file:data', settings: {{ envelope: true }} }}
  warehouse: {{ url: 'file:out', settings: {{ envelope: true }} }}
routes:
  orders:
    from: shop/orders
    migrate: orders.yaml
    to: warehouse/target
    report: warehouse/report
    dead_letter: warehouse/dead
    window: {window}
    batch: {}
",
                window / 4
            ),
        );
        let mut source = String::new();
        let mut payloads = Vec::with_capacity(messages);
        let mut ends = Vec::with_capacity(messages);
        for number in 0..messages {
            let total = if fails(number) { "twelve" } else { "12.50" };
            let payload = format!(
                r#"{{"number":{number},"customer":{{"name":"{}"}},"total":"{total}"}}"#,
                "n".repeat(random.below(60))
            );
            writeln!(source, r#"{{"id":"o-{number}","payload":{payload}}}"#).expect("text takes text");
            payloads.push(payload);
            ends.push(source.len() as u64);
        }
        project.write("data/orders.ndjson", source);
        Self {
            project,
            messages,
            payloads,
            ends,
        }
    }

    pub(super) fn start(&self) -> Running {
        self.project.start(&["run"])
    }

    pub(super) fn run(&self) -> Ran {
        self.project.run(&["run"])
    }

    /// How many messages are settled, as the note about the group's place says.
    pub(super) fn settled(&self) -> usize {
        let place = self.project.json("data/.dunlin/dunlin-orders/orders.json");
        let offset = place[0]["place"]["offset"]
            .as_u64()
            .expect("a place has an offset");
        self.ends.partition_point(|end| *end <= offset)
    }

    /// The number of the message in the last whole line of the target.
    pub(super) fn last_in_target(&self) -> usize {
        let mut file = File::open(self.project.path(FILES[0])).expect("it was written");
        let length = file.metadata().expect("an open file has a length").len();
        let mut text = String::new();
        // Every line is shorter than half of this.
        file.seek(SeekFrom::Start(length.saturating_sub(4096)))
            .and_then(|_| file.read_to_string(&mut text))
            .expect("it can be read");
        let whole = &text[..text.rfind('\n').expect("there is a whole line") + 1];
        let line = whole.lines().last().expect("there is a whole line");
        judge::number_in_target(line)
    }

    pub(super) fn length_of_target(&self) -> u64 {
        let found = std::fs::metadata(self.project.path(FILES[0]));
        found.expect("it was written").len()
    }
}

/// Whether the migration must refuse this message.
pub(super) fn fails(number: usize) -> bool {
    number % 1009 == 7
}

/// How long the disk of scratch folders takes to make a block durable: the middle one of twenty.
pub(super) fn time_of_a_sync() -> Duration {
    let mut file = tempfile::tempfile().expect("a scratch file can be made");
    let mut times: Vec<Duration> = (0..20)
        .map(|_| {
            let begun = Instant::now();
            file.write_all(&[b'x'; 32 << 10])
                .and_then(|()| file.sync_data())
                .expect("a scratch file can be written");
            begun.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}
