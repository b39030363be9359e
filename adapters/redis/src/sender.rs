//! Sending: a batch becomes one transaction of `XADD`, and each message gets its own answer.
//!
//! The transaction is for speed, not for its promise. A server that flushes every write to disk flushes once for what it
//! read at once, which is 16 KiB of a pipeline; a transaction is read to its end first, and flushed once. What the server
//! refuses to queue (no right to a key, no memory) undoes the whole, so that such a batch is sent again as a bare pipeline,
//! in which every message has its own fate.
//!
//! What was written and not answered is in doubt. A time limit that expires ends the connection, so that no copy is written
//! later; the router sends again with the same id.

use std::sync::Arc;

use async_trait::async_trait;
use dunlin_core::messaging::{Confirm, Outgoing, Receipt, Sender};
use dunlin_core::position::Position;
use dunlin_core::{Error, ErrorKind, Result};
use futures_util::FutureExt;
use redis::{Cmd, Pipeline, Value};
use tokio::sync::mpsc;

use crate::config::End;
use crate::connection::Connector;
use crate::error::{refused, unexpected};
use crate::headers;
use crate::reply::Id;
use crate::writer::Writer;

/// Appends messages to a stream.
pub(crate) struct RedisSender {
    end: Arc<End>,
    writer: Arc<Writer>,
    connector: Connector,
    /// Each answer that is outstanding holds one; closing waits until nobody does.
    outstanding: mpsc::Sender<()>,
    answered: mpsc::Receiver<()>,
}

impl RedisSender {
    pub(crate) fn new(end: End, writer: Arc<Writer>, connector: Connector) -> Self {
        let (outstanding, answered) = mpsc::channel(1);
        Self {
            end: Arc::new(end),
            writer,
            connector,
            outstanding,
            answered,
        }
    }
}

/// The place of a message's answer: among those of the server, or known beforehand.
enum Place {
    /// Sent to the stream of this key, which is the target's own if there is none.
    Sent(Option<Arc<str>>),
    Refused(Error),
}

#[async_trait]
impl Sender for RedisSender {
    async fn send(&mut self, batch: &[Outgoing]) -> Result<Confirm> {
        let mut commands = Pipeline::with_capacity(batch.len() + 2);
        commands.cmd("MULTI");
        let mut places = Vec::with_capacity(batch.len());
        for outgoing in batch {
            places.push(match command(&self.end, outgoing) {
                Ok((command, key)) => {
                    commands.add_command(command);
                    Place::Sent(key)
                }
                Err(error) => Place::Refused(error),
            });
        }
        let sent_count = commands.len() - 1;
        if sent_count == 0 {
            return Ok(Confirm::ready(answers(&self.end, places, Ok(Vec::new()))));
        }
        if sent_count == 1 {
            commands = bare(&commands);
        } else {
            commands.cmd("EXEC");
        }
        let link = self.writer.link()?;
        let connection = link.connection("send")?;
        let limit = self.connector.config.confirm_timeout;
        let end = Arc::clone(&self.end);
        let outstanding = self.outstanding.clone();
        let mut sent = async move {
            let mut answered = link
                .calls_on(connection.clone(), "send", limit, &commands)
                .await
                .map(executed);
            if let Ok(None) = answered {
                let commands = bare(&commands);
                answered = link
                    .calls_on(connection, "send", limit, &commands)
                    .await
                    .map(Some);
            }
            let answered = answered.map(Option::unwrap_or_default);
            drop(outstanding);
            answers(&end, places, answered)
        }
        .boxed();
        // The first poll puts the batch into the client's queue: batches keep their order, whichever task polls next.
        if let Some(answered) = (&mut sent).now_or_never() {
            return Ok(Confirm::ready(answered));
        }
        let messages = batch.len();
        let task = tokio::spawn(sent);
        Ok(Confirm::new(messages, async move {
            match task.await {
                Ok(answers) => answers,
                Err(cause) => {
                    let error = Error::new(ErrorKind::Internal, "send", "the answers were lost").doubtful();
                    tracing::error!(%cause, "a task that waits for answers has ended");
                    (0..messages).map(|_| Err(error.clone())).collect()
                }
            }
        }))
    }

    async fn close(self: Box<Self>) -> Result<()> {
        let Self {
            outstanding,
            mut answered,
            connector,
            ..
        } = *self;
        drop(outstanding);
        tokio::select! {
            _ = answered.recv() => {}
            () = connector.clock.sleep(connector.config.confirm_timeout) => {
                tracing::warn!("a sender was closed before all of its messages were answered");
            }
        }
        Ok(())
    }
}

/// The commands of a transaction, without what makes it one.
fn bare(transaction: &Pipeline) -> Pipeline {
    let mut commands = Pipeline::new();
    for command in transaction
        .cmd_iter()
        .filter(|command| command.args_iter().len() > 1)
    {
        commands.add_command(command.clone());
    }
    commands
}

/// What became of each command; none where the server has undone all of them.
fn executed(mut answers: Vec<Value>) -> Option<Vec<Value>> {
    match (answers.first(), answers.last()) {
        // The transaction was refused, and each command was a command by itself.
        (Some(Value::ServerError(_)), Some(Value::ServerError(_))) if answers.len() > 2 => {
            answers.pop();
            answers.remove(0);
            Some(answers)
        }
        (Some(Value::Okay), Some(Value::Array(_))) => match answers.pop() {
            Some(Value::Array(executed)) => Some(executed),
            _ => None,
        },
        (Some(Value::Okay), Some(Value::ServerError(_))) => None,
        _ => Some(answers),
    }
}

/// How many arguments a command has beside the message's own headers, for nearly all messages.
const ARGUMENTS: usize = 16;
/// How many bytes those take together.
const RESERVED: usize = 256;

/// The command that appends a message, and the key of its stream, if it is not the target's own.
fn command(end: &End, outgoing: &Outgoing) -> Result<(Cmd, Option<Arc<str>>)> {
    let message = &outgoing.message;
    let mut command = Cmd::with_capacity(
        ARGUMENTS + 2 * message.headers.len(),
        message.size() + end.channel.len() + RESERVED,
    );
    command.arg("XADD");
    let key = match &outgoing.address {
        Some(address) if **address != *end.channel.as_bytes() => {
            let key = std::str::from_utf8(address)
                .ok()
                .filter(|key| !key.is_empty())
                .ok_or_else(|| {
                    Error::new(
                        ErrorKind::NotRepresentable,
                        "send",
                        "expected the key of a stream as the address, found no text",
                    )
                })?;
            Some(Arc::<str>::from(key))
        }
        _ => None,
    };
    command.arg(key.as_deref().unwrap_or(&end.channel));
    if !end.creates {
        // Else Redis makes a stream of every name that is typed wrong.
        command.arg("NOMKSTREAM");
    }
    if let Some(length) = end.max_length {
        command.arg("MAXLEN").arg("~").arg(length);
    }
    command.arg("*");
    headers::write(end, outgoing, &mut command)?;
    Ok((command, key))
}

/// One answer for each message, in the order of the batch.
fn answers(end: &End, places: Vec<Place>, answered: Result<Vec<Value>>) -> Vec<Result<Receipt>> {
    let (mut values, failed) = match answered {
        Ok(values) => (values.into_iter(), None),
        Err(error) => (Vec::new().into_iter(), Some(error.doubtful())),
    };
    let channel: Arc<str> = Arc::from(end.channel.as_str());
    places
        .into_iter()
        .map(|place| {
            let key = match place {
                Place::Refused(error) => return Err(error),
                Place::Sent(key) => key,
            };
            let own = key.is_none();
            let key = key.unwrap_or_else(|| Arc::clone(&channel));
            // An address may have been made from the message, and is told to nobody.
            let told = |error: Error| Err(error.with("channel", &end.channel));
            if let Some(error) = &failed {
                return told(error.clone());
            }
            match values.next() {
                Some(Value::ServerError(cause)) => told(match refused("send", &cause) {
                    error if !own && error.kind() == ErrorKind::ChannelMissing => occupied(),
                    error => error,
                }),
                Some(Value::Nil) => told(missing(own)),
                Some(value) => match Id::of(&value) {
                    Some(id) => Ok(Receipt::at(Position::new(key, id.0))),
                    None => Err(unexpected("send", "the id of an entry").doubtful()),
                },
                None => Err(unexpected("send", "an answer for each message").doubtful()),
            }
        })
        .collect()
}

/// No stream can be under this address, which is the message's own fault and not its channel's.
fn occupied() -> Error {
    Error::new(
        ErrorKind::Unroutable,
        "send",
        "expected a stream under the message's address, found another type of value; correct the address, or what it is made of",
    )
}

fn missing(own: bool) -> Error {
    let (kind, message) = if own {
        (
            ErrorKind::ChannelMissing,
            "expected the stream to be there, found none; make it, or set `topology: create`",
        )
    } else {
        (
            ErrorKind::Unroutable,
            "expected a stream under the message's address, found none; make it, or set `topology: create`",
        )
    };
    Error::new(kind, "send", message)
}

#[cfg(test)]
mod tests;
