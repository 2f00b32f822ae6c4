//! Texts that only come, kept one behind the other: whoever reads all of them reads memory in order,
//! and none pays for an allocation of its own.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

use crate::sync::lock;

/// Bytes of the first two chunks; each two further ones have twice as many. In pairs: of a chunk that
/// was made last, half is empty, and that should be little of the whole.
const FIRST: usize = 256;

/// Enough for 512 MiB.
const CHUNKS: usize = 40;

const fn size(chunk: usize) -> usize {
    FIRST << (chunk / 2)
}

/// Texts, appended by one thread at a time and read by all without a lock.
pub(crate) struct Texts {
    /// Unique in the process.
    id: u32,
    chunks: [OnceLock<Chunk>; CHUNKS],
    /// Where the next one goes.
    end: Mutex<End>,
}

struct Chunk(Box<[UnsafeCell<u8>]>);

// SAFETY: bytes are written by `Texts::append` alone, under its lock, once each, and before there is a
// `Text` that says where they are. Who has one got it after that: its fields are private, and handing
// it to another thread orders the two. `Texts::get` looks at the id, so that a `Text` reads the bytes it
// was made for and no others.
unsafe impl Sync for Chunk {}

/// Where a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    /// Of the [`Texts`] it is in.
    of: u32,
    start: u32,
    len: u16,
    chunk: u8,
}

#[derive(Default)]
struct End {
    chunk: usize,
    used: usize,
}

impl Texts {
    pub(crate) fn new() -> Self {
        static IDS: AtomicU32 = AtomicU32::new(1);
        let next = |id: u32| Some(id.saturating_add(1));
        let id = IDS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        let chunks = [const { OnceLock::new() }; CHUNKS];
        Self { id: id.unwrap_or(u32::MAX), chunks, end: Mutex::default() }
    }

    /// Appends a text of less than 64 KiB; none when it is longer, or there is no room.
    pub(crate) fn append(&self, text: &str) -> Option<Text> {
        let len = u16::try_from(text.len()).ok()?;
        if self.id == u32::MAX {
            // Ids have run out, after 2³² metrics: the last one may be of several.
            return None;
        }
        let end = &mut *lock(&self.end);
        while end.chunk < CHUNKS && size(end.chunk) < end.used + text.len() {
            *end = End { chunk: end.chunk + 1, used: 0 };
        }
        let chunk = self.chunks.get(end.chunk)?;
        let chunk = chunk.get_or_init(|| Chunk::new(size(end.chunk)));
        for (place, byte) in chunk.0.get(end.used..)?.iter().zip(text.bytes()) {
            // SAFETY: nobody reads what is behind all texts, and whoever has the lock is alone in
            // writing there.
            unsafe { *place.get() = byte };
        }
        let start = u32::try_from(end.used).ok()?;
        end.used += text.len();
        Some(Text { of: self.id, start, len, chunk: u8::try_from(end.chunk).ok()? })
    }

    /// The text that was appended.
    #[inline]
    pub(crate) fn get(&self, text: Text) -> &str {
        let place = || {
            if text.of != self.id {
                return None;
            }
            let chunk = self.chunks.get(usize::from(text.chunk))?.get()?;
            let start = text.start as usize;
            chunk.0.get(start..start + usize::from(text.len))
        };
        let Some(bytes) = place() else { return "" };
        // SAFETY: it is one of these texts, and says where `append` has put a whole `str`, which nobody
        // changes any more. Cells of bytes are laid out as bytes.
        unsafe {
            let bytes = std::slice::from_raw_parts(bytes.as_ptr().cast::<u8>(), bytes.len());
            std::str::from_utf8_unchecked(bytes)
        }
    }
}

impl Chunk {
    fn new(size: usize) -> Self {
        Self((0..size).map(|_| UnsafeCell::new(0)).collect())
    }
}

impl std::fmt::Debug for Texts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Texts")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_any_length_come_back_while_others_are_appended() {
        let (texts, others) = (Texts::new(), Texts::new());
        let of = |nth: usize| "ü".repeat(nth * 7 % 150) + &nth.to_string();
        let count = if cfg!(miri) { 40 } else { 2_000 };
        let known = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for nth in 0..count {
                    let text = texts.append(&of(nth));
                    lock(&known).push(text.unwrap_or_else(|| panic!("no room for {nth}")));
                }
            });
            scope.spawn(|| {
                while lock(&known).len() < count {
                    let all = lock(&known).clone();
                    for (nth, text) in all.into_iter().enumerate() {
                        assert_eq!(texts.get(text), of(nth));
                        assert_eq!(others.get(text), "", "it is not one of theirs");
                    }
                }
            });
        });
        assert_eq!(texts.append(&"x".repeat(70_000)), None);
        let long = texts.append(&"y".repeat(60_000));
        assert_eq!(long.map(|text| texts.get(text).len()), Some(60_000));
        assert_eq!(texts.append("").map(|text| texts.get(text)), Some(""));
    }
}
