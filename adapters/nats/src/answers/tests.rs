use bytes::Bytes;

use super::*;

fn ready() -> Answers {
    let answers = Answers::default();
    answers.0.prefix.get_or_init(|| "_INBOX.test".to_owned());
    answers
}

fn answer(answers: &Answers, number: u64, status: Option<StatusCode>, payload: &str) {
    let message = async_nats::Message {
        subject: format!("_INBOX.test.{number}").into(),
        reply: None,
        payload: Bytes::copy_from_slice(payload.as_bytes()),
        headers: None,
        status,
        description: None,
        length: 0,
    };
    if let Some(slot) = answers.0.waiting().take(number) {
        slot.batch.answer(slot.place, slot.read(&message));
    }
}

fn expect(answers: &Answers, batch: &Arc<Batch>, place: usize, subject: &str) -> u64 {
    let taker = Arc::new(Taker::known("ORDERS", "ORDERS/2026", &["orders.>"]));
    answers
        .expect(batch, place, &subject.into(), subject == "orders.a", &taker)
        .unwrap()
        .0
}

fn late() -> Error {
    Error::new(ErrorKind::Timeout, "send", "late").doubtful()
}

#[test]
fn answers_find_their_messages_in_whatever_order_they_come() {
    let answers = ready();
    let batch = Batch::new(3);
    let numbers: Vec<_> = (0..3)
        .map(|place| expect(&answers, &batch, place, "orders.a"))
        .collect();
    answer(
        &answers,
        numbers[2],
        None,
        r#"{"stream":"ORDERS","seq":3,"duplicate":true}"#,
    );
    answer(&answers, numbers[0], None, r#"{"stream":"ORDERS","seq":1}"#);
    assert!(!batch.is_done());
    // An answer that comes twice, or to nobody, changes nothing.
    answer(&answers, numbers[0], None, r#"{"stream":"ORDERS","seq":9}"#);
    answer(&answers, 77, None, r#"{"stream":"ORDERS","seq":9}"#);
    answer(
        &answers,
        numbers[1],
        None,
        r#"{"error":{"code":400,"err_code":10077,"description":"maximum messages exceeded"},"stream":"ORDERS","seq":0}"#,
    );
    assert!(batch.is_done());
    let found = batch.take(late);
    assert_eq!(
        found[0].as_ref().unwrap(),
        &Receipt::at(Position::new("ORDERS/2026", 1_u64))
    );
    assert_eq!(found[1].as_ref().unwrap_err().kind(), ErrorKind::Full);
    assert!(found[2].as_ref().unwrap().duplicate);
}

#[test]
fn numbers_are_never_reused_and_nothing_is_kept_of_what_was_answered() {
    let answers = ready();
    let batch = Batch::new(4);
    let first = expect(&answers, &batch, 0, "orders.a");
    answers.forget([first]);
    let second = expect(&answers, &batch, 1, "orders.a");
    assert!(second > first);
    answer(&answers, second, None, r#"{"stream":"ORDERS","seq":1}"#);
    assert!(answers.0.waiting().slots.is_empty());
}

#[test]
fn nobody_there_is_unroutable_and_the_answer_of_a_stranger_is_doubt() {
    let answers = ready();
    let batch = Batch::new(2);
    let numbers: Vec<_> = (0..2)
        .map(|place| expect(&answers, &batch, place, "orders.a"))
        .collect();
    answer(&answers, numbers[0], Some(StatusCode::NO_RESPONDERS), "");
    answer(&answers, numbers[1], None, "hello");
    let found = batch.take(late);
    let nobody = found[0].as_ref().unwrap_err();
    assert_eq!((nobody.kind(), nobody.in_doubt()), (ErrorKind::Unroutable, false));
    assert!(found[1].as_ref().unwrap_err().in_doubt());
}

#[test]
fn the_end_of_a_connection_puts_what_waits_in_doubt() {
    let answers = ready();
    let batch = Batch::new(1);
    expect(&answers, &batch, 0, "orders.a");
    answers.stop();
    let found = batch.take(late).remove(0).unwrap_err();
    assert!(
        found.in_doubt() && found.kind() == ErrorKind::Disconnected,
        "{found:?}"
    );
    let taker = Arc::new(Taker::known("ORDERS", "ORDERS/2026", &["orders.>"]));
    assert!(
        answers
            .expect(&batch, 0, &"orders.a".into(), true, &taker)
            .is_err()
    );
}

#[test]
fn a_right_that_is_missing_answers_the_messages_of_that_subject_alone() {
    let answers = ready();
    let batch = Batch::new(2);
    expect(&answers, &batch, 0, "orders.a");
    expect(&answers, &batch, 1, "orders.ab");
    answers.forbidden(r#"Permissions Violation for Publish to "orders.a""#);
    let found = batch.take(late);
    assert_eq!(found[0].as_ref().unwrap_err().kind(), ErrorKind::AccessDenied);
    assert_eq!(found[1].as_ref().unwrap_err().kind(), ErrorKind::Timeout);
}

#[test]
fn an_address_that_a_message_gave_is_told_to_nobody() {
    let answers = ready();
    let batch = Batch::new(3);
    let numbers: Vec<_> = (0..3)
        .map(|place| expect(&answers, &batch, place, "orders.canary"))
        .collect();
    answer(&answers, numbers[0], Some(StatusCode::NO_RESPONDERS), "");
    answer(&answers, numbers[1], None, "hello");
    answers.forbidden(r#"Permissions Violation for Publish to "orders.canary""#);
    for found in batch.take(late) {
        let told = found.unwrap_err().to_string();
        assert!(
            !told.contains("canary") && told.contains("stream: ORDERS"),
            "{told}"
        );
    }
}
