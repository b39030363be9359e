//! Container files as channels: blocks instead of lines, and the same promises.

use std::fs;

use bytes::Bytes;
use dunlin_core::container::ContainerFormat as _;
use dunlin_core::messaging::Purpose;
use dunlin_core::position::Position;
use dunlin_core::{Class, ErrorKind};
use tempfile::{TempDir, tempdir};

use super::*;

const SCHEMA: &str = r#"{"type":"record","name":"Order","fields":[{"name":"note","type":"string"}]}"#;
const OTHER: &str = r#"{"type":"record","name":"Order","fields":[{"name":"note","type":"bytes"}]}"#;

/// A folder with schemas beside the one with the channels.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempdir().unwrap();
        fs::write(folder.path().join("order.avsc"), SCHEMA).unwrap();
        fs::write(folder.path().join("other.avsc"), OTHER).unwrap();
        Self { folder }
    }

    fn settings(&self, more: &[(&str, &str)]) -> Settings {
        let schema = self.folder.path().join("order.avsc");
        let settings = settings(&[("container", "avro"), ("schema", schema.to_str().unwrap())]);
        settings.overridden_by(&super::settings(more))
    }

    fn bench(&self, more: &[(&str, &str)]) -> Bench {
        Bench::real(self.folder.path(), &self.settings(more))
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("a.avro")
    }
}

/// A single object of the schema, told apart by its number.
fn object(number: usize) -> Bytes {
    let note = format!("{number:04} {}", "x".repeat(number % 90));
    let container = Containers.create(SCHEMA.as_bytes(), "").unwrap();
    // The fingerprint is taken from the format itself: a payload of nothing tells it by being refused without one.
    let mut payload = fingerprinted(&*container);
    payload.push(u8::try_from(note.len() % 64 * 2).unwrap() | if note.len() >= 64 { 0x80 } else { 0 });
    if note.len() >= 64 {
        payload.push(u8::try_from(note.len() / 64).unwrap());
    }
    payload.extend_from_slice(note.as_bytes());
    payload.into()
}

/// The first ten bytes of every payload of a container: found in the payload of a block that holds the empty string.
fn fingerprinted(container: &dyn dunlin_core::container::Container) -> Vec<u8> {
    let mut file = vec![2, 2, 0];
    file.extend_from_slice(container.marker());
    let mut block = container.block(&file).unwrap().unwrap();
    let payload = block.payloads.next().unwrap().unwrap();
    payload[..10].to_vec()
}

fn objects(numbers: std::ops::Range<usize>) -> Vec<Bytes> {
    numbers.map(object).collect()
}

async fn put(sender: &mut Box<dyn Sender>, payloads: &[Bytes]) -> Vec<Result<Receipt>> {
    let batch: Vec<_> = payloads
        .iter()
        .map(|payload| Outgoing::new(Message::new(payload.clone())))
        .collect();
    let confirm = within(sender.send(&batch)).await.unwrap();
    within(confirm).await
}

fn payloads(deliveries: &[Delivery]) -> Vec<Bytes> {
    deliveries
        .iter()
        .map(|delivery| delivery.message.payload.clone().unwrap())
        .collect()
}

#[tokio::test]
async fn what_was_sent_is_received_from_blocks_of_every_compression_and_receipts_say_where_it_is() {
    for compression in ["null", "deflate", "snappy", "zstandard"] {
        let place = Place::new();
        let bench = place.bench(&[("compression", compression)]);
        let mut sender = bench.sender("a").await;
        // More than one block in one batch, a batch of one message, and an empty one.
        let mut positions = Vec::new();
        for part in [0..3000, 3000..3001, 3001..3001] {
            for receipt in put(&mut sender, &objects(part)).await {
                positions.push(receipt.unwrap().position);
            }
        }
        sender.close().await.unwrap();
        let (mut receiver, _settler) = bench.receiver("a").await;
        let all = drain(&mut receiver).await;
        assert_eq!(payloads(&all), objects(0..3001), "{compression}");
        let found: Vec<_> = all.iter().map(|delivery| delivery.position.clone()).collect();
        assert_eq!(found, positions, "{compression}");
        let mut sorted = found.clone();
        sorted.dedup();
        assert_eq!(sorted.len(), found.len(), "no two messages have one position");
        let state = bench
            .session
            .inspect(&Endpoint::new("a"), Some("group"))
            .await
            .unwrap();
        assert_eq!((state.depth, state.lag), (Some(3001), Some(3001)));
        // A second writer finds the header, and keeps its compression whatever its own settings say.
        let mut again = place.bench(&[]).sender("a").await;
        put(&mut again, &objects(3001..3002)).await.remove(0).unwrap();
        again.close().await.unwrap();
        let file = fs::read(place.file()).unwrap();
        let header = Containers.open(&file).unwrap().unwrap();
        let first = Containers.create(SCHEMA.as_bytes(), compression).unwrap();
        assert_eq!(header.header(), first.header(), "{compression}");
    }
}

#[tokio::test]
async fn a_group_goes_on_in_the_middle_of_a_block() {
    let place = Place::new();
    let bench = place.bench(&[]);
    let mut sender = bench.sender("a").await;
    for part in [0..10, 10..20] {
        put(&mut sender, &objects(part)).await;
    }
    sender.close().await.unwrap();
    let mut at = 0;
    for taken in [4, 6, 7, 3] {
        let (mut receiver, mut settler) = bench.receiver("a").await;
        let some = receive(&mut receiver, taken).await;
        assert_eq!(payloads(&some), objects(at..at + taken));
        settle(&mut settler, &some).await;
        at += taken;
        let state = bench
            .session
            .inspect(&Endpoint::new("a"), Some("group"))
            .await
            .unwrap();
        assert_eq!(state.lag, Some(20 - at as u64));
        settler.close().await.unwrap();
        receiver.close().await.unwrap();
    }
    let (mut receiver, _settler) = bench.receiver("a").await;
    assert!(drain(&mut receiver).await.is_empty());
    assert_eq!(bench.gaps(), 0);
}

#[tokio::test]
async fn a_start_is_at_a_message_or_behind_all_blocks_and_never_inside_of_something() {
    let place = Place::new();
    let bench = place.bench(&[]);
    let mut sender = bench.sender("a").await;
    let receipts = put(&mut sender, &objects(0..5)).await;
    let position = receipts[3].as_ref().unwrap().position.clone().unwrap();
    let mut looked = bench
        .session
        .browse()
        .unwrap()
        .look(&Endpoint::new("a"), &Start::Position(position.clone()), false)
        .await
        .unwrap();
    assert_eq!(payloads(&drain(&mut looked).await), objects(3..5));
    let inside = Position::new(Arc::clone(&position.log), position.offset + (1 << 64));
    let error = refused(bench.from("a", Start::Position(inside)).await);
    assert!(error.to_string().contains("found one inside"), "{error}");
    let latest = Source::new(Endpoint::new("a").with_settings(followed()), "late").starting(Start::Latest);
    let (mut receiver, _settler) = bench.session.receiver(&latest).await.unwrap();
    put(&mut sender, &objects(5..7)).await;
    assert_eq!(payloads(&receive(&mut receiver, 2).await), objects(5..7));
    sender.close().await.unwrap();
}

#[tokio::test]
async fn a_followed_container_is_read_block_by_block_as_it_grows_and_after_it_was_replaced() {
    let place = Place::new();
    let bench = place.bench(&[("follow", "true"), ("poll_interval_ms", "5")]);
    // Made elsewhere, and put in its place bit by bit.
    let elsewhere = Place::new();
    let mut sender = elsewhere.bench(&[]).sender("a").await;
    put(&mut sender, &objects(0..3)).await;
    let first = fs::read(elsewhere.file()).unwrap();
    put(&mut sender, &objects(3..6)).await;
    sender.close().await.unwrap();
    let whole = fs::read(elsewhere.file()).unwrap();
    fs::write(place.file(), &whole[..10]).unwrap();
    let (mut receiver, _settler) = bench.receiver("a").await;
    let (mut there, mut come) = (10, 0);
    for (end, messages) in [
        (100, 0),
        (first.len() - 1, 0),
        (first.len() + 7, 3),
        (whole.len(), 6),
    ] {
        append_bytes(&place.file(), &whole[there..end]);
        there = end;
        let new = receive(&mut receiver, messages - come).await;
        assert_eq!(payloads(&new), objects(come..messages));
        come = messages;
    }
    fs::rename(place.file(), place.folder.path().join("a.old")).unwrap();
    fs::write(place.file(), &first).unwrap();
    assert_eq!(payloads(&receive(&mut receiver, 3).await), objects(0..3));
    assert_eq!(bench.gaps(), 0);
}

fn append_bytes(path: &Path, bytes: &[u8]) {
    let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
}

#[tokio::test]
async fn a_file_that_ends_in_a_torn_block_gives_what_is_whole_and_then_an_error() {
    let place = Place::new();
    let bench = place.bench(&[]);
    let mut sender = bench.sender("a").await;
    let mut ends = Vec::new();
    for part in [0..2, 2..5] {
        put(&mut sender, &objects(part)).await;
        ends.push(fs::metadata(place.file()).unwrap().len());
    }
    sender.close().await.unwrap();
    let whole = fs::read(place.file()).unwrap();
    let header = Containers.open(&whole).unwrap().unwrap().header().len();
    for end in 0..whole.len() {
        let cut = Place::new();
        fs::write(cut.file(), &whole[..end]).unwrap();
        let bench = cut.bench(&[]);
        let (mut receiver, _settler) = bench.receiver("a").await;
        let mut batch = Vec::new();
        let ended = loop {
            if let Err(error) = within(receiver.receive(ROOM, &mut batch)).await {
                break error;
            }
        };
        let expected = if (end as u64) < ends[0] { 0 } else { 2 };
        assert_eq!(payloads(&batch), objects(0..expected), "{end}");
        let is_whole = end == 0 || end == header || end as u64 == ends[0];
        let class = if is_whole { Class::Closed } else { Class::Unhealthy };
        assert_eq!(ended.class(), class, "{end}: {ended}");
        // A writer does not build on what somebody else left torn. What is a part of its own header it completes.
        let opened = bench
            .session
            .sender(&Target::new(Endpoint::new("a"), "test"))
            .await;
        assert_eq!(opened.is_ok(), is_whole || end < header, "{end}");
    }
}

#[tokio::test]
async fn a_torn_block_of_a_writer_that_died_is_cut_and_what_it_confirmed_is_kept() {
    let place = Place::new();
    let bench = place.bench(&[]);
    let mut sender = bench.sender("a").await;
    put(&mut sender, &objects(0..4)).await;
    let note = place.folder.path().join(".dunlin/.writers/a.avro.note");
    let left = fs::read(&note).unwrap();
    sender.close().await.unwrap();
    assert!(!note.exists());
    // As a crash leaves it: the note of the last confirmation, and the first half of a block.
    let torn_block = [&[0x08, 0xc8, 0x01][..], &[b'x'; 30]].concat();
    append_bytes(&place.file(), &torn_block);
    fs::write(&note, left).unwrap();
    let mut sender = bench.sender("a").await;
    put(&mut sender, &objects(4..5)).await.remove(0).unwrap();
    sender.close().await.unwrap();
    let (mut receiver, _settler) = bench.receiver("a").await;
    assert_eq!(payloads(&drain(&mut receiver).await), objects(0..5));
}

#[tokio::test]
async fn payloads_of_another_schema_are_refused_and_keep_the_later_ones_of_their_batch_out() {
    let place = Place::new();
    let bench = place.bench(&[]);
    let mut sender = bench.sender("a").await;
    let cut = object(70).slice(..60);
    for wrong in [Bytes::from("{\"note\":\"x\"}"), Bytes::new(), cut] {
        let answers = put(&mut sender, &[object(0), wrong, object(1)]).await;
        let classes: Vec<_> = answers
            .iter()
            .map(|answer| answer.as_ref().err().map(Error::class))
            .collect();
        assert_eq!(classes, [None, Some(Class::Permanent), Some(Class::Temporary)]);
        let told = answers[1].as_ref().unwrap_err().to_string();
        assert!(told.contains("single-object"), "{told}");
    }
    let tombstone = Outgoing::new(Message::tombstone());
    let answer = sender.send(&[tombstone]).await.unwrap().await.remove(0);
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::NotRepresentable);
    sender.close().await.unwrap();
    let (mut receiver, _settler) = bench.receiver("a").await;
    assert_eq!(
        payloads(&drain(&mut receiver).await),
        [object(0), object(0), object(0)]
    );
}

#[tokio::test]
async fn what_a_container_cannot_be_is_refused_before_anything_is_written() {
    let place = Place::new();
    let bench = place.bench(&[]);
    let mut sender = bench.sender("a").await;
    put(&mut sender, &objects(0..1)).await;
    let before = fs::read(place.file()).unwrap();
    let other = place.folder.path().join("other.avsc");
    let endpoint = |more: &[(&str, &str)]| Endpoint::new("a").with_settings(settings(more));
    let target = |more: &[(&str, &str)]| Target::new(endpoint(more), "test");
    // While the file is written, and when it is at rest.
    let opened = bench
        .session
        .sender(&target(&[("schema", other.to_str().unwrap())]))
        .await;
    let told = refused(opened).to_string();
    assert!(told.contains("the same `sync` and `schema`"), "{told}");
    sender.close().await.unwrap();
    let opened = bench
        .session
        .sender(&target(&[("schema", other.to_str().unwrap())]))
        .await;
    assert!(refused(opened).to_string().contains("another"));
    assert_eq!(fs::read(place.file()).unwrap(), before);
    for (more, part) in [
        (&[("schema", "/nowhere.avsc")][..], "there is no such file"),
        (&[("compression", "lzo")], "null, deflate, snappy, zstandard"),
        (&[("container", "parquet")], "avro"),
        (&[("envelope", "true")], "without `envelope`"),
        (&[("container", "none")], "beside `container`"),
    ] {
        let verified = bench.session.verify(&endpoint(more), Purpose::Send).await;
        let error = refused(verified);
        let told = format!(
            "{error} {:?}",
            std::error::Error::source(&error).map(ToString::to_string)
        );
        assert!(told.contains(part), "{more:?}: {told}");
    }
    let lines = Bench::real(place.folder.path(), &settings(&[("container", "avro")]));
    let opened = lines
        .session
        .sender(&Target::new(Endpoint::new("b"), "test"))
        .await;
    assert!(
        refused(opened)
            .to_string()
            .contains("expected the file with the schema")
    );
}

#[tokio::test]
async fn a_message_that_is_longer_than_allowed_stops_the_reader_before_it() {
    let place = Place::new();
    let mut sender = place.bench(&[]).sender("a").await;
    put(&mut sender, &[object(1), object(80), object(2)]).await;
    sender.close().await.unwrap();
    let bench = place.bench(&[("max_line", "60")]);
    let (mut receiver, _settler) = bench.receiver("a").await;
    let mut batch = Vec::new();
    let ended = loop {
        if let Err(error) = within(receiver.receive(ROOM, &mut batch)).await {
            break error;
        }
    };
    assert_eq!(
        (ended.kind(), ended.class()),
        (ErrorKind::TooLarge, Class::Unhealthy)
    );
    assert_eq!(payloads(&batch), [object(1)]);
}
