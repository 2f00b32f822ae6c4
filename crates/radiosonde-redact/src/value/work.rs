//! Proof that no text makes the rules read it again and again: what they look at is counted.

use proptest::prelude::*;

use super::Scanner;
use super::prefixes::prefixes;
use crate::Rules;

/// Bytes that are looked at for each byte of a text, at most.
const FACTOR: usize = 20;

/// What secrets begin with, what ends them, and what stands in between.
const PARTS: &[&str] = &[
    "?token=",
    "?pwd=[",
    "?pwd=",
    "&a=",
    "pwd=",
    ";sig=",
    "?key=",
    ",token=",
    "[",
    "]",
    "…",
    "{",
    "*",
    "%2A",
    "a://b:",
    "a://",
    "a://@b:",
    "://",
    "@",
    ":",
    "/",
    "?",
    "&",
    "=",
    " ",
    "\t",
    "+",
    "%20",
    "%3D",
    "\\n",
    "\"",
    "'",
    "Bearer ",
    "Bearer\\t",
    "Bearer \\\"",
    "\\",
    "bearer+",
    "bearer+/",
    "Basic ",
    "Basic%20",
    "Basic\t",
    "AAAA",
    ";pwd='",
    ";pwd=\"",
    ";pwd={",
    ";pwd={}}",
    ";pwd=\\\\\\\"",
    "''",
    "(",
    ")",
    "}",
    "('a?token=",
    "?token=null",
    "?pwd=/",
    "?p%61ssword=",
    "a%3A%2F%2F",
    "%3A",
    "%40",
    "%2F",
    "%B4111",
    ":\\/\\/",
    "-----BEGIN+RSA+PRIVATE+KEY-----",
    "-----BEGIN PRIVATE KEY-----\na: ",
    "\na: ",
    "\n",
    "size=4111111111111111",
    "4111111111111111 ns",
    "4111111111111111,",
    "1:",
    "key-",
    "eyJ",
    "eyJ-",
    ".",
    ".a.b",
    "eyJhbGciOiJIUzI1NiJ9",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN ",
    "-----END",
    "-",
    "4111",
    "4111 ",
    "4111-",
    "4111 1111 1111 1112 ",
    "1",
    "11111111111111111111",
    "x-api-key: ",
    "x-a:",
    "authorization:",
    "Authorization: a ",
    "cookie: ",
    "cookie:a=",
    "; a=",
    "a",
    "a1",
    "_",
    "ä",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

/// What is looked at in a text.
fn steps(text: &str) -> usize {
    thread_local! {
        static RULES: Rules = Rules::standard();
    }
    RULES.with(|rules| {
        let mut scanner = Scanner::new(rules, text);
        let _matches = scanner.by_ref().count();
        scanner.reader.steps
    })
}

/// Whether the work is in proportion to so many bytes of `unit`, again and again, and then `end`.
fn check(bytes: usize, unit: &str, end: &str) -> Result<(), String> {
    let text = unit.repeat(bytes / unit.len() + 1) + end;
    let steps = steps(&text);
    if steps <= FACTOR * text.len() {
        return Ok(());
    }
    Err(format!("{steps} steps for {} bytes of {unit:?}, {end:?}", text.len()))
}

#[test]
fn no_two_beginnings_in_a_row_are_read_again_and_again() {
    let parts: Vec<&str> = PARTS.iter().copied().chain(prefixes()).collect();
    let mut slow = Vec::new();
    for one in &parts {
        for other in PARTS {
            slow.extend(check(3_000, &format!("{one}{other}"), "]@").err());
        }
        slow.extend(check(24_000, one, " ").err());
        // Beginnings that hang on each other, as far as a key is long.
        slow.extend(check(24_000, &(one.repeat(180 / one.len() + 1) + "/"), " ").err());
    }
    assert!(slow.is_empty(), "{} are slow: {:#?}", slow.len(), &slow[..slow.len().min(20)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 100 }))]

    #[test]
    fn no_text_of_such_parts_is(
        parts in prop::collection::vec(prop::sample::select(PARTS), 1..24),
        end in prop::sample::select(PARTS),
    ) {
        let checked = check(24_000, &parts.concat(), end);
        prop_assert!(checked.is_ok(), "{}", checked.unwrap_err());
    }
}
