//! Trace and span ids of W3C Trace Context, and the generator behind them.

use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A trace id: 16 bytes, never all zero (W3C Trace Context §3.2.2.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId(u128);

impl TraceId {
    /// A new random id.
    pub fn random() -> Self {
        loop {
            let value = (u128::from(random_u64()) << 64) | u128::from(random_u64());
            if value != 0 {
                return Self(value);
            }
        }
    }

    /// The id with these big-endian bytes; `None` for the invalid all-zero id.
    pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        let value = u128::from_be_bytes(bytes);
        (value != 0).then_some(Self(value))
    }

    /// The id's bytes, big-endian, as they go on the wire.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The low 64 bits, which ratio samplers decide on.
    pub fn low(self) -> u64 {
        self.0 as u64
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceId({self})")
    }
}

/// A span id: 8 bytes, never all zero (W3C Trace Context §3.2.2.4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId(u64);

impl SpanId {
    /// A new random id.
    pub fn random() -> Self {
        loop {
            let value = random_u64();
            if value != 0 {
                return Self(value);
            }
        }
    }

    /// The id with these big-endian bytes; `None` for the invalid all-zero id.
    pub fn from_bytes(bytes: [u8; 8]) -> Option<Self> {
        let value = u64::from_be_bytes(bytes);
        (value != 0).then_some(Self(value))
    }

    /// The id's bytes, big-endian, as they go on the wire.
    pub fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpanId({self})")
    }
}

thread_local! {
    static STATE: Cell<u64> = Cell::new(seed());
}

/// 0 in a process that was not forked; mixed into every number of one that was.
static FORKED: AtomicU64 = AtomicU64::new(0);

/// Gives the threads of a forked child other ids than those of its parent, whose state they have.
/// To be called in the child; safe in a handler of `pthread_atfork`: it neither locks nor allocates.
pub fn reseed_after_fork() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Children of one moment differ by their process ids, a child and its own child by what was.
    let own = now.as_nanos() as u64 ^ u64::from(std::process::id()).rotate_left(40);
    let before = FORKED.load(Ordering::Relaxed);
    FORKED.store(mix(before.wrapping_add(mix(own))) | 1, Ordering::Relaxed);
    if let Some(hook) = IN_CHILD.get() {
        hook();
    }
}

static IN_CHILD: OnceLock<fn()> = OnceLock::new();

/// Sets what a forked child does first, on the one thread it has; the first one stays. It may neither
/// lock nor allocate.
pub fn set_child_hook(hook: fn()) {
    let _first = IN_CHILD.set(hook);
}

/// Whether this process is a forked child that was told so by [`reseed_after_fork`]: locks may be
/// held there by threads that do not exist.
pub fn is_forked_child() -> bool {
    FORKED.load(Ordering::Relaxed) != 0
}

/// One step of SplitMix64 on the thread's own state: ids must be unique, not unguessable.
fn random_u64() -> u64 {
    let next = |state: &Cell<u64>| {
        let value = state.get().wrapping_add(STEP);
        state.set(value);
        value
    };
    mix(STATE.try_with(next).unwrap_or_else(|_| seed()) ^ FORKED.load(Ordering::Relaxed))
}

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A seed of the operating system's randomness, different for every thread and process.
fn seed() -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_distinct_and_print_as_fixed_width_hex() {
        let mut seen = HashSet::new();
        for _ in 0..10_000 {
            assert!(seen.insert(TraceId::random()));
        }
        assert_eq!(TraceId::from_bytes([1; 16]).unwrap().to_string(), "01".repeat(16));
        assert_eq!(
            SpanId::from_bytes([0, 0, 0, 0, 0, 0, 0, 9]).unwrap().to_string(),
            "0000000000000009"
        );
    }

    #[test]
    fn a_forked_child_goes_on_with_other_ids() {
        let as_before = |f: &dyn Fn() -> u64| {
            let state = STATE.get();
            let value = f();
            STATE.set(state);
            value
        };
        let parent = as_before(&random_u64);
        assert_eq!(as_before(&random_u64), parent, "the state is the same");
        reseed_after_fork();
        let child = as_before(&random_u64);
        reseed_after_fork();
        let grandchild = as_before(&random_u64);
        assert_eq!(HashSet::from([parent, child, grandchild]).len(), 3);
    }

    #[test]
    fn the_zero_id_is_invalid() {
        assert_eq!(TraceId::from_bytes([0; 16]), None);
        assert_eq!(SpanId::from_bytes([0; 8]), None);
    }
}
