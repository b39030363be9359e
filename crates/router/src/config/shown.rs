//! The configuration as it was understood, for people: defaults filled in, secrets masked.

use figment::value::{Dict, Value};
use serde_json::{Map, Value as Json};

use super::interpolate::{MASK, Text};
use super::keys::{self, Kind};
use super::sources::is_secret;

/// The merged layers as JSON. A secret that is read from a file shows the file's name, every other one the mask.
pub(super) fn shown(merged: &Dict) -> Json {
    object(merged, &mut Vec::new())
}

fn object<'dict>(dict: &'dict Dict, path: &mut Vec<&'dict str>) -> Json {
    let mut members = Map::new();
    for (name, value) in dict {
        path.push(name);
        members.insert(name.clone(), any(value, path));
        path.pop();
    }
    Json::Object(members)
}

fn any<'dict>(value: &'dict Value, path: &mut Vec<&'dict str>) -> Json {
    if let Some(Kind::Secret | Kind::Readable) = keys::at(path).map(|key| key.kind) {
        return Json::from(readable(value, is_secret(path)));
    }
    match value {
        Value::Dict(_, dict) => object(dict, path),
        Value::Array(_, elements) => {
            let mut shown = Vec::new();
            for element in elements {
                // A place in a list is one segment, as `*` in the list of keys is.
                path.push("0");
                shown.push(any(element, path));
                path.pop();
            }
            Json::Array(shown)
        }
        Value::Num(_, number) => number
            .to_u128()
            .and_then(|number| u64::try_from(number).ok())
            .map_or(Json::Null, Json::from),
        Value::String(_, text) => Json::from(text.clone()),
        Value::Bool(_, flag) => Json::from(*flag),
        Value::Char(..) | Value::Empty(..) => Json::Null,
    }
}

fn readable(value: &Value, secret: bool) -> String {
    match value.deserialize::<Text>() {
        Ok(text) if !secret || text.is_only_files() => text.as_typed(),
        _ => MASK.to_owned(),
    }
}
