//! Which sockets and files this process has open, so that a leak shows.

use std::collections::BTreeSet;

/// Sockets and files, each by what it is and not by its number. Nothing where the system has no `/proc`.
///
/// The descriptors of a runtime (polls, wake-ups) have no identity of their own, and are left out.
pub(crate) fn open() -> Option<BTreeSet<String>> {
    let entries = std::fs::read_dir("/proc/self/fd").ok()?;
    let names = entries
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .map(|link| link.to_string_lossy().into_owned());
    Some(names.filter(|name| is_kept(name)).collect())
}

fn is_kept(name: &str) -> bool {
    let own = name.starts_with('/') && !name.starts_with("/dev/") && !name.starts_with("/proc/");
    name.starts_with("socket:") || own
}
