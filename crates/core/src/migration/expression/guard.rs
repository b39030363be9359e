//! What is refused before anything is evaluated: texts that are too long or nest too deep, and names that nobody knows.

use cel::Env;
use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, operators};

use super::rewrite::rewrite;
use super::syntax::in_words;
use super::{CompileError, MAX_LENGTH, MAX_NESTING, VARIABLES};

/// The deepest tree: a chain of 4 KiB such as `1+1+1…` nests one level for each operator, and is evaluated recursively.
const MAX_TREE_DEPTH: usize = 200;

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
                message: in_words(&error.msg),
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
                let namespace = NAMESPACES.contains(&name.as_str());
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

/// Names before a dot that are no variables.
pub(super) const NAMESPACES: [&str; 4] = ["math", "lists", "strings", "optional"];

/// Every function that an expression can call. The list is part of the format: it may grow, and nothing in it may change.
/// Macros (`has`, `all`, `exists`, `exists_one`, `map`, `filter`, `optMap`, `optFlatMap`, `sortBy`, `math.least`,
/// `math.greatest`) are expanded before it is asked.
pub const FUNCTIONS: &[&str] = &[
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
