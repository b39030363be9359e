//! A disk in memory that does what real ones do on bad days, and the writer's answers to it.
//!
//! What was not synced may be gone after a power failure, in part, or be zeros; a name in a folder that was not synced,
//! too. After a failed sync the bytes read as if all were well, and no later sync writes them. All chance is seeded.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::sync::{Condvar, MutexGuard};

use dunlin_conformance::Random;
use dunlin_core::{Class, ErrorKind};

use super::*;
use crate::storage::{Handle, How, Identity};

/// The disk. A clone is the same one.
#[derive(Clone, Debug)]
pub(super) struct FaultyDisk(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    model: Mutex<Model>,
    released: Condvar,
}

#[derive(Debug)]
pub(super) struct Model {
    nodes: Vec<Node>,
    names: BTreeMap<PathBuf, usize>,
    /// Names that would be there after a power failure.
    kept_names: BTreeMap<PathBuf, usize>,
    folders: BTreeSet<PathBuf>,
    kept_folders: BTreeSet<PathBuf>,
    random: Random,
    /// Counts power failures: handles from before one are dead.
    epoch: u64,
    handles: u64,
    off: bool,
    /// After this many more calls that change something, the power fails.
    pub(super) fails_after: Option<u64>,
    /// How many bytes fit on the disk.
    pub(super) capacity: Option<u64>,
    /// Writes take at most so many bytes, at random, and are interrupted now and then.
    pub(super) short: Option<usize>,
    /// The next syncs of a channel's file fail.
    pub(super) failing_syncs: usize,
    /// The next writes of a channel's file fail, half done.
    pub(super) failing_writes: usize,
    /// The next reads fail.
    pub(super) failing_reads: usize,
    /// The next replacements of a whole file fail.
    pub(super) failing_replacements: usize,
    pub(super) failing_truncations: usize,
    /// Syncs answer at once and do nothing: what a writer does that acknowledges before the sync.
    pub(super) lies: bool,
    /// Syncs wait until this is over.
    pub(super) held: bool,
    pub(super) syncs: usize,
    /// Syncs through a descriptor on which one failed before.
    pub(super) syncs_after_failure: usize,
}

#[derive(Debug, Default)]
struct Node {
    bytes: Vec<u8>,
    kept: Vec<u8>,
    /// What a failed sync threw away: there until the power fails, whatever is synced later.
    dropped: Vec<Range<usize>>,
    owner: Option<u64>,
}

#[derive(Debug)]
struct FaultyHandle {
    disk: FaultyDisk,
    node: usize,
    id: u64,
    epoch: u64,
    /// A channel's file, at which most faults are aimed.
    channel: bool,
    failed: Mutex<bool>,
}

impl FaultyDisk {
    pub(super) fn new(seed: u64) -> Self {
        let model = Model {
            nodes: Vec::new(),
            names: BTreeMap::new(),
            kept_names: BTreeMap::new(),
            folders: BTreeSet::from([PathBuf::from("/")]),
            kept_folders: BTreeSet::from([PathBuf::from("/")]),
            random: Random::new(seed),
            epoch: 0,
            handles: 0,
            off: false,
            fails_after: None,
            capacity: None,
            short: None,
            failing_syncs: 0,
            failing_writes: 0,
            failing_reads: 0,
            failing_replacements: 0,
            failing_truncations: 0,
            lies: false,
            held: false,
            syncs: 0,
            syncs_after_failure: 0,
        };
        Self(Arc::new(Shared {
            model: Mutex::new(model),
            released: Condvar::new(),
        }))
    }

    pub(super) fn model(&self) -> MutexGuard<'_, Model> {
        self.0.model.lock().unwrap()
    }

    pub(super) fn release(&self) {
        self.model().held = false;
        self.0.released.notify_all();
    }

    /// The power fails and comes back: every handle is dead, and what was not synced is a matter of chance.
    pub(super) fn power_failure(&self) {
        self.model().power_failure();
    }

    pub(super) fn text(&self, path: &str) -> String {
        let model = self.model();
        let node = model.names.get(Path::new(path)).map(|node| &model.nodes[*node]);
        String::from_utf8_lossy(node.map_or(&[][..], |node| &node.bytes)).into_owned()
    }

    /// A call that changes something.
    fn change(&self) -> io::Result<MutexGuard<'_, Model>> {
        let mut model = self.model();
        if let Some(left) = &mut model.fails_after {
            *left = left.saturating_sub(1);
            model.off |= model.fails_after == Some(0);
        }
        if model.off {
            Err(io::Error::other("the power has failed"))
        } else {
            Ok(model)
        }
    }
}

impl Model {
    fn power_failure(&mut self) {
        self.epoch += 1;
        (self.off, self.fails_after) = (false, None);
        for node in &mut self.nodes {
            node.owner = None;
            node.bytes = remains(node, &mut self.random);
            node.kept = node.bytes.clone();
            node.dropped.clear();
        }
        let mut names = self.kept_names.clone();
        for path in self
            .names
            .keys()
            .chain(self.kept_names.keys())
            .collect::<BTreeSet<_>>()
        {
            // A change of names that was not synced may have reached the disk all the same.
            if self.names.get(path) != self.kept_names.get(path) && self.random.percent(50) {
                match self.names.get(path) {
                    Some(node) => names.insert(path.clone(), *node),
                    None => names.remove(path),
                };
            }
        }
        self.folders = self.kept_folders.clone();
        names.retain(|path, _| {
            path.parent()
                .is_some_and(|folder| self.kept_folders.contains(folder))
        });
        self.kept_names = names.clone();
        self.names = names;
    }

    fn used(&self) -> u64 {
        self.nodes.iter().map(|node| node.bytes.len() as u64).sum()
    }

    fn fails(count: &mut usize) -> bool {
        let fails = *count > 0;
        *count = count.saturating_sub(1);
        fails
    }

    fn replace(&mut self, path: &Path, content: &[u8], durable: bool) {
        let node = Node {
            bytes: content.to_vec(),
            ..Node::default()
        };
        self.nodes.push(node);
        let number = self.nodes.len() - 1;
        self.names.insert(path.to_owned(), number);
        if durable {
            self.nodes[number].kept = content.to_vec();
            self.kept_names.insert(path.to_owned(), number);
        }
    }
}

/// What of a file is there after a power failure.
fn remains(node: &Node, random: &mut Random) -> Vec<u8> {
    let mut bytes = node.bytes.clone();
    for range in &node.dropped {
        let end = range.end.min(bytes.len());
        bytes[range.start.min(end)..end].fill(0);
    }
    if !bytes.starts_with(&node.kept[..node.kept.len().min(bytes.len())]) || bytes.len() < node.kept.len() {
        // Cut or overwritten, and not synced.
        return if random.percent(50) {
            node.kept.clone()
        } else {
            bytes
        };
    }
    let unsynced = bytes.len() - node.kept.len();
    bytes.truncate(node.kept.len() + random.below(unsynced + 1));
    if random.percent(30) && bytes.len() > node.kept.len() {
        // The length reached the disk before all of the content.
        let start = node.kept.len() + random.below(bytes.len() - node.kept.len());
        bytes[start..].fill(0);
    }
    bytes
}

impl Storage for FaultyDisk {
    fn beneath(&self, _: &Path, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_owned())
    }

    fn open(&self, path: &Path, how: How) -> io::Result<Box<dyn Handle>> {
        let mut model = if how == How::Read {
            self.model()
        } else {
            self.change()?
        };
        let node = match model.names.get(path) {
            Some(node) => *node,
            None if how == How::Read => return Err(io::ErrorKind::NotFound.into()),
            None => {
                if !path.parent().is_some_and(|folder| model.folders.contains(folder)) {
                    return Err(io::ErrorKind::NotFound.into());
                }
                model.nodes.push(Node::default());
                let number = model.nodes.len() - 1;
                model.names.insert(path.to_owned(), number);
                number
            }
        };
        model.handles += 1;
        let (id, epoch) = (model.handles, model.epoch);
        let channel = path.extension().is_some_and(|ending| ending == "ndjson");
        Ok(Box::new(FaultyHandle {
            disk: self.clone(),
            node,
            id,
            epoch,
            channel,
            failed: Mutex::new(false),
        }))
    }

    fn identity(&self, path: &Path) -> io::Result<Option<Identity>> {
        Ok(self.model().names.get(path).map(|node| Identity {
            inode: *node as u64,
            born: 7,
        }))
    }

    fn is_writable(&self, _: &Path) -> io::Result<bool> {
        Ok(true)
    }

    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let model = self.model();
        Ok(model.names.get(path).map(|node| model.nodes[*node].bytes.clone()))
    }

    fn replace(&self, path: &Path, content: &[u8], durable: bool) -> io::Result<()> {
        let mut model = self.change()?;
        if Model::fails(&mut model.failing_replacements) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let durable = durable && !model.lies;
        model.replace(path, content, durable);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change()?.names.remove(path);
        Ok(())
    }

    fn create_folder(&self, path: &Path, durable: bool) -> io::Result<()> {
        let mut model = self.change()?;
        for folder in path.ancestors() {
            if model.folders.insert(folder.to_owned()) && durable {
                model.kept_folders.insert(folder.to_owned());
            }
        }
        Ok(())
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let mut model = self.change()?;
        let below = |name: &PathBuf| name.parent() == Some(path);
        let names: Vec<_> = model
            .names
            .iter()
            .filter(|(name, _)| below(name))
            .map(|(name, node)| (name.clone(), *node))
            .collect();
        model.kept_names.retain(|name, _| !below(name));
        model.kept_names.extend(names);
        let folders: Vec<_> = model
            .folders
            .iter()
            .filter(|folder| below(folder))
            .cloned()
            .collect();
        model.kept_folders.extend(folders);
        Ok(())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        Ok(self
            .model()
            .names
            .keys()
            .filter(|name| name.parent() == Some(folder))
            .cloned()
            .collect())
    }
}

impl FaultyHandle {
    fn alive<'a>(&self, model: MutexGuard<'a, Model>) -> io::Result<MutexGuard<'a, Model>> {
        if model.epoch == self.epoch {
            Ok(model)
        } else {
            Err(io::Error::other("the machine was started anew since"))
        }
    }

    fn node(&self) -> io::Result<MutexGuard<'_, Model>> {
        self.alive(self.disk.model())
    }
}

impl Handle for FaultyHandle {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut model = self.node()?;
        if self.channel && Model::fails(&mut model.failing_reads) {
            return Err(io::Error::other("input/output error"));
        }
        let bytes = &model.nodes[self.node].bytes;
        let start = usize::try_from(offset).unwrap().min(bytes.len());
        let length = buffer.len().min(bytes.len() - start);
        buffer[..length].copy_from_slice(&bytes[start..start + length]);
        Ok(length)
    }

    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut model = self.alive(self.disk.change()?)?;
        let mut length = bytes.len();
        if let Some(most) = model.short {
            if model.random.percent(20) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            length = length.min(1 + model.random.below(most));
        }
        let mut failure = None;
        if self.channel && Model::fails(&mut model.failing_writes) {
            length /= 2;
            failure = Some(io::Error::other("input/output error"));
        }
        if let Some(capacity) = model.capacity {
            let free = usize::try_from(capacity.saturating_sub(model.used())).unwrap();
            if free == 0 {
                failure = Some(io::ErrorKind::StorageFull.into());
            }
            length = length.min(free);
        }
        model.nodes[self.node].bytes.extend_from_slice(&bytes[..length]);
        match failure {
            Some(failure) => Err(failure),
            None => Ok(length),
        }
    }

    fn overwrite(&self, bytes: &[u8]) -> io::Result<()> {
        let mut model = self.alive(self.disk.change()?)?;
        let node = &mut model.nodes[self.node];
        node.bytes
            .splice(..bytes.len().min(node.bytes.len()), bytes.iter().copied());
        Ok(())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let mut model = self.alive(self.disk.change()?)?;
        if Model::fails(&mut model.failing_truncations) {
            return Err(io::Error::other("input/output error"));
        }
        let length = usize::try_from(length).unwrap();
        let node = &mut model.nodes[self.node];
        node.bytes.truncate(length);
        node.dropped.retain_mut(|range| {
            range.end = range.end.min(length);
            range.start < range.end
        });
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut model = self.alive(self.disk.change()?)?;
        while model.held {
            model = self.disk.0.released.wait(model).unwrap();
        }
        let mut model = self.alive(model)?;
        model.syncs += 1;
        let mut failed = self.failed.lock().unwrap();
        model.syncs_after_failure += usize::from(*failed);
        let fails = self.channel && Model::fails(&mut model.failing_syncs);
        let lies = model.lies;
        let node = &mut model.nodes[self.node];
        if fails {
            *failed = true;
            let common = node
                .kept
                .iter()
                .zip(&node.bytes)
                .take_while(|(kept, byte)| kept == byte)
                .count();
            node.dropped.push(common..node.bytes.len());
            return Err(io::Error::other("input/output error"));
        }
        if !lies {
            node.kept = node.bytes.clone();
            for range in &node.dropped {
                node.kept[range.clone()].fill(0);
            }
        }
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.node()?.nodes[self.node].bytes.len() as u64)
    }

    fn identity(&self) -> io::Result<Identity> {
        Ok(Identity {
            inode: self.node as u64,
            born: 7,
        })
    }

    fn is_linked(&self) -> io::Result<bool> {
        Ok(self.node()?.names.values().any(|node| *node == self.node))
    }

    fn try_lock(&self) -> io::Result<bool> {
        let mut model = self.node()?;
        let owner = &mut model.nodes[self.node].owner;
        Ok(*owner.get_or_insert(self.id) == self.id)
    }
}

impl Drop for FaultyHandle {
    fn drop(&mut self) {
        if let Ok(mut model) = self.node()
            && model.nodes[self.node].owner == Some(self.id)
        {
            model.nodes[self.node].owner = None;
        }
    }
}

fn on(disk: &FaultyDisk, settings: &Settings) -> Bench {
    Bench::on(Arc::new(disk.clone()), Path::new("/data"), settings)
}

const FILE: &str = "/data/a.ndjson";

#[tokio::test]
async fn a_write_that_takes_a_few_bytes_at_a_time_is_carried_on() {
    let disk = FaultyDisk::new(1);
    disk.model().short = Some(7);
    let lines: Vec<_> = (0..300).map(|number| format!("line {number}")).collect();
    let mut sender = on(&disk, &Settings::new()).sender("a").await;
    for batch in lines.chunks(10) {
        sent(&mut sender, batch).await;
    }
    assert_eq!(disk.text(FILE), lines.join("\n") + "\n");
}

#[tokio::test]
async fn a_full_disk_takes_the_batch_back_whole_and_goes_on_when_there_is_room() {
    let disk = FaultyDisk::new(2);
    let mut sender = on(&disk, &Settings::new()).sender("a").await;
    sent(&mut sender, &["first"]).await;
    let used = disk.model().used();
    for room in 0..12 {
        disk.model().capacity = Some(used + room);
        for answer in send(&mut sender, &["second", "third"]).await {
            let error = answer.unwrap_err();
            assert_eq!(
                (error.kind(), error.class(), error.in_doubt()),
                (ErrorKind::Full, Class::Temporary, false)
            );
        }
        assert_eq!(disk.text(FILE), "first\n");
    }
    disk.model().capacity = None;
    sent(&mut sender, &["second", "third"]).await;
    assert_eq!(disk.text(FILE), "first\nsecond\nthird\n");
    disk.power_failure();
    assert_eq!(disk.text(FILE), "first\nsecond\nthird\n");
}

#[tokio::test]
async fn a_write_that_fails_half_way_is_undone_and_may_be_tried_again() {
    let disk = FaultyDisk::new(3);
    let mut sender = on(&disk, &Settings::new()).sender("a").await;
    disk.model().failing_writes = 2;
    for _ in 0..2 {
        let error = send(&mut sender, &["one"]).await.remove(0).unwrap_err();
        assert_eq!((error.kind(), error.class()), (ErrorKind::Io, Class::Temporary));
    }
    sent(&mut sender, &["one"]).await;
    assert_eq!(disk.text(FILE), "one\n");
}

#[tokio::test]
async fn half_a_line_that_cannot_be_undone_fails_the_file_and_is_cut_when_it_is_opened_again() {
    let disk = FaultyDisk::new(4);
    let bench = on(&disk, &Settings::new());
    let mut sender = bench.sender("a").await;
    sent(&mut sender, &["one"]).await;
    disk.model().failing_writes = 1;
    disk.model().failing_truncations = 2;
    let error = send(&mut sender, &["two", "three"]).await.remove(0).unwrap_err();
    assert_eq!(error.class(), Class::Unhealthy);
    assert_eq!(disk.text(FILE), "one\ntwo\nt");
    sent(&mut bench.sender("a").await, &["four"]).await;
    assert_eq!(disk.text(FILE), "one\ntwo\nfour\n");
}

#[tokio::test]
async fn a_failed_sync_fails_the_file_for_good_and_nothing_is_built_on_what_may_be_gone() {
    let disk = FaultyDisk::new(5);
    let bench = on(&disk, &Settings::new());
    let mut sender = bench.sender("a").await;
    sent(&mut sender, &["one"]).await;
    disk.model().failing_syncs = 1;
    for answer in send(&mut sender, &["two", "three"]).await {
        let error = answer.unwrap_err();
        assert_eq!((error.class(), error.in_doubt()), (Class::Unhealthy, true));
    }
    let later = match sender.send(&batch(&["two"])).await {
        Ok(confirm) => confirm.await.remove(0).unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(later.class(), Class::Unhealthy);
    assert_eq!(disk.text(FILE), "one\n");
    // The route is started again while another still holds its share in the failed writer.
    let mut again = bench.sender("a").await;
    sent(&mut again, &["two", "three"]).await;
    drop(sender);
    sent(&mut again, &["four"]).await;
    disk.power_failure();
    assert_eq!(disk.text(FILE), "one\ntwo\nthree\nfour\n");
    assert_eq!(disk.model().syncs_after_failure, 0);
}

#[tokio::test]
async fn one_sync_confirms_everything_that_waited_for_it() {
    let disk = FaultyDisk::new(6);
    let mut sender = on(&disk, &Settings::new()).sender("a").await;
    sent(&mut sender, &["0"]).await;
    disk.model().held = true;
    let before = disk.model().syncs;
    let mut confirms = Vec::new();
    for number in 1..=40 {
        confirms.push(within(sender.send(&batch(&[number.to_string()]))).await.unwrap());
    }
    let early = tokio::time::timeout(Duration::from_millis(30), &mut confirms[0]).await;
    assert!(early.is_err(), "confirmed before the sync");
    disk.release();
    for confirm in confirms {
        within(confirm).await.remove(0).unwrap();
    }
    assert_eq!(disk.text(FILE).lines().count(), 41);
    let syncs = disk.model().syncs - before;
    assert!(syncs <= 3, "{syncs} syncs for 40 batches");
}

#[tokio::test]
async fn a_batch_that_was_given_up_before_it_was_begun_is_not_written_beside_its_second_copy() {
    let disk = FaultyDisk::new(7);
    let mut sender = on(&disk, &settings(&[("confirm_timeout_ms", "40")]))
        .sender("a")
        .await;
    sent(&mut sender, &["0"]).await;
    disk.model().held = true;
    let begun = sender.send(&batch(&["1"])).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let waiting = sender.send(&batch(&["2"])).await.unwrap();
    for confirm in [begun, waiting] {
        let error = within(confirm).await.remove(0).unwrap_err();
        assert_eq!((error.kind(), error.in_doubt()), (ErrorKind::Timeout, true));
    }
    disk.release();
    sent(&mut sender, &["1", "2"]).await;
    assert_eq!(disk.text(FILE), "0\n1\n1\n2\n");
}

#[tokio::test]
async fn what_is_synced_now_and_then_is_synced_in_time_and_when_the_writer_ends() {
    let disk = FaultyDisk::new(8);
    let bench = on(
        &disk,
        &settings(&[("sync", "unsafe_interval"), ("sync_interval_ms", "30")]),
    );
    let mut sender = bench.sender("a").await;
    sent(&mut sender, &["one"]).await;
    let began = Instant::now();
    while disk.model().syncs == 0 && began.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(disk.model().syncs, 1);
    sent(&mut sender, &["two"]).await;
    sender.close().await.unwrap();
    disk.power_failure();
    assert_eq!(disk.text(FILE), "one\ntwo\n");
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_an_error_and_is_made_up_for_later() {
    let disk = FaultyDisk::new(9);
    let bench = on(&disk, &Settings::new());
    let mut sender = bench.sender("a").await;
    sent(&mut sender, &["0", "1", "2", "3"]).await;
    let (mut receiver, mut settler) = bench.receiver("a").await;
    let all = drain(&mut receiver).await;
    disk.model().failing_replacements = 2;
    for delivery in &all[..2] {
        let error = refused(settler.settle(&[(delivery.token, Verdict::Done)]).await);
        assert_eq!((error.kind(), error.class()), (ErrorKind::Full, Class::Temporary));
    }
    settler.close().await.unwrap();
    receiver.close().await.unwrap();
    disk.power_failure();
    let (mut receiver, _settler) = on(&disk, &Settings::new()).receiver("a").await;
    assert_eq!(texts(&drain(&mut receiver).await), ["2", "3"]);
}

#[tokio::test]
async fn a_read_that_fails_is_temporary_and_loses_no_line() {
    let disk = FaultyDisk::new(10);
    let bench = on(&disk, &settings(&[("poll_interval_ms", "2")]));
    sent(&mut bench.sender("a").await, &["0", "1", "2"]).await;
    let (mut receiver, _settler) = bench.receiver("a").await;
    let mut batch = Vec::new();
    disk.model().failing_reads = 3;
    let mut failures = 0;
    while batch.len() < 3 {
        if let Err(error) = within(receiver.receive(
            Room {
                messages: 1,
                bytes: 1,
            },
            &mut batch,
        ))
        .await
        {
            assert_eq!(error.class(), Class::Temporary);
            failures += 1;
        }
    }
    assert_eq!(texts(&batch), ["0", "1", "2"]);
    assert!(failures <= 3);
}
