//! The chains that are measured: one, five and twenty operations, each a prefix of the next.

/// The chain for flat documents.
const FLAT: [&str; 20] = [
    r#"{"rename":"customer","to":"buyer"}"#,
    r#"{"remove":"legacy"}"#,
    r#"{"add":"schema","value":3}"#,
    r#"{"cast":"total","to":"number"}"#,
    r#"{"move":"address.city","to":"city"}"#,
    r#"{"translate":"status","values":[["N","new"],["P","paid"],["S","sent"]]}"#,
    r#"{"rename":"zip","to":"postcode"}"#,
    r#"{"rename":"buyer","to":"party"}"#,
    r#"{"cast":"postcode","to":"integer"}"#,
    r#"{"add":"address.verified","value":false}"#,
    r#"{"rename":"address.street","to":"line1"}"#,
    r#"{"remove":"note"}"#,
    r#"{"cast":"created","to":"string"}"#,
    r#"{"translate":"country","values":[["at","AUT"],["de","DEU"]]}"#,
    r#"{"add":"address.country","value":"AUT"}"#,
    r#"{"move":"weight","to":"address.weight"}"#,
    r#"{"rename":"source","to":"channel"}"#,
    r#"{"remove":"missing"}"#,
    r#"{"cast":"city","to":"string"}"#,
    r#"{"add":"migrated","value":true}"#,
];

/// The chain for orders.
const ORDER: [&str; 20] = [
    r#"{"rename":"lines[*].qty","to":"quantity"}"#,
    r#"{"remove":"debug"}"#,
    r#"{"add":"schema","value":3}"#,
    r#"{"cast":"lines[*].quantity","to":"integer"}"#,
    r#"{"move":"customer.email","to":"email"}"#,
    r#"{"translate":"status","values":[["N","new"],["P","paid"],["S","sent"]]}"#,
    r#"{"rename":"number","to":"order_number"}"#,
    r#"{"rename":"address.zip","to":"postcode"}"#,
    r#"{"remove":"lines[*].internal"}"#,
    r#"{"add":"lines[*].unit","value":"pcs"}"#,
    r#"{"translate":"lines[*].kind","values":[["g","goods"],["s","service"]]}"#,
    r#"{"cast":"payment.amount","to":"number"}"#,
    r#"{"rename":"order_number","to":"order"}"#,
    r#"{"move":"lines[*].text","to":"lines[*].description"}"#,
    r#"{"add":"address.country","value":"AT"}"#,
    r#"{"rename":"customer.name","to":"full_name"}"#,
    r#"{"rename":"payment.currency","to":"unit"}"#,
    r#"{"cast":"email","to":"string"}"#,
    r#"{"remove":"customer.vip"}"#,
    r#"{"add":"customer.segment","value":"retail"}"#,
];

/// The first `count` operations of the chain for orders, or for flat documents.
pub(crate) fn chain(is_order: bool, count: usize) -> &'static [&'static str] {
    let all: &'static [&'static str; 20] = if is_order { &ORDER } else { &FLAT };
    &all[..count]
}

/// The chain as a transformation file.
pub(crate) fn file(operations: &[&str]) -> String {
    format!("{{\"transformations\":[{}]}}", operations.join(","))
}
