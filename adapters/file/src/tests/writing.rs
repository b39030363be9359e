//! Writing, on the disk of this machine: one writer for each file, and what is done with the end of a file.

use std::fs;

use dunlin_core::messaging::{Endpoint, Purpose};
use dunlin_core::{Class, ErrorKind};
use tempfile::tempdir;

use super::*;

#[tokio::test]
async fn what_was_sent_is_received_and_the_receipt_says_where_it_is() {
    let folder = tempdir().unwrap();
    let bench = Bench::real(folder.path(), &settings(&[("envelope", "true")]));
    let mut sender = bench.sender("eu/a").await;
    let messages: Vec<_> = [Some("{\"n\":1.10}"), None, Some("two\nlines")]
        .into_iter()
        .map(|payload| {
            let mut message = Message::tombstone().with_key("k").with_header("h", &b"\xff"[..]);
            message.payload = payload.map(Into::into);
            Outgoing::new(message).addressed("eu")
        })
        .collect();
    let receipts = sender.send(&messages).await.unwrap().await;
    sender.close().await.unwrap();
    let (mut receiver, _settler) = bench.receiver("eu/a").await;
    let all = drain(&mut receiver).await;
    for ((sent, receipt), delivery) in messages.iter().zip(receipts).zip(&all) {
        assert_eq!(receipt.unwrap().position, delivery.position);
        assert_eq!(delivery.message.payload, sent.message.payload);
        assert_eq!(delivery.message.headers, sent.message.headers);
        assert_eq!(
            (&delivery.message.key, &delivery.address),
            (&sent.message.key, &sent.address)
        );
    }
    assert_eq!(all.len(), 3);
}

#[tokio::test]
async fn a_refused_message_keeps_the_later_ones_of_its_batch_out() {
    let folder = tempdir().unwrap();
    let bench = Bench::real(folder.path(), &Settings::new());
    let mut sender = bench.sender("a").await;
    let answers = send(&mut sender, &["0", "1\n1", "2", "3\n"]).await;
    let classes: Vec<_> = answers
        .iter()
        .map(|answer| answer.as_ref().err().map(Error::class))
        .collect();
    assert_eq!(
        classes,
        [
            None,
            Some(Class::Permanent),
            Some(Class::Temporary),
            Some(Class::Temporary)
        ]
    );
    let all_refused = send(&mut sender, &["\n", "4"]).await;
    assert!(all_refused.iter().all(Result::is_err));
    sent(&mut sender, &["2"]).await;
    assert_eq!(fs::read_to_string(file(folder.path(), "a")).unwrap(), "0\n2\n");
}

#[tokio::test]
async fn many_senders_of_one_process_share_a_file_and_no_line_is_torn() {
    let folder = tempdir().unwrap();
    let stand = Stand {
        storage: Arc::new(Disk),
        writers: Arc::default(),
    };
    let mut tasks = Vec::new();
    for number in 0..8 {
        let bench = Bench::beside(&stand, folder.path(), &settings(&[("sync", "unsafe_never")]));
        tasks.push(tokio::spawn(async move {
            let mut sender = bench.sender("a").await;
            let mut confirms = Vec::new();
            for round in 0..50 {
                let lines: Vec<_> = (0..10)
                    .map(|line| format!("{number} {:04} {}", round * 10 + line, "x".repeat(line)))
                    .collect();
                confirms.push(sender.send(&batch(&lines)).await.unwrap());
            }
            for confirm in confirms {
                assert!(confirm.await.iter().all(Result::is_ok));
            }
            sender.close().await.unwrap();
        }));
    }
    for task in tasks {
        within(task).await.unwrap();
    }
    let text = fs::read_to_string(file(folder.path(), "a")).unwrap();
    assert_eq!(text.lines().count(), 4000);
    for number in 0..8 {
        let own: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with(&format!("{number} ")))
            .collect();
        assert_eq!(own.len(), 500);
        assert!(own.is_sorted(), "the order of one sender");
    }
    // Everyone has gone, so the file is free and its end is in good order.
    assert!(!folder.path().join(".dunlin/.writers/a.note").exists());
    Bench::real(folder.path(), &Settings::new()).sender("a").await;
}

#[tokio::test]
async fn another_process_is_locked_out_of_a_file_that_is_written() {
    let folder = tempdir().unwrap();
    let first = Bench::real(folder.path(), &Settings::new());
    let mut sender = first.sender("a").await;
    // Writers that do not know each other are to each other what two processes are.
    let second = Bench::real(folder.path(), &Settings::new());
    let error = refused(
        second
            .session
            .sender(&Target::new(Endpoint::new("a"), "test"))
            .await,
    );
    assert_eq!(
        (error.kind(), error.class()),
        (ErrorKind::Blocked, Class::Unhealthy)
    );
    sent(&mut sender, &["0"]).await;
    sender.close().await.unwrap();
    sent(&mut second.sender("a").await, &["1"]).await;
    assert_eq!(fs::read_to_string(file(folder.path(), "a")).unwrap(), "0\n1\n");
}

#[tokio::test]
async fn two_ends_that_sync_one_file_differently_are_refused() {
    let folder = tempdir().unwrap();
    let bench = Bench::real(folder.path(), &Settings::new());
    let _sender = bench.sender("a").await;
    let other = Endpoint::new("a").with_settings(settings(&[("sync", "unsafe_never")]));
    let error = refused(bench.session.sender(&Target::new(other, "test")).await);
    assert_eq!(error.kind(), ErrorKind::InvalidSetting);
}

#[tokio::test]
async fn a_torn_line_is_cut_behind_what_a_dead_writer_confirmed_and_ended_in_any_other_case() {
    let folder = tempdir().unwrap();
    let path = file(folder.path(), "a");
    let read = || fs::read_to_string(&path).unwrap();
    // Nobody knows of it: somebody else's last line.
    fs::write(&path, "theirs").unwrap();
    let bench = Bench::real(folder.path(), &Settings::new());
    let mut sender = bench.sender("a").await;
    assert_eq!(read(), "theirs\n");
    sent(&mut sender, &["ours"]).await;
    sender.close().await.unwrap();
    // Closed in good order: what stands behind it is somebody else's.
    append(&path, "theirs again");
    let mut sender = bench.sender("a").await;
    sent(&mut sender, &["ours again"]).await;
    assert_eq!(read(), "theirs\nours\ntheirs again\nours again\n");
    // Dies with a note, and a torn line behind what it confirmed.
    let note = folder.path().join(".dunlin/.writers/a.note");
    let kept = fs::read(&note).unwrap();
    let identity = fs::metadata(&path)
        .map(|found| crate::storage::Identity::from(&found))
        .unwrap();
    sender.close().await.unwrap();
    let died = |tail: &str| {
        append(&path, tail);
        fs::write(&note, &kept).unwrap();
    };
    died(&"torn".repeat(50_000));
    let sender = bench.sender("a").await;
    assert_eq!(read(), "theirs\nours\ntheirs again\nours again\n");
    sender.close().await.unwrap();
    died("whole and not confirmed\ntorn");
    let sender = bench.sender("a").await;
    assert_eq!(
        read(),
        "theirs\nours\ntheirs again\nours again\nwhole and not confirmed\n"
    );
    sender.close().await.unwrap();
    // A note that is damaged, or of another file, says nothing.
    for bit in 0..8 * kept.len() {
        let mut damaged = kept.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        append(&path, "x");
        fs::write(&note, damaged).unwrap();
        let before = read();
        bench.sender("a").await.close().await.unwrap();
        assert_eq!(read(), before + "\n");
    }
    // The confirmed length lies inside the torn line: somebody cut the file, and what is left was ours.
    fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(9)
        .unwrap();
    assert_eq!(
        crate::storage::Identity::from(&fs::metadata(&path).unwrap()),
        identity
    );
    fs::write(&note, &kept).unwrap();
    bench.sender("a").await.close().await.unwrap();
    assert_eq!(read(), "theirs\nou\n");
}

#[tokio::test]
async fn a_writer_follows_its_name_when_the_file_is_renamed_or_deleted() {
    let folder = tempdir().unwrap();
    let path = file(folder.path(), "a");
    let bench = Bench::real(folder.path(), &Settings::new());
    let mut sender = bench.sender("a").await;
    sent(&mut sender, &["0"]).await;
    fs::rename(&path, folder.path().join("old")).unwrap();
    sent(&mut sender, &["1"]).await;
    fs::remove_file(&path).unwrap();
    sent(&mut sender, &["2"]).await;
    assert_eq!(fs::read_to_string(folder.path().join("old")).unwrap(), "0\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "2\n");
    // Cut short and written to by somebody who ignores the lock: no line runs into another.
    fs::write(&path, "theirs").unwrap();
    sent(&mut sender, &["3"]).await;
    assert_eq!(fs::read_to_string(&path).unwrap(), "theirs\n3\n");
}

#[tokio::test]
async fn verify_makes_nothing_and_says_what_is_in_the_way() {
    let folder = tempdir().unwrap();
    let below = folder.path().join("data");
    let bench = Bench::real(&below, &Settings::new());
    bench
        .session
        .verify(&Endpoint::new("eu/a"), Purpose::Send)
        .await
        .unwrap();
    assert!(!below.exists());
    fs::write(&below, "a file where the folder should be").unwrap();
    refused(bench.session.verify(&Endpoint::new("eu/a"), Purpose::Send).await);
    refused(
        bench
            .session
            .sender(&Target::new(Endpoint::new("eu/a"), "test"))
            .await,
    );
}

#[tokio::test]
async fn links_out_of_the_folder_and_files_that_are_none_are_refused() {
    let folder = tempdir().unwrap();
    let (data, outside) = (folder.path().join("data"), folder.path().join("outside"));
    for made in [&data, &outside] {
        fs::create_dir(made).unwrap();
    }
    fs::write(outside.join("a.ndjson"), "secret\n").unwrap();
    let link = |to: &Path, name: &str| std::os::unix::fs::symlink(to, data.join(name)).unwrap();
    link(&outside.join("a.ndjson"), "file.ndjson");
    link(&outside, "folder");
    link(&outside.join("nothing.ndjson"), "dangling.ndjson");
    link(Path::new("/dev/null"), "device.ndjson");
    fs::create_dir(data.join("dir.ndjson")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, data.join("pipe.ndjson"), rustix::fs::Mode::RWXU).unwrap();
    let bench = Bench::real(&data, &followed());
    for channel in [
        "file", "folder/a", "folder/b", "dangling", "device", "dir", "pipe",
    ] {
        let endpoint = Endpoint::new(channel);
        refused(bench.from(channel, Start::Earliest).await);
        refused(bench.session.sender(&Target::new(endpoint.clone(), "test")).await);
        for purpose in [Purpose::Receive, Purpose::Send] {
            let error = refused(bench.session.verify(&endpoint, purpose).await);
            assert!(error.class() == Class::Unhealthy, "{channel}: {error:?}");
        }
    }
    assert_eq!(fs::read_to_string(outside.join("a.ndjson")).unwrap(), "secret\n");
    assert!(!outside.join("nothing.ndjson").exists() && !outside.join("b.ndjson").exists());
    // A link inside the folder is another name for the same channel, which verify tells.
    fs::write(data.join("real.ndjson"), "0\n").unwrap();
    link(Path::new("real.ndjson"), "alias.ndjson");
    let seen = bench
        .session
        .verify(&Endpoint::new("alias"), Purpose::Receive)
        .await
        .unwrap();
    let real = bench
        .session
        .verify(&Endpoint::new("real"), Purpose::Receive)
        .await
        .unwrap();
    assert_eq!(seen.canonical, real.canonical);
}
