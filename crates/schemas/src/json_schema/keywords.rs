//! The keywords that are judged here and not by the validator, since they speak of numbers.
//!
//! The validator holds numbers in 64 bits. Where a number of the schema does not fit into them, its text stands beside
//! it, in a member that no dialect knows; see [`note`].

use jsonschema::json::Node as _;
use jsonschema::paths::Location;
use jsonschema::{Draft, Keyword, ValidationError, ValidationOptions};
use serde_json::{Map, Value};

use dunlin_core::migration::document;

use super::instance::{Document, Instance, canonical};
use super::number::Decimal;

/// What the name of a note begins with.
const NOTE: &str = "dunlin exact ";

/// The keywords whose numbers are noted.
pub(super) const NOTED: [&str; 7] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "const",
    "enum",
];

/// The name and the value of the member that keeps what a keyword really says.
pub(super) fn note(keyword: &str, exact: &document::Value) -> (String, Value) {
    (format!("{NOTE}{keyword}"), Value::String(exact.to_json()))
}

/// The text of the number that a keyword holds, exactly.
pub(super) fn number_of(schema: &Map<String, Value>, keyword: &str) -> Option<String> {
    let Value::Number(number) = schema.get(keyword)? else {
        return None;
    };
    let noted = schema.get(&format!("{NOTE}{keyword}")).and_then(Value::as_str);
    Some(noted.map_or_else(|| number.to_string(), str::to_owned))
}

/// Whether what a keyword holds is noted, because the schema's own value is not exact.
pub(super) fn is_noted(schema: &Map<String, Value>, keyword: &str) -> bool {
    schema.contains_key(&format!("{NOTE}{keyword}"))
}

type Options<'a> = ValidationOptions<'a, std::sync::Arc<dyn jsonschema::Retrieve>, Document>;
type Made<'a> = Result<Box<dyn for<'i> Keyword<'i, Document>>, ValidationError<'a>>;

/// Adds the keywords. `has_notes`: also those that are needed only where values of the schema are noted.
pub(super) fn with_exact_numbers(options: Options<'_>, draft: Draft, has_notes: bool) -> Options<'_> {
    let options = options
        .with_keyword("minimum", |parent, _: &Value, _: Location| {
            bound(parent, Side::Minimum)
        })
        .with_keyword("maximum", |parent, _: &Value, _: Location| {
            bound(parent, Side::Maximum)
        })
        .with_keyword("exclusiveMinimum", |parent, _: &Value, _: Location| {
            bound(parent, Side::ExclusiveMinimum)
        })
        .with_keyword("exclusiveMaximum", |parent, _: &Value, _: Location| {
            bound(parent, Side::ExclusiveMaximum)
        })
        .with_keyword("multipleOf", |parent, _: &Value, _: Location| multiple(parent));
    if !has_notes {
        return options;
    }
    let options = options.with_keyword("enum", |parent, value, _: Location| one_of(parent, "enum", value));
    if draft == Draft::Draft4 {
        return options;
    }
    options.with_keyword("const", |parent, value, _: Location| {
        one_of(parent, "const", value)
    })
}

/// Which numbers a bound lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Minimum,
    Maximum,
    ExclusiveMinimum,
    ExclusiveMaximum,
}

impl Side {
    const fn keyword(self) -> &'static str {
        match self {
            Self::Minimum => "minimum",
            Self::Maximum => "maximum",
            Self::ExclusiveMinimum => "exclusiveMinimum",
            Self::ExclusiveMaximum => "exclusiveMaximum",
        }
    }
}

struct Bound {
    side: Side,
    text: String,
    /// The limit, where most numbers can be compared with it at once.
    small: Option<i64>,
}

/// A bound. In draft 4 the word for an exclusive one is a flag beside the other.
fn bound(parent: &Map<String, Value>, side: Side) -> Made<'static> {
    let is = |flag: &str| parent.get(flag) == Some(&Value::Bool(true));
    let side = match side {
        Side::Minimum if is("exclusiveMinimum") => Side::ExclusiveMinimum,
        Side::Maximum if is("exclusiveMaximum") => Side::ExclusiveMaximum,
        Side::ExclusiveMinimum | Side::ExclusiveMaximum
            if parent.get(side.keyword()).is_some_and(Value::is_boolean) =>
        {
            return Ok(Box::new(Anything));
        }
        side => side,
    };
    let from = match side {
        Side::ExclusiveMinimum if is("exclusiveMinimum") => "minimum",
        Side::ExclusiveMaximum if is("exclusiveMaximum") => "maximum",
        side => side.keyword(),
    };
    let Some(text) = number_of(parent, from) else {
        return Err(ValidationError::schema("expected a number"));
    };
    let small = text.parse().ok();
    Ok(Box::new(Bound { side, text, small }))
}

impl Bound {
    fn holds(&self, instance: Instance<'_>) -> bool {
        let Some(number) = instance.as_number() else {
            return true;
        };
        let text = number.0.as_str();
        let order = match (self.small, text.parse::<i64>()) {
            (Some(limit), Ok(number)) => number.cmp(&limit),
            _ => Decimal::read(text).cmp(&Decimal::read(&self.text)),
        };
        match self.side {
            Side::Minimum => order.is_ge(),
            Side::Maximum => order.is_le(),
            Side::ExclusiveMinimum => order.is_gt(),
            Side::ExclusiveMaximum => order.is_lt(),
        }
    }
}

impl<'i> Keyword<'i, Document> for Bound {
    fn validate(&self, instance: Instance<'i>) -> Result<(), ValidationError<'i>> {
        if self.holds(instance) {
            return Ok(());
        }
        let words = match self.side {
            Side::Minimum => "at least",
            Side::Maximum => "at most",
            Side::ExclusiveMinimum => "more than",
            Side::ExclusiveMaximum => "less than",
        };
        let message = format!(
            "expected a number of {words} {} ({})",
            self.text,
            self.side.keyword()
        );
        Err(ValidationError::custom(message))
    }

    fn is_valid(&self, instance: Instance<'i>) -> bool {
        self.holds(instance)
    }
}

/// The flag of draft 4, which says something about the bound beside it only.
struct Anything;

impl<'i> Keyword<'i, Document> for Anything {
    fn validate(&self, _instance: Instance<'i>) -> Result<(), ValidationError<'i>> {
        Ok(())
    }

    fn is_valid(&self, _instance: Instance<'i>) -> bool {
        true
    }
}

struct Multiple {
    text: String,
}

fn multiple(parent: &Map<String, Value>) -> Made<'static> {
    match number_of(parent, "multipleOf") {
        Some(text) => Ok(Box::new(Multiple { text })),
        None => Err(ValidationError::schema("expected a number")),
    }
}

impl Multiple {
    fn holds(&self, instance: Instance<'_>) -> bool {
        instance
            .as_number()
            .is_none_or(|number| Decimal::read(number.0.as_str()).is_multiple_of(&Decimal::read(&self.text)))
    }
}

impl<'i> Keyword<'i, Document> for Multiple {
    fn validate(&self, instance: Instance<'i>) -> Result<(), ValidationError<'i>> {
        if self.holds(instance) {
            return Ok(());
        }
        let message = format!("expected a multiple of {} (multipleOf)", self.text);
        Err(ValidationError::custom(message))
    }

    fn is_valid(&self, instance: Instance<'i>) -> bool {
        self.holds(instance)
    }
}

/// `const` and `enum`, with the values as they are noted.
struct OneOf {
    keyword: &'static str,
    /// Texts that are equal for equal values.
    values: Vec<String>,
}

fn one_of<'a>(parent: &Map<String, Value>, keyword: &'static str, value: &'a Value) -> Made<'a> {
    let noted = parent.get(&format!("{NOTE}{keyword}")).and_then(Value::as_str);
    let text = noted.map_or_else(|| value.to_string(), str::to_owned);
    let reading = document::Reading {
        depth: dunlin_core::source::MOST_DEPTH,
        duplicate_names: document::DuplicateNames::Allow,
    };
    let Ok(value) = document::parse(text.as_bytes(), &reading) else {
        return Err(ValidationError::schema("expected a JSON value"));
    };
    let values = match (&value, keyword) {
        (document::Value::Array(all), "enum") => all.iter().map(canonical).collect(),
        _ => vec![canonical(&value)],
    };
    Ok(Box::new(OneOf { keyword, values }))
}

impl<'i> Keyword<'i, Document> for OneOf {
    fn validate(&self, instance: Instance<'i>) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) {
            return Ok(());
        }
        let message = format!("expected one of the values of the schema ({})", self.keyword);
        Err(ValidationError::custom(message))
    }

    fn is_valid(&self, instance: Instance<'i>) -> bool {
        self.values.contains(&canonical(instance.value))
    }
}
