//! Whom a system lets itself be let in by, and whom it trusts.

use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dunlin_core::messaging::Event;
use dunlin_core::settings::Setting;
use dunlin_core::{Class, Error, ErrorKind};
use tokio::time::{Instant, sleep, timeout};

use crate::bench::{Bench, ROOM, within};
use crate::oracle::Tally;
use crate::stand::{Access, Act};
use crate::suite::{Checked, Failure, ensure};

/// For how long the tries of a system are counted that is not let in.
const WATCH: Duration = Duration::from_secs(3);

/// The most tries in that time: two connections that begin at a tenth of a second and double make ten, a loop without a pause
/// thousands.
const TRIES: usize = 60;

/// A wrong password is told once, and tried again with pauses; the right one is picked up when it is there; none of them is
/// printed.
pub(super) async fn auth_failure_and_rotation(bench: &Bench<'_>) -> Checked<Tally> {
    let mut random = bench.random();
    let mut canary = |name: &str| format!("{name}{}", random.text(16));
    let (wrong, first, second) = (canary("wrong"), canary("first"), canary("second"));
    let mut printed = Printed::default();
    let secret = Secret::new(&wrong);
    let (system, endpoint) = bench.open_by(&Access::Password(secret.setting())).await?;
    bench.act(Act::Password(&first)).await?;
    printed.add("the system", &system);

    let Err(refusal) = bench.connect_to(&system).await? else {
        return Err(Failure::new(
            "expected a wrong password to be refused, found a session",
        ));
    };
    printed.add("the refusal", &refusal);
    printed.0.push(("the refusal".to_owned(), refusal.to_string()));
    ensure(is_denied(&refusal), || {
        "expected a wrong password to be access denied and unhealthy, found another error".to_owned()
    })?;
    ensure(secret.reads() > 0, || {
        "expected the password to be read when connecting, found it never read".to_owned()
    })?;

    secret.set(&first);
    let connection = bench.connect_to(&system).await??;
    printed.add("the session", &connection.session);
    let oracle = bench.oracle();
    let mut target = connection.target(&endpoint).await?;
    let mut source = connection.source_of(&endpoint, "credentials", 50).await?;
    target.put(&oracle, &oracle.issue(10)).await?;
    source.drain(&oracle).await?;
    connection.heard();

    bench.act(Act::Password(&second)).await?;
    let denied = |event: &Event| matches!(event, Event::Unhealthy { error } if is_denied(error));
    let told = connection
        .hears("that access is denied, after the password was changed", denied)
        .await?;
    printed.add("the event", &told);
    let before = secret.reads();
    let since = Instant::now();
    while since.elapsed() < WATCH {
        // The router would go on asking, with pauses of its own.
        let mut batch = Vec::new();
        if let Ok(Err(error)) = timeout(
            Duration::from_millis(500),
            source.receiver.receive(ROOM, &mut batch),
        )
        .await
        {
            printed.add("a receive", &error);
            sleep(Duration::from_millis(500)).await;
        }
        oracle.arrived(&batch);
    }
    let tries = secret.reads() - before;
    ensure(tries <= TRIES, || {
        format!("expected at most {TRIES} tries within {WATCH:?}, found {tries}")
    })?;
    for event in connection.heard() {
        printed.add("an event", &event);
    }

    secret.set(&second);
    let rotated = Instant::now();
    let mut left = oracle.issue(10);
    while !left.is_empty() {
        match timeout(bench.patience(), target.sender.send(&left)).await {
            Err(_) => {
                return Err(Failure::new(
                    "expected the new password to be picked up, found a send that waits",
                ));
            }
            Ok(Ok(confirm)) => {
                let answers = within(bench.patience(), "a confirm", confirm).await?;
                let answered: Vec<_> = left.into_iter().zip(answers).collect();
                left = Vec::new();
                for (outgoing, answer) in answered {
                    oracle.answered(&outgoing, &answer);
                    if let Err(error) = answer {
                        printed.add("a confirm", &error);
                        left.push(outgoing);
                    }
                }
            }
            Ok(Err(error)) => printed.add("a send", &error),
        }
        ensure(left.is_empty() || rotated.elapsed() < bench.patience(), || {
            "expected the new password to be picked up without a restart, found the sender still down"
                .to_owned()
        })?;
        if !left.is_empty() {
            sleep(Duration::from_millis(100)).await;
        }
    }
    while oracle.missing() > 0 {
        let mut received = Vec::new();
        let step = Duration::from_millis(500);
        if let Ok(Err(error)) = timeout(step, source.receiver.receive(ROOM, &mut received)).await {
            printed.add("a receive", &error);
            sleep(Duration::from_millis(100)).await;
        }
        oracle.arrived(&received);
        source.done(&received).await?;
        ensure(rotated.elapsed() < bench.patience(), || {
            "expected the new password to be picked up without a restart, found the receiver still down"
                .to_owned()
        })?;
    }
    let took = rotated.elapsed();
    let tally = bench
        .conclude(&oracle, &connection, &mut source, &endpoint, 10 + oracle.doubts())
        .await?;
    source.close().await?;
    connection.close().await?;
    printed.0.push(("the log".to_owned(), bench.logged()));
    for (where_, text) in &printed.0 {
        for (name, password) in [("wrong", &wrong), ("first", &first), ("second", &second)] {
            ensure(!text.contains(password.as_str()), || {
                format!("expected no password in anything that is printed, found the {name} one in {where_}")
            })?;
        }
    }
    Ok(tally.noting(format!(
        "{tries} tries in {} s, the new password after {:.1} s",
        WATCH.as_secs(),
        took.as_secs_f64()
    )))
}

/// A server that is not the one that was meant is refused, and so is one that wants to know who comes and is not told.
pub(super) async fn tls_verify(bench: &Bench<'_>) -> Checked<Tally> {
    let mut tally = Tally::default();
    for access in [Access::Trusted, Access::ClientCertificate] {
        let (system, endpoint) = bench.open_by(&access).await?;
        let connection = match bench.connect_to(&system).await? {
            Ok(connection) => connection,
            Err(error) => {
                return Err(Failure::new(format!(
                    "expected {access:?} to be accepted, found {error:?}"
                )));
            }
        };
        let oracle = bench.oracle();
        let mut source = connection.source(&endpoint, "tls").await?;
        let passed = bench
            .conclude(&oracle, &connection, &mut source, &endpoint, 0)
            .await?;
        tally = tally.and(passed);
        source.close().await?;
        connection.close().await?;
    }
    for access in [
        Access::UnknownAuthority,
        Access::OtherHost,
        Access::Expired,
        Access::NoClientCertificate,
    ] {
        let (system, _) = bench.open_by(&access).await?;
        let Err(refusal) = bench.connect_to(&system).await? else {
            return Err(Failure::new(format!(
                "expected {access:?} to be refused, found a session"
            )));
        };
        ensure(refusal.class() == Class::Unhealthy, || {
            format!("expected {access:?} to be unhealthy, since no pause mends it, found {refusal:?}")
        })?;
        let text = refusal.to_string().to_lowercase();
        ensure(
            ["certificate", "tls", "ssl"]
                .iter()
                .any(|word| text.contains(word)),
            || {
                format!(
                    "expected the refusal of {access:?} to say that it is about a certificate, found: {text}"
                )
            },
        )?;
    }
    Ok(tally.noting("2 ways accepted, 4 refused"))
}

fn is_denied(error: &Error) -> bool {
    error.kind() == ErrorKind::AccessDenied && error.class() == Class::Unhealthy
}

/// What people may get to see, by where it was found.
#[derive(Default)]
struct Printed(Vec<(String, String)>);

impl Printed {
    fn add(&mut self, place: &str, shown: &impl Debug) {
        self.0.push((place.to_owned(), format!("{shown:?}")));
    }
}

/// A password as a configuration refers to it: read anew at each use, which is counted.
struct Secret {
    now: Arc<Mutex<String>>,
    reads: Arc<AtomicUsize>,
}

impl Secret {
    fn new(text: &str) -> Self {
        Self {
            now: Arc::new(Mutex::new(text.to_owned())),
            reads: Arc::default(),
        }
    }

    fn set(&self, text: &str) {
        text.clone_into(&mut self.now.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }

    fn setting(&self) -> Setting {
        let (now, reads) = (Arc::clone(&self.now), Arc::clone(&self.reads));
        Setting::Secret(Arc::new(move || {
            reads.fetch_add(1, Ordering::Relaxed);
            Ok(now.lock().unwrap_or_else(PoisonError::into_inner).clone())
        }))
    }
}
