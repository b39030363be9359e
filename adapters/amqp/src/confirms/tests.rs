use dunlin_core::Class;
use futures_util::future::ready;

use super::*;

fn published(key: &str, payload: &str) -> Published {
    Published {
        key: key.into(),
        headers: Headers::new(),
        payload: Bytes::from(payload.to_owned()),
        answer: ready(Ok(Confirmation::Ack(None))).boxed(),
    }
}

#[test]
fn a_message_that_the_broker_could_not_store_is_sent_again_and_is_in_no_doubt() {
    let answers = judge(vec![(published("orders", "1"), Ok(Confirmation::Nack(None)))]);
    let error = answers[0].as_ref().expect_err("a refusal");
    assert_eq!(error.class(), Class::Temporary);
    assert!(!error.in_doubt());
}

#[test]
fn a_lost_connection_leaves_its_messages_in_doubt() {
    let lost = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let answers = judge(vec![(published("orders", "1"), Err(lost.into()))]);
    let error = answers[0].as_ref().expect_err("an error");
    assert!(error.in_doubt() && error.class() == Class::Temporary, "{error:?}");
}
