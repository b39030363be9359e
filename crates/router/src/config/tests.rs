//! The list of keys and the structs are one thing, said twice; these tests hold them equal.

use std::collections::BTreeSet;

use super::keys::Default as Is;
use super::*;

/// A value that each kind takes.
fn example(key: &keys::Key) -> Value {
    let text = |text: &str| Value::from(text);
    match key.kind {
        Kind::Text => text("x"),
        Kind::Readable | Kind::Secret => Value::from(vec![text("plain:x")]),
        Kind::Texts => Value::from(vec![text("x")]),
        Kind::Choice(words) => text(words[0]),
        Kind::Count { least, .. } => Value::from(least),
        Kind::CountOrOff | Kind::ShareOrOff => text("1"),
        Kind::Size => text("1KiB"),
        Kind::Pause => text("1s"),
        Kind::Start => text("latest"),
        Kind::Table | Kind::End | Kind::Migrations | Kind::Switches => {
            let members = keys::below(key.path).filter(|(name, _)| *name != "*");
            let mut members: Dict = members
                .map(|(name, key)| (name.to_owned(), example(key)))
                .collect();
            if let Some((_, free)) = keys::below(key.path).find(|(name, _)| *name == "*") {
                if key.kind == Kind::Migrations {
                    return Value::from(vec![example(free)]);
                }
                members.insert("free".to_owned(), example(free));
            }
            Value::from(members)
        }
    }
}

fn everything() -> Config {
    let all: Dict = keys::below("")
        .map(|(name, key)| (name.to_owned(), example(key)))
        .collect();
    Figment::from(Said(all))
        .extract()
        .expect("each key of the list is a field")
}

/// The paths of a JSON value, with stars for the names that people choose and for places in lists.
fn paths(value: &serde_json::Value, path: &str, found: &mut BTreeSet<String>) {
    let join = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    let below: Vec<(String, &serde_json::Value)> = match value {
        serde_json::Value::Object(members) => members
            .iter()
            .map(|(name, value)| (join(if name == "free" { "*" } else { name }), value))
            .collect(),
        serde_json::Value::Array(elements) if path.ends_with("migrate") => {
            elements.iter().map(|value| (join("*"), value)).collect()
        }
        _ => Vec::new(),
    };
    for (path, value) in below {
        found.insert(path.clone());
        paths(value, &path, found);
    }
}

#[test]
fn the_list_of_keys_and_the_structs_say_the_same() {
    let mut of_structs = BTreeSet::new();
    paths(&serde_json::to_value(everything()).unwrap(), "", &mut of_structs);
    let of_list: BTreeSet<String> = KEYS.iter().map(|key| key.path.to_owned()).collect();
    assert_eq!(of_structs, of_list);
}

#[test]
fn a_struct_refuses_what_the_list_does_not_know() {
    for parent in ["systems.a", "routes.a", "routes.a.from", "routes.a.breaker", ""] {
        let mut all = Value::from(
            keys::below("")
                .map(|(name, key)| (name.to_owned(), example(key)))
                .collect::<Dict>(),
        );
        let mut place = &mut all;
        for name in parent.split('.').filter(|name| !name.is_empty()) {
            let name = if name == "a" { "free" } else { name };
            let Value::Dict(_, members) = place else {
                panic!("{parent} is an object")
            };
            place = members.get_mut(name).expect("the example has every key");
        }
        let Value::Dict(_, members) = place else {
            panic!("{parent} is an object")
        };
        members.insert("unheard_of".to_owned(), Value::from("x"));
        let Value::Dict(_, all) = all else {
            panic!("an object")
        };
        let error = Figment::from(Said(all)).extract::<Config>().unwrap_err();
        assert!(error.to_string().contains("unheard_of"), "{parent}: {error}");
    }
}

#[test]
fn every_default_of_the_list_is_a_value_that_its_kind_takes() {
    for key in KEYS {
        let Is::Is(default) = key.default else { continue };
        let good = match key.kind {
            Kind::Choice(words) => words.contains(&default),
            Kind::Count { least, most } => default
                .parse()
                .is_ok_and(|number| (least..=most).contains(&number)),
            Kind::CountOrOff => default.parse::<CountOrOff>().is_ok(),
            Kind::ShareOrOff => default.parse::<ShareOrOff>().is_ok(),
            Kind::Size => default.parse::<Size>().is_ok(),
            Kind::Pause => default.parse::<Pause>().is_ok(),
            _ => false,
        };
        assert!(good, "{}: {default}", key.path);
    }
}

#[test]
fn every_word_of_the_list_is_a_word_of_its_enum() {
    for key in KEYS {
        let Kind::Choice(words) = key.kind else { continue };
        for word in words {
            let value = Value::from(*word);
            let known = match key.path.rsplit('.').next().unwrap_or_default() {
                "unmatched" => value.deserialize::<Unmatched>().is_ok(),
                "detail" => value.deserialize::<ReportDetail>().is_ok(),
                "on_error" => value.deserialize::<OnError>().is_ok(),
                "unroutable" => value.deserialize::<Unroutable>().is_ok(),
                "order" => value.deserialize::<Order>().is_ok(),
                "empty_payload" => value.deserialize::<EmptyPayload>().is_ok(),
                "drops" => value.deserialize::<Drops>().is_ok(),
                "applied_record" => value.deserialize::<AppliedRecord>().is_ok(),
                other => panic!("{other} is not listed here"),
            };
            assert!(known, "{}: {word}", key.path);
        }
    }
}
