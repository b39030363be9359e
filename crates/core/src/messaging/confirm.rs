//! The answers to a batch that was sent.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;

use super::Receipt;
use crate::error::{Error, ErrorKind, Result};

/// The answers to one batch, one for each message, in the batch's order.
///
/// The work goes on without being polled, has a deadline set by the adapter, and resolves when every message was answered for
/// good. An answer that did not come in time is a temporary error, in doubt. Unroutable is an error, never a silent success.
///
/// Dropping it unanswered is a mistake that costs duplicates or worse; it is logged. [`Confirm::abandon`] says that it is meant.
#[must_use = "a message is not safe before its confirm has answered"]
pub struct Confirm {
    answers: Option<BoxFuture<'static, Vec<Result<Receipt>>>>,
    messages: usize,
}

impl Confirm {
    /// A confirm for this many messages. The future must go on without being polled, and give exactly one answer for each.
    pub fn new(
        messages: usize,
        answers: impl Future<Output = Vec<Result<Receipt>>> + Send + 'static,
    ) -> Self {
        Self {
            answers: Some(Box::pin(answers)),
            messages,
        }
    }

    /// A confirm whose answers are known already.
    pub fn ready(answers: Vec<Result<Receipt>>) -> Self {
        Self::new(answers.len(), std::future::ready(answers))
    }

    /// The number of messages it answers for.
    pub fn messages(&self) -> usize {
        self.messages
    }

    /// Gives up waiting on purpose, as an abort does: the messages are in doubt.
    pub fn abandon(mut self) {
        self.answers = None;
    }
}

impl Future for Confirm {
    type Output = Vec<Result<Receipt>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let messages = self.messages;
        let Some(answers) = self.answers.as_mut() else {
            // Polled again after its answer: pending for ever would hang the route without a word.
            return Poll::Ready(Vec::new());
        };
        let mut answered = std::task::ready!(answers.as_mut().poll(context));
        self.answers = None;
        if answered.len() != messages {
            // An adapter that answers for more or fewer messages cannot be trusted about any of them.
            let found = answered.len();
            answered = (0..messages)
                .map(|_| {
                    Err(Error::new(
                        ErrorKind::Internal,
                        "send",
                        format!("expected {messages} answers from the adapter, found {found}"),
                    )
                    .doubtful())
                })
                .collect();
        }
        Poll::Ready(answered)
    }
}

impl Drop for Confirm {
    fn drop(&mut self) {
        if self.answers.is_some() && self.messages > 0 {
            tracing::warn!(
                messages = self.messages,
                "a confirm was dropped before it was answered; its messages are in doubt"
            );
        }
    }
}

impl fmt::Debug for Confirm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Confirm({} messages{})",
            self.messages,
            if self.answers.is_some() { "" } else { ", answered" }
        )
    }
}
