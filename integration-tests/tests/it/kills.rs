//! `dunlin run` is ended while it carries messages from file to file: by kills that it cannot hear, and by signals that it can.
//!
//! What it has done is read by other code than its own, and counted: nothing may be lost, and no more than the window may
//! come twice for each kill.

mod bench;
mod judge;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dunlin_conformance::Random;
use dunlin_integration_tests::lines::Growth;
use dunlin_integration_tests::project::{Project, Ran, Running};
use dunlin_integration_tests::{dunlin, release_dunlin};
use rustix::process::Signal;

use bench::Bench;
use judge::Judge;

const MESSAGES: usize = 200_000;
/// Where one sync of the disk takes longer than [`SLOW`].
const FEWER_MESSAGES: usize = 50_000;
const SLOW: Duration = Duration::from_millis(60);
const WINDOW: usize = 256;
const KILLS: usize = 20;

/// What was there when a run was killed.
struct Kill {
    /// How many messages are settled: the place that the group remembers.
    settled: usize,
    /// The offsets behind the last whole lines of target, report and dead letter.
    whole: [u64; 3],
    /// Whether the target ended in the middle of a line.
    torn: bool,
}

#[test]
fn twenty_kills_lose_nothing_and_repeat_no_more_than_the_window_each() {
    let Some(program) = release_dunlin() else {
        return;
    };
    let seed = seed();
    let mut random = Random::new(seed);
    let sync = bench::time_of_a_sync();
    let messages = if sync > SLOW { FEWER_MESSAGES } else { MESSAGES };
    println!(
        "kills: seed {seed} (DUNLIN_SEED), {messages} messages, window {WINDOW}, one sync takes {sync:?}"
    );
    let bench = Bench::new(program, messages, WINDOW, &mut random);

    let begun = Instant::now();
    let mut kills = Vec::new();
    let mut growth = bench::FILES.map(|name| Growth::of(&bench.project.path(name)));
    for number in 0..KILLS {
        // One in each of twenty stretches of the target, so that each run gets somewhere before it is killed.
        let stretch = messages / (KILLS + 1);
        let mut point = stretch * number + stretch / 8 + random.below(stretch * 3 / 4);
        loop {
            kill_at(&bench, &mut growth[0], point);
            let whole = growth.each_mut().map(|file| {
                file.lines();
                file.whole()
            });
            let settled = bench.settled();
            if bench.last_in_target() >= settled {
                let torn = bench.length_of_target() > whole[0];
                kills.push(Kill { settled, whole, torn });
                break;
            }
            println!(
                "at line {point} everything was settled: this kill does not count, there is another one"
            );
            point = growth[0].lines() + 1 + random.below(stretch / 20);
        }
    }
    let last = bench.run();
    assert_eq!(last.status, Some(0), "seed {seed}: {last:?}");
    let carried = begun.elapsed();

    let judge = Judge::read(&bench);
    println!(
        "kill | settled | unsettled in the target | sent twice: target, report, dead letter | torn line"
    );
    for (number, (kill, repeated)) in kills.iter().zip(judge.kills(&kills, WINDOW, seed)).enumerate() {
        let [target, report, dead] = repeated.twice;
        println!(
            "{:>4} | {:>7} | {:>23} | {target:>6}, {report:>6}, {dead:>11} | {}",
            number + 1,
            kill.settled,
            repeated.unsettled,
            if kill.torn { "yes" } else { "no" }
        );
        assert!(
            repeated.unsettled > 0,
            "seed {seed}: a kill with nothing in flight shows nothing"
        );
    }
    println!("{}", judge.sums(&bench, seed));
    let again = bench.run();
    assert_eq!(again.status, Some(0), "seed {seed}: {again:?}");
    assert!(
        again.out.contains("orders: nothing new"),
        "seed {seed}: {again:?}"
    );
    println!(
        "carried in {carried:?} with {} kills, judged in {:?}",
        kills.len(),
        begun.elapsed() - carried
    );
}

/// Starts a run, and kills it as soon as its target has so many lines.
fn kill_at(bench: &Bench, target: &mut Growth, lines: usize) {
    let mut running = bench.start();
    while target.lines() < lines {
        if let Some(status) = running.child().try_wait().expect("a child can be waited for") {
            panic!(
                "it ended by itself ({status}) before line {lines}: {:?}",
                running.wait()
            );
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    running.signal(Signal::KILL);
    let ran = running.wait();
    assert_eq!(
        ran.signal,
        Some(9),
        "it was to be killed at line {lines}: {ran:?}"
    );
}

#[test]
fn a_sigterm_finishes_what_is_in_flight_so_that_a_restart_repeats_nothing() {
    let mut random = Random::new(seed());
    let messages = 20_000;
    let bench = Bench::new(dunlin(), messages, WINDOW, &mut random);
    let mut target = Growth::of(&bench.project.path("out/target.ndjson"));
    for share in 1..=3 {
        let mut running = bench.start();
        let lines = messages / 5 * share + random.below(messages / 10);
        running.until("the target has grown", || target.lines() >= lines);
        running.signal(Signal::TERM);
        let ran = running.wait();
        assert_eq!(ran.status, Some(0), "{ran:?}");
        assert!(
            ran.out.contains("stopped, everything in flight was finished"),
            "{ran:?}"
        );
        assert!(
            bench.settled() < messages,
            "it was stopped so late that nothing was left: {ran:?}"
        );
    }
    let last = bench.run();
    assert_eq!(last.status, Some(0), "{last:?}");
    let judge = Judge::read(&bench);
    println!("{}", judge.sums(&bench, 0));
    assert_eq!(
        judge.copies(),
        0,
        "messages came twice although every run ended in good order"
    );
}

#[test]
fn a_second_signal_aborts_a_drain_that_hangs_and_the_message_comes_again() {
    for (signal, status) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let project = Project::with(
            "systems: {shop: {url: 'file:data'}, pipe: {url: 'file:-'}}\n\
             routes: {orders: {from: shop/orders, to: pipe}}\n",
        );
        // More than a pipe holds, so that it is never written as long as nobody reads.
        let message = format!("\"{}\"\n", "x".repeat(1 << 20));
        project.write("data/orders.ndjson", &message);
        let mut running = Running::of(project.command(&["run"]).stdin(Stdio::null()));
        let out = running.child().stdout.take().expect("it was piped");
        running.until("it has begun to write", || {
            rustix::io::ioctl_fionread(&out).expect("a pipe can be asked") > 0
        });
        let mut errors = BufReader::new(running.child().stderr.take().expect("it was piped")).lines();
        running.signal(signal);
        let told = errors
            .by_ref()
            .map(|line| line.expect("the command writes UTF-8"))
            .any(|line| line.contains("a second signal aborts"));
        assert!(told, "nobody was told of the second signal");
        running.signal(signal);
        let ran = running.wait();
        assert_eq!(ran.status, Some(status), "{ran:?}");
        drop(out);

        let again = project.run(&["run"]);
        assert!(
            again.out.starts_with(&message),
            "the message was not settled and must come again"
        );
    }
}

/// What `DUNLIN_SEED` says, else one of the moment.
fn seed() -> u64 {
    let given = std::env::var("DUNLIN_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    given.unwrap_or(u64::from(now.subsec_nanos()) ^ now.as_secs())
}
