//! The flags of W3C Trace Context.

use std::fmt;

/// The trace flags that travel in `traceparent` (W3C Trace Context Level 2, §3.2.2.5).
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct TraceFlags(u8);

impl TraceFlags {
    /// No flag: neither sampled nor known to be random.
    pub const NONE: Self = Self(0);
    /// The caller may have recorded the trace.
    pub const SAMPLED: Self = Self(1);
    /// At least the last seven bytes of the trace id are random (Level 2).
    pub const RANDOM: Self = Self(2);

    /// The flags with these bits; bits without a meaning in Level 2 are cleared, as it asks.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & (Self::SAMPLED.0 | Self::RANDOM.0))
    }

    /// The bits, as they go on the wire.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether the caller may have recorded the trace.
    pub const fn is_sampled(self) -> bool {
        self.0 & Self::SAMPLED.0 != 0
    }

    /// Whether the last seven bytes of the trace id are random.
    pub const fn is_random(self) -> bool {
        self.0 & Self::RANDOM.0 != 0
    }

    /// These flags with [`SAMPLED`](Self::SAMPLED) set or cleared.
    #[must_use]
    pub const fn with_sampled(self, sampled: bool) -> Self {
        Self((self.0 & !Self::SAMPLED.0) | sampled as u8)
    }
}

impl fmt::Debug for TraceFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceFlags({:02x})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_without_a_meaning_are_cleared() {
        for bits in 0..=u8::MAX {
            let flags = TraceFlags::from_bits(bits);
            assert_eq!(flags.bits(), bits % 4, "{bits:08b}");
            assert_eq!((flags.is_sampled(), flags.is_random()), (bits % 2 == 1, bits & 2 != 0));
            assert_eq!(flags.with_sampled(false).bits(), bits & 2);
            assert!(flags.with_sampled(true).is_sampled());
        }
    }
}
