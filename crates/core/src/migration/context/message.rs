//! Headers and the key: they are text, and writing one turns a scalar into its text.

use bytes::Bytes;

use super::{Context, Effect, Tally};
use crate::message::Headers;
use crate::migration::condition::text_of;
use crate::migration::document::Value;
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::outcome::Change;
use crate::migration::path::{Name, Path};

type ChangeText<'a> = &'a mut dyn FnMut(&mut Value, &mut Tally) -> Result<Effect, Failure>;

impl Context<'_> {
    /// Changes every header of a name, as [`change_values`](Self::change_values) changes places.
    pub(super) fn change_header(
        &mut self,
        name: &Name,
        path: &Path,
        change: ChangeText<'_>,
    ) -> Result<Change, Failure> {
        let mut tally = Tally::default();
        if !self.headers.contains(name.as_str()) {
            self.count_missing(path, &mut tally)?;
            return self.finish(path, &tally);
        }
        let mut kept = Headers::new();
        for (own, bytes) in self.headers.iter() {
            if own != name.as_str() {
                kept.append(own, bytes.clone());
                continue;
            }
            if let Some(bytes) = self.change_text(bytes, path, change, &mut tally)? {
                kept.append(own, bytes);
            }
        }
        self.headers = kept;
        self.finish(path, &tally)
    }

    /// Changes the key.
    pub(super) fn change_key(&mut self, path: &Path, change: ChangeText<'_>) -> Result<Change, Failure> {
        let mut tally = Tally::default();
        match self.key.clone() {
            None => self.count_missing(path, &mut tally)?,
            Some(bytes) => self.key = self.change_text(&bytes, path, change, &mut tally)?,
        }
        self.finish(path, &tally)
    }

    /// Counts a header or key that is not there: `where` is asked first, as about any other place.
    pub(crate) fn count_missing(&self, path: &Path, tally: &mut Tally) -> Result<(), Failure> {
        if self.judge_text(path, None)? {
            tally.count(Effect::Absent);
        } else {
            tally.leave_alone();
        }
        Ok(())
    }

    /// What becomes of one header, or of the key. `None`: it is removed.
    fn change_text(
        &self,
        bytes: &Bytes,
        path: &Path,
        change: ChangeText<'_>,
        tally: &mut Tally,
    ) -> Result<Option<Bytes>, Failure> {
        let mut value = text_of(bytes);
        if !self.judge_text(path, Some(&value))? {
            tally.leave_alone();
            return Ok(Some(bytes.clone()));
        }
        let effect = change(&mut value, tally).map_err(|failure| failure.at(path.to_string()))?;
        match effect {
            Effect::Removed => {
                tally.count(effect);
                Ok(None)
            }
            Effect::Unchanged | Effect::Absent => {
                tally.count(effect);
                Ok(Some(bytes.clone()))
            }
            Effect::Changed => {
                let text = written(&value).map_err(|failure| failure.at(path.to_string()))?;
                // The number 5 is written as the text that may stand there already.
                tally.count(if text == *bytes {
                    Effect::Unchanged
                } else {
                    Effect::Changed
                });
                Ok(Some(text))
            }
        }
    }

    /// The header or key that a path leads to, as a string value. The last header of the name counts.
    ///
    /// Bytes that are no UTF-8 give a string that is no text.
    pub(crate) fn message_text(&self, path: &Path) -> Option<Value> {
        match path.header() {
            Some(name) => self.headers.get(name.as_str()).map(|bytes| text_of(bytes)),
            None => self.key.as_ref().map(|bytes| text_of(bytes)),
        }
    }

    /// Writes a scalar's text into the header or key that a path leads to; further headers of the name are removed.
    ///
    /// # Errors
    /// `type` for `null`, an array or an object; `invalid_text` for a string that is none.
    pub(crate) fn write_message_text(&mut self, path: &Path, value: &Value) -> Result<(), Failure> {
        let bytes = written(value).map_err(|failure| failure.at(path.to_string()))?;
        match path.header() {
            Some(name) => self.headers.set(name.as_str(), bytes),
            None => self.key = Some(bytes),
        }
        Ok(())
    }

    /// Removes the header of every occurrence, or the key.
    pub(crate) fn remove_message_text(&mut self, path: &Path) {
        match path.header() {
            Some(name) => {
                self.headers.remove(name.as_str());
            }
            None => self.key = None,
        }
    }
}

/// A value as it stands in a header or in the key.
fn written(value: &Value) -> Result<Bytes, Failure> {
    match value.scalar_text() {
        Ok(Some(text)) => Ok(Bytes::from(text.into_owned())),
        Ok(None) => {
            let expected = "expected a string, a number or a boolean to write as text";
            Err(Failure::new(FailureKind::Type, expected).found(value.kind()))
        }
        Err(error) => Err(Failure::new(
            FailureKind::InvalidText,
            format!("expected text, {error}"),
        )),
    }
}
