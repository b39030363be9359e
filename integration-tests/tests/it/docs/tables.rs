//! Tables of the pages that are made from the program itself, so that they cannot say something else.
//!
//! A page marks the place: `<!-- generated: NAME -->`, the table, `<!-- end of generated -->`. The test compares;
//! `cargo xtask docs --write` runs the same test with `DUNLIN_WRITE_DOCS` set, and it then replaces what differs.

use std::collections::BTreeMap;

use dunlin_integration_tests::root;

const BEGIN: &str = "<!-- generated: ";
const END: &str = "<!-- end of generated -->";

/// All tables by their names.
fn tables() -> BTreeMap<&'static str, String> {
    BTreeMap::from([("configuration", dunlin_router::config::markdown_table())])
}

/// The page with every marked table put in anew.
///
/// # Errors
/// A name that no table has, or a mark without its end.
fn refreshed(page: &str, tables: &BTreeMap<&str, String>) -> Result<String, String> {
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
        text.push_str(&rest[..start]);
        text.push_str(&format!("{BEGIN}{name} -->\n\n{}\n\n{END}", table.trim()));
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
    let tables = BTreeMap::from([("x", "| a |".to_owned())]);
    let page = "before\n<!-- generated: x -->\n\n| a |\n\n<!-- end of generated -->\nbehind\n";
    assert_eq!(refreshed(page, &tables).as_deref(), Ok(page));
    let edited = page.replace("| a |", "| b |");
    assert_eq!(
        refreshed(&edited, &tables).as_deref(),
        Ok(page),
        "so that it differs from what is there"
    );
    assert!(refreshed("<!-- generated: y --><!-- end of generated -->", &tables).is_err());
    assert!(refreshed("<!-- generated: x -->", &tables).is_err());
}
