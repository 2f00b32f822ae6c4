//! Days of the calendar, as the registry writes them.

use std::{
    fmt,
    str::FromStr,
    time::{SystemTime, UNIX_EPOCH},
};

/// A day in UTC, read from and printed as `2026-11-01`.
///
/// ```
/// use radiosonde_registry::Day;
///
/// let since: Day = "2026-02-20".parse()?;
/// assert_eq!(since.plus(14).to_string(), "2026-03-06");
/// assert!("2026-02-30".parse::<Day>().is_err());
/// # Ok::<(), radiosonde_registry::NotADay>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day {
    /// Days since 1970-01-01.
    number: i64,
}

impl Day {
    /// The day it is now, in UTC. A clock that stands before 1970 gives the first day of it.
    pub fn today() -> Self {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { number: i64::try_from(elapsed.as_secs() / 86_400).unwrap_or_default() }
    }

    /// Days since 1970-01-01, below 0 before it.
    pub fn number(self) -> i64 {
        self.number
    }

    /// So many days later.
    #[must_use]
    pub fn plus(self, days: u32) -> Self {
        Self { number: self.number + i64::from(days) }
    }
}

impl FromStr for Day {
    type Err = NotADay;

    fn from_str(text: &str) -> Result<Self, NotADay> {
        let mut parts = text.split('-');
        let mut part = |length: usize| {
            let digits = parts.next().filter(|part| part.len() == length)?;
            digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<i64>().ok())?
        };
        let (Some(year), Some(month), Some(day)) = (part(4), part(2), part(2)) else {
            return Err(NotADay);
        };
        let read = Self { number: number_of(year, month, day) };
        // Days that do not exist come out as another one.
        if parts.next().is_none() && read.to_string() == text { Ok(read) } else { Err(NotADay) }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date_of(self.number);
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// A text that is no day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotADay;

impl fmt::Display for NotADay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a day; write it as 2026-11-01")
    }
}

impl std::error::Error for NotADay {}

/// Days from 1970-01-01 to a date. Years are counted from March, so that the leap day is the last
/// one of a year and every month before it has its place by a linear formula.
fn number_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap_days + of_year - DAYS_TO_1970
}

/// The date so many days after 1970-01-01.
fn date_of(number: i64) -> (i64, i64, i64) {
    let days = number + DAYS_TO_1970;
    // The estimate is off by one year at most.
    let mut year = days * 400 / DAYS_IN_400_YEARS;
    let first = |year: i64| number_of(year, 3, 1) + DAYS_TO_1970;
    while first(year) > days {
        year -= 1;
    }
    while first(year + 1) <= days {
        year += 1;
    }
    let of_year = days - first(year);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = (month + 2) % 12 + 1;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

/// From 0000-03-01.
const DAYS_TO_1970: i64 = 719_468;
const DAYS_IN_400_YEARS: i64 = 146_097;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days() {
        for (text, number) in [
            ("1970-01-01", 0),
            ("1969-12-31", -1),
            ("2000-02-29", 11_016),
            ("2000-03-01", 11_017),
            ("2026-11-01", 20_758),
            ("9999-12-31", 2_932_896),
        ] {
            let day: Day = text.parse().unwrap();
            assert_eq!((day.number, day.to_string().as_str()), (number, text));
        }
    }

    #[test]
    fn every_day_of_five_centuries_follows_the_one_before() {
        let mut day: Day = "1800-01-01".parse().unwrap();
        let end: Day = "2300-01-01".parse().unwrap();
        while day < end {
            let read: Day = day.to_string().parse().unwrap();
            assert_eq!(read, day);
            day = day.plus(1);
        }
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "",
            "2026-11",
            "2026-13-01",
            "2026-00-10",
            "2026-02-29",
            "2026-1-1",
            "-026-01-01",
            "2026-11-01-",
            "2026-11-0é",
            "20261101",
        ] {
            assert_eq!(text.parse::<Day>(), Err(NotADay), "{text}");
        }
    }
}
