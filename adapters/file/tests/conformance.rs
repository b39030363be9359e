//! The contract, held against files in a folder of their own.
//!
//! A file has no broker that could be restarted, no connection that could be cut, and one receiver for each group. A file
//! that is deleted is made again, so a target is never missing.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dunlin_conformance::{Act, Hook, RuntimeClock, Stand, Wanted};
use dunlin_core::Result;
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Endpoint, MessagingSystem};
use dunlin_core::registry::Opening;
use dunlin_core::settings::Settings;
use tempfile::TempDir;

struct FileStand {
    folder: TempDir,
    envelope: bool,
    sync: &'static str,
    settings: Settings,
    clock: Arc<RuntimeClock>,
}

impl FileStand {
    fn new(envelope: bool, sync: &'static str) -> Self {
        let settings = Settings::new()
            .with("envelope", envelope.to_string())
            .with("sync", sync)
            .with("poll_interval_ms", "3")
            .with("max_line", "2MiB");
        Self {
            folder: TempDir::new().expect("a folder for the test"),
            envelope,
            sync,
            settings,
            clock: Arc::new(RuntimeClock::new()),
        }
    }

    fn path(&self, endpoint: &Endpoint) -> std::path::PathBuf {
        self.folder.path().join(format!("{}.ndjson", endpoint.channel))
    }
}

#[async_trait]
impl Stand for FileStand {
    fn name(&self) -> String {
        format!("file {{envelope: {}, sync: {}}}", self.envelope, self.sync)
    }

    fn open(&self) -> Result<Arc<dyn MessagingSystem>> {
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as _;
        let url = format!("file:{}", self.folder.path().display());
        let opening = Opening {
            name: "stand",
            url: &url,
            base: "/",
            settings: &self.settings,
            clock: &clock,
        };
        (dunlin_file::PLUGIN.open)(&opening)
    }

    async fn channel(&self, wanted: &Wanted) -> Result<Endpoint> {
        let mut settings = Settings::new().with("follow", "true");
        if let Some(limit) = wanted.payload_limit {
            // In an envelope two thirds of the line are for the payload.
            let line = if self.envelope { limit * 3 / 2 } else { limit };
            settings = settings.with("max_line", line.to_string());
        }
        let endpoint = Endpoint::new(&wanted.name).with_settings(settings);
        fs::write(self.path(&endpoint), "").expect("an empty file");
        Ok(endpoint)
    }

    fn unroutable(&self) -> Option<Bytes> {
        None
    }

    fn hooks(&self) -> &[Hook] {
        &[Hook::Trim, Hook::Process, Hook::Clock, Hook::Limit]
    }

    async fn act(&self, act: Act<'_>) -> Result<()> {
        match act {
            Act::Trim { endpoint, keep } => {
                let text = fs::read_to_string(self.path(endpoint)).expect("a file to trim");
                let lines: Vec<_> = text.split_inclusive('\n').collect();
                let left = lines[lines.len().saturating_sub(keep)..].concat();
                fs::write(self.path(endpoint), left).expect("a file to rewrite");
            }
            Act::JumpClock(seconds) => self.clock.jump(seconds),
            other => panic!("not offered: {other:?}"),
        }
        Ok(())
    }

    fn quiet(&self) -> Duration {
        Duration::from_millis(60)
    }
}

#[test]
fn files_of_envelopes_keep_the_contract() {
    dunlin_conformance::run(&FileStand::new(true, "always")).at_least(26);
}

#[test]
fn files_of_bare_payloads_keep_the_contract() {
    dunlin_conformance::run(&FileStand::new(false, "always")).at_least(25);
}

#[test]
fn files_that_are_not_synced_keep_the_contract_while_the_machine_runs() {
    dunlin_conformance::run(&FileStand::new(true, "unsafe_interval")).at_least(26);
}
