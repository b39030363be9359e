//! A bound for calls that should be short.

use std::time::Duration;

use dunlin_core::clock::Clock;
use dunlin_core::error::{Error, ErrorKind, Result};
use futures_util::future::{Either, select};

/// How long one end, or one session, may take to close.
pub(crate) const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// The result of a call that closes something, or an error once it has taken longer than [`CLOSE_LIMIT`].
pub(crate) async fn closed(clock: &dyn Clock, call: impl Future<Output = Result<()>>) -> Result<()> {
    match select(std::pin::pin!(call), clock.sleep(CLOSE_LIMIT)).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => Err(Error::new(
            ErrorKind::Timeout,
            "close",
            format!("expected an answer within {CLOSE_LIMIT:?}, found none"),
        )),
    }
}
