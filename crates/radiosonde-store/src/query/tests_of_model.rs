//! Any files and any query, held against reading all of them line by line.

use std::collections::BTreeSet;
use std::path::PathBuf;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

use super::*;
use crate::query::limits::Limits;
use crate::sealed::{Manner, SealOptions, seal_in};

/// A day file, in one form or both.
#[derive(Clone, Debug)]
struct Day {
    dir: u8,
    file: DayFile,
    state: State,
    rows: Vec<Row>,
    end: End,
    frame_bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Plain,
    Sealed,
    /// Sealed, and the index is damaged or cut off.
    IndexDamaged,
    IndexCut,
    /// Sealed, and the day file is still there.
    Both,
    /// Sealed, and a process began the day file anew.
    BegunAnew,
    /// Somebody compressed it; the day file is still there, or is not.
    #[cfg(feature = "gzip")]
    Gzip,
    #[cfg(feature = "gzip")]
    BothGzip,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Whole,
    WithoutBreak,
    HalfLine,
}

#[derive(Clone, Debug)]
struct Row {
    spelling: u8,
    second: u8,
    fraction: u8,
    id: u8,
    job: u8,
    trace: u8,
    level: u8,
    evt: u8,
    filler: u16,
}

const JOBS: [&str; 5] = ["job-1", "job-12", "a-job-1", "job", "J.o_b:1"];
const TRACES: [&str; 4] = [
    "0edadbc0a1b2c3d4e5f60718293a4b5c",
    "0edadbc0a1b2c3d4e5f60718293a4b5d",
    "0edaffffa1b2c3d4e5f60718293a4b5c",
    "4bf92f3577b34da6a3ce929d0e0e4736",
];
const LEVELS: [&str; 6] = ["trace", "debug", "info", "warning", "error", "critical"];
const EVTS: [&str; 4] = ["log", "span", "metric", "user.action"];

type Holds = fn(&Value) -> bool;

/// Conditions, and what they mean for a line as any JSON parser reads it.
const CONDITIONS: [(&str, Holds); 25] = [
    ("job_id?", |line| line["job_id"].is_string()),
    ("!trace_id?", |line| !line["trace_id"].is_string()),
    ("evt=user.action", |line| line["evt"] == "user.action"),
    ("n=1", |line| line["meta"]["n"][0] == 1),
    ("meta.n!=1", |line| line["meta"]["n"][0] != 1),
    // What an index is asked for, and what it must not be asked for.
    ("job_id=job-1", |line| line["job_id"] == "job-1"),
    ("job_id=job-12", |line| line["job_id"] == "job-12"),
    ("job_id=nobody", |line| line["job_id"] == "nobody"),
    ("job_id!=job-1", |line| line["job_id"] != "job-1"),
    ("job=job-1", |line| line["job_id"] == "job-1"),
    ("trace_id=0edadbc0a1b2c3d4e5f60718293a4b5c", |line| begins(&line["trace_id"], TRACES[0])),
    ("trace_id=\"0edadbc0\"", |line| line["trace_id"] == "0edadbc0"),
    ("trace_id=0edadbc0", |line| begins(&line["trace_id"], "0edadbc0")),
    ("trace=0EDA", |line| begins(&line["trace_id"], "0eda")),
    ("trace!=0edadbc0", |line| !begins(&line["trace_id"], "0edadbc0")),
    ("evt=log", |line| line["evt"] == "log"),
    ("evt>=\"m\"", |line| line["evt"].as_str().is_some_and(|evt| evt >= "m")),
    ("level=error", |line| line["level"] == "error"),
    ("level>=warning", |line| [3, 4, 5].iter().any(|n| line["level"] == LEVELS[*n])),
    ("level!=info", |line| line["level"] != "info"),
    ("machine_id=m-1", |line| line["machine_id"] == "m-1"),
    ("machine_id!=m-1", |line| line["machine_id"] != "m-1"),
    ("worker_id=w-2", |line| line["worker_id"] == "w-2"),
    ("service=s-2", |line| line["service"] == "s-2"),
    ("session_id=s-1", |line| line["session_id"] == "s-1"),
];

fn begins(id: &Value, with: &str) -> bool {
    id.as_str().is_some_and(|id| id.to_lowercase().starts_with(with))
}

impl Row {
    /// The bytes of a row, without a line break: `number` is its own alone.
    fn text(&self, number: usize) -> Vec<u8> {
        let Self { second, fraction, .. } = *self;
        let ts = match self.spelling {
            // Not as we write times: without a fraction, in another zone, finer than a microsecond.
            8 => format!("2025-10-06T10:00:{second:02}Z"),
            9 => format!("2025-10-06T12:00:{second:02}.{fraction:06}+02:00"),
            10 => format!("2025-10-06T10:00:{second:02}.{fraction:06}5Z"),
            _ => format!("2025-10-06T10:00:{second:02}.{fraction:06}Z"),
        };
        let id = match (self.spelling, self.id) {
            // Of others: what it was about, or what they count for themselves.
            (7, id) => format!(r#","id":"request-{}""#, id % 3),
            (14, id) => format!(r#","id":{id}"#),
            (_, 0) => String::new(),
            (_, id) if id > 20 => format!(r#","id":"aaaaaaa{}.{}.{number}""#, id % 2, id % 11),
            (_, id) => format!(r#","id":"aaaaaaa{}.{}.{id}""#, id % 2, id % 3),
        };
        let job = JOBS.get(usize::from(self.job));
        let job = job.map(|id| format!(r#","job_id":"{id}""#)).unwrap_or_default();
        let trace = TRACES.get(usize::from(self.trace)).map(|id| match self.spelling {
            // As others write them.
            15 | 16 => id.to_uppercase(),
            17 => id.replace('d', "D"),
            _ => (*id).to_owned(),
        });
        let trace = trace.map(|id| format!(r#","trace_id":"{id}""#)).unwrap_or_default();
        let level = LEVELS.get(usize::from(self.level));
        let level = level.map(|word| match self.spelling {
            // As no writer of ours does.
            11 => format!(r#","l\u0065vel":"{word}""#),
            _ => format!(r#","level":"{word}""#),
        });
        let level = level.unwrap_or_default();
        let evt = EVTS[usize::from(self.evt) % EVTS.len()];
        let filler = "x".repeat(usize::from(self.filler));
        // Some lines have none of these.
        let others: String = [("service", "s", self.job), ("machine_id", "m", self.trace)]
            .into_iter()
            .chain([("worker_id", "w", self.level), ("session_id", "s", self.evt)])
            .filter(|(.., n)| n % 5 < 3)
            .map(|(key, word, n)| format!(r#","{key}":"{word}-{}""#, n % 5))
            .collect();
        let rest = format!(r#"{level},"evt":"{evt}","msg":"job-1 {filler}"{job}{trace}{others}"#);
        match self.spelling {
            0 => Vec::new(),
            1 => b"<html>".to_vec(),
            2 => b"\0\0\0".to_vec(),
            3 => format!(r#"{{"ts":"{ts}"{rest},"meta":{{"a":nope}}{id}}}"#).into_bytes(),
            4 => [format!(r#"{{"ts":"{ts}"{rest},"source":""#).as_bytes(), b"\xff\"}"].concat(),
            5 => format!(r#"{{ "meta" : null {rest}, "ts":"{ts}"{id} }}"#).into_bytes(),
            6 => format!("{{\"ts\":\"{ts}\"{rest},\"meta\":{{}}{id}}}\r").into_bytes(),
            12 => format!(r#"{{"ts":"{ts}"{rest}"#).into_bytes(),
            // What a power cut leaves.
            13 => {
                format!("\0\0\0{{\"ts\":\"{ts}\"{rest},\"meta\":{{\"n\":[1]}}{id}}}").into_bytes()
            }
            _ => format!(r#"{{"ts":"{ts}"{rest},"meta":{{"n":[1,{{}}]}}{id}}}"#).into_bytes(),
        }
    }
}

fn row() -> impl Strategy<Value = Row> {
    let ids = (0..40_u8, 0..7_u8, 0..6_u8);
    (0..40_u8, 0..6_u8, 0..4_u8, ids, 0..8_u8, 0..4_u8, 0..120_u16).prop_map(
        |(spelling, second, fraction, (id, job, trace), level, evt, filler)| Row {
            spelling,
            second,
            fraction,
            id,
            job,
            trace,
            level,
            evt,
            filler,
        },
    )
}

fn day() -> impl Strategy<Value = Day> {
    let state = prop_oneof![
        3 => Just(State::Plain),
        3 => Just(State::Sealed),
        1 => Just(State::IndexDamaged),
        1 => Just(State::IndexCut),
        1 => Just(State::Both),
        1 => Just(State::BegunAnew),
    ];
    #[cfg(feature = "gzip")]
    let state = prop_oneof![10 => state, 2 => Just(State::Gzip), 1 => Just(State::BothGzip)];
    let end = prop_oneof![Just(End::Whole), Just(End::WithoutBreak), Just(End::HalfLine)];
    let name = (0..4_u8, 0..3_usize, 1..3_i8, 0..2_u32, 0..2_u32);
    (name, state, proptest::collection::vec(row(), 0..30), end, 100..3_000_usize).prop_map(
        |((dir, signal, day, slot, part), state, rows, end, frame_bytes)| {
            let date = jiff::civil::date(2025, 10, day);
            let file = DayFile::new(Signal::ALL[signal], date, slot, part);
            Day { dir, file, state, rows, end, frame_bytes }
        },
    )
}

/// What may be asked, in numbers.
#[derive(Clone, Debug)]
struct Asked {
    job: Option<usize>,
    traces: Vec<(usize, usize)>,
    level: Option<usize>,
    evt: Option<usize>,
    except_evt: Option<usize>,
    signal: Option<usize>,
    conditions: Vec<usize>,
    /// In half microseconds after the first second.
    since: Option<u8>,
    until: Option<u8>,
    limit: Option<usize>,
    tail: bool,
}

fn asked() -> impl Strategy<Value = Asked> {
    let maybe = |most: usize| prop_oneof![2 => Just(None), 1 => (0..most).prop_map(Some)];
    let moment = || prop_oneof![2 => Just(None), 1 => any::<u8>().prop_map(Some)];
    let traces = prop_oneof![
        3 => Just(Vec::new()),
        1 => proptest::collection::vec((0..TRACES.len(), 1..33_usize), 1..3),
    ];
    let ids = (maybe(JOBS.len()), traces, maybe(LEVELS.len()), maybe(4), maybe(4), maybe(3));
    let conditions = prop_oneof![
        2 => Just(Vec::new()),
        1 => proptest::collection::vec(0..CONDITIONS.len(), 1..4),
    ];
    let ids = (ids, conditions);
    (ids, moment(), moment(), maybe(20), any::<bool>()).prop_map(
        |(ids, since, until, limit, tail)| {
            let ((job, traces, level, evt, except_evt, signal), conditions) = ids;
            Asked {
                job,
                traces,
                level,
                evt,
                except_evt,
                signal,
                conditions,
                since,
                until,
                limit,
                tail,
            }
        },
    )
}

impl Asked {
    fn moment(halves: u8) -> Timestamp {
        let start: Timestamp = "2025-10-06T10:00:00Z".parse().unwrap();
        let (second, half) = (i64::from(halves) / 32, i64::from(halves) % 32);
        start + jiff::Span::new().seconds(second).nanoseconds(half * 500)
    }

    fn query(&self, dirs: Vec<PathBuf>) -> Query {
        Query {
            job: self.job.map(|n| JOBS[n].to_owned()),
            traces: self.traces.iter().map(|(n, digits)| TRACES[*n][..*digits].into()).collect(),
            level: self.level.map(|n| LEVELS[n].parse().unwrap()),
            evt: self.evt.map(|n| EVTS[n].to_owned()).into_iter().collect(),
            except_evt: self.except_evt.map(|n| EVTS[n].to_owned()).into_iter().collect(),
            signals: self.signal.map(|n| Signal::ALL[n]).into_iter().collect(),
            conditions: self.conditions.iter().map(|n| CONDITIONS[*n].0.parse().unwrap()).collect(),
            since: self.since.map(Self::moment),
            until: self.until.map(Self::moment),
            limit: self.limit,
            tail: self.tail,
            ..Query::new(dirs)
        }
    }

    /// Whether a line, as any JSON parser reads it, is asked for.
    fn fits(&self, ts: Timestamp, line: &Value) -> bool {
        let trace = &line["trace_id"];
        let is_trace = |(n, digits): &(usize, usize)| begins(trace, &TRACES[*n][..*digits]);
        let level = LEVELS.iter().position(|word| line["level"] == *word);
        self.job.is_none_or(|n| line["job_id"] == JOBS[n])
            && (self.traces.is_empty() || self.traces.iter().any(is_trace))
            && self.level.is_none_or(|least| level.is_some_and(|level| level >= least))
            && self.evt.is_none_or(|n| line["evt"] == EVTS[n])
            && self.except_evt.is_none_or(|n| line["evt"] != EVTS[n])
            && self.conditions.iter().all(|n| CONDITIONS[*n].1(line))
            && self.since.is_none_or(|since| ts >= Self::moment(since))
            && self.until.is_none_or(|until| ts < Self::moment(until))
    }
}

/// What the reference finds.
#[derive(Debug, Default)]
struct Expected {
    /// In the order of the files, copies included.
    in_files: Vec<String>,
    /// By time, each once.
    by_time: Vec<String>,
    /// Texts that are no lines, but for half ones at the end of day files.
    wrong: u64,
}

/// A day file, what it holds, and whether somebody compressed it whole.
type Text = (DayFile, Vec<u8>, bool);

/// The order of a line among all; of one time those without an id of ours come first.
type Place = (Timestamp, Option<(String, u64, u64)>, Option<(usize, usize)>);

/// Reads texts line by line.
fn reference(files: &[Text], asked: &Asked) -> Expected {
    let mut expected = Expected::default();
    let mut found: Vec<(Place, String)> = Vec::new();
    for (number, (file, content, is_packed)) in files.iter().enumerate() {
        if asked.signal.is_some_and(|signal| Signal::ALL[signal] != file.signal) {
            continue;
        }
        let mut offset = 0;
        for text in content.split_inclusive(|byte| *byte == b'\n') {
            let (at, is_half) = (offset, text.last() != Some(&b'\n'));
            offset += text.len();
            let text = text.strip_suffix(b"\n").unwrap_or(text);
            if text.trim_ascii().is_empty() {
                continue;
            }
            let nuls = text.iter().take_while(|byte| **byte == 0).count() % text.len();
            let (at, text) = (at + nuls, &text[nuls..]);
            expected.wrong += u64::from(nuls > 0 && !is_half);
            let line = std::str::from_utf8(text).ok();
            let line = line.and_then(|text| serde_json::from_str::<Value>(text).ok());
            let ts = line.as_ref().and_then(|line| line["ts"].as_str()?.parse().ok());
            let (Some(line), Some(ts)) = (line, ts) else {
                // A line that somebody may write on begins like one.
                let is_nothing = text[0] == 0;
                let may_go_on = text[0] == b'{' && !text.contains(&0) && !text.contains(&0xff);
                let is_told = !is_half || *is_packed || !is_nothing && !may_go_on;
                expected.wrong += u64::from(is_told);
                continue;
            };
            if !asked.fits(ts, &line) {
                continue;
            }
            // Ids of others tell nothing.
            let id = line["id"].as_str().filter(|id| !id.starts_with("request"));
            let id = id.map(|id| {
                let parts: Vec<&str> = id.split('.').collect();
                let number = |at: usize| parts[at].parse().unwrap();
                (parts[0].to_owned(), number(1), number(2))
            });
            let place = id.is_none().then_some((number, at));
            let text = String::from_utf8(text.to_vec()).unwrap();
            expected.in_files.push(text.clone());
            found.push(((ts, id, place), text));
        }
    }
    // Stable: of copies the one found first stays.
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found.dedup_by(|later, first| later.0 == first.0);
    expected.by_time = found.into_iter().map(|(_, text)| text).collect();
    expected
}

/// The text of a day file: its rows, and then copies of rows of others.
fn content(day: &Day, number: usize, copies: &[Vec<u8>]) -> Vec<u8> {
    let rows = day.rows.iter().enumerate();
    let mut content: Vec<u8> = rows
        .map(|(row_number, row)| row.text(number * 100 + row_number))
        .chain(copies.iter().cloned())
        .flat_map(|text| [text, b"\n".to_vec()].concat())
        .collect();
    match day.end {
        End::Whole => {}
        End::WithoutBreak => drop(content.pop()),
        End::HalfLine => content.extend(br#"{"ts":"2025-10-06T10:00:01.000000Z","le"#),
    }
    content
}

/// Writes the files; returns their texts in the order of their names.
fn write(dir: &Path, days: &[Day], copies: &[(Index, Index, Index)]) -> Vec<Text> {
    let mut names = BTreeSet::new();
    let mut files = Vec::new();
    for (number, day) in days.iter().enumerate() {
        if !names.insert((day.dir, day.file)) {
            continue;
        }
        let copied: Vec<Vec<u8>> = copies
            .iter()
            .filter(|(to, ..)| to.index(days.len()) == number)
            .filter_map(|(_, from, row)| {
                let from = from.index(days.len());
                let row = row.index(days[from].rows.len().max(1));
                days[from].rows.get(row).map(|copied| copied.text(from * 100 + row))
            })
            .collect();
        let text = content(day, number, &copied);
        let dir = dir.join(format!("d{}", day.dir));
        fs::create_dir_all(&dir).unwrap();
        let plain = dir.join(day.file.file_name());
        let sealed = dir.join(StoredFile::new(day.file, crate::names::Form::Sealed).file_name());
        fs::write(&plain, &text).unwrap();
        #[cfg(feature = "gzip")]
        if matches!(day.state, State::Gzip | State::BothGzip) {
            let packed = StoredFile::new(day.file, crate::names::Form::Gzip).file_name();
            let pack = crate::fuzzing::pack(&text, crate::fuzzing::Packing::Gzip, true);
            fs::write(dir.join(packed), pack).unwrap();
            if day.state == State::Gzip {
                fs::remove_file(&plain).unwrap();
            }
            files.push((day.dir, day.file, 1, text, day.state == State::Gzip));
            continue;
        }
        if day.state != State::Plain {
            let options = SealOptions::default();
            let manner = Manner { frame_bytes: day.frame_bytes, ..Manner::of(&options) };
            let _ = seal_in(&plain, &sealed, &manner, &mut |_| true).unwrap();
        }
        let mut whole = fs::read(&sealed).unwrap_or_default();
        match day.state {
            State::Plain | State::Both => {}
            State::BegunAnew => {
                let new = days[(number + 1) % days.len()].rows.iter().enumerate();
                let new: Vec<u8> = new
                    .flat_map(|(at, row)| [row.text(5_000 + number * 100 + at), vec![b'\n']])
                    .flatten()
                    .collect();
                fs::write(&plain, &new).unwrap();
                // What is empty was sealed as well, and nothing was lost.
                files.push((day.dir, day.file, 0, new, false));
            }
            State::Sealed => fs::remove_file(&plain).unwrap(),
            #[cfg(feature = "gzip")]
            State::Gzip | State::BothGzip => {}
            State::IndexDamaged | State::IndexCut => {
                fs::remove_file(&plain).unwrap();
                if day.state == State::IndexCut {
                    whole.truncate(whole.len() - 10);
                } else if let Some(last) = whole.last_mut() {
                    *last ^= 1;
                }
                fs::write(&sealed, whole).unwrap();
            }
        }
        files.push((day.dir, day.file, 1, text, false));
    }
    files.sort_by_key(|(dir, file, form, ..)| (*dir, *file, *form));
    // An anew one that is the same as what was sealed is one file.
    files.dedup_by(|later, first| (later.0, later.1) == (first.0, first.1) && later.3 == first.3);
    files.into_iter().map(|(_, file, _, text, is_packed)| (file, text, is_packed)).collect()
}

fn texts(lines: &[Line]) -> Vec<&str> {
    lines.iter().map(|line| line.raw.as_str()).collect()
}

fn check(days: &[Day], copies: &[(Index, Index, Index)], asked: &Asked, limits: &Limits) {
    // Sealing waits for the disk; where there is a file system in memory, it need not.
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let files = write(dir.path(), days, copies);
    let temporary = dir.path().join("temporary");
    fs::create_dir(&temporary).unwrap();
    let limits = Limits { temporary, ..limits.clone() };
    let dirs: BTreeSet<u8> = days.iter().map(|day| day.dir).collect();
    let dirs = dirs.iter().map(|number| dir.path().join(format!("d{number}")));
    let query = asked.query(dirs.collect());
    let expected = reference(&files, asked);

    let mut scanned = Vec::new();
    let reading = query.scan_within(&limits, &mut |found| scanned.push(found.line.raw));
    assert_eq!(scanned, expected.in_files, "scan");
    assert_eq!(reading.matched, expected.in_files.len() as u64);

    let mut streamed = Vec::new();
    let reading = query.stream_within(&limits, &mut |line| {
        streamed.push(line.raw.clone());
        ControlFlow::Continue(())
    });
    assert_eq!(streamed, expected.by_time, "stream");
    assert_eq!(reading.matched, expected.by_time.len() as u64);
    let copies = expected.in_files.len() - expected.by_time.len();
    assert_eq!(reading.duplicates, copies as u64);
    assert!(reading.unreadable.is_empty(), "{reading:?}");
    let asks_all = Asked { limit: None, tail: false, signal: None, ..asked.clone() };
    if format!("{asks_all:?}") == format!("{ALL:?}") {
        assert_eq!(reading.skipped, expected.wrong, "{:?}", reading.skips);
    }

    let limit = asked.limit.unwrap_or(usize::MAX).min(expected.by_time.len());
    let more = expected.by_time.len() - limit;
    let kept = if asked.tail { &expected.by_time[more..] } else { &expected.by_time[..limit] };
    let answer = query.run_within(&limits);
    assert_eq!(texts(&answer.lines), kept, "run");
    assert_eq!(answer.reading.matched > limit as u64, more > 0, "whether there are more");
    assert!(answer.reading.unreadable.is_empty(), "{:?}", answer.reading);
    // Nothing remains of what had to wait.
    assert_eq!(fs::read_dir(&limits.temporary).unwrap().count(), 0);
}

const ALL: Asked = Asked {
    job: None,
    traces: Vec::new(),
    level: None,
    evt: None,
    except_evt: None,
    signal: None,
    conditions: Vec::new(),
    since: None,
    until: None,
    limit: None,
    tail: false,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn any_query_of_any_files_finds_what_reading_all_of_them_finds(
        days in proptest::collection::vec(day(), 1..7),
        copies in proptest::collection::vec(any::<(Index, Index, Index)>(), 0..10),
        asked in prop_oneof![4 => asked(), 1 => Just(ALL)],
        waiting_bytes in prop_oneof![Just(32 << 20), 0..4_000_usize],
        early_bytes in prop_oneof![Just(4 << 20), Just(0), 0..2_000_usize],
        recent_bytes in prop_oneof![Just(1 << 20), 0..2_000_u64],
        remembered_bytes in prop_oneof![Just(8 << 20), 0..4_000_usize],
        piece_bytes in prop_oneof![Just(256 << 10), 1..1_000_usize],
        stretch_bytes in prop_oneof![Just(1 << 20), 1..2_000_usize],
        skim_bytes_min in prop_oneof![Just(64 << 20), 0..2_000_u64],
        stripe_bytes in 1..2_000_u64,
        runs in 2..5_usize,
        threads in 0..3_usize,
    ) {
        let temporary = PathBuf::new();
        let left_free = (0, 1);
        let limits = Limits {
            waiting_bytes,
            early_bytes,
            recent_bytes,
            remembered_bytes,
            piece_bytes,
            stretch_bytes,
            skim_bytes_min,
            stripe_bytes,
            runs,
            threads,
            temporary,
            left_free,
        };
        check(&days, &copies, &asked, &limits);
    }
}
