//! The way from the root of a document to a value, kept on the stack and written out only for a failure.

use dunlin_core::migration::path::Name;

/// A place in a document.
#[derive(Debug, Clone, Copy)]
pub(super) enum Path<'a> {
    Root,
    Member(&'a Self, &'a str),
    Element(&'a Self, usize),
}

impl Path<'_> {
    /// As failures print it: `lines[0].sku`, empty for the whole document.
    pub(super) fn text(&self) -> String {
        let mut steps = Vec::new();
        let mut here = self;
        loop {
            match here {
                Self::Root => break,
                Self::Member(parent, _) | Self::Element(parent, _) => {
                    steps.push(here);
                    here = parent;
                }
            }
        }
        let mut text = String::new();
        for step in steps.into_iter().rev() {
            match step {
                Self::Root => {}
                Self::Member(_, name) => {
                    if !text.is_empty() {
                        text.push('.');
                    }
                    text.push_str(&Name::new(*name).to_string());
                }
                Self::Element(_, index) => text.push_str(&format!("[{index}]")),
            }
        }
        text
    }
}
