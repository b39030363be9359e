//! The environment of expressions, and the functions that stand in for those of the language.
//!
//! Each charges before it allocates, knows the documents' own objects, or brings an order where the language has none. Their
//! names begin with `@`, which the grammar allows nobody to write; [`rewrite`](super::rewrite) puts them in.

use cel::common::ast::operators;
use cel::common::types::{self, CelBool, CelInt, CelList, CelString};
use cel::common::value::{CowVal, Val};
use cel::{Env, ExecutionError, extensions};

use super::budget::{BYTES_PER_UNIT, Budget};
use super::values;

pub(super) const VISIT: &str = "@visit";
pub(super) const CHARGE: &str = "@charge";
pub(super) const EQUAL: &str = "@equal";
pub(super) const UNEQUAL: &str = "@unequal";
pub(super) const CONTAINED: &str = "@contained";
pub(super) const REPLACE: &str = "@replace";
pub(super) const JOIN: &str = "@join";
pub(super) const RANGE: &str = "@range";
pub(super) const MATCHES: &str = "@matches";
pub(super) const WEIGH: &str = "@weigh";
pub(super) const WEIGH_TEXT: &str = "@weigh_text";
pub(super) const WEIGH_SPLIT: &str = "@weigh_split";
pub(super) const WEIGH_SQUARE: &str = "@weigh_square";

/// The standard library with its optional values, and the string, list and math extensions.
pub(super) fn environment() -> Env {
    let mut env = Env::stdlib();
    let any = || types::DYN_TYPE;
    let mut add = |name: &str, arguments: usize, function: cel::common::functions::Function| {
        let types = (0..arguments).map(|_| any()).collect();
        env.add_overload(name, &format!("{name}/{arguments}"), types, function)
    };
    let added = [
        add(VISIT, 2, visit),
        add(CHARGE, 2, charge),
        add(EQUAL, 3, equal),
        add(UNEQUAL, 3, unequal),
        add(CONTAINED, 3, contained),
        add(REPLACE, 4, replace),
        add(REPLACE, 5, replace),
        add(JOIN, 2, join),
        add(JOIN, 3, join),
        add(RANGE, 2, range),
        add(MATCHES, 3, matches),
        add(WEIGH, 2, weigh),
        add(WEIGH_TEXT, 2, weigh_text),
        add(WEIGH_SPLIT, 2, weigh_split),
        add(WEIGH_SQUARE, 2, weigh_square),
    ];
    debug_assert!(
        added.iter().all(Result::is_ok),
        "the names begin with @, so nobody else has them"
    );
    for extension in [extensions::strings, extensions::lists, extensions::math] {
        let extended = env.add_extension(extension);
        debug_assert!(extended.is_ok(), "each extension is added once");
    }
    env
}

type Arguments<'b, 'v> = Vec<CowVal<'b, 'v>>;
type Answer<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

/// Takes the budget off the end of the arguments.
fn with_budget(arguments: &mut Arguments<'_, '_>) -> Result<Budget, ExecutionError> {
    let last = arguments
        .pop()
        .ok_or_else(ExecutionError::missing_argument_or_target)?;
    last.downcast_ref::<Budget>()
        .cloned()
        .ok_or_else(ExecutionError::missing_argument_or_target)
}

fn taken<'b, 'v>(arguments: &mut Arguments<'b, 'v>) -> Answer<'b, 'v> {
    if arguments.is_empty() {
        Err(ExecutionError::missing_argument_or_target())
    } else {
        Ok(arguments.remove(0))
    }
}

fn visit<'b, 'v>(mut arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let budget = with_budget(&mut arguments)?;
    let range = taken(&mut arguments)?;
    let length = range.as_sizer().map_or(0, |sizer| *sizer.size().inner());
    budget.charge(u64::try_from(length).unwrap_or(0).saturating_add(1))?;
    values::in_order(range)
}

fn charge<'b, 'v>(mut arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let budget = with_budget(&mut arguments)?;
    let element = taken(&mut arguments)?;
    budget.charge_bytes(values::size(&*element))?;
    Ok(element)
}

/// Charges a value for a function that walks over it. A scalar is free: it costs what the operator costs.
fn weigh<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    weighed(arguments, |value| {
        (values::size(value) as u64 / BYTES_PER_UNIT).saturating_sub(1)
    })
}

/// As [`weigh`], for a function that walks over texts only.
fn weigh_text<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    weighed(arguments, |value| text_length(value) / BYTES_PER_UNIT)
}

/// As [`weigh_text`], for a function that can make a text of every character.
fn weigh_split<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    const BYTES: u64 = 4;
    weighed(arguments, |value| text_length(value) / BYTES)
}

/// As [`weigh`], for a function that compares each element with each other.
fn weigh_square<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    const PAIRS: u64 = 128;
    weighed(arguments, |value| {
        let length = value
            .downcast_ref::<CelList<'_>>()
            .map_or(0, |list| list.inner().len() as u64);
        let size = values::size(value) as u64 / BYTES_PER_UNIT;
        size.saturating_add(length.saturating_mul(size) / PAIRS)
    })
}

fn text_length(value: &dyn Val) -> u64 {
    value
        .downcast_ref::<CelString<'_>>()
        .map_or(0, |text| text.inner().len() as u64)
}

fn weighed<'b, 'v>(mut arguments: Arguments<'b, 'v>, weight: impl FnOnce(&dyn Val) -> u64) -> Answer<'b, 'v> {
    let budget = with_budget(&mut arguments)?;
    let value = taken(&mut arguments)?;
    budget.charge(weight(&*value))?;
    Ok(value)
}

/// `text.matches(pattern)`.
fn matches<'b, 'v>(mut arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let budget = with_budget(&mut arguments)?;
    let (subject, pattern) = (text(&arguments[0], "matches")?, text(&arguments[1], "matches")?);
    match budget.matches(subject, pattern)? {
        Some(found) => Ok(CowVal::owned(CelBool::from(found))),
        None => Err(ExecutionError::function_error("matches", "no regular expression")),
    }
}

fn equal<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    compare(arguments, true)
}

fn unequal<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    compare(arguments, false)
}

fn compare<'b, 'v>(mut arguments: Arguments<'b, 'v>, wanted: bool) -> Answer<'b, 'v> {
    let budget = with_budget(&mut arguments)?;
    let (left, right) = (taken(&mut arguments)?, taken(&mut arguments)?);
    let equal = readable(&budget, charged_equal(&budget, &*left, &*right))?;
    Ok(CowVal::owned(CelBool::from(equal == wanted)))
}

fn contained<'b, 'v>(mut arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let budget = with_budget(&mut arguments)?;
    let (element, container) = (taken(&mut arguments)?, taken(&mut arguments)?);
    let found = if let Some(list) = container.downcast_ref::<CelList<'_>>() {
        budget.charge(list.inner().len() as u64)?;
        let mut found = false;
        for have in list.inner() {
            found = readable(&budget, charged_equal(&budget, &**have, &*element))?;
            if found {
                break;
            }
        }
        found
    } else {
        let wrong = || {
            ExecutionError::no_such_overload(
                operators::IN,
                vec![values::type_name(&*element), values::type_name(&*container)],
            )
        };
        container
            .as_container()
            .ok_or_else(wrong)?
            .contains(&*element)
            .map_err(|_| wrong())?
    };
    Ok(CowVal::owned(CelBool::from(found)))
}

fn charged_equal(budget: &Budget, left: &dyn Val, right: &dyn Val) -> Option<bool> {
    let mut pairs: u64 = 0;
    values::equal(left, right, &mut |bytes| {
        // Comparing two scalars costs what the operator costs.
        let units = u64::from(pairs > 0) + bytes as u64 / BYTES_PER_UNIT;
        pairs += 1;
        budget.charge(units).is_ok()
    })
}

fn readable<T>(budget: &Budget, answer: Option<T>) -> Result<T, ExecutionError> {
    answer.ok_or_else(|| {
        budget.note_invalid_text();
        ExecutionError::function_error("text", "lone surrogate")
    })
}

fn text<'a>(value: &'a CowVal<'_, '_>, function: &str) -> Result<&'a str, ExecutionError> {
    let wrong = || ExecutionError::no_such_member_overload(function, vec![values::type_name(&**value)]);
    value
        .downcast_ref::<CelString<'_>>()
        .map(|text| text.inner())
        .ok_or_else(wrong)
}

/// `text.replace(old, new)` and `text.replace(old, new, limit)`; a negative limit is none.
fn replace<'b, 'v>(mut arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let budget = with_budget(&mut arguments)?;
    let limit = match arguments.get(3) {
        None => usize::MAX,
        Some(limit) => {
            let wrong =
                || ExecutionError::no_such_member_overload("replace", vec![values::type_name(&**limit)]);
            let limit = *limit.downcast_ref::<CelInt>().ok_or_else(wrong)?.inner();
            usize::try_from(limit).unwrap_or(usize::MAX)
        }
    };
    let (source, old, new) = (
        text(&arguments[0], "replace")?,
        text(&arguments[1], "replace")?,
        text(&arguments[2], "replace")?,
    );
    let matches = source.matches(old).count().min(limit);
    budget.charge_bytes(source.len().saturating_add(matches.saturating_mul(new.len())))?;
    Ok(CowVal::owned(CelString::from(source.replacen(old, new, limit))))
}

/// `list.join()` and `list.join(separator)`.
fn join<'b, 'v>(mut arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let budget = with_budget(&mut arguments)?;
    let separator = arguments
        .get(1)
        .map_or(Ok(""), |separator| text(separator, "join"))?;
    let wrong = || ExecutionError::no_such_member_overload("join", vec![values::type_name(&*arguments[0])]);
    let list = arguments[0]
        .downcast_ref::<CelList<'_>>()
        .ok_or_else(wrong)?
        .inner();
    let mut parts = Vec::with_capacity(list.len());
    for part in list {
        parts.push(
            part.downcast_ref::<CelString<'_>>()
                .map(|text| text.inner())
                .ok_or_else(wrong)?,
        );
    }
    budget.charge(parts.len() as u64)?;
    let bytes: usize = parts.iter().map(|part| part.len()).sum();
    budget.charge_bytes(bytes.saturating_add(separator.len().saturating_mul(parts.len())))?;
    Ok(CowVal::owned(CelString::from(parts.join(separator))))
}

/// `lists.range(n)`: the integers from 0 to n−1.
fn range<'b, 'v>(mut arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let budget = with_budget(&mut arguments)?;
    let wrong = || ExecutionError::no_such_overload("lists.range", vec![values::type_name(&*arguments[0])]);
    let end = *arguments[0].downcast_ref::<CelInt>().ok_or_else(wrong)?.inner();
    let end = u64::try_from(end).map_err(|_| ExecutionError::function_error("lists.range", "negative"))?;
    budget.charge(end)?;
    let list: Vec<Box<dyn Val>> = (0..end)
        .map(|at| Box::new(CelInt::from(at.cast_signed())) as Box<dyn Val>)
        .collect();
    Ok(CowVal::owned(CelList::from(list)))
}
