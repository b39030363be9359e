//! One message through the fused engine and through the reference interpreter, which must come to the same.
//!
//! This file stands alone: the fuzz targets include it as it is, so that what they try is what the tests try.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use dunlin_core::message::Headers;
use dunlin_core::migration::document::{DuplicateNames, Reading, parse};
use dunlin_core::migration::fused::{Engine, Handoffs, Program, Worker, is_document};
use dunlin_core::migration::load::MemoryResolver;
use dunlin_core::migration::{
    Failure, FailureKind, Input, Limits, LoadOptions, Migrated, Migration, Options, Outcome, Secrets,
};

/// The only secret that there is.
#[derive(Debug)]
pub(crate) struct OneSecret;

impl Secrets for OneSecret {
    fn secret(&self, name: &str) -> Option<Bytes> {
        (name == "the-secret").then(|| Bytes::from_static(b"not to be shown"))
    }
}

/// Who took a message to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Path {
    /// The fused pass.
    Fused,
    /// The interpreter, after the fused pass had begun.
    Restarted,
    /// The interpreter alone.
    Interpreted,
}

/// A chain in both engines. Like a route it goes on to learn from message to message.
#[derive(Debug)]
pub(crate) struct Both {
    migration: Arc<Migration>,
    /// The engine as it is: with shapes.
    worker: Worker,
    /// The generic tier alone.
    generic: Worker,
    /// What left last, and a copy of it: later messages must not change it.
    last: Option<(Bytes, Vec<u8>)>,
}

impl Both {
    /// A migration in both engines.
    pub(crate) fn of(migration: Migration) -> Self {
        let migration = Arc::new(migration);
        let program = Arc::new(Program::compile(Arc::clone(&migration)));
        Self::with(migration, program)
    }

    fn with(migration: Arc<Migration>, program: Arc<Program>) -> Self {
        Self {
            migration,
            worker: Worker::new(Arc::clone(&program), Engine::Fused),
            generic: Worker::new(program, Engine::Fused).without_shapes(),
            last: None,
        }
    }

    /// A transformation file in both engines.
    ///
    /// # Errors
    /// The findings, where it does not load.
    pub(crate) fn load(text: &str) -> Result<Self, String> {
        let resolver = MemoryResolver::new().with("chain.json", text);
        Migration::load("chain.json", &resolver, &LoadOptions::default())
            .map(|loaded| Self::of(loaded.migration))
            .map_err(|findings| findings.render())
    }

    /// One document after the other, in both engines.
    ///
    /// # Panics
    /// When the engines differ.
    fn expect_agreement(&mut self, documents: &[&[u8]]) {
        for document in documents {
            let input = Input {
                payload: Some(Bytes::copy_from_slice(document)),
                ..Input::default()
            };
            if let Err(difference) = self.agree(&input) {
                panic!("{difference}\ndocument: {}", shown(document));
            }
        }
    }

    /// Forgets what was learned from the messages before.
    pub(crate) fn forget(&mut self) {
        *self = Self::with(Arc::clone(&self.migration), Arc::clone(self.worker.program()));
    }

    /// Takes a message through both.
    ///
    /// # Errors
    /// How they differ.
    pub(crate) fn agree(&mut self, input: &Input) -> Result<Path, String> {
        let options = Options {
            secrets: &OneSecret,
            ..Options::default()
        };
        let payload = input.payload.clone().unwrap_or_default();
        let expected = self.migration.migrate(input.clone(), &options);
        let before = self.worker.handoffs();
        let found = self.worker.migrate(input.clone(), &options);
        let after = self.worker.handoffs();
        if let Some(difference) = difference(&payload, &expected, &found) {
            return Err(difference);
        }
        let before_generic = self.generic.handoffs();
        let generic = self.generic.migrate(input.clone(), &options);
        if let Some(difference) = difference(&payload, &expected, &generic) {
            return Err(format!("the generic tier alone: {difference}"));
        }
        let by_whom = |before: Handoffs, after: Handoffs| {
            [
                after.fused - before.fused,
                after.restarted - before.restarted,
                after.interpreted - before.interpreted,
            ]
        };
        let ways = [
            by_whom(before, after),
            by_whom(before_generic, self.generic.handoffs()),
        ];
        if ways[0] != ways[1] {
            return Err(format!(
                "with and without shapes, others took the message: {ways:?}"
            ));
        }
        if let Some((bytes, copy)) = &self.last
            && bytes != copy
        {
            return Err("what had left was changed by the next message".to_owned());
        }
        self.last = found
            .ok()
            .and_then(|migrated| migrated.payload)
            .map(|payload| (payload.clone(), payload.to_vec()));
        self.reads_alike(&payload)?;
        self.bare(&payload, &options)?;
        Ok(if after.fused > before.fused {
            Path::Fused
        } else if after.restarted > before.restarted {
            Path::Restarted
        } else {
            Path::Interpreted
        })
    }

    /// The pass that only checks accepts what the parser accepts.
    fn reads_alike(&self, payload: &[u8]) -> Result<(), String> {
        let limits = Limits::default();
        let reading = Reading {
            depth: limits.depth(),
            duplicate_names: DuplicateNames::Allow,
        };
        let parsed = parse(payload, &reading).map(|document| document.dismantle());
        if is_document(payload, &limits) == parsed.is_ok() {
            Ok(())
        } else {
            Err(format!(
                "the parser says {parsed:?}, the pass that only checks something else"
            ))
        }
    }

    /// The document alone, without record and headers.
    fn bare(&mut self, payload: &Bytes, options: &Options<'_>) -> Result<(), String> {
        let input = Input {
            payload: Some(payload.clone()),
            ..Input::default()
        };
        let Some(done) = self.worker.transform(payload, &Headers::new(), None, options) else {
            return Ok(());
        };
        match self.migration.migrate(input, options) {
            Ok(expected) => {
                let changes: Vec<_> = done.changes().collect();
                if changes != expected.changes {
                    return Err(format!(
                        "outcomes, the document alone:\n{:?}\n{changes:?}",
                        expected.changes
                    ));
                }
                let expected = expected.payload.unwrap_or_default();
                match compact(done.bytes()) == compact(&expected) {
                    true => Ok(()),
                    false => Err(format!(
                        "the document alone:\n{}\n{}",
                        shown(&expected),
                        shown(done.bytes())
                    )),
                }
            }
            Err(failure) => Err(format!("the document alone is taken, but must fail: {failure}")),
        }
    }
}

/// The bytes of a fuzzer, as the number of one of [`chains`] and a document.
///
/// # Panics
/// When the engines differ.
pub(crate) fn document(bytes: &[u8]) {
    let Some((&first, document)) = bytes.split_first() else {
        return;
    };
    // Twice: what is learned from a message must change nothing.
    with_chain(first, |both| both.expect_agreement(&[document, document]));
}

/// The bytes of a fuzzer, as the number of one of [`chains`], a document to learn from, a line feed and a document
/// that is met with what was learned.
///
/// # Panics
/// When the engines differ.
pub(crate) fn taught(bytes: &[u8]) {
    let Some((&first, documents)) = bytes.split_first() else {
        return;
    };
    let mut parts = documents.splitn(2, |byte| *byte == b'\n');
    let (Some(known), Some(other)) = (parts.next(), parts.next()) else {
        return;
    };
    with_chain(first, |both| {
        both.forget();
        // In turns, so that each is met with what was learned from both.
        both.expect_agreement(&[known, known, other, known, other, other]);
    });
}

/// Chains that are tried with documents from elsewhere. Each line of their file is a transformation file.
///
/// # Panics
/// When one of them does not load.
pub(crate) fn chains() -> Vec<Both> {
    include_str!("chains.ndjson")
        .lines()
        .map(|chain| Both::load(chain).unwrap_or_else(|findings| panic!("{chain}\n{findings}")))
        .collect()
}

/// One of [`chains`], with what this thread has taught it so far.
fn with_chain(number: u8, work: impl FnOnce(&mut Both)) {
    thread_local! {
        static CHAINS: RefCell<Vec<Both>> = RefCell::new(chains());
    }
    CHAINS.with_borrow_mut(|chains| {
        let count = chains.len();
        work(&mut chains[usize::from(number) % count]);
    });
}

/// The bytes of a fuzzer, as a chain, a line feed and a document.
///
/// # Panics
/// When the engines differ.
pub(crate) fn chain(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    let (Some(chain), Some(document)) = (parts.next(), parts.next()) else {
        return;
    };
    let Ok(chain) = std::str::from_utf8(chain) else {
        return;
    };
    if let Ok(mut both) = Both::load(chain) {
        both.expect_agreement(&[document, document]);
    }
}

/// How two results differ. White space aside, and where nothing was applied not even that.
fn difference(
    payload: &[u8],
    expected: &Result<Migrated, Failure>,
    found: &Result<Migrated, Failure>,
) -> Option<String> {
    let (expected, found) = match (expected, found) {
        (Ok(expected), Ok(found)) => (expected, found),
        (Err(expected), Err(found)) => {
            return (expected != found).then(|| format!("failures:\n{expected:?}\n{found:?}"));
        }
        (Ok(_), Err(failure)) => return Some(format!("it fails, and should not: {failure:?}")),
        (Err(failure), Ok(_)) => return Some(format!("it must fail: {failure:?}")),
    };
    let mut told = String::new();
    let mut differ = |what: &str, differ: bool, one: &dyn std::fmt::Debug, other: &dyn std::fmt::Debug| {
        if differ {
            let _ = writeln!(told, "{what}:\n{one:?}\n{other:?}");
        }
    };
    differ(
        "outcomes",
        expected.changes != found.changes,
        &expected.changes,
        &found.changes,
    );
    differ(
        "dispositions",
        expected.disposition != found.disposition,
        &expected.disposition,
        &found.disposition,
    );
    differ(
        "beginnings",
        expected.from != found.from,
        &expected.from,
        &found.from,
    );
    differ(
        "validations",
        expected.validations != found.validations,
        &expected.validations,
        &found.validations,
    );
    differ("keys", expected.key != found.key, &expected.key, &found.key);
    let headers = |migrated: &Migrated| -> Vec<(String, Vec<u8>)> {
        let headers = migrated.headers.iter();
        headers
            .map(|(name, value)| (name.to_owned(), value.to_vec()))
            .collect()
    };
    differ(
        "headers",
        headers(expected) != headers(found),
        &headers(expected),
        &headers(found),
    );
    let applied = expected
        .changes
        .iter()
        .any(|change| change.outcome == Outcome::Applied);
    let same = match (&expected.payload, &found.payload) {
        (Some(one), Some(other)) if applied && one != payload => compact(one) == compact(other),
        (one, other) => one == other,
    };
    let text = |migrated: &Migrated| migrated.payload.as_deref().map(shown);
    differ("payloads", !same, &text(expected), &text(found));
    (!told.is_empty()).then_some(told)
}

/// A document without white space, each token as it is spelled.
fn compact(document: &[u8]) -> Result<String, FailureKind> {
    let reading = Reading {
        depth: Limits::MOST_DEPTH,
        duplicate_names: DuplicateNames::Allow,
    };
    let value = parse(document, &reading).map_err(|error| Failure::from(error).kind)?;
    let text = value.to_json();
    value.dismantle();
    Ok(text)
}

/// Bytes as they can be printed.
pub(crate) fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
