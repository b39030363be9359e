//! Tables of the pages that are made from the program itself, so that they cannot say something else.
//!
//! A page marks the place: `<!-- generated: NAME -->`, the table, `<!-- end of generated -->`. The test compares;
//! `cargo xtask docs --write` runs the same test with `DUNLIN_WRITE_DOCS` set, and it then replaces what differs.
//!
//! Tables of systems show all that can be built in. A command that was built without one of them is not compared.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use dunlin_integration_tests::{root, skipped};
use serde_json::Value;

use super::page::Page;
use crate::desk::Desk;

const BEGIN: &str = "<!-- generated: ";
const END: &str = "<!-- end of generated -->";

/// The system that no default has, so that a command may be without it.
const OPTIONAL: &str = "kafka";

/// All tables by their names. Those of systems are none where the command lacks one of them.
fn tables() -> BTreeMap<&'static str, Option<String>> {
    let desk = Desk::new();
    let systems = json(&desk, "dunlin systems --format json");
    let systems = systems.as_array().expect("a list of systems");
    let complete = systems.iter().any(|system| word(system, "scheme") == OPTIONAL);
    if !complete {
        skipped(&format!(
            "tables of systems in the pages: the command is without {OPTIONAL}"
        ));
    }
    let of_systems = |table: fn(&[Value]) -> String| complete.then(|| table(systems));
    BTreeMap::from([
        ("commands", Some(commands(&desk))),
        ("configuration", Some(dunlin_router::config::markdown_table())),
        ("fidelity", of_systems(fidelity)),
        ("operations", Some(operations())),
        ("settings", of_systems(settings)),
        ("systems", of_systems(system_table)),
    ])
}

fn json(desk: &Desk, command: &str) -> Value {
    let (status, printed) = desk.run(command);
    assert_eq!(status, 0, "{command}: {printed}");
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{command}: {error}: {printed}"))
}

/// The subcommands: a table, and below it the help of each.
fn commands(desk: &Desk) -> String {
    let help = |command: &str| {
        let (status, printed) = desk.run(command);
        assert_eq!(status, 0, "{command}: {printed}");
        printed
    };
    let list = help("dunlin --help");
    let commands = subcommands(&list);
    assert!(commands.len() > 5, "the help must list the commands: {list}");
    let mut text = String::from("| Command | What it does |\n|---|---|\n");
    for (name, what) in &commands {
        let _ = writeln!(text, "| [`{name}`](#dunlin-{name}) | {} |", cell(what.trim()));
    }
    for (name, _) in &commands {
        let shown = help(&format!("dunlin {name} --help"));
        let _ = write!(text, "\n## dunlin {name}\n\n```text\n{}\n```\n", shown.trim_end());
        for (below, _) in subcommands(&shown) {
            let shown = help(&format!("dunlin {name} {below} --help"));
            let _ = write!(
                text,
                "\n### dunlin {name} {below}\n\n```text\n{}\n```\n",
                shown.trim_end()
            );
        }
    }
    text
}

/// The commands that a help lists, each with its first sentence.
fn subcommands(help: &str) -> Vec<(&str, &str)> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .map_while(|line| line.trim().split_once(' '))
        .filter(|(name, _)| *name != "help")
        .collect()
}

/// One row for each system: where it is, what a channel is, what it can do.
fn system_table(systems: &[Value]) -> String {
    let mut text = String::from(
        "| System | Address | A channel is | Can, with its default settings |\n|---|---|---|---|\n",
    );
    for system in systems {
        let capabilities = system["capabilities"].as_object().expect("capabilities by name");
        let can: Vec<String> = capabilities
            .iter()
            .filter_map(|(name, value)| match value {
                Value::Bool(true) => Some(name.clone()),
                Value::String(what) => Some(format!("{name}: {what}")),
                _ => None,
            })
            .collect();
        let _ = writeln!(
            text,
            "| {}, {} | `{}` | {} | {} |",
            cell(word(system, "scheme")),
            cell(word(system, "title")),
            word(system, "example"),
            cell(word(system, "channel")),
            can.join(", "),
        );
    }
    text
}

/// What each system carries of a message: one row for each part, one column for each system.
fn fidelity(systems: &[Value]) -> String {
    let mut text = String::from("| Part |");
    for system in systems {
        let _ = write!(text, " {} |", word(system, "scheme"));
    }
    let _ = write!(text, "\n|---|{}\n", "---|".repeat(systems.len()));
    let rows = |system: &Value| system["carries"].as_array().expect("a row for each part").clone();
    for (row, part) in rows(&systems[0]).iter().enumerate() {
        let _ = write!(text, "| {} |", cell(word(part, "part")));
        for system in systems {
            let way = &rows(system)[row];
            assert_eq!(way["part"], part["part"], "every system has the same rows");
            let _ = write!(text, " {} |", cell(word(way, "words")));
        }
        text.push('\n');
    }
    text
}

/// The settings of each system, and what they change in its capabilities.
fn settings(systems: &[Value]) -> String {
    let mut text = String::new();
    for system in systems {
        let _ = write!(text, "## {}\n\n", word(system, "scheme"));
        for condition in system["conditions"].as_array().into_iter().flatten() {
            let _ = writeln!(text, "- {}", condition.as_str().unwrap_or_default());
        }
        text.push_str("\n| Setting | Default | Meaning |\n|---|---|---|\n");
        for setting in system["settings"].as_array().into_iter().flatten() {
            let _ = writeln!(
                text,
                "| `{}` | {} | {}{} |",
                word(setting, "name"),
                cell(word(setting, "default")),
                cell(word(setting, "meaning")),
                if setting["at_end"] == Value::Bool(false) {
                    " At the system only."
                } else {
                    ""
                },
            );
        }
        text.push('\n');
    }
    text
}

/// One row for each example of the reference: what the operation does, and how well the example can be undone.
fn operations() -> String {
    let page = Page::read(&root().join("docs/reference/operations.md"));
    let source =
        std::fs::read_to_string(root().join("docs/reference/operations.md")).expect("a page can be read");
    let mut text =
        String::from("| Operation | What it does | Undone by | What is lost |\n|---|---|---|---|\n");
    for (name, blocks) in super::examples(&page) {
        let desk = Desk::new();
        super::write_transformation(&desk, &blocks[0].text);
        let (status, printed) = desk.run("dunlin invert example.yaml --format json 2>/dev/null");
        assert_eq!(status, 0, "{name}: {printed}");
        let inverse: Value =
            serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{name}: {error}: {printed}"));
        let undoing = &inverse["undoing"][0];
        let by: Vec<String> = undoing["transformations"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_object)
            .map(|entry| {
                format!(
                    "`{}`",
                    entry
                        .keys()
                        .find(|key| is_operation(key))
                        .map_or("", |key| key.as_str())
                )
            })
            .collect();
        let lost = match undoing["reason"].as_str() {
            Some(reason) => format!("{}: {reason}", word(undoing, "loss")),
            None => word(undoing, "loss").to_owned(),
        };
        let section = source
            .split(&format!("\n### {name}\n"))
            .nth(1)
            .unwrap_or_default();
        let sentence = section.trim_start().lines().next().unwrap_or_default();
        let by = if by.is_empty() {
            "–".to_owned()
        } else {
            by.join(", ")
        };
        let _ = writeln!(
            text,
            "| [`{name}`](#{name}) | {} | {by} | {} |",
            cell(sentence),
            cell(&lost)
        );
    }
    text
}

/// Whether a field of a transformation is the word of an operation: each has an example under its own heading.
fn is_operation(field: &str) -> bool {
    let page = Page::read(&root().join("docs/reference/operations.md"));
    page.blocks.iter().any(|block| block.heading == field)
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// A bar inside a cell would begin the next one.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// The page with every marked table put in anew, but for those that are none: they stay as they are.
///
/// # Errors
/// A name that no table has, or a mark without its end.
fn refreshed(page: &str, tables: &BTreeMap<&str, Option<String>>) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = page;
    while let Some(start) = rest.find(BEGIN) {
        let after = &rest[start + BEGIN.len()..];
        let name = after.split(" -->").next().unwrap_or_default();
        let table = tables
            .get(name)
            .ok_or_else(|| format!("no table is called `{name}`"))?;
        let end = rest
            .find(END)
            .ok_or_else(|| format!("the table `{name}` has no end"))?;
        match table {
            Some(table) => {
                text.push_str(&rest[..start]);
                let _ = write!(text, "{BEGIN}{name} -->\n\n{}\n\n{END}", table.trim());
            }
            None => text.push_str(&rest[..end + END.len()]),
        }
        rest = &rest[end + END.len()..];
    }
    text.push_str(rest);
    Ok(text)
}

#[test]
fn generated_tables_are_up_to_date() {
    let write = std::env::var_os("DUNLIN_WRITE_DOCS").is_some();
    let tables = tables();
    let mut used = 0;
    let mut stale = Vec::new();
    for page in super::pages() {
        let path = root().join(&page.name);
        let text = std::fs::read_to_string(&path).expect("a page can be read");
        used += text.matches(BEGIN).count();
        let fresh = refreshed(&text, &tables).unwrap_or_else(|error| panic!("{}: {error}", page.name));
        if fresh != text && write {
            std::fs::write(&path, fresh).expect("a page can be written");
        } else if fresh != text {
            stale.push(page.name);
        }
    }
    assert!(
        stale.is_empty(),
        "`cargo xtask docs --write` brings these up to date: {stale:?}"
    );
    assert!(used >= tables.len(), "every table stands on some page");
}

#[test]
fn an_edited_table_is_found() {
    let tables = BTreeMap::from([("x", Some("| a |".to_owned())), ("z", None)]);
    let page = "before\n<!-- generated: x -->\n\n| a |\n\n<!-- end of generated -->\nbehind\n";
    assert_eq!(refreshed(page, &tables).as_deref(), Ok(page));
    let edited = page.replace("| a |", "| b |");
    assert_eq!(
        refreshed(&edited, &tables).as_deref(),
        Ok(page),
        "so that it differs from what is there"
    );
    let kept = "<!-- generated: z -->\n| c |\n<!-- end of generated -->\n";
    assert_eq!(
        refreshed(kept, &tables).as_deref(),
        Ok(kept),
        "what cannot be made here stays"
    );
    assert!(refreshed("<!-- generated: y --><!-- end of generated -->", &tables).is_err());
    assert!(refreshed("<!-- generated: x -->", &tables).is_err());
}
