//! How a program is asked to end: the first request drains, the second aborts.
//!
//! This file knows no signals of an operating system; whoever owns the process turns them into requests.

use tokio::sync::watch;

/// What was asked for so far. It only ever rises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    /// Go on.
    Nothing,
    /// Take nothing more, finish what is in flight within the drain limit.
    Drain,
    /// End now; what is in flight stays unsettled.
    Abort,
}

/// The end that asks. A clone asks the same routes.
#[derive(Clone, Debug)]
pub struct ShutdownHandle(watch::Sender<Asked>);

/// The end that listens. A clone hears the same.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<Asked>);

/// Both ends.
pub fn shutdown() -> (ShutdownHandle, Shutdown) {
    let (asking, listening) = watch::channel(Asked::Nothing);
    (ShutdownHandle(asking), Shutdown(listening))
}

impl ShutdownHandle {
    /// Asks once more, and says for what: to drain the first time, to abort from the second time on.
    pub fn ask(&self) -> Asked {
        let mut asked = Asked::Abort;
        self.0.send_modify(|now| {
            *now = match *now {
                Asked::Nothing => Asked::Drain,
                Asked::Drain | Asked::Abort => Asked::Abort,
            };
            asked = *now;
        });
        asked
    }
}

impl Shutdown {
    /// What was asked for so far.
    pub fn asked(&self) -> Asked {
        *self.0.borrow()
    }

    /// Waits until something else is asked for than when this was last called; cancellation loses nothing. It waits for ever
    /// once nobody can ask any more.
    pub async fn changed(&mut self) -> Asked {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        *self.0.borrow_and_update()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn the_first_request_drains_and_every_further_one_aborts() {
        let (handle, mut shutdown) = shutdown();
        assert!(shutdown.changed().now_or_never().is_none());
        assert_eq!(handle.ask(), Asked::Drain);
        assert_eq!(shutdown.changed().now_or_never(), Some(Asked::Drain));
        assert!(shutdown.changed().now_or_never().is_none());
        assert_eq!((handle.ask(), handle.ask()), (Asked::Abort, Asked::Abort));
        assert_eq!(shutdown.changed().now_or_never(), Some(Asked::Abort));
        drop(handle);
        assert!(shutdown.changed().now_or_never().is_none());
    }
}
