//! Instructions per byte of input, as they were counted by another program.

use anyhow::{Context, Result};

use crate::contestant::Contestant;

/// Lines of `CONTESTANT DOCUMENT FIGURE`.
#[derive(Debug, Default)]
pub(crate) struct Instructions(Vec<(String, String, f64)>);

impl Instructions {
    /// Reads the lines.
    pub(crate) fn read(text: &str) -> Result<Self> {
        let figures = text.lines().map(|line| {
            let mut words = line.split_whitespace();
            let mut word = || {
                words
                    .next()
                    .context("expected a contestant, a document and a figure")
            };
            let (contestant, document) = (word()?.to_owned(), word()?.to_owned());
            Ok((contestant, document, word()?.parse()?))
        });
        figures.collect::<Result<_>>().map(Self)
    }

    /// The figure of one contestant.
    pub(crate) fn get(&self, contestant: Contestant, document: &str) -> Option<f64> {
        let own = contestant.name();
        self.0
            .iter()
            .find(|(name, of, _)| name == own && of == document)
            .map(|(.., figure)| *figure)
    }

    /// Whether nothing was counted.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
