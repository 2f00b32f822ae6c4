//! A barrier that costs the application's threads nothing and whoever closes a journal a system
//! call: `membarrier(2)`, private and expedited.
//!
//! Each push stores `busy` and then reads whether the journal is closed; who closes stores `closed`
//! and then reads `busy`. For one of the two to see the other, a full barrier must stand between
//! store and load on both sides. A push is frequent and a close is not, so the closing side makes
//! all threads of the process pass one.

use std::sync::atomic::{AtomicBool, Ordering, compiler_fence};

use super::sync::fence;

/// The kernel knows the command and the process is registered for it.
static ASYMMETRIC: AtomicBool = AtomicBool::new(false);

/// Registers the process. Before the first ring; again is harmless.
#[cfg(all(target_os = "linux", not(miri)))]
pub(super) fn register() {
    use rustix::thread::{MembarrierCommand, membarrier};
    // Never back to false: pushes may be under way that rely on it.
    if membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok() {
        ASYMMETRIC.store(true, Ordering::Relaxed);
    }
}

/// Elsewhere both sides use a fence.
#[cfg(not(all(target_os = "linux", not(miri))))]
pub(super) fn register() {}

/// The side of a push.
#[inline(always)]
pub(super) fn light() {
    if ASYMMETRIC.load(Ordering::Relaxed) {
        compiler_fence(Ordering::SeqCst);
    } else {
        fence(Ordering::SeqCst);
    }
}

/// The side of whoever closes.
pub(crate) fn heavy() {
    fence(Ordering::SeqCst);
    #[cfg(all(target_os = "linux", not(miri)))]
    if ASYMMETRIC.load(Ordering::Relaxed) {
        use rustix::thread::{MembarrierCommand, membarrier};
        if membarrier(MembarrierCommand::PrivateExpedited).is_err() {
            // Forbidden since, by a sandbox. Stores leave a processor within microseconds.
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}
