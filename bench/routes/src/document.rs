//! The messages: orders of about one kilobyte, and a chain of twenty operations over them.

/// The document with this number.
pub(crate) fn document(number: usize) -> String {
    let lines: Vec<String> = (0..4)
        .map(|line| {
            format!(
                r#"{{"sku":"SKU-{:05}","qty":{},"price":"{}.90","note":"line {line} of order {number}, Grüße"}}"#,
                (number * 7 + line) % 100_000,
                line + 1,
                number % 300
            )
        })
        .collect();
    format!(
        r#"{{"id":{},"customer":{{"name":"Customer {number}","mail":"customer{number}@example.com","zip":"{:04}","street":"Long Street {}","country":"AT"}},"placed":"2026-11-22T10:00:{:02}.123Z","state":"N","total":{}.50,"currency":"EUR","coupon":null,"lines":[{}],"shipping":{{"method":"express","weight":"{}.250","tracking":"{:020}"}},"channel":"web","debug":{{"host":"shop-{}","trace":"0123456789abcdef0123456789abcdef"}}}}"#,
        12_345_678_901_234_567_890_u128 + number as u128,
        number % 10_000,
        number % 200,
        number % 60,
        number % 1_000,
        lines.join(","),
        number % 30,
        number,
        number % 8,
    )
}

/// Twenty operations, of the kinds that migrations are made of.
pub(crate) const CHAIN: &str = r#"
migration: orders-bench
transformations:
  - rename: id
    to: order_id
  - rename: customer.zip
    to: postcode
  - rename: customer.mail
    to: email
  - rename: lines[*].qty
    to: quantity
  - rename: lines[*].sku
    to: article
  - remove: debug
  - remove: coupon
  - remove: lines[*].note
  - add: version
    value: 3
  - add: customer.kind
    value: private
  - cast: lines[*].price
    to: number
  - cast: shipping.weight
    to: number
  - cast: order_id
    to: string
  - move: currency
    to: payment.currency
  - move: total
    to: payment.total
  - move: shipping.tracking
    to: tracking
  - translate: state
    values: { N: new, P: paid, S: shipped }
  - rename: placed
    to: placed_at
  - rename: channel
    to: origin
  - add: lines[*].unit
    value: piece
"#;
