//! Where something stands: paths into the document, and bytes to line and column.

use std::fmt;

/// One step of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Into an object.
    Key(String),
    /// Into an array.
    Index(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// A place in the document, such as `metrics[3].type`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Path(pub(crate) Vec<Step>);

impl Path {
    /// One step further down.
    pub(crate) fn then(&self, step: impl Into<Step>) -> Self {
        let mut steps = self.0.clone();
        steps.push(step.into());
        Self(steps)
    }

    /// Whether this place is `other` or lies within it.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(number) => write!(f, "[{number}]")?,
                Step::Key(key) if is_plain(key) && index == 0 => f.write_str(key)?,
                Step::Key(key) if is_plain(key) => write!(f, ".{key}")?,
                Step::Key(key) => write!(f, "[{key:?}]")?,
            }
        }
        Ok(())
    }
}

/// Whether a key can be written after a dot.
fn is_plain(key: &str) -> bool {
    !key.is_empty()
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-$".contains(&byte))
}

/// The lines of a text.
pub(crate) struct Lines<'t> {
    text: &'t str,
    /// Byte at which each line starts; the first is 0.
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(crate) fn of(text: &'t str) -> Self {
        let after_breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(after_breaks.map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// Line and column of a byte, both from 1, the column in characters.
    pub(crate) fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or_default();
        // A position inside a character (or past the end) means the character it lies in.
        let offset = (start..=offset).rev().find(|at| self.text.is_char_boundary(*at));
        let before = self.text.get(start..offset.unwrap_or(start)).unwrap_or_default();
        (line, before.chars().count() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let lines = Lines::of("{\n  \"é\": x\n}");
        assert_eq!(lines.position(0), (1, 1));
        assert_eq!(lines.position("{\n  \"é\": ".len()), (2, 8));
        assert_eq!(lines.position("{\n  \"é\": x\n".len()), (3, 1));
        assert_eq!(lines.position(9_999).0, 3);
    }

    #[test]
    fn paths_read_like_code() {
        let path = Path::default().then("metrics").then(3).then("type");
        assert_eq!(path.to_string(), "metrics[3].type");
        assert_eq!(
            Path::default().then("owners").then("Program PM").to_string(),
            "owners[\"Program PM\"]"
        );
        assert!(path.is_within(&Path::default().then("metrics").then(3)));
        assert!(!path.is_within(&Path::default().then("metrics").then(4)));
    }
}
