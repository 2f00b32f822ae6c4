//! What a million events cost: the processor time of all threads at a steady rate, and the bytes that
//! are kept for two weeks.
//!
//! Prices are assumptions, stated here and below the table. Our lines are sealed as a running program
//! seals them: zstd, level 3, a frame for each MiB of whole lines, an index, and all of it read back and
//! compared. For a peer somebody would have to compress its lines: they are, in the same frames, at the
//! same level, without index and comparison.

use crate::events::lines::{self, Seen};
use crate::events::subject::{Fields, Subject};
use crate::harness::{Measured, Role, Round, process};
use radiosonde_store::sealed::{LEVEL_DEFAULT, SealOptions, seal};
use std::path::Path;
use std::time::{Duration, Instant};

/// The prices and the time, as they stand below the table.
pub(crate) const ABOUT: &str = "dollars a million events: CPU of caller, worker and compression at \
     $0.0425 a vCPU-hour, and 14 days compressed at $0.023 a GB-month";
/// A vCPU-hour: half a c6i.large on demand in us-east-1, $0.085.
const DOLLARS_PER_VCPU_HOUR: f64 = 0.0425;
/// A month of a gigabyte: S3 Standard in us-east-1, the first 50 TB.
const DOLLARS_PER_GB_MONTH: f64 = 0.023;
/// How long the files are kept.
const KEPT_DAYS: f64 = 14.0;
/// Days of a month.
const MONTH_DAYS: f64 = 365.25 / 12.0;

/// Events that come together, small enough for most queues.
const TOGETHER: u64 = 400;
/// Time from one such group to the next: 200,000 events a second.
const EVERY: Duration = Duration::from_millis(2);
/// Groups of a round: a million events.
const GROUPS: u64 = 2_500;
/// Groups in a round of a quick run.
const GROUPS_QUICK: u64 = 250;
/// Bytes of whole lines in a frame.
const FRAME_BYTES: usize = 1 << 20;

/// One round.
pub(crate) fn run<S: Subject>(round: &Round) -> Result<Measured, String> {
    let groups = round.size.of(GROUPS, GROUPS_QUICK);
    let pacing = pacing_cpu_s(groups);
    let before = process::cpu_s();
    let subject = S::start(&round.folder)?;
    S::without_loss(|| pace(groups, |fields| subject.event(fields)));
    let ended = subject.finish()?;
    let cpu = (process::cpu_s() - before - pacing).max(0.0);
    let events = groups * TOGETHER;
    let seen = Seen::of(&round.folder, events)?;
    let books = seen.books(events, &ended);
    let bytes = seen.bytes as f64 / seen.lines.max(1) as f64;
    let text = lines::of_events(&round.folder)?;
    let (sealed, seal_cpu) = match S::ROLE {
        Role::Ours => sealed(&text, &round.folder)?,
        _ => compressed(&text)?,
    };
    Ok(Measured { books, ..measured(events, cpu, bytes, sealed, seal_cpu, seen.lines) })
}

fn measured(
    events: u64,
    cpu_s: f64,
    bytes_per_event: f64,
    sealed: usize,
    seal_cpu_s: f64,
    lines: u64,
) -> Measured {
    let millions = events as f64 / 1e6;
    let sealed_per_event = sealed as f64 / lines.max(1) as f64;
    let gigabytes = sealed_per_event * 1e6 / 1e9;
    let storing = gigabytes * DOLLARS_PER_GB_MONTH * KEPT_DAYS / MONTH_DAYS;
    let computing = (cpu_s + seal_cpu_s) / millions / 3600.0 * DOLLARS_PER_VCPU_HOUR;
    Measured {
        samples: vec![computing + storing],
        figures: vec![
            ("cpu_s_per_million", cpu_s / millions),
            ("compression_cpu_s_per_million", seal_cpu_s / millions),
            ("bytes_per_event", bytes_per_event),
            ("compressed_bytes_per_event", sealed_per_event),
        ],
        ..Measured::default()
    }
}

/// Calls `event` at the pace of the workload.
fn pace(groups: u64, mut event: impl FnMut(&Fields)) {
    let started = Instant::now();
    for group in 0..groups {
        let due = EVERY * group as u32;
        std::thread::sleep(due.saturating_sub(started.elapsed()));
        for number in group * TOGETHER..(group + 1) * TOGETHER {
            event(&Fields::of(number));
        }
    }
}

/// The processor time of waiting and of making the fields, to be taken off: measured over a tenth of the groups.
fn pacing_cpu_s(groups: u64) -> f64 {
    let some = groups.div_ceil(10);
    let before = process::cpu_s();
    pace(some, |fields| {
        std::hint::black_box(fields);
    });
    (process::cpu_s() - before) * groups as f64 / some as f64
}

/// Bytes and processor time of the text when it is sealed, in files of this folder.
fn sealed(text: &[u8], folder: &Path) -> Result<(usize, f64), String> {
    let (source, target) = (folder.join("cost"), folder.join("cost.zst"));
    std::fs::write(&source, text).map_err(|error| format!("cannot write the lines: {error}"))?;
    let before = process::cpu_s();
    let sealed = seal(&source, &target, &SealOptions::default(), &mut || true);
    let cpu = process::cpu_s() - before;
    let sealed = sealed.map_err(|error| format!("cannot seal: {error}"))?;
    Ok((sealed.sealed_bytes as usize, cpu))
}

/// Bytes and processor time of the text when it is compressed.
fn compressed(text: &[u8]) -> Result<(usize, f64), String> {
    let before = process::cpu_s();
    let (mut bytes, mut rest) = (0, text);
    while !rest.is_empty() {
        let whole = memchr::memrchr(b'\n', &rest[..rest.len().min(FRAME_BYTES)]);
        let (frame, after) = rest.split_at(whole.map_or(rest.len(), |end| end + 1));
        let frame = zstd::bulk::compress(frame, LEVEL_DEFAULT);
        bytes += frame.map_err(|error| format!("cannot compress: {error}"))?.len();
        rest = after;
    }
    Ok((bytes, process::cpu_s() - before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_made_of_time_and_bytes() {
        let found = measured(1_000_000, 3600.0, 200.0, 0, 0.0, 1_000_000);
        assert!((found.samples[0] - DOLLARS_PER_VCPU_HOUR).abs() < 1e-12);
        let found = measured(1_000_000, 0.0, 200.0, 1_000_000_000, 0.0, 1_000_000);
        let month = found.samples[0] * MONTH_DAYS / KEPT_DAYS;
        assert!((month - DOLLARS_PER_GB_MONTH).abs() < 1e-12);
    }

    #[test]
    fn frames_hold_whole_lines_and_nothing_is_left_out() {
        let text = b"a line of some length, again and again\n".repeat(100_000);
        let (bytes, _cpu) = compressed(&text).unwrap_or_else(|wrong| panic!("{wrong}"));
        assert!(bytes > 0 && bytes < text.len() / 10, "{bytes}");
        assert_eq!(compressed(b"").map(|(bytes, _)| bytes), Ok(0));
        assert!(compressed(b"no end").is_ok_and(|(bytes, _)| bytes > 0));
        // Sealed there is an index as well.
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let (sealed, _cpu) = sealed(&text, folder.path()).unwrap_or_else(|wrong| panic!("{wrong}"));
        assert!(sealed > bytes && sealed < bytes + 2_000, "{sealed} and {bytes}");
    }
}
