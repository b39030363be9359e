//! Issues messages, and judges what arrives.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use dunlin_core::message::{Headers, Message};
use dunlin_core::messaging::{Delivery, Outgoing, Receipt};
use dunlin_core::position::DedupId;
use dunlin_core::{HeaderValues, Result};
use sha2::{Digest, Sha256};

use crate::random::Random;
use crate::suite::{Checked, Failure};

/// Knows every message that was issued, what was promised about it, and how often it arrived.
///
/// The id of a message stands in its payload, since not every system has headers; where there are headers, they are part
/// of what must arrive exactly.
#[derive(Debug)]
pub struct Oracle {
    headers: HeaderValues,
    repeats: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    run: String,
    random: Random,
    issued: BTreeMap<u64, Issued>,
    /// Deliveries that name no issued message, or one with other content.
    strange: Vec<String>,
    doubts: usize,
    /// Obligations that have not arrived, counted as they come and go: it is asked for in every loop.
    owed: usize,
}

#[derive(Debug)]
struct Issued {
    digest: [u8; 32],
    fate: Fate,
    arrived: usize,
}

/// What is known about the storing of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It was not sent, or its answer has not come.
    Unanswered,
    /// Stored, says the broker: it must arrive.
    Obligation,
    /// May or may not be stored.
    InDoubt,
    /// Not stored, says the error: it must not arrive.
    Refused,
}

/// What a scenario counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages that had to arrive, and did.
    pub messages: usize,
    /// Arrivals beyond the first of each.
    pub duplicates: usize,
    /// How many duplicates were allowed.
    pub bound: usize,
    /// What else is worth saying.
    pub notes: Vec<String>,
}

impl Tally {
    /// The same tally with one more remark.
    #[must_use]
    pub fn noting(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Both counts together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.messages += other.messages;
        self.duplicates += other.duplicates;
        self.bound += other.bound;
        self.notes.extend(other.notes);
        self
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} messages, {} duplicates of at most {}",
            self.messages, self.duplicates, self.bound
        )?;
        self.notes.iter().try_for_each(|note| write!(f, "; {note}"))
    }
}

impl Oracle {
    /// An oracle whose messages no other run issues.
    pub fn new(seed: u64, headers: HeaderValues) -> Self {
        let mut random = Random::new(seed);
        let run = random.text(12);
        Self {
            headers,
            repeats: true,
            state: Mutex::new(State {
                run,
                random,
                issued: BTreeMap::new(),
                strange: Vec::new(),
                doubts: 0,
                owed: 0,
            }),
        }
    }

    /// The same, for a system that takes no two headers of one name.
    #[must_use]
    pub fn without_repeats(mut self) -> Self {
        self.repeats = false;
        self
    }

    /// Messages that nobody issued before, numbered on from the last, each with the deduplication id that it keeps when it is
    /// sent again.
    pub fn issue(&self, count: usize) -> Vec<Outgoing> {
        let mut state = self.state();
        (0..count).map(|_| self.make(&mut state, None)).collect()
    }

    /// The same, all with this key.
    pub fn issue_keyed(&self, key: &str, count: usize) -> Vec<Outgoing> {
        let mut state = self.state();
        (0..count).map(|_| self.make(&mut state, Some(key))).collect()
    }

    fn make(&self, state: &mut State, key: Option<&str>) -> Outgoing {
        let number = state.issued.len() as u64;
        let length = state.random.below(64);
        let fill = state.random.text(length);
        let payload = format!(
            r#"{{"run":"{}","id":{number},"key":"{}","fill":"{fill}"}}"#,
            state.run,
            key.unwrap_or("")
        );
        let mut message = Message::new(payload);
        message.key = key.map(|key| Bytes::from(key.to_owned()));
        if self.headers != HeaderValues::None {
            message
                .headers
                .append("test-id", format!("{}-{number}", state.run));
            if self.repeats {
                message.headers.append("test-twice", "first");
            }
            message.headers.append("test-twice", "second, ä");
        }
        let digest = self.digest(&message.payload, &message.headers);
        state.issued.insert(
            number,
            Issued {
                digest,
                fate: Fate::Unanswered,
                arrived: 0,
            },
        );
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Outgoing::new(message).with_dedup(DedupId(id))
    }

    fn digest(&self, payload: &Option<Bytes>, headers: &Headers) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut field = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        field(payload.as_deref().unwrap_or_default());
        if self.headers != HeaderValues::None {
            for (name, value) in headers.iter() {
                field(name.as_bytes());
                field(value);
            }
        }
        hash.finalize().into()
    }

    /// Takes in the answer to a message. A later certainty replaces a doubt, never the other way round.
    pub fn answered(&self, outgoing: &Outgoing, answer: &Result<Receipt>) {
        let mut state = self.state();
        let Some(number) = number(&outgoing.message.payload) else {
            return;
        };
        let doubtful = answer.as_ref().is_err_and(dunlin_core::Error::in_doubt);
        state.doubts += usize::from(doubtful);
        let Some(issued) = state.issued.get_mut(&number) else {
            return;
        };
        let before = issued.fate;
        issued.fate = match (before, answer) {
            (Fate::Obligation, _) | (_, Ok(_)) => Fate::Obligation,
            (_, Err(_)) if doubtful => Fate::InDoubt,
            (Fate::InDoubt, Err(_)) => Fate::InDoubt,
            (Fate::Unanswered | Fate::Refused, Err(_)) => Fate::Refused,
        };
        let newly = issued.fate == Fate::Obligation && before != Fate::Obligation;
        state.owed += usize::from(newly && state.issued[&number].arrived == 0);
    }

    /// Marks messages whose confirm was never awaited.
    pub fn doubted(&self, batch: &[Outgoing]) {
        let mut state = self.state();
        for number in batch
            .iter()
            .filter_map(|outgoing| number(&outgoing.message.payload))
        {
            if let Some(issued) = state.issued.get_mut(&number)
                && issued.fate == Fate::Unanswered
            {
                issued.fate = Fate::InDoubt;
            }
        }
    }

    /// Counts what arrived.
    pub fn arrived(&self, deliveries: &[Delivery]) {
        let mut state = self.state();
        for delivery in deliveries {
            let found = self.digest(&delivery.message.payload, &delivery.message.headers);
            let number = self.number_in(&state, delivery);
            let Some(issued) = number.and_then(|number| state.issued.get_mut(&number)) else {
                state.strange.push("a message that was not issued".to_owned());
                continue;
            };
            issued.arrived += 1;
            let paid = issued.arrived == 1 && issued.fate == Fate::Obligation;
            let altered = issued.digest != found;
            state.owed -= usize::from(paid);
            if altered {
                let number = number.unwrap_or_default();
                let strange = format!("message {number} with another payload or other headers");
                state.strange.push(strange);
            }
        }
    }

    fn number_in(&self, state: &State, delivery: &Delivery) -> Option<u64> {
        let payload = delivery.message.payload.as_ref()?;
        let text = std::str::from_utf8(payload).ok()?;
        text.contains(&state.run)
            .then(|| number(&delivery.message.payload))?
    }

    /// The number of an issued message; none for anything else.
    pub fn number(&self, delivery: &Delivery) -> Option<u64> {
        self.number_in(&self.state(), delivery)
    }

    /// How many obligations have not arrived.
    pub fn missing(&self) -> usize {
        self.state().owed
    }

    /// How many answers were in doubt so far: each may be a copy.
    pub fn doubts(&self) -> usize {
        self.state().doubts
    }

    /// How often the message of this number arrived.
    pub fn copies(&self, number: u64) -> usize {
        self.state()
            .issued
            .get(&number)
            .map_or(0, |issued| issued.arrived)
    }

    /// How many messages arrived whose numbers are not below this one, each counted once.
    pub fn arrived_from(&self, number: u64) -> usize {
        let state = self.state();
        let arrived = state.issued.range(number..);
        arrived.filter(|(_, issued)| issued.arrived > 0).count()
    }

    /// Judges everything that was issued: every obligation arrived, nothing strange did, and there were at most `bound`
    /// duplicates.
    ///
    /// # Errors
    /// What is missing, altered, not issued, refused and there all the same, or too often there.
    pub fn judge(&self, bound: usize) -> Checked<Tally> {
        let state = self.state();
        let mut faults: Vec<String> = Vec::new();
        let list = |numbers: Vec<u64>| {
            let shown: Vec<_> = numbers.iter().take(8).map(u64::to_string).collect();
            format!(
                "{}{}",
                shown.join(", "),
                if numbers.len() > 8 { ", …" } else { "" }
            )
        };
        let of = |test: &dyn Fn(&Issued) -> bool| -> Vec<u64> {
            (state.issued.iter())
                .filter(|(_, issued)| test(issued))
                .map(|(number, _)| *number)
                .collect()
        };
        let lost = of(&|issued| issued.fate == Fate::Obligation && issued.arrived == 0);
        if !lost.is_empty() {
            faults.push(format!(
                "{} confirmed messages never arrived ({})",
                lost.len(),
                list(lost)
            ));
        }
        let refused = of(&|issued| issued.fate == Fate::Refused && issued.arrived > 0);
        if !refused.is_empty() {
            faults.push(format!(
                "{} messages arrived although their send was refused for certain ({})",
                refused.len(),
                list(refused)
            ));
        }
        if !state.strange.is_empty() {
            faults.push(format!(
                "{} deliveries are not what was issued, the first: {}",
                state.strange.len(),
                state.strange[0]
            ));
        }
        let duplicates: usize = state
            .issued
            .values()
            .map(|issued| issued.arrived.saturating_sub(1))
            .sum();
        if duplicates > bound {
            let twice = of(&|issued| issued.arrived > 1);
            faults.push(format!(
                "{duplicates} duplicates, more than the {bound} that are allowed ({})",
                list(twice)
            ));
        }
        if !faults.is_empty() {
            return Err(Failure::new(faults.join("; ")));
        }
        Ok(Tally {
            messages: of(&|issued| issued.fate == Fate::Obligation).len(),
            duplicates,
            bound,
            notes: Vec::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn number(payload: &Option<Bytes>) -> Option<u64> {
    let text = std::str::from_utf8(payload.as_ref()?).ok()?;
    let (_, behind) = text.split_once(r#""id":"#)?;
    behind.split(',').next()?.parse().ok()
}
