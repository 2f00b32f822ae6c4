//! Moments as people give them: `2025-10-06T13:00:00Z`, `2025-10-06`, `-3d`, `2h`, `yesterday`.

use std::sync::OnceLock;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// The moment `--since` means: the first moment of a day, or just that moment.
pub(crate) fn since(text: &str) -> Result<Timestamp, String> {
    Ok(match parse(text, now())? {
        When::Day(day) => start_of(day)?,
        When::Moment(moment) => moment,
    })
}

/// The moment `--until` means. A day is meant as a whole.
pub(crate) fn until(text: &str) -> Result<Timestamp, String> {
    Ok(match parse(text, now())? {
        When::Day(day) => start_of(day.checked_add(1.day()).map_err(|_| out_of_range())?)?,
        When::Moment(moment) => moment,
    })
}

/// One moment for all of a command line, so that `--since 1h --until 1h` is one moment as well.
fn now() -> Timestamp {
    static NOW: OnceLock<Timestamp> = OnceLock::new();
    *NOW.get_or_init(Timestamp::now)
}

#[derive(Debug, PartialEq)]
enum When {
    Day(Date),
    Moment(Timestamp),
}

fn parse(text: &str, now: Timestamp) -> Result<When, String> {
    let text = text.trim();
    let today = now.to_zoned(TimeZone::UTC).date();
    match text.to_ascii_lowercase().as_str() {
        "now" => return Ok(When::Moment(now)),
        "today" => return Ok(When::Day(today)),
        "yesterday" => {
            return Ok(When::Day(today.checked_sub(1.day()).map_err(|_| out_of_range())?));
        }
        _ => {}
    }
    if let Some(back) = back(text) {
        return now.checked_sub(back).map(When::Moment).map_err(|_| out_of_range());
    }
    // A time without an offset is UTC, like every time the command prints.
    let has_time = text.contains(':');
    if has_time && let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(When::Moment(moment));
    }
    if has_time && let Ok(civil) = text.parse::<DateTime>() {
        let zoned = civil.to_zoned(TimeZone::UTC).map_err(|_| out_of_range())?;
        return Ok(When::Moment(zoned.timestamp()));
    }
    if text.len() == "2025-10-06".len()
        && let Ok(day) = text.parse::<Date>()
    {
        return Ok(When::Day(day));
    }
    Err("write 2025-10-06, 2025-10-06T13:00:00Z, 3d, -2h, 30m, 45s, 1w, now, today or yesterday"
        .to_owned())
}

/// `3d` and `-3d` both mean three days ago.
fn back(text: &str) -> Option<SignedDuration> {
    let text = text.strip_prefix('-').unwrap_or(text);
    let unit = text.chars().next_back()?;
    let count: i64 = Some(text.strip_suffix(unit)?)
        .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?
        .parse()
        .ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    count.checked_mul(seconds).map(SignedDuration::from_secs)
}

fn start_of(day: Date) -> Result<Timestamp, String> {
    day.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp()).map_err(|_| out_of_range())
}

fn out_of_range() -> String {
    "this moment is too far away to be reckoned with".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_people_write_them() {
        let now: Timestamp = "2025-10-06T13:43:10Z".parse().unwrap();
        for (text, expect) in [
            ("2025-10-01T10:00:00Z", "2025-10-01T10:00:00Z"),
            ("2025-10-01T10:00:00+02:00", "2025-10-01T08:00:00Z"),
            ("2025-10-01T10:00", "2025-10-01T10:00:00Z"),
            ("2025-10-01 10:00:30.5", "2025-10-01T10:00:30.5Z"),
            ("now", "2025-10-06T13:43:10Z"),
            ("-3d", "2025-10-03T13:43:10Z"),
            ("3d", "2025-10-03T13:43:10Z"),
            ("2h", "2025-10-06T11:43:10Z"),
            ("30m", "2025-10-06T13:13:10Z"),
            ("10s", "2025-10-06T13:43:00Z"),
            ("1w", "2025-09-29T13:43:10Z"),
        ] {
            assert_eq!(parse(text, now), Ok(When::Moment(expect.parse().unwrap())), "{text}");
        }
        for (text, expect) in
            [("2025-10-01", "2025-10-01"), ("today", "2025-10-06"), ("Yesterday", "2025-10-05")]
        {
            assert_eq!(parse(text, now), Ok(When::Day(expect.parse().unwrap())), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused_and_never_reckoned_with() {
        let now = Timestamp::UNIX_EPOCH;
        for text in [
            "",
            "-",
            "d",
            "3",
            "3x",
            "--3d",
            "+3d",
            "3.5d",
            "9999999999d",
            "99999999999999999999s",
            "2025-13-01",
            "2025-02-30",
            "10:00",
            "tomorrow-ish",
            "2025-10-01T",
            "é",
        ] {
            assert!(parse(text, now).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_day_in_until_is_meant_as_a_whole() {
        assert_eq!(since("2025-10-01"), Ok("2025-10-01T00:00:00Z".parse().unwrap()));
        assert_eq!(until("2025-10-01"), Ok("2025-10-02T00:00:00Z".parse().unwrap()));
        assert!(until("9999-12-31").is_err());
    }
}
