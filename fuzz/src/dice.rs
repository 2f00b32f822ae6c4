//! Decisions and values made of the bytes of an input.

use radiosonde_record::{Descriptor, Kind, Level};

/// Bytes that are used up from the front; then zeros come.
#[derive(Clone, Debug)]
pub struct Dice<'a>(pub &'a [u8]);

impl<'a> Dice<'a> {
    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// At most `count` bytes.
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (front, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        front
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        let front = self.bytes(N);
        out[..front.len()].copy_from_slice(front);
        out
    }

    /// Any number of 8 bits.
    pub fn u8(&mut self) -> u8 {
        u8::from_le_bytes(self.array())
    }

    /// Any number of 16 bits.
    pub fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    /// Any number of 32 bits.
    pub fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    /// Any number of 64 bits.
    pub fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    /// Bytes with their length before them.
    pub fn counted(&mut self) -> &'a [u8] {
        let length = usize::from(self.u16());
        self.bytes(length)
    }

    /// Text with its length before it, as far as it is UTF-8.
    pub fn text(&mut self) -> &'a str {
        utf8(self.counted())
    }

    /// One of the levels.
    pub fn level(&mut self) -> Level {
        Level::ALL[usize::from(self.u8()) % Level::ALL.len()]
    }

    /// One of the kinds.
    pub fn kind(&mut self) -> Kind {
        Kind::ALL[usize::from(self.u8()) % Kind::ALL.len()]
    }

    /// A call site.
    pub fn descriptor(&mut self) -> Descriptor {
        Descriptor {
            line: self.u32(),
            name: self.text().to_owned(),
            source: self.text().to_owned(),
            file: self.text().to_owned(),
            message: self.text().to_owned(),
            keys: (0..self.u8()).map(|_| self.text().to_owned()).collect(),
        }
    }
}

/// What of the bytes is text, from the front.
pub fn utf8(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
    }
}
