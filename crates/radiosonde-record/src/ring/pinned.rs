//! Pages of rings that stay in memory, as far as the system lets us: `mlock(2)`.
//!
//! A page that was taken back, because memory was short, would make an application's thread wait for
//! the disk. What a process may lock is limited (`RLIMIT_MEMLOCK`, 8 MiB on most systems) and may be
//! wanted by the application: rings take a quarter of it, and those past that are as all memory is.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes locked by this process's rings.
static PINNED: AtomicUsize = AtomicUsize::new(0);

/// Locked memory, until it is unmapped; dropping this counts it as free.
#[derive(Debug)]
pub(super) struct Pinned(usize);

impl Drop for Pinned {
    fn drop(&mut self) {
        PINNED.fetch_sub(self.0, Ordering::Relaxed);
    }
}

/// Locks mapped pages. `None` when there is no room in the share, or it is not allowed.
pub(super) fn pin(base: NonNull<u8>, length: usize) -> Option<Pinned> {
    let most = most();
    let take = |pinned: usize| pinned.checked_add(length).filter(|sum| *sum as u64 <= most);
    PINNED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
    // Given back on the way out when it cannot be locked.
    let pinned = Pinned(length);
    lock(base, length).then_some(pinned)
}

#[cfg(all(target_os = "linux", not(miri)))]
fn most() -> u64 {
    use rustix::process::{Resource, getrlimit};
    /// What part of the limit rings take.
    const SHARE: u64 = 4;
    getrlimit(Resource::Memlock).current.map_or(u64::MAX, |limit| limit / SHARE)
}

#[cfg(all(target_os = "linux", not(miri)))]
fn lock(base: NonNull<u8>, length: usize) -> bool {
    // SAFETY: the range is mapped; locking changes neither its contents nor who may use it.
    let locked = unsafe { rustix::mm::mlock(base.as_ptr().cast(), length) }.is_ok();
    if !locked {
        // What fails on the way may have been charged already.
        // SAFETY: as above.
        let _ = unsafe { rustix::mm::munlock(base.as_ptr().cast(), length) };
    }
    locked
}

#[cfg(not(all(target_os = "linux", not(miri))))]
fn most() -> u64 {
    0
}

#[cfg(not(all(target_os = "linux", not(miri))))]
fn lock(_base: NonNull<u8>, _length: usize) -> bool {
    false
}
