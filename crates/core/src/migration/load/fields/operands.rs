//! The kinds of operand: paths, names, words, texts, numbers, values.

use std::collections::HashSet;

use super::{Asked, Fields, Scope};
use crate::finding::{Finding, did_you_mean};
use crate::migration::document::Value;
use crate::migration::expression::Expression;
use crate::migration::path::{Name, Path, PathError, Pattern, Takes};
use crate::source::{Content, Format, Node};

impl<'node> Fields<'node, '_> {
    /// A path that must be there and be of a form that the operand takes.
    pub fn path(&mut self, field: &'static str, takes: Takes) -> Option<Path> {
        self.note(field, || Asked::Text);
        let node = self.required(field)?;
        self.path_of(node, takes)
    }

    /// A path that may be missing.
    pub fn optional_path(&mut self, field: &'static str, takes: Takes) -> Option<Path> {
        self.note(field, || Asked::Text);
        let node = self.node(field)?;
        self.path_of(node, takes)
    }

    /// One path or a list of them, not empty; a path that stands twice is reported.
    pub fn paths(&mut self, field: &'static str, takes: Takes) -> Option<Vec<Path>> {
        self.note(field, || Asked::Texts);
        self.several(field, |fields, node| fields.path_of(node, takes))
    }

    /// One NAME: a segment, bare or quoted.
    pub fn name(&mut self, field: &'static str) -> Option<Name> {
        self.note(field, || Asked::Text);
        let node = self.required(field)?;
        self.name_of(node)
    }

    /// A NAME that may be missing.
    pub fn optional_name(&mut self, field: &'static str) -> Option<Name> {
        self.note(field, || Asked::Text);
        let node = self.node(field)?;
        self.name_of(node)
    }

    /// One NAME or a list of them, not empty; one that stands twice is reported.
    pub fn names(&mut self, field: &'static str) -> Option<Vec<Name>> {
        self.note(field, || Asked::Texts);
        self.several(field, Self::name_of)
    }

    /// A NAME, or a NAME with one star.
    pub fn pattern(&mut self, field: &'static str) -> Option<Pattern> {
        self.note(field, || Asked::Text);
        let node = self.required(field)?;
        self.pattern_of(node)
    }

    /// One pattern or a list of them, not empty; one that stands twice is reported.
    pub fn patterns(&mut self, field: &'static str) -> Option<Vec<Pattern>> {
        self.note(field, || Asked::Texts);
        self.several(field, Self::pattern_of)
    }

    /// One of some words, or the default if the field is missing or faulty.
    ///
    /// Where `null` is one of the words, the literal means it as well.
    pub fn choice<T: Copy>(&mut self, field: &'static str, words: &[(&str, T)], default: T) -> T {
        self.note(field, || Asked::words(words));
        self.node(field)
            .and_then(|node| self.choice_of(node, words))
            .unwrap_or(default)
    }

    /// One of some words, which must be there.
    pub fn required_choice<T: Copy>(&mut self, field: &'static str, words: &[(&str, T)]) -> Option<T> {
        self.note(field, || Asked::words(words));
        let node = self.required(field)?;
        self.choice_of(node, words)
    }

    /// `true` or `false`, or the default if the field is missing or faulty.
    pub fn flag(&mut self, field: &'static str, default: bool) -> bool {
        self.note(field, || Asked::Flag);
        let Some(node) = self.node(field) else {
            return default;
        };
        match node.content {
            Content::Bool(flag) => flag,
            _ => self.expected(node, "`true` or `false`").unwrap_or(default),
        }
    }

    /// A text that must be there; it may be empty.
    pub fn text(&mut self, field: &'static str) -> Option<&'node str> {
        self.note(field, || Asked::Text);
        let node = self.required(field)?;
        self.text_of(node)
    }

    /// A text that may be missing.
    pub fn optional_text(&mut self, field: &'static str) -> Option<&'node str> {
        self.note(field, || Asked::Text);
        let node = self.node(field)?;
        self.text_of(node)
    }

    /// An expression that must be there; its first defect is reported at its own column.
    pub fn expression(&mut self, field: &'static str) -> Option<Expression> {
        self.note(field, || Asked::Text);
        let node = self.required(field)?;
        self.expression_of(node)
    }

    /// An expression that may be missing.
    pub fn optional_expression(&mut self, field: &'static str) -> Option<Expression> {
        self.note(field, || Asked::Text);
        let node = self.node(field)?;
        self.expression_of(node)
    }

    /// A whole number from 0 to `most` that may be missing.
    pub fn optional_count(&mut self, field: &'static str, most: usize) -> Option<usize> {
        self.note(field, || Asked::Count);
        let node = self.node(field)?;
        self.count_of(node, most)
    }

    /// Any value, `null` included, that must be there.
    pub fn value(&mut self, field: &'static str) -> Option<Value> {
        self.note(field, || Asked::Value);
        self.required(field)?.to_value()
    }

    /// Any value, `null` included, that may be missing.
    pub fn optional_value(&mut self, field: &'static str) -> Option<Value> {
        self.note(field, || Asked::Value);
        self.node(field)?.to_value()
    }

    /// The elements of a list that must be there and not be empty.
    pub fn list(&mut self, field: &'static str) -> Option<&'node [Node]> {
        self.note(field, || Asked::List);
        let node = self.required(field)?;
        match node.elements() {
            Some([]) => {
                self.findings.error(
                    &node.place,
                    format!("`{field}` is an empty list; expected at least one entry"),
                );
                None
            }
            Some(elements) => Some(elements),
            None => self.expected(node, "a list"),
        }
    }

    /// One or several of something, none twice. All are read, so that all that is wrong with them is reported.
    fn several<T: ToString>(
        &mut self,
        field: &'static str,
        mut read: impl FnMut(&mut Self, &'node Node) -> Option<T>,
    ) -> Option<Vec<T>> {
        let node = self.required(field)?;
        let nodes = if node.elements().is_some() {
            self.list(field)?
        } else {
            std::slice::from_ref(node)
        };
        let mut all = Vec::new();
        let mut printed = HashSet::new();
        let mut complete = true;
        for node in nodes {
            match read(self, node) {
                Some(one) if !printed.insert(one.to_string()) => {
                    self.findings
                        .error(&node.place, format!("this stands twice in `{field}`"));
                    complete = false;
                }
                Some(one) => all.push(one),
                None => complete = false,
            }
        }
        complete.then_some(all)
    }

    /// Reads a node as a path, wherever it stands: in a list, or as the name of a member.
    pub fn path_of(&mut self, node: &Node, takes: Takes) -> Option<Path> {
        let Content::String(text) = &node.content else {
            return self.not_a_path(node);
        };
        let path = match text.parse::<Path>() {
            Ok(path) => path,
            Err(error) => return self.refuse(node, "a path", text, &error),
        };
        if let Err(message) = path.check(takes) {
            self.findings.error(&node.place, message);
            return None;
        }
        if self.scope == Scope::Each && !path.is_document() {
            let message = "inside of `each` a path leads into the element, not to a header or the key";
            self.findings.error(&node.place, message);
            return None;
        }
        Some(path)
    }

    fn not_a_path(&mut self, node: &Node) -> Option<Path> {
        let is_yaml = Format::of_name(node.place.file()) == Some(Format::Yaml);
        if is_yaml && matches!(node.content, Content::Array(_)) {
            let help = "a path that begins with `@`, `*` or `[` must be quoted in YAML, as in \"[*].sku\"";
            self.findings
                .push(Finding::error(&node.place, "expected a path, found a list").help(help));
            return None;
        }
        self.expected(node, "a path")
    }

    /// Reads a node as a NAME.
    pub fn name_of(&mut self, node: &Node) -> Option<Name> {
        let Content::String(text) = &node.content else {
            return self.expected(node, "a name");
        };
        text.parse()
            .map_err(|error| self.refuse::<Name>(node, "a name", text, &error))
            .ok()
    }

    /// Reads a node as a NAME or a NAME with one star.
    pub fn pattern_of(&mut self, node: &Node) -> Option<Pattern> {
        let Content::String(text) = &node.content else {
            return self.expected(node, "a name");
        };
        text.parse()
            .map_err(|error| self.refuse::<Pattern>(node, "a name", text, &error))
            .ok()
    }

    /// Reads a node as text.
    pub fn text_of<'text>(&mut self, node: &'text Node) -> Option<&'text str> {
        match &node.content {
            Content::String(text) => Some(text),
            Content::Surrogates(_) => {
                self.findings.error(
                    &node.place,
                    "expected text, found a string with a lone surrogate, which is none",
                );
                None
            }
            _ => self.expected(node, "a string"),
        }
    }

    /// Reads a node as an expression.
    pub fn expression_of(&mut self, node: &Node) -> Option<Expression> {
        let text = self.text_of(node)?;
        let defects = match Expression::compile(text) {
            Ok(expression) => return Some(expression),
            Err(defects) => defects,
        };
        // What a parser says after its first defect is a guess.
        let defect = defects
            .into_iter()
            .min_by_key(|defect| defect.offset.unwrap_or(0))?;
        let place = match defect.offset {
            Some(at) => node.place_within(at..at + character_at(text, at)),
            None => node.place.clone(),
        };
        let finding = Finding::error(&place, format!("not an expression: {}", defect.message));
        self.findings.push(finding);
        None
    }

    /// Reads a node as a whole number from 0 to `most`.
    pub fn count_of(&mut self, node: &Node, most: usize) -> Option<usize> {
        let count = match &node.content {
            Content::Number(number) => number.as_str().parse().ok().filter(|count| *count <= most),
            _ => None,
        };
        if count.is_none() && !node.is_faulty() {
            let found = match node.content {
                Content::Number(_) => "another number",
                _ => node.kind(),
            };
            self.findings.error(
                &node.place,
                format!("expected a whole number from 0 to {most}, found {found}"),
            );
        }
        count
    }

    /// Reads a node as one of some words.
    pub fn choice_of<T: Copy>(&mut self, node: &Node, words: &[(&str, T)]) -> Option<T> {
        let word = match &node.content {
            Content::String(text) => text.as_str(),
            Content::Null => "null",
            _ => "",
        };
        if let Some((_, choice)) = words.iter().find(|(known, _)| *known == word) {
            return Some(*choice);
        }
        let list = words
            .iter()
            .map(|(word, _)| format!("`{word}`"))
            .collect::<Vec<_>>();
        let list = match list.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, others)) => format!("{} or {last}", others.join(", ")),
            None => String::new(),
        };
        match &node.content {
            Content::String(text) => {
                let meant = did_you_mean(text, words.iter().map(|(word, _)| *word));
                self.findings
                    .error(&node.place, format!("expected {list}, found `{text}`{meant}"));
                None
            }
            _ => self.expected(node, &list),
        }
    }

    /// Reports that a node is something else than expected. `None`, for the caller to return.
    pub fn expected<T>(&mut self, node: &Node, what: &str) -> Option<T> {
        if !node.is_faulty() {
            self.findings
                .error(&node.place, format!("expected {what}, found {}", node.kind()));
        }
        None
    }

    /// Reports a text that does not parse, at the character where something else was expected.
    fn refuse<T>(&mut self, node: &Node, what: &str, text: &str, error: &PathError) -> Option<T> {
        let place = node.place_within(error.offset..error.offset + character_at(text, error.offset));
        let finding = Finding::error(&place, format!("not {what}: {error}"));
        self.findings.push(match error.help {
            Some(help) => finding.help(help),
            None => finding,
        });
        None
    }
}

/// The length of the character at an offset, in bytes; 0 at the end.
fn character_at(text: &str, offset: usize) -> usize {
    text.get(offset..)
        .and_then(|rest| rest.chars().next())
        .map_or(0, char::len_utf8)
}
