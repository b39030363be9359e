//! The power fails at every place: nothing that was confirmed is lost, and the check that says so can fail.

use std::collections::BTreeSet;

use dunlin_conformance::Random;

use super::faulty::FaultyDisk;
use super::*;

/// What a run of power failures did to what was confirmed.
#[derive(Debug, Default)]
struct Toll {
    confirmed: usize,
    lost: usize,
    failures: usize,
}

/// Writes to one file through several power failures, each after a random number of calls to the disk.
async fn toll(seed: u64, sync: &str, lies: bool) -> Toll {
    let mut random = Random::new(seed);
    let disk = FaultyDisk::new(seed);
    disk.model().lies = lies;
    disk.model().short = random.percent(50).then_some(9);
    let mut confirmed = BTreeSet::new();
    let mut toll = Toll::default();
    let mut number = 0;
    for _ in 0..6 {
        disk.model().fails_after = Some(random.below(40) as u64 + 1);
        let bench = Bench::on(
            Arc::new(disk.clone()),
            Path::new("/data/below"),
            &settings(&[("sync", sync)]),
        );
        let target = Target::new(Endpoint::new("eu/a"), "test");
        if let Ok(mut sender) = bench.session.sender(&target).await {
            while disk.model().fails_after.is_some_and(|left| left > 0) {
                let lines: Vec<_> = (0..=random.below(3))
                    .map(|line| format!("message {}", number + line))
                    .collect();
                number += lines.len();
                let Ok(confirm) = sender.send(&batch(&lines)).await else {
                    break;
                };
                let answers = within(confirm).await;
                confirmed.extend(
                    lines
                        .into_iter()
                        .zip(answers)
                        .filter(|(_, answer)| answer.is_ok())
                        .map(|(line, _)| line),
                );
            }
        }
        disk.power_failure();
        toll.failures += 1;
        let text = disk.text("/data/below/eu/a.ndjson");
        let there: BTreeSet<_> = text
            .split_inclusive('\n')
            .filter_map(|line| line.strip_suffix('\n'))
            .map(str::to_owned)
            .collect();
        let gone: Vec<_> = confirmed.difference(&there).cloned().collect();
        toll.lost += gone.len();
        confirmed.retain(|line| there.contains(line));
    }
    toll.confirmed = confirmed.len() + toll.lost;
    toll
}

async fn tolls(sync: &str, lies: bool) -> Toll {
    let mut sum = Toll::default();
    for seed in 0..300 {
        let toll = toll(seed, sync, lies).await;
        if sync == "always" && !lies {
            assert_eq!(toll.lost, 0, "seed {seed}: {toll:?}");
        }
        sum.confirmed += toll.confirmed;
        sum.lost += toll.lost;
        sum.failures += toll.failures;
    }
    println!("sync: {sync}, acknowledged before the sync: {lies}: {sum:?}");
    sum
}

#[tokio::test]
async fn nothing_that_was_confirmed_is_lost_when_the_power_fails() {
    let sum = tolls("always", false).await;
    assert_eq!(sum.lost, 0);
    assert!(sum.confirmed > 1_000 && sum.failures == 1_800, "{sum:?}");
}

#[tokio::test]
async fn the_same_check_finds_what_is_lost_by_acknowledging_before_the_sync() {
    let sum = tolls("always", true).await;
    assert!(sum.lost > 100, "{sum:?}");
}

#[tokio::test]
async fn the_same_check_finds_what_the_unsafe_policies_lose() {
    for sync in ["unsafe_interval", "unsafe_never"] {
        let sum = tolls(sync, false).await;
        assert!(sum.lost > 100, "{sync}: {sum:?}");
    }
}

#[tokio::test]
async fn what_was_not_settled_when_the_power_failed_comes_again() {
    let (mut again, mut settled_again) = (0, 0);
    for seed in 0..150 {
        let mut random = Random::new(seed);
        let disk = FaultyDisk::new(seed);
        let bench = Bench::on(Arc::new(disk.clone()), Path::new("/data"), &Settings::new());
        let lines: Vec<_> = (0..40).map(|number| number.to_string()).collect();
        let mut sender = bench.sender("a").await;
        sent(&mut sender, &lines).await;
        sender.close().await.unwrap();
        let mut settled = BTreeSet::new();
        for _ in 0..5 {
            let bench = Bench::on(Arc::new(disk.clone()), Path::new("/data"), &Settings::new());
            let (mut receiver, mut settler) = bench.receiver("a").await;
            let all = drain(&mut receiver).await;
            let came: BTreeSet<_> = texts(&all).into_iter().collect();
            for line in &lines {
                assert!(
                    came.contains(line) || settled.contains(line),
                    "seed {seed}: {line} is lost"
                );
            }
            again += came.len();
            settled_again += came.intersection(&settled).count();
            disk.model().fails_after = Some(random.below(12) as u64 + 1);
            for delivery in all.into_iter().filter(|_| random.percent(80)) {
                let done = settler.settle(&[(delivery.token, Verdict::Done)]).await;
                // After an error the message may come again; not to come again it needs no error.
                settled.extend(done.is_ok().then(|| texts(&[delivery]).remove(0)));
            }
            disk.power_failure();
        }
    }
    println!("{again} deliveries, {settled_again} of them settled before behind one that was not");
}
