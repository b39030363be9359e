//! The chains that are measured: one, five and twenty operations, each a prefix of the next, and twenty with conditions.

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

/// A chain for orders in which three operations depend on a condition and two compute a text.
const GUARDED: [&str; 20] = [
    r#"{"rename":"lines[*].qty","to":"quantity"}"#,
    r#"{"remove":"debug"}"#,
    r#"{"add":"rush","value":true,"when":"payload.channel == 'web'"}"#,
    r#"{"cast":"lines[*].quantity","to":"integer"}"#,
    r#"{"move":"customer.email","to":"email"}"#,
    r#"{"remove":"meta","when":"payload.payment.method == 'card'"}"#,
    r#"{"rename":"number","to":"order_number","when":"payload.status == 'P'"}"#,
    r#"{"compute":"label","as":"payload.customer.name + ' / ' + payload.address.city"}"#,
    r#"{"compute":"payment.text","as":"payload.payment.amount + ' ' + payload.payment.currency"}"#,
    r#"{"translate":"status","values":[["N","new"],["P","paid"],["S","sent"]]}"#,
    r#"{"rename":"address.zip","to":"postcode"}"#,
    r#"{"remove":"lines[*].internal"}"#,
    r#"{"add":"lines[*].unit","value":"pcs"}"#,
    r#"{"translate":"lines[*].kind","values":[["g","goods"],["s","service"]]}"#,
    r#"{"cast":"payment.amount","to":"number"}"#,
    r#"{"move":"lines[*].text","to":"lines[*].description"}"#,
    r#"{"add":"address.country","value":"AT"}"#,
    r#"{"rename":"customer.name","to":"full_name"}"#,
    r#"{"remove":"customer.vip"}"#,
    r#"{"add":"customer.segment","value":"retail"}"#,
];

/// A chain for webhooks of a code host. Not every type of event has what an operation names.
const WEBHOOKS: [&str; 20] = [
    r#"{"rename":"repository.full_name","to":"slug"}"#,
    r#"{"remove":"repository.node_id"}"#,
    r#"{"cast":"sender.id","to":"string"}"#,
    r#"{"cast":"repository.id","to":"string"}"#,
    r#"{"move":"repository.owner.login","to":"account"}"#,
    r#"{"add":"schema","value":2}"#,
    r#"{"rename":"commits[*].id","to":"sha"}"#,
    r#"{"remove":"commits[*].distinct"}"#,
    r#"{"translate":"action","values":[["opened","created"],["edited","changed"],["removed","deleted"]]}"#,
    r#"{"rename":"action","to":"verb"}"#,
    r#"{"add":"verb","value":"happened"}"#,
    r#"{"remove":"organization"}"#,
    r#"{"rename":"sender.login","to":"name"}"#,
    r#"{"remove":"sender.gravatar_id"}"#,
    r#"{"move":"pull_request.head.ref","to":"branch"}"#,
    r#"{"cast":"issue.number","to":"string"}"#,
    r#"{"remove":"pull_request._links"}"#,
    r#"{"cast":"installation.id","to":"string"}"#,
    r#"{"rename":"repository.private","to":"hidden"}"#,
    r#"{"add":"audit","value":{"version":2}}"#,
];

/// What a chain is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chain {
    /// Flat documents.
    Flat,
    /// Orders.
    Order,
    /// Orders, with conditions.
    Guarded,
    /// Webhooks of a code host.
    Webhooks,
}

impl Chain {
    /// The first `count` operations.
    fn operations(self, count: usize) -> &'static [&'static str] {
        let all: &'static [&'static str; 20] = match self {
            Self::Flat => &FLAT,
            Self::Order => &ORDER,
            Self::Guarded => &GUARDED,
            Self::Webhooks => &WEBHOOKS,
        };
        &all[..count]
    }

    /// The first `count` operations as a transformation file.
    pub(crate) fn file(self, count: usize) -> String {
        format!("{{\"transformations\":[{}]}}", self.operations(count).join(","))
    }
}
