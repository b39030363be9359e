use super::*;

fn fault(code: u16, err_code: u32, description: &str) -> Error {
    let fault = Fault {
        code,
        err_code,
        description: description.to_owned(),
    };
    refused("send", &fault)
}

#[test]
fn each_refusal_has_the_class_that_fits_what_a_person_can_do() {
    for (code, err_code, description, kind, class) in [
        (
            404,
            10_059,
            "stream not found",
            ErrorKind::ChannelMissing,
            Class::Unhealthy,
        ),
        (
            400,
            10_054,
            "message size exceeds maximum allowed",
            ErrorKind::TooLarge,
            Class::Permanent,
        ),
        (
            400,
            10_097,
            "header size exceeds maximum allowed of 64k",
            ErrorKind::TooLarge,
            Class::Permanent,
        ),
        (
            400,
            10_060,
            "expected stream does not match",
            ErrorKind::Unroutable,
            Class::Temporary,
        ),
        (
            503,
            10_077,
            "maximum messages exceeded",
            ErrorKind::Full,
            Class::Temporary,
        ),
        (
            503,
            10_023,
            "insufficient resources",
            ErrorKind::Full,
            Class::Temporary,
        ),
        (
            503,
            10_008,
            "JetStream system temporarily unavailable",
            ErrorKind::Rejected,
            Class::Temporary,
        ),
        (
            503,
            10_039,
            "JetStream not enabled for account",
            ErrorKind::Unsupported,
            Class::Unhealthy,
        ),
        (
            400,
            99_999,
            "something new",
            ErrorKind::Rejected,
            Class::Unhealthy,
        ),
    ] {
        let error = fault(code, err_code, description);
        assert_eq!((error.kind(), error.class()), (kind, class), "{error}");
        assert!(error.to_string().contains(description), "{error}");
    }
}
