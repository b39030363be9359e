//! Scenarios of the contract that need a disk whose confirms can be held back.

use async_trait::async_trait;
use bytes::Bytes;
use dunlin_conformance::{Act, Hook, Stand as TestStand, Suite, Wanted};

use super::faulty::FaultyDisk;
use super::*;

struct HeldStand(FaultyDisk);

#[async_trait]
impl TestStand for HeldStand {
    fn name(&self) -> String {
        "file on a disk that can be held".to_owned()
    }

    fn open(&self) -> Result<Arc<dyn MessagingSystem>> {
        let clock: Arc<dyn Clock> = Arc::new(RuntimeClock::new());
        let settings = settings(&[("poll_interval_ms", "3")]);
        let opening = Opening {
            name: "disk",
            url: "file:/data",
            base: "/",
            settings: &settings,
            clock: &clock,
        };
        let stand = Stand {
            storage: Arc::new(self.0.clone()),
            writers: Arc::default(),
        };
        Ok(Arc::new(FileSystem::new(&opening, stand, &[])?))
    }

    async fn channel(&self, wanted: &Wanted) -> Result<Endpoint> {
        Ok(Endpoint::new(&wanted.name).with_settings(settings(&[("follow", "true")])))
    }

    fn unroutable(&self) -> Option<Bytes> {
        None
    }

    fn hooks(&self) -> &[Hook] {
        &[Hook::HoldConfirms, Hook::Process]
    }

    async fn act(&self, act: Act<'_>) -> Result<()> {
        match act {
            Act::HoldConfirms => self.0.model().held = true,
            Act::ReleaseConfirms => self.0.release(),
            other => panic!("not offered: {other:?}"),
        }
        Ok(())
    }

    fn quiet(&self) -> Duration {
        Duration::from_millis(60)
    }
}

#[test]
fn a_file_is_acknowledged_behind_its_sync_and_pushes_back_while_the_disk_stands_still() {
    let stand = HeldStand(FaultyDisk::new(11));
    Suite::new()
        .only(["K1", "K6", "K9", "C11", "C14", "C17"])
        .run(&stand)
        .at_least(6);
}
