//! Real statuses, with ids beyond 2^53 and text in many scripts, under a chain that touches only their neighbours.

use bytes::Bytes;
use dunlin_core::message::Headers;
use dunlin_core::migration::{Input, LoadOptions, Migration, Options, Outcome};
use dunlin_integration_tests::data;
use dunlin_router::files::ProjectFiles;
use regex::Regex;

const NEIGHBOURS: &str = r#"transformations:
  - rename: "**.screen_name"
    to: handle
  - time: "**.created_at"
    from: "%a %b %d %H:%M:%S %z %Y"
    to: rfc3339
  - remove: "**.profile_*_color"
  - cast: "**.*_count"
    to: string
  - add: user.seen
    value: true
"#;

/// Everything that the chain must leave alone, as it is written: ids, and the text of people.
fn untouched(document: &str) -> Vec<&str> {
    let members =
        Regex::new(r#""(?:id|id_str|text|name|description|location|source)":(?:"(?:[^"\\]|\\.)*"|[^,}\]]+)"#)
            .expect("a regular expression");
    members.find_iter(document).map(|found| found.as_str()).collect()
}

#[test]
fn long_ids_and_all_text_stay_as_they_came_when_their_neighbours_change() {
    let Some(path) = data("twitter-statuses.ndjson") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a scratch folder");
    std::fs::write(folder.path().join("neighbours.yaml"), NEIGHBOURS).expect("a file in the scratch folder");
    let files = ProjectFiles::below(folder.path()).expect("the folder is there");
    let loaded = Migration::load("neighbours.yaml", &files, &LoadOptions::default());
    let migration = loaded.unwrap_or_else(|findings| panic!("{findings}")).migration;

    let text = std::fs::read_to_string(path).expect("the file can be read");
    let mut compared = 0;
    let mut beyond = 0;
    for line in text.lines() {
        let input = Input {
            payload: Some(Bytes::from(line.to_owned())),
            key: None,
            headers: Headers::default(),
        };
        let migrated = migration
            .migrate(input, &Options::default())
            .unwrap_or_else(|failure| panic!("{failure}"));
        assert!(
            migrated
                .changes
                .iter()
                .all(|change| change.outcome == Outcome::Applied),
            "every neighbour is touched"
        );
        let result = migrated.payload.expect("a document comes out");
        let result = std::str::from_utf8(&result).expect("JSON is UTF-8");
        assert_eq!(untouched(result), untouched(line));
        compared += untouched(line).len();
        beyond += untouched(line)
            .iter()
            .filter_map(|member| member.strip_prefix("\"id\":")?.parse::<u64>().ok())
            .filter(|id| *id > 1 << 53)
            .count();
    }
    println!("{compared} members compared by their text, {beyond} ids beyond 2^53");
    assert!(beyond > 100);
}
