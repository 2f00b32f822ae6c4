//! What keys say: in quotes, and by the unit they end with.

use super::{condition, line};

#[test]
fn a_key_in_quotes_is_there_or_is_missing() {
    let has = line(
        r#"{"ts":"2025-10-06T13:43:10Z","status":500,"http.status":200,"a b":1,"x=y":2,"meta":{" q ":1,"so?":2,"say \"a\"":3}}"#,
    );
    let lacks = line(r#"{"ts":"2025-10-06T13:43:10Z","x":1}"#);
    for key in [
        r#""status""#,
        r#""http.status""#,
        r#""a b""#,
        r#""x=y""#,
        r#"" q ""#,
        r#""so?""#,
        r#""say \"a\"""#,
        "a b",
        "say \"a\"",
    ] {
        for (asked, of_has) in [("K?", true), (" K ? ", true), ("!K?", false), ("! K ?", false)] {
            let asked = asked.replace('K', key);
            let asked = condition(&asked);
            assert_eq!((asked.matches(&has), asked.matches(&lacks)), (of_has, !of_has), "{asked}");
            assert!(asked.needle().is_none_or(|needle| has.raw.contains(needle)), "{asked}");
        }
        // What it is written as means the same.
        let is_there = condition(&format!("{key}!=x")).presence();
        assert!(is_there.is_none(), "{key}");
        let is_there = condition(&format!("{key}=7")).presence().unwrap();
        let again = condition(&is_there.to_string());
        assert_eq!((again.key(), again.matches(&has)), (is_there.key(), true), "{is_there}");
    }
}

#[test]
fn a_size_has_a_unit_where_the_key_says_that_it_is_one() {
    let line = line(
        r#"{"ts":"2025-10-06T10:00:00Z","body_bytes":1500,"meta":{"resident_bytes":30408704,"disk_bytes":"20971520","note_bytes":"29 MiB"}}"#,
    );
    for (holds, conditions) in [
        (
            true,
            "resident_bytes>=20MiB|resident_bytes=29MiB|resident_bytes<30.5MB|resident_bytes<=29 MiB|disk_bytes>=20MiB|meta.disk_bytes<1GiB|body_bytes=1.5kB|note_bytes=29 MiB",
        ),
        (
            false,
            "resident_bytes>=30MiB|resident_bytes!=29MiB|disk_bytes>20MiB|body_bytes>1.5KiB|note_bytes>1MiB",
        ),
    ] {
        for text in conditions.split('|') {
            let condition = condition(text);
            assert_eq!(condition.matches(&line), holds, "{text}");
            let is_out = |text: &str| {
                condition.sieve().is_some_and(|sieve| sieve.rules_out(text.as_bytes()))
            };
            assert!(!(holds && is_out(&line.raw)), "{text}");
            let needle = condition.needle().filter(|_| holds);
            assert!(needle.is_none_or(|needle| line.raw.contains(needle)), "{text}");
        }
    }
}
