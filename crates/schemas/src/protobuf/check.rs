//! Checks documents: everything that keeps one from being written, up to a limit.

use dunlin_core::migration::document::Value;
use dunlin_core::migration::{Limits, Unmet};

use super::encode::Encoder;
use super::model::{MessageIndex, Model};

/// How many rules that are not met are told; nobody reads more.
const MOST: usize = 100;

/// The rules that a document does not meet.
pub(super) fn check(model: &Model, message: MessageIndex, document: &Value) -> Result<(), Vec<Unmet>> {
    // How deep a document may be is judged elsewhere; the walk only has to end.
    let limits = Limits::new(Limits::MOST_DEPTH, usize::MAX).unwrap_or_default();
    let faults = Encoder::new(model, &limits).faults(message, document, MOST);
    if faults.is_empty() {
        return Ok(());
    }
    Err(faults
        .into_iter()
        .map(|failure| Unmet {
            rule: failure.message(),
            path: failure
                .path
                .map(String::from)
                .filter(|path| path != "$")
                .unwrap_or_default(),
        })
        .collect())
}
