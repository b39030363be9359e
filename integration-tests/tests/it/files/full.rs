//! A target without room: the route waits, says nothing is settled that is not there, and goes on when there is room.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use dunlin_integration_tests::lines::{self, Envelope};
use dunlin_integration_tests::skipped;
use rustix::process::{Resource, Rlimit, getuid, prlimit};

use super::*;

const MESSAGES: usize = 20_000;
const WINDOW: u64 = 64;
const ROOM: u64 = 256 << 10;

fn project() -> Project {
    let project = Project::with(&format!(
        "systems: {{shop: {{url: 'file:data'}}, warehouse: {{url: 'file:out', settings: {{envelope: true}}}}}}\n\
         routes: {{orders: {{from: shop/orders, migrate: totals.yaml, to: warehouse/orders, window: {WINDOW}}}}}\n",
    ));
    project.write("totals.yaml", TOTALS);
    project.write("data/orders.ndjson", numbers(0..MESSAGES));
    std::fs::create_dir(project.path("out")).expect("a folder can be made");
    project
}

/// How many bytes of its source the route has settled.
fn settled(project: &Project) -> usize {
    let place = project.json("data/.dunlin/dunlin-orders/orders.json");
    let offset = place[0]["place"]["offset"]
        .as_u64()
        .expect("a place has an offset");
    usize::try_from(offset).expect("a file of this test is small")
}

/// Waits until the target has no room, and sees that the route waits and has settled nothing that is not there.
fn waits(project: &Project, running: &mut Running) -> String {
    let length = || std::fs::metadata(project.path("out/orders.ndjson")).map_or(0, |found| found.len());
    // A block of a full window is shorter than this.
    running.until("the target is full", || length() > ROOM - (64 << 10));
    let mut before = 0;
    running.until("the route has come to a halt", || {
        std::thread::sleep(Duration::from_millis(300));
        std::mem::replace(&mut before, length()) == length()
    });
    assert!(
        running
            .child()
            .try_wait()
            .expect("a child can be waited for")
            .is_none(),
        "it does not end: {running:?}"
    );
    let there = each_once(project);
    let source = project.text("data/orders.ndjson");
    let settled = source[..settled(project)].lines().count();
    let gone = (0..settled as u64)
        .filter(|number| !there.contains(number))
        .count();
    assert_eq!(gone, 0, "messages are settled that are not there");
    assert!(there.len() < MESSAGES, "the disk was never full");
    format!(
        "the target is full with {} messages, {settled} of them are settled",
        there.len()
    )
}

fn all_came(project: &Project, running: Running) {
    let ran = running.wait();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let there = each_once(project);
    assert!(there.into_iter().eq(0..MESSAGES as u64), "some are lost");
}

/// What is in the target: whole lines, each once. A message that found no room may be overtaken by its neighbours.
fn each_once(project: &Project) -> BTreeSet<u64> {
    let text = project.text("out/orders.ndjson");
    // The route tries again while this looks, and what does not fit is cut off a moment later.
    let whole = text.rfind('\n').map_or(0, |last| last + 1);
    let payload = |line: Envelope<Value>| line.payload.expect("every message has a payload");
    let payloads: Vec<Value> = lines::read(&text[..whole]).into_iter().map(payload).collect();
    let lines = numbers_of(&payloads);
    let numbers: BTreeSet<u64> = lines.iter().copied().collect();
    assert_eq!(numbers.len(), lines.len(), "some came twice");
    for (place, number) in (0..).zip(&lines) {
        assert!(
            number.abs_diff(place) < 2 * WINDOW,
            "{number} is at {place}: farther from its place than the window explains"
        );
    }
    numbers
}

#[test]
fn a_route_waits_at_the_longest_file_that_it_may_write_and_loses_nothing() {
    let project = project();
    let command = project.command(&["run"]);
    let mut shell = Command::new("sh");
    // The signal that comes with this limit would end the process; ignored, the write fails instead.
    shell
        .args(["-c", "trap '' XFSZ; exec \"$0\" run"])
        .arg(command.get_program())
        .current_dir(project.path(""))
        .stdin(Stdio::null());
    let mut running = Running::of(&mut shell);
    let before = limit(&mut running, Some(ROOM));
    println!("{}", waits(&project, &mut running));
    limit(&mut running, before);
    all_came(&project, running);
}

/// Sets how long a file may be that the process writes, and returns what it was before.
fn limit(running: &mut Running, bytes: Option<u64>) -> Option<u64> {
    let process = Some(running.process());
    let found = rustix::process::getrlimit(Resource::Fsize);
    let new = Rlimit {
        current: bytes,
        maximum: found.maximum,
    };
    prlimit(process, Resource::Fsize, new)
        .expect("a child's limit can be set")
        .current
}

#[test]
fn a_route_waits_at_a_full_disk_and_loses_nothing() {
    if !getuid().is_root() {
        return skipped(
            "a full disk: only root may mount one; the limit of a file's length is tested in its place",
        );
    }
    let project = project();
    let Some(disk) = Disk::mount(project.path("out"), ROOM) else {
        return skipped(
            "a full disk: none may be mounted here; the limit of a file's length is tested in its place",
        );
    };
    let mut running = project.start(&["run"]);
    println!("{}", waits(&project, &mut running));
    disk.grow(64 * ROOM);
    all_came(&project, running);
}

/// A small disk in memory, taken away when this is dropped.
struct Disk(PathBuf);

impl Disk {
    fn mount(folder: PathBuf, bytes: u64) -> Option<Self> {
        let size = format!("size={bytes}");
        let mut mount = Command::new("mount");
        let status = mount
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(&folder)
            .stderr(Stdio::null());
        status
            .status()
            .is_ok_and(|status| status.success())
            .then_some(Self(folder))
    }

    fn grow(&self, bytes: u64) {
        let size = format!("remount,size={bytes}");
        let status = Command::new("mount").args(["-o", &size]).arg(&self.0).status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "a disk can be made larger"
        );
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a process that was killed may not have let go of it yet.
        let status = Command::new("umount").arg("-l").arg(&self.0).status();
        assert!(
            status.is_ok_and(|status| status.success()) || std::thread::panicking(),
            "the disk is still mounted"
        );
    }
}
