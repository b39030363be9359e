//! Expressions in CEL (the Common Expression Language, cel.dev) over a message.
//!
//! A digest lives long, so an expression must mean the same on every machine and at every time: there is no clock, no
//! randomness and no input or output; objects are visited in document order; and what an evaluation may cost is limited by
//! counting, never by time. The language is the `cel` crate's; this module gives it the message, takes its result, and puts
//! the limits in (`guard` before an evaluation, `budget` during it).
//!
//! Numbers cross a border here: CEL knows 64-bit integers and doubles only. An integer that fits goes in exactly; any other
//! number goes in as the nearest double, and a result that holds it is spelled anew.

mod budget;
mod functions;
mod guard;
mod rewrite;
mod syntax;
mod uses;
mod values;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, LazyLock};

use cel::common::ast::IdedExpr;
use cel::common::types::CelBool;
use cel::{Context, Env, ExecutionError};

use super::document::Value;
use super::failure::{Failure, FailureKind};
use crate::message::Headers;
use budget::Budget;
use values::Reader;

/// The longest expression, in bytes.
pub const MAX_LENGTH: usize = 4096;
/// The deepest nesting of brackets, of unary operators and of conditions.
pub const MAX_NESTING: usize = 50;
/// A tree of at most this depth is evaluated on the stack of whoever asks; an unoptimised build takes about 40 KiB for a level.
const MAX_SHALLOW_DEPTH: usize = 24;
/// What one evaluation may cost: elements visited or compared, and sixteenths of the bytes that it reads and makes.
pub const MAX_COST: u64 = 1_000_000;

/// How many values of documents the expressions of one transformation may read together. An expression at each of many places
/// reads what it names anew.
pub const MAX_READS: u64 = 10_000_000;

pub use guard::FUNCTIONS;
pub(crate) use uses::Use;

/// The variables that an expression can name.
pub const VARIABLES: [&str; 6] = ["payload", "this", "item", "index", "headers", "key"];

/// A compiled expression. A clone copies a handle.
#[derive(Clone)]
pub struct Expression {
    text: Arc<str>,
    tree: Arc<IdedExpr>,
    makes_container: bool,
    /// The names of members that stand in the text. A failure may repeat them.
    written: Arc<BTreeSet<String>>,
    /// What is read of each variable.
    uses: Arc<uses::Uses>,
    /// Whether an evaluation needs more stack than a worker has.
    is_deep: bool,
}

/// What an expression may look at, at one place of one message.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The document as it stands at this moment, whole; `None` for a message without one.
    pub payload: Option<&'a Value>,
    /// The value at the place.
    pub this: Option<&'a Value>,
    /// The innermost enclosing element.
    pub item: Option<&'a Value>,
    /// The index of that element, from 0.
    pub index: Option<usize>,
    /// The message's headers; those that are no UTF-8 text are not seen.
    pub headers: &'a Headers,
    /// The message's key; a key that is no UTF-8 text reads as `null`.
    pub key: Option<&'a [u8]>,
    /// How many values the expressions of this transformation have read so far.
    pub reads: &'a AtomicU64,
}

/// A text that is no expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CompileError {
    /// What was expected and found.
    pub message: String,
    /// The byte in the text where it shows, where it is known.
    pub offset: Option<usize>,
}

/// Why an evaluation gave no value. Nothing here holds a value of the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// A member, a header or an element that the expression reads is not there.
    #[error("expected {0}, found no such member")]
    Missing(String),
    /// A string that had to be read holds a lone surrogate.
    #[error("expected text, found a lone surrogate")]
    InvalidText,
    /// It would have cost more than [`MAX_COST`].
    #[error("expected an expression within the cost limit of {MAX_COST}")]
    Cost,
    /// The expressions of one transformation would have read more than [`MAX_READS`].
    #[error("expected expressions that read at most {MAX_READS} values together")]
    Reads,
    /// Anything else: a type that an operator does not take, an overflow, a result that is no JSON value.
    #[error("{0}")]
    Failed(String),
}

impl From<EvaluationError> for Failure {
    fn from(error: EvaluationError) -> Self {
        let kind = match error {
            EvaluationError::Missing(_) | EvaluationError::Failed(_) => FailureKind::Expression,
            EvaluationError::InvalidText => FailureKind::InvalidText,
            EvaluationError::Cost | EvaluationError::Reads => FailureKind::Limit,
        };
        Self::new(kind, error.to_string())
    }
}

/// The stack of a thread that reads or evaluates an expression, in bytes.
const STACK: usize = 64 << 20;

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(functions::environment()));

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// Every defect that the parser finds: syntax, an unknown variable or function, a length or nesting beyond the limits.
    pub fn compile(text: &str) -> Result<Self, Vec<CompileError>> {
        guard::check_text(text).map_err(|error| vec![error])?;
        // The parser's and the visitor's stack frames are large, and grow with the expression: a worker's stack is not
        // enough for the longest that is allowed.
        let compiled = std::thread::scope(|scope| {
            std::thread::Builder::new()
                .stack_size(STACK)
                .spawn_scoped(scope, || guard::compile(&ENVIRONMENT, text))
                .map(std::thread::ScopedJoinHandle::join)
        });
        let failed = |message: &str| {
            vec![CompileError {
                message: message.to_owned(),
                offset: None,
            }]
        };
        let tree = match compiled {
            Ok(Ok(result)) => result?,
            Ok(Err(_)) => {
                return Err(failed(
                    "expected an expression, found one that the parser cannot read",
                ));
            }
            Err(_) => return Err(failed("no thread could be started to read the expression")),
        };
        Ok(Self {
            text: text.into(),
            makes_container: rewrite::may_make_container(&tree),
            written: Arc::new(uses::written_names(&tree)),
            uses: Arc::new(uses::uses(&tree)),
            is_deep: uses::depth(&tree) > MAX_SHALLOW_DEPTH,
            tree: Arc::new(tree),
        })
    }

    /// The text as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the result may be an array or an object, inside which the spelling of numbers is not kept. It errs on the side of
    /// `true`: a member that is only passed on may be anything.
    pub fn may_make_container(&self) -> bool {
        self.makes_container
    }

    /// What it reads of a variable; `None` if it does not name it.
    pub(crate) fn reads(&self, variable: &str) -> Option<&Use> {
        self.uses.get(variable)
    }

    /// The value of the expression.
    ///
    /// The same scope gives the same value, always and everywhere.
    ///
    /// # Errors
    /// See [`EvaluationError`].
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, EvaluationError> {
        self.resolve(scope, |value| values::to_document(value))
    }

    /// Whether the expression holds.
    ///
    /// # Errors
    /// As [`Expression::evaluate`], and [`EvaluationError::Failed`] for a value that is not a boolean.
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, EvaluationError> {
        self.resolve(scope, |value| match value.downcast_ref::<CelBool>() {
            Some(held) => Ok(*held.inner()),
            None => Err(EvaluationError::Failed(format!(
                "expected a boolean, found {}",
                values::type_name(value)
            ))),
        })
    }

    fn resolve<T: Send>(
        &self,
        scope: &Scope<'_>,
        take: impl FnOnce(&dyn cel::common::value::Val) -> Result<T, EvaluationError> + Send,
    ) -> Result<T, EvaluationError> {
        if !self.is_deep {
            return self.resolve_here(scope, take);
        }
        std::thread::scope(|threads| {
            let thread = std::thread::Builder::new()
                .stack_size(STACK)
                .spawn_scoped(threads, || self.resolve_here(scope, take));
            match thread.map(std::thread::ScopedJoinHandle::join) {
                Ok(Ok(result)) => result,
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                Err(_) => Err(EvaluationError::Failed(
                    "no thread could be started to evaluate the expression".to_owned(),
                )),
            }
        })
    }

    fn resolve_here<T>(
        &self,
        scope: &Scope<'_>,
        take: impl FnOnce(&dyn cel::common::value::Val) -> Result<T, EvaluationError>,
    ) -> Result<T, EvaluationError> {
        let budget = Budget::new(MAX_COST);
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        context.add_variable_as_val(budget::BUDGET, Box::new(budget.clone()));
        // Converting a message is the dearest part of an evaluation, so what is not named is not converted.
        let mut reader = Reader::new(scope.reads, MAX_READS);
        for (name, value) in [
            ("payload", scope.payload),
            ("this", scope.this),
            ("item", scope.item),
        ] {
            let value = value.unwrap_or(&Value::Null);
            let converted = match self.uses.get(name) {
                None => continue,
                Some(Use::Whole) => values::from_document(value, &mut reader)?,
                Some(Use::Members(names)) => values::from_named_members(value, names, &mut reader)?,
            };
            context.add_variable_as_val(name, converted);
        }
        if self.uses.contains_key("index") {
            context.add_variable_as_val("index", values::from_index(scope.index));
        }
        if let Some(used) = self.uses.get("headers") {
            context.add_variable_as_val("headers", values::from_headers(scope.headers, used));
        }
        if self.uses.contains_key("key") {
            context.add_variable_as_val("key", values::from_key(scope.key));
        }
        let result = match cel::Value::resolve_val(&self.tree, &context) {
            Ok(value) => take(&*value),
            Err(error) => Err(self.explain(&error)),
        };
        if budget.is_spent() {
            // What an operator made of the error on its way out does not count.
            return Err(EvaluationError::Cost);
        }
        if budget.met_invalid_text() {
            return Err(EvaluationError::InvalidText);
        }
        result
    }

    /// As [`explain`], but a name that was computed from the message is not told.
    fn explain(&self, error: &ExecutionError) -> EvaluationError {
        match error {
            ExecutionError::NoSuchKey(name) if !self.written.contains(&***name) => {
                EvaluationError::Missing("a member of a computed name".to_owned())
            }
            _ => explain(error),
        }
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({:?})", self.text)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// Whether a member of `null` was read. As on a path, it is missing there: a message without payload has no document, and
/// a condition about one must not fail it.
fn reads_member_of_null(overload: &cel::OverloadError) -> bool {
    let selects = matches!(overload.function(), "_._" | "_[_]" | "_?._" | "_[?_]");
    selects
        && overload
            .argument_types()
            .first()
            .is_some_and(|kind| kind == "null_type")
}

/// The crate's own texts print values of the message, so they are never passed on; only the names of types and members are.
fn explain(error: &ExecutionError) -> EvaluationError {
    let failed = |message: &str| EvaluationError::Failed(message.to_owned());
    match error {
        ExecutionError::NoSuchKey(name) => EvaluationError::Missing(format!("`{name}`")),
        ExecutionError::NoSuchOverload(overload) if reads_member_of_null(overload) => {
            EvaluationError::Missing("a member of null".to_owned())
        }
        ExecutionError::NoSuchOverload(overload) => EvaluationError::Failed(overload.to_string()),
        ExecutionError::UnexpectedType { got, want } => {
            EvaluationError::Failed(format!("expected {want}, found {got}"))
        }
        ExecutionError::UndeclaredReference(name) => {
            EvaluationError::Failed(format!("unknown name `{name}`"))
        }
        ExecutionError::InvalidArgumentCount { expected, actual } => {
            EvaluationError::Failed(format!("expected {expected} arguments, found {actual}"))
        }
        ExecutionError::FunctionError { function, .. } => {
            EvaluationError::Failed(format!("`{function}` does not take this value"))
        }
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => failed("division by zero"),
        ExecutionError::Overflow(operator, ..) => EvaluationError::Failed(format!("`{operator}` overflows")),
        ExecutionError::IndexOutOfBounds(_) => {
            failed("expected an index inside the list, found one beyond its end")
        }
        ExecutionError::DuplicateKey(_) => failed("expected distinct keys, found one twice"),
        ExecutionError::ValuesNotComparable(..) => {
            failed("expected values of one type, found two that cannot be compared")
        }
        ExecutionError::UnsupportedBinaryOperator(operator, ..) => EvaluationError::Failed(format!(
            "`{operator}` does not take values of these types; int, uint and double do not mix, so convert one with double() or int()"
        )),
        _ => failed("the expression does not take values of these types"),
    }
}
