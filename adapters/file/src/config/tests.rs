use std::sync::Arc;

use dunlin_core::clock::{Clock, ManualClock};

use super::*;

fn open(url: &str, settings: &Settings) -> Result<Config> {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    Config::new(
        &Opening {
            name: "disk",
            url,
            base: "/base/./conf",
            settings,
            clock: &clock,
        },
        &[],
    )
}

fn refusal<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => panic!("expected a refusal"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_folder_is_relative_to_the_configuration() {
    for (url, folder) in [
        ("file:data", "/base/conf/data"),
        ("file:../data/", "/base/data"),
        ("file:.", "/base/conf"),
        ("file:/data", "/data"),
        ("file:///data", "/data"),
    ] {
        assert_eq!(
            open(url, &Settings::new()).unwrap().folder.unwrap(),
            Path::new(folder),
            "{url}"
        );
    }
    assert!(open("file:-", &Settings::new()).unwrap().folder.is_none());
    for url in ["file:", "file://host/data", "file:a\0b"] {
        refusal(open(url, &Settings::new()));
    }
}

#[test]
fn a_channel_that_leaves_its_folder_is_refused() {
    let config = open("file:data", &Settings::new()).unwrap();
    for channel in [
        "",
        "/etc/passwd",
        "..",
        "a/../b",
        "./a",
        "a//b",
        "a/",
        "a\0b",
        ".dunlin/group/a",
        &"a".repeat(241),
    ] {
        assert!(
            refusal(config.end(&Endpoint::new(channel))).contains("expected"),
            "{channel:?}"
        );
    }
    let end = config.end(&Endpoint::new("eu/orders.v1")).unwrap();
    assert_eq!(
        end.path.unwrap(),
        Path::new("/base/conf/data/eu/orders.v1.ndjson")
    );
}

#[test]
fn a_group_that_is_no_name_of_a_folder_is_refused() {
    let config = open("file:data", &Settings::new()).unwrap();
    assert_eq!(config.group("g").unwrap(), Path::new("/base/conf/data/.dunlin/g"));
    for group in ["", ".", "..", ".writers", "a/b", "a\0b"] {
        refusal(config.group(group));
    }
}

#[test]
fn settings_of_an_end_win_and_those_of_the_system_alone_are_refused_there() {
    let config = open(
        "file:data",
        &Settings::new()
            .with("envelope", "true")
            .with("sync", "unsafe_never"),
    )
    .unwrap();
    let settings = Settings::new().with("envelope", "false").with("max_line", "2KiB");
    let end = config.end(&Endpoint::new("a").with_settings(settings)).unwrap();
    assert_eq!((end.envelope, end.max_line, end.sync), (false, 2048, Sync::Never));
    let places = Settings::new().with("places", "elsewhere");
    refusal(config.end(&Endpoint::new("a").with_settings(places)));
}

#[test]
fn bad_settings_are_found_when_the_system_is_opened() {
    for (name, value) in [
        ("sync", "sometimes"),
        ("max_line", "0"),
        ("max_line", "1 MB"),
        ("folow", "true"),
        ("follow", "1"),
    ] {
        assert!(
            refusal(open("file:data", &Settings::new().with(name, value))).contains(name),
            "{name}"
        );
    }
    assert!(refusal(open("file:-", &Settings::new().with("follow", "true"))).contains("pipe"));
}

#[test]
fn two_spellings_of_one_file_have_one_canonical_name_and_standard_streams_have_none_in_common() {
    let canonical = |url: &str, channel: &str| {
        open(url, &Settings::new())
            .unwrap()
            .end(&Endpoint::new(channel))
            .unwrap()
            .resolved(None)
            .canonical
    };
    assert_eq!(
        canonical("file:data", "eu/a"),
        canonical("file:./x/../data/eu", "a")
    );
    assert_ne!(canonical("file:-", ""), canonical("file:-", ""));
}
