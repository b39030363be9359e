//! TOML as a tree with places, for configurations. The grammar is the business of `toml_edit`.

use std::ops::Range;

use toml_edit::{Document, Item, Key, TableLike, Value};

use super::{Content, Member, Node};
use crate::finding::{Finding, Findings, Place, SourceText, Span};
use crate::migration::document::Number;

/// Reads the text; none if it is not TOML, which has been reported then. TOML itself refuses names that stand twice,
/// and the parser limits the depth.
pub(super) fn read(source: &SourceText, findings: &mut Findings) -> Option<Node> {
    match Document::parse(source.text()) {
        Ok(document) => {
            let mut reader = Reader { source, findings };
            let place = source.place(Span::new(0, source.text().len()));
            let content = reader.table(document.as_table(), &place);
            Some(Node::new(place, content))
        }
        Err(error) => {
            let span = error.span().unwrap_or_default();
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            let place = source.place(Span::new(span.start, span.end));
            findings.push(Finding::error(&place, format!("not valid TOML: {message}")));
            None
        }
    }
}

struct Reader<'text, 'findings> {
    source: &'text SourceText,
    findings: &'findings mut Findings,
}

impl Reader<'_, '_> {
    /// The place of something, or of what holds it where the parser has no span (tables that a longer header implies).
    fn place(&self, span: Option<Range<usize>>, around: &Place) -> Place {
        span.map_or_else(
            || around.clone(),
            |span| self.source.place(Span::new(span.start, span.end)),
        )
    }

    fn table(&mut self, table: &dyn TableLike, around: &Place) -> Content {
        let mut members = Vec::new();
        for (name, item) in table.iter() {
            let place = self.place(table.key(name).and_then(Key::span), around);
            let value = self.item(item, &place);
            let name = Node::new(place, Content::String(name.to_owned()));
            members.push(Member { name, value });
        }
        Content::Object(members)
    }

    fn item(&mut self, item: &Item, around: &Place) -> Node {
        let place = self.place(item.span(), around);
        let content = match item {
            Item::None => Content::Null,
            Item::Value(value) => self.value(value, &place),
            Item::Table(table) => self.table(table, &place),
            Item::ArrayOfTables(tables) => {
                let mut elements = Vec::new();
                for table in tables {
                    let place = self.place(table.span(), &place);
                    let content = self.table(table, &place);
                    elements.push(Node::new(place, content));
                }
                Content::Array(elements)
            }
        };
        Node::new(place, content)
    }

    fn value(&mut self, value: &Value, place: &Place) -> Content {
        match value {
            Value::String(text) => Content::String(text.value().clone()),
            Value::Integer(number) => Content::Number(Number::from(*number.value())),
            Value::Float(number) if number.value().is_finite() => {
                Content::Number(Number::from_scanned(&format!("{:?}", number.value())))
            }
            Value::Float(_) => {
                self.findings
                    .push(Finding::error(place, "infinities and NaN have no meaning here"));
                Content::Faulty
            }
            Value::Boolean(truth) => Content::Bool(*truth.value()),
            Value::Datetime(time) => Content::String(time.value().to_string()),
            Value::InlineTable(table) => self.table(table, place),
            Value::Array(array) => {
                let mut elements = Vec::new();
                for value in array {
                    let place = self.place(value.span(), place);
                    let content = self.value(value, &place);
                    elements.push(Node::new(place, content));
                }
                Content::Array(elements)
            }
        }
    }
}
