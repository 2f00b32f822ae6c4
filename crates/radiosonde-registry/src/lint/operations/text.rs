//! Checks of texts that are used all over: durations, words that have to be there, file names.

use crate::{duration, locate::Path, report::Report};

/// Small letters, digits, `-` and `_`, a letter first.
pub(super) fn is_slug(text: &str) -> bool {
    text.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte))
}

/// What somebody who wrote this may have meant.
pub(super) fn slug(text: &str) -> Option<String> {
    let words = text.split(|char: char| !char.is_ascii_alphanumeric() && char != '_');
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    Some(words.join("-").to_ascii_lowercase()).filter(|slug| is_slug(slug))
}

/// The milliseconds of the duration at `path`, reported when it is none.
pub(super) fn duration(written: &str, path: &Path, report: &mut Report<'_>) -> Option<u64> {
    let read = duration::milliseconds(written);
    if read.is_none() {
        let what = format!("`{written}` is not a duration above 0");
        report.wrong(path, what, "write it as `30s`, `10m`, `1h30m` or `14d`");
    }
    read
}

/// As [`duration`], for a key that may be left out.
pub(super) fn some_duration(
    written: Option<&str>,
    path: &Path,
    report: &mut Report<'_>,
) -> Option<u64> {
    duration(written?, path, report)
}

/// A text that has to say something.
pub(super) fn said(written: &str, path: &Path, wanted: &str, report: &mut Report<'_>) {
    if written.trim().is_empty() {
        report.wrong(path, "the text is empty".to_owned(), format!("write {wanted}"));
    }
}

/// As [`said`], for a key that may be left out.
pub(super) fn said_if_there(
    written: Option<&str>,
    path: &Path,
    wanted: &str,
    report: &mut Report<'_>,
) {
    if let Some(written) = written {
        said(written, path, &format!("{wanted}, or leave the key out"), report);
    }
}

/// Texts of a list that have to say something.
pub(super) fn all_said(written: &[String], path: &Path, wanted: &str, report: &mut Report<'_>) {
    for (index, text) in written.iter().enumerate() {
        said(text, &path.then(index), wanted, report);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs() {
        for good in ["a", "parser-slow", "x_2"] {
            assert!(is_slug(good), "{good}");
        }
        let table = [
            ("Parser P95 (slow)", Some("parser-p95-slow")),
            ("../etc/passwd", Some("etc-passwd")),
            ("2x", None),
            ("", None),
            ("é", None),
        ];
        for (bad, meant) in table {
            assert!(!is_slug(bad), "{bad}");
            assert_eq!(slug(bad).as_deref(), meant, "{bad}");
        }
    }
}
