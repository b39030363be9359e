//! Reading, on the disk of this machine: what is in the file, where a group is, and what others do to the file meanwhile.

use std::fs;
use std::time::Duration;

use bytes::Bytes;
use dunlin_core::messaging::{Endpoint, Purpose, Start, Verdict};
use dunlin_core::position::Position;
use dunlin_core::{Class, ErrorKind};
use tempfile::tempdir;

use super::*;

#[tokio::test]
async fn every_line_is_a_message_and_blank_lines_are_none() {
    let folder = tempdir().unwrap();
    fs::write(
        file(folder.path(), "a"),
        "{\"a\":1E2}\r\n\n \t\n  [1.10]\nlast without a line feed",
    )
    .unwrap();
    let bench = Bench::real(folder.path(), &Settings::new());
    let (mut receiver, _settler) = bench.receiver("a").await;
    let all = drain(&mut receiver).await;
    assert_eq!(
        texts(&all),
        ["{\"a\":1E2}", "  [1.10]", "last without a line feed"]
    );
    let offsets: Vec<_> = all
        .iter()
        .map(|delivery| delivery.position.as_ref().unwrap().offset)
        .collect();
    assert_eq!(offsets, [0, 15, 24]);
}

#[tokio::test]
async fn lines_longer_than_a_block_come_whole_and_one_above_the_limit_stops_the_route() {
    let folder = tempdir().unwrap();
    let long = "x".repeat(700_000);
    fs::write(file(folder.path(), "a"), format!("{long}\nb\n{long}x\nc\n")).unwrap();
    let bench = Bench::real(folder.path(), &settings(&[("max_line", "700000")]));
    let (mut receiver, _settler) = bench.receiver("a").await;
    let lengths: Vec<_> = texts(&receive(&mut receiver, 2).await)
        .iter()
        .map(String::len)
        .collect();
    assert_eq!(lengths, [700_000, 1]);
    for part in ["offset: 700003", "reading has stopped"] {
        let error = refused(within(receiver.receive(ROOM, &mut Vec::new())).await);
        assert_eq!(error.class(), Class::Unhealthy);
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[tokio::test]
async fn an_envelope_carries_everything_and_one_that_is_broken_stops_the_route_behind_those_before_it() {
    let folder = tempdir().unwrap();
    fs::write(
        file(folder.path(), "a"),
        "{\"key\":\"k\",\"headers\":[[\"h\",\"1\"],[\"h\",{\"base64\":\"/w==\"}]],\"address\":\"eu\",\"payload\": {\"n\":1E2} }\n{}\noops\n",
    )
    .unwrap();
    let bench = Bench::real(folder.path(), &settings(&[("envelope", "true")]));
    let (mut receiver, _settler) = bench.receiver("a").await;
    let all = receive(&mut receiver, 2).await;
    assert_eq!(all[0].message.payload.as_deref(), Some(&b"{\"n\":1E2}"[..]));
    assert_eq!(
        all[0].message.headers.get("h"),
        Some(&Bytes::from_static(b"\xff"))
    );
    assert_eq!(all[0].address.as_deref(), Some(&b"eu"[..]));
    assert_eq!(all[1].message.payload, None);
    let error = refused(within(receiver.receive(ROOM, &mut Vec::new())).await);
    assert_eq!(
        (error.kind(), error.class()),
        (ErrorKind::Damaged, Class::Unhealthy)
    );
}

#[tokio::test]
async fn a_group_goes_on_behind_what_is_settled_without_a_gap() {
    let folder = tempdir().unwrap();
    fs::write(file(folder.path(), "eu/a").parent().unwrap().join("x"), "").unwrap_err();
    fs::create_dir(folder.path().join("eu")).unwrap();
    fs::write(file(folder.path(), "eu/a"), "0\n1\n2\n3\n4\n").unwrap();
    let bench = Bench::real(folder.path(), &Settings::new());
    let (mut receiver, mut settler) = bench.receiver("eu/a").await;
    let all = drain(&mut receiver).await;
    settle(
        &mut settler,
        &[all[4].clone(), all[1].clone(), all[0].clone(), all[0].clone()],
    )
    .await;
    settler.close().await.unwrap();
    receiver.close().await.unwrap();
    let (mut receiver, mut settler) = bench.receiver("eu/a").await;
    let again = drain(&mut receiver).await;
    assert_eq!(texts(&again), ["2", "3", "4"]);
    assert_eq!(again[0].position, all[2].position);
    // A token of the receiver before means nothing here.
    settle(&mut settler, &all).await;
    settle(&mut settler, &again).await;
    drop((receiver, settler));
    let (mut receiver, _settler) = bench.receiver("eu/a").await;
    assert!(drain(&mut receiver).await.is_empty());
    assert!(folder.path().join(".dunlin/group/eu/a.json").exists());
}

#[tokio::test]
async fn what_is_given_back_comes_again_before_later_lines_with_its_attempt_counted() {
    let folder = tempdir().unwrap();
    fs::write(file(folder.path(), "a"), "0\n1\n2\n3\n").unwrap();
    let bench = Bench::real(folder.path(), &Settings::new());
    let (mut receiver, mut settler) = bench.receiver("a").await;
    let first = receive(&mut receiver, 3).await;
    let retry = |place: usize, after| {
        (
            first[place].token,
            Verdict::Retry {
                after: Duration::from_millis(after),
            },
        )
    };
    settler.settle(&[retry(2, 0), retry(1, 30)]).await.unwrap();
    let rest = receive(&mut receiver, 3).await;
    assert_eq!(texts(&rest), ["1", "2", "3"]);
    assert_eq!(
        rest.iter()
            .map(|delivery| delivery.attempt.unwrap())
            .collect::<Vec<_>>(),
        [2, 2, 1]
    );
    assert_eq!(rest[0].position, first[1].position);
    assert!(
        rest.iter()
            .all(|delivery| first.iter().all(|earlier| earlier.token != delivery.token))
    );
    let error = refused(settler.settle(&[(rest[0].token, Verdict::Reject)]).await);
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn a_message_that_comes_back_wakes_a_receiver_that_waits() {
    let folder = tempdir().unwrap();
    fs::write(file(folder.path(), "a"), "0\n").unwrap();
    let bench = Bench::real(
        folder.path(),
        &settings(&[("follow", "true"), ("poll_interval_ms", "100000")]),
    );
    let (mut receiver, mut settler) = bench.receiver("a").await;
    let first = receive(&mut receiver, 1).await;
    let waits = tokio::spawn(async move { receive(&mut receiver, 1).await });
    tokio::task::yield_now().await;
    settler
        .settle(&[(
            first[0].token,
            Verdict::Retry {
                after: Duration::ZERO,
            },
        )])
        .await
        .unwrap();
    assert_eq!(texts(&within(waits).await.unwrap()), ["0"]);
}

#[tokio::test]
async fn a_dropped_receive_loses_nothing() {
    let folder = tempdir().unwrap();
    let lines: Vec<String> = (0..500).map(|n| n.to_string()).collect();
    let bench = Bench::real(folder.path(), &followed());
    append(&file(folder.path(), "a"), "");
    let (mut receiver, _settler) = bench.receiver("a").await;
    let mut all = Vec::new();
    for line in &lines {
        append(&file(folder.path(), "a"), &format!("{line}\n"));
        let _ = tokio::time::timeout(
            Duration::from_micros(50),
            receiver.receive(
                Room {
                    messages: 2,
                    bytes: 9,
                },
                &mut all,
            ),
        )
        .await;
    }
    let missing = lines.len() - all.len();
    all.extend(receive(&mut receiver, missing).await);
    assert_eq!(texts(&all), lines);
}

#[tokio::test]
async fn a_followed_file_waits_for_the_rest_of_a_line() {
    let folder = tempdir().unwrap();
    let path = file(folder.path(), "a");
    let bench = Bench::real(folder.path(), &followed());
    // It need not be there yet.
    let (mut receiver, _settler) = bench.receiver("a").await;
    append(&path, "{\"a\":");
    let waiting =
        tokio::time::timeout(Duration::from_millis(60), receiver.receive(ROOM, &mut Vec::new())).await;
    assert!(waiting.is_err());
    append(&path, "1}\n2\n");
    assert_eq!(texts(&receive(&mut receiver, 2).await), ["{\"a\":1}", "2"]);
    assert_eq!(bench.gaps(), 0);
}

#[tokio::test]
async fn a_line_that_a_writer_has_not_finished_is_no_last_line() {
    let folder = tempdir().unwrap();
    let path = file(folder.path(), "a");
    let bench = Bench::real(folder.path(), &settings(&[("poll_interval_ms", "5")]));
    let sender = bench.sender("a").await;
    append(&path, "whole\nhal");
    let (mut receiver, _settler) = bench.receiver("a").await;
    assert_eq!(texts(&receive(&mut receiver, 1).await), ["whole"]);
    let waiting =
        tokio::time::timeout(Duration::from_millis(60), receiver.receive(ROOM, &mut Vec::new())).await;
    assert!(waiting.is_err());
    append(&path, "f\nleft");
    assert_eq!(texts(&receive(&mut receiver, 1).await), ["half"]);
    sender.close().await.unwrap();
    assert_eq!(texts(&drain(&mut receiver).await), ["left"]);
}

#[tokio::test]
async fn a_place_that_a_link_leads_out_of_the_folder_is_refused() {
    let folder = tempdir().unwrap();
    let (data, outside) = (folder.path().join("data"), folder.path().join("outside"));
    for made in [&data, &outside] {
        fs::create_dir(made).unwrap();
    }
    append(&file(&data, "a"), "0\n");
    std::os::unix::fs::symlink(&outside, data.join(".dunlin")).unwrap();
    refused(
        Bench::real(&data, &Settings::new())
            .from("a", Start::Earliest)
            .await,
    );
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    let elsewhere = settings(&[("places", outside.to_str().unwrap())]);
    Bench::real(&data, &elsewhere).receiver("a").await;
    assert!(outside.join("group/a.json").exists());
}

#[tokio::test]
async fn a_renamed_file_is_read_to_its_end_and_then_the_new_one_from_its_start() {
    let folder = tempdir().unwrap();
    let path = file(folder.path(), "a");
    append(&path, "old 0\n");
    let bench = Bench::real(folder.path(), &followed());
    let (mut receiver, mut settler) = bench.receiver("a").await;
    let mut all = receive(&mut receiver, 1).await;
    let kept = folder.path().join("a.1");
    fs::rename(&path, &kept).unwrap();
    // Its writer has not noticed, and no new file is there.
    append(&kept, "old 1\n");
    all.extend(receive(&mut receiver, 1).await);
    append(&kept, "old 2 without a line feed");
    append(&path, "new 0\nnew 1\n");
    all.extend(receive(&mut receiver, 3).await);
    assert_eq!(
        texts(&all),
        ["old 0", "old 1", "old 2 without a line feed", "new 0", "new 1"]
    );
    let log = |place: usize| all[place].position.as_ref().unwrap().log.clone();
    assert_eq!(log(0), log(2));
    assert_ne!(log(2), log(3));
    assert_eq!(bench.gaps(), 0);
    // What was unread in the old file when the reader ended is found under its new name.
    settle(&mut settler, &all[..1]).await;
    drop((receiver, settler));
    let bench = Bench::real(folder.path(), &followed());
    let (mut receiver, mut settler) = bench.receiver("a").await;
    let again = receive(&mut receiver, 4).await;
    assert_eq!(
        texts(&again),
        ["old 1", "old 2 without a line feed", "new 0", "new 1"]
    );
    assert_eq!(again[2].position, all[3].position);
    // With the old file settled the place is in the new one, and the old one may go.
    settle(&mut settler, &again[..2]).await;
    drop((receiver, settler));
    fs::remove_file(&kept).unwrap();
    let (mut receiver, _settler) = bench.receiver("a").await;
    assert_eq!(texts(&receive(&mut receiver, 2).await), ["new 0", "new 1"]);
    assert_eq!(bench.gaps(), 0);
}

#[tokio::test]
async fn a_replaced_file_is_read_to_its_end_although_it_has_no_name_any_more() {
    let folder = tempdir().unwrap();
    let path = file(folder.path(), "a");
    append(&path, "old 0\nold 1\n");
    let bench = Bench::real(folder.path(), &followed());
    let (mut receiver, _settler) = bench.receiver("a").await;
    let mut all = receive(&mut receiver, 1).await;
    for round in ["new", "newer"] {
        let new = folder.path().join("new");
        fs::write(&new, format!("{round} 0\n")).unwrap();
        fs::rename(&new, &path).unwrap();
        let more = if round == "new" { 2 } else { 1 };
        all.extend(receive(&mut receiver, more).await);
    }
    assert_eq!(texts(&all), ["old 0", "old 1", "new 0", "newer 0"]);
    let logs = sorted(
        all.iter()
            .map(|delivery| delivery.position.as_ref().unwrap().log.clone()),
    );
    assert_eq!(logs.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
    assert_eq!(bench.gaps(), 0);
}

#[tokio::test]
async fn a_file_that_is_cut_short_tells_a_gap_and_is_read_from_its_start_as_another_log() {
    let folder = tempdir().unwrap();
    let path = file(folder.path(), "a");
    append(&path, "old 0\nold 1\nold 2 torn");
    let bench = Bench::real(folder.path(), &followed());
    let (mut receiver, mut settler) = bench.receiver("a").await;
    let before = receive(&mut receiver, 2).await;
    let handle = fs::OpenOptions::new().write(true).open(&path).unwrap();
    handle.set_len(0).unwrap();
    append(&path, "0\n");
    let after = receive(&mut receiver, 1).await;
    assert_eq!(texts(&after), ["0"]);
    assert_eq!(bench.gaps(), 1);
    let logs = [&before[0], &after[0]].map(|delivery| delivery.position.as_ref().unwrap().log.clone());
    assert_ne!(logs[0], logs[1]);
    // The same offset names another message from now on, also after a restart.
    settle(&mut settler, &before).await;
    settle(&mut settler, &after).await;
    drop((receiver, settler));
    append(&path, "1\n");
    let (mut receiver, _settler) = bench.receiver("a").await;
    let again = receive(&mut receiver, 1).await;
    assert_eq!(texts(&again), ["1"]);
    assert_eq!(again[0].position.as_ref().unwrap().log, logs[1]);
    assert_eq!(bench.gaps(), 1);
}

#[tokio::test]
async fn a_file_that_is_rewritten_beyond_the_place_is_known_by_the_bytes_before_it() {
    let folder = tempdir().unwrap();
    let path = file(folder.path(), "a");
    for (seen_by_a_reader, rewritten) in [(true, "new 0\nnew 1\nnew 2\n"), (false, "NEW 0\nNEW 1\nNEW 2\n")] {
        fs::write(&path, "old 0\nold 1\n").unwrap();
        let bench = Bench::real(folder.path(), &followed());
        let (mut receiver, mut settler) = bench.receiver("a").await;
        let before = receive(&mut receiver, 2).await;
        settle(&mut settler, &before).await;
        // Nothing is there at a look before the rewriting, or nobody looks.
        let receiver = if seen_by_a_reader {
            let nothing =
                tokio::time::timeout(Duration::from_millis(60), receiver.receive(ROOM, &mut Vec::new()))
                    .await;
            assert!(nothing.is_err());
            fs::write(&path, rewritten).unwrap();
            Some(receiver)
        } else {
            drop((receiver, settler));
            fs::write(&path, rewritten).unwrap();
            None
        };
        let (mut receiver, _settler) = match receiver {
            Some(receiver) => (receiver, None),
            None => bench
                .receiver("a")
                .await
                .pipe(|(receiver, settler)| (receiver, Some(settler))),
        };
        assert_eq!(
            texts(&receive(&mut receiver, 3).await).join("\n") + "\n",
            rewritten
        );
        assert_eq!(bench.gaps(), 1);
        fs::remove_dir_all(folder.path().join(".dunlin")).unwrap();
    }
}

trait Pipe: Sized {
    fn pipe<T>(self, then: impl FnOnce(Self) -> T) -> T {
        then(self)
    }
}

impl<T> Pipe for T {}

#[tokio::test]
async fn a_file_that_was_replaced_while_nobody_read_it_tells_a_gap() {
    let folder = tempdir().unwrap();
    let path = file(folder.path(), "a");
    append(&path, "old 0\nold 1\n");
    let bench = Bench::real(folder.path(), &Settings::new());
    let (mut receiver, mut settler) = bench.receiver("a").await;
    let first = receive(&mut receiver, 1).await;
    settle(&mut settler, &first).await;
    drop((receiver, settler));
    fs::write(folder.path().join("b"), "new\n").unwrap();
    fs::rename(folder.path().join("b"), &path).unwrap();
    let (mut receiver, _settler) = bench.receiver("a").await;
    assert_eq!(texts(&drain(&mut receiver).await), ["new"]);
    assert_eq!(bench.gaps(), 1);
}

#[tokio::test]
async fn a_group_begins_where_it_is_told_and_only_once() {
    let folder = tempdir().unwrap();
    let path = file(folder.path(), "a");
    append(&path, "0\n1\n2\n");
    let bench = Bench::real(folder.path(), &followed());
    let (mut receiver, settler) = bench.from("a", Start::Latest).await.unwrap();
    append(&path, "3\n");
    assert_eq!(texts(&receive(&mut receiver, 1).await), ["3"]);
    drop((receiver, settler));
    append(&path, "4\n");
    // Nothing was settled, and yet the place is kept: `latest` is not judged anew.
    let (mut receiver, settler) = bench.from("a", Start::Latest).await.unwrap();
    let all = receive(&mut receiver, 2).await;
    assert_eq!(texts(&all), ["3", "4"]);
    drop((receiver, settler));
    fs::remove_dir_all(folder.path().join(".dunlin")).unwrap();

    let position = all[0].position.clone().unwrap();
    let (mut receiver, settler) = bench.from("a", Start::Position(position.clone())).await.unwrap();
    assert_eq!(texts(&receive(&mut receiver, 2).await), ["3", "4"]);
    drop((receiver, settler));
    fs::remove_dir_all(folder.path().join(".dunlin")).unwrap();
    for (log, offset, part) in [
        (&*position.log, 7_u64, "inside"),
        (&*position.log, 900, "shorter"),
        ("a#1-1", 0, "another"),
    ] {
        let error = refused(bench.from("a", Start::Position(Position::new(log, offset))).await);
        assert!(error.to_string().contains(part), "{error}");
    }
    assert!(
        refused(bench.from("a", Start::Time(SystemTime::now())).await)
            .to_string()
            .contains("envelopes")
    );
}

#[tokio::test]
async fn a_start_at_a_time_passes_over_earlier_envelopes() {
    let folder = tempdir().unwrap();
    append(
        &file(folder.path(), "a"),
        "{\"payload\":0}\n{\"payload\":1,\"time\":\"2020-01-01T00:00:00Z\"}\n{\"payload\":2,\"time\":\"2021-01-01T00:00:00Z\"}\n{\"payload\":3}\n",
    );
    let bench = Bench::real(folder.path(), &settings(&[("envelope", "true")]));
    let noon: SystemTime = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    let (mut receiver, mut settler) = bench.from("a", Start::Time(noon)).await.unwrap();
    let all = drain(&mut receiver).await;
    assert_eq!(texts(&all), ["2", "3"]);
    settle(&mut settler, &all[..1]).await;
    drop((receiver, settler));
    let (mut receiver, _settler) = bench.from("a", Start::Time(noon)).await.unwrap();
    assert_eq!(texts(&drain(&mut receiver).await), ["3"]);
}

#[tokio::test]
async fn a_damaged_place_is_an_error_and_never_a_new_beginning() {
    let folder = tempdir().unwrap();
    append(&file(folder.path(), "a"), "0\n1\n");
    let bench = Bench::real(folder.path(), &Settings::new());
    let (mut receiver, mut settler) = bench.receiver("a").await;
    let all = drain(&mut receiver).await;
    settle(&mut settler, &all[..1]).await;
    drop((receiver, settler));
    let place = folder.path().join(".dunlin/group/a.json");
    let good = fs::read(&place).unwrap();
    let mut damaged: Vec<Vec<u8>> = (0..good.len())
        .map(|cut| good[..cut].to_vec())
        .filter(|text| text.len() + 1 < good.len())
        .collect();
    for bit in 0..8 * (good.len() - 1) {
        let mut text = good.clone();
        text[bit / 8] ^= 1 << (bit % 8);
        damaged.push(text);
    }
    damaged.push(vec![0; good.len()]);
    for text in damaged {
        fs::write(&place, &text).unwrap();
        let error = refused(bench.from("a", Start::Earliest).await);
        assert_eq!(
            (error.kind(), error.class()),
            (ErrorKind::Damaged, Class::Unhealthy),
            "{text:?}"
        );
        assert_eq!(fs::read(&place).unwrap(), text);
    }
    fs::write(&place, good).unwrap();
    let (mut receiver, _settler) = bench.receiver("a").await;
    assert_eq!(texts(&drain(&mut receiver).await), ["1"]);
}

#[tokio::test]
async fn a_second_receiver_of_a_group_is_locked_out_and_another_group_is_not() {
    let folder = tempdir().unwrap();
    append(&file(folder.path(), "a"), "0\n");
    let bench = Bench::real(folder.path(), &Settings::new());
    let (mut first, settler) = bench.receiver("a").await;
    let other = Bench::real(folder.path(), &Settings::new());
    let error = refused(other.from("a", Start::Earliest).await);
    assert_eq!(
        (error.kind(), error.class()),
        (ErrorKind::Blocked, Class::Unhealthy)
    );
    let source = Source::new(Endpoint::new("a"), "another");
    let (mut second, _settler) = other.session.receiver(&source).await.unwrap();
    assert_eq!(texts(&drain(&mut second).await), texts(&drain(&mut first).await));
    drop((first, settler));
    other.receiver("a").await;
}

#[tokio::test]
async fn looking_moves_nobody() {
    let folder = tempdir().unwrap();
    append(&file(folder.path(), "a"), "0\n1\n");
    let bench = Bench::real(folder.path(), &Settings::new());
    let (mut receiver, mut settler) = bench.receiver("a").await;
    let all = drain(&mut receiver).await;
    settle(&mut settler, &all[..1]).await;
    let browse = bench.session.browse().unwrap();
    let mut looker = browse
        .look(&Endpoint::new("a"), &Start::Earliest, false)
        .await
        .unwrap();
    assert_eq!(texts(&drain(&mut looker).await), ["0", "1"]);
    looker.close().await.unwrap();
    let state = bench
        .session
        .inspect(&Endpoint::new("a"), Some("group"))
        .await
        .unwrap();
    assert_eq!((state.depth, state.lag), (Some(2), Some(1)));
    assert_eq!(
        (state.first, state.last),
        (all[0].position.clone(), all[1].position.clone())
    );
    let state = bench
        .session
        .inspect(&Endpoint::new("a"), Some("new"))
        .await
        .unwrap();
    assert_eq!(state.lag, Some(2));
}

#[tokio::test]
async fn a_source_that_is_not_there_is_missing_unless_it_is_followed() {
    let folder = tempdir().unwrap();
    let plain = Bench::real(folder.path(), &Settings::new());
    let error = refused(plain.from("a", Start::Earliest).await);
    assert_eq!(error.kind(), ErrorKind::ChannelMissing);
    assert_eq!(
        refused(plain.session.verify(&Endpoint::new("a"), Purpose::Receive).await).kind(),
        ErrorKind::ChannelMissing
    );
    let bench = Bench::real(folder.path(), &followed());
    bench
        .session
        .verify(&Endpoint::new("a"), Purpose::Receive)
        .await
        .unwrap();
    let (receiver, settler) = bench.from("a", Start::Latest).await.unwrap();
    drop((receiver, settler));
    // It was behind nothing, so everything that comes is new, also if nobody read when it came.
    append(&file(folder.path(), "a"), "0\n");
    let (mut receiver, _settler) = bench.from("a", Start::Latest).await.unwrap();
    assert_eq!(texts(&receive(&mut receiver, 1).await), ["0"]);
    assert_eq!(bench.gaps(), 0);
}

#[tokio::test]
async fn close_ends_a_receive_that_waits() {
    let folder = tempdir().unwrap();
    let bench = Bench::real(
        folder.path(),
        &settings(&[("follow", "true"), ("poll_interval_ms", "100000")]),
    );
    let (mut receiver, settler) = bench.receiver("a").await;
    let waiting =
        tokio::time::timeout(Duration::from_millis(20), receiver.receive(ROOM, &mut Vec::new())).await;
    assert!(waiting.is_err());
    settler.close().await.unwrap();
    within(receiver.close()).await.unwrap();
}
