//! What the chains of the benchmark do, in jq's language, as one would write it by hand.

/// What both filters need.
macro_rules! filter {
    ($text:literal) => {
        concat!(
            "def rename($from; $to): if has($from) then .[$to] = .[$from] | del(.[$from]) else . end;\n",
            "def put($name; $value): if has($name) then . else .[$name] = $value end;\n",
            "def number: if type == \"string\" then tonumber else . end;\n",
            "def word($words): . as $word | if ($words | has($word)) then $words[$word] else . end;\n",
            $text
        )
    };
}

/// The chain for flat documents.
pub(super) const FLAT: &str = filter!(
    r#"
rename("customer"; "buyer")
| del(.legacy)
| put("schema"; 3)
| .total |= number
| .city = .address.city | del(.address.city)
| .status |= word({"N": "new", "P": "paid", "S": "sent"})
| rename("zip"; "postcode")
| rename("buyer"; "party")
| .postcode |= number
| .address |= put("verified"; false)
| .address |= rename("street"; "line1")
| del(.note)
| .created |= tostring
| .country |= word({"at": "AUT", "de": "DEU"})
| .address |= put("country"; "AUT")
| .address.weight = .weight | del(.weight)
| rename("source"; "channel")
| del(.missing)
| .city |= tostring
| put("migrated"; true)
"#
);

/// The chain for orders.
pub(super) const NESTED: &str = filter!(
    r#"
.lines |= map(
    rename("qty"; "quantity")
    | .quantity |= number
    | del(.internal)
    | put("unit"; "pcs")
    | .kind |= word({"g": "goods", "s": "service"})
    | rename("text"; "description"))
| del(.debug)
| put("schema"; 3)
| .email = .customer.email | del(.customer.email)
| .status |= word({"N": "new", "P": "paid", "S": "sent"})
| rename("number"; "order_number")
| .address |= rename("zip"; "postcode")
| .payment.amount |= number
| rename("order_number"; "order")
| .address |= put("country"; "AT")
| .customer |= rename("name"; "full_name")
| .payment |= rename("currency"; "unit")
| .email |= tostring
| del(.customer.vip)
| .customer |= put("segment"; "retail")
"#
);
