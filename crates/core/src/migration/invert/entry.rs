//! A transformation as an entry of a list in YAML.

use super::super::canonical;
use crate::finding::Findings;
use crate::source::{self, Format};

/// The longest name, in bytes, that is written without a mark. YAML lets nobody look for the colon of a longer one: behind
/// 1,024 characters a name must have said before that it is one (YAML 1.2.2, section 7.4.2).
const LONGEST_PLAIN_NAME: usize = 1000;

/// A transformation, which is canonical JSON, so that YAML reads the same from it. `None` where YAML does not: it knows
/// numbers by their value and not by their spelling, and has no word for half of a surrogate pair.
pub(super) fn of(json: &str) -> Option<String> {
    let entry = with_long_names_marked(json);
    (read(json, Format::Json)? == read(&entry, Format::Yaml)?).then_some(entry)
}

fn read(text: &str, format: Format) -> Option<String> {
    let mut findings = Findings::new();
    let node = source::read("", text.as_bytes(), format, &mut findings)?;
    Some(canonical::value(&node.to_value()?))
}

/// JSON is YAML but for its long names.
fn with_long_names_marked(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some((before, string)) = rest.split_once('"') {
        out.push_str(before);
        let mut escaped = false;
        let end = string.find(|c| {
            let is_end = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            is_end
        });
        let (string, behind) = end.map_or((string, ""), |end| (&string[..end], &string[end + 1..]));
        let is_name = behind.starts_with(':');
        let is_long = is_name && string.len() > LONGEST_PLAIN_NAME;
        out.push_str(if is_long { "? \"" } else { "\"" });
        out.push_str(string);
        out.push('"');
        if is_long {
            out.push(' ');
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_written_as_it_is() {
        let json = r#"{"add":"a\"b","value":{"c":[1,1.5,"x: y",true,null]},"where":{".":{"is":"object"}}}"#;
        assert_eq!(of(json).as_deref(), Some(json));
    }

    #[test]
    fn a_name_too_long_for_yaml_is_marked() {
        let path = "p.".repeat(600);
        let json = format!(r#"{{"remove":"a","where":{{"{path}q":1,"b":"{path}"}}}}"#);
        let entry = format!(r#"{{"remove":"a","where":{{? "{path}q" :1,"b":"{path}"}}}}"#);
        assert_eq!(of(&json), Some(entry));
    }

    #[test]
    fn what_yaml_would_change_is_not_written() {
        for json in [
            r#"{"modify":"a","value":1e400}"#,
            r#"{"modify":"a","value":1.10}"#,
            r#"{"modify":"a","value":0.1000000000000000055}"#,
            r#"{"modify":"a","value":"\ud800"}"#,
        ] {
            assert_eq!(of(json), None, "{json}");
        }
    }
}
