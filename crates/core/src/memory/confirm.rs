//! Confirms that the broker holds back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use event_listener::Event as Wake;
use futures_util::future::{Either, select};

use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::messaging::{Confirm, Receipt};

/// The answers of one batch, held back until the broker lets them go or the connection breaks.
#[derive(Debug, Default)]
pub(super) struct Held {
    outcome: Mutex<Option<Outcome>>,
    changed: Wake,
}

/// What became of held answers. The first one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The answers went out.
    Answered,
    /// The connection broke before.
    Lost,
    /// They did not come in time.
    TimedOut,
}

impl Held {
    pub(super) fn answer(&self, outcome: Outcome) {
        let mut place = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        place.get_or_insert(outcome);
        drop(place);
        self.changed.notify(usize::MAX);
    }

    pub(super) fn outcome(&self) -> Option<Outcome> {
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn wait(&self) -> Outcome {
        loop {
            let changed = self.changed.listen();
            if let Some(outcome) = self.outcome() {
                return outcome;
            }
            changed.await;
        }
    }
}

/// A confirm that answers when the broker lets it, or with doubt when it does not in time.
pub(super) fn held(
    held: Arc<Held>,
    clock: &dyn Clock,
    timeout: Duration,
    answers: Vec<Result<Receipt>>,
) -> Confirm {
    let over = clock.sleep(timeout);
    Confirm::new(answers.len(), async move {
        let outcome = match select(std::pin::pin!(held.wait()), over).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(((), _)) => {
                held.answer(Outcome::TimedOut);
                Outcome::TimedOut
            }
        };
        let (kind, message) = match outcome {
            Outcome::Answered => return answers,
            Outcome::Lost => (
                ErrorKind::Disconnected,
                "expected an answer, found the connection broken before it came",
            ),
            Outcome::TimedOut => (ErrorKind::Timeout, "expected an answer in time, found none"),
        };
        // What was refused before the wire is certain all the same; only what was stored is in doubt.
        let doubtful =
            |answer: Result<Receipt>| answer.and_then(|_| Err(Error::new(kind, "send", message).doubtful()));
        answers.into_iter().map(doubtful).collect()
    })
}
