//! One connection through the proxy: two directions, each under the rules of the moment.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;

use super::{Hold, Rules};

/// What a connection remembers of the moment at which it began.
#[derive(Debug)]
pub(super) struct Connection {
    target: Option<SocketAddr>,
    cuts: u64,
    drops: u64,
    rules: watch::Receiver<Rules>,
    /// Whether the client has said the word whose answers are kept back.
    said: AtomicBool,
    seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToServer,
    ToClient,
}

impl Connection {
    pub(super) fn new(now: &Rules, rules: watch::Receiver<Rules>, seed: u64) -> Connection {
        Connection {
            target: now.target,
            cuts: now.cuts,
            drops: now.drops,
            rules,
            said: AtomicBool::new(false),
            seed,
        }
    }

    /// Carries bytes until both sides are done, one of them breaks, or the connection is cut.
    pub(super) async fn run(self, mut client: TcpStream) {
        let server = match self.target {
            Some(target) => TcpStream::connect(target).await.ok(),
            None => None,
        };
        // From here on every way out is a reset, which loses nothing of what was shut down in order before.
        let _ = client.set_zero_linger();
        let Some(mut server) = server else { return };
        let _ = server.set_zero_linger();
        let _ = client.set_nodelay(true);
        let _ = server.set_nodelay(true);

        // Borrowed halves: owned ones end their direction in order when they are dropped, and a cut is no order.
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let both = async {
            tokio::try_join!(
                self.carry(Direction::ToServer, from_client, to_server),
                self.carry(Direction::ToClient, from_server, to_client),
            )
        };
        let mut rules = self.rules.clone();
        tokio::select! {
            // First: what is cut and released in one moment is not passed on.
            biased;
            _ = rules.wait_for(|rules| rules.cuts > self.cuts || rules.ended) => {}
            _ = both => {}
        }
    }

    async fn carry(
        &self,
        direction: Direction,
        mut from: ReadHalf<'_>,
        mut to: WriteHalf<'_>,
    ) -> io::Result<()> {
        let mut rules = self.rules.clone();
        let mut random = Random(self.seed.wrapping_mul(2) + u64::from(direction == Direction::ToClient));
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = tokio::select! {
                length = from.read(&mut buffer) => length?,
                () = self.dropped(rules.clone()) => wait_for_ever().await,
            };
            let mut rest = &buffer[..length];
            if direction == Direction::ToServer {
                self.listen(rest);
            }
            loop {
                let Some((wait, slice)) = rules
                    .wait_for(|rules| direction == Direction::ToServer || !self.holds(rules))
                    .await
                    .ok()
                    .map(|now| (random.around(now.delay, now.spread), now.slice))
                else {
                    return Ok(());
                };
                if !wait.is_zero() {
                    tokio::time::sleep(wait).await;
                }
                if rules.borrow().drops > self.drops {
                    wait_for_ever::<()>().await;
                }
                if length == 0 {
                    return to.shutdown().await;
                }
                let (head, tail) = rest.split_at(slice.min(rest.len()));
                to.write_all(head).await?;
                rest = tail;
                if rest.is_empty() {
                    break;
                }
            }
        }
    }

    /// Remembers whether the client said the word whose answers are kept back.
    fn listen(&self, bytes: &[u8]) {
        if let Hold::To(word) = self.rules.borrow().hold_answers
            && bytes.windows(word.len()).any(|window| window == word)
        {
            self.said.store(true, Ordering::Relaxed);
        }
    }

    fn holds(&self, rules: &Rules) -> bool {
        match rules.hold_answers {
            Hold::None => false,
            Hold::All => true,
            Hold::To(_) => self.said.load(Ordering::Relaxed),
        }
    }

    /// Comes back when this connection's flow was dropped.
    async fn dropped(&self, mut rules: watch::Receiver<Rules>) {
        let _ = rules.wait_for(|rules| rules.drops > self.drops).await;
    }
}

/// A dropped flow waits here until its connection is cut or the proxy ends.
async fn wait_for_ever<T>() -> T {
    std::future::pending().await
}

/// SplitMix64: a delay needs no better source, and the same seed gives the same delays everywhere.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From `middle - spread` to `middle + spread`, in whole microseconds.
    fn around(&mut self, middle: Duration, spread: Duration) -> Duration {
        let width = u64::try_from(2 * spread.as_micros()).unwrap_or(u64::MAX - 1);
        let offset = Duration::from_micros(self.next() % (width + 1));
        (middle + offset).saturating_sub(spread)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Random;

    #[test]
    fn one_seed_gives_the_same_delays_within_the_spread() {
        let (middle, spread) = (Duration::from_millis(500), Duration::from_millis(200));
        let delays = |seed| {
            let mut random = Random(seed);
            (0..100)
                .map(|_| random.around(middle, spread))
                .collect::<Vec<_>>()
        };
        assert_eq!(delays(1), delays(1));
        assert_ne!(delays(1), delays(2));
        assert!(
            delays(3)
                .iter()
                .all(|delay| *delay >= middle - spread && *delay <= middle + spread)
        );
        assert_eq!(Random(1).around(Duration::ZERO, Duration::ZERO), Duration::ZERO);
    }
}
