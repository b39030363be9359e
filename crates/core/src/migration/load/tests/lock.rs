//! A chain against its lock.

use super::*;
use crate::migration::chain::Digest;
use crate::migration::load::lock::{Lock, Locked, check, lock_name};
use crate::migration::record;

/// A chain whose transformations have the ids and digests that the letters stand for.
fn chain(letters: &str) -> Lock {
    let transformations = letters
        .bytes()
        .map(|letter| Locked {
            id: char::from(letter).to_string(),
            digest: digest_of(letter),
        })
        .collect();
    Lock {
        migration: "orders".to_owned(),
        transformations,
    }
}

fn digest_of(letter: u8) -> Digest {
    Digest::of(&[letter])
}

fn accepted(count: usize, hash: String) -> record::Entry {
    record::Entry {
        name: "orders".to_owned(),
        count,
        hash,
    }
}

/// What a lock of one chain says about another.
fn against(locked: &str, current: &str, accepts: &[record::Entry]) -> String {
    against_text(&chain(locked).to_json(), current, accepts)
}

fn against_text(text: &str, current: &str, accepts: &[record::Entry]) -> String {
    let resolver = MemoryResolver::new().with(&lock_name("m.yaml"), text);
    let current = chain(current);
    let places: Vec<Place> = current
        .transformations
        .iter()
        .map(|locked| Place::whole(format!("m.yaml {}", locked.id)))
        .collect();
    let mut findings = Findings::new();
    check("m.yaml", &current, &places, accepts, &resolver, &mut findings);
    findings
        .sorted()
        .into_iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_same_chain_and_a_longer_one_are_fine() {
    assert_eq!(against("abc", "abc", &[]), "");
    assert_eq!(against("abc", "abcd", &[]), "");
    assert_eq!(against("", "abc", &[]), "");
    let mut findings = Findings::new();
    check(
        "m.yaml",
        &chain("a"),
        &[],
        &[],
        &MemoryResolver::new(),
        &mut findings,
    );
    assert!(findings.is_empty());
}

#[test]
fn what_was_changed_inserted_or_removed_is_named() {
    assert_eq!(
        against("abc", "axc", &[]),
        "m.yaml x: error: `x` was changed since the chain was locked"
    );
    let inserted = "error: `x` was inserted into the chain, not appended to it, since the chain was locked";
    assert_eq!(against("abc", "axbc", &[]), format!("m.yaml x: {inserted}"));
    assert_eq!(
        against("abc", "ac", &[]),
        "m.yaml.lock:7:5: error: `b` was removed from the chain since the chain was locked"
    );
    assert_eq!(
        against("abc", "ab", &[]),
        "m.yaml.lock:8:5: error: `c` was removed from the chain since the chain was locked"
    );
}

/// The record behind all transformations of a chain.
fn whole(letters: &str) -> record::Entry {
    let text = chain(letters).to_json();
    let at = text.find("\"chain\": \"").unwrap() + 10;
    accepted(letters.len(), text[at..at + 16].to_owned())
}

#[test]
fn an_accepted_record_of_the_whole_locked_chain_covers_what_was_changed() {
    assert_eq!(against("abc", "axcd", &[whole("abc")]), "");
    assert_eq!(against("abc", "xyz", &[whole("abc")]), "");
    assert_eq!(against("aab", "xab", &[whole("aab")]), "");
}

#[test]
fn an_accepted_record_of_a_shorter_chain_leaves_finished_messages_uncovered() {
    assert_ne!(against("abc", "axcd", &[whole("ab")]), "");
    assert_ne!(against("abc", "axcd", &[whole("a")]), "");
}

#[test]
fn an_accepted_record_covers_nothing_that_was_inserted_moved_or_removed() {
    for current in ["xabc", "axbc", "acb", "bacd", "ab", "acx", "xx"] {
        assert_ne!(against("abc", current, &[whole("abc")]), "", "{current}");
    }
}

/// The help of the only finding about a chain that is not the locked one.
fn help(locked: &str, current: &str) -> String {
    let resolver = MemoryResolver::new().with("m.yaml.lock", chain(locked).to_json());
    let mut findings = Findings::new();
    let places: Vec<Place> = current.chars().map(Place::whole).collect();
    check("m.yaml", &chain(current), &places, &[], &resolver, &mut findings);
    findings.sorted()[0].help.clone().unwrap()
}

#[test]
fn the_help_names_the_records_that_would_cover_a_correction() {
    let help = help("abc", "axc");
    let records: Vec<&str> = help
        .split('`')
        .filter_map(|part| part.strip_prefix("orders@"))
        .collect();
    let [finished, shorter] = records[..] else {
        panic!("{help}");
    };
    assert!(shorter.starts_with("2:"), "{help}");
    let hash = finished.strip_prefix("3:").unwrap().to_owned();
    assert_eq!(against("abc", "axc", &[accepted(3, hash)]), "");
}

#[test]
fn the_help_offers_no_record_for_what_was_inserted_or_removed() {
    assert!(help("abc", "xabc").ends_with("move it to the end"));
    assert!(help("abc", "ac").ends_with("append what takes its effect back"));
    assert!(help("abc", "xcb").ends_with("only appended to"));
}

#[test]
fn another_id_is_remarked_upon() {
    let text = chain("ab").to_json().replace("\"id\": \"b\"", "\"id\": \"old\"");
    assert_eq!(
        against_text(&text, "ab", &[]),
        "m.yaml b: warning: the id was `old` when the chain was locked; it is `b` now"
    );
}

#[test]
fn a_lock_that_is_no_lock_is_refused() {
    let good = chain("ab").to_json();
    for (text, expected) in [
        (
            good.replace("\"dunlin\": 1", "\"dunlin\": 2"),
            "expected the version 1 of the format, found a number",
        ),
        (
            good.replace("orders", "other"),
            "the chain hash does not fit the digests below",
        ),
        (
            good.replace(&digest_of(b'a').to_string(), "6"),
            "expected 64 hexadecimal digits",
        ),
        ("{}".to_owned(), "a lock file needs `dunlin`"),
        ("[".to_owned(), "not valid JSON"),
    ] {
        let found = against_text(&text, "ab", &[]);
        assert!(found.contains(expected), "{found}");
    }
    let other = Lock {
        migration: "other".to_owned(),
        ..chain("ab")
    }
    .to_json();
    assert!(against_text(&other, "ab", &[]).contains("expected the lock of `orders`, found that of `other`"));
}

#[test]
fn a_lock_reads_as_one_line_for_each_transformation() {
    let expected = format!(
        "{{\n  \"dunlin\": 1,\n  \"migration\": \"orders\",\n  \"chain\": \"{}\",\n  \"transformations\": [\n    \
         {{\"id\": \"a\", \"digest\": \"{}\"}}\n  ]\n}}\n",
        Digest::of(b"orders").followed_by(&digest_of(b'a')),
        digest_of(b'a'),
    );
    assert_eq!(chain("a").to_json(), expected);
    assert!(chain("").to_json().contains("\"transformations\": []"));
}
