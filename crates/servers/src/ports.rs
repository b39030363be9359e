//! Free ports that stay ours while a server is down.
//!
//! A test kills a server and starts it again on the same port. In between nobody else may take the port: neither the
//! system for an outgoing connection (so ports come from below its range, which begins at 32768 on Linux; a client
//! that reconnects to a port of that range can even end up connected to itself), nor another test binary (so each
//! port is a locked file for as long as its server's handle lives).

use std::fs::{File, TryLockError};
use std::hash::{BuildHasher, Hasher};
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result, bail};

use crate::cache;

const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A port on loopback that no other server of these tests has.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) number: u16,
    _lock: File,
}

impl Port {
    /// Takes a free port.
    pub(crate) fn take() -> Result<Port> {
        let folder = cache::folder()?.join("ports");
        // Two processes that ask at once begin in different places.
        let random = std::hash::RandomState::new().build_hasher().finish();
        let start = u16::try_from(random % u64::from(COUNT)).context("a remainder is too large")?;
        for step in 0..COUNT {
            let number = FIRST + (start + step) % COUNT;
            let path = folder.join(number.to_string());
            let lock =
                File::create(&path).with_context(|| format!("{} could not be made", path.display()))?;
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("{} could not be locked", path.display()));
                }
            }
            if TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Ok(Port { number, _lock: lock });
            }
        }
        bail!("no port from {FIRST} to {} is free", FIRST + COUNT - 1)
    }
}
