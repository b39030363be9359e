//! Warns about keywords that no dialect knows and that are nearly one that is: what they say would be passed over.
//!
//! Other words that no dialect knows are left alone, since a schema may hold annotations of other programs.

use dunlin_core::finding::{Finding, Findings, did_you_mean};
use dunlin_core::source::{Content, Node};

/// Keywords that hold one schema, or a list of schemas.
const SCHEMAS: [&str; 16] = [
    "additionalItems",
    "additionalProperties",
    "allOf",
    "anyOf",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "oneOf",
    "prefixItems",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// Keywords that hold schemas by names.
const NAMED: [&str; 6] = [
    "$defs",
    "definitions",
    "dependencies",
    "dependentSchemas",
    "patternProperties",
    "properties",
];

/// The other keywords of all drafts, and those that OpenAPI adds.
const OTHERS: [&str; 46] = [
    "$anchor",
    "$comment",
    "$dynamicAnchor",
    "$dynamicRef",
    "$id",
    "$recursiveAnchor",
    "$recursiveRef",
    "$ref",
    "$schema",
    "$vocabulary",
    "const",
    "contentEncoding",
    "contentMediaType",
    "default",
    "dependentRequired",
    "deprecated",
    "description",
    "discriminator",
    "enum",
    "example",
    "examples",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "externalDocs",
    "format",
    "id",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "nullable",
    "pattern",
    "readOnly",
    "required",
    "title",
    "type",
    "uniqueItems",
    "writeOnly",
    "xml",
];

/// Warns about a schema and those in it.
///
/// Recursion is bounded by the depth that a text may have.
pub(super) fn warn(schema: &Node, findings: &mut Findings) {
    let Some(members) = schema.members() else { return };
    for member in members {
        let Some(name) = member.name.text() else { continue };
        if SCHEMAS.contains(&name) {
            match &member.value.content {
                Content::Array(elements) => elements.iter().for_each(|element| warn(element, findings)),
                _ => warn(&member.value, findings),
            }
        } else if NAMED.contains(&name) {
            for named in member.value.members().unwrap_or_default() {
                warn(&named.value, findings);
            }
        } else if !OTHERS.contains(&name) {
            let meant = did_you_mean(name, SCHEMAS.into_iter().chain(NAMED).chain(OTHERS));
            if !meant.is_empty() {
                let message = format!("no dialect of JSON Schema knows the keyword `{name}`{meant}");
                let help = "what an unknown keyword says is passed over";
                findings.push(Finding::warning(&member.name.place, message).help(help));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use dunlin_core::source::{Format, read};

    use super::*;

    fn warned(schema: &str) -> Vec<String> {
        let mut findings = Findings::new();
        let node = read("a.json", schema.as_bytes(), Format::Json, &mut findings).unwrap();
        warn(&node, &mut findings);
        let all = findings.sorted();
        all.iter().map(|finding| finding.message.clone()).collect()
    }

    #[test]
    fn a_keyword_that_is_nearly_one_is_warned_of_wherever_a_schema_may_stand() {
        let told = ["no dialect of JSON Schema knows the keyword `require`, did you mean `required`?"];
        for schema in [
            r#"{"require": ["a"]}"#,
            r#"{"properties": {"require": {"require": []}}}"#,
            r#"{"anyOf": [{"items": {"require": []}}]}"#,
        ] {
            assert_eq!(warned(schema), told, "{schema}");
        }
    }

    #[test]
    fn words_of_other_programs_and_names_of_members_are_left_alone() {
        let schema = r#"{"x-note": 1, "nullable": true, "propertyNames": {"type": "string"},
            "properties": {"typ": {"enum": [{"require": 1}]}, "titel": true}, "default": {"require": 1}}"#;
        assert_eq!(warned(schema), [""; 0]);
    }
}
