//! Where most scenarios begin: a fresh channel with messages in it.

use dunlin_core::messaging::Endpoint;

use super::{Bench, Checked, Connection};
use crate::oracle::Oracle;

/// A channel whose messages were all confirmed, and nobody has received.
pub(crate) struct Filled {
    pub(crate) endpoint: Endpoint,
    pub(crate) connection: Connection,
    pub(crate) oracle: Oracle,
}

impl Bench<'_> {
    /// A fresh channel with so many messages.
    pub(crate) async fn filled(&self, messages: usize) -> Checked<Filled> {
        let endpoint = self.channel().await?;
        let connection = self.connect().await?;
        let oracle = self.oracle();
        connection
            .target(&endpoint)
            .await?
            .put(&oracle, &oracle.issue(messages))
            .await?;
        Ok(Filled {
            endpoint,
            connection,
            oracle,
        })
    }
}
