//! When a report is made: whether there is such a time.

use crate::{
    locate::Path,
    model::{Cadence, Schedule},
    report::Report,
};

/// The fields of a cron line with their smallest and largest numbers.
const CRON_FIELDS: &[(&str, u8, u8)] = &[
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of the month", 1, 31),
    ("month", 1, 12),
    ("day of the week", 0, 7),
];

pub(super) fn check(schedule: &Schedule, path: &Path, report: &mut Report<'_>) {
    if let Some(zone) = &schedule.timezone
        && !is_zone(zone)
    {
        let what = format!("`{zone}` is not the name of a time zone");
        report.wrong(&path.then("timezone"), what, "write `UTC` or `America/Los_Angeles`");
    }
    match (&schedule.cron, schedule.every) {
        (Some(cron), None) => {
            let extras =
                [("time", schedule.time.is_some()), ("weekday", schedule.weekday.is_some())];
            for (key, _) in extras.iter().filter(|(_, there)| *there) {
                let what = format!("`{key}` beside `cron`");
                report.wrong(&path.then(*key), what, "delete it: the line says when");
            }
            if let Some(what) = wrong_with_cron(cron) {
                let fix = "write it as `45 9 * * 1-5`, or use `every` and `time`";
                report.wrong(&path.then("cron"), what, fix);
            }
        }
        (None, Some(every)) => plain(schedule, every, path, report),
        (Some(_), Some(_)) => {
            let what = "`every` and `cron` exclude each other".to_owned();
            report.wrong(&path.then("cron"), what, "keep one of them");
        }
        (None, None) => {
            let what = "nothing says how often".to_owned();
            report.wrong(path, what, "add `\"every\": \"weekly\"`, or a `cron` line");
        }
    }
}

fn plain(schedule: &Schedule, every: Cadence, path: &Path, report: &mut Report<'_>) {
    let has_weekday = matches!(every, Cadence::Weekly | Cadence::Biweekly);
    if has_weekday && schedule.weekday.is_none() {
        let what = "no day of the week".to_owned();
        report.wrong(path, what, "add `\"weekday\": \"monday\"`");
    } else if !has_weekday && schedule.weekday.is_some() {
        let what = "a day of the week on what is not weekly".to_owned();
        report.wrong(&path.then("weekday"), what, "delete it, or make it weekly");
    }
    match &schedule.time {
        Some(time) if !is_time(time) => {
            let what = format!("`{time}` is not a time of day");
            report.wrong(&path.then("time"), what, "write it as `09:45`, from 00:00 to 23:59");
        }
        None => {
            report.wrong(path, "no time of day".to_owned(), "add `\"time\": \"09:45\"`");
        }
        Some(_) => {}
    }
}

/// `HH:MM`.
fn is_time(text: &str) -> bool {
    let part = |text: &str, below: u8| {
        text.len() == 2
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && text.parse::<u8>().is_ok_and(|number| number < below)
    };
    text.split_once(':').is_some_and(|(hour, minute)| part(hour, 24) && part(minute, 60))
}

/// The form of a name in the time zone database. `PT` and `EST` are no zones: they say nothing
/// about summer time, or mean several.
fn is_zone(text: &str) -> bool {
    let is_part = |part: &str| {
        part.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-+".contains(&byte))
    };
    text == "UTC" || (text.contains('/') && text.split('/').all(is_part))
}

/// What is wrong with a cron line, if anything.
fn wrong_with_cron(line: &str) -> Option<String> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    if fields.len() != CRON_FIELDS.len() {
        return Some(format!("a cron line of {} fields, not 5", fields.len()));
    }
    let wrong = |(written, (name, least, most)): (&&str, &(&str, u8, u8))| {
        let good = written.split(',').all(|part| is_cron_part(part, *least, *most));
        (!good).then(|| format!("`{written}` is no {name} ({least} to {most})"))
    };
    fields.iter().zip(CRON_FIELDS).find_map(wrong)
}

/// `*`, a number, or a range, each with a step or without.
fn is_cron_part(part: &str, least: u8, most: u8) -> bool {
    let number = |text: &str| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u8>().ok().filter(|number| digits && (least..=most).contains(number))
    };
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (part, None),
    };
    let is_step = |step: &str| step.parse::<u8>().is_ok_and(|step| step > 0 && !part.contains('+'));
    let is_range = match range.split_once('-') {
        Some((first, last)) => {
            number(first).zip(number(last)).is_some_and(|(first, last)| first <= last)
        }
        None => range == "*" || (step.is_none() && number(range).is_some()),
    };
    is_range && step.is_none_or(is_step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cron_lines() {
        for good in ["45 9 * * 1-5", "*/15 * * * *", "0 0 1,15 * *", "0 8-18/2 * * 0"] {
            assert_eq!(wrong_with_cron(good), None, "{good}");
        }
        let table = [
            ("", "a cron line of 0 fields, not 5"),
            ("* * * *", "a cron line of 4 fields, not 5"),
            ("60 * * * *", "`60` is no minute (0 to 59)"),
            ("* 24 * * *", "`24` is no hour (0 to 23)"),
            ("* * 0 * *", "`0` is no day of the month (1 to 31)"),
            ("* * * jan *", "`jan` is no month (1 to 12)"),
            ("* * * * 5-1", "`5-1` is no day of the week (0 to 7)"),
            ("*/0 * * * *", "`*/0` is no minute (0 to 59)"),
            ("5/2 * * * *", "`5/2` is no minute (0 to 59)"),
            ("+5 * * * *", "`+5` is no minute (0 to 59)"),
            ("1,,2 * * * *", "`1,,2` is no minute (0 to 59)"),
        ];
        for (bad, what) in table {
            assert_eq!(wrong_with_cron(bad).as_deref(), Some(what), "{bad}");
        }
    }

    #[test]
    fn times_and_zones() {
        for good in ["00:00", "09:45", "23:59"] {
            assert!(is_time(good), "{good}");
        }
        for bad in ["", "9:45", "24:00", "12:60", "12.30", "+1:00", "12:30:00", "é:00"] {
            assert!(!is_time(bad), "{bad}");
        }
        for good in ["UTC", "America/Los_Angeles", "Etc/GMT+8", "America/Argentina/Ushuaia"] {
            assert!(is_zone(good), "{good}");
        }
        for bad in ["", "PT", "EST", "America/", "/x", "../etc", "America/Los Angeles"] {
            assert!(!is_zone(bad), "{bad}");
        }
    }
}
