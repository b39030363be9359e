//! One plain server for all tests of a process.

use tokio::sync::OnceCell;

use anyhow::Result;

use crate::kind::Kind;
use crate::options::Options;
use crate::server::Server;

/// The server of this kind that all tests of this process share; the first one to ask starts it.
///
/// It ends with the process (nothing drops it, its guardian does the work). Nobody can kill or pause it, because
/// nobody gets it for changing: a test that wants that starts its own. Tests give their channels names of their own.
///
/// # Errors
/// As [`Server::start`]; the next test to ask tries again.
pub async fn shared(kind: Kind) -> Result<&'static Server> {
    static SERVERS: [OnceCell<Server>; Kind::ALL.len()] = [const { OnceCell::const_new() }; Kind::ALL.len()];
    SERVERS[kind.index()]
        .get_or_try_init(|| Server::start(kind, Options::new()))
        .await
}
