//! With its complement, what was done is undone, whatever the chain is made of.

use std::sync::Arc;

use dunlin_core::message::Headers;
use dunlin_core::migration::fused::{Engine, Program, Worker};
use dunlin_core::migration::load::MemoryResolver;
use dunlin_core::migration::{
    COMPLEMENT_HEADER, Complemented, Disposition, Failure, FailureKind, Input, LoadOptions, Migrated,
    Migration, NoWayBack, Options,
};

use super::super::chance::Chance;
use super::super::pair::{Entry, Pair};
use super::{Broken, Law, OneSecret, hold};

const LAW: &str = "down(up(x)) = x, with a complement";

/// F7.40 to F7.46: for every chain that hides nothing, the downward migration gives back the very bytes, the key and the
/// headers; also where the way up was made in two halves; and what was changed on the way is found.
pub(super) fn restored(pair: &Pair, chance: &mut Chance) -> Law {
    if pair.chain.iter().any(hides) {
        return Ok(());
    }
    let up = load("laws.json", &[("laws.json", file(&pair.chain))])?;
    let engine = if chance.percent(50) {
        Engine::Fused
    } else {
        Engine::Interpreter
    };
    let came = pair.message.input(pair.spaced);
    let Ok(there) = migrate(&up, came.clone(), engine) else {
        return Ok(());
    };
    if there.disposition != Disposition::Forward {
        return Ok(());
    }
    hold(LAW, there.complement == Some(Complemented::Kept), || {
        format!("{:?}", there.complement)
    })?;
    let text = match up.invert("laws.json", up.length(), 0) {
        Ok(text) => text,
        // The chains are JSON, and YAML does not keep all of it.
        Err(NoWayBack::NotYaml { .. }) => return Ok(()),
        Err(error) => {
            return Err(Broken {
                law: LAW,
                how: error.to_string(),
            });
        }
    };
    let down = load(
        "down.yaml",
        &[("laws.json", file(&pair.chain)), ("down.yaml", text)],
    )?;
    let there = again(there);
    comes_back(&down, there.clone(), &came, engine)?;

    let half = load("laws.json", &[("laws.json", file(&pair.chain[..pair.cut]))])?;
    if pair.cut > 0
        && let Ok(between) = migrate(&half, came.clone(), engine)
        && between.disposition == Disposition::Forward
        && let Ok(whole) = migrate(&up, again(between), engine)
    {
        comes_back(&down, again(whole), &came, engine)?;
    }
    tampered(&down, there, chance)
}

fn comes_back(down: &Migration, there: Input, came: &Input, engine: Engine) -> Law {
    let back = migrate(down, there, engine).map_err(|failure| Broken {
        law: LAW,
        how: failure.to_string(),
    })?;
    let same = back.payload == came.payload
        && back.key == came.key
        && sorted(&back.headers) == sorted(&came.headers)
        && back.complement == Some(Complemented::Restored);
    hold(LAW, same, || {
        let shown =
            |input: Option<&bytes::Bytes>| input.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        format!(
            "{:?}\n{:?}",
            shown(came.payload.as_ref()),
            shown(back.payload.as_ref())
        )
    })
}

/// A byte of the payload or of the complement that was changed is found.
fn tampered(down: &Migration, mut there: Input, chance: &mut Chance) -> Law {
    let header = there.headers.get(COMPLEMENT_HEADER).map(|value| value.to_vec());
    let mut header = header.unwrap_or_default();
    let body = header
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or(0, |slash| slash + 1);
    if chance.percent(50) {
        let at = body + chance.below(header.len() - body);
        header[at] = if header[at] == b'A' { b'B' } else { b'A' };
        there.headers.set(COMPLEMENT_HEADER, header);
    } else {
        let mut payload = there.payload.map_or_else(Vec::new, |payload| payload.to_vec());
        payload.push(b' ');
        there.payload = Some(payload.into());
    }
    let found = migrate(down, there, Engine::Interpreter)
        .err()
        .map(|failure| failure.kind);
    hold(
        "a complement that was changed, or whose payload was, is refused",
        found == Some(FailureKind::Complement),
        || format!("{found:?}"),
    )
}

fn hides(entry: &Entry) -> bool {
    let text = entry.to_json();
    !entry.has("status") && (text.contains("\"hash\":") || text.contains("\"redact\":"))
}

fn file(chain: &[Entry]) -> String {
    let entries: Vec<_> = chain.iter().map(Entry::to_json).collect();
    format!(
        "{{\"migration\":\"laws\",\"complement\":{{\"max_bytes\":1048576}},\"transformations\":[{}]}}",
        entries.join(",")
    )
}

fn load(entry: &str, files: &[(&str, String)]) -> Result<Migration, Broken> {
    let files = files.iter().fold(MemoryResolver::new(), |all, (name, text)| {
        all.with(name, text.as_str())
    });
    match Migration::load(entry, &files, &LoadOptions::default()) {
        Ok(loaded) => Ok(loaded.migration),
        Err(findings) => Err(Broken {
            law: LAW,
            how: findings.render(),
        }),
    }
}

fn migrate(migration: &Migration, input: Input, engine: Engine) -> Result<Migrated, Failure> {
    let options = Options {
        secrets: &OneSecret,
        ..Options::default()
    };
    let program = Program::compile(Arc::new(migration.clone()));
    Worker::new(Arc::new(program), engine).migrate(input, &options)
}

fn again(migrated: Migrated) -> Input {
    Input {
        payload: migrated.payload,
        key: migrated.key,
        headers: migrated.headers,
    }
}

fn sorted(headers: &Headers) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_vec()))
        .collect();
    // Several headers of one name keep their order.
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}
