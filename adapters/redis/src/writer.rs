//! The one connection on which a session writes, shared by all of its senders.
//!
//! Its task keeps it: an idle connection is asked for a sign of life, and one that is dead is replaced. While there is none
//! a sender is told so at once, with the reason, and nothing is queued: what is queued here could be written after the
//! router has sent it again.

use std::sync::Arc;

use dunlin_core::messaging::{Event, Events};
use dunlin_core::reconnect::Pauses;
use dunlin_core::{Error, Result};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::connection::{Connector, Link};
use crate::error::disconnected;

/// The writing connection of a session.
#[derive(Debug)]
pub(crate) struct Writer {
    state: watch::Receiver<State>,
    keeping: JoinHandle<()>,
}

#[derive(Clone, Debug)]
enum State {
    Up(Arc<Link>),
    Down(Arc<Error>),
}

impl Writer {
    /// Keeps this connection, and whatever has to replace it.
    pub(crate) fn keep(connector: Connector, first: Arc<Link>, events: Events) -> Self {
        let (tell, state) = watch::channel(State::Up(Arc::clone(&first)));
        Self {
            state,
            keeping: tokio::spawn(keep(connector, first, events, tell)),
        }
    }

    /// The connection as it is now.
    pub(crate) fn link(&self) -> Result<Arc<Link>> {
        match &*self.state.borrow() {
            State::Up(link) if link.is_dead() => Err(disconnected("send")),
            State::Up(link) => Ok(Arc::clone(link)),
            State::Down(error) => Err(Error::clone(error)),
        }
    }

    /// Ends the connection.
    pub(crate) fn close(&self) {
        self.keeping.abort();
        if let State::Up(link) = &*self.state.borrow() {
            link.kill();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

async fn keep(connector: Connector, first: Arc<Link>, events: Events, tell: watch::Sender<State>) {
    let mut link = first;
    loop {
        let mut error = until_dead(&connector, &link).await;
        drop(link);
        let mut pauses = Pauses::new();
        let mut told = None;
        link = loop {
            let pause = pauses.after(&error);
            tell.send_replace(State::Down(Arc::new(error.clone())));
            if told != Some(error.kind()) {
                told = Some(error.kind());
                events.tell(Event::Unhealthy { error });
            }
            connector.clock.sleep(pause).await;
            match connector.link().await {
                Ok(link) => break link,
                Err(failed) => error = failed,
            }
        };
        tell.send_replace(State::Up(Arc::clone(&link)));
        events.tell(Event::Reconnected);
        events.tell(Event::Healthy);
    }
}

/// Asks for a sign of life three times in the time in which silence must be noticed.
async fn until_dead(connector: &Connector, link: &Link) -> Error {
    let step = connector.config.liveness_timeout / 3;
    loop {
        tokio::select! {
            () = link.died() => return disconnected("send"),
            () = connector.clock.sleep(step) => {}
        }
        let sign = link
            .call_within("send", step + step / 2, &redis::cmd("PING"))
            .await;
        if let Err(error) = sign
            && link.is_dead()
        {
            return error;
        }
    }
}
