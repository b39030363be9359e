//! Rewrites the tree of an expression, so that it is paid for and the same everywhere.
//!
//! The language has no loops but comprehensions, so the cost of an evaluation is the number of elements visited and the size
//! of what is read and made. Each comprehension's range goes through [`VISIT`], which charges its length and brings it in order; each
//! element that a comprehension makes through [`CHARGE`], which charges its size; functions whose result can be larger than
//! what they are given, and equality, are replaced by their twins; and what `+`, comparisons and all other functions are given
//! goes through [`WEIGH`] and its kin, which charge its size beyond that of a scalar.

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, operators};

use super::budget::BUDGET;
use super::functions::{
    CHARGE, CONTAINED, EQUAL, JOIN, MATCHES, RANGE, REPLACE, UNEQUAL, VISIT, WEIGH, WEIGH_SPLIT,
    WEIGH_SQUARE, WEIGH_TEXT,
};
use super::guard::{FUNCTIONS, NAMESPACES};

/// Rewrites a tree in place.
pub(super) fn rewrite(tree: &mut IdedExpr) {
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
            weigh_arguments(call);
            let twin = match (call.func_name.as_str(), call.target.is_some(), call.args.len()) {
                (operators::EQUALS, false, 2) => EQUAL,
                (operators::NOT_EQUALS, false, 2) => UNEQUAL,
                (operators::IN, false, 2) => CONTAINED,
                ("replace", true, 2 | 3) => REPLACE,
                ("join", true, 0 | 1) => JOIN,
                ("matches", true, 1) | ("matches", false, 2) => MATCHES,
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

/// Charges what a function is given, where its work grows with that.
fn weigh_arguments(call: &mut CallExpr) {
    let weight = match call.func_name.as_str() {
        // What a comprehension has made so far has been charged.
        operators::ADD if call.args.first().is_some_and(is_accumulator) => return,
        operators::ADD => WEIGH,
        operators::LESS
        | operators::LESS_EQUALS
        | operators::GREATER
        | operators::GREATER_EQUALS
        | "size" => WEIGH_TEXT,
        "split" => WEIGH_SPLIT,
        "distinct" => WEIGH_SQUARE,
        // The twins of these charge for themselves, and these only pass on what they are given.
        "replace" | "join" | "range" | "dyn" | "type" | "of" | "ofNonZeroValue" | "none" | "or"
        | "orValue" | "value" | "hasValue" | "first" | "last" => return,
        "@sortByAssociatedKeys" => WEIGH,
        name if FUNCTIONS.contains(&name) => WEIGH,
        _ => return,
    };
    let namespace =
        |part: &IdedExpr| matches!(&part.expr, Expr::Ident(name) if NAMESPACES.contains(&name.as_str()));
    for part in call.target.as_deref_mut().into_iter().chain(&mut call.args) {
        if !namespace(part) {
            wrap(part, weight);
        }
    }
}

fn is_accumulator(tree: &IdedExpr) -> bool {
    matches!(&tree.expr, Expr::Ident(name) if name.starts_with('@'))
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
