//! Receiving and settling: lines become deliveries, and the place moves behind what is settled without a gap.
//!
//! A file takes no message back. What is to come again is kept here with its count of attempts, and is handed out before
//! any later line, so that order holds.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use dunlin_core::clock::Clock;
use dunlin_core::ledger::Ledger;
use dunlin_core::messaging::{Delivery, Lane, Receiver, Room, Settler, Token, Verdict};
use dunlin_core::position::Position;
use dunlin_core::{Class, Error, ErrorKind, Result};
use tokio::sync::Notify;

use crate::error::{invalid, io, lost};
use crate::feed::{Fed, Feed, Read};
use crate::places::{Place, PlaceFile, fingerprint};
use crate::tail::Log;

/// Takes messages from a file.
pub(crate) struct FileReceiver {
    feed: Feed,
    ready: VecDeque<Read>,
    flight: Arc<Flight>,
    end: End,
    clock: Arc<dyn Clock>,
}

/// Whether more can come from the file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    NotYet,
    Reached,
    Failed,
}

/// Answers the deliveries of a [`FileReceiver`].
pub(crate) struct FileSettler {
    flight: Arc<Flight>,
    clock: Arc<dyn Clock>,
    /// The place, and the number of the last message that it is behind; none for standard input.
    places: Option<Arc<Mutex<(PlaceFile, u64)>>>,
    remembered: u64,
}

/// What is handed out and not settled.
struct Flight {
    state: Mutex<State>,
    returned: Notify,
}

struct State {
    /// Nobody settles what a look hands out, so nothing of it is kept.
    keeps: bool,
    stable: bool,
    out: HashMap<Token, Held>,
    /// What is to come again, in the order of the file, each with when.
    returned: BTreeMap<u64, (Held, Instant)>,
    /// Numbers of the messages in the order of the file, from 1.
    ledger: Ledger<u64>,
    last: u64,
    /// Where the place is once that message and all before it are settled.
    places: BTreeMap<u64, (Arc<Log>, u64)>,
    log: Option<Arc<Log>>,
}

struct Held {
    number: u64,
    attempt: u32,
    delivery: Delivery,
}

/// Tokens are never given out twice in a process, so that one of an earlier receiver can never settle anything here.
static TOKENS: AtomicU64 = AtomicU64::new(1);

impl FileReceiver {
    /// A receiver whose deliveries nobody settles.
    pub(crate) fn onlooker(feed: Feed, stable: bool, clock: Arc<dyn Clock>) -> Self {
        Self::over(feed, Flight::new(false, stable), clock)
    }

    /// A receiver and its settler. Without `places` nothing is remembered.
    pub(crate) fn settled(
        feed: Feed,
        places: Option<PlaceFile>,
        stable: bool,
        clock: Arc<dyn Clock>,
    ) -> (Self, FileSettler) {
        let receiver = Self::over(feed, Flight::new(true, stable), Arc::clone(&clock));
        let places = places.map(|places| Arc::new(Mutex::new((places, 0))));
        let settler = FileSettler {
            flight: Arc::clone(&receiver.flight),
            clock,
            places,
            remembered: 0,
        };
        (receiver, settler)
    }

    fn over(feed: Feed, flight: Flight, clock: Arc<dyn Clock>) -> Self {
        Self {
            feed,
            ready: VecDeque::new(),
            flight: Arc::new(flight),
            end: End::NotYet,
            clock,
        }
    }
}

#[async_trait]
impl Receiver for FileReceiver {
    async fn receive(&mut self, room: Room, batch: &mut Vec<Delivery>) -> Result<()> {
        if room.messages == 0 {
            return Err(invalid("expected room for at least one message, found none"));
        }
        let flight = Arc::clone(&self.flight);
        loop {
            let returned = flight.returned.notified();
            tokio::pin!(returned);
            // From here on a message that comes back is noticed, also between the look and the wait.
            returned.as_mut().enable();
            let again = flight.state().again(self.clock.now(), room, batch);
            match again {
                Again::Taken => return Ok(()),
                Again::In(time) => {
                    tokio::select! {
                        () = self.clock.sleep(time) => {}
                        () = returned => {}
                    }
                    continue;
                }
                Again::Nothing => {}
            }
            if !self.ready.is_empty() {
                flight.state().take(room, &mut self.ready, batch);
                return Ok(());
            }
            match self.end {
                End::NotYet => {}
                End::Reached => {
                    return Err(Error::closed(
                        "receive",
                        "the file has ended, and everything in it was handed out",
                    ));
                }
                End::Failed => {
                    return Err(
                        Error::new(ErrorKind::Io, "receive", "reading has stopped after an error")
                            .class_of(Class::Unhealthy),
                    );
                }
            }
            let fed = tokio::select! {
                fed = self.feed.next() => fed,
                () = returned => continue,
            };
            match fed {
                Some(Fed::Messages(messages)) => self.ready.extend(messages),
                Some(Fed::Failed(error)) => return Err(error),
                Some(Fed::End) => self.end = End::Reached,
                None => self.end = End::Failed,
            }
        }
    }

    async fn close(self: Box<Self>) -> Result<()> {
        self.feed.close().await
    }
}

#[async_trait]
impl Settler for FileSettler {
    async fn settle(&mut self, verdicts: &[(Token, Verdict)]) -> Result<()> {
        let settled = self.flight.settle(verdicts, self.clock.now());
        self.remember().await?;
        settled
    }

    async fn close(mut self: Box<Self>) -> Result<()> {
        self.remember().await
    }
}

impl FileSettler {
    /// Writes down how far everything is settled, if that is further than what was written last.
    async fn remember(&mut self) -> Result<()> {
        let Some(places) = self.places.clone() else {
            return Ok(());
        };
        let Some((number, log, offset)) = self.flight.state().settled() else {
            return Ok(());
        };
        if number <= self.remembered {
            return Ok(());
        }
        let written = tokio::task::spawn_blocking(move || {
            let mut places = places.lock().unwrap_or_else(PoisonError::into_inner);
            // An earlier call may have been dropped while it waited here; it must not set the place back.
            if number > places.1 {
                places.0.write(&place(&log, offset)?)?;
                places.1 = number;
            }
            Ok(())
        });
        written.await.map_err(|cause| lost("settle", cause))??;
        self.remembered = number;
        Ok(())
    }
}

/// The place behind everything before this offset of a file.
pub(crate) fn place(log: &Log, offset: u64) -> Result<Place> {
    let before = match fingerprint(&*log.file, offset) {
        Ok(before) => before,
        // Cut short meanwhile: no fingerprint fits, and whoever begins here finds that out.
        Err(short) if short.kind() == std::io::ErrorKind::UnexpectedEof => String::new(),
        Err(cause) => {
            return Err(io(
                "settle",
                "the file cannot be read",
                log.name.as_ref().as_ref(),
                cause,
            ));
        }
    };
    Ok(Place {
        file: log.identity.to_string(),
        generation: log.generation,
        offset,
        before,
    })
}

/// What there is to hand out once more.
enum Again {
    Taken,
    In(Duration),
    Nothing,
}

impl Flight {
    fn new(keeps: bool, stable: bool) -> Self {
        let state = State {
            keeps,
            stable,
            out: HashMap::new(),
            returned: BTreeMap::new(),
            ledger: Ledger::new(usize::MAX),
            last: 0,
            places: BTreeMap::new(),
            log: None,
        };
        Self {
            state: Mutex::new(state),
            returned: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, verdicts: &[(Token, Verdict)], now: Instant) -> Result<()> {
        let mut state = self.state();
        let mut rejected = false;
        for (token, verdict) in verdicts {
            match verdict {
                Verdict::Done => {
                    if let Some(held) = state.out.remove(token) {
                        state.ledger.settle(held.number);
                    }
                }
                Verdict::Retry { after } => {
                    if let Some(held) = state.out.remove(token) {
                        let due = now.checked_add(*after).unwrap_or(now);
                        state.returned.insert(held.number, (held, due));
                        self.returned.notify_waiters();
                    }
                }
                Verdict::Reject => rejected |= state.out.contains_key(token),
            }
        }
        match rejected {
            false => Ok(()),
            true => Err(Error::new(
                ErrorKind::Unsupported,
                "settle",
                "a file has no dead-lettering of its own; nothing was rejected",
            )),
        }
    }
}

impl State {
    /// Hands out what came back and is due. As long as the first of it is not, nothing else goes before it.
    fn again(&mut self, now: Instant, room: Room, batch: &mut Vec<Delivery>) -> Again {
        let mut bytes = 0;
        let mut taken = 0;
        while let Some(first) = self.returned.first_entry() {
            let due = first.get().1;
            if due > now {
                return if taken == 0 {
                    Again::In(due - now)
                } else {
                    Again::Taken
                };
            }
            if taken == room.messages || (taken > 0 && bytes >= room.bytes) {
                break;
            }
            let (held, _) = first.remove();
            bytes += held.delivery.message.size();
            taken += 1;
            let attempt = held.attempt.saturating_add(1);
            batch.push(self.hand_out(held.number, attempt, held.delivery));
        }
        if taken == 0 { Again::Nothing } else { Again::Taken }
    }

    /// Hands out new messages.
    fn take(&mut self, room: Room, ready: &mut VecDeque<Read>, batch: &mut Vec<Delivery>) {
        let mut bytes = 0;
        let mut taken = 0;
        while taken < room.messages && (taken == 0 || bytes < room.bytes) {
            let Some(Read {
                envelope,
                log,
                start,
                end,
            }) = ready.pop_front()
            else {
                return;
            };
            bytes += envelope.message.size();
            taken += 1;
            let mut delivery = Delivery::new(Token(0), Lane(0), envelope.message);
            delivery.address = envelope.address;
            if self.stable {
                delivery.position = Some(Position::new(Arc::clone(&log.name), start));
            }
            self.issue(log, start, end);
            batch.push(self.hand_out(self.last, 1, delivery));
        }
    }

    fn issue(&mut self, log: Arc<Log>, start: u64, end: u64) {
        if !self.keeps {
            return;
        }
        if self.log.as_ref().is_some_and(|before| !Arc::ptr_eq(before, &log)) {
            // Once all of the file before is settled, the place is at the start of this one: the old one may go.
            let number = self.number(Arc::clone(&log), start);
            self.ledger.settle(number);
        }
        self.log = Some(Arc::clone(&log));
        self.number(log, end);
    }

    fn number(&mut self, log: Arc<Log>, offset: u64) -> u64 {
        self.last += 1;
        // Numbers rise by one, and the ledger has no bound but the window of whoever receives.
        let issued = self.ledger.issue(self.last);
        debug_assert!(issued.is_ok(), "{issued:?}");
        self.places.insert(self.last, (log, offset));
        self.last
    }

    fn hand_out(&mut self, number: u64, attempt: u32, mut delivery: Delivery) -> Delivery {
        delivery.token = Token(TOKENS.fetch_add(1, Ordering::Relaxed));
        delivery.attempt = Some(attempt);
        if self.keeps {
            self.out.insert(
                delivery.token,
                Held {
                    number,
                    attempt,
                    delivery: delivery.clone(),
                },
            );
        }
        delivery
    }

    /// How far everything is settled: the number of the last message, and the place behind it.
    fn settled(&mut self) -> Option<(u64, Arc<Log>, u64)> {
        let number = self.ledger.settled()?;
        let above = self.places.split_off(&number);
        self.places = above;
        let (log, offset) = self.places.get(&number)?;
        Some((number, Arc::clone(log), *offset))
    }
}
