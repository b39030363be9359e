//! Half-open connections, passwords and certificates: the scenarios pass on a system that minds them, and fail on each that
//! does not.

mod system;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dunlin_conformance::{Access, Act, Hook, MemoryStand, Stand, Suite, Wanted};
use dunlin_core::Result;
use dunlin_core::messaging::{Endpoint, MessagingSystem};
use tokio::sync::watch;

use system::{Fault, GuardedSystem, World};

/// The in-process system behind connections that can be harmed.
struct GuardedStand {
    inner: MemoryStand,
    world: watch::Sender<World>,
    fault: Fault,
}

impl GuardedStand {
    fn new(fault: Fault) -> Self {
        Self {
            inner: MemoryStand::new(&[]),
            world: watch::channel(World::default()).0,
            fault,
        }
    }

    fn system(&self, access: Option<Access>) -> Result<Arc<dyn MessagingSystem>> {
        Ok(Arc::new(GuardedSystem {
            inner: self.inner.open()?,
            world: self.world.clone(),
            access,
            fault: self.fault,
        }))
    }
}

#[async_trait]
impl Stand for GuardedStand {
    fn name(&self) -> String {
        format!("a guarded system with {:?}", self.fault)
    }

    fn open(&self) -> Result<Arc<dyn MessagingSystem>> {
        self.system(None)
    }

    async fn channel(&self, wanted: &Wanted) -> Result<Endpoint> {
        self.inner.channel(wanted).await
    }

    fn unroutable(&self) -> Option<Bytes> {
        self.inner.unroutable()
    }

    fn hooks(&self) -> &[Hook] {
        &[Hook::DropFlow, Hook::Credentials, Hook::Tls]
    }

    async fn act(&self, act: Act<'_>) -> Result<()> {
        match act {
            Act::DropFlow => self.world.send_modify(|world| world.dead = world.made),
            Act::Password(password) => self
                .world
                .send_modify(|world| password.clone_into(&mut world.password)),
            other => return self.inner.act(other).await,
        }
        Ok(())
    }

    fn quiet(&self) -> Duration {
        self.inner.quiet()
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(3)
    }

    fn liveness(&self) -> Duration {
        Duration::from_secs(1)
    }

    async fn open_by(
        &self,
        access: &Access,
        wanted: &Wanted,
    ) -> Result<(Arc<dyn MessagingSystem>, Endpoint)> {
        Ok((
            self.system(Some(access.clone()))?,
            self.inner.channel(wanted).await?,
        ))
    }
}

/// Each fault, the scenario that must fail by it, and a word of what it must say.
const CAUGHT_BY: &[(Fault, &str, &str)] = &[
    (
        Fault::LeavesASocketOpen,
        "C01",
        "every socket and file to be closed",
    ),
    (Fault::NeverNotices, "C19", "a dead connection to be noticed"),
    (Fault::NoticesTooLate, "C19", "a dead connection to be noticed"),
    (Fault::NeedsARestart, "C19", "messages over a new connection"),
    (
        Fault::LosesWhatItSendsThen,
        "C19",
        "messages over a new connection",
    ),
    (Fault::TakesAnyPassword, "C28", "found a session"),
    (Fault::CallsADenialTemporary, "C28", "access denied and unhealthy"),
    (Fault::NeverTellsThatItIsDenied, "C28", "that access is denied"),
    (Fault::TriesWithoutAPause, "C28", "tries within"),
    (
        Fault::RemembersTheFirstPassword,
        "C28",
        "the new password to be picked up",
    ),
    (
        Fault::PrintsThePasswordInItsError,
        "C28",
        "found the wrong one in the refusal",
    ),
    (
        Fault::PrintsThePasswordInItsDebug,
        "C28",
        "found the first one in the session",
    ),
    (Fault::LogsThePassword, "C28", "one in the log"),
    (Fault::TrustsAnyAuthority, "C29", "UnknownAuthority to be refused"),
    (Fault::TakesAnyHost, "C29", "OtherHost to be refused"),
    (Fault::TakesWhatExpired, "C29", "Expired to be refused"),
    (Fault::TrustsNobody, "C29", "Trusted to be accepted"),
    (
        Fault::ShowsNoCertificate,
        "C29",
        "ClientCertificate to be accepted",
    ),
    (
        Fault::AsksNoCertificate,
        "C29",
        "NoClientCertificate to be refused",
    ),
    (
        Fault::DoesNotSayWhyItRefuses,
        "C29",
        "to say that it is about a certificate",
    ),
    (Fault::CallsARefusalTemporary, "C29", "to be unhealthy"),
];

#[test]
fn each_way_to_mind_a_connection_badly_fails_its_scenario_for_its_reason() {
    let missed: Vec<String> = std::thread::scope(|scope| {
        let running: Vec<_> = (CAUGHT_BY.iter())
            .map(|caught| scope.spawn(move || missed(*caught)))
            .collect();
        running
            .into_iter()
            .filter_map(|one| one.join().unwrap())
            .collect()
    });
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// The report of a run in which the scenario did not fail, or for another reason.
fn missed((fault, id, reason): (Fault, &str, &str)) -> Option<String> {
    let report = Suite::new().quietly().only([id]).run(&GuardedStand::new(fault));
    let said = report.outcome(id).map(ToString::to_string).unwrap_or_default();
    (report.failed() != [id] || !said.contains(reason))
        .then(|| format!("{fault:?}, expected «{reason}»: {report}"))
}

#[test]
fn the_same_system_without_a_fault_passes_all_of_them() {
    let ids: BTreeSet<_> = CAUGHT_BY.iter().map(|(_, id, _)| *id).collect();
    let report = Suite::new()
        .quietly()
        .only(ids.iter().copied())
        .run(&GuardedStand::new(Fault::None));
    report.at_least(ids.len());
}
