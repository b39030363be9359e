//! What takes values elsewhere: move, copy.

use dunlin_core::migration::document::Value;

use super::super::pair::{Entry, quoted};
use super::super::places::{Ends, Forms, Sample, Segment, Step, World, join, name_segment, spots, written};

impl World<'_> {
    pub(super) fn carry(&mut self, operation: &str) -> (Entry, Sample) {
        let forms = Forms {
            headers: true,
            key: true,
            ..Forms::default()
        };
        let mut sample = self.path(Ends::Anything, forms, |_| true);
        if operation == "move"
            && let Some(last) = sample.segments.last_mut().filter(|last| last.wildcard)
        {
            // No member outside of an element shares the element with it.
            let plain = if last.text.starts_with('[') { "[0]" } else { "a" };
            *last = Segment {
                text: plain.to_owned(),
                wildcard: false,
            };
        }
        let mut entry = Entry::new(operation, quoted(&sample.text()));
        let plain = |last: &Segment| !last.text.starts_with('[') && !last.wildcard;
        let same = self.chance.percent(4) && sample.segments.last().is_some_and(plain);
        let to = if same {
            sample.text()
        } else if !self.inside && sample.shared() == 0 && self.chance.percent(32) {
            (*self
                .chance
                .pick(&["@headers.h1", "@headers.h2", "@headers.h7", "@key"]))
            .to_owned()
        } else {
            self.target(&sample, operation == "copy")
        };
        entry.put_text("to", &to);
        self.choose(
            &mut entry,
            "on_conflict",
            55,
            &["fail", "replace", "keep_target", "merge"],
        );
        self.choose(&mut entry, "parents", 30, &["missing", "missing_or_null", "no"]);
        (entry, sample)
    }

    /// A target that shares the element of the last wildcard with its source, and lies outside of the source.
    fn target(&mut self, source: &Sample, spread: bool) -> String {
        let shared = source.shared();
        for _ in 0..8 {
            let mut segments = source.segments[..shared].to_vec();
            segments.extend(self.inner(source.scope.as_ref(), spread));
            let inside = segments.len() > source.segments.len() && segments.starts_with(&source.segments);
            if spread || source.segments.is_empty() || !inside {
                return join(&segments);
            }
        }
        let mut segments = source.segments[..shared].to_vec();
        segments.push(name_segment("elsewhere"));
        join(&segments)
    }

    /// From an element on to a member in it.
    fn inner(&mut self, element: Option<&Value>, spread: bool) -> Vec<Segment> {
        let mut segments = Vec::new();
        let mut parent = None;
        if let Some(element) = element {
            let readable = |step: &Step| !matches!(step, Step::Name(None));
            let all = spots(element);
            let objects: Vec<_> = all
                .iter()
                .filter(|spot| {
                    matches!(spot.value, Value::Object(_)) || (spot.value.is_null() && spot.steps.len() < 3)
                })
                .filter(|spot| spot.steps.iter().all(readable))
                .collect();
            let top = all.iter().find(|spot| spot.steps.is_empty());
            let chosen = match (objects.len(), top) {
                (0, top) => top,
                (_, Some(top)) if self.chance.percent(40) => Some(top),
                (count, _) => Some(objects[self.chance.below(count)]),
            };
            if let Some(chosen) = chosen {
                for step in &chosen.steps {
                    let wild = spread && self.chance.percent(30);
                    segments.push(match step {
                        Step::Name(Some(name)) if !wild => name_segment(name),
                        Step::Name(_) => Segment {
                            text: "*".to_owned(),
                            wildcard: true,
                        },
                        Step::Index(index, _) if !wild => Segment {
                            text: format!("[{index}]"),
                            wildcard: false,
                        },
                        Step::Index(..) => Segment {
                            text: "[*]".to_owned(),
                            wildcard: true,
                        },
                    });
                }
                parent = Some(chosen.value.clone());
            }
        }
        if self.chance.percent(20) {
            segments.push(name_segment("made"));
        }
        let name = self.target_name(parent.as_ref());
        segments.push(Segment {
            text: written(&name),
            wildcard: false,
        });
        segments
    }
}
