//! The list of keys for others: a JSON Schema for editors, and the table of the docs.

use serde_json::{Map, Value, json};

use super::keys::{self, Default, KEYS, Key, Kind};

/// The JSON Schema (draft 2020-12) of a configuration. It is looser than the check: values with units are text to it, and
/// what depends on other keys is not said.
pub fn json_schema() -> Value {
    let mut schema = object("", &mut Map::new());
    if let Value::Object(members) = &mut schema {
        members.insert(
            "$schema".to_owned(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        members.insert("title".to_owned(), json!("Dunlin configuration"));
    }
    schema
}

fn object(pattern: &str, around: &mut Map<String, Value>) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    let mut others = json!(false);
    for (name, key) in keys::below(pattern) {
        if name == "*" {
            others = schema_of(key);
            continue;
        }
        properties.insert(name.to_owned(), schema_of(key));
        if key.default == Default::Required {
            required.push(json!(name));
        }
    }
    around.insert("type".to_owned(), json!("object"));
    around.insert("properties".to_owned(), Value::Object(properties));
    around.insert("additionalProperties".to_owned(), others);
    if !required.is_empty() {
        around.insert("required".to_owned(), Value::Array(required));
    }
    Value::Object(std::mem::take(around))
}

fn schema_of(key: &Key) -> Value {
    let mut schema = Map::new();
    schema.insert("description".to_owned(), json!(key.meaning));
    if let Default::Is(default) = key.default {
        let default = match key.kind {
            Kind::Count { .. } => default
                .parse::<u64>()
                .map_or_else(|_| json!(default), |number| json!(number)),
            _ => json!(default),
        };
        schema.insert("default".to_owned(), default);
    }
    let mut with = |members: Value| {
        if let Value::Object(members) = members {
            schema.extend(members);
        }
    };
    match key.kind {
        Kind::Table => with(object(key.path, &mut Map::new())),
        Kind::End => with(json!({"anyOf": [{"type": "string"}, object(key.path, &mut Map::new())]})),
        Kind::Switches => with(json!({"anyOf": [{"const": "off"}, object(key.path, &mut Map::new())]})),
        Kind::Migrations => {
            let choice = keys::below(key.path).map(|(_, key)| schema_of(key)).next();
            with(json!({"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1, "items": choice}]}));
        }
        Kind::Text | Kind::Readable | Kind::Secret => with(json!({"type": ["string", "number", "boolean"]})),
        Kind::Texts => with(json!({"type": "array", "items": {"type": "string"}})),
        Kind::Choice(words) => with(json!({"enum": words})),
        // A text may stand for any number: it may hold a variable.
        Kind::Count { least, most } => {
            with(json!({"type": ["integer", "string"], "minimum": least, "maximum": most}));
        }
        Kind::CountOrOff => with(json!({"type": ["integer", "string"], "minimum": 1})),
        Kind::ShareOrOff => with(json!({"type": ["number", "string"], "exclusiveMinimum": 0, "maximum": 1})),
        Kind::Size => with(json!({"type": ["integer", "string"]})),
        Kind::Pause | Kind::Start => with(json!({"type": "string"})),
    }
    Value::Object(schema)
}

/// The table of every key, as Markdown.
pub fn markdown_table() -> String {
    let mut table =
        String::from("| Key | What may stand there | Default | Unit | Meaning |\n|---|---|---|---|---|\n");
    for key in KEYS {
        let default = match key.default {
            Default::Required => "required".to_owned(),
            Default::None => String::new(),
            Default::Is(text) => format!("`{text}`"),
            Default::Described(words) => words.to_owned(),
        };
        let row = [
            format!("`{}`", shown_path(key.path)),
            values(key.kind),
            default,
            key.unit.to_owned(),
            key.meaning.to_owned(),
        ];
        // A bar inside a cell would begin the next one.
        let row: Vec<_> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        table.push_str(&format!("| {} |\n", row.join(" | ")));
    }
    table
}

/// `routes.ROUTE.migrate[].file`: the stars as what they stand for.
fn shown_path(path: &str) -> String {
    let mut shown = String::new();
    let mut before = "";
    for segment in path.split('.') {
        match (segment, before) {
            ("*", "migrate") => shown.push_str("[]"),
            ("*", "registries") => shown.push_str(".REGISTRY"),
            ("*", _) => shown.push_str(&format!(".{}", before.trim_end_matches('s').to_uppercase())),
            _ if shown.is_empty() => shown.push_str(segment),
            _ => shown.push_str(&format!(".{segment}")),
        }
        before = segment;
    }
    shown
}

fn values(kind: Kind) -> String {
    match kind {
        Kind::Table => "object".to_owned(),
        Kind::End => "`system/channel`, or object".to_owned(),
        Kind::Migrations => "file, or list of objects".to_owned(),
        Kind::Switches => "object, or `off`".to_owned(),
        Kind::Text => "text".to_owned(),
        Kind::Readable => "text, may name a file".to_owned(),
        Kind::Secret => "secret, may name a file".to_owned(),
        Kind::Texts => "list of texts".to_owned(),
        Kind::Choice(words) => words
            .iter()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", "),
        Kind::Count { least, most } if most == u64::MAX => format!("whole number from {least}"),
        Kind::Count { least, most } => format!("whole number from {least} to {most}"),
        Kind::CountOrOff => "whole number from 1, or `off`".to_owned(),
        Kind::ShareOrOff => "number above 0, at most 1, or `off`".to_owned(),
        Kind::Size => "size: `64MiB`, `64MB`, `65536`".to_owned(),
        Kind::Pause => "time: `250ms`, `5s`, `2m`, `1h`".to_owned(),
        Kind::Start => "`earliest`, `latest`, time, position".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_one_row_for_each_key_and_shows_what_stars_stand_for() {
        let table = markdown_table();
        assert_eq!(table.lines().count(), KEYS.len() + 2);
        for path in [
            "`systems.SYSTEM.url`",
            "`routes.ROUTE.migrate[].file`",
            "`secrets.SECRET`",
            "`routes.ROUTE.to.settings.SETTING`",
        ] {
            assert!(table.contains(path), "{path} is missing");
        }
    }

    #[test]
    fn the_schema_names_every_key_its_words_and_its_default() {
        let schema = json_schema();
        let route = &schema["properties"]["routes"]["additionalProperties"];
        assert_eq!(route["required"], json!(["from", "to"]));
        assert_eq!(
            route["properties"]["order"]["enum"],
            json!(["none", "per_lane", "strict"])
        );
        assert_eq!(route["properties"]["window"]["default"], json!(4096));
        assert_eq!(route["additionalProperties"], json!(false));
        let choice = &route["properties"]["migrate"]["anyOf"][1]["items"];
        assert_eq!(choice["required"], json!(["file"]));
    }
}
