//! What a run has done: a table of counts, and for each route how it ended and where to look.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use dunlin_router::plan::{EndPlan, Plan};
use dunlin_router::progress::{Count, Fate, Progress, ProgressSnapshot};
use dunlin_router::route::EndReason;
use dunlin_router::runner::RouteEnd;
use serde_json::{Map, Value, json};

use super::table::table;
use crate::shell::{Shell, Tone};
use crate::systems::is_standard_output;
use crate::wording::listed;

/// Everything that a run leaves to be told.
pub(super) struct Summary {
    routes: BTreeMap<String, Ends>,
    progress: Vec<Arc<Progress>>,
    dry: bool,
    /// Messages go to standard output, so the summary must not.
    aside: bool,
}

/// The outputs of a route.
struct Ends {
    /// Who reads the source.
    group: String,
    /// Whether the group's place in it is remembered beside what is kept: another group would begin anew.
    keeps_history: bool,
    target: Output,
    report: Option<Output>,
    dead_letter: Option<Output>,
}

/// One output, as the configuration names it and as its system does.
struct Output {
    channel: String,
    place: String,
}

/// Counts that are told only where they are not zero, because they are news then.
const NEWS: [(Count, &str); 12] = [
    (Count::Behind, "migrated before"),
    (Count::Ahead, "ahead of the chain"),
    (Count::Unmatched, "that no condition fits"),
    (Count::KeptErrors, "values kept by `on_error: keep`"),
    (
        Count::KeptTargets,
        "sources given up by `on_conflict: keep_target`",
    ),
    (
        Count::ComplementsLeftOut,
        "without their complement, which was too large",
    ),
    (Count::Resent, "sent again"),
    (Count::Gaps, "gaps in the source"),
    (Count::GapMessages, "messages lost in gaps"),
    (Count::Reconnects, "reconnects"),
    (Count::SettleFailures, "failures to settle"),
    (Count::ReceiveFailures, "failures to receive"),
];

impl Summary {
    /// Of these routes.
    pub(super) fn of(plan: &Plan, dry: bool) -> Self {
        let named = |end: &EndPlan| {
            let channel = match end.channel.as_str() {
                "" => end.system.clone(),
                channel => format!("{}/{channel}", end.system),
            };
            let place = end.resolved.canonical.clone();
            Output { channel, place }
        };
        let ends = |route: &dunlin_router::RoutePlan| Ends {
            group: route.from.source.group.clone(),
            keeps_history: !route.from.resolved.capabilities.settling_deletes,
            target: named(&route.to.end),
            report: route.report.as_ref().map(|report| named(&report.end)),
            dead_letter: route.dead_letter.as_ref().map(named),
        };
        Self {
            routes: plan
                .routes
                .iter()
                .map(|route| (route.name.clone(), ends(route)))
                .collect(),
            progress: Vec::new(),
            dry,
            aside: !dry
                && plan
                    .routes
                    .iter()
                    .any(|route| is_standard_output(&route.to.end.resolved)),
        }
    }

    /// Counts what these routes do.
    pub(super) fn watch(&mut self, progress: Vec<Arc<Progress>>) {
        self.progress = progress;
    }

    /// Writes it: to standard output, or to standard error where messages go to standard output.
    pub(super) fn write(&self, ends: &[RouteEnd], shell: &mut Shell) -> io::Result<()> {
        let seen: Vec<ProgressSnapshot> = self.progress.iter().map(|progress| progress.snapshot()).collect();
        let text = if shell.is_json() {
            let routes: Vec<Value> = seen
                .iter()
                .map(|seen| self.to_json(seen, end_of(ends, seen)))
                .collect();
            format!("{}\n", json!({"dry_run": self.dry, "routes": routes}))
        } else {
            self.text(&seen, ends, shell)
        };
        if self.aside {
            shell.err.write_all(text.as_bytes())
        } else {
            shell.out.write_all(text.as_bytes())
        }
    }

    fn text(&self, seen: &[ProgressSnapshot], ends: &[RouteEnd], shell: &Shell) -> String {
        let mut lines = Vec::new();
        if seen.iter().any(|seen| seen.count(Count::Received) > 0) {
            lines.push(table(seen).to_string());
        }
        for seen in seen {
            self.tell(seen, end_of(ends, seen), shell, &mut lines);
        }
        lines.push(String::new());
        lines.join("\n")
    }

    fn tell(&self, seen: &ProgressSnapshot, end: Option<&RouteEnd>, shell: &Shell, lines: &mut Vec<String>) {
        let (tone, ended) = ended(end, seen.hindrance.as_deref());
        let nothing_new = seen.count(Count::Received) == 0;
        let what = if nothing_new && tone == Tone::Good {
            "nothing new".to_owned()
        } else {
            ended
        };
        let what = if self.aside { what } else { shell.paint(tone, what) };
        lines.push(format!("{}: {what}", seen.route));
        if nothing_new {
            let read_all = end.is_some_and(has_read_all) && !self.dry;
            if let Some(ends) = self
                .routes
                .get(&seen.route)
                .filter(|ends| read_all && ends.keeps_history)
            {
                lines.push(format!(
                    "  {:<13} {} has read all there is; another `from.group` begins anew",
                    "group", ends.group
                ));
            }
            return;
        }
        let mut line = |name: &str, text: String| lines.push(format!("  {name:<13} {text}"));
        if let Some(ends) = self.routes.get(&seen.route).filter(|_| !self.dry) {
            line("target", ends.target.to_string());
            if let Some(report) = &ends.report {
                line("report", report.to_string());
            }
            if let Some(dead_letter) = ends
                .dead_letter
                .as_ref()
                .filter(|_| seen.count(Count::Failed) > 0)
            {
                line("dead letter", dead_letter.to_string());
            }
        }
        let fates = [
            (Fate::UnsafeForwarded, "failed and forwarded as they came"),
            (Fate::Discarded, "dropped by the configuration"),
            (Fate::Returned, "given back to the source"),
            (Fate::Left, "left to the source"),
        ];
        let fates = fates.into_iter().map(|(fate, words)| (seen.fate(fate), words));
        let news = NEWS.into_iter().map(|(count, words)| (seen.count(count), words));
        let news: Vec<String> = fates
            .chain(news)
            .filter(|(count, _)| *count > 0)
            .map(|(count, words)| format!("{count} {words}"))
            .collect();
        if !seen.left_out.is_empty() {
            let parts = (seen.left_out.iter()).map(|(part, messages)| format!("{part} of {messages}"));
            line("left out", listed(parts));
        }
        if !news.is_empty() {
            line("also", listed(news));
        }
        if self.dry {
            for (id, outcomes) in seen.transformations.iter().flat_map(|one| &one.transformations) {
                let outcomes = outcomes
                    .iter()
                    .map(|(outcome, count)| format!("{outcome} {count}"));
                lines.push(format!("  {id}: {}", listed(outcomes)));
            }
        }
    }

    fn to_json(&self, seen: &ProgressSnapshot, end: Option<&RouteEnd>) -> Value {
        let fates = seen.fates.iter().map(|(fate, count)| (fate.name(), *count));
        let counts = seen.counts.iter().map(|(count, number)| (count.name(), *number));
        let numbers = |pairs: &mut dyn Iterator<Item = (&str, u64)>| -> Map<String, Value> {
            pairs
                .map(|(name, count)| (name.to_owned(), count.into()))
                .collect()
        };
        let migrations: Vec<Value> = seen
            .transformations
            .iter()
            .map(|migration| {
                let transformations: Vec<Value> = migration
                    .transformations
                    .iter()
                    .map(|(id, outcomes)| json!({"id": id, "outcomes": numbers(&mut outcomes.iter().copied())}))
                    .collect();
                json!({"migration": migration.migration, "transformations": transformations})
            })
            .collect();
        let (reason, error) = match end.map(|end| &end.result) {
            None => (None, Some("the route did not end in time".to_owned())),
            Some(Ok(ended)) => (Some(reason(ended.reason)), None),
            Some(Err(error)) => (None, Some(error.to_string())),
        };
        let ends = self.routes.get(&seen.route);
        json!({
            "route": seen.route,
            "ended": reason,
            "error": error,
            "waiting": was_hindered(end, seen.hindrance.as_deref()),
            "group": ends.map(|ends| &ends.group),
            "counts": numbers(&mut counts.into_iter()),
            "fates": numbers(&mut fates.into_iter()),
            "left_out": numbers(&mut seen.left_out.iter().map(|(part, messages)| (part.name(), *messages))),
            "failures": numbers(&mut seen.failures.iter().map(|(kind, count)| (*kind, *count))),
            "target": ends.map(|ends| ends.target.to_json()),
            "report": ends.and_then(|ends| ends.report.as_ref()).map(Output::to_json),
            "dead_letter": ends.and_then(|ends| ends.dead_letter.as_ref()).map(Output::to_json),
            "migrations": migrations,
        })
    }
}

impl Output {
    fn to_json(&self) -> Value {
        json!({"channel": self.channel, "place": self.place})
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.channel, self.place)
    }
}

fn end_of<'a>(ends: &'a [RouteEnd], seen: &ProgressSnapshot) -> Option<&'a RouteEnd> {
    ends.iter().find(|end| end.route == seen.route)
}

fn reason(reason: EndReason) -> &'static str {
    match reason {
        EndReason::SourceEnded => "source_ended",
        EndReason::Stopped => "stopped",
        EndReason::Aborted => "aborted",
    }
}

fn has_read_all(end: &RouteEnd) -> bool {
    matches!(&end.result, Ok(ended) if ended.reason == EndReason::SourceEnded)
}

/// What kept a route from its work until it was told to stop.
fn was_hindered<'a>(end: Option<&RouteEnd>, hindrance: Option<&'a str>) -> Option<&'a str> {
    let stopped =
        end.is_some_and(|end| matches!(&end.result, Ok(ended) if ended.reason != EndReason::SourceEnded));
    hindrance.filter(|_| stopped)
}

/// How a route ended, in words.
fn ended(end: Option<&RouteEnd>, hindrance: Option<&str>) -> (Tone, String) {
    let (tone, mut words) = match end.map(|end| &end.result) {
        None => (Tone::Bad, "aborted: it did not end in time".to_owned()),
        Some(Ok(ended)) => match (ended.reason, ended.left) {
            (EndReason::SourceEnded, _) => (Tone::Good, "done, the source has no more messages".to_owned()),
            (EndReason::Stopped, 0) => (
                Tone::Good,
                "stopped, everything in flight was finished".to_owned(),
            ),
            (EndReason::Stopped, left) => (
                Tone::Warning,
                format!("stopped, {left} in flight could not be finished and come again"),
            ),
            (EndReason::Aborted, left) => (Tone::Warning, format!("aborted, {left} in flight come again")),
        },
        Some(Err(error)) => (Tone::Bad, format!("failed: {error}")),
    };
    let Some(hindrance) = was_hindered(end, hindrance) else {
        return (tone, words);
    };
    words.push_str(", while it waited: ");
    words.push_str(hindrance);
    (Tone::Warning, words)
}
