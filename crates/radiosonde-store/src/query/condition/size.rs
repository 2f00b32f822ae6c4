//! Sizes as people write them: `20MiB`, `1.5 GB`.

use super::duration::amount;
use super::number::Number;

/// So many bytes, where a text is a number and a unit. What is less than one is cut off.
pub(super) fn parse(text: &str) -> Option<Number> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
    let (_, bytes) = UNITS.iter().find(|(name, _)| *name == unit)?;
    amount(number.trim_end_matches(' '), *bytes).map(Number::Integer)
}

/// Whether a key says that its numbers are bytes.
pub(super) fn is_of(key: &str) -> bool {
    key.ends_with("_bytes")
}

/// In bytes.
const UNITS: [(&str, i128); 10] = [
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_exact_and_other_texts_are_none() {
        for (texts, bytes) in [
            ("20MiB|20 MiB|20480KiB|20971520B|20.0MiB", 20 << 20),
            ("1.5GB|1500MB|1500000kB|1500000 KB|0.0015TB", 1_500_000_000),
            ("0B|0.4B", 0),
        ] {
            for text in texts.split('|') {
                let found = parse(text);
                assert!(
                    matches!(found, Some(Number::Integer(n)) if n == bytes),
                    "{text}: {found:?}"
                );
            }
        }
        for text in ["", "20", "MiB", "20mib", "20M", "20MiBs", "1.2.3MB", "1e3kB", " MB", "20 %"] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
