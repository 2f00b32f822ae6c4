//! Trace and span ids of W3C Trace Context, and the generator behind them.

use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};

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

/// One step of SplitMix64 on the thread's own state: ids must be unique, not unguessable.
fn random_u64() -> u64 {
    let next = |state: &Cell<u64>| {
        let value = state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        state.set(value);
        value
    };
    let mut z = STATE.try_with(next).unwrap_or_else(|_| seed());
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
    fn the_zero_id_is_invalid() {
        assert_eq!(TraceId::from_bytes([0; 16]), None);
        assert_eq!(SpanId::from_bytes([0; 8]), None);
    }
}
