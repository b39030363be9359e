//! A process that carries messages from file to file is killed, again and again.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};

use dunlin_conformance::Random;
use tempfile::tempdir;

use super::*;

const ROLE: &str = "DUNLIN_TEST_CARRIER";
const MESSAGES: usize = 30_000;
const KILLS: usize = 12;
const WINDOW: usize = 256;

/// Run by itself it starts itself again and again, as a carrier that is killed.
#[test]
fn nothing_is_lost_by_kills_and_no_more_than_the_window_comes_twice_for_each() {
    if let Some(folder) = std::env::var_os(ROLE) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(carry(Path::new(&folder)));
        return;
    }
    let folder = tempdir().unwrap();
    let lines: String = (0..MESSAGES)
        .map(|number| format!("{{\"id\":{number},\"fill\":\"{}\"}}\n", "x".repeat(number % 97)))
        .collect();
    std::fs::write(file(folder.path(), "source"), lines).unwrap();
    let seed = std::env::var("DUNLIN_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(20);
    let mut random = Random::new(seed);
    let target = file(folder.path(), "target");
    let mut kills = 0;
    while kills < KILLS {
        let before = length(&target);
        let mut carrier = carrier(folder.path());
        // Killed at work: after it has written something, at a point that is chance.
        let more = random.below(120_000) as u64;
        while length(&target) < before + more && carrier.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_micros(200));
        }
        if carrier.try_wait().unwrap().is_some() {
            break;
        }
        carrier.kill().unwrap();
        carrier.wait().unwrap();
        kills += 1;
    }
    assert!(carrier(folder.path()).wait().unwrap().success());
    let text = std::fs::read_to_string(&target).unwrap();
    let mut copies: BTreeMap<&str, usize> = BTreeMap::new();
    for line in text.lines() {
        *copies.entry(line).or_default() += 1;
    }
    let source = std::fs::read_to_string(file(folder.path(), "source")).unwrap();
    let lost = source.lines().filter(|line| !copies.contains_key(line)).count();
    let twice: usize = copies.values().map(|copies| copies - 1).sum();
    println!(
        "{MESSAGES} messages, {kills} kills (seed {seed}): {lost} lost, {twice} duplicates of at most {}",
        kills * WINDOW
    );
    assert_eq!(lost, 0, "seed {seed}");
    assert_eq!(copies.len(), MESSAGES, "seed {seed}: lines that nobody sent");
    assert!(
        twice <= kills * WINDOW,
        "seed {seed}: {twice} duplicates after {kills} kills"
    );
    assert!(
        kills >= KILLS / 2,
        "seed {seed}: the carrier was done after {kills} kills"
    );
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |found| found.len())
}

fn carrier(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "tests::killing::nothing_is_lost_by_kills_and_no_more_than_the_window_comes_twice_for_each",
        ])
        .env(ROLE, folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

async fn carry(folder: &Path) {
    let bench = Bench::real(folder, &Settings::new());
    let (mut receiver, mut settler) = bench.receiver("source").await;
    let mut sender = bench.sender("target").await;
    loop {
        let mut deliveries = Vec::new();
        let room = Room {
            messages: WINDOW / 2,
            ..ROOM
        };
        match receiver.receive(room, &mut deliveries).await {
            Ok(()) => {}
            Err(end) if end.class() == dunlin_core::Class::Closed => break,
            Err(error) => panic!("{error}"),
        }
        // Two batches are in flight, so that a kill finds one written and the other not.
        let (first, second) = deliveries.split_at(deliveries.len() / 2);
        let mut confirms = Vec::new();
        for part in [first, second] {
            let outgoing: Vec<_> = part
                .iter()
                .map(|delivery| Outgoing::new(delivery.message.clone()))
                .collect();
            confirms.push((part, sender.send(&outgoing).await.unwrap()));
        }
        for (part, confirm) in confirms {
            assert!(confirm.await.iter().all(Result::is_ok));
            settle(&mut settler, part).await;
        }
    }
    sender.close().await.unwrap();
    settler.close().await.unwrap();
    receiver.close().await.unwrap();
}
