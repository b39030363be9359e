//! Wraps a messaging system so that a test decides which calls fail, and how.

use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use dunlin_core::error::{Error, Result};
use dunlin_core::messaging::{
    Browse, ChannelState, Confirm, Declare, Delivery, Endpoint, Event, Events, MessagingSystem, Outgoing,
    Purpose, Receipt, Receiver, Resolved, Room, Sender, Session, Settler, Source, Target, Token, Verdict,
};

type Decide<I> = Box<dyn FnMut(&str, &I) -> Option<Error> + Send>;

/// A system whose calls fail where the test says so, by channel.
#[derive(Clone)]
pub(super) struct Faulty(Arc<Inner>);

struct Inner {
    system: Arc<dyn MessagingSystem>,
    faults: Mutex<Faults>,
    events: Mutex<Vec<Events>>,
}

#[derive(Default)]
struct Faults {
    message: Option<Decide<Outgoing>>,
    batch: Option<Decide<Vec<Outgoing>>>,
    settle: Option<Decide<()>>,
    receive: Option<Decide<()>>,
    verify: Option<Decide<()>>,
    resolve_after: Option<fn(Resolved) -> Resolved>,
    hang: Option<String>,
    empty_means_end: bool,
    /// Every message that was handed to a sender, by channel, in order.
    handed: Vec<(String, Outgoing)>,
    batches: Vec<(String, usize)>,
    verdicts: Vec<Verdict>,
}

impl Faulty {
    pub(super) fn around(system: Arc<dyn MessagingSystem>) -> Self {
        Self(Arc::new(Inner {
            system,
            faults: Mutex::default(),
            events: Mutex::default(),
        }))
    }

    pub(super) fn system(&self) -> Arc<dyn MessagingSystem> {
        Arc::new(self.clone())
    }

    /// Decides, for each message handed to a channel, whether it is refused with an error instead of being sent.
    pub(super) fn refuse_messages(
        &self,
        decide: impl FnMut(&str, &Outgoing) -> Option<Error> + Send + 'static,
    ) {
        self.faults().message = Some(Box::new(decide));
    }

    /// Decides, for each batch, whether nothing of it is taken.
    pub(super) fn refuse_batches(
        &self,
        decide: impl FnMut(&str, &Vec<Outgoing>) -> Option<Error> + Send + 'static,
    ) {
        self.faults().batch = Some(Box::new(decide));
    }

    pub(super) fn refuse_settling(&self, mut decide: impl FnMut() -> Option<Error> + Send + 'static) {
        self.faults().settle = Some(Box::new(move |_, ()| decide()));
    }

    pub(super) fn refuse_receiving(&self, mut decide: impl FnMut() -> Option<Error> + Send + 'static) {
        self.faults().receive = Some(Box::new(move |_, ()| decide()));
    }

    pub(super) fn refuse_verifying(&self, mut decide: impl FnMut(&str) -> Option<Error> + Send + 'static) {
        self.faults().verify = Some(Box::new(move |channel, ()| decide(channel)));
    }

    /// What `verify` finds is what the system says, changed by this.
    pub(super) fn downgrade(&self, change: fn(Resolved) -> Resolved) {
        self.faults().resolve_after = Some(change);
    }

    /// Every send to this channel hangs from now on.
    pub(super) fn hang(&self, channel: &str) {
        self.faults().hang = Some(channel.to_owned());
    }

    pub(super) fn heal(&self) {
        let mut faults = self.faults();
        faults.message = None;
        faults.batch = None;
        faults.settle = None;
        faults.receive = None;
        faults.verify = None;
    }

    pub(super) fn tell(&self, event: impl Fn() -> Event) {
        for events in &*self.0.events.lock().unwrap() {
            events.tell(event());
        }
    }

    /// What was handed to the senders of a channel, refused or not, in order.
    pub(super) fn handed(&self, channel: &str) -> Vec<Outgoing> {
        let faults = self.faults();
        let of = faults.handed.iter().filter(|(to, _)| to == channel);
        of.map(|(_, outgoing)| outgoing.clone()).collect()
    }

    /// The sizes of the batches that were handed to the senders of a channel.
    pub(super) fn batches(&self, channel: &str) -> Vec<usize> {
        let faults = self.faults();
        let of = faults.batches.iter().filter(|(to, _)| to == channel);
        of.map(|(_, size)| *size).collect()
    }

    pub(super) fn verdicts(&self) -> Vec<Verdict> {
        self.faults().verdicts.clone()
    }

    fn faults(&self) -> std::sync::MutexGuard<'_, Faults> {
        self.0.faults.lock().unwrap()
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

#[async_trait]
impl MessagingSystem for Faulty {
    fn resolve(&self, endpoint: &Endpoint) -> Result<Resolved> {
        self.0.system.resolve(endpoint)
    }

    async fn connect(&self, events: Events) -> Result<Arc<dyn Session>> {
        self.0.events.lock().unwrap().push(events.clone());
        let session = self.0.system.connect(events).await?;
        Ok(Arc::new(FaultySession(self.clone(), session)))
    }
}

#[derive(Debug)]
struct FaultySession(Faulty, Arc<dyn Session>);

#[async_trait]
impl Session for FaultySession {
    async fn verify(&self, endpoint: &Endpoint, purpose: Purpose) -> Result<Resolved> {
        let refused = self
            .0
            .faults()
            .verify
            .as_mut()
            .and_then(|decide| decide(&endpoint.channel, &()));
        if let Some(error) = refused {
            return Err(error);
        }
        let found = self.1.verify(endpoint, purpose).await?;
        let change = self.0.faults().resolve_after;
        Ok(change.map_or(found.clone(), |change| change(found)))
    }

    async fn receiver(&self, source: &Source) -> Result<(Box<dyn Receiver>, Box<dyn Settler>)> {
        let (receiver, settler) = self.1.receiver(source).await?;
        Ok((
            Box::new(FaultyReceiver(self.0.clone(), receiver)),
            Box::new(FaultySettler(self.0.clone(), settler)),
        ))
    }

    async fn sender(&self, target: &Target) -> Result<Box<dyn Sender>> {
        let sender = self.1.sender(target).await?;
        let channel = target.endpoint.channel.clone();
        Ok(Box::new(FaultySender(self.0.clone(), channel, sender)))
    }

    async fn inspect(&self, endpoint: &Endpoint, group: Option<&str>) -> Result<ChannelState> {
        self.1.inspect(endpoint, group).await
    }

    fn browse(&self) -> Option<&dyn Browse> {
        self.1.browse()
    }

    fn declare(&self) -> Option<&dyn Declare> {
        self.1.declare()
    }

    async fn close(&self) -> Result<()> {
        self.1.close().await
    }
}

struct FaultyReceiver(Faulty, Box<dyn Receiver>);

#[async_trait]
impl Receiver for FaultyReceiver {
    async fn receive(&mut self, room: Room, batch: &mut Vec<Delivery>) -> Result<()> {
        let refused = self
            .0
            .faults()
            .receive
            .as_mut()
            .and_then(|decide| decide("", &()));
        if let Some(error) = refused {
            return Err(error);
        }
        if !self.0.faults().empty_means_end {
            return self.1.receive(room, batch).await;
        }
        tokio::select! {
            biased;
            received = self.1.receive(room, batch) => received,
            () = tokio::task::yield_now() => Err(Error::closed("receive", "the channel is empty")),
        }
    }

    async fn close(self: Box<Self>) -> Result<()> {
        self.1.close().await
    }
}

impl Faulty {
    /// A source that is empty has ended.
    pub(super) fn end_when_empty(&self) {
        self.faults().empty_means_end = true;
    }
}

struct FaultySettler(Faulty, Box<dyn Settler>);

#[async_trait]
impl Settler for FaultySettler {
    async fn settle(&mut self, verdicts: &[(Token, Verdict)]) -> Result<()> {
        let refused = self.0.faults().settle.as_mut().and_then(|decide| decide("", &()));
        if let Some(error) = refused {
            return Err(error);
        }
        self.0
            .faults()
            .verdicts
            .extend(verdicts.iter().map(|(_, verdict)| *verdict));
        self.1.settle(verdicts).await
    }

    async fn close(self: Box<Self>) -> Result<()> {
        self.1.close().await
    }
}

struct FaultySender(Faulty, String, Box<dyn Sender>);

#[async_trait]
impl Sender for FaultySender {
    async fn send(&mut self, batch: &[Outgoing]) -> Result<Confirm> {
        if self.0.faults().hang.as_deref() == Some(self.1.as_str()) {
            std::future::pending::<()>().await;
        }
        let mut answers = Vec::with_capacity(batch.len());
        {
            let mut faults = self.0.faults();
            faults.batches.push((self.1.clone(), batch.len()));
            let whole = batch.to_vec();
            if let Some(error) = faults.batch.as_mut().and_then(|decide| decide(&self.1, &whole)) {
                return Err(error);
            }
            for outgoing in batch {
                faults.handed.push((self.1.clone(), outgoing.clone()));
                answers.push(
                    faults
                        .message
                        .as_mut()
                        .and_then(|decide| decide(&self.1, outgoing)),
                );
            }
        }
        if answers.iter().all(Option::is_none) {
            return self.2.send(batch).await;
        }
        let good: Vec<_> = batch
            .iter()
            .zip(&answers)
            .filter(|(_, refused)| refused.is_none())
            .collect();
        let good: Vec<_> = good.into_iter().map(|(outgoing, _)| outgoing.clone()).collect();
        let mut sent: Vec<Result<Receipt>> = Vec::new();
        if !good.is_empty() {
            sent = self.2.send(&good).await?.await;
        }
        let mut sent = sent.into_iter();
        let merged = answers.into_iter().map(|refused| match refused {
            Some(error) => Err(error),
            None => sent.next().unwrap(),
        });
        Ok(Confirm::ready(merged.collect()))
    }

    async fn close(self: Box<Self>) -> Result<()> {
        self.2.close().await
    }
}
