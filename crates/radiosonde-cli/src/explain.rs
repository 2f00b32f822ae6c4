//! `--explain`: what was read for an answer, and what was left out.

use std::cell::Cell;
use std::time::{Duration, Instant};

use radiosonde_events::clean_for_terminal;
use radiosonde_runtime::doctor::shown::size;
use radiosonde_store::Query;
use radiosonde_store::query::Reading;

use crate::narrowed;
use crate::render::time::duration;

thread_local! {
    /// When the run began, if it is to be explained.
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Begins a run of the command.
pub(crate) fn begin(explains: bool) {
    BEGAN.set(explains.then(Instant::now));
}

/// Says on stderr how the reading went, where that was asked for.
pub(crate) fn tell(query: &Query, reading: &Reading) {
    if let Some(began) = BEGAN.get() {
        eprint!("{}", explanation(reading, query.limit, query.needle(), began.elapsed()));
    }
}

/// A line for each kind of thing that was read or left out.
fn explanation(
    reading: &Reading,
    limit: Option<usize>,
    needle: Option<&str>,
    took: Duration,
) -> String {
    let read = reading.files_read.saturating_sub(reading.files_skipped);
    let mut rows = vec![(
        "files",
        match reading.files_skipped {
            0 => format!("{} read", number(read)),
            skipped => format!(
                "{} of {} read; of the others the index was enough",
                number(read),
                number(read + skipped)
            ),
        },
    )];
    let frames = reading.frames_read + reading.frames_skipped;
    if frames > 0 {
        rows.push((
            "frames",
            format!("{} of {} read", number(reading.frames_read), number(frames)),
        ));
    }
    let bytes = reading.bytes_read.saturating_add(reading.bytes_skipped);
    rows.push((
        "bytes",
        match reading.bytes_skipped {
            0 => format!("{} read", size(reading.bytes_read)),
            skipped => format!(
                "{} of {} read, {} % skipped",
                size(reading.bytes_read),
                size(bytes),
                percent(skipped, bytes)
            ),
        },
    ));
    let mut lines = match limit.map(|limit| limit as u64).filter(|most| reading.matched > *most) {
        Some(most) => format!("{} shown, of more that match", number(most)),
        None => format!("{} matched", number(reading.matched)),
    };
    if reading.lines_parsed > 0 {
        lines = format!("{} parsed, {lines}", number(reading.lines_parsed));
    }
    if reading.duplicates > 0 {
        lines.push_str(&format!(", {} twice there", number(reading.duplicates)));
    }
    rows.push(("lines", lines));
    if let Some(needle) = needle {
        let needle = clean_for_terminal(needle);
        rows.push(("needle", format!("only lines with the bytes `{needle}` were looked at")));
    }
    if let Some(variables) = narrowed::told() {
        rows.push(("given", format!("by the environment, {variables}")));
    }
    if reading.bytes_spilled > 0 {
        rows.push(("spilled", format!("{} to be sorted", size(reading.bytes_spilled))));
    }
    let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    rows.push(("time", duration(took)));
    rows.into_iter().map(|(what, told)| format!("radiosonde: {what:<8}{told}\n")).collect()
}

/// `1,907`
fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut told = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            told.push(',');
        }
        told.push(digit);
    }
    told
}

/// A share to a tenth, cut: all of it is 100, and nothing less.
fn percent(part: u64, all: u64) -> String {
    let thousandths = u128::from(part) * 1_000 / u128::from(all.max(1));
    format!("{}.{}", thousandths / 10, thousandths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_told_with_their_units() {
        for (count, expect) in [(0, "0"), (999, "999"), (1_907, "1,907"), (1_234_567, "1,234,567")]
        {
            assert_eq!(number(count), expect);
        }
        for (part, all, expect) in [(0, 0, "0.0"), (9_999, 10_000, "99.9"), (7, 7, "100.0")] {
            assert_eq!(percent(part, all), expect);
        }
    }

    #[test]
    fn what_was_left_out_is_told_and_what_was_not_is_not() {
        let mut reading = Reading::default();
        reading.files_read = 30;
        reading.files_skipped = 29;
        reading.frames_read = 4;
        reading.frames_skipped = 1_903;
        reading.bytes_read = 500_000;
        reading.bytes_skipped = 255_000_000;
        reading.matched = 65;
        let told = explanation(&reading, None, Some("job-7"), Duration::from_micros(3_120));
        for line in [
            "files   1 of 30 read; of the others the index was enough",
            "frames  4 of 1,907 read",
            // As all sizes that the command tells.
            "bytes   488 KiB of 244 MiB read, 99.8 % skipped",
            "lines   65 matched",
            "needle  only lines with the bytes `job-7` were looked at",
            "time    3.12 ms",
        ] {
            assert!(told.contains(&format!("radiosonde: {line}\n")), "{told}");
        }
        let told = explanation(&reading, Some(64), None, Duration::ZERO);
        assert!(told.contains("lines   64 shown, of more that match\n"), "{told}");
        let told = explanation(&reading, Some(65), None, Duration::ZERO);
        assert!(told.contains("lines   65 matched\n"), "{told}");
        let told = explanation(&Reading::default(), None, None, Duration::ZERO);
        assert!(
            !told.contains("frames") && !told.contains('%') && !told.contains("spilled"),
            "{told}"
        );
    }
}
