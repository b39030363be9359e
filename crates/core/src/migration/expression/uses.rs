//! What the tree of an expression reads and names: asked once, when it is compiled.

use std::collections::{BTreeSet, HashMap};

use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue, operators};

/// What an expression reads of a variable.
#[derive(Debug)]
pub(crate) enum Use {
    /// All of it, as far as can be told.
    Whole,
    /// These members, and nothing else.
    Members(BTreeSet<String>),
}

/// What an expression reads of each variable that it names.
pub(super) type Uses = HashMap<String, Use>;

pub(super) fn uses(tree: &IdedExpr) -> Uses {
    let mut uses = Uses::new();
    collect_uses(tree, &mut uses);
    uses
}

fn collect_uses(tree: &IdedExpr, uses: &mut Uses) {
    let mut member = |variable: &IdedExpr, name: &str| {
        let Expr::Ident(variable) = &variable.expr else {
            return false;
        };
        let members = || Use::Members(BTreeSet::new());
        if let Use::Members(names) = uses.entry(variable.clone()).or_insert_with(members) {
            names.insert(name.to_owned());
        }
        true
    };
    match &tree.expr {
        Expr::Ident(variable) => {
            uses.insert(variable.clone(), Use::Whole);
            return;
        }
        Expr::Select(select) if member(&select.operand, &select.field) => return,
        Expr::Call(call) if call.target.is_none() => {
            if let (operators::INDEX | operators::OPT_INDEX | operators::OPT_SELECT, [variable, name]) =
                (call.func_name.as_str(), call.args.as_slice())
                && let Expr::Literal(LiteralValue::String(name)) = &name.expr
                && member(variable, name.inner())
            {
                return;
            }
        }
        _ => {}
    }
    for part in parts(tree) {
        collect_uses(part, uses);
    }
}

/// The depth of the tree.
pub(super) fn depth(tree: &IdedExpr) -> usize {
    1 + parts(tree).into_iter().map(depth).max().unwrap_or(0)
}

/// The trees directly below.
fn parts(tree: &IdedExpr) -> Vec<&IdedExpr> {
    match &tree.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Struct(_) | Expr::Literal(_) => Vec::new(),
        Expr::Select(select) => vec![&select.operand],
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(map) => {
            let mut parts = Vec::new();
            for entry in &map.entries {
                if let EntryExpr::MapEntry(entry) = &entry.expr {
                    parts.extend([&entry.key, &entry.value]);
                }
            }
            parts
        }
        Expr::Comprehension(loops) => vec![
            &loops.iter_range,
            &loops.accu_init,
            &loops.loop_cond,
            &loops.loop_step,
            &loops.result,
        ],
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
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
        Expr::Literal(LiteralValue::String(text)) => {
            names.insert(text.inner().to_owned());
        }
        Expr::Select(select) => {
            names.insert(select.field.clone());
        }
        _ => {}
    }
    for part in parts(tree) {
        collect_names(part, names);
    }
}
