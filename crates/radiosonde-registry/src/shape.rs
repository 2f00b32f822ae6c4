//! Label values that look like ids: each would make a series of its own.

/// Longest label value, in bytes.
pub const LABEL_VALUE_BYTES_MAX: usize = 128;

/// Hexadecimal digits in a row that make an id (half a trace id).
const HEX_RUN: usize = 16;

/// Decimal digits in a row that make an id or a timestamp (seconds since 1970 have ten).
const DIGIT_RUN: usize = 10;

const ULID_CHARS: usize = 26;

/// What kind of id a value looks like, in words that follow "looks like"; `None` when it is fit to
/// be a label value. UUIDs, ULIDs, 16 or more hexadecimal digits in a row and 10 or more decimal
/// ones are ids, also inside other text; so are texts of more than [`LABEL_VALUE_BYTES_MAX`] bytes
/// or with control characters.
///
/// ```
/// use radiosonde_registry::id_shape;
///
/// assert_eq!(id_shape("user/550e8400-e29b-41d4-a716-446655440000"), Some("a UUID"));
/// assert_eq!(id_shape("eu-central-1"), None);
/// ```
pub fn id_shape(value: &str) -> Option<&'static str> {
    if value.len() > LABEL_VALUE_BYTES_MAX {
        return Some("a text of more than 128 bytes");
    }
    if value.chars().any(char::is_control) {
        return Some("a text with control characters");
    }
    let bytes = value.as_bytes();
    if bytes.windows(UUID_GROUPS.iter().sum::<usize>() + 4).any(is_uuid) {
        return Some("a UUID");
    }
    if words(value).any(is_ulid) {
        return Some("a ULID");
    }
    // Digits alone are hexadecimal too, but "digits" says more.
    let letters = |run: &[u8]| run.iter().any(u8::is_ascii_alphabetic);
    if runs(bytes, u8::is_ascii_hexdigit).any(|run| run.len() >= HEX_RUN && letters(run)) {
        return Some("16 or more hexadecimal digits");
    }
    if runs(bytes, u8::is_ascii_digit).any(|run| run.len() >= DIGIT_RUN) {
        return Some("a number of 10 or more digits");
    }
    None
}

const UUID_GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

fn is_uuid(window: &[u8]) -> bool {
    let mut groups = window.split(|b| *b == b'-');
    let fits = UUID_GROUPS.iter().all(|len| {
        groups
            .next()
            .is_some_and(|group| group.len() == *len && group.iter().all(u8::is_ascii_hexdigit))
    });
    fits && groups.next().is_none()
}

fn words(value: &str) -> impl Iterator<Item = &str> {
    value.split(|c: char| !c.is_ascii_alphanumeric())
}

/// 26 characters of Crockford's base 32, the first of which has three bits only.
fn is_ulid(word: &str) -> bool {
    let crockford = |b: u8| {
        b.is_ascii_digit()
            || (b.is_ascii_alphabetic()
                && !matches!(b.to_ascii_uppercase(), b'I' | b'L' | b'O' | b'U'))
    };
    word.len() == ULID_CHARS
        && matches!(word.as_bytes().first(), Some(b'0'..=b'7'))
        && word.bytes().all(crockford)
}

fn runs(bytes: &[u8], belongs: impl Fn(&u8) -> bool) -> impl Iterator<Item = &[u8]> {
    bytes.split(move |b| !belongs(b))
}

/// Whether a character is one that no text of a registry may hold: control characters but line
/// breaks and tabs, and those that turn the direction of what follows, which can hide it.
///
/// ```
/// use radiosonde_registry::is_command;
///
/// assert!(is_command('\u{1b}') && is_command('\u{202e}'));
/// assert!(!is_command('\n') && !is_command('ß'));
/// ```
pub fn is_command(c: char) -> bool {
    (c.is_control() && !"\n\t".contains(c))
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_seen_also_inside_other_text() {
        for (value, kind) in [
            ("550e8400-e29b-41d4-a716-446655440000", Some("a UUID")),
            ("user/550E8400-E29B-41D4-A716-446655440000/x", Some("a UUID")),
            ("550e8400e29b41d4a716446655440000", Some("16 or more hexadecimal digits")),
            ("01ARZ3NDEKTSV4RRFFQ69G5FAV", Some("a ULID")),
            ("order-01arz3ndektsv4rrffq69g5fav", Some("a ULID")),
            ("deadbeefdeadbeef", Some("16 or more hexadecimal digits")),
            ("1234567890123456", Some("a number of 10 or more digits")),
            ("1700000000", Some("a number of 10 or more digits")),
            ("user-12345678901", Some("a number of 10 or more digits")),
            ("a\nb", Some("a text with control characters")),
            ("a\0b", Some("a text with control characters")),
            ("", None),
            ("success", None),
            ("gpt-4o-2024-08-06", None),
            ("eu-central-1", None),
            ("123456789", None),
            ("deadbeefdeadbee", None),
            ("8ZZZZZZZZZZZZZZZZZZZZZZZZZ", None),
            ("🎈 \"quoted\" C:\\", None),
            ("550e8400-e29b-41d4-a716-4665544abc", None),
        ] {
            assert_eq!(id_shape(value), kind, "{value:?}");
        }
        assert!(id_shape(&"x".repeat(129)).is_some());
        assert!(id_shape(&"x".repeat(128)).is_none());
    }
}
