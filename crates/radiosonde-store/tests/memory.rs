//! Sealing, reading and asking take a few MiB, however long the file and however much matches. A
//! program of its own with one test, since the highest amount of memory is that of the whole process.
#![cfg(target_os = "linux")]
#![cfg(feature = "sealed")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::{BufWriter, Write as _};
use std::ops::ControlFlow;
use std::path::Path;

use radiosonde_store::Query;
use radiosonde_store::sealed::{Reader, SealOptions, is_sealed_copy, seal};

/// For what `work` takes at most: the index of 160 MB has about a third of a MiB.
const BYTES_MAX: u64 = 12 << 20;

/// A field of `/proc/self/status`, in bytes.
fn status(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// How much more memory there is at the worst moment of `work` than before.
fn most<T>(work: impl FnOnce() -> T) -> (u64, T) {
    // The highest amount counts from here.
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = status("VmRSS");
    let result = work();
    (status("VmHWM").saturating_sub(before), result)
}

/// For lines of frames that are read ahead, by four threads at most.
const STREAMING_BYTES_MAX: u64 = 40 << 20;
/// What may wait for its turn in memory, and what it takes besides.
const WAITING_BYTES_MAX: u64 = (32 << 20) + (16 << 20);

/// Every line with a trace of its own, which is the most an index can have. The times are those of
/// `order`.
fn write(path: &Path, lines: u64, order: impl Fn(u64) -> u64) {
    let mut out = BufWriter::new(fs::File::create(path).unwrap());
    let filler = "x".repeat(300);
    for n in (0..lines).map(order) {
        let trace = u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        writeln!(
            out,
            "{{\"ts\":\"2025-10-06T10:00:00.{:06}Z\",\"msg\":\"{filler}\",\"trace_id\":\"{trace:032x}\",\"job_id\":\"job-{}\"}}",
            n % 1_000_000,
            n / 100
        )
        .unwrap();
    }
    out.flush().unwrap();
}

#[test]
fn a_long_file_takes_no_more_memory_than_a_short_one() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("events-2025-10-06.jsonl");
    let target = dir.path().join("events-2025-10-06.jsonl.zst");
    write(&source, 400_000, |n| n);
    assert!(source.metadata().unwrap().len() > 150 << 20);
    let (sealing, sealed) =
        most(|| seal(&source, &target, &SealOptions::default(), &mut || true).unwrap());
    let index = sealed.raw_bytes / 500;
    let (comparing, same) = most(|| is_sealed_copy(&source, &target, &mut || true).unwrap());
    assert!(same);
    let whole = dir.path().join("whole.zst");
    {
        let mut out = zstd::stream::Encoder::new(fs::File::create(&whole).unwrap(), 1).unwrap();
        let _ = std::io::copy(&mut fs::File::open(&source).unwrap(), &mut out).unwrap();
        let _ = out.finish().unwrap();
    }
    fs::remove_file(&source).unwrap();
    let (reading, lines) = most(|| {
        let mut reader = Reader::open(&target).unwrap();
        let mut bytes = 0;
        while let Some(chunk) = reader.next_chunk().unwrap() {
            if let radiosonde_store::reader::Chunk::Lines { bytes: lines, .. } = chunk {
                bytes += lines.len() as u64;
            }
        }
        bytes
    });
    assert_eq!(lines, sealed.raw_bytes);
    let mut of_job = Query::new(vec![whole]);
    of_job.job = Some("job-1234".to_owned());
    let (streaming, found) = most(|| of_job.run().lines.len());
    assert_eq!(found, 100);
    eprintln!("reading what zstd compressed whole takes {streaming} bytes");
    assert!(streaming < BYTES_MAX, "reading what zstd compressed whole took {streaming} bytes");
    let mut query = Query::new(vec![dir.path().to_owned()]);
    query.job = Some("job-1234".to_owned());
    let (asking, answer) = most(|| query.run());
    assert_eq!(answer.lines.len(), 100);
    query.job = None;
    let (streaming, lines) = most(|| count(&query));
    assert_eq!(lines, 400_000);
    eprintln!(
        "sealing {sealing}, comparing {comparing}, reading {reading}, asking {asking}, streaming {streaming} bytes"
    );
    for (what, bytes) in
        [("sealing", sealing), ("comparing", comparing), ("reading", reading), ("asking", asking)]
    {
        assert!(bytes < BYTES_MAX + index, "{what} took {bytes} bytes");
    }
    assert!(streaming < STREAMING_BYTES_MAX, "streaming took {streaming} bytes");
    shuffled_lines_wait_in_files(dir.path());
}

/// Hands out all lines, which are sorted by time, and counts them.
fn count(query: &Query) -> u64 {
    let (mut lines, mut last) = (0, None);
    let reading = query.stream(&mut |line| {
        assert!(last <= Some(line.ts));
        last = Some(line.ts);
        lines += 1;
        ControlFlow::Continue(())
    });
    assert!(!reading.is_partial(), "{reading:?}");
    lines
}

/// No line stands near its place, so that all have to wait for the last.
fn shuffled_lines_wait_in_files(dir: &Path) {
    let dir = dir.join("shuffled");
    fs::create_dir(&dir).unwrap();
    write(&dir.join("events-2025-10-06.jsonl"), 200_000, |n| n * 77_773 % 200_000);
    let query = Query::new(vec![dir]);
    let (streaming, lines) = most(|| count(&query));
    assert_eq!(lines, 200_000);
    eprintln!("streaming shuffled lines {streaming} bytes");
    assert!(streaming < WAITING_BYTES_MAX, "streaming shuffled lines took {streaming} bytes");
}
