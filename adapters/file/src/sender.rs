//! Sending: messages become lines or blocks of a container, a batch is written as one, and each message gets its own answer.

use std::sync::Arc;

use async_trait::async_trait;
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Confirm, Outgoing, Receipt, Sender};
use dunlin_core::position::Position;
use dunlin_core::{Error, ErrorKind, Result};

use crate::config::End;
use crate::container::{Packed, pack};
use crate::error::lost;
use crate::headers;
use crate::tail::log_name;
use crate::writer::{Share, answer};

/// Puts messages at the end of a file.
pub(crate) struct FileSender {
    end: Arc<End>,
    share: Share,
    clock: Arc<dyn Clock>,
}

impl FileSender {
    pub(crate) fn new(end: End, share: Share, clock: Arc<dyn Clock>) -> Self {
        Self {
            end: Arc::new(end),
            share,
            clock,
        }
    }
}

#[async_trait]
impl Sender for FileSender {
    async fn send(&mut self, batch: &[Outgoing]) -> Result<Confirm> {
        let (Packed { bytes, starts }, refused) = match self.share.container() {
            Some(container) => pack(&self.end, &**container, batch),
            None => headers::lines(&self.end, batch),
        };
        // What stands behind a refused message stays out, so that the file never shows a later one before it.
        let behind = batch.len() - starts.len();
        let rest = refused
            .into_iter()
            .chain((1..).map(|_| stayed_out()))
            .take(behind)
            .map(Err);
        if starts.is_empty() {
            return Ok(Confirm::ready(rest.collect()));
        }
        let written = self.share.write(bytes).await?;
        let rest: Vec<_> = rest.collect();
        let end = Arc::clone(&self.end);
        let deadline = self.clock.sleep(end.confirm_timeout);
        Ok(Confirm::new(batch.len(), async move {
            let outcome = answer(written, deadline).await;
            let receipts = starts.iter().map(|start| match &outcome {
                Ok(Ok((_, _))) if end.path.is_none() => Ok(Receipt::stored()),
                Ok(Ok((identity, first))) => Ok(Receipt::at(Position::new(
                    log_name(&end.channel, *identity, 0),
                    start.behind(*first).packed(),
                ))),
                Ok(Err(failure)) => Err(failure.error("send", headers::name(&end))),
                Err(error) => Err(error.clone().with("channel", headers::name(&end))),
            });
            receipts.chain(rest).collect()
        }))
    }

    async fn close(self: Box<Self>) -> Result<()> {
        let share = self.share;
        // Blocks are answered in order: when nothing has been written behind the others, they have their answers.
        if let Ok(written) = share.write(Vec::new()).await
            && let Err(error) = answer(written, self.clock.sleep(self.end.confirm_timeout)).await
        {
            tracing::debug!(%error, "the outstanding lines were not answered before the end");
        }
        tokio::task::spawn_blocking(move || share.leave())
            .await
            .map_err(|cause| lost("close", cause))?
    }
}

fn stayed_out() -> Error {
    Error::new(
        ErrorKind::Rejected,
        "send",
        "not written, because an earlier message of its batch was refused; send it again",
    )
}
