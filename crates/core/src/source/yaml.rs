//! YAML 1.2 by its core schema, as a tree with places, from the events of a parser that knows positions.
//!
//! Only what JSON can hold comes out. Everything else that YAML offers is refused with a finding that says what to
//! write instead, and the reading goes on; a fault of the grammar ends it.

mod fault;

use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span as ParserSpan, Tag};

use self::fault::Fault;
use super::core_schema::resolve;
use super::{Content, MOST_COPIED_BYTES, MOST_DEPTH, Member, Node, report_duplicates};
use crate::finding::{Finding, Findings, Place, SourceText, Span};

const QUOTING: &str =
    "a path that begins with `@`, `*` or `[` must be quoted in YAML, as in \"@headers.type\" or \"[*].sku\"";

/// Reads the text; none if it is not YAML, or has no or several documents, which has been reported then.
pub(super) fn read(source: &SourceText, findings: &mut Findings) -> Option<Node> {
    let options = granit_parser::options! {
        emit_unresolved_aliases: true,
        emit_comments: false,
        // One more than is read, so that the limit is reported in the same words whatever the style.
        flow_nesting_limit: MOST_DEPTH + 1,
        block_nesting_limit: MOST_DEPTH + 1,
    };
    let mut builder = Builder {
        source,
        findings,
        open: Vec::new(),
        anchors: HashMap::new(),
        copied: 0,
        root: None,
        documents: 0,
    };
    for event in Parser::new_from_str_with_options(source.text(), options) {
        match event {
            Ok((event, span)) => builder.event(event, &span)?,
            Err(error) => return builder.refuse(&error),
        }
    }
    if builder.root.is_none() {
        builder
            .findings
            .error(&source.place(Span::new(0, 0)), "the file is empty; expected YAML");
    }
    builder.root
}

/// A container whose end has not come yet.
struct Open {
    start: usize,
    anchor: usize,
    items: Items,
}

enum Items {
    Elements(Vec<Node>),
    Members {
        members: Vec<Member>,
        name: Option<Node>,
    },
}

struct Builder<'text, 'findings> {
    source: &'text SourceText,
    findings: &'findings mut Findings,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    copied: usize,
    root: Option<Node>,
    documents: usize,
}

impl Builder<'_, '_> {
    /// Takes one event; none if the reading has to end, which has been reported then.
    fn event(&mut self, event: Event<'_>, span: &ParserSpan) -> Option<()> {
        let place = self.place(span);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let message = "a second document begins here; expected one document in the file";
                    self.findings
                        .push(Finding::error(&place, message).help("put it into a file of its own"));
                    return None;
                }
                Some(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let content = self.scalar(&text, style, tag.as_deref(), &place);
                let plain = style == ScalarStyle::Plain && tag.is_none();
                self.add(Node::new(place, content), anchor, plain)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.begin(&place, anchor, tag.as_deref(), "seq", Items::Elements(Vec::new()))
            }
            Event::MappingStart(_, anchor, tag) => {
                let items = Items::Members {
                    members: Vec::new(),
                    name: None,
                };
                self.begin(&place, anchor, tag.as_deref(), "map", items)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(&place),
            Event::Alias(target) => {
                let node = self.copy(target, &place)?;
                self.add(node, 0, false)
            }
            Event::UnresolvedAlias(name) => {
                let message = format!("there is no anchor `&{name}` before this alias");
                self.findings.push(Finding::error(&place, message).help(QUOTING));
                self.add(Node::new(place, Content::Faulty), 0, false)
            }
            _ => Some(()),
        }
    }

    fn place(&self, span: &ParserSpan) -> Place {
        let start = span.start.byte_offset().unwrap_or(0);
        self.source
            .place(Span::new(start, span.end.byte_offset().unwrap_or(start)))
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, place: &Place) -> Content {
        let suffix = match tag {
            None if style == ScalarStyle::Plain => None,
            None => return Content::String(text.to_owned()),
            Some(tag) => match tag.core_suffix() {
                Some("str") => return Content::String(text.to_owned()),
                Some(suffix) => Some(suffix.to_owned()),
                None if tag.original() == "!" => return Content::String(text.to_owned()),
                None => return self.foreign_tag(tag, place),
            },
        };
        match resolve(text) {
            Ok(content) if suffix.as_deref().is_none_or(|suffix| fits(&content, suffix)) => content,
            Ok(_) => {
                let message = format!(
                    "the text is not what its tag `!!{}` says",
                    suffix.unwrap_or_default()
                );
                self.findings.push(Finding::error(place, message));
                Content::Faulty
            }
            Err(message) => {
                self.findings.push(Finding::error(place, message));
                Content::Faulty
            }
        }
    }

    fn foreign_tag(&mut self, tag: &Tag, place: &Place) -> Content {
        let message = format!("the tag `{}` has no meaning here", tag.original());
        self.findings.push(
            Finding::error(place, message).help("remove it; only the tags of the core schema are read"),
        );
        Content::Faulty
    }

    fn begin(
        &mut self,
        place: &Place,
        anchor: usize,
        tag: Option<&Tag>,
        kind: &str,
        items: Items,
    ) -> Option<()> {
        if self.open.len() == MOST_DEPTH {
            return self.too_deep(place);
        }
        if let Some(tag) = tag
            && tag.core_suffix() != Some(kind)
            && tag.original() != "!"
        {
            self.foreign_tag(tag, place);
        }
        let start = place.span().map_or(0, |span| span.start);
        self.open.push(Open { start, anchor, items });
        Some(())
    }

    fn too_deep(&mut self, place: &Place) -> Option<()> {
        let message = format!("nested too deeply, at most {MOST_DEPTH} open lists and objects are read");
        self.findings.push(Finding::error(place, message));
        None
    }

    fn end(&mut self, place: &Place) -> Option<()> {
        let open = self.open.pop()?;
        let end = place.span().map_or(open.start, |span| span.end);
        // The end of a block container is found where the next thing begins; the space before that is not its own.
        let written = self.source.slice(Span::new(open.start, end)).trim_end();
        let place = self
            .source
            .place(Span::new(open.start, open.start + written.len()));
        let content = match open.items {
            Items::Elements(elements) => Content::Array(elements),
            Items::Members { members, .. } => {
                report_duplicates(&members, self.findings);
                Content::Object(members)
            }
        };
        self.add(Node::new(place, content), open.anchor, false)
    }

    /// Puts a finished node where it belongs. `plain`: a scalar without quotes and tag.
    fn add(&mut self, node: Node, anchor: usize, plain: bool) -> Option<()> {
        if anchor != 0 {
            self.spend(weight(&node), &node.place)?;
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open {
                items: Items::Elements(elements),
                ..
            }) => elements.push(node),
            Some(Open {
                items: Items::Members { members, name },
                ..
            }) => match name.take() {
                Some(name) => members.push(Member { name, value: node }),
                None => {
                    *name = Some(member_name(node, plain, self.source, self.findings));
                }
            },
        }
        Some(())
    }

    /// What an alias stands for.
    fn copy(&mut self, target: usize, place: &Place) -> Option<Node> {
        // An anchor is known once its node has ended.
        let Some(node) = self.anchors.get(&target) else {
            self.findings.push(Finding::error(
                place,
                "the alias stands inside of what it stands for",
            ));
            return Some(Node::new(place.clone(), Content::Faulty));
        };
        let (weight, height) = (weight(node), height(node));
        if self.open.len() + height > MOST_DEPTH {
            self.too_deep(place)?;
        }
        self.spend(weight, place)?;
        self.anchors.get(&target).cloned()
    }

    /// Counts a copy against what all aliases of a text may copy.
    fn spend(&mut self, weight: usize, place: &Place) -> Option<()> {
        self.copied = self.copied.saturating_add(weight);
        if self.copied <= MOST_COPIED_BYTES {
            return Some(());
        }
        let message = format!("the aliases up to here copy more than {MOST_COPIED_BYTES} bytes");
        self.findings
            .push(Finding::error(place, message).help("write out what is needed"));
        None
    }

    /// Reports a fault of the grammar, and gives up.
    fn refuse(&mut self, error: &ScanError) -> Option<Node> {
        let text = self.source.text();
        let mut offset = error.marker().byte_offset().unwrap_or(0).min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let fault = Fault::of(error.kind(), text, offset);
        let length = text
            .get(fault.offset..)
            .and_then(|rest| rest.chars().next())
            .map_or(0, char::len_utf8);
        let place = self.source.place(Span::new(fault.offset, fault.offset + length));
        if *error.kind() == ErrorKind::RecursionLimitExceeded {
            self.too_deep(&place);
            return None;
        }
        let finding = Finding::error(&place, format!("not valid YAML: {}", fault.message));
        let help = match error.kind() {
            ErrorKind::UnexpectedCharacter { character: '@' } => Some(QUOTING),
            _ if looks_like_a_path(self.source, offset) => Some(QUOTING),
            _ => fault.help,
        };
        self.findings.push(match help {
            Some(help) => finding.help(help),
            None => finding,
        });
        None
    }
}

/// A name as JSON wants it; anything but a string is reported.
fn member_name(node: Node, plain: bool, source: &SourceText, findings: &mut Findings) -> Node {
    let help = match &node.content {
        Content::String(text) if plain && text == "<<" => {
            let message = "merge keys (`<<`) are not part of YAML 1.2";
            findings
                .push(Finding::error(&node.place, message).help("write the members out, or quote the name"));
            return Node::new(node.place, Content::Faulty);
        }
        Content::String(_) | Content::Surrogates(_) | Content::Faulty => return node,
        Content::Null | Content::Bool(_) | Content::Number(_) => {
            "put it into quotes; in `values` of translate a list of pairs such as `[[1, one]]` matches other scalars"
        }
        Content::Array(_) | Content::Object(_) => "a list or an object cannot be a name",
    };
    let message = format!("expected a string as a member's name, found {}", node.kind());
    findings.push(Finding::error(&node.place, message).help(help));
    // The name as written, so that what reads the object next does not stumble a second time.
    let content = match &node.content {
        Content::Array(_) | Content::Object(_) => Content::Faulty,
        _ => Content::String(
            node.place
                .span()
                .map_or(String::new(), |span| source.slice(span).to_owned()),
        ),
    };
    Node::new(node.place, content)
}

/// Whether a value that YAML read as something else was probably meant as a path: in the line of the fault, or in the
/// one before, a value begins with `@`, `*` or `[`.
fn looks_like_a_path(source: &SourceText, offset: usize) -> bool {
    let before = source.text().get(..offset).unwrap_or_default();
    let mut lines = before.rsplitn(3, '\n');
    let here = lines.next().map_or(0, |line| offset - line.len());
    let start = if before[here..].trim().is_empty() {
        lines.next().map_or(0, |line| here - 1 - line.len())
    } else {
        here
    };
    let end = source.text()[offset..]
        .find('\n')
        .map_or(source.text().len(), |at| offset + at);
    let lines = &source.text()[start..end];
    lines.lines().any(|line| {
        let value = line.split_once(": ").map_or(line, |(_, value)| value);
        let value = value.trim_start_matches(['-', ' ', '\t', '{']);
        value.starts_with(['@', '*', '[']) && !value.trim_end().ends_with(']')
    })
}

/// Whether a resolved scalar is of the kind that its tag says.
fn fits(content: &Content, suffix: &str) -> bool {
    match (content, suffix) {
        (Content::Null, "null") | (Content::Bool(_), "bool") => true,
        (Content::Number(number), "int") => number.is_integer(),
        (Content::Number(number), "float") => !number.is_integer(),
        _ => false,
    }
}

/// How many containers a node has, one inside the other.
fn height(node: &Node) -> usize {
    match &node.content {
        Content::Array(elements) => 1 + elements.iter().map(height).max().unwrap_or(0),
        Content::Object(members) => {
            1 + members
                .iter()
                .map(|member| height(&member.value))
                .max()
                .unwrap_or(0)
        }
        _ => 0,
    }
}

/// What a copy of a node takes, in bytes, roughly.
fn weight(node: &Node) -> usize {
    size_of::<Node>()
        + match &node.content {
            Content::String(text) => text.len(),
            Content::Number(number) => number.as_str().len(),
            Content::Surrogates(text) => text.source().len(),
            Content::Array(elements) => elements.iter().map(weight).sum(),
            Content::Object(members) => members
                .iter()
                .map(|member| weight(&member.name) + weight(&member.value))
                .sum(),
            Content::Null | Content::Bool(_) | Content::Faulty => 0,
        }
}
