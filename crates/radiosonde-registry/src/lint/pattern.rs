//! What is held against the pattern of a label: it has to be one, and to keep something out.

use regex_lite::{Regex, RegexBuilder};

use super::rules::Judge;

/// Longest pattern, in bytes. A longer one is a list in disguise.
const PATTERN_BYTES_MAX: usize = 1_024;

/// What a compiled pattern may take, in bytes; `[a-z0-9_.-]{1,128}` takes a third of it. Less than
/// what the guard allows, so that what passes here compiles there, and little enough for a file
/// full of patterns to be tried while a compiler waits.
const COMPILED_BYTES_MAX: usize = 64 * 1024;

/// Values that make a series each, and what they are.
const IDS: &[(&str, &str)] = &[
    ("550e8400-e29b-41d4-a716-446655440000", "a UUID"),
    ("F47AC10B-58CC-4372-A567-0E02B2C3D479", "a UUID"),
    ("01ARZ3NDEKTSV4RRFFQ69G5FAV", "a ULID"),
    ("550e8400e29b41d4a716446655440000", "32 hexadecimal digits in a row"),
    (
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "64 hexadecimal digits in a row",
    ),
    ("74358108163204896714", "a number of 20 digits"),
];

/// A pattern that all of these fit keeps nothing out.
const TEXTS: &[&str] = &[
    "connection to [::1]:5432 refused (os error 111)",
    "User \"Zoë\" said: naïve, isn't it? 100 % / 4 = 25; ok\\",
    "550e8400-e29b-41d4-a716-446655440000",
];

/// What came out when a pattern was tried.
#[derive(Clone)]
pub(super) enum Tried {
    Broken(regex_lite::Error),
    Empty,
    FitsAnyText,
    /// An id, and what kind of id it is.
    FitsId(&'static str, &'static str),
    KeepsIdsOut,
    TooLong,
}

/// Tries a pattern on values it should keep out.
pub(super) fn try_out(written: &str) -> Tried {
    if written.is_empty() {
        return Tried::Empty;
    }
    if written.len() > PATTERN_BYTES_MAX {
        return Tried::TooLong;
    }
    let regex = match compile(written) {
        Ok(regex) => regex,
        Err(error) => return Tried::Broken(error),
    };
    if TEXTS.iter().all(|text| regex.is_match(text)) {
        return Tried::FitsAnyText;
    }
    let id = IDS.iter().find(|(id, _)| regex.is_match(id));
    id.map_or(Tried::KeepsIdsOut, |(id, kind)| Tried::FitsId(id, kind))
}

pub(super) fn check(written: &str, tried: &Tried, has_max_values: bool, judge: &mut Judge<'_, '_>) {
    let path = judge.at("pattern");
    match tried {
        Tried::Empty => {
            let what = "an empty pattern fits the empty value only".to_owned();
            judge.wrong(&path, what, "write a regular expression, such as `v[0-9]{1,3}`");
        }
        Tried::TooLong => {
            let what = format!("pattern longer than {PATTERN_BYTES_MAX} bytes");
            judge.wrong(&path, what, "shorten it, or list the values under `values`");
        }
        Tried::Broken(error) => {
            let what = format!("the pattern cannot be read: {error}");
            let fix = "write a regular expression such as `[a-z][a-z0-9_]{0,19}` (there are no \
                       look-around, back-references and `\\p`)";
            judge.wrong(&path, what, fix);
        }
        Tried::FitsAnyText => {
            let what = format!("any text fits the pattern `{written}`");
            let fix = "name the characters there are, such as `[a-z][a-z0-9_]{0,19}`, or delete \
                       the pattern and bound the label by `max_values`";
            judge.wrong(&path, what, fix);
        }
        Tried::FitsId(id, kind) if !has_max_values => {
            let what = format!("ids fit the pattern `{written}`, such as `{id}`, {kind}");
            let is_number = kind.starts_with("a number");
            let example = if is_number { "[0-9]{1,3}" } else { "[a-z][a-z0-9_]{0,19}" };
            let fix = format!("bound its length, such as `{example}`, or add `max_values`");
            judge.wrong(&path, what, fix);
        }
        Tried::FitsId(..) | Tried::KeepsIdsOut => {}
    }
}

/// As the guard does it: the whole value has to fit.
fn compile(written: &str) -> Result<Regex, regex_lite::Error> {
    let build = |text: &str| RegexBuilder::new(text).size_limit(COMPILED_BYTES_MAX).build();
    // By itself first: `a)|(b` makes sense within the group only, and gets out of the anchors.
    let _by_itself = build(written)?;
    build(&format!("^(?:{written})$"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_what_they_are_called() {
        for (id, kind) in IDS {
            let digits = kind.strip_suffix(" hexadecimal digits in a row").map(str::parse::<usize>);
            if let Some(Ok(length)) = digits {
                assert_eq!(id.len(), length, "{id}");
            }
            assert!(crate::id_shape(id).is_some(), "{id}");
        }
    }

    #[test]
    fn what_a_pattern_lets_in() {
        let id = |written: &str| match try_out(written) {
            Tried::FitsId(_, kind) => Some(kind),
            Tried::KeepsIdsOut => None,
            _ => panic!("{written}"),
        };
        let table = [
            ("[a-z]+", None),
            ("v[0-9]+|next", None),
            ("[1-5][0-9][0-9]", None),
            ("[a-z][a-z0-9_]{0,19}", None),
            ("[0-9]{1,3}", None),
            ("[a-zA-Z][a-zA-Z0-9_.:-]{1,21}", None),
            ("[a-z_.-]{1,128}", None),
            ("[0-9a-f-]{36}", Some("a UUID")),
            ("[0-9A-Fa-f-]+", Some("a UUID")),
            ("[0-9A-Z]{26}", Some("a ULID")),
            ("[0-9a-f]{64}", Some("64 hexadecimal digits in a row")),
            ("[0-9]+", Some("a number of 20 digits")),
            // Grouped before it is anchored: the second branch is held to the whole value too.
            ("x|[0-9]{3}", None),
        ];
        for (written, expected) in table {
            assert_eq!(id(written), expected, "{written}");
        }
    }

    #[test]
    fn patterns_that_grow_are_refused() {
        for written in
            ["(a{1000}){1000}", "((a{100}){100}){100}", "(", "a{2,1}", "(?=a)", r"\pL", "a)|(b"]
        {
            assert!(compile(written).is_err(), "{written}");
        }
    }
}
