//! Exports: what a sink makes of records for a queue of its own, beside their lines.
//!
//! An entry is one record for one stream: `stream u8, length u32, bytes`. The entries of a batch stand
//! one after another in the stage, and reach the queue of the sink by the same protocol as lines
//! reach their files: see [`Sink::export`](crate::Sink::export).

use crate::lines::Lines;

/// Bytes before those of an entry.
pub(crate) const HEAD: usize = 5;

/// The entries of a batch, in the order of encoding: the stream of each, and its bytes.
///
/// Bytes that were damaged on their way end it early; those of a stage are checked beforehand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exports<'a>(&'a [u8]);

impl<'a> Exports<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes of all entries, with their heads.
    pub fn size(&self) -> usize {
        self.0.len()
    }
}

impl<'a> Iterator for Exports<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let entry = split(self.0);
        self.0 = entry.map_or(&[], |(.., rest)| rest);
        entry.map(|(stream, bytes, _)| (stream, bytes))
    }
}

fn split(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let ([stream, length @ ..], rest) = bytes.split_first_chunk::<HEAD>()?;
    let (bytes, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    Some((*stream, bytes, rest))
}

/// Appends what `write` does as one entry; nothing when it appends nothing.
pub(crate) fn append(to: &mut Lines, stream: u8, write: impl FnOnce(&mut Lines)) {
    let begin = to.len();
    to.extend_from_slice(&[stream, 0, 0, 0, 0]);
    write(to);
    // Longer than four bytes can say is longer than any stage.
    let length = to.len().checked_sub(begin + HEAD).map(u32::try_from);
    match length {
        Some(Ok(length @ 1..)) => to.overwrite(begin + 1, &length.to_le_bytes()),
        _ => to.truncate(begin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(bytes: &[u8]) -> Vec<(u8, &[u8])> {
        Exports::new(bytes).collect()
    }

    #[test]
    fn entries_come_out_as_they_went_in_and_damage_ends_them() {
        let mut bytes = Lines::default();
        append(&mut bytes, 3, |bytes| bytes.extend_from_slice(b"first"));
        append(&mut bytes, 0, |_| {});
        // Whoever takes back more than is his loses what he has taken back.
        let before = bytes.len();
        append(&mut bytes, 4, |bytes| bytes.truncate(before));
        let long = vec![b'x'; 200_000];
        append(&mut bytes, 255, |bytes| bytes.extend_from_slice(&long));
        let expected = [(3, &b"first"[..]), (255, &long)];
        assert_eq!(entries(&bytes), expected);
        assert!(entries(b"").is_empty());
        for cut in [1, HEAD + 4, HEAD + 5 + 2, bytes.len() - 1] {
            assert!(entries(&bytes[..cut]).len() < 2, "{cut}");
        }
        let mut lies = bytes.to_vec();
        lies[1..5].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(entries(&lies).is_empty());
    }
}
