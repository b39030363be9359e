//! A wrapper that breaks the contract in one chosen way.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use dunlin_core::message::{Headers, Message};
use dunlin_core::messaging::{
    Browse, ChannelState, Confirm, Declare, Delivery, Endpoint, Event, Events, MessagingSystem, Outgoing,
    Purpose, Receipt, Receiver, Resolved, Room, Sender, Session, Settler, Source, Target, Token, Verdict,
};
use dunlin_core::position::{DedupId, Position};
use dunlin_core::{ErrorKind, Result};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    LosesWhatADroppedReceiveTook,
    GivesMoreThanThereIsRoomFor,
    ReusesTokens,
    SettlesOnReceive,
    SettlesAnotherForAnUnknownToken,
    SettlesEverythingBefore,
    SettlesByStaleTokens,
    TakesARetryForDone,
    ForgetsTheDelay,
    LosesAConfirmedMessage,
    NeverAnswersAConfirm,
    AnswersInAnotherOrder,
    FailsTheWholeBatch,
    ConfirmsTheUnroutable,
    ConfirmsBeforeTheBroker,
    CallsADoubtCertain,
    SendsAgainWithANewId,
    NeverCloses,
    LeavesATaskRunning,
    DeliversTwice,
    TurnsALaneAround,
    KeepsOneHeaderOfAName,
    TidiesPayloads,
    CutsWhatIsTooLarge,
    HidesGaps,
    HidesAMissingChannel,
}

#[derive(Debug)]
pub(crate) struct BrokenSystem {
    pub(crate) inner: Arc<dyn MessagingSystem>,
    pub(crate) fault: Fault,
}

#[derive(Debug)]
struct BrokenSession {
    inner: Arc<dyn Session>,
    fault: Fault,
}

struct BrokenReceiver {
    inner: Box<dyn Receiver>,
    fault: Fault,
    shared: Shared,
}

struct BrokenSettler {
    fault: Fault,
    shared: Shared,
}

struct BrokenSender {
    inner: Box<dyn Sender>,
    fault: Fault,
    sent: u64,
}

/// What receiver and settler of one pair both know.
#[derive(Clone)]
struct Shared {
    settler: Arc<tokio::sync::Mutex<Option<Box<dyn Settler>>>>,
    book: Arc<Mutex<Book>>,
}

#[derive(Default)]
struct Book {
    /// Unsettled tokens of the inner system.
    open: BTreeSet<Token>,
    /// Small numbers that are given out instead of tokens, and taken again.
    aliases: BTreeMap<u64, Token>,
    places: HashMap<Token, Position>,
    latest: HashMap<Position, Token>,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl MessagingSystem for BrokenSystem {
    fn resolve(&self, endpoint: &Endpoint) -> Result<Resolved> {
        self.inner.resolve(endpoint)
    }

    async fn connect(&self, events: Events) -> Result<Arc<dyn Session>> {
        if self.fault == Fault::LeavesATaskRunning {
            tokio::spawn(std::future::pending::<()>());
        }
        let hides = self.fault == Fault::HidesGaps;
        let events = Events::to(move |event| {
            if !(hides && matches!(event, Event::Gap { .. })) {
                events.tell(event);
            }
        });
        Ok(Arc::new(BrokenSession {
            inner: self.inner.connect(events).await?,
            fault: self.fault,
        }))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Session for BrokenSession {
    async fn verify(&self, endpoint: &Endpoint, purpose: Purpose) -> Result<Resolved> {
        self.inner.verify(endpoint, purpose).await
    }

    async fn receiver(&self, source: &Source) -> Result<(Box<dyn Receiver>, Box<dyn Settler>)> {
        let (inner, settler) = self.inner.receiver(source).await?;
        let shared = Shared {
            settler: Arc::new(tokio::sync::Mutex::new(Some(settler))),
            book: Arc::default(),
        };
        let receiver = BrokenReceiver {
            inner,
            fault: self.fault,
            shared: shared.clone(),
        };
        let settler = BrokenSettler {
            fault: self.fault,
            shared,
        };
        Ok((Box::new(receiver), Box::new(settler)))
    }

    async fn sender(&self, target: &Target) -> Result<Box<dyn Sender>> {
        Ok(Box::new(BrokenSender {
            inner: self.inner.sender(target).await?,
            fault: self.fault,
            sent: 0,
        }))
    }

    async fn inspect(&self, endpoint: &Endpoint, group: Option<&str>) -> Result<ChannelState> {
        self.inner.inspect(endpoint, group).await
    }

    fn browse(&self) -> Option<&dyn Browse> {
        self.inner.browse()
    }

    fn declare(&self) -> Option<&dyn Declare> {
        self.inner.declare()
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Receiver for BrokenReceiver {
    async fn receive(&mut self, mut room: Room, batch: &mut Vec<Delivery>) -> Result<()> {
        if self.fault == Fault::GivesMoreThanThereIsRoomFor {
            room.messages += 5;
        }
        let mut taken = Vec::new();
        self.inner.receive(room, &mut taken).await?;
        match self.fault {
            Fault::LosesWhatADroppedReceiveTook => tokio::time::sleep(Duration::from_millis(1)).await,
            Fault::SettlesOnReceive => {
                let verdicts: Vec<_> = taken
                    .iter()
                    .map(|delivery| (delivery.token, Verdict::Done))
                    .collect();
                self.shared.settle(&verdicts).await?;
            }
            Fault::DeliversTwice => {
                let twice: Vec<_> = taken.iter().step_by(10).cloned().collect();
                taken.extend(twice);
            }
            Fault::TurnsALaneAround => taken.reverse(),
            _ => {}
        }
        let mut book = self.shared.book.lock().unwrap();
        for delivery in &mut taken {
            let token = delivery.token;
            book.open.insert(token);
            if let Some(position) = &delivery.position {
                book.places.insert(token, position.clone());
                book.latest.insert(position.clone(), token);
            }
            if self.fault == Fault::ReusesTokens {
                let free = (1..).find(|alias| !book.aliases.contains_key(alias)).unwrap();
                book.aliases.insert(free, token);
                delivery.token = Token(free);
            }
            if self.fault == Fault::KeepsOneHeaderOfAName {
                let mut headers = Headers::new();
                for (name, value) in delivery.message.headers.iter() {
                    headers.set(name, value.clone());
                }
                delivery.message.headers = headers;
            }
        }
        batch.append(&mut taken);
        Ok(())
    }

    async fn close(self: Box<Self>) -> Result<()> {
        if self.fault == Fault::NeverCloses {
            std::future::pending::<()>().await;
        }
        self.inner.close().await
    }
}

impl Shared {
    async fn settle(&self, verdicts: &[(Token, Verdict)]) -> Result<()> {
        match self.settler.lock().await.as_mut() {
            Some(settler) => settler.settle(verdicts).await,
            None => Ok(()),
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Settler for BrokenSettler {
    async fn settle(&mut self, verdicts: &[(Token, Verdict)]) -> Result<()> {
        let mut passed = Vec::new();
        {
            let mut book = self.shared.book.lock().unwrap();
            for (token, verdict) in verdicts {
                let mut token = *token;
                let mut verdict = *verdict;
                match (self.fault, verdict) {
                    (Fault::ReusesTokens, _) => match book.aliases.remove(&token.0) {
                        Some(inner) => token = inner,
                        None => continue,
                    },
                    (Fault::TakesARetryForDone, Verdict::Retry { .. }) => verdict = Verdict::Done,
                    (Fault::ForgetsTheDelay, Verdict::Retry { .. }) => {
                        verdict = Verdict::Retry {
                            after: Duration::ZERO,
                        };
                    }
                    (Fault::SettlesAnotherForAnUnknownToken, _) if !book.open.contains(&token) => {
                        if let Some(another) = book.open.iter().next() {
                            token = *another;
                        }
                    }
                    (Fault::SettlesEverythingBefore, Verdict::Done) => {
                        let before: Vec<_> = book.open.range(..token).copied().collect();
                        passed.extend(before.into_iter().map(|token| (token, Verdict::Done)));
                    }
                    (Fault::SettlesByStaleTokens, _) => {
                        let place = book.places.get(&token);
                        if let Some(latest) = place.and_then(|place| book.latest.get(place)) {
                            token = *latest;
                        }
                    }
                    _ => {}
                }
                book.open.remove(&token);
                passed.push((token, verdict));
            }
        }
        self.shared.settle(&passed).await
    }

    async fn close(self: Box<Self>) -> Result<()> {
        match self.shared.settler.lock().await.take() {
            Some(settler) => settler.close().await,
            None => Ok(()),
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Sender for BrokenSender {
    async fn send(&mut self, batch: &[Outgoing]) -> Result<Confirm> {
        self.sent += 1;
        let mut batch = batch.to_vec();
        let mut answered_at_once = Vec::new();
        match self.fault {
            Fault::LosesAConfirmedMessage if self.sent.is_multiple_of(7) => {
                batch.pop();
                answered_at_once.push(Ok(Receipt::stored()));
            }
            Fault::SendsAgainWithANewId => {
                for outgoing in &mut batch {
                    outgoing.dedup = Some(DedupId(u128::from(self.sent).to_be_bytes()));
                    self.sent += 1;
                }
            }
            Fault::TidiesPayloads => batch.iter_mut().for_each(|outgoing| tidy(&mut outgoing.message)),
            Fault::CutsWhatIsTooLarge => {
                for outgoing in &mut batch {
                    if let Some(payload) = &mut outgoing.message.payload {
                        payload.truncate(1_024);
                    }
                }
            }
            _ => {}
        }
        let confirm = match self.inner.send(&batch).await {
            Err(error)
                if self.fault == Fault::HidesAMissingChannel && error.kind() == ErrorKind::ChannelMissing =>
            {
                return Ok(Confirm::ready(
                    batch.iter().map(|_| Ok(Receipt::stored())).collect(),
                ));
            }
            confirm => confirm?,
        };
        let (fault, sent, count) = (self.fault, self.sent, batch.len() + answered_at_once.len());
        match fault {
            Fault::NeverAnswersAConfirm if sent.is_multiple_of(7) => {
                return Ok(Confirm::new(count, async move {
                    let answers = confirm.await;
                    std::future::pending::<()>().await;
                    answers
                }));
            }
            Fault::ConfirmsBeforeTheBroker => {
                confirm.abandon();
                return Ok(Confirm::ready(
                    batch.iter().map(|_| Ok(Receipt::stored())).collect(),
                ));
            }
            _ => {}
        }
        Ok(Confirm::new(count, async move {
            let mut answers = confirm.await;
            answers.extend(answered_at_once);
            match fault {
                Fault::AnswersInAnotherOrder => answers.reverse(),
                Fault::FailsTheWholeBatch if answers.iter().any(Result::is_err) => {
                    let refused = || dunlin_core::Error::new(ErrorKind::TooLarge, "send", "the batch failed");
                    answers = answers.iter().map(|_| Err(refused())).collect();
                }
                Fault::ConfirmsTheUnroutable => {
                    let unroutable = |error: &dunlin_core::Error| error.kind() == ErrorKind::Unroutable;
                    for answer in &mut answers {
                        if answer.as_ref().is_err_and(unroutable) {
                            *answer = Ok(Receipt::stored());
                        }
                    }
                }
                Fault::CallsADoubtCertain => {
                    for answer in &mut answers {
                        if answer.as_ref().is_err_and(dunlin_core::Error::in_doubt) {
                            let certain =
                                dunlin_core::Error::new(ErrorKind::Rejected, "send", "it was refused");
                            *answer = Err(certain);
                        }
                    }
                }
                _ => {}
            }
            answers
        }))
    }

    async fn close(self: Box<Self>) -> Result<()> {
        self.inner.close().await
    }
}

/// What a helpful parser does to a payload.
fn tidy(message: &mut Message) {
    if let Some(payload) = &mut message.payload {
        let tidied = String::from_utf8_lossy(payload).trim().to_owned();
        *payload = tidied.into();
    }
}
