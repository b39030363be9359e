//! A Markdown page as its fenced blocks.

use std::path::Path;

use dunlin_integration_tests::root;

/// A page, by its path from the root.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) name: String,
    pub(super) blocks: Vec<Block>,
}

/// A fenced block.
#[derive(Debug)]
pub(super) struct Block {
    /// Where it begins, from 1.
    pub(super) line: usize,
    /// The nearest heading above it.
    pub(super) heading: String,
    pub(super) kind: Kind,
    pub(super) text: String,
}

/// What is to be done with a block, read from the words behind the fence.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Commands and what they print.
    Console,
    /// A file to write before what follows.
    File(String),
    /// A whole configuration, migration or transformation file.
    Yaml,
    /// Commands that no test runs.
    Shell,
    /// Anything else, by the words behind its fence.
    Other(String),
}

/// One command of a console block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) command: String,
    pub(super) status: i32,
    pub(super) output: String,
}

impl Page {
    /// Reads a page of the project.
    pub(super) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("a page can be read");
        let name = path.strip_prefix(root()).unwrap_or(path).display().to_string();
        Self::parse(&name, &text)
    }

    /// Takes a page apart.
    pub(super) fn parse(name: &str, text: &str) -> Self {
        let mut blocks = Vec::new();
        let mut heading = String::new();
        let mut lines = (1..).zip(text.lines());
        while let Some((line, text)) = lines.next() {
            if let Some(title) = text.strip_prefix('#') {
                heading = title.trim_start_matches('#').trim().trim_matches('`').to_owned();
            }
            let Some(words) = text.trim_start().strip_prefix("```") else {
                continue;
            };
            // A block inside a list is indented, and so is everything in it.
            let indent = text.len() - text.trim_start().len();
            let mut inner = String::new();
            for (_, text) in lines.by_ref().take_while(|(_, text)| text.trim() != "```") {
                inner.push_str(text.get(indent..).unwrap_or_default());
                inner.push('\n');
            }
            blocks.push(Block {
                line,
                heading: heading.clone(),
                kind: kind(words.trim()),
                text: inner,
            });
        }
        Self {
            name: name.to_owned(),
            blocks,
        }
    }
}

fn kind(words: &str) -> Kind {
    let file = words.split(' ').find_map(|word| word.strip_prefix("file="));
    match (words, file) {
        (_, Some(name)) => Kind::File(name.to_owned()),
        ("console", None) => Kind::Console,
        ("yaml", None) => Kind::Yaml,
        ("sh", None) => Kind::Shell,
        _ => Kind::Other(words.to_owned()),
    }
}

impl Block {
    /// The commands of a console block; none in any other.
    pub(super) fn steps(&self) -> Vec<Step> {
        if self.kind != Kind::Console {
            return Vec::new();
        }
        let mut steps: Vec<Step> = Vec::new();
        for line in self.text.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                steps.push(Step {
                    command: command.to_owned(),
                    status: 0,
                    output: String::new(),
                });
            } else if let Some(step) = steps.last_mut() {
                if let Some(status) = line.strip_prefix("? ").filter(|_| step.output.is_empty()) {
                    step.status = status.parse().expect("an exit status behind `?`");
                } else if let Some(more) = line.strip_prefix("> ").filter(|_| step.command.ends_with('\\')) {
                    step.command.push('\n');
                    step.command.push_str(more);
                } else {
                    step.output.push_str(line);
                    step.output.push('\n');
                }
            }
        }
        steps
    }
}

#[test]
fn a_page_is_taken_apart_into_its_blocks() {
    let page = Page::parse(
        "a.md",
        "# One\n```console\n$ a \\\n> b\n? 2\nx\n$ c\n```\n## `Two`\n1. See\n   ```yaml file=d.yaml\n   e:\n     f\n   ```\n",
    );
    assert_eq!(page.blocks.len(), 2);
    let steps = page.blocks[0].steps();
    assert_eq!(steps.len(), 2);
    assert_eq!(
        (
            steps[0].command.as_str(),
            steps[0].status,
            steps[0].output.as_str()
        ),
        ("a \\\nb", 2, "x\n")
    );
    assert_eq!(page.blocks[1].heading, "Two");
    assert_eq!(page.blocks[1].kind, Kind::File("d.yaml".into()));
    assert_eq!(page.blocks[1].text, "e:\n  f\n");
}
