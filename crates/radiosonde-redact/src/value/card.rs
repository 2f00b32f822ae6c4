//! Card numbers: their length, their issuer, their check digit.

use super::reader::Reader;

/// Digits of a card number.
const LEAST: usize = 13;
const MOST: usize = 19;

/// Groups that numbers are written in.
const GROUPS: &[&[usize]] = &[
    &[4, 4, 4, 1],
    &[4, 4, 4, 2],
    &[4, 4, 4, 3],
    &[4, 4, 4, 4],
    &[4, 4, 4, 4, 1],
    &[4, 4, 4, 4, 2],
    &[4, 4, 4, 4, 3],
    &[4, 6, 4],
    &[4, 6, 5],
];

/// The digits at a place, and where each group of them ends.
struct Number {
    digits: [u8; DIGITS_MAX],
    count: usize,
    lengths: [usize; GROUPS_MAX],
    ends: [usize; GROUPS_MAX],
    groups: usize,
    separator: Option<u8>,
}

/// What is read of a number: a card's, and what may be written behind one.
const DIGITS_MAX: usize = 24;
const GROUPS_MAX: usize = 6;

/// Where the card number ends whose first digit stands at `start`.
pub(crate) fn end_of_card(reader: &mut Reader<'_>, start: usize) -> Option<usize> {
    let text = reader.text();
    // The first group is the whole number, or has four digits.
    let first =
        text[start..].iter().take(MOST + 1).take_while(|byte| byte.is_ascii_digit()).count();
    reader.count(first + 1);
    if first != 4 && !(LEAST..=MOST).contains(&first) || !begins_alone(text, start) {
        return None;
    }
    reader.count(DIGITS_MAX + GROUPS_MAX);
    let number = read(text, start)?;
    // A year or a security code may stand behind a number written in groups.
    let least = if number.separator == Some(b' ') { 3 } else { number.groups };
    let mut groups = (least.max(1)..=number.groups).rev();
    let whole = number.groups;
    let found = groups.find(|groups| {
        let lengths = &number.lengths[..*groups];
        let count: usize = lengths.iter().sum();
        let digits = &number.digits[..count];
        (LEAST..=MOST).contains(&count)
            && (*groups == 1 || GROUPS.contains(&lengths))
            && (*groups < whole || ends_alone(text, number.ends[groups - 1]))
            && is_issued(digits)
            && has_check_digit(digits)
            && (number.groups > 1 || !is_measure(text, start, number.ends[0]))
    });
    // What is said before and behind a number is bounded.
    reader.count(if found.is_some() { 2 * NAME_MAX } else { 0 });
    found.map(|groups| number.ends[groups - 1])
}

/// The end of the card number at `start`, behind the `%B` of a magnetic track.
pub(crate) fn end_of_track(reader: &mut Reader<'_>, start: usize) -> Option<usize> {
    let digits = reader.text().get(start..)?.iter().take(MOST + 1);
    let length = digits.take_while(|byte| byte.is_ascii_digit()).count();
    reader.count(length + 1);
    let end = start + length;
    let digits = &reader.text()[start..end];
    let is_card = (LEAST..=MOST).contains(&length)
        && reader.text().get(end) == Some(&b'^')
        && has_check_digit(&digits.iter().map(|digit| digit - b'0').collect::<Vec<u8>>());
    is_card.then_some(end)
}

/// Reads digits in groups; `None` when there are more than a card could have.
fn read(text: &[u8], start: usize) -> Option<Number> {
    let mut number = Number {
        digits: [0; DIGITS_MAX],
        count: 0,
        lengths: [0; GROUPS_MAX],
        ends: [0; GROUPS_MAX],
        groups: 0,
        separator: None,
    };
    let mut at = start;
    loop {
        let rest = text[at..].iter().take(DIGITS_MAX + 1);
        let length = rest.take_while(|byte| byte.is_ascii_digit()).count();
        let place = number.digits.get_mut(number.count..number.count + length)?;
        for (to, digit) in place.iter_mut().zip(&text[at..]) {
            *to = digit - b'0';
        }
        number.count += length;
        at += length;
        number.lengths[number.groups] = length;
        number.ends[number.groups] = at;
        number.groups += 1;
        let (separator, next) = (text.get(at), text.get(at + 1));
        let goes_on = matches!(length, 4 | 6)
            && number.groups < GROUPS_MAX
            && matches!(separator, Some(b' ' | b'-'))
            && number.separator.is_none_or(|before| Some(&before) == separator)
            && next.is_some_and(u8::is_ascii_digit);
        if !goes_on {
            return Some(number);
        }
        number.separator = separator.copied();
        at += 1;
    }
}

/// How far it is looked back for a digit in the word before.
const WORD_MAX: usize = 64;

/// Whether nothing before makes the digits part of a longer number or name. A comma does not: behind
/// one a longer number has three digits.
fn begins_alone(text: &[u8], start: usize) -> bool {
    match text.get(..start) {
        None | Some([]) => true,
        Some([.., b'\\', b'n' | b'r' | b't']) => true,
        Some([.., b'%', high, low]) if is_sign(*high, *low) => true,
        Some([.., byte]) if byte.is_ascii_alphanumeric() || !byte.is_ascii() => false,
        Some([.., b'_' | b'+' | b'%' | b'$']) => false,
        Some([.., before, b'.' | b'/']) => !before.is_ascii_digit(),
        // A part of a time or an address has four digits at most.
        Some([.., before, b':']) => {
            let digits = text[start..].iter().take(LEAST);
            !before.is_ascii_digit()
                || digits.take_while(|byte| byte.is_ascii_digit()).count() == LEAST
        }
        // `visa-4111…` is one, the last part of an id is not.
        Some([front @ .., b'-']) => {
            let part = front.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric());
            !part.take(WORD_MAX).any(u8::is_ascii_digit)
        }
        // Another group of the same number, or of an account's.
        Some([front @ .., b' ']) => {
            let part = front.iter().rev().take(5).take_while(|byte| **byte != b' ');
            !front.get(front.len() - part.count()..).is_some_and(|part| {
                part.len() == 4
                    && part.iter().all(u8::is_ascii_alphanumeric)
                    && part.iter().any(u8::is_ascii_digit)
            })
        }
        Some(_) => true,
    }
}

/// Whether these are the digits of an encoded sign that parts values: `%20`, `%2C`, `%3D`.
fn is_sign(high: u8, low: u8) -> bool {
    let low = low.to_ascii_uppercase();
    high == b'2' && matches!(low, b'0' | b'2' | b'6' | b'7' | b'C')
        || high == b'3' && matches!(low, b'A' | b'B' | b'D')
}

/// Whether nothing behind does.
fn ends_alone(text: &[u8], end: usize) -> bool {
    match text.get(end..) {
        None | Some([]) => true,
        Some([byte, ..]) if byte.is_ascii_alphanumeric() || !byte.is_ascii() => false,
        Some([b'%', high, low, ..]) if is_sign(*high, *low) => true,
        Some([b'_' | b'@' | b'%', ..]) => false,
        Some([b'.', after, ..]) => !after.is_ascii_digit(),
        Some([b'-', after, ..]) => !after.is_ascii_alphanumeric(),
        Some(_) => true,
    }
}

/// Longest name of a number that is looked at, and longest unit.
const NAME_MAX: usize = 32;

/// How often a quotation mark was escaped, at most.
const ESCAPES_MAX: usize = 8;

/// What counts or measures, behind a number or as the last word of its name.
const MEASURES: [&str; 44] = [
    "byte",
    "bytes",
    "capacity",
    "count",
    "cycles",
    "duration",
    "elapsed",
    "events",
    "gib",
    "hz",
    "instructions",
    "items",
    "kb",
    "kib",
    "latency",
    "len",
    "length",
    "limit",
    "mb",
    "mib",
    "micros",
    "microseconds",
    "millis",
    "milliseconds",
    "ms",
    "nanos",
    "nanoseconds",
    "ns",
    "offset",
    "operations",
    "ops",
    "quota",
    "records",
    "requests",
    "rows",
    "seconds",
    "size",
    "ticks",
    "time",
    "timestamp",
    "total",
    "ts",
    "uptime",
    "us",
];

/// Whether a unit stands behind, or a name before that says what is measured: `8100000000000003 ns`,
/// `size=8100000000000003`, `"durationNs": "8100000000000003"`.
fn is_measure(text: &[u8], start: usize, end: usize) -> bool {
    let is_letter = |byte: &&u8| byte.is_ascii_alphabetic();
    let is_known =
        |word: &[u8]| MEASURES.iter().any(|measure| measure.as_bytes().eq_ignore_ascii_case(word));
    if let Some([b' ', unit @ ..]) = text.get(end..) {
        let length = unit.iter().take(NAME_MAX).take_while(is_letter).count();
        if is_known(&unit[..length]) || unit.starts_with("µs".as_bytes()) {
            return true;
        }
    }
    let behind = |front: &[u8], signs: &[u8]| {
        front.last().is_some_and(|last| signs.contains(last)).then(|| front.len() - 1)
    };
    // A quotation mark, which may be escaped.
    let unquoted = |front: &mut &[u8]| {
        if let Some(end) = behind(front, b"\"'") {
            let escapes = front[..end].iter().rev().take(ESCAPES_MAX);
            let escapes = escapes.take_while(|byte| **byte == b'\\').count();
            *front = &front[..end - escapes];
        }
    };
    let mut front = &text[..start];
    unquoted(&mut front);
    let space = behind(front, b" ");
    front = &front[..space.unwrap_or(front.len())];
    let sign = behind(front, b"=:");
    if space.is_none() && sign.is_none() {
        return false;
    }
    front = &front[..sign.unwrap_or(front.len())];
    unquoted(&mut front);
    let length = front.iter().rev().take(NAME_MAX).take_while(is_letter).count();
    let word = &front[front.len() - length..];
    let last = word.iter().rposition(u8::is_ascii_uppercase).unwrap_or(0);
    is_known(word) || is_known(&word[last..])
}

/// Whether an issuer gives out numbers that begin so and are that long.
fn is_issued(digits: &[u8]) -> bool {
    let front = digits.iter().take(6).fold(0_u32, |number, digit| number * 10 + u32::from(*digit));
    let (two, three, four) = (front / 10_000, front / 1_000, front / 100);
    match digits.len() {
        13 => digits[0] == 4 || is_maestro(four),
        14 => matches!(three, 300..=305 | 309) || matches!(two, 36 | 38 | 39) || is_maestro(four),
        15 => matches!(two, 34 | 37) || is_maestro(four),
        length => {
            digits[0] == 4 && matches!(length, 16 | 19)
                || length == 16 && (matches!(two, 51..=55) || matches!(four, 2221..=2720))
                || matches!(four, 2200..=2204 | 3528..=3589 | 6011)
                || matches!(three, 644..=649)
                || matches!(two, 62 | 65 | 81)
                || length == 16 && two == 36
                || is_maestro(four)
        }
    }
}

fn is_maestro(four: u32) -> bool {
    matches!(four, 5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763)
}

/// The check digit of Luhn, over numbers that are not one digit repeated.
fn has_check_digit(digits: &[u8]) -> bool {
    let doubled = |digit: u8| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let sum: u32 = (digits.iter().rev().enumerate())
        .map(|(at, digit)| u32::from(if at % 2 == 1 { doubled(*digit) } else { *digit }))
        .sum();
    sum.is_multiple_of(10)
}
