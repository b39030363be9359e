//! Constants that an operation writes, checked where they are read: a header and the key hold text alone.

use crate::migration::document::Value;
use crate::migration::load::fields::Fields;
use crate::migration::path::Path;

/// Refuses a constant that a header or the key cannot hold. Gives the value as it is written there.
pub(super) fn constant_for(
    fields: &mut Fields<'_, '_>,
    field: &'static str,
    path: &Path,
    value: Value,
) -> Option<Value> {
    if path.is_document() {
        return Some(value);
    }
    let Ok(Some(text)) = value.scalar_text() else {
        let message = "expected a string, a number or a boolean, which a header or the key can hold as text";
        fields.error(field, message);
        return None;
    };
    if path.header().is_some() && text.contains(['\r', '\n', '\0']) {
        let message =
            "expected one line: a header with a line end or NUL in it cannot be carried by most systems";
        fields.error(field, message);
        return None;
    }
    Some(value)
}
