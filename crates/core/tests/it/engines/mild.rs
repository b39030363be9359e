//! Documents and chains that mostly go well, so that what is fused stays fused: the hostile ones of the laws are handed to the
//! interpreter too early to show what the pass does at its end.
//!
//! A name has one type in all documents, nearly always, and operations fit it. So chains can be long, and meet the results of
//! their own operations again and again.

use std::fmt::Write as _;

use crate::laws::chance::Chance;

/// Names of texts, numbers, objects and lists of objects.
const TEXTS: [&str; 5] = ["s1", "s2", "s3", "a_text", "s"];
const NUMBERS: [&str; 4] = ["n1", "n2", "n3", "id"];
const OBJECTS: [&str; 3] = ["o1", "o2", "o3"];
const LISTS: [&str; 2] = ["l1", "l2"];
/// Names that operations make.
const FRESH: [&str; 6] = ["f1", "f2", "f3", "s1", "n2", "o3"];

/// A document of these names.
pub(super) fn document(chance: &mut Chance) -> String {
    let spaced = chance.percent(15);
    // A document out of the ordinary is handed over, so most are ordinary.
    let odd = chance.percent(12);
    let mut text = String::new();
    object(chance, 2, spaced, odd, &mut text);
    text
}

fn object(chance: &mut Chance, depth: usize, spaced: bool, odd: bool, out: &mut String) {
    let mut names: Vec<&str> = TEXTS.into_iter().chain(NUMBERS).chain(["u1", "u2"]).collect();
    if depth > 0 {
        names.extend(OBJECTS.into_iter().chain(LISTS));
    }
    names.retain(|_| chance.percent(55));
    // The same order most of the time, as a program writes its messages.
    if chance.percent(30) {
        for last in (1..names.len()).rev() {
            names.swap(last, chance.below(last + 1));
        }
    }
    if odd && chance.percent(20) && !names.is_empty() {
        let again = names[chance.below(names.len())];
        names.push(again);
    }
    let gap = |out: &mut String| {
        if spaced {
            out.push_str("\n  ");
        }
    };
    out.push('{');
    for (index, name) in names.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        gap(out);
        if odd && chance.percent(6) {
            // The first letter as an escape: the same name, spelled in another way.
            let _ = write!(out, "\"\\u{:04x}{}\"", name.as_bytes()[0], &name[1..]);
        } else {
            let _ = write!(out, "\"{name}\"");
        }
        out.push_str(if spaced { " : " } else { ":" });
        if odd && chance.percent(10) {
            out.push_str(chance.pick(&["null", "true", "[]", "{}", "\"x\"", "7"]));
        } else if LISTS.contains(name) {
            list(chance, depth - 1, spaced, odd, out);
        } else if OBJECTS.contains(name) {
            object(chance, depth - 1, spaced, odd, out);
        } else if NUMBERS.contains(name) {
            out.push_str(chance.pick(&["1", "0", "-7", "12.50", "1E3", "123456789012345678901234567890"]));
        } else if TEXTS.contains(name) {
            out.push_str(chance.pick(&[
                "\"\"",
                "\"x\"",
                "\"12\"",
                "\"1.5\"",
                "\"new\"",
                "\"a \\\"quoted\\\" text that is longer than a vector, é\"",
                "\"\\u00e9\\n\"",
                "\"+5\"",
            ]));
        } else {
            out.push_str(chance.pick(&[
                "null",
                "false",
                "[1,[2,{\"s1\":3}]]",
                "\"u\"",
                "{\"s1\":{\"n1\":[]}}",
                "-0.0e1",
            ]));
        }
    }
    gap(out);
    out.push('}');
}

fn list(chance: &mut Chance, depth: usize, spaced: bool, odd: bool, out: &mut String) {
    out.push('[');
    for index in 0..chance.below(4) {
        if index > 0 {
            out.push_str(if spaced { " ,\t" } else { "," });
        }
        object(chance, depth, spaced, odd, out);
    }
    out.push(']');
}

/// Up to twenty transformations, as a transformation file.
pub(super) fn chain(chance: &mut Chance) -> String {
    let most = if chance.percent(50) { 4 } else { 20 };
    let operations: Vec<String> = (0..1 + chance.below(most)).map(|_| operation(chance)).collect();
    format!("{{\"transformations\":[{}]}}", operations.join(","))
}

/// A path to an object: the names and stars before a member's name.
fn parent(chance: &mut Chance) -> String {
    let mut path = String::new();
    for _ in 0..chance.below(3) {
        if chance.percent(50) {
            let _ = write!(path, "{}.", chance.pick(&OBJECTS));
        } else {
            let _ = write!(path, "{}[*].", chance.pick(&LISTS));
        }
    }
    path
}

fn operation(chance: &mut Chance) -> String {
    let parent = parent(chance);
    let join = |parent: &str, name: &str| format!("{parent}{name}");
    let all: Vec<&str> = TEXTS
        .into_iter()
        .chain(NUMBERS)
        .chain(OBJECTS)
        .chain(LISTS)
        .chain(FRESH)
        .collect();
    let any = *chance.pick(&all.iter().collect::<Vec<_>>());
    let conflict = if chance.percent(60) {
        format!(
            ",\"on_conflict\":\"{}\"",
            chance.pick(&["replace", "keep_target", "keep_target"])
        )
    } else {
        String::new()
    };
    if chance.percent(7) {
        return anywhere(chance);
    }
    let mut text = match chance.below(14) {
        0 | 1 => {
            let to = chance.pick(&FRESH);
            format!(
                "{{\"rename\":\"{}\",\"to\":\"{to}\"{conflict}",
                join(&parent, any)
            )
        }
        2 => format!("{{\"remove\":\"{}\"", join(&parent, any)),
        3 => {
            let value = chance.pick(&["1", "\"x\"", "null", "{\"s1\":\"x\",\"o1\":{}}", "[{\"n1\":1}]"]);
            let replace = if chance.percent(30) {
                ",\"if_present\":\"replace\""
            } else {
                ""
            };
            let name = chance.pick(&FRESH);
            format!("{{\"add\":\"{parent}{name}\",\"value\":{value}{replace}")
        }
        4 => {
            let value = chance.pick(&["2", "\"y\"", "null", "{\"s2\":[]}"]);
            format!("{{\"modify\":\"{}\",\"value\":{value}", join(&parent, any))
        }
        5 | 6 => {
            // Into the same object, or a nearer one: a value never leaves its element.
            let operation = if chance.percent(70) { "move" } else { "copy" };
            let until = parent.rfind("[*].").map_or(0, |at| at + 4);
            let near = if chance.percent(50) {
                &parent[..until]
            } else {
                parent.as_str()
            };
            let inner = if chance.percent(30) {
                format!("{}.", chance.pick(&OBJECTS))
            } else {
                String::new()
            };
            let to = chance.pick(&FRESH);
            format!(
                "{{\"{operation}\":\"{}\",\"to\":\"{near}{inner}{to}\"{conflict}",
                join(&parent, any)
            )
        }
        7 => format!(
            "{{\"cast\":\"{}\",\"to\":\"string\"",
            join(&parent, chance.pick(&NUMBERS))
        ),
        8 => format!(
            "{{\"cast\":\"{}\",\"to\":\"{}\",\"on_error\":\"keep\"",
            join(&parent, chance.pick(&TEXTS)),
            chance.pick(&["number", "integer"])
        ),
        9 => format!(
            "{{\"translate\":\"{}\",\"values\":[[\"x\",\"ex\"],[\"new\",1],[1,\"one\"]]",
            join(&parent, any)
        ),
        10 => {
            let shape = chance.pick(&[
                "\"wrap\":\"{}\"",
                "\"wrap\":\"{}\",\"in\":\"s1\"",
                "\"text\":\"{}\",\"do\":[\"upper\"]",
                "\"encode\":\"{}\",\"to\":\"json\"",
                "\"hash\":\"{}\",\"with\":\"sha256\"",
            ]);
            format!("{{{}", shape.replace("{}", &join(&parent, chance.pick(&TEXTS))))
        }
        11 => {
            let shape = chance.pick(&[
                "\"add\":\"@headers.kind\",\"value\":\"y\"",
                "\"remove\":\"@headers.kind\"",
                "\"compute\":\"@headers.n\",\"as\":\"string(payload.?n1.orValue(7))\"",
                "\"compute\":\"f1\",\"as\":\"payload.?n1.orValue(7)\"",
                "\"compute\":\"o1.f2\",\"as\":\"payload.?s1.orValue('none') + headers.?kind.orValue('-')\"",
                "\"compute\":\"n2\",\"as\":\"this\"",
                "\"drop\":\"odd\",\"when\":\"payload.?n1.orValue(1) == 0\"",
                "\"split\":\"s1\",\"on\":\"x\",\"into\":[\"f1\",\"f2\"]",
                "\"join\":[\"s1\",\"s2\"],\"into\":\"f3\",\"with\":\"-\"",
                "\"compute\":\"l1[*].f1\",\"as\":\"string(index) + headers.?kind.orValue('-')\"",
            ]);
            format!("{{{shape}")
        }
        12 => format!(
            "{{\"pick\":\"{}\",\"members\":[\"s1\",\"n1\",\"l1\",\"f1\"]",
            join(&parent, chance.pick(&OBJECTS))
        ),
        _ => {
            let shape = chance.pick(&[
                "\"nest\":[\"{p}s1\",\"{p}n1\"],\"into\":\"f2\"",
                "\"unnest\":\"{p}o1\"",
                "\"multiply\":\"{p}n1\",\"by\":\"0.5\"",
                "\"compute\":\"{p}f3\",\"as\":\"'c'\"",
            ]);
            format!("{{{}", shape.replace("{p}", &parent))
        }
    };
    if chance.percent(50) {
        text.push_str(",\"on_mismatch\":\"skip\"");
    }
    if chance.percent(12) {
        let condition = chance.pick(&[
            "{\"s1\":{\"exists\":true}}",
            "{\"n1\":1}",
            "{\".\":{\"is\":\"string\"}}",
            "{\"f1\":{\"exists\":false}}",
            "{\"s2\":[\"x\",\"new\"]}",
            "{\"o1.n1\":{\"is\":\"number\"}}",
            "{\"@headers.kind\":\"x\"}",
        ]);
        let _ = write!(text, ",\"where\":{condition}");
    }
    if chance.percent(10) {
        let condition = chance.pick(&[
            "payload.s1 == 'x'",
            "has(payload.n1)",
            "payload.?f1.hasValue()",
            "payload.?n1.orValue(0) == 1",
            "payload.id > 0",
            "headers['kind'] == 'x'",
            "has(payload.o1) && has(payload.o1.s1)",
        ]);
        let _ = write!(text, ",\"when\":\"{condition}\"");
    }
    text.push('}');
    text
}

/// An operation on a name at any depth.
fn anywhere(chance: &mut Chance) -> String {
    let where_string = ",\"where\":{\".\":{\"is\":\"string\"}}";
    match chance.below(5) {
        0 => format!(
            "{{\"remove\":\"**.{}\"}}",
            chance.pick(&["s1", "n1", "o2", "*_text", "u*", "f1"])
        ),
        1 => format!(
            "{{\"rename\":\"**.{}\",\"to\":\"{}\"}}",
            chance.pick(&["s1", "n3", "o1"]),
            chance.pick(&["f1", "f2", "s3"])
        ),
        2 => format!(
            "{{\"cast\":\"**.{}\",\"to\":\"string\"}}",
            chance.pick(&["n1", "n*", "id"])
        ),
        3 => format!(
            "{{\"text\":\"**.{}\",\"do\":[\"upper\"]{where_string}}}",
            chance.pick(&["s1", "s*", "f2"])
        ),
        _ => format!(
            "{{\"translate\":\"**.{}\",\"values\":[[\"x\",1],[1,\"x\"]],\"on_mismatch\":\"skip\"}}",
            chance.pick(&["s1", "n1", "f1"])
        ),
    }
}
