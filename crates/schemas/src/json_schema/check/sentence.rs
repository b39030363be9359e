//! The rules of JSON Schema as sentences, each with the keyword that states it.
//!
//! Values of the schema are shown, shortened; values of the document never are. Names of members are shown, as they are in
//! paths.

use dunlin_core::migration::path::Name;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

/// The most characters of a value of the schema that are shown.
const MOST_SHOWN: usize = 60;
/// The most values of an `enum`, or names of members, that are shown.
const MOST_LISTED: usize = 8;

/// What was expected.
pub(crate) fn sentence(error: &ValidationError<'_>) -> String {
    use ValidationErrorKind as Kind;
    let expected = match error.kind() {
        Kind::Custom { message, .. } => return message.clone(),
        Kind::PropertyNames { error } => {
            return format!("names of members: {} (propertyNames)", sentence(error));
        }
        Kind::FalseSchema => return "expected no value, since the schema here is `false`".to_owned(),
        Kind::Type { kind } => types(kind),
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            format!("the member `{}`", Name::new(name))
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let names = unexpected
                .iter()
                .map(|name| format!("`{}`", Name::new(name.as_str())));
            format!("no member {}", listed(names, "or"))
        }
        Kind::AdditionalItems { limit } => format!("at most {}", counted(*limit, "element")),
        Kind::UnevaluatedItems { .. } => "no elements but those that the schema speaks of".to_owned(),
        Kind::AnyOf { .. } => "a value that fits at least one of the schemas".to_owned(),
        Kind::OneOfNotValid { .. } => "a value that fits one of the schemas".to_owned(),
        Kind::OneOfMultipleValid { .. } => "a value that fits one of the schemas, and not several".to_owned(),
        Kind::Not { .. } => "a value that does not fit the schema".to_owned(),
        Kind::Constant { expected_value } => shortened(expected_value),
        Kind::Enum { options } => {
            let values: &[Value] = options.as_array().map_or(&[], Vec::as_slice);
            match values {
                [only] => shortened(only),
                values => format!("one of {}", listed(values.iter().map(shortened), "or")),
            }
        }
        Kind::Contains => "elements that fit the schema, in the number that is asked for".to_owned(),
        Kind::UniqueItems => "elements that are all different".to_owned(),
        Kind::MinItems { limit } => format!("at least {}", of(*limit, "element")),
        Kind::MaxItems { limit } => format!("at most {}", of(*limit, "element")),
        Kind::MinLength { limit } => format!("a string of at least {}", of(*limit, "character")),
        Kind::MaxLength { limit } => format!("a string of at most {}", of(*limit, "character")),
        Kind::MinProperties { limit } => format!("at least {}", of(*limit, "member")),
        Kind::MaxProperties { limit } => format!("at most {}", of(*limit, "member")),
        Kind::Minimum { limit } => format!("a number of at least {}", shortened(limit)),
        Kind::Maximum { limit } => format!("a number of at most {}", shortened(limit)),
        Kind::ExclusiveMinimum { limit } => format!("a number of more than {}", shortened(limit)),
        Kind::ExclusiveMaximum { limit } => format!("a number of less than {}", shortened(limit)),
        Kind::MultipleOf { multiple_of } => format!("a multiple of {multiple_of}"),
        Kind::Pattern { pattern } => format!("a string that matches `{}`", cut(pattern)),
        Kind::BacktrackLimitExceeded { .. } | Kind::RegexEngineFailure { .. } => {
            "a string of which the pattern can be decided within its limit of steps".to_owned()
        }
        Kind::Format { format } => format!("a string of the format `{}`", cut(format)),
        Kind::ContentEncoding { content_encoding } => {
            format!("a string in the encoding `{}`", cut(content_encoding))
        }
        Kind::ContentMediaType { content_media_type } => {
            format!("a string of the media type `{}`", cut(content_media_type))
        }
        Kind::FromUtf8 { .. } => "UTF-8 text in the encoded string".to_owned(),
        Kind::Referencing(error) => format!("a schema behind every reference: {error}"),
    };
    format!("expected {expected} ({})", error.kind().keyword())
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => noun(*one).to_owned(),
        TypeKind::Multiple(all) => listed(all.into_iter().map(|one| noun(one).to_owned()), "or"),
    }
}

const fn noun(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Array => "an array",
        JsonType::Boolean => "a boolean",
        JsonType::Integer => "an integer",
        JsonType::Null => "null",
        JsonType::Number => "a number",
        JsonType::Object => "an object",
        JsonType::String => "a string",
    }
}

fn of(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

fn counted(count: usize, noun: &str) -> String {
    of(u64::try_from(count).unwrap_or(u64::MAX), noun)
}

/// `a, b or c`, and where there are too many, how many more.
fn listed(all: impl Iterator<Item = String>, conjunction: &str) -> String {
    let mut all: Vec<String> = all.collect();
    if all.len() > MOST_LISTED {
        let more = all.len() - (MOST_LISTED - 1);
        all.truncate(MOST_LISTED - 1);
        all.push(format!("{more} more"));
    }
    match all.pop() {
        None => String::new(),
        Some(last) if all.is_empty() => last,
        Some(last) => format!("{} {conjunction} {last}", all.join(", ")),
    }
}

fn shortened(value: &Value) -> String {
    cut(&value.to_string())
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MOST_SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
