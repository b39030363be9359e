use super::*;

const KNOWN: &[SettingFact] = &[
    SettingFact::at_end("follow", "false", "Waits for more."),
    SettingFact::at_system("user", "none", "The user."),
];

#[test]
fn an_unknown_setting_is_refused_with_the_nearest_name() {
    let error = Settings::new().with("folow", "true").only(KNOWN).unwrap_err();
    assert!(error.to_string().contains("did you mean `follow`?"), "{error}");
    assert!(Settings::new().with("follow", "true").only(KNOWN).is_ok());
}

#[test]
fn a_setting_of_the_system_is_refused_at_one_end() {
    assert!(Settings::new().with("user", "alice").only(KNOWN).is_ok());
    let error = Settings::new()
        .with("follow", "true")
        .with("user", "alice")
        .only_at_end(KNOWN)
        .unwrap_err();
    assert!(
        error.to_string().contains("at the system") && error.to_string().contains("setting: user"),
        "{error}"
    );
    assert!(Settings::new().with("follow", "true").only_at_end(KNOWN).is_ok());
    assert!(Settings::new().with("other", "true").only_at_end(KNOWN).is_err());
}

#[test]
fn bytes_are_counted_in_powers_of_two_and_never_none() {
    let bytes = |text: &str| Settings::new().with("most", text).bytes("most");
    for (text, expected) in [
        ("4096", 4096),
        ("1 B", 1),
        ("64KiB", 64 << 10),
        ("16MiB", 16 << 20),
        ("1GiB", 1 << 30),
    ] {
        assert_eq!(bytes(text).unwrap(), Some(expected), "{text}");
    }
    for text in [
        "0",
        "",
        "MiB",
        "16MB",
        "-1",
        "99999999999999999999",
        "9999999999999999GiB",
    ] {
        let error = bytes(text).unwrap_err().to_string();
        assert!(error.contains("setting: most"), "{text}: {error}");
    }
    assert_eq!(Settings::new().bytes("most").unwrap(), None);
}

#[test]
fn a_time_below_the_least_is_refused_and_one_that_is_missing_is_the_default() {
    let settings = Settings::new().with("wait_ms", "0");
    let error = settings.milliseconds("wait_ms", 10, 1).unwrap_err();
    assert!(
        error.to_string().contains("at least 1 milliseconds, found 0"),
        "{error}"
    );
    assert!(settings.milliseconds("wait_ms", 10, 0).unwrap().is_zero());
    assert_eq!(settings.milliseconds("other_ms", 10, 1).unwrap().as_millis(), 10);
}

#[test]
fn debug_shows_names_and_no_value() {
    let mut settings = Settings::new().with("user", "canary");
    settings.set("password", Setting::Secret(Arc::new(|| Ok("canary".to_owned()))));
    assert_eq!(format!("{settings:?}"), r#"{"password", "user"}"#);
    assert!(!format!("{:?}", Setting::Plain("canary".to_owned())).contains("canary"));
}

#[test]
fn a_secret_is_read_anew_each_time() {
    let reads = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = Arc::clone(&reads);
    let mut settings = Settings::new();
    settings.set(
        "password",
        Setting::Secret(Arc::new(move || {
            Ok(counter
                .fetch_add(1, std::sync::atomic::Ordering::Relaxed)
                .to_string())
        })),
    );
    assert_eq!(settings.get("password").unwrap().as_deref(), Some("0"));
    assert_eq!(settings.get("password").unwrap().as_deref(), Some("1"));
}
