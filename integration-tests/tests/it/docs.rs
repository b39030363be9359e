//! The README and the book, executed.
//!
//! Each page runs in a fresh copy of the example files, from top to bottom:
//!
//! - A `console` block holds commands, each behind `$ `, and what they print. `[..]` stands for any text within a line,
//!   a line `...` for any number of lines, and `? 1` right below a command for its exit status, which is 0 otherwise.
//! - A block that says `file=NAME` behind its language is written to that file.
//! - Any other `yaml` block is a whole file in which `dunlin check` must find no error; a `yaml fragment` is for the eye.
//! - In the reference of operations a `yaml` block is one transformation, followed by a document `in` and one `out`.
//!
//! Blocks marked `text` are for the eye. `sh` is for the few commands that a test cannot run, because they start the
//! tests; they are listed here, and the continuous integration runs them.

mod page;
mod pattern;
mod tables;

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::desk::Desk;
use crate::pairs::broker::systems;
use crate::pairs::running::block_on;
use dunlin_core::migration::FailureKind;
use dunlin_integration_tests::root;
use dunlin_servers::{Kind as ServerKind, Server, shared};
use page::{Block, Kind, Page};

/// Commands that tests of the pages cannot run: `.ci/run` is or runs each of them, or the tests of the servers do what they do.
const RUN_ELSEWHERE: [&str; 10] = [
    ".ci/run",
    "cargo xtask test",
    "cargo xtask docs",
    "cargo xtask docs --write",
    "cargo xtask servers up",
    "cargo xtask servers status",
    "cargo xtask servers down",
    "eval \"$(cargo xtask servers up)\"",
    "git clone https://example.invalid/dunlin",
    "cd dunlin",
];

/// All pages: the Markdown files at the root and in the book.
fn pages() -> Vec<Page> {
    let mut files: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md"]
        .map(|name| root().join(name))
        .into();
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().expect("the book can be read") {
            let path = entry.expect("the book can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(files.len() > 5, "the walk must have found the book");
    files.iter().map(|file| Page::read(file)).collect()
}

/// Runs the blocks of one page in order and collects what is wrong.
fn follow(page: &Page) -> Vec<String> {
    let mut wrong = Vec::new();
    let desk = Desk::new();
    for block in &page.blocks {
        let place = format!("{}:{}", page.name, block.line);
        match &block.kind {
            Kind::File(name) => {
                desk.write(name, &block.text);
            }
            Kind::Console => {
                for step in block.steps() {
                    let (status, printed) = desk.run(&step.command);
                    if status != step.status || !pattern::matches(&step.output, &printed) {
                        let mut text = format!(
                            "{place}: $ {}\n  status {status}, shown {}",
                            step.command, step.status
                        );
                        let _ = write!(text, "\n--- shown\n{}\n--- printed\n{printed}", step.output);
                        wrong.push(text);
                    }
                }
            }
            Kind::Yaml => {
                let file = desk.write("example.yaml", &block.text);
                let (status, printed) = desk.run("dunlin check --allow-warnings example.yaml");
                if status != 0 {
                    wrong.push(format!("{place}: `dunlin check` ends with {status}\n{printed}"));
                }
                std::fs::remove_file(file).expect("the file was just written");
            }
            Kind::Shell => {
                for line in block.text.lines() {
                    let command = line.split('#').next().unwrap_or_default().trim();
                    if !command.is_empty() && !RUN_ELSEWHERE.contains(&command) {
                        wrong.push(format!("{place}: no test runs `{command}`; use a console block"));
                    }
                }
            }
            Kind::Other(language) => {
                let plain = ["", "text", "rust", "abnf", "toml", "json", "yaml fragment"];
                if !plain.contains(&language.as_str()) {
                    wrong.push(format!(
                        "{place}: no test knows what to do with a `{language}` block"
                    ));
                }
            }
        }
    }
    wrong
}

/// Pages whose blocks are examples of another kind, or need servers; tests of their own run them.
const OTHER_PAGES: [&str; 3] = ["docs/reference/operations.md", "docs/formats.md", BRIDGE];

/// The page that needs RabbitMQ and Kafka.
const BRIDGE: &str = "docs/guide/bridge-two-brokers.md";

#[test]
fn every_command_and_file_of_the_pages_does_what_the_page_shows() {
    let mut commands = 0;
    let mut wrong = Vec::new();
    for page in pages()
        .iter()
        .filter(|page| !OTHER_PAGES.contains(&page.name.as_str()))
    {
        commands += page.blocks.iter().flat_map(Block::steps).count();
        wrong.extend(follow(page));
    }
    println!("{commands} commands of the pages were run");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_bridge_between_two_brokers_is_built_as_its_page_shows() -> anyhow::Result<()> {
    if !["amqp", "kafka"].iter().all(|system| systems().contains(system)) {
        return Ok(());
    }
    let text = std::fs::read_to_string(root().join(BRIDGE))?;
    // The page names the usual ports.
    let at = |kind| block_on(shared(kind)).map(Server::hosts);
    let text = text
        .replace("127.0.0.1:5672", &at(ServerKind::RabbitMq)?)
        .replace("127.0.0.1:9092", &at(ServerKind::Kafka)?);
    let wrong = follow(&Page::parse(BRIDGE, &text));
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    Ok(())
}

#[test]
fn a_page_that_shows_something_else_is_found() {
    let page = Page::parse(
        "sample.md",
        "```console\n$ echo one\none\n$ echo two\nthree\n$ false\n$ false\n? 1\n```\n\n\
         ```yaml\nroutes: 3\n```\n\n```sh\nrm -r .\n```\n\n```python\n1\n```\n\n```text file=a/b.txt\nhello\n```\n\n\
         ```console\n$ cat a/b.txt\nhel[..]\n```\n",
    );
    let wrong = follow(&page);
    let first_lines: Vec<&str> = wrong.iter().filter_map(|text| text.lines().next()).collect();
    assert_eq!(first_lines.len(), 5, "{wrong:#?}");
    assert_eq!(first_lines[0], "sample.md:1: $ echo two");
    assert_eq!(first_lines[1], "sample.md:1: $ false");
    assert!(
        first_lines[2].starts_with("sample.md:11: `dunlin check` ends with"),
        "{}",
        first_lines[2]
    );
    assert!(
        first_lines[3].starts_with("sample.md:15: no test runs `rm -r .`"),
        "{}",
        first_lines[3]
    );
    assert!(
        first_lines[4].starts_with("sample.md:19: no test knows"),
        "{}",
        first_lines[4]
    );
}

/// One example of the reference of operations: the operation's name, and the blocks below its heading.
fn examples(page: &Page) -> Vec<(String, Vec<&Block>)> {
    let mut examples: Vec<(String, Vec<&Block>)> = Vec::new();
    for block in &page.blocks {
        match examples.last_mut() {
            Some((heading, blocks)) if *heading == block.heading => blocks.push(block),
            _ => examples.push((block.heading.clone(), vec![block])),
        }
    }
    examples
}

/// Writes the transformation of an example as a file of its own, `example.yaml`.
fn write_transformation(desk: &Desk, transformation: &str) {
    let indented: String = transformation
        .lines()
        .map(|line| format!("    {line}\n"))
        .collect();
    let entry = indented.replacen("    ", "  - ", 1);
    desk.write("example.yaml", &format!("transformations:\n{entry}"));
}

/// Applies the transformation of an example to its document, and compares.
fn apply(name: &str, blocks: &[&Block]) -> Result<(), String> {
    let [transformation, input, output] = blocks else {
        return Err(format!(
            "{name}: expected a transformation, a document in and one out"
        ));
    };
    if !transformation.text.starts_with(&format!("{name}:")) {
        return Err(format!("{name}: the example shows another operation"));
    }
    let desk = Desk::new();
    write_transformation(&desk, &transformation.text);
    desk.write("in.ndjson", &input.text);
    let (status, printed) = desk.run("dunlin apply example.yaml in.ndjson");
    let fits = match &output.kind {
        Kind::Other(language) if language == "json dropped" => printed.is_empty(),
        _ => same_document(&output.text, &printed),
    };
    if status != 0 || !fits {
        return Err(format!(
            "{name}: status {status}\n--- shown\n{}\n--- printed\n{printed}",
            output.text
        ));
    }
    Ok(())
}

/// Compares token by token, so that `8.00` is not `8.0`; only white space between tokens does not count.
fn same_document(shown: &str, printed: &str) -> bool {
    let without_spaces = |text: &str| {
        let mut in_string = false;
        let mut escaped = false;
        let mut kept = String::new();
        for c in text.chars() {
            if in_string || !c.is_whitespace() {
                kept.push(c);
            }
            in_string ^= c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
        }
        kept
    };
    without_spaces(shown) == without_spaces(printed)
}

#[test]
fn every_operation_has_an_example_that_holds() {
    let page = Page::read(&root().join("docs/reference/operations.md"));
    let wrong: Vec<String> = examples(&page)
        .iter()
        .filter_map(|(name, blocks)| apply(name, blocks).err())
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn an_example_that_does_not_hold_is_found() {
    let page = Page::parse(
        "sample.md",
        "### remove\n```yaml\nremove: a\n```\n```json in\n{\"a\":1,\"b\":1.0}\n```\n```json out\n{\"b\":1}\n```\n",
    );
    let examples = examples(&page);
    let (name, blocks) = &examples[0];
    assert!(apply(name, blocks).is_err(), "1.0 is not 1");
}

#[test]
fn the_table_of_failures_has_every_kind() {
    let text =
        std::fs::read_to_string(root().join("docs/reference/diagnostics.md")).expect("a page can be read");
    let rows: Vec<&str> = text
        .lines()
        .skip_while(|line| *line != "| Kind | When |")
        .skip(2)
        .map_while(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let kinds: Vec<&str> = FailureKind::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!(rows, kinds);
}
