//! Moments as people give them: `2025-10-06T13:00:00Z`, `2025-10-06`, `13:00`, `-3d`, `2h`, `10 min`,
//! `yesterday`.

use std::cell::{Cell, RefCell};
use std::sync::OnceLock;

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::render::time::moment;
use crate::zone;

thread_local! {
    /// What a time of day in `--until` depends on: `--since`, and whether lines to come are asked for.
    static BESIDE: Cell<(Option<Timestamp>, bool)> = const { Cell::new((None, false)) };
    /// Whether there was one.
    static HAS_TIME: Cell<bool> = const { Cell::new(false) };
    /// What is to be said of `--since` and `--until`: a time of day that is not of today.
    static TOLD: RefCell<[Option<String>; 2]> = const { RefCell::new([None, None]) };
}

/// Begins to read a command line.
pub(crate) fn begin() {
    BESIDE.set((None, false));
    HAS_TIME.set(false);
    TOLD.take();
}

/// Says what `--since` is, and whether lines to come are asked for. Whether a time of day in `--until`
/// has to be read once more for that.
pub(crate) fn depends_on(since: Option<Timestamp>, follows: bool) -> bool {
    BESIDE.set((since, follows));
    HAS_TIME.get() && (since.is_some() || follows)
}

/// What is to be said of times of day that are not of today.
pub(crate) fn told() -> Vec<String> {
    TOLD.with_borrow(|told| told.iter().flatten().cloned().collect())
}

/// The moment `--since` means: the first moment of a day, or just that moment. A time of day that is
/// still to come today was yesterday.
pub(crate) fn since(text: &str) -> Result<Timestamp, String> {
    let (since, is_time) = since_at(text, now())?;
    tell(0, "since", text, since, is_time);
    Ok(since)
}

fn since_at(text: &str, now: Timestamp) -> Result<(Timestamp, bool), String> {
    Ok(match parse(text, now)? {
        When::Day(day) => (start_of(day)?, false),
        When::Time(time) => (last(time, now)?, true),
        When::Moment(moment) => (moment, false),
    })
}

/// The moment `--until` means. A day is meant as a whole; a time of day is the last there was, or the
/// first behind `--since`.
pub(crate) fn until(text: &str) -> Result<Timestamp, String> {
    let (until, is_time) = until_at(text, now(), BESIDE.get())?;
    if is_time {
        HAS_TIME.set(true);
    }
    tell(1, "until", text, until, is_time);
    Ok(until)
}

fn until_at(
    text: &str,
    now: Timestamp,
    (since, follows): (Option<Timestamp>, bool),
) -> Result<(Timestamp, bool), String> {
    Ok(match parse(text, now)? {
        When::Day(day) => (start_of(day.checked_add(1.day()).map_err(|_| out_of_range())?)?, false),
        When::Time(time) if follows => (first_behind(time, now)?, true),
        When::Time(time) => {
            let last = last(time, now)?;
            let Some(since) = since.filter(|since| last <= *since) else { return Ok((last, true)) };
            let first = first_behind(time, since)?;
            // Twenty-three hours from one evening to the next are two times in the wrong order.
            let is_one_day = zone::of(first).date() == zone::of(since).date();
            let is_meant = is_one_day || first.duration_since(since) <= NIGHT;
            (if is_meant { first } else { last }, true)
        }
        When::Moment(moment) => (moment, false),
    })
}

/// The last moment of this time of day there was.
fn last(time: Time, now: Timestamp) -> Result<Timestamp, String> {
    let today = zone::of(now).date();
    match moment_of(today, time)? {
        moment if moment <= now => Ok(moment),
        _ => moment_of(today.checked_sub(1.day()).map_err(|_| out_of_range())?, time),
    }
}

/// The first moment of this time of day behind another.
fn first_behind(time: Time, moment: Timestamp) -> Result<Timestamp, String> {
    let day = zone::of(moment).date();
    match moment_of(day, time)? {
        first if first > moment => Ok(first),
        _ => moment_of(day.checked_add(1.day()).map_err(|_| out_of_range())?, time),
    }
}

/// Keeps what is to be said of a time of day that is not of today.
fn tell(at: usize, option: &str, text: &str, meant: Timestamp, is_time: bool) {
    let is_other = is_time && zone::of(meant).date() != zone::of(now()).date();
    let day = if meant < now() { "yesterday's" } else { "tomorrow's" };
    let told = || {
        let text = text.trim();
        format!("--{option} {text} is {day}, {}; it is {} now", moment(meant), moment(now()))
    };
    TOLD.with_borrow_mut(|all| all[at] = is_other.then(told));
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
    Err("write 2025-10-06, 2025-10-06T13:00:00Z, 13:00 (UTC, or of --local; the last there was), 3d, \
         -2h, 30m, 45s, 1w, now, today or yesterday"
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

/// What is meant by two times of day, the later one of the next day, is not longer than that.
const NIGHT: SignedDuration = SignedDuration::from_hours(18);

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
            assert_eq!(since_at(text, now), Ok((expect.parse().unwrap(), true)), "{text}");
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
    fn a_time_in_until_is_of_the_day_that_since_makes_it() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let night = "2025-10-06T01:52:00Z";
        let noon = "2025-10-06T12:00:00Z";
        for (now, since, until, expect) in [
            (night, Some("23:40"), "23:50", "2025-10-05T23:50:00Z"),
            (night, Some("23:40"), "00:10", "2025-10-06T00:10:00Z"),
            (night, Some("00:30"), "01:00", "2025-10-06T01:00:00Z"),
            (night, Some("01:30"), "02:30", "2025-10-06T02:30:00Z"),
            (night, Some("3d"), "01:00", "2025-10-06T01:00:00Z"),
            (night, Some("10m"), "23:50", "2025-10-06T23:50:00Z"),
            (night, None, "23:50", "2025-10-05T23:50:00Z"),
            (night, None, "01:00", "2025-10-06T01:00:00Z"),
            ("2025-10-05T23:50:00Z", Some("23:40"), "00:10", "2025-10-06T00:10:00Z"),
            (noon, Some("09:00"), "17:00", "2025-10-06T17:00:00Z"),
            (noon, Some("2025-10-06"), "11:00", "2025-10-06T11:00:00Z"),
            // In the wrong order: refused later on.
            (night, Some("23:50"), "23:40", "2025-10-05T23:40:00Z"),
            (noon, Some("11:00"), "10:00", "2025-10-06T10:00:00Z"),
        ] {
            let now = at(now);
            let since = since.map(|since| since_at(since, now).unwrap().0);
            let found = until_at(until, now, (since, false));
            assert_eq!(found, Ok((at(expect), true)), "{now}: {since:?} to {until}");
        }
        // Of what is to come.
        for (until, expect) in
            [("01:53", "2025-10-06T01:53:00Z"), ("01:52", "2025-10-07T01:52:00Z")]
        {
            let found = until_at(until, at(night), (Some(at("2025-10-05T23:40:00Z")), true));
            assert_eq!(found, Ok((at(expect), true)), "{until}");
        }
    }

    #[test]
    fn a_day_in_until_is_meant_as_a_whole() {
        assert_eq!(since("2025-10-01"), Ok("2025-10-01T00:00:00Z".parse().unwrap()));
        assert_eq!(until("2025-10-01"), Ok("2025-10-02T00:00:00Z".parse().unwrap()));
        assert!(until("9999-12-31").is_err());
    }
}
