//! What an evaluation may cost: a purse that everything dear is paid from.
//!
//! It is carried through an evaluation as a variable, because the functions of the language know nothing but their arguments.

use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use cel::ExecutionError;
use cel::common::types::{self, Type};
use cel::common::value::{StaticVal, Val};
use regex::{Regex, RegexBuilder};

/// The variable that carries the budget.
pub(super) const BUDGET: &str = "@budget";
/// Bytes that cost as much as one element.
pub(super) const BYTES_PER_UNIT: u64 = 16;
/// What compiling a regular expression costs. Each pattern is compiled once in an evaluation.
const REGEX_UNITS: u64 = 10_000;
/// The most memory that a compiled regular expression may take, in bytes.
const MAX_REGEX: usize = 1 << 20;

/// What is left to spend in one evaluation. A clone spends from the same purse.
#[derive(Debug, Clone)]
pub(super) struct Budget(Arc<Purse>);

#[derive(Debug)]
struct Purse {
    left: AtomicU64,
    spent: AtomicBool,
    invalid_text: AtomicBool,
    /// The patterns that have been compiled; `None` for a text that is no pattern.
    patterns: Mutex<HashMap<String, Option<Regex>>>,
}

impl Budget {
    pub(super) fn new(units: u64) -> Self {
        Self(Arc::new(Purse {
            left: AtomicU64::new(units),
            spent: AtomicBool::new(false),
            invalid_text: AtomicBool::new(false),
            patterns: Mutex::default(),
        }))
    }

    pub(super) fn is_spent(&self) -> bool {
        self.0.spent.load(Ordering::Relaxed)
    }

    pub(super) fn met_invalid_text(&self) -> bool {
        self.0.invalid_text.load(Ordering::Relaxed)
    }

    /// Notes that a string had to be read that is no text.
    pub(super) fn note_invalid_text(&self) {
        self.0.invalid_text.store(true, Ordering::Relaxed);
    }

    pub(super) fn charge(&self, units: u64) -> Result<(), ExecutionError> {
        let enough = self
            .0
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(units)
            });
        if enough.is_ok() && !self.is_spent() {
            return Ok(());
        }
        self.0.spent.store(true, Ordering::Relaxed);
        Err(ExecutionError::function_error("cost", "spent"))
    }

    pub(super) fn charge_bytes(&self, bytes: usize) -> Result<(), ExecutionError> {
        self.charge(bytes as u64 / BYTES_PER_UNIT)
    }

    /// Whether a text matches a regular expression; `None` where the pattern is none.
    pub(super) fn matches(&self, subject: &str, pattern: &str) -> Result<Option<bool>, ExecutionError> {
        let mut patterns = self
            .0
            .patterns
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if !patterns.contains_key(pattern) {
            self.charge(REGEX_UNITS)?;
            let regex = RegexBuilder::new(pattern).size_limit(MAX_REGEX).build().ok();
            patterns.insert(pattern.to_owned(), regex);
        }
        let regex = patterns.get(pattern).and_then(Option::as_ref);
        Ok(regex.map(|regex| regex.is_match(subject)))
    }
}

impl StaticVal for Budget {}

impl Val for Budget {
    fn get_type(&self) -> &Type {
        &types::DYN_TYPE
    }
    fn cel_type() -> &'static Type {
        &types::DYN_TYPE
    }
    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(self.clone())
    }
    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}
