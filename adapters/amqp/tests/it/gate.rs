//! Holds back what the broker says to publishers, and to them alone.
//!
//! A proxy that holds back every answer also holds back those to whoever asks how a queue stands. Only the client knows which
//! of its connections is for publishing, and says so in the name that it gives the connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The end of the name of a connection on which messages are published.
const PUBLISHER: &[u8] = b"(publish)";

/// A port in front of another one.
pub(crate) struct Gate {
    pub(crate) address: SocketAddr,
    held: watch::Sender<bool>,
    said: watch::Sender<Vec<u8>>,
}

impl Gate {
    /// Lets everybody through to this address, for as long as the runtime of the caller lives.
    pub(crate) async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port for the gate");
        let address = listener.local_addr().expect("its address");
        let held = watch::Sender::new(false);
        let said = watch::Sender::new(Vec::new());
        let (told, heard) = (held.subscribe(), said.subscribe());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, to, told.clone(), heard.clone()));
            }
        });
        Self { address, held, said }
    }

    pub(crate) fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    /// Says this to every publisher as if the broker had, also while its own answers are held. Nothing must be on its way.
    pub(crate) fn say(&self, frame: &[u8]) {
        self.said.send_replace(frame.to_vec());
    }
}

async fn pass(
    client: TcpStream,
    to: SocketAddr,
    held: watch::Receiver<bool>,
    mut said: watch::Receiver<Vec<u8>>,
) {
    said.mark_unchanged();
    let Ok(server) = TcpStream::connect(to).await else {
        return;
    };
    let publisher = Arc::new(AtomicBool::new(false));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // Where one direction ends, both do: an end of a connection is an end for both sides.
    tokio::select! {
        () = say(from_client, to_server, Arc::clone(&publisher)) => {}
        () = answer(from_server, to_client, publisher, held, said) => {}
    }
}

async fn say(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, publisher: Arc<AtomicBool>) {
    let (mut bytes, mut greeting) = (vec![0; 64 << 10], Vec::new());
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if greeting.len() < 4_096 {
            greeting.extend_from_slice(&bytes[..count]);
            if greeting.windows(PUBLISHER.len()).any(|part| part == PUBLISHER) {
                publisher.store(true, Ordering::SeqCst);
            }
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

async fn answer(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    publisher: Arc<AtomicBool>,
    mut held: watch::Receiver<bool>,
    mut said: watch::Receiver<Vec<u8>>,
) {
    let (mut bytes, mut kept) = (vec![0; 64 << 10], Vec::new());
    loop {
        let holding = publisher.load(Ordering::SeqCst) && *held.borrow();
        if !holding && !kept.is_empty() {
            if to.write_all(&kept).await.is_err() {
                return;
            }
            kept.clear();
        }
        // Read on while nothing is passed on: an end of the connection is passed on at once, and what was kept is lost with it.
        tokio::select! {
            read = from.read(&mut bytes) => match read {
                Ok(count @ 1..) => kept.extend_from_slice(&bytes[..count]),
                Ok(0) | Err(_) => return,
            },
            changed = held.changed() => if changed.is_err() { return },
            changed = said.changed() => {
                let frame = said.borrow_and_update().clone();
                let meant = publisher.load(Ordering::SeqCst);
                if changed.is_err() || (meant && to.write_all(&frame).await.is_err()) {
                    return;
                }
            }
        }
    }
}
