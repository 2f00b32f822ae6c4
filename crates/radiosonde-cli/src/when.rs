//! Moments as people give them: `2025-10-06T13:00:00Z`, `2025-10-06T13`, `2025-10-06`, `13:00`, `24:00`,
//! `-3d`, `1h30m`, `1.5h`, `10 min`, `@1759758190`, `yesterday`.

use std::cell::{Cell, RefCell};
use std::sync::OnceLock;

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::render::time::moment;
use crate::zone;

thread_local! {
    /// What the command line of the run says beside `--until`.
    static BESIDE: Cell<Beside> =
        const { Cell::new(Beside { since: None, is_ago: false, follows: false }) };
    /// Whether `--since` is given as a time ago.
    static IS_AGO: Cell<bool> = const { Cell::new(false) };
    /// The times of day in `--since` and `--until`.
    static TIMES: RefCell<[Option<Given>; 2]> = const { RefCell::new([None, None]) };
}

/// What a time of day in `--until` depends on.
#[derive(Clone, Copy, Debug, Default)]
struct Beside {
    /// The moment `--since` means.
    since: Option<Timestamp>,
    /// Whether that is a time ago, which may be of any day.
    is_ago: bool,
    /// Whether lines to come are asked for.
    follows: bool,
}

/// A time of day that was given.
struct Given {
    text: String,
    means: Timestamp,
}

/// Begins to read a command line.
pub(crate) fn begin() {
    BESIDE.set(Beside::default());
    IS_AGO.set(false);
    TIMES.take();
}

/// Takes what `--since` means, and whether lines to come are asked for. Whether `--until` has to be read
/// once more, as it depends on them.
pub(crate) fn depends_on(since: Option<Timestamp>, follows: bool) -> bool {
    BESIDE.set(Beside { since, is_ago: IS_AGO.get(), follows });
    TIMES.with_borrow(|times| times[UNTIL].is_some()) && (since.is_some() || follows)
}

/// Which day times of day are of, where it is not today or they are still to come: what was meant for a
/// span that is over may be one that goes on.
pub(crate) fn told() -> Vec<String> {
    let day = |ts| zone::of(ts).date();
    let told = |(option, given): (&str, &Option<Given>)| {
        let Given { text, means } = given.as_ref()?;
        let now = now();
        let told = || {
            let clock = zone::of(now).strftime("%H:%M");
            format!("{option} {text} is {}; it is {clock} now", moment(*means))
        };
        let is_to_come = *means > now && !BESIDE.get().follows;
        (is_to_come || day(*means) != day(now)).then(told)
    };
    TIMES.with_borrow(|times| {
        ["--since", "--until"].into_iter().zip(times).filter_map(told).collect()
    })
}

/// Keeps a time of day for [`told`].
fn keep(place: usize, text: &str, found: Timestamp) {
    let is_time = matches!(parse(text, now()), Ok(When::Time(_) | When::EndOfDay));
    let given = is_time.then(|| Given { text: text.trim().to_owned(), means: found });
    TIMES.with_borrow_mut(|times| times[place] = given);
}

const SINCE: usize = 0;
const UNTIL: usize = 1;

/// The moment `--since` means: the first moment of a day, or just that moment. A time of day that is
/// still to come today was yesterday.
pub(crate) fn since(text: &str) -> Result<Timestamp, String> {
    let found = since_at(text, now())?;
    IS_AGO.set(back(text.trim()).is_some());
    keep(SINCE, text, found);
    Ok(found)
}

fn since_at(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    match parse(text, now)? {
        When::Day(day) => start_of(day),
        When::Time(time) => last_until(time, now),
        When::EndOfDay => last_until(Time::midnight(), now),
        When::Moment(moment) => Ok(moment),
    }
}

/// The moment `--until` means. A day is meant as a whole. A time of day is the first behind `--since`, or,
/// where that is a time ago, the last behind it, else the last there was; of lines to come, the next there
/// will be. The end of the day is that of the day of `--since`, else of today.
pub(crate) fn until(text: &str) -> Result<Timestamp, String> {
    let found = until_at(text, now(), BESIDE.get())?;
    keep(UNTIL, text, found);
    Ok(found)
}

fn until_at(text: &str, now: Timestamp, beside: Beside) -> Result<Timestamp, String> {
    let time = match parse(text, now)? {
        When::Day(day) => return start_of(day.checked_add(1.day()).map_err(|_| out_of_range())?),
        When::Moment(moment) => return Ok(moment),
        When::EndOfDay => {
            let day = match beside {
                Beside { follows: false, since: Some(since), is_ago: false } => since,
                Beside { since, .. } => since.unwrap_or(now).max(now),
            };
            let next = zone::of(day).date().checked_add(1.day());
            return start_of(next.map_err(|_| out_of_range())?);
        }
        When::Time(time) => time,
    };
    match beside {
        Beside { follows: true, since, .. } => first_behind(time, since.unwrap_or(now).max(now)),
        Beside { since: None, .. } => last_until(time, now),
        Beside { since: Some(since), is_ago, .. } => {
            if let Some(found) = last_until(time, now).ok().filter(|last| is_ago && *last > since) {
                return Ok(found);
            }
            let found = first_behind(time, since)?;
            // An end later today is one of a span that goes on: from the evening until the morning.
            let is_behind_today = zone::of(found).date() > zone::of(since.max(now)).date();
            if is_behind_today {
                return Err(format!(
                    "an empty span of time: --since is {}, and the first {} behind it is still to \
                     come, {}",
                    moment(since),
                    text.trim(),
                    moment(found)
                ));
            }
            Ok(found)
        }
    }
}

/// The last such time of day that there was.
fn last_until(time: Time, now: Timestamp) -> Result<Timestamp, String> {
    let today = zone::of(now).date();
    match moment_of(today, time)? {
        found if found <= now => Ok(found),
        _ => moment_of(today.checked_sub(1.day()).map_err(|_| out_of_range())?, time),
    }
}

/// The first such time of day behind a moment.
fn first_behind(time: Time, moment: Timestamp) -> Result<Timestamp, String> {
    let day = zone::of(moment).date();
    match moment_of(day, time)? {
        found if found > moment => Ok(found),
        _ => moment_of(day.checked_add(1.day()).map_err(|_| out_of_range())?, time),
    }
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
    /// 24:00.
    EndOfDay,
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
    if let Some(seconds) = text.strip_prefix('@') {
        return of_unix(seconds).map(When::Moment);
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
    if ["24:00", "24:00:00"].contains(&text) {
        return Ok(When::EndOfDay);
    }
    // The begin of an hour.
    let of_hour = text.len() == "2025-10-06T13".len() && text.as_bytes()[10] == b'T';
    if of_hour && let Ok(civil) = format!("{text}:00").parse::<DateTime>() {
        let zoned = civil.to_zoned(zone::current()).map_err(|_| out_of_range())?;
        return Ok(When::Moment(zoned.timestamp()));
    }
    // As lines have it in front. With an offset it would be read as without.
    if has_time
        && text.chars().all(|c| c.is_ascii_digit() || c == ':' || c == '.')
        && let Ok(time) = with_two_digits(text).parse::<Time>()
    {
        return Ok(When::Time(time));
    }
    if text.len() == "2025-10-06".len()
        && let Ok(day) = text.parse::<Date>()
    {
        return Ok(When::Day(day));
    }
    Err("write 2025-10-06, 2025-10-06T13:00:00Z, 13:00 (UTC, or of --local), 3d, 1h30m, -45s, \
         @1759758190, now, today or yesterday"
        .to_owned())
}

/// `3d`, `-3d`, `3 days` and `3 days ago` all mean three days ago, `1h30m` and `1.5h` an hour and a half.
fn back(text: &str) -> Option<SignedDuration> {
    let mut rest = text.strip_prefix('-').or_else(|| text.strip_suffix(" ago")).unwrap_or(text);
    if let Some(found) = of_part(rest) {
        return Some(found);
    }
    let (mut sum, mut above) = (0_i64, i64::MAX);
    while !rest.is_empty() {
        let (count, behind) = rest.split_at(end_of(rest, |c| c.is_ascii_digit()));
        let behind = behind.trim_start();
        let (unit, behind) = behind.split_at(end_of(behind, |c| !c.is_ascii_digit()));
        let seconds = seconds(unit.trim_end())?;
        // From the greatest unit to the least.
        if seconds >= above {
            return None;
        }
        above = seconds;
        sum = sum.checked_add(count.parse::<i64>().ok()?.checked_mul(seconds)?)?;
        rest = behind;
    }
    (above < i64::MAX).then(|| SignedDuration::from_secs(sum))
}

/// `1.5h`, of one unit alone.
fn of_part(text: &str) -> Option<SignedDuration> {
    let (number, unit) = text.split_at(end_of(text, |c| c.is_ascii_digit() || c == '.'));
    let (whole, part) = number.split_once('.')?;
    let seconds = seconds(unit.trim())?;
    let is_number = !whole.is_empty() && (1..=PART_DIGITS_MAX).contains(&part.len());
    let whole = whole.parse::<i64>().ok().filter(|_| is_number)?.checked_mul(seconds)?;
    // Microseconds are all that lines have.
    let scale = 10_i64.pow(u32::try_from(part.len()).ok()?);
    let micros = part.parse::<i64>().ok()?.checked_mul(seconds * 1_000_000)? / scale;
    SignedDuration::from_secs(whole).checked_add(SignedDuration::from_micros(micros))
}

const PART_DIGITS_MAX: usize = 6;

fn seconds(unit: &str) -> Option<i64> {
    Some(match unit {
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 3_600,
        "d" | "day" | "days" => 86_400,
        "w" | "week" | "weeks" => 604_800,
        _ => return None,
    })
}

/// Where a text no longer has what it begins with.
fn end_of(text: &str, fits: impl Fn(char) -> bool) -> usize {
    text.find(|c| !fits(c)).unwrap_or(text.len())
}

/// Seconds since 1970, as `date +%s` prints them.
fn of_unix(seconds: &str) -> Result<Timestamp, String> {
    let is_number = !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit());
    let found = seconds.parse().ok().filter(|_| is_number).map(Timestamp::from_second);
    match found {
        Some(Ok(moment)) => Ok(moment),
        _ => Err("behind @ stand the seconds since 1970, such as @1759758190".to_owned()),
    }
}

/// `9:00` as `09:00`.
fn with_two_digits(time: &str) -> String {
    let is_short = time.find(':') == Some(1);
    format!("{}{time}", if is_short { "0" } else { "" })
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
            ("1h30m", "2025-10-06T12:13:10Z"),
            ("1.5h", "2025-10-06T12:13:10Z"),
            ("0.5 days ago", "2025-10-06T01:43:10Z"),
            ("2.25 s", "2025-10-06T13:43:07.75Z"),
            ("1.000001w", "2025-09-29T13:43:09.3952Z"),
            ("2025-10-01T13", "2025-10-01T13:00:00Z"),
            ("-1d12h", "2025-10-05T01:43:10Z"),
            ("1 hour 30 min ago", "2025-10-06T12:13:10Z"),
            ("@1759758190", "2025-10-06T13:43:10Z"),
        ] {
            assert_eq!(parse(text, now), Ok(When::Moment(expect.parse().unwrap())), "{text}");
        }
        for (text, expect) in [
            ("12:05", "2025-10-06T12:05:00Z"),
            ("12:05:06.789", "2025-10-06T12:05:06.789Z"),
            ("9:00", "2025-10-06T09:00:00Z"),
            ("13:43:10", "2025-10-06T13:43:10Z"),
            // Still to come today: that of yesterday.
            ("13:43:11", "2025-10-05T13:43:11Z"),
            ("23:40", "2025-10-05T23:40:00Z"),
        ] {
            assert_eq!(since_at(text, now), Ok(expect.parse().unwrap()), "{text}");
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
            "3.d",
            ".5d",
            "1.5.5h",
            "1.5h30m",
            "1h1.5m",
            "1.0000001h",
            "9999999999999.5w",
            "9999999999999999999.5s",
            "2025-10-01T24",
            "2025-10-01T1",
            "24:01",
            "2025-10-0éT1",
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
            "1:0",
            "123:00",
            "@",
            "@x",
            "@-5",
            "@99999999999999",
            "30m1h",
            "1h1h",
            "1h30",
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

    #[test]
    fn a_time_of_day_in_until_is_the_first_behind_since() {
        let of = |now: &str, since: Option<&str>, until: &str, follows| {
            let now = format!("2025-10-06T{now}:00Z").parse().unwrap();
            let is_ago = since.is_some_and(|since| back(since).is_some());
            let since = since.map(|since| since_at(since, now).unwrap());
            let found = until_at(until, now, Beside { since, is_ago, follows })?;
            let short = |ts: Timestamp| zone::of(ts).strftime("%d %H:%M").to_string();
            Ok::<_, String>((since.map(short).unwrap_or_default(), short(found)))
        };
        for (now, since, until, expect) in [
            ("01:52", Some("23:40"), "23:50", Some(("05 23:40", "05 23:50"))),
            ("01:52", Some("23:40"), "00:10", Some(("05 23:40", "06 00:10"))),
            ("01:52", Some("00:30"), "01:00", Some(("06 00:30", "06 01:00"))),
            ("01:52", Some("00:30"), "02:30", Some(("06 00:30", "06 02:30"))),
            ("00:01", Some("15:00"), "16:00", Some(("05 15:00", "05 16:00"))),
            ("16:30", Some("15:00"), "16:00", Some(("06 15:00", "06 16:00"))),
            ("15:30", Some("15:00"), "16:00", Some(("06 15:00", "06 16:00"))),
            ("13:30", Some("2h"), "13:00", Some(("06 11:30", "06 13:00"))),
            ("13:30", Some("2025-10-01"), "13:00", Some(("01 00:00", "01 13:00"))),
            // Of a time ago nobody means the first of several days.
            ("03:36", Some("3d"), "02:00", Some(("03 03:36", "06 02:00"))),
            ("13:30", Some("1d"), "23:59", Some(("05 13:30", "05 23:59"))),
            // To the end of a day.
            ("13:30", Some("08:00"), "24:00", Some(("06 08:00", "07 00:00"))),
            ("01:52", Some("15:00"), "24:00", Some(("05 15:00", "06 00:00"))),
            ("13:30", Some("2025-10-01"), "24:00", Some(("01 00:00", "02 00:00"))),
            ("13:30", Some("3d"), "24:00", Some(("03 13:30", "07 00:00"))),
            ("13:30", None, "24:00", Some(("", "07 00:00"))),
            ("13:30", Some("24:00"), "01:00", Some(("06 00:00", "06 01:00"))),
            // Through midnight, with an end later today.
            ("03:36", Some("23:40"), "03:40", Some(("05 23:40", "06 03:40"))),
            ("03:36", Some("22:00"), "06:00", Some(("05 22:00", "06 06:00"))),
            ("03:36", Some("10h"), "05:00", Some(("05 17:36", "06 05:00"))),
            ("03:36", Some("2025-10-05T22:00"), "06:00", Some(("05 22:00", "06 06:00"))),
            ("03:36", Some("03:00"), "05:00", Some(("06 03:00", "06 05:00"))),
            ("01:52", Some("23:50"), "23:40", Some(("05 23:50", "06 23:40"))),
            // A slip, which was no span of time before either.
            ("03:36", Some("02:00"), "01:00", None),
            ("14:00", Some("13:00"), "12:00", None),
            ("14:00", Some("13:00"), "13:00", None),
            // Alone it is the last there was.
            ("01:52", None, "23:50", Some(("", "05 23:50"))),
            ("01:52", None, "01:50", Some(("", "06 01:50"))),
        ] {
            let found = of(now, since, until, false).ok();
            let expect = expect.map(|(since, until)| (since.to_owned(), until.to_owned()));
            assert_eq!(found, expect, "at {now}: {since:?} to {until}");
        }
        // Of lines to come.
        for (now, since, until, expect) in [
            ("01:52", None, "23:50", "06 23:50"),
            ("23:55", Some("23:40"), "00:10", "07 00:10"),
            ("14:00", Some("3d"), "15:00", "06 15:00"),
            ("14:00", None, "13:00", "07 13:00"),
            ("14:00", Some("2025-10-01"), "24:00", "07 00:00"),
        ] {
            assert_eq!(of(now, since, until, true).unwrap().1, expect, "{since:?} to {until}");
        }
    }
}
