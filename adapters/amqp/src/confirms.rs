//! Waits for the broker's answers to what was published, in the order of publishing, and hands them to their batches.
//!
//! The broker sends an unroutable message back and then confirms it. lapin hands the returned message to whichever confirm it
//! settles next, which need not be its own: with a cumulative confirm it may be any of them. Taken as it comes, a message that
//! was stored would be called unroutable, and one that was lost would be called stored. So answers are judged in runs: all that
//! the broker has confirmed up to here, and each returned message is matched to its own by what it is.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use dunlin_core::clock::Clock;
use dunlin_core::message::Headers;
use dunlin_core::messaging::Receipt;
use dunlin_core::{Error, ErrorKind, Result};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, poll_fn};
use lapin::message::BasicReturnMessage;
use lapin::types::ShortString;
use lapin::{Channel, Confirmation};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;

use crate::error::broker;
use crate::headers;
use crate::link::Live;

/// What was published in one call.
pub(crate) struct Batch {
    pub(crate) published: Vec<Published>,
    pub(crate) reply: oneshot::Sender<Vec<Result<Receipt>>>,
}

/// A message on its way, and by what it is known should it come back.
pub(crate) struct Published {
    pub(crate) key: ShortString,
    pub(crate) headers: Headers,
    pub(crate) payload: Bytes,
    pub(crate) answer: BoxFuture<'static, lapin::Result<Confirmation>>,
}

/// What the answers are waited for with.
pub(crate) struct Collector {
    pub(crate) channel: Arc<Channel>,
    pub(crate) live: Arc<Live>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limit: Duration,
    pub(crate) batches: UnboundedReceiver<Batch>,
}

/// A batch that is not answered to its end.
struct Waiting {
    answers: Vec<Result<Receipt>>,
    messages: usize,
    reply: oneshot::Sender<Vec<Result<Receipt>>>,
    deadline: BoxFuture<'static, ()>,
}

#[derive(Default)]
struct Open {
    messages: VecDeque<Published>,
    batches: VecDeque<Waiting>,
}

/// An answered message: what the broker said, and whether it was sent back.
type Answered = (Published, lapin::Result<Confirmation>);

impl Collector {
    /// Answers every batch, until there are no more, or one is not answered in time.
    pub(crate) async fn run(mut self) {
        let mut open = Open::default();
        loop {
            if open.batches.is_empty() {
                match self.batches.recv().await {
                    Some(batch) => self.take(&mut open, batch),
                    None => return,
                }
            }
            let Open { messages, batches } = &mut open;
            let Some(first) = batches.front_mut() else {
                continue;
            };
            let mut run = tokio::select! {
                biased;
                run = poll_fn(|context| poll_run(messages, context)) => run,
                () = &mut first.deadline => {
                    if self.live.is_blocked() {
                        // The broker has asked to wait and reads nothing meanwhile.
                        first.deadline = self.clock.sleep(self.limit);
                        continue;
                    }
                    return self.give_up(open);
                }
            };
            // lapin answers all messages of one cumulative confirm under one lock, and this takes it: behind it, none of them
            // is missing, and whatever was sent back with them is here.
            let _ = self.channel.wait_for_confirms().now_or_never();
            while let Ok(batch) = self.batches.try_recv() {
                self.take(&mut open, batch);
            }
            poll_fn(|context| {
                if let Poll::Ready(mut more) = poll_run(&mut open.messages, context) {
                    run.append(&mut more);
                }
                Poll::Ready(())
            })
            .await;
            open.answer(judge(run));
        }
    }

    fn take(&self, open: &mut Open, batch: Batch) {
        open.batches.push_back(Waiting {
            answers: Vec::with_capacity(batch.published.len()),
            messages: batch.published.len(),
            reply: batch.reply,
            deadline: self.clock.sleep(self.limit),
        });
        open.messages.extend(batch.published);
    }

    /// Some of these may be stored, others may still wait in the client. They must not be sent beside a later copy, so the
    /// connection goes with them.
    fn give_up(mut self, mut open: Open) {
        let late = Error::new(
            ErrorKind::Timeout,
            "send",
            format!(
                "expected the broker's confirm within {:?}, found none; it may be slow or cut off, and `confirm_timeout_ms` is the limit",
                self.limit
            ),
        )
        .doubtful();
        self.live.give_up(late.clone().during("send"));
        self.batches.close();
        while let Ok(batch) = self.batches.try_recv() {
            self.take(&mut open, batch);
        }
        let answers = open
            .messages
            .drain(..)
            .map(|_| Err(late.clone().during("send")))
            .collect();
        open.answer(answers);
    }
}

impl Open {
    /// Hands out answers in the order in which the messages were published.
    fn answer(&mut self, answers: Vec<Result<Receipt>>) {
        for answer in answers {
            let Some(first) = self.batches.front_mut() else {
                return;
            };
            first.answers.push(answer);
            if first.answers.len() == first.messages
                && let Some(done) = self.batches.pop_front()
            {
                // Whoever sent them may have given up waiting.
                let _ = done.reply.send(done.answers);
            }
        }
    }
}

/// Every message from the front on that is answered; at least one.
fn poll_run(messages: &mut VecDeque<Published>, context: &mut Context<'_>) -> Poll<Vec<Answered>> {
    let mut run = Vec::new();
    while let Some(first) = messages.front_mut()
        && let Poll::Ready(answer) = Pin::new(&mut first.answer).poll(context)
        && let Some(first) = messages.pop_front()
    {
        run.push((first, answer));
    }
    match run.is_empty() {
        true => Poll::Pending,
        false => Poll::Ready(run),
    }
}

/// What the broker's words mean for each message of a run.
fn judge(run: Vec<Answered>) -> Vec<Result<Receipt>> {
    let mut returned = Vec::new();
    let mut answers = Vec::with_capacity(run.len());
    let mut messages = Vec::with_capacity(run.len());
    for (message, answer) in run {
        answers.push(match answer {
            Ok(Confirmation::Ack(back)) => {
                returned.extend(back);
                Ok(Receipt::stored())
            }
            Ok(Confirmation::Nack(back)) => {
                returned.extend(back);
                Err(Error::new(
                    ErrorKind::Rejected,
                    "send",
                    "the broker could not store the message; the queue may be full (`overflow: reject-publish`) or short of members",
                ))
            }
            Ok(Confirmation::NotRequested) => Err(Error::new(
                ErrorKind::Internal,
                "send",
                "expected a channel with confirms, found one without",
            )
            .doubtful()),
            Err(cause) => Err(broker("send", cause).doubtful()),
        });
        messages.push(message);
    }
    for back in returned {
        let own = (messages.iter().zip(&answers))
            .position(|(message, answer)| answer.is_ok() && is_same(message, &back));
        match own {
            Some(place) => answers[place] = Err(unroutable(&back)),
            // It is one of these, and nobody can say which: none of them may be called stored.
            None => {
                for answer in answers.iter_mut().filter(|answer| answer.is_ok()) {
                    *answer = Err(Error::new(
                        ErrorKind::Rejected,
                        "send",
                        "a message of this run was sent back, and it cannot be told which",
                    )
                    .doubtful());
                }
            }
        }
    }
    answers
}

fn is_same(message: &Published, back: &BasicReturnMessage) -> bool {
    message.key == back.routing_key
        && *message.payload == *back.data
        && headers::same(&message.headers, back.properties.headers())
}

fn unroutable(back: &BasicReturnMessage) -> Error {
    let exchange = back.exchange.as_str();
    let message = if exchange.is_empty() {
        "expected a queue of this name, found none; make it, correct the name, or set `topology: create`"
    } else {
        "expected a queue that is bound for this routing key, found none; bind one, or correct the key or `exchange`"
    };
    Error::new(ErrorKind::Unroutable, "send", message).with(
        "exchange",
        if exchange.is_empty() {
            "the default exchange"
        } else {
            exchange
        },
    )
}

#[cfg(test)]
mod tests;
