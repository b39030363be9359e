//! What `dunlin check` prints of the proof of a migration against its schemas.

use std::io::{self, Write};

use dunlin_core::migration::shape::ShapePath;
use dunlin_core::migration::{Loss, Migration, Proof, ProvedSegment, ProvedStep};
use serde_json::{Value, json};

use super::loss_reason;
use crate::ending::Trouble;
use crate::shell::Shell;
use crate::wording::{counted, listed};

/// Prints the proof, part by part.
pub(super) fn show(proof: &Proof, shell: &mut Shell) -> io::Result<()> {
    for segment in &proof.segments {
        let end = |name: &Option<_>, nothing: &str| match name {
            Some(name) => format!("`{name}`"),
            None => nothing.to_owned(),
        };
        let (from, to) = (
            end(&segment.from, "any document"),
            end(&segment.to, "the end of the chain"),
        );
        let count = counted(segment.steps.len(), "transformation");
        writeln!(shell.out, "  from {from} to {to}: {count}")?;
        for step in &segment.steps {
            show_step(step, shell)?;
        }
        for undecided in &segment.undecided {
            writeln!(shell.out, "    undecided: {undecided}")?;
        }
    }
    writeln!(shell.out, "  way back     {}", way_back(proof))
}

fn show_step(step: &ProvedStep, shell: &mut Shell) -> io::Result<()> {
    let what = if step.step.performed {
        step.step.loss.name()
    } else {
        "not performed"
    };
    let places = places(&step.step.places);
    let why = match loss_reason(&step.step.loss) {
        Some(why) if step.step.performed => format!(": {why}"),
        Some(_) | None => String::new(),
    };
    writeln!(
        shell.out,
        "    {} ({}): {what}{places}{why}",
        step.id, step.operation
    )?;
    for note in &step.step.notes {
        writeln!(shell.out, "      note: {note}")?;
    }
    for undecided in &step.step.undecided {
        writeln!(shell.out, "      undecided: {undecided}")?;
    }
    Ok(())
}

/// The first places, since a schema may have hundreds.
fn places(places: &[ShapePath]) -> String {
    const SHOWN: usize = 4;
    let shown = listed(
        places
            .iter()
            .take(SHOWN)
            .filter(|place| !place.as_str().is_empty()),
    );
    if shown.is_empty() {
        return String::new();
    }
    let rest = if places.len() > SHOWN { ", …" } else { "" };
    format!(", at {shown}{rest}")
}

/// How many transformations may lose something, and for how many of them an inverse or a complement makes it good.
struct Losses {
    all: usize,
    /// An inverse gives back the shape, though not everything in it.
    inverse: usize,
    /// A complement gives back everything.
    complement: usize,
}

impl Losses {
    fn of(proof: &Proof) -> Self {
        let losing = || {
            let steps = proof.steps().map(|step| &step.step);
            steps.filter(|step| step.loss != Loss::Lossless)
        };
        Self {
            all: losing().count(),
            inverse: losing().filter(|step| !step.undone_by.is_empty()).count(),
            complement: losing()
                .filter(|step| matches!(step.loss, Loss::Restorable(_)))
                .count(),
        }
    }
}

fn way_back(proof: &Proof) -> String {
    let losses = Losses::of(proof);
    if losses.all == 0 {
        return "lossless".to_owned();
    }
    format!(
        "{}: {} may lose something; an inverse restores the shape for {} of them, a complement everything for {}",
        proof.loss().name(),
        counted(losses.all, "transformation"),
        losses.inverse,
        losses.complement
    )
}

/// The proof for a program.
pub(super) fn to_json(proof: &Proof) -> Value {
    let segments: Vec<Value> = proof.segments.iter().map(segment_to_json).collect();
    let losses = Losses::of(proof);
    json!({
        "loss": proof.loss().name(),
        "losses": {"transformations": losses.all, "inverse": losses.inverse, "complement": losses.complement},
        "segments": segments,
    })
}

fn segment_to_json(segment: &ProvedSegment) -> Value {
    let steps: Vec<Value> = segment
        .steps
        .iter()
        .map(|step| {
            let places: Vec<&str> = step.step.places.iter().map(ShapePath::as_str).collect();
            json!({
                "id": step.id,
                "operation": step.operation,
                "performed": step.step.performed,
                "loss": step.step.loss.name(),
                "reason": loss_reason(&step.step.loss),
                "undone": !step.step.undone_by.is_empty(),
                "places": places,
                "always_fails": step.step.always_fails,
                "warnings": step.step.warnings,
                "notes": step.step.notes,
                "undecided": step.step.undecided,
            })
        })
        .collect();
    json!({
        "from": segment.from.as_deref(),
        "to": segment.to.as_deref(),
        "transformations": steps,
        "undecided": segment.undecided,
    })
}

/// The schema of what the chain produces, in the language of its last schema.
pub(super) fn schema(migration: &Migration, proof: Option<&Proof>) -> Result<String, Trouble> {
    let last = migration.versions().last();
    let (Some(last), Some(shape)) = (last, proof.and_then(Proof::shape)) else {
        let message = format!(
            "`{}` names no schema in whose language one could be printed",
            migration.name()
        );
        return Err(Trouble::Usage(message));
    };
    let described = last.schema.describe(&shape.without_impossible());
    described.map_err(|why| Trouble::Failed(format!("what the chain produces cannot be written so: {why}")))
}
