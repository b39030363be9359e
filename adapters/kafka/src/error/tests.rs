use super::*;

#[test]
fn an_error_names_the_setting_that_changes_it() {
    for (code, kind, word) in [
        (Code::AllBrokersDown, ErrorKind::Disconnected, "`url`"),
        (Code::Resolve, ErrorKind::Disconnected, "advertised.listeners"),
        (Code::Authentication, ErrorKind::AccessDenied, "`password`"),
        (Code::SSL, ErrorKind::AccessDenied, "`tls_ca`"),
        (
            Code::UnknownTopicOrPartition,
            ErrorKind::ChannelMissing,
            "topology: create",
        ),
        (
            Code::InconsistentGroupProtocol,
            ErrorKind::InvalidSetting,
            "`group`",
        ),
        (Code::GroupAuthorizationFailed, ErrorKind::AccessDenied, "`group`"),
        (
            Code::MessageSizeTooLarge,
            ErrorKind::TooLarge,
            "max.message.bytes",
        ),
        (Code::InvalidRecord, ErrorKind::NotRepresentable, "key"),
    ] {
        let error = of_code("send", code);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn what_passes_by_itself_is_temporary_and_what_a_person_must_change_is_not() {
    for code in [
        Code::NotEnoughReplicas,
        Code::NotLeaderForPartition,
        Code::CoordinatorLoadInProgress,
    ] {
        assert_eq!(of_code("send", code).class(), Class::Temporary);
    }
    for code in [
        Code::Authentication,
        Code::UnknownTopic,
        Code::GroupAuthorizationFailed,
    ] {
        assert_eq!(of_code("send", code).class(), Class::Unhealthy);
    }
    // The fault of a neighbour is none of this message.
    assert_eq!(
        of_code("send", Code::InvalidDifferentRecord).class(),
        Class::Temporary
    );
    assert_eq!(of_code("send", Code::InvalidRecord).class(), Class::Permanent);
}

#[test]
fn the_reason_for_a_missing_answer_is_the_one_that_came_first() {
    let trouble = Trouble::default();
    let silence = || Error::new(ErrorKind::Timeout, "connect", "nobody answered");
    assert_eq!(trouble.explain("connect", silence).kind(), ErrorKind::Timeout);
    trouble.heard(Code::Authentication, "broker: refused\nmore of it");
    trouble.heard(Code::AllBrokersDown, "1/1 brokers are down");
    assert!(trouble.is_refusal());
    let told = trouble.explain("connect", silence);
    assert_eq!(told.kind(), ErrorKind::AccessDenied);
    assert!(told.to_string().contains("broker: refused") && !told.to_string().contains("more of it"));
    trouble.over();
    assert!(!trouble.is_refusal());
}

#[test]
fn a_handshake_that_the_broker_breaks_off_is_a_refusal_and_a_lost_connection_is_not() {
    let trouble = Trouble::default();
    trouble.heard(
        Code::BrokerTransportFailure,
        "Receive failed: error:0A000412:SSL routines::sslv3 alert bad certificate",
    );
    assert!(trouble.is_refusal());
    trouble.over();
    trouble.heard(
        Code::BrokerTransportFailure,
        "Connect to ipv4#127.0.0.1:9092 failed: Connection refused",
    );
    assert!(!trouble.is_refusal());
}
