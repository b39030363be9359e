//! The smallest loop that keeps the caller's side of the contract, and the invariants that it is held to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use dunlin_conformance::Hostile;
use dunlin_conformance::hostile::Happened;
use dunlin_core::Class;
use dunlin_core::messaging::{
    Confirm, Delivery, Endpoint, Event, Events, Outgoing, Receiver, Room, Sender, Session, Settler, Source,
    Target, Token, Verdict,
};
use tokio::time::timeout;

/// A deliberate fault of the consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    None,
    SettlesBeforeTheConfirm,
    TakesEveryAnswerForAReceipt,
    ForgetsWhatWasRefused,
}

/// A consumer that receives from `in`, sends to `out`, and settles what was confirmed.
pub(crate) struct Consumer {
    hostile: Hostile,
    mistake: Mistake,
    session: Arc<dyn Session>,
    receiver: Box<dyn Receiver>,
    settler: Box<dyn Settler>,
    sender: Box<dyn Sender>,
    flight: Vec<Flight>,
    heard: Arc<Mutex<BTreeSet<&'static str>>>,
    met: BTreeSet<&'static str>,
    seen: BTreeSet<Vec<u8>>,
    /// Deliveries whose messages could not be handed over yet.
    unsent: Vec<Delivery>,
}

struct Flight {
    batch: Vec<Delivery>,
    confirm: Confirm,
}

/// A runtime whose clock moves by itself when everyone waits.
pub(crate) fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

impl Consumer {
    pub(crate) async fn open(hostile: &Hostile, mistake: Mistake) -> Self {
        let heard: Arc<Mutex<BTreeSet<&'static str>>> = Arc::default();
        let listener = Arc::clone(&heard);
        let events = Events::to(move |event| {
            let kind = match event {
                Event::Gap { .. } => "Gap",
                Event::Reconnected => "Reconnected",
                Event::LanesRevoking { .. } => "LanesRevoking",
                Event::LanesLost { .. } => "LanesLost",
                Event::Blocked { .. } => "Blocked",
                Event::Unblocked => "Unblocked",
                _ => "another",
            };
            listener.lock().unwrap().insert(kind);
        });
        let session = hostile.system().connect(events).await.unwrap();
        let source = Source::new(Endpoint::new("in"), "group");
        let (receiver, settler) = session.receiver(&source).await.unwrap();
        let sender = session
            .sender(&Target::new(Endpoint::new("out"), "route"))
            .await
            .unwrap();
        Self {
            hostile: hostile.clone(),
            mistake,
            session,
            receiver,
            settler,
            sender,
            flight: Vec::new(),
            heard,
            met: BTreeSet::new(),
            seen: BTreeSet::new(),
            unsent: Vec::new(),
        }
    }

    /// Another receiver and settler, as after a crash: what was in flight is forgotten here, its confirms unanswered.
    pub(crate) async fn restart(&mut self) {
        for flight in self.flight.drain(..) {
            flight.confirm.abandon();
        }
        self.unsent.clear();
        let source = Source::new(Endpoint::new("in"), "group");
        (self.receiver, self.settler) = self.session.receiver(&source).await.unwrap();
    }

    /// Receives up to so many, if there are any, and hands them over to the target.
    pub(crate) async fn receive(&mut self, messages: usize) {
        let mut batch = std::mem::take(&mut self.unsent);
        let room = Room {
            messages,
            bytes: 1 << 20,
        };
        let waited = timeout(Duration::from_millis(50), self.receiver.receive(room, &mut batch)).await;
        if let Ok(Err(error)) = waited {
            assert_eq!(error.class(), Class::Temporary, "{error:?}");
            self.met.insert("receive failed");
        }
        for delivery in &batch {
            let payload = delivery.message.payload.clone().unwrap().to_vec();
            if !self.seen.insert(payload) {
                self.met.insert("came twice");
            }
        }
        self.hand_over(batch).await;
    }

    async fn hand_over(&mut self, batch: Vec<Delivery>) {
        if batch.is_empty() {
            return;
        }
        let outgoing: Vec<_> = batch
            .iter()
            .map(|delivery| Outgoing::new(delivery.message.clone()))
            .collect();
        match self.sender.send(&outgoing).await {
            Ok(confirm) => {
                if self.mistake == Mistake::SettlesBeforeTheConfirm {
                    self.done(batch.iter().map(|delivery| delivery.token).collect())
                        .await;
                }
                self.flight.push(Flight { batch, confirm });
            }
            Err(error) => {
                assert_eq!(error.class(), Class::Temporary, "{error:?}");
                self.met.insert("send failed with nothing taken");
                self.unsent = batch;
            }
        }
    }

    /// Awaits one of the outstanding confirms, settles what is stored, and sends the rest again.
    pub(crate) async fn confirm(&mut self, which: usize) {
        if self.flight.is_empty() {
            return;
        }
        let mut flight = self.flight.remove(which % self.flight.len());
        tokio::time::sleep(Duration::from_millis(50)).await;
        let answers = match futures_util::poll!(&mut flight.confirm) {
            Poll::Ready(answers) => answers,
            Poll::Pending => {
                self.overtaken(which).await;
                flight.confirm.await
            }
        };
        self.answered(flight.batch, answers).await;
    }

    /// Settles a later batch whose confirm is there before an earlier one's.
    async fn overtaken(&mut self, which: usize) {
        for at in (which % (self.flight.len() + 1))..self.flight.len() {
            if let Poll::Ready(answers) = futures_util::poll!(&mut self.flight[at].confirm) {
                self.met.insert("confirms out of order");
                let overtaking = self.flight.remove(at);
                return self.answered(overtaking.batch, answers).await;
            }
        }
    }

    async fn answered(
        &mut self,
        batch: Vec<Delivery>,
        answers: Vec<dunlin_core::Result<dunlin_core::messaging::Receipt>>,
    ) {
        let (mut done, mut again) = (Vec::new(), Vec::new());
        for (delivery, answer) in batch.into_iter().zip(answers) {
            match answer {
                Err(error) => {
                    assert_eq!(error.class(), Class::Temporary, "{error:?}");
                    self.met.insert(if error.in_doubt() {
                        "in doubt"
                    } else {
                        "one message refused"
                    });
                    match self.mistake {
                        Mistake::TakesEveryAnswerForAReceipt => done.push(delivery.token),
                        Mistake::ForgetsWhatWasRefused => {}
                        Mistake::None | Mistake::SettlesBeforeTheConfirm => again.push(delivery),
                    }
                }
                Ok(_) => done.push(delivery.token),
            }
        }
        self.done(done).await;
        self.unsent.extend(again);
    }

    async fn done(&mut self, tokens: Vec<Token>) {
        let verdicts: Vec<_> = tokens.into_iter().map(|token| (token, Verdict::Done)).collect();
        if let Err(error) = self.settler.settle(&verdicts).await {
            // What was not settled comes again: nothing to do.
            assert_eq!(error.class(), Class::Temporary, "{error:?}");
            self.met.insert("settle failed");
        }
    }

    pub(crate) fn met(&self) -> BTreeSet<&'static str> {
        self.met.union(&self.heard.lock().unwrap()).copied().collect()
    }

    /// Ends the faults, lets everything through, and judges.
    pub(crate) async fn finish(mut self, issued: usize) -> Result<(), String> {
        self.hostile.calm();
        self.hostile.issue("in", [dunlin_core::Message::new("fresh")]);
        for _ in 0..4 * issued + 100 {
            if self.hostile.unsettled("in") == 0 {
                break;
            }
            self.receive(16).await;
            while !self.flight.is_empty() {
                self.confirm(0).await;
            }
        }
        for flight in self.flight.drain(..) {
            flight.confirm.abandon();
        }
        settled_only_what_is_stored(&self.hostile)?;
        nothing_lost(&self.hostile)?;
        duplicates_have_a_reason(&self.hostile)
    }
}

/// The first invariant: when a message was settled as done, the target had it.
pub(crate) fn settled_only_what_is_stored(hostile: &Hostile) -> Result<(), String> {
    let source = hostile.stored("in");
    let mut stored = BTreeSet::new();
    for happened in hostile.history() {
        match happened {
            Happened::Stored { message, .. } => {
                stored.insert(message.payload);
            }
            Happened::Settled {
                number,
                verdict: Verdict::Done,
                ..
            } if !stored.contains(&source[number].payload) => {
                return Err(format!("message {number} was settled before the target had it"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// After the quiet phase: everything is settled, everything that was not gone is in the target, and nothing else.
pub(crate) fn nothing_lost(hostile: &Hostile) -> Result<(), String> {
    if hostile.unsettled("in") > 0 {
        return Err(format!("{} messages were never settled", hostile.unsettled("in")));
    }
    let target: BTreeSet<_> = hostile
        .stored("out")
        .into_iter()
        .map(|message| message.payload)
        .collect();
    let gone: BTreeSet<usize> = hostile.gone("in").into_iter().collect();
    let source = hostile.stored("in");
    for (number, message) in source.iter().enumerate() {
        if !gone.contains(&number) && !target.contains(&message.payload) {
            return Err(format!("message {number} is lost"));
        }
    }
    let issued: BTreeSet<_> = source.into_iter().map(|message| message.payload).collect();
    match target.difference(&issued).next() {
        Some(_) => Err("the target has a message that nobody issued".to_owned()),
        None => Ok(()),
    }
}

/// No message is in the target more often than it was handed out and in doubt together.
pub(crate) fn duplicates_have_a_reason(hostile: &Hostile) -> Result<(), String> {
    let source = hostile.stored("in");
    let mut reasons: BTreeMap<_, usize> = BTreeMap::new();
    for happened in hostile.history() {
        let payload = match happened {
            Happened::Handed { number, .. } => source[number].payload.clone(),
            Happened::Doubted { message, .. } => message.payload,
            _ => continue,
        };
        *reasons.entry(payload).or_insert(0) += 1;
    }
    let mut copies: BTreeMap<_, usize> = BTreeMap::new();
    for message in hostile.stored("out") {
        *copies.entry(message.payload).or_insert(0) += 1;
    }
    for (payload, copies) in copies {
        let most = reasons.get(&payload).copied().unwrap_or(0);
        if copies > most {
            return Err(format!(
                "{copies} copies of a message for which {most} are explained"
            ));
        }
    }
    Ok(())
}
