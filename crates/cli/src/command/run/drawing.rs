//! Progress on a terminal: one line per route, drawn anew ten times a second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dunlin_router::progress::{Count, Fate, Progress, State};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;

use crate::logs;

/// How often the lines are drawn.
const INTERVAL: Duration = Duration::from_millis(100);

/// The lines, and the task that draws them.
pub(super) struct Drawing {
    lines: Vec<(Arc<Progress>, ProgressBar)>,
    all: MultiProgress,
    task: JoinHandle<()>,
}

impl Drawing {
    /// Draws these routes from now on; log lines are put around them.
    pub(super) fn start(routes: Vec<Arc<Progress>>) -> Self {
        let all = MultiProgress::new();
        // The template is a constant, and a spinner without it does as well.
        let style = ProgressStyle::with_template("{spinner} {prefix}: {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let lines: Vec<_> = routes
            .into_iter()
            .map(|progress| {
                let line = all.add(ProgressBar::new_spinner().with_style(style.clone()));
                line.set_prefix(progress.route().to_owned());
                (progress, line)
            })
            .collect();
        logs::draw_around(Some(all.clone()));
        let drawn = lines.clone();
        let task = tokio::spawn(async move {
            let start = Instant::now();
            let mut ticks = tokio::time::interval(INTERVAL);
            loop {
                ticks.tick().await;
                for (progress, line) in &drawn {
                    line.set_message(message(progress, start.elapsed()));
                    line.tick();
                }
            }
        });
        Self { lines, all, task }
    }

    /// Takes the lines away.
    pub(super) async fn end(self) {
        self.task.abort();
        // It ends by being aborted, which is no news.
        drop(self.task.await);
        for (_, line) in &self.lines {
            line.finish_and_clear();
        }
        logs::draw_around(None);
        drop(self.all);
    }
}

fn message(progress: &Progress, since: Duration) -> String {
    let received = progress.count(Count::Received);
    let mut text = format!(
        "{received} received, {} forwarded",
        progress.fate(Fate::Forwarded)
    );
    let dead = progress.fate(Fate::DeadLettered);
    if dead > 0 {
        text.push_str(&format!(", {dead} dead-lettered"));
    }
    let in_flight = progress.snapshot().in_flight;
    text.push_str(&format!(", {in_flight} in flight"));
    let tenths = u128::from(received) * 10_000 / since.as_millis().max(1);
    if received > 0 {
        text.push_str(&format!(", {}/s", tenths / 10));
    }
    match progress.state() {
        State::Running => {}
        state => text.push_str(&format!(" ({state})")),
    }
    text
}
