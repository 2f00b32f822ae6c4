//! Sealed files made of the bytes of an input, read in every way there is.

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;

use radiosonde_store::fuzzing;
use radiosonde_store::reader::Chunk;
use radiosonde_store::sealed::{LineCount, Reader, count_lines, is_sealed_copy};
use radiosonde_store::{Level, Query};

use super::dice::Dice;

const PLAIN: &str = "source";
const SEALED: &str = "events-2025-10-06.jsonl.zst";
/// Bytes of lines in a frame.
const FRAME_BYTES: usize = 512;

/// Runs something in a directory of this thread.
fn within<T>(work: impl FnOnce(PathBuf) -> T) -> T {
    thread_local! {
        static DIR: tempfile::TempDir = tempfile::tempdir().expect("a temporary directory");
    }
    DIR.with(|dir| work(dir.path().to_owned()))
}

/// Lines, no two of which are the same; each byte says what the next one is like.
pub fn lines(kinds: &[u8]) -> Vec<u8> {
    let mut out = String::new();
    for (n, kind) in kinds.iter().enumerate() {
        out += &match kind % 8 {
            0 => format!("no line {n}\n"),
            1 => format!("{{\"ts\":\"2025-10-06T10:00:00Z\",\"n\":\"{}{n}\"}}\n", "x".repeat(600)),
            _ => format!(
                "{{\"ts\":\"2025-10-06T10:00:{:02}.000000Z\",\"msg\":\"{n}\",\"trace_id\":\"{kind:032x}\",\"job_id\":\"job-{}\"}}\n",
                kind % 60,
                kind % 5
            ),
        };
    }
    if kinds.last().is_some_and(|kind| kind % 2 == 0) {
        let _ = out.pop();
    }
    out.into_bytes()
}

/// The sealed form of a text.
pub fn sealed(text: &[u8]) -> Vec<u8> {
    within(|dir| {
        let (source, target) = (dir.join(PLAIN), dir.join(SEALED));
        let _ = fs::remove_file(&target);
        fs::write(&source, text).expect("room for a small file");
        let _ = fuzzing::seal_in_frames(&source, &target, FRAME_BYTES).expect("a sealed file");
        fs::read(&target).expect("the sealed file")
    })
}

/// Lines of a sealed file as they are given out, and how often something was said to be wrong.
fn read(bytes: &[u8]) -> (Vec<Vec<u8>>, usize) {
    within(|dir| {
        let path = dir.join(SEALED);
        fs::write(&path, bytes).expect("room for a small file");
        ask(dir, bytes.iter().map(|byte| usize::from(*byte)).sum());
        let mut reader = Reader::open(&path).expect("a file that can be opened");
        let (mut lines, mut damages) = (Vec::new(), 0);
        while let Some(chunk) = reader.next_chunk().expect("a file that can be read") {
            match chunk {
                Chunk::HalfLine { bytes, .. } => lines.push(bytes.to_vec()),
                Chunk::Lines { bytes, .. } => {
                    assert_eq!(bytes.last(), Some(&b'\n'));
                    lines.extend(bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec));
                }
                _ => damages += 1,
            }
        }
        (lines, damages)
    })
}

/// Asks as people do, in one of the ways: a stream must find what a list does.
fn ask(dir: PathBuf, way: usize) {
    let mut query = Query::new(vec![dir]);
    query.job = (way & 1 != 0).then(|| "job-1".to_owned());
    query.traces = (way & 2 != 0).then(|| format!("{:032x}", 9)).into_iter().collect();
    query.since = (way & 4 != 0).then(|| "2025-10-06T10:00:30Z".parse().expect("a time"));
    query.machine = (way & 8 != 0).then(|| "m-1".to_owned());
    query.level = (way & 16 != 0).then_some(Level::Warning);
    query.evt = (way & 32 != 0).then(|| "e-1".to_owned()).into_iter().collect();
    let answer = query.run();
    let mut streamed = Vec::new();
    let _ = query.stream(&mut |line| {
        streamed.push(line.clone());
        ControlFlow::Continue(())
    });
    assert_eq!(streamed, answer.lines);
}

/// How many lines there are, as far as it is known, and whether these are all; and whether the file is
/// the sealed form of a text.
fn judge(bytes: &[u8], text: &[u8]) -> (LineCount, bool) {
    within(|dir| {
        let (source, path) = (dir.join(PLAIN), dir.join(SEALED));
        fs::write(&path, bytes).expect("room for a small file");
        fs::write(&source, text).expect("room for a small file");
        let count = count_lines(&path, &mut || true).expect("a file that can be read");
        let is_copy = is_sealed_copy(&source, &path, &mut || true);
        (count, is_copy.expect("files that can be read"))
    })
}

/// Bytes as they are.
pub fn read_bytes(bytes: &[u8]) {
    let _ = read(bytes);
    let _ = judge(bytes, b"");
}

/// Some frames and an index of any sections, with checksums that are right.
pub fn read_index(dice: &mut Dice<'_>) {
    let count = usize::from(dice.u8() % 16);
    let cut = usize::from(dice.u8());
    let sections: Vec<&[u8]> = (0..6).map(|_| dice.counted()).collect();
    // Files that were sealed at first have four.
    let sections = (1..).zip(sections).filter(|(kind, bytes)| *kind <= 4 || !bytes.is_empty());
    let sections: Vec<(u32, &[u8])> = sections.collect();
    let text = lines(dice.bytes(count));
    let mut file = sealed(&text);
    if cut > 0 {
        file.truncate(file.len().saturating_sub(cut));
    }
    file.extend(fuzzing::index(&sections));
    let _ = read(&file);
    let _ = judge(&file, &text);
}

/// A real file with sections of any values and pages, whose checksums are right: whatever they make a
/// query leave out, every line is there for who reads them all, and an id, a machine or a level that
/// the untouched file has is found in it.
pub fn read_sections(dice: &mut Dice<'_>) {
    let count = usize::from(dice.u8() % 16);
    let kinds = dice.bytes(count);
    let text: String = (0..).zip(kinds).map(|(n, kind)| line_of_values(n, *kind)).collect();
    let undamaged = sealed(text.as_bytes());
    let others = [(5, dice.counted()), (6, dice.counted())];
    let others: Vec<(u32, &[u8])> =
        others.into_iter().filter(|(_, bytes)| !bytes.is_empty()).collect();
    let file = within(|dir| {
        let path = dir.join(SEALED);
        fs::write(&path, &undamaged).expect("room for a small file");
        for machine in ["m-0", "m-1", "m-2"] {
            let mut query = Query::new(vec![path.clone()]);
            query.machine = Some(machine.to_owned());
            let held = text.matches(&format!("\"{machine}\"")).count();
            assert_eq!(query.run().lines.len(), held, "{machine}");
        }
        let kept: Vec<u32> =
            (1..=6).filter(|kind| others.iter().all(|(other, _)| other != kind)).collect();
        fuzzing::with_sections(&path, &kept, &others).expect("a sealed file")
    });
    let (lines, damages) = read(&file);
    assert_eq!(lines.concat(), text.as_bytes());
    assert_eq!(damages, 0);
    let _ = judge(&file, text.as_bytes());
}

fn line_of_values(n: usize, kind: u8) -> String {
    let level = ["info", "error", "unheard-of", "WARN"][usize::from(kind / 64)];
    format!(
        "{{\"ts\":\"2025-10-06T10:00:00.{n:06}Z\",\"level\":\"{level}\",\"evt\":\"e-{}\",\"msg\":\"{}\",\"job_id\":\"job-{}\",\"machine_id\":\"m-{}\",\"id\":\"{n}\"}}\n",
        kind % 3,
        "x".repeat(200),
        kind % 5,
        kind / 4 % 3,
    )
}

/// A sealed file with some bytes changed or its end cut off: what is found was sealed, in its order;
/// where something is missing, something is said; and one byte costs one frame at most.
pub fn read_damaged(dice: &mut Dice<'_>) {
    let text = lines(dice.counted());
    let undamaged = sealed(&text);
    let mut file = undamaged.clone();
    let whole = file.len();
    if dice.u8() % 4 == 1 {
        let length = usize::from(dice.u16()).min(file.len());
        file.truncate(length);
    }
    let mut changed = 0;
    while !dice.is_empty() && !file.is_empty() {
        let at = usize::from(dice.u16()) % file.len();
        let flip = dice.u8();
        file[at] ^= flip;
        changed += usize::from(flip != 0);
    }
    let (count, is_copy) = judge(&file, &text);
    assert_eq!(is_copy, file == undamaged, "is a copy: {is_copy}");
    let all = text.split_inclusive(|byte| *byte == b'\n').count() as u64;
    assert!(count.lines <= all, "{count:?} of {all}");
    // More changes can make a frame look like an index.
    assert!(changed > 2 || !count.complete || count.lines == all, "{count:?} of {all}");
    let (found, damages) = read(&file);
    let mut rest = found.iter().map(Vec::as_slice).peekable();
    let (mut missing, mut at, mut first, mut last) = (0, 0, None, 0);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        if rest.peek() == Some(&line) {
            let _ = rest.next();
        } else {
            missing += 1;
            let _ = first.get_or_insert(at);
            last = at;
        }
        at += line.len();
    }
    // Who may change as much as they like can write frames of their own.
    assert!(changed > 8 || rest.peek().is_none(), "not sealed, or not there: {:?}", rest.peek());
    assert!(missing == 0 || damages > 0, "{missing} lines are missing and nothing is said");
    if changed == 1 && file.len() == whole {
        let lost = last - first.unwrap_or(last);
        assert!(lost < FRAME_BYTES, "one byte costs {lost} bytes");
    }
}
