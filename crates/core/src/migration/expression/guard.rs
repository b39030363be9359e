//! What keeps an expression total, bounded and deterministic.
//!
//! The language has no loops but comprehensions, so the cost of an evaluation is the number of elements visited and the size
//! of what is made. After parsing, the tree is rewritten: each comprehension's range goes through [`VISIT`], which charges its
//! length; each element that a comprehension makes through [`CHARGE`], which charges its size; functions whose result can be
//! larger than what they are given are replaced by twins that charge before they allocate; and equality is replaced by one
//! that knows the documents' own objects. The names begin with `@`, which the grammar allows nobody to write.

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};
use cel::common::types::{self, CelBool, CelInt, CelList, CelString, Type};
use cel::common::value::{CowVal, StaticVal, Val};
use cel::{Env, ExecutionError, extensions};

use super::values;
use super::{CompileError, MAX_LENGTH, MAX_NESTING, VARIABLES};

/// The variable that carries the budget.
pub(super) const BUDGET: &str = "@budget";
const VISIT: &str = "@visit";
const CHARGE: &str = "@charge";
const EQUAL: &str = "@equal";
const UNEQUAL: &str = "@unequal";
const CONTAINED: &str = "@contained";
const REPLACE: &str = "@replace";
const JOIN: &str = "@join";
const RANGE: &str = "@range";

/// The deepest tree: a chain of 4 KiB such as `1+1+1…` nests one level for each operator, and is evaluated recursively.
const MAX_TREE_DEPTH: usize = 200;
/// Bytes that cost as much as one element.
const BYTES_PER_UNIT: u64 = 16;

/// What is left to spend in one evaluation. A clone spends from the same purse.
#[derive(Debug, Clone)]
pub(super) struct Budget(Arc<Purse>);

#[derive(Debug)]
struct Purse {
    left: AtomicU64,
    spent: AtomicBool,
    invalid_text: AtomicBool,
}

impl Budget {
    pub(super) fn new(units: u64) -> Self {
        Self(Arc::new(Purse {
            left: AtomicU64::new(units),
            spent: AtomicBool::new(false),
            invalid_text: AtomicBool::new(false),
        }))
    }

    pub(super) fn is_spent(&self) -> bool {
        self.0.spent.load(Ordering::Relaxed)
    }

    pub(super) fn met_invalid_text(&self) -> bool {
        self.0.invalid_text.load(Ordering::Relaxed)
    }

    fn charge(&self, units: u64) -> Result<(), ExecutionError> {
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

    fn charge_bytes(&self, bytes: usize) -> Result<(), ExecutionError> {
        self.charge(bytes as u64 / BYTES_PER_UNIT)
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

/// Refuses, before the recursive parser sees it, what is too long or nests too deep.
pub(super) fn check_text(text: &str) -> Result<(), CompileError> {
    if text.len() > MAX_LENGTH {
        return Err(CompileError {
            message: format!(
                "expected an expression of at most {MAX_LENGTH} bytes, found {}",
                text.len()
            ),
            offset: None,
        });
    }
    let too_deep = |offset: usize| CompileError {
        message: format!("expected at most {MAX_NESTING} levels of nesting"),
        offset: Some(offset),
    };
    let bytes = text.as_bytes();
    let (mut open, mut unary, mut conditions, mut at) = (0_usize, 0_usize, 0_usize, 0_usize);
    while at < bytes.len() {
        match bytes[at] {
            b'(' | b'[' | b'{' => open += 1,
            b')' | b']' | b'}' => open = open.saturating_sub(1),
            b'!' | b'-' => unary += 1,
            // Two letters of the optional syntax look like a condition and nest nothing: `.?` and `[?`.
            b'?' if at == 0 || !matches!(bytes[at - 1], b'.' | b'[') => conditions += 1,
            b'"' | b'\'' => at = end_of_string(bytes, at),
            _ => {}
        }
        if !matches!(bytes.get(at), Some(b'!' | b'-' | b' ' | b'\t' | b'\n')) {
            unary = 0;
        }
        if open > MAX_NESTING || unary > MAX_NESTING || conditions > MAX_NESTING {
            return Err(too_deep(at));
        }
        at += 1;
    }
    Ok(())
}

/// The place of the quote that ends the string beginning at `start`, or the end of the text. Raw strings (`r"…"`) have no escapes.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let quote = bytes[start];
    let raw = start > 0 && matches!(bytes[start - 1], b'r' | b'R');
    let triple = bytes[start..].starts_with(&[quote; 3]);
    let mut at = start + if triple { 3 } else { 1 };
    while at < bytes.len() {
        if bytes[at] == b'\\' && !raw {
            at += 1;
        } else if bytes[at] == quote && (!triple || bytes[at..].starts_with(&[quote; 3])) {
            return at + if triple { 2 } else { 0 };
        }
        at += 1;
    }
    bytes.len()
}

/// Parses, checks the names, and rewrites the tree.
pub(super) fn compile(env: &Env, text: &str) -> Result<IdedExpr, Vec<CompileError>> {
    let program = env.compile(text).map_err(|errors| {
        let mut found: Vec<_> = errors
            .errors
            .iter()
            .map(|error| CompileError {
                message: format!("expected a CEL expression: {}", error.msg.replace('\n', " ")),
                offset: offset(text, error.pos),
            })
            .collect();
        found.sort_by_key(|error| error.offset);
        found
    })?;
    let mut tree = program.expression().clone();
    let mut findings = Vec::new();
    let info = program.source_info();
    let mut checker = Checker {
        env,
        info,
        findings: &mut findings,
        local: Vec::new(),
    };
    checker.check(&tree, 0);
    if findings.is_empty() {
        rewrite(&mut tree);
        Ok(tree)
    } else {
        Err(findings)
    }
}

fn offset(text: &str, (line, column): (isize, isize)) -> Option<usize> {
    let line = usize::try_from(line).ok()?.checked_sub(1)?;
    let column = usize::try_from(column).ok()?.saturating_sub(1);
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    Some((start + column).min(text.len()))
}

struct Checker<'a> {
    env: &'a Env,
    info: &'a cel::common::ast::SourceInfo,
    findings: &'a mut Vec<CompileError>,
    local: Vec<String>,
}

impl Checker<'_> {
    fn find(&mut self, at: &IdedExpr, message: String) {
        let offset = self.info.offset_for(at.id).map(|(start, _)| start as usize);
        self.findings.push(CompileError { message, offset });
    }

    fn check(&mut self, at: &IdedExpr, depth: usize) {
        if depth > MAX_TREE_DEPTH {
            if self.findings.is_empty() {
                self.find(
                    at,
                    format!("expected at most {MAX_TREE_DEPTH} operators in a chain"),
                );
            }
            return;
        }
        let below = depth + 1;
        match &at.expr {
            Expr::Unspecified | Expr::Literal(_) => {}
            Expr::Ident(name) => {
                let namespace = ["math", "lists", "strings", "optional"].contains(&name.as_str());
                let built_in = self.env.types().find_type(name).is_some();
                if !VARIABLES.contains(&name.as_str())
                    && !self.local.contains(name)
                    && !namespace
                    && !built_in
                {
                    let nearest = nearest(name);
                    self.find(
                        at,
                        format!(
                            "expected a variable ({}), found `{name}`{nearest}",
                            VARIABLES.join(", ")
                        ),
                    );
                }
            }
            Expr::Call(call) => {
                if !self.knows(call) {
                    self.find(at, format!("unknown function `{}`", call.func_name));
                }
                for part in call.target.as_deref().into_iter().chain(&call.args) {
                    self.check(part, below);
                }
            }
            Expr::Select(select) => self.check(&select.operand, below),
            Expr::List(list) => list
                .elements
                .iter()
                .for_each(|element| self.check(element, below)),
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.check(&entry.key, below);
                        self.check(&entry.value, below);
                    }
                }
            }
            Expr::Struct(message) => self.find(
                at,
                format!("messages cannot be made here, found `{}`", message.type_name),
            ),
            Expr::Comprehension(loops) => {
                self.check(&loops.iter_range, below);
                self.check(&loops.accu_init, below);
                let before = self.local.len();
                self.local.push(loops.iter_var.clone());
                self.local.extend(loops.iter_var2.clone());
                self.local.push(loops.accu_var.clone());
                self.check(&loops.loop_cond, below);
                self.check(&loops.loop_step, below);
                self.check(&loops.result, below);
                self.local.truncate(before);
            }
        }
    }

    fn knows(&self, call: &CallExpr) -> bool {
        let name = call.func_name.as_str();
        let operator = [
            operators::CONDITIONAL,
            operators::LOGICAL_AND,
            operators::LOGICAL_OR,
            operators::LOGICAL_NOT,
            operators::SUBSTRACT,
            operators::ADD,
            operators::MULTIPLY,
            operators::DIVIDE,
            operators::MODULO,
            operators::EQUALS,
            operators::NOT_EQUALS,
            operators::GREATER_EQUALS,
            operators::LESS_EQUALS,
            operators::GREATER,
            operators::LESS,
            operators::NEGATE,
            operators::INDEX,
            operators::OPT_INDEX,
            operators::OPT_SELECT,
            operators::NOT_STRICTLY_FALSE,
            operators::IN,
        ]
        .contains(&name);
        operator || FUNCTIONS.contains(&name)
    }
}

/// Every function that an expression can call. The list is part of the format: it may grow, and nothing in it may change.
/// Macros (`has`, `all`, `exists`, `exists_one`, `map`, `filter`, `optMap`, `optFlatMap`, `sortBy`, `math.least`,
/// `math.greatest`) are expanded before it is asked.
pub(super) const FUNCTIONS: &[&str] = &[
    "abs",
    "bitAnd",
    "bitNot",
    "bitOr",
    "bitShiftLeft",
    "bitShiftRight",
    "bitXor",
    "bool",
    "bytes",
    "ceil",
    "charAt",
    "contains",
    "distinct",
    "double",
    "duration",
    "dyn",
    "endsWith",
    "flatten",
    "floor",
    "format",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
    "hasValue",
    "indexOf",
    "int",
    "isFinite",
    "isInf",
    "isNaN",
    "join",
    "lastIndexOf",
    "lowerAscii",
    "matches",
    "math.@max",
    "math.@min",
    "none",
    "of",
    "ofNonZeroValue",
    "or",
    "orValue",
    "quote",
    "range",
    "replace",
    "reverse",
    "round",
    "sign",
    "size",
    "slice",
    "sort",
    "split",
    "sqrt",
    "startsWith",
    "string",
    "substring",
    "timestamp",
    "trim",
    "trunc",
    "type",
    "uint",
    "upperAscii",
    "value",
    "first",
    "last",
    "@sortByAssociatedKeys",
];

fn nearest(name: &str) -> String {
    VARIABLES
        .iter()
        .map(|known| (strsim::damerau_levenshtein(known, name), known))
        .min()
        .filter(|(distance, known)| *distance <= known.len() / 2)
        .map_or_else(String::new, |(_, known)| format!("; did you mean `{known}`?"))
}

/// Whether the value may be an array or an object.
pub(super) fn may_make_container(tree: &IdedExpr) -> bool {
    match &tree.expr {
        Expr::Literal(_) => false,
        Expr::Unspecified | Expr::Ident(_) | Expr::List(_) | Expr::Map(_) | Expr::Struct(_) => true,
        Expr::Select(select) => !select.test,
        Expr::Comprehension(loops) => may_make_container(&loops.accu_init),
        Expr::Call(call) => match call.func_name.as_str() {
            operators::CONDITIONAL => call.args.iter().skip(1).any(may_make_container),
            operators::ADD => call.args.iter().all(may_make_container),
            operators::INDEX | operators::OPT_INDEX | operators::OPT_SELECT => true,
            "orValue"
            | "or"
            | "value"
            | "of"
            | "ofNonZeroValue"
            | "dyn"
            | "split"
            | "flatten"
            | "reverse"
            | "sort"
            | "distinct"
            | "slice"
            | "first"
            | "last"
            | "math.@max"
            | "math.@min"
            | RANGE
            | "@sortByAssociatedKeys" => true,
            _ => false,
        },
    }
}

/// The names of members that stand in the text: those behind a dot, and all literal strings.
pub(super) fn written_names(tree: &IdedExpr) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    collect_names(tree, &mut names);
    names
}

fn collect_names(tree: &IdedExpr, names: &mut BTreeSet<String>) {
    match &tree.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Struct(_) => {}
        Expr::Literal(LiteralValue::String(text)) => {
            names.insert(text.inner().to_owned());
        }
        Expr::Literal(_) => {}
        Expr::Select(select) => {
            names.insert(select.field.clone());
            collect_names(&select.operand, names);
        }
        Expr::List(list) => list.elements.iter().for_each(|part| collect_names(part, names)),
        Expr::Map(map) => {
            for entry in &map.entries {
                if let EntryExpr::MapEntry(entry) = &entry.expr {
                    collect_names(&entry.key, names);
                    collect_names(&entry.value, names);
                }
            }
        }
        Expr::Comprehension(loops) => {
            for part in [
                &loops.iter_range,
                &loops.accu_init,
                &loops.loop_cond,
                &loops.loop_step,
                &loops.result,
            ] {
                collect_names(part, names);
            }
        }
        Expr::Call(call) => {
            for part in call.target.as_deref().into_iter().chain(&call.args) {
                collect_names(part, names);
            }
        }
    }
}

fn rewrite(tree: &mut IdedExpr) {
    match &mut tree.expr {
        Expr::Unspecified | Expr::Literal(_) | Expr::Ident(_) | Expr::Struct(_) => {}
        Expr::Select(select) => rewrite(&mut select.operand),
        Expr::List(list) => list.elements.iter_mut().for_each(rewrite),
        Expr::Map(map) => {
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    rewrite(&mut entry.key);
                    rewrite(&mut entry.value);
                }
            }
        }
        Expr::Comprehension(loops) => {
            for part in [
                &mut loops.iter_range,
                &mut loops.accu_init,
                &mut loops.loop_cond,
                &mut loops.loop_step,
                &mut loops.result,
            ] {
                rewrite(part);
            }
            wrap(&mut loops.iter_range, VISIT);
            charge_appended(&mut loops.loop_step);
        }
        Expr::Call(call) => {
            call.target.iter_mut().for_each(|target| rewrite(target));
            call.args.iter_mut().for_each(rewrite);
            let twin = match (call.func_name.as_str(), call.target.is_some(), call.args.len()) {
                (operators::EQUALS, false, 2) => EQUAL,
                (operators::NOT_EQUALS, false, 2) => UNEQUAL,
                (operators::IN, false, 2) => CONTAINED,
                ("replace", true, 2 | 3) => REPLACE,
                ("join", true, 0 | 1) => JOIN,
                ("range", true, 1) => {
                    call.target = None;
                    RANGE
                }
                _ => return,
            };
            twin.clone_into(&mut call.func_name);
            if let Some(target) = call.target.take() {
                call.args.insert(0, *target);
            }
            call.args.push(budget());
        }
    }
}

/// A comprehension that makes a list appends `[element]` to what it has: the element is charged.
fn charge_appended(step: &mut IdedExpr) {
    let Expr::Call(call) = &mut step.expr else { return };
    match call.func_name.as_str() {
        operators::ADD => {
            for part in &mut call.args {
                if let Expr::List(list) = &mut part.expr {
                    list.elements.iter_mut().for_each(|element| wrap(element, CHARGE));
                }
            }
        }
        operators::CONDITIONAL => call.args.iter_mut().skip(1).for_each(charge_appended),
        _ => {}
    }
}

fn wrap(tree: &mut IdedExpr, function: &str) {
    let inner = std::mem::take(tree);
    tree.id = inner.id;
    tree.expr = Expr::Call(CallExpr {
        func_name: function.to_owned(),
        target: None,
        args: vec![inner, budget()],
    });
}

fn budget() -> IdedExpr {
    IdedExpr {
        id: 0,
        expr: Expr::Ident(BUDGET.to_owned()),
    }
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
        budget.0.invalid_text.store(true, Ordering::Relaxed);
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
