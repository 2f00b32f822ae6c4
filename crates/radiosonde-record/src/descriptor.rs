//! Descriptors: what is the same for every record written at one place in the code.

/// The constant part of the records of one call site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// The event's name (`evt` in the line): `log` for a log line, the span's name for a span.
    pub name: String,
    /// Where it comes from (`source` in the line): a module path or a name of the user's choice.
    pub source: String,
    /// Source file; empty when unknown.
    pub file: String,
    /// Line in `file`; 0 when unknown.
    pub line: u32,
    /// The message of all its records, when it has no arguments; empty when they bring their own.
    pub message: String,
    /// The keys its fields refer to by position.
    pub keys: Vec<String>,
}

/// Longest text of a descriptor, in bytes; more is cut.
pub(crate) const TEXT_MAX: usize = 512;
/// Longest key of a descriptor, in bytes: with [`KEYS_MAX`] it keeps an inline descriptor, a message
/// and a context within one record.
const KEY_MAX: usize = 100;
/// Most keys of a descriptor.
const KEYS_MAX: usize = 254;

impl Descriptor {
    /// The source of metric lines whose labels were redacted when their series was new. Labels of
    /// lines from elsewhere are looked at when the line is written.
    pub const OWN_METRICS: &str = "metrics";

    /// Appends the descriptor: `line u32, key count u8, padding 3`, then name, source, file,
    /// message and the keys as `length u16, bytes`.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let keys = &self.keys[..self.keys.len().min(KEYS_MAX)];
        out.extend_from_slice(&self.line.to_le_bytes());
        out.extend_from_slice(&[keys.len() as u8, 0, 0, 0]);
        let texts =
            [&self.name, &self.source, &self.file, &self.message].map(|text| (text, TEXT_MAX));
        for (text, max) in texts.into_iter().chain(keys.iter().map(|key| (key, KEY_MAX))) {
            let end = floor_char_boundary(text, max);
            out.extend_from_slice(&(end as u16).to_le_bytes());
            out.extend_from_slice(&text.as_bytes()[..end]);
        }
    }

    /// Reads a descriptor from the front of `bytes`, with the length it took. `None` for bytes
    /// that are not one.
    pub(crate) fn decode(bytes: &[u8]) -> Option<(Self, usize)> {
        let line = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?);
        let key_count = usize::from(*bytes.get(4)?);
        let mut at = 8;
        let mut text = || {
            let length = u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?);
            let end = at + 2 + usize::from(length);
            let text = std::str::from_utf8(bytes.get(at + 2..end)?).ok()?.to_owned();
            at = end;
            Some(text)
        };
        let (name, source, file, message) = (text()?, text()?, text()?, text()?);
        let keys = (0..key_count).map(|_| text()).collect::<Option<Vec<_>>>()?;
        Some((Self { name, source, file, line, message, keys }, at))
    }
}

/// At most the first `max` bytes of a text, in whole characters: `str::floor_char_boundary` is younger than
/// our oldest compiler.
#[doc(hidden)]
#[must_use]
pub fn start_of(text: &str, max: usize) -> &str {
    &text[..floor_char_boundary(text, max)]
}

/// The largest character boundary of `text` that is not past `max`.
pub(crate) fn floor_char_boundary(text: &str, max: usize) -> usize {
    if text.len() <= max {
        return text.len();
    }
    (0..=max).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_read_back_and_cut_ones_are_refused() {
        let descriptor = Descriptor {
            name: "user.action".into(),
            source: "shop::cart".into(),
            file: "src/cart.rs".into(),
            line: 42,
            message: "clicked".into(),
            keys: vec!["type".into(), "größe".into()],
        };
        let mut bytes = Vec::new();
        descriptor.encode(&mut bytes);
        assert_eq!(Descriptor::decode(&bytes), Some((descriptor, bytes.len())));
        for cut in 0..bytes.len() {
            assert_eq!(Descriptor::decode(&bytes[..cut]), None);
        }
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let descriptor = Descriptor { name: "ä".repeat(1000), ..Descriptor::default() };
        let mut bytes = Vec::new();
        descriptor.encode(&mut bytes);
        let (back, _) = Descriptor::decode(&bytes).unwrap();
        assert_eq!(back.name, "ä".repeat(256));
        for (max, expected) in [(0, ""), (1, ""), (2, "ä"), (4, "ä"), (5, "ä€"), (9, "ä€")]
        {
            assert_eq!(start_of("ä€", max), expected, "{max}");
        }
    }
}
