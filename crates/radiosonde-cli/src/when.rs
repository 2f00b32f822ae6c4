//! Moments as people give them: `2025-10-06T13:00:00Z`, `2025-10-06`, `13:00`, `-3d`, `2h`, `10 min`,
//! `yesterday`.

use std::sync::OnceLock;

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::zone;

/// The moment `--since` means: the first moment of a day, or just that moment. A time of day that is
/// still to come today was yesterday.
pub(crate) fn since(text: &str) -> Result<Timestamp, String> {
    since_at(text, now())
}

fn since_at(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    Ok(match parse(text, now)? {
        When::Day(day) => start_of(day)?,
        When::Time(time) if moment_of(zone::of(now).date(), time)? > now => {
            let today = zone::of(now).date();
            moment_of(today.checked_sub(1.day()).map_err(|_| out_of_range())?, time)?
        }
        When::Time(time) => moment_of(zone::of(now).date(), time)?,
        When::Moment(moment) => moment,
    })
}

/// The moment `--until` means. A day is meant as a whole.
pub(crate) fn until(text: &str) -> Result<Timestamp, String> {
    Ok(match parse(text, now())? {
        When::Day(day) => start_of(day.checked_add(1.day()).map_err(|_| out_of_range())?)?,
        When::Time(time) => moment_of(zone::of(now()).date(), time)?,
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
    /// Of some day.
    Time(Time),
}

fn parse(text: &str, now: Timestamp) -> Result<When, String> {
    let text = text.trim();
    let today = zone::of(now).date();
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
    // A time without an offset is one of the zone, like every time the command prints.
    let has_time = text.contains(':');
    if has_time && let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(When::Moment(moment));
    }
    if has_time && let Ok(civil) = text.parse::<DateTime>() {
        let zoned = civil.to_zoned(zone::current()).map_err(|_| out_of_range())?;
        return Ok(When::Moment(zoned.timestamp()));
    }
    // As lines have it in front. With an offset it would be read as without.
    if has_time
        && text.chars().all(|c| c.is_ascii_digit() || c == ':' || c == '.')
        && let Ok(time) = text.parse::<Time>()
    {
        return Ok(When::Time(time));
    }
    if text.len() == "2025-10-06".len()
        && let Ok(day) = text.parse::<Date>()
    {
        return Ok(When::Day(day));
    }
    Err("write 2025-10-06, 2025-10-06T13:00:00Z, 13:00 (UTC, or of --local; the last there was, --until today's), 3d, -2h, 30m, 45s, 1w, now, \
         today or yesterday"
        .to_owned())
}

/// `3d`, `-3d`, `3 days` and `3 days ago` all mean three days ago.
fn back(text: &str) -> Option<SignedDuration> {
    let text = text.strip_prefix('-').or_else(|| text.strip_suffix(" ago")).unwrap_or(text);
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let count: i64 = text.strip_suffix(unit)?.parse().ok()?;
    let seconds = match unit.trim_start() {
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 3_600,
        "d" | "day" | "days" => 86_400,
        "w" | "week" | "weeks" => 604_800,
        _ => return None,
    };
    count.checked_mul(seconds).map(SignedDuration::from_secs)
}

fn moment_of(day: Date, time: Time) -> Result<Timestamp, String> {
    let zoned = day.to_datetime(time).to_zoned(zone::current());
    zoned.map(|zoned| zoned.timestamp()).map_err(|_| out_of_range())
}

fn start_of(day: Date) -> Result<Timestamp, String> {
    day.to_zoned(zone::current()).map(|zoned| zoned.timestamp()).map_err(|_| out_of_range())
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
            ("10 min", "2025-10-06T13:33:10Z"),
            ("-1hour", "2025-10-06T12:43:10Z"),
            ("2 days ago", "2025-10-04T13:43:10Z"),
            ("1 week", "2025-09-29T13:43:10Z"),
        ] {
            assert_eq!(parse(text, now), Ok(When::Moment(expect.parse().unwrap())), "{text}");
        }
        for (text, expect) in [
            ("12:05", "2025-10-06T12:05:00Z"),
            ("12:05:06.789", "2025-10-06T12:05:06.789Z"),
            ("13:43:10", "2025-10-06T13:43:10Z"),
            // Still to come today: that of yesterday.
            ("13:43:11", "2025-10-05T13:43:11Z"),
            ("23:40", "2025-10-05T23:40:00Z"),
        ] {
            assert_eq!(since_at(text, now), Ok(expect.parse().unwrap()), "{text}");
            let time = text.parse().unwrap();
            assert_eq!(parse(text, now), Ok(When::Time(time)), "{text}");
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
            "25:00",
            "10:60",
            "T10:00",
            "10:00+02:00",
            "10:00Z",
            "10:00[Europe/Berlin]",
            "-10:00",
            "1:00",
            ":",
            "- 3d",
            "3 fortnights",
            "-3d ago",
            "days",
            "1month",
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
