//! The environment of expressions, and the functions that stand in for those of the language.
//!
//! Each charges before it allocates, knows the documents' own objects, or brings an order where the language has none. Their
//! names begin with `@`, which the grammar allows nobody to write; [`rewrite`](super::rewrite) puts them in.

use cel::common::ast::operators;
use cel::common::types::{self, CelBool, CelInt, CelList, CelString};
use cel::common::value::{CowVal, Val};
use cel::{Env, ExecutionError, extensions};

use super::budget::Budget;
use super::values;

pub(super) const VISIT: &str = "@visit";
pub(super) const CHARGE: &str = "@charge";
pub(super) const EQUAL: &str = "@equal";
pub(super) const UNEQUAL: &str = "@unequal";
pub(super) const CONTAINED: &str = "@contained";
pub(super) const REPLACE: &str = "@replace";
pub(super) const JOIN: &str = "@join";
pub(super) const RANGE: &str = "@range";

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

fn equal<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    compare(arguments, true)
}

fn unequal<'b, 'v>(arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    compare(arguments, false)
}

fn compare<'b, 'v>(mut arguments: Arguments<'b, 'v>, wanted: bool) -> Answer<'b, 'v> {
    let budget = with_budget(&mut arguments)?;
    let (left, right) = (taken(&mut arguments)?, taken(&mut arguments)?);
    let equal = readable(&budget, values::equal(&*left, &*right))?;
    Ok(CowVal::owned(CelBool::from(equal == wanted)))
}

fn contained<'b, 'v>(mut arguments: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let budget = with_budget(&mut arguments)?;
    let (element, container) = (taken(&mut arguments)?, taken(&mut arguments)?);
    let found = if let Some(list) = container.downcast_ref::<CelList<'_>>() {
        budget.charge(list.inner().len() as u64)?;
        let mut found = false;
        for have in list.inner() {
            found = readable(&budget, values::equal(&**have, &*element))?;
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
