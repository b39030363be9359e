use super::*;

#[test]
fn an_answer_of_the_server_is_of_the_class_that_a_route_must_act_on() {
    use Class::{Permanent, Temporary, Unhealthy};
    for (code, detail, kind, class) in [
        ("OOM", "command not allowed", ErrorKind::Full, Temporary),
        ("LOADING", "Redis is loading", ErrorKind::Blocked, Temporary),
        (
            "CLUSTERDOWN",
            "The cluster is down",
            ErrorKind::Blocked,
            Temporary,
        ),
        ("MISCONF", "Redis is configured to save", ErrorKind::Io, Temporary),
        ("READONLY", "You can't write", ErrorKind::Rejected, Unhealthy),
        (
            "NOAUTH",
            "Authentication required.",
            ErrorKind::AccessDenied,
            Unhealthy,
        ),
        (
            "WRONGPASS",
            "invalid username-password pair",
            ErrorKind::AccessDenied,
            Unhealthy,
        ),
        (
            "NOPERM",
            "this user has no permissions",
            ErrorKind::AccessDenied,
            Unhealthy,
        ),
        (
            "WRONGTYPE",
            "Operation against a key",
            ErrorKind::ChannelMissing,
            Unhealthy,
        ),
        ("NOGROUP", "No such key", ErrorKind::ChannelMissing, Unhealthy),
        (
            "UNBLOCKED",
            "the stream key no longer exists",
            ErrorKind::ChannelMissing,
            Unhealthy,
        ),
        ("MOVED", "3999 127.0.0.1:6381", ErrorKind::Unsupported, Unhealthy),
        ("ERR", "no such key", ErrorKind::ChannelMissing, Unhealthy),
        (
            "ERR",
            "max number of clients reached",
            ErrorKind::Blocked,
            Temporary,
        ),
        (
            "ERR",
            "DB index is out of range",
            ErrorKind::InvalidSetting,
            Unhealthy,
        ),
        (
            "ERR",
            "Elements are too large to be stored",
            ErrorKind::TooLarge,
            Permanent,
        ),
        ("ERR", "something new", ErrorKind::Rejected, Unhealthy),
        ("NEWCODE", "something new", ErrorKind::Rejected, Unhealthy),
    ] {
        let error = by_code("send", code, Some(detail));
        assert_eq!((error.kind(), error.class()), (kind, class), "{code} {detail}");
        assert!(!error.in_doubt());
    }
}

#[test]
fn an_unknown_command_is_told_without_its_arguments() {
    let said = "unknown command 'XADD', with args beginning with: 'orders' '*' 'payload' 'canary'";
    let error = by_code("send", "ERR", Some(said));
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(!error.to_string().contains("canary"), "{error}");
}

#[test]
fn what_a_person_can_change_is_named() {
    for (code, setting) in [
        ("WRONGPASS", "`password`"),
        ("NOAUTH", "`password`"),
        ("READONLY", "`url`"),
        ("MOVED", "`url`"),
        ("OOM", "`max_length`"),
        ("WRONGTYPE", "`channel`"),
        ("NOGROUP", "`topology: create`"),
        ("UNBLOCKED", "the stream is gone"),
        ("NOPERM", "`user`"),
    ] {
        let told = by_code("send", code, None).to_string();
        assert!(told.contains(setting), "{told}");
    }
}
