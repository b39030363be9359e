//! A bad network: a port on loopback in front of a server, with faults that a test switches on and off.
//!
//! It runs in a thread of its own, so that neither a test's paused clock nor a test that blocks stops it. Delays are
//! drawn from a seed: two runs with one seed and the same traffic wait alike.

mod flow;

use std::net::{Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::ports::Port;
use flow::Connection;

/// A proxy for TCP. It ends, and breaks its connections, when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    port: Port,
    rules: watch::Sender<Rules>,
    state: watch::Receiver<State>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread is told.
#[derive(Debug, Clone)]
struct Rules {
    /// Where connections are passed on to; nobody is let in before this is known.
    target: Option<SocketAddr>,
    refuse: bool,
    hold_answers: Hold,
    delay: Duration,
    spread: Duration,
    /// The most bytes that are passed on at once.
    slice: usize,
    /// How often connections were cut; one that began at a lower count ends.
    cuts: u64,
    /// How often flows were dropped; one that began at a lower count moves no more bytes.
    drops: u64,
    ended: bool,
}

/// Which answers are kept back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    None,
    All,
    /// Those on connections that have said this word since.
    To(&'static [u8]),
}

/// What the thread tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct State {
    listening: bool,
    connections: usize,
}

impl Proxy {
    /// Takes a port and starts to listen; connections wait until [`forward_to`](Proxy::forward_to) says where they go.
    ///
    /// So a proxy can be there before its server, which may have to tell clients the proxy's address
    /// ([`Options::advertise`](crate::Options::advertise)).
    ///
    /// # Errors
    /// When there is no port, or no thread.
    pub fn start(seed: u64) -> Result<Proxy> {
        let port = Port::take()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.number));
        let (rules, seen) = watch::channel(Rules {
            target: None,
            refuse: false,
            hold_answers: Hold::None,
            delay: Duration::ZERO,
            spread: Duration::ZERO,
            slice: usize::MAX,
            cuts: 0,
            drops: 0,
            ended: false,
        });
        let (tell, state) = watch::channel(State::default());
        let listener = std::net::TcpListener::bind(address).context("the proxy's port is taken")?;
        listener
            .set_nonblocking(true)
            .context("the proxy's port cannot be used without blocking")?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("no runtime for the proxy")?;
        let thread = std::thread::Builder::new()
            .name("proxy".to_owned())
            .spawn(move || runtime.block_on(serve(address, listener, seen, &tell, seed)))
            .context("no thread for the proxy")?;
        Ok(Proxy {
            port,
            rules,
            state,
            thread: Some(thread),
        })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port.number))
    }

    /// Passes connections on to this address from now on.
    pub fn forward_to(&self, target: SocketAddr) {
        self.rules.send_modify(|rules| rules.target = Some(target));
    }

    /// Breaks every connection of this moment, in the middle of whatever it carries (a reset, not an orderly end).
    pub fn cut(&self) {
        self.rules.send_modify(|rules| rules.cuts += 1);
    }

    /// Refuses new connections, or lets them in again. Returns when the port is closed or open.
    ///
    /// # Errors
    /// When the port cannot be opened again.
    pub async fn refuse(&self, refuse: bool) -> Result<()> {
        self.rules.send_modify(|rules| rules.refuse = refuse);
        self.state
            .clone()
            .wait_for(|state| state.listening != refuse)
            .await
            .map(drop)
            .context("the proxy has ended: its port could not be opened again")
    }

    /// Keeps back what the server says, on connections old and new, until [`release_answers`](Proxy::release_answers).
    pub fn hold_answers(&self) {
        self.rules.send_modify(|rules| rules.hold_answers = Hold::All);
    }

    /// Keeps back what the server says on the connections that say this word from now on, and on no other: so a client that
    /// writes waits, and one that reads through the same port goes on.
    pub fn hold_answers_to(&self, word: &'static [u8]) {
        self.rules
            .send_modify(|rules| rules.hold_answers = Hold::To(word));
    }

    /// Passes on what was kept back, and all that follows.
    pub fn release_answers(&self) {
        self.rules.send_modify(|rules| rules.hold_answers = Hold::None);
    }

    /// Lets no more bytes through on the connections of this moment, in either direction, and does not close them: what a
    /// firewall does that forgot them. New connections work.
    pub fn drop_flow(&self) {
        self.rules.send_modify(|rules| rules.drops += 1);
    }

    /// Delays what is passed on, in both directions, by `delay` give or take `spread`.
    pub fn delay(&self, delay: Duration, spread: Duration) {
        self.rules.send_modify(|rules| {
            rules.delay = delay;
            rules.spread = spread;
        });
    }

    /// Passes on at most so many bytes at once; with 1 every read of the other side is short.
    pub fn slice(&self, bytes: usize) {
        self.rules.send_modify(|rules| rules.slice = bytes.max(1));
    }

    /// How many connections there are.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.state.borrow().connections
    }

    /// Waits until so many connections are there, or more.
    ///
    /// # Errors
    /// When the proxy has ended.
    pub async fn connected(&self, at_least: usize) -> Result<()> {
        self.state
            .clone()
            .wait_for(|state| state.connections >= at_least)
            .await
            .map(drop)
            .context("the proxy has ended")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.rules.send_modify(|rules| rules.ended = true);
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell: its faults show in the connections.
            let _ = thread.join();
        }
    }
}

/// Listens, or does not, as the rules say, until they say that it is over.
async fn serve(
    address: SocketAddr,
    listener: std::net::TcpListener,
    mut rules: watch::Receiver<Rules>,
    tell: &watch::Sender<State>,
    seed: u64,
) {
    let mut listener = TcpListener::from_std(listener).ok();
    let mut connections = JoinSet::new();
    let mut number = 0;
    loop {
        let now = rules.borrow_and_update().clone();
        if now.ended {
            return;
        }
        if now.refuse {
            listener = None;
        } else if listener.is_none() {
            // The port is locked, so only the remains of our own connections can be in the way, and they never are.
            let Ok(opened) = TcpListener::bind(address).await else {
                return;
            };
            listener = Some(opened);
        }
        tell.send_if_modified(|state| {
            let new = State {
                listening: listener.is_some(),
                connections: connections.len(),
            };
            std::mem::replace(state, new) != new
        });
        tokio::select! {
            changed = rules.changed() => if changed.is_err() { return },
            Some(_) = connections.join_next() => {}
            Some(client) = accept(listener.as_ref(), now.target) => {
                number += 1;
                // By the rules of this moment: those of the last turn may be from before a flow was dropped.
                let connection = Connection::new(&rules.borrow(), rules.clone(), seed.wrapping_add(number));
                connections.spawn(connection.run(client));
            }
        }
    }
}

/// The next client; never, while nobody is to be let in.
async fn accept(listener: Option<&TcpListener>, target: Option<SocketAddr>) -> Option<TcpStream> {
    match (listener, target) {
        (Some(listener), Some(_)) => listener.accept().await.ok().map(|(client, _)| client),
        _ => std::future::pending().await,
    }
}
