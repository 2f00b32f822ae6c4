//! The text that travels with each event: from nothing to some hundred characters, with all that
//! a line of JSON must escape.

const PATTERN: &str = "line\nfeed \"quoted\" back\\slash tab\t nul\0 bell\u{7} grün 気球 \u{1f388} {\"id\":\"x.0.1\"} \u{2028}";
/// A prime: no signal gets always the same length.
const LENGTHS: u64 = 7;

/// The text of call `number`.
#[must_use]
pub fn of(number: u64) -> String {
    PATTERN.repeat((number % LENGTHS) as usize)
}

const HELD: &str = "held-";

/// The job of the `number`th span that a producer holds open.
#[must_use]
pub fn held(producer: usize, number: u64) -> String {
    format!("{HELD}{producer}-{number}")
}

/// Producer and number of a held span, from its job.
#[must_use]
pub fn of_held(job: &str) -> Option<(u32, u64)> {
    let (producer, number) = job.strip_prefix(HELD)?.split_once('-')?;
    Some((producer.parse().ok()?, number.parse().ok()?))
}
