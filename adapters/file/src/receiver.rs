//! Receiving and settling: lines become deliveries, and the place moves behind what is settled without a gap.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Delivery, Receiver, Room, Settler, Token, Verdict};
use dunlin_core::{Class, Error, ErrorKind, Result};

use crate::error::{io, lost};
use crate::feed::{Fed, Feed, Read};
use crate::flight::{Again, Flight};
use crate::places::{Place, PlaceFile, fingerprint};
use crate::spot::Spot;
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
        room.for_any()?;
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
        let Some((number, log, spot)) = self.flight.state().settled() else {
            return Ok(());
        };
        if number <= self.remembered {
            return Ok(());
        }
        let written = tokio::task::spawn_blocking(move || {
            let mut places = places.lock().unwrap_or_else(PoisonError::into_inner);
            // An earlier call may have been dropped while it waited here; it must not set the place back.
            if number > places.1 {
                places.0.write(&place(&log, spot)?)?;
                places.1 = number;
            }
            Ok(())
        });
        written.await.map_err(|cause| lost("settle", cause))??;
        self.remembered = number;
        Ok(())
    }
}

/// The place behind everything before this spot of a file.
pub(crate) fn place(log: &Log, spot: Spot) -> Result<Place> {
    let before = match fingerprint(&*log.file, spot.offset) {
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
        offset: spot.offset,
        within: spot.within.unwrap_or_default(),
        before,
    })
}
