//! What the proof tells about a migration.

use std::sync::Arc;

use super::chain::FollowedStep;
use crate::finding::{Finding, Findings, Place};
use crate::migration::op::Loss;
use crate::migration::shape::{Certainty, Misfit, Shape};
use crate::migration::versions::Version;
use crate::migration::{Check, Migration, Status};

/// A migration that was proved against its schemas.
#[derive(Debug)]
pub struct Proof {
    /// Errors: what no message of a version passes. Warnings: what some messages do not pass, or what does nothing.
    pub findings: Findings,
    /// The parts of the chain, from version to version.
    pub segments: Vec<ProvedSegment>,
}

/// A part of a chain between two versions.
#[derive(Debug)]
pub struct ProvedSegment {
    /// The version at its beginning. None: nothing is known of the messages that come.
    pub from: Option<Arc<str>>,
    /// The version at its end. None: nothing is asked of what leaves.
    pub to: Option<Arc<str>>,
    /// The transformations, up to the one at which every message fails.
    pub steps: Vec<ProvedStep>,
    /// The shape of what comes out.
    pub shape: Shape,
    /// What of the version at its end could not be decided, since the version at its beginning says too little.
    pub undecided: Vec<String>,
}

/// A transformation in a part of a chain.
#[derive(Debug)]
pub struct ProvedStep {
    /// Its id.
    pub id: String,
    /// The word of its operation.
    pub operation: &'static str,
    /// What it does.
    pub step: FollowedStep,
}

impl Migration {
    /// Runs the chain over the shapes of its schemas, from version to version, and holds the result against the next one.
    ///
    /// `None` where the migration names no schema. A schema of which nothing is known yet, since only a registry has it,
    /// counts as one that admits anything.
    #[must_use]
    pub fn prove(&self) -> Option<Proof> {
        let versions = self.versions();
        let first = versions.first()?;
        let mut proof = Proof {
            findings: Findings::new(),
            segments: Vec::new(),
        };
        if first.at > 0 || &*first.name == "to" {
            proof.segment(self, None, Some(first));
        }
        for pair in versions.windows(2) {
            proof.segment(self, pair.first(), pair.get(1));
        }
        if let Some(last) = versions.last().filter(|last| last.at < self.length()) {
            proof.segment(self, Some(last), None);
        }
        Some(proof)
    }

    /// Whether what leaves is held against the last schema: by the check `to`, or since it is written with it.
    fn judges_leaving(&self, version: &Version) -> bool {
        let checked = self
            .validations()
            .iter()
            .any(|validation| validation.check == Check::To && validation.status == Status::Pending);
        version.at == self.length() && (checked || version.schema.codec().is_some())
    }
}

impl Proof {
    /// What is lost on the way there and back: the loss of the weakest transformation.
    #[must_use]
    pub fn loss(&self) -> Loss {
        let losses = self.steps().map(|step| step.step.loss.clone());
        losses.max_by_key(Loss::rank).unwrap_or(Loss::Lossless)
    }

    /// All transformations that were followed, in the order of the chain.
    pub fn steps(&self) -> impl Iterator<Item = &ProvedStep> {
        self.segments.iter().flat_map(|segment| &segment.steps)
    }

    /// The shape of what leaves the chain.
    #[must_use]
    pub fn shape(&self) -> Option<&Shape> {
        self.segments.last().map(|segment| &segment.shape)
    }

    fn segment(&mut self, migration: &Migration, from: Option<&Version>, to: Option<&Version>) {
        let shape = from.map_or_else(Shape::anything, |version| {
            version.schema.shape().unwrap_or_else(Shape::anything)
        });
        let start = from.map_or(0, |version| version.at);
        let end = to.map_or(migration.length(), |version| version.at);
        let followed = migration.follow(&shape, start, end);
        let name = |version: Option<&Version>| version.map(|version| Arc::clone(&version.name));
        let mut segment = ProvedSegment {
            from: name(from),
            to: name(to),
            steps: Vec::new(),
            shape: followed.shape,
            undecided: Vec::new(),
        };
        for step in followed.steps {
            let Some(transformation) = migration.transformations().get(step.index) else {
                continue;
            };
            self.judge_step(&step, transformation.place(), from);
            segment.steps.push(ProvedStep {
                id: transformation.id().to_owned(),
                operation: transformation.operation(),
                step,
            });
        }
        let fails = segment.steps.last().is_some_and(|step| step.step.always_fails);
        if let Some(to) = to.filter(|_| !fails)
            && let Some(wanted) = to.schema.shape()
        {
            for misfit in segment.shape.misfits(&wanted) {
                self.judge_misfit(migration, &mut segment, to, &misfit);
            }
        }
        self.segments.push(segment);
    }

    fn judge_step(&mut self, step: &FollowedStep, place: &Place, from: Option<&Version>) {
        let messages = match from {
            Some(version) => format!("that fits `{}`", version.name),
            None => "at all".to_owned(),
        };
        if step.always_fails {
            let why = match step.warnings.first().or(step.notes.first()) {
                Some(why) => format!(": {why}"),
                None => String::new(),
            };
            let message = format!("no message {messages} passes this transformation{why}");
            self.findings.push(Finding::error(place, message));
            return;
        }
        if step.performed && step.places.is_empty() {
            let message = format!(
                "the path can never match: no message {messages} has a place there{}",
                step.meant
            );
            let help = "correct the path, or remove the transformation if older messages are behind you";
            self.findings.push(Finding::warning(place, message).help(help));
        }
        for warning in &step.warnings {
            self.findings.push(Finding::warning(place, warning.clone()));
        }
    }

    fn judge_misfit(
        &mut self,
        migration: &Migration,
        segment: &mut ProvedSegment,
        to: &Version,
        misfit: &Misfit,
    ) {
        let told = format!(
            "expected {} at {}, found {}",
            misfit.expected, misfit.path, misfit.found
        );
        // Who wrote the value last is asked first.
        let touched = segment.steps.iter().rev().find(|step| {
            let mut places = step.step.places.iter();
            places.any(|place| !place.as_str().is_empty() && place.touches(&misfit.path))
        });
        let touched = touched.and_then(|step| migration.transformations().get(step.step.index));
        let place = touched.map_or(&to.place, |transformation| transformation.place());
        let helped = |finding: Finding| {
            match (touched, &segment.from) {
            (None, Some(from)) => finding.help(format!(
                "it comes so from `{from}`, and no transformation works there: add one, or correct one of the two schemas"
            )),
            _ => finding,
        }
        };
        let judged = migration.judges_leaving(to);
        match misfit.certainty {
            Certainty::Unknown => segment.undecided.push(format!("{told}; `{}` decides", to.name)),
            Certainty::Certain if judged => {
                let message = format!("no message fits `{}` at the end: {told}", to.name);
                let finding = helped(Finding::error(place, message));
                self.findings.push(finding);
            }
            Certainty::Certain | Certainty::Possible => {
                let message = format!("not every message fits `{}` behind the chain: {told}", to.name);
                let finding = helped(Finding::warning(place, message));
                self.findings.push(finding);
            }
        }
    }
}
