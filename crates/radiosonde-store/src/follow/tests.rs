//! Whatever becomes of the files, each line comes once.

mod compared;
mod compressed;
mod odd;
mod renamed;

use std::fs::{self, OpenOptions};
use std::io::Write as _;

use super::*;
use crate::reader::LINE_BYTES_MAX;
use crate::sealed::{SealOptions, seal};

const FIRST: &str = "events-2025-10-06.jsonl";
const SECOND: &str = "events-2025-10-06.0.1.jsonl";

/// A directory and who follows it, at a time of the test's.
struct Play {
    dir: tempfile::TempDir,
    follow: Follow,
    now: Instant,
    given: Vec<String>,
    told: Vec<String>,
    away: Vec<PathBuf>,
    back: Vec<PathBuf>,
    reading: Reading,
}

impl Play {
    fn new(start: Start) -> Self {
        Self::of(tempfile::tempdir().unwrap(), start)
    }

    fn of(dir: tempfile::TempDir, start: Start) -> Self {
        let query = Query::new(vec![dir.path().to_owned()]);
        Self::with(dir, query, start)
    }

    fn with(dir: tempfile::TempDir, query: Query, start: Start) -> Self {
        let (given, told, away, back) = Default::default();
        let (follow, now) = (Follow::new(query, start), Instant::now());
        Self { dir, follow, now, given, told, away, back, reading: Reading::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Appends lines of these seconds, with ids of slot 1.
    fn add(&self, name: &str, seconds: std::ops::Range<u32>) {
        append(&self.path(name), &seconds.map(line).collect::<String>());
    }

    fn seal(&self, name: &str) {
        let sealed = self.path(&format!("{name}.zst"));
        let _ = seal(&self.path(name), &sealed, &SealOptions::default(), &mut || true).unwrap();
        fs::remove_file(self.path(name)).unwrap();
    }

    /// Polls once, a second later.
    fn poll(&mut self) -> Progress {
        self.now += Duration::from_secs(1);
        let given = &mut self.given;
        let mut progress = self.follow.poll(self.now, &mut |line| {
            given.push(line.msg.clone().unwrap());
            ControlFlow::Continue(())
        });
        let unreadable = std::mem::take(&mut progress.reading.unreadable);
        self.told.extend(unreadable.into_iter().map(|told| {
            let name = told.path.file_name().unwrap().to_string_lossy().into_owned();
            format!("{name} {} {}", told.offset, told.error)
        }));
        self.away.append(&mut progress.away);
        self.back.append(&mut progress.back);
        progress
    }

    /// What comes, until nothing more does.
    fn given(&mut self) -> String {
        loop {
            let before = self.given.len();
            let progress = self.poll();
            let is_more = progress.wait.is_zero();
            self.reading.merge(progress.reading);
            // What was read by one poll is given by the next.
            if !is_more && before == self.given.len() && self.follow.held.due_in(self.now).is_none()
            {
                return std::mem::take(&mut self.given).join(" ");
            }
        }
    }

    /// The same, when what others compress has not changed for a while.
    fn settled(&mut self) -> String {
        for _ in 0..3 {
            let progress = self.poll();
            self.reading.merge(progress.reading);
        }
        self.given()
    }

    fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }
}

fn line(second: u32) -> String {
    numbered(second, 0)
}

/// A line with an id of its own and some length.
fn numbered(number: u32, filler: usize) -> String {
    let (minute, second) = (number / 60 % 60, number % 60);
    let filler = "x".repeat(filler);
    format!(
        "{{\"ts\":\"2025-10-06T10:{minute:02}:{second:02}.000000Z\",\"evt\":\"log\",\"msg\":\"{number}\",\"meta\":{{\"filler\":\"{filler}\"}},\"id\":\"aaaaaaaa.1.{number}\"}}\n"
    )
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[test]
fn what_was_there_and_what_comes_meet_without_a_seam() {
    for (start, expect) in [
        (Start::All, "0 1 2 3 4"),
        (Start::Tail(2), "3 4"),
        (Start::Tail(9), "0 1 2 3 4"),
        (Start::Now, ""),
    ] {
        let mut play = Play::new(start);
        play.add("events-2025-10-05.jsonl", 0..2);
        play.seal("events-2025-10-05.jsonl");
        play.add(FIRST, 2..5);
        // Half a line that was there before, too.
        let half = line(5);
        append(&play.path(FIRST), &half[..40]);
        assert_eq!(play.given(), expect, "{start:?}");
        append(&play.path(FIRST), &half[40..]);
        play.add(FIRST, 6..8);
        assert_eq!(play.given(), "5 6 7", "{start:?}");
        assert_eq!(play.told(), [""; 0]);
    }
}

#[test]
fn only_lines_that_fit_come() {
    let dir = tempfile::tempdir().unwrap();
    let mut query = Query::new(vec![dir.path().to_owned()]);
    query.job = Some("job-1".into());
    query.signals = vec![crate::names::Signal::Events];
    let mut play = Play::with(dir, query, Start::Tail(10));
    let of = |number: u32, job: &str| {
        line(number).replace("\"evt\"", &format!("\"job_id\":\"{job}\",\"evt\""))
    };
    append(&play.path(FIRST), &(of(1, "job-1") + &of(2, "job-12") + &line(3)));
    assert_eq!(play.given(), "1");
    append(&play.path(FIRST), &(of(4, "job-12") + &line(5) + &of(6, "job-1") + "{\n"));
    append(&play.path("spans-2025-10-06.jsonl"), &of(7, "job-1"));
    assert_eq!(play.given(), "6");
    assert_eq!(play.reading.skipped, 0, "what does not hold the id is not looked at");
}

#[test]
fn a_trace_that_others_write_in_capitals_comes() {
    const ID: &str = "0edadbc0a1b2c3d4e5f60718293a4b5c";
    for asked in [ID, &ID[..9]] {
        let dir = tempfile::tempdir().unwrap();
        let mut query = Query::new(vec![dir.path().to_owned()]);
        query.traces = vec![asked.to_owned()];
        let mut play = Play::with(dir, query, Start::All);
        let of = |number: u32, trace: &str| {
            line(number).replace("\"evt\"", &format!("\"trace_id\":\"{trace}\",\"evt\""))
        };
        append(&play.path(FIRST), &(of(1, ID) + &of(2, &ID.to_uppercase()) + &line(3)));
        assert_eq!(play.given(), "1 2");
        append(&play.path(FIRST), &(of(4, &ID.to_uppercase()) + &line(5) + &of(6, ID)));
        assert_eq!(play.given(), "4 6");
        // Sealed between two looks.
        append(&play.path(SECOND), &(of(7, &ID.to_uppercase()) + &line(8)));
        play.seal(SECOND);
        assert_eq!(play.given(), "7");
    }
}

#[test]
fn files_are_followed_into_parts_days_slots_and_sealed_forms() {
    let mut play = Play::new(Start::Tail(10));
    play.add(FIRST, 0..2);
    assert_eq!(play.given(), "0 1");
    // Written and sealed with a descriptor open, without a poll in between.
    play.add(FIRST, 2..4);
    play.seal(FIRST);
    // Begun and sealed between two polls; another day, another slot.
    play.add(SECOND, 4..6);
    play.seal(SECOND);
    play.add("events-2025-10-07.jsonl", 6..8);
    play.add("events-2025-10-07.3.jsonl", 8..9);
    assert_eq!(play.given(), "2 3 4 5 6 7 8");
    // Two files of one name: the one that is followed becomes another part.
    fs::rename(play.path("events-2025-10-07.jsonl"), play.path("events-2025-10-07.0.1.jsonl"))
        .unwrap();
    play.add("events-2025-10-07.0.1.jsonl", 9..10);
    play.add("events-2025-10-07.jsonl", 10..11);
    assert_eq!(play.given(), "9 10");
    assert_eq!(play.told(), [""; 0]);
    assert!(!play.reading.is_partial());
}

#[test]
fn a_file_that_was_open_is_read_to_its_end_when_it_is_removed_and_others_are_told() {
    let mut play = Play::new(Start::Now);
    play.add(FIRST, 0..1);
    assert_eq!(play.given(), "");
    play.add(FIRST, 1..3);
    fs::remove_file(play.path(FIRST)).unwrap();
    assert_eq!(play.given(), "1 2");
    assert_eq!(play.told(), [""; 0]);
    // Parts 1 and 2 came and went, and only part 3 is still there.
    play.add("events-2025-10-06.0.3.jsonl", 3..4);
    assert_eq!(play.given(), "3");
    let removed =
        "events-2025-10-06.0.1.jsonl 0 removed before it was read, and so were 1 more files";
    assert_eq!(play.told(), [removed]);
    // One that had no descriptor.
    play.add("events-2025-10-06.0.3.jsonl", 4..5);
    for place in &mut play.follow.places {
        place.close_all();
    }
    play.follow.places[0].look(play.now, &Wanted::default(), &mut Told::default());
    fs::remove_file(play.path("events-2025-10-06.0.3.jsonl")).unwrap();
    assert_eq!(play.given(), "");
    let told = play.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].ends_with(" removed before it was read"), "{told:?}");
    assert!(!told[0].starts_with("events-2025-10-06.0.3.jsonl 0 "), "{told:?}");
}

#[test]
fn a_directory_is_waited_for_and_a_fresh_one_is_read_from_its_beginning() {
    let outer = tempfile::tempdir().unwrap();
    let path = outer.path().join("telemetry");
    let query = Query::new(vec![path.clone()]);
    let mut play = Play::with(outer, query, Start::Tail(10));
    assert_eq!(play.given(), "");
    assert_eq!((play.away.len(), play.back.len()), (1, 0), "said once");
    fs::create_dir(&path).unwrap();
    append(&path.join(FIRST), &line(1));
    assert_eq!(play.given(), "1");
    assert_eq!((play.away.len(), play.back.len()), (1, 1));
    append(&path.join(FIRST), &line(2));
    fs::remove_dir_all(&path).unwrap();
    assert_eq!(play.given(), "2", "its descriptor was open");
    assert_eq!((play.away.len(), play.back.len()), (2, 1));
    fs::create_dir(&path).unwrap();
    append(&path.join(FIRST), &(line(3) + &line(4)));
    assert_eq!(play.given(), "3 4");
    // Another one under the name, between two polls.
    fs::rename(&path, play.dir.path().join("old")).unwrap();
    fs::create_dir(&path).unwrap();
    append(&path.join(SECOND), &line(5));
    append(&play.dir.path().join("old").join(FIRST), &line(6));
    assert_eq!(play.given(), "5 6");
    assert_eq!(play.told(), [""; 0]);
}

#[test]
fn five_hundred_files_at_once_are_read_with_few_descriptors_and_go_on() {
    let mut play = Play::new(Start::Now);
    assert_eq!(play.given(), "");
    let name = |slot: u32| format!("events-2025-10-06.{slot}.jsonl");
    for slot in 1..=500 {
        play.add(&name(slot), slot..slot + 1);
    }
    let all = |play: &mut Play| -> Vec<u32> {
        let given = play.given();
        let mut all: Vec<u32> = given.split(' ').map(|number| number.parse().unwrap()).collect();
        all.sort_unstable();
        all
    };
    assert_eq!(all(&mut play), (1..=500).collect::<Vec<_>>());
    for slot in 1..=500 {
        play.add(&name(slot), 500 + slot..501 + slot);
        if slot % 3 == 0 {
            play.seal(&name(slot));
        }
    }
    assert_eq!(all(&mut play), (501..=1_000).collect::<Vec<_>>());
    assert!(play.follow.places[0].open_files() <= 64);
    assert_eq!(play.told(), [""; 0]);
}

#[test]
fn lines_of_several_files_come_by_time_and_copies_once() {
    let mut play = Play::new(Start::Now);
    assert_eq!(play.given(), "");
    for number in [3, 1, 5] {
        play.add(FIRST, number..number + 1);
    }
    for number in [4, 2, 3, 6] {
        play.add("events-2025-10-06.1.jsonl", number..number + 1);
    }
    assert_eq!(play.given(), "1 2 3 4 5 6");
    assert_eq!(play.reading.duplicates, 1);
    play.add(FIRST, 0..4);
    assert_eq!(play.given(), "0", "late, and the others were given before");
}

#[test]
fn a_backlog_of_several_processes_comes_by_time_in_bounded_steps() {
    let mut play = Play::new(Start::Now);
    assert_eq!(play.given(), "");
    // Two processes by turns, each with parts; 12 MB.
    let mut files = [String::new(), String::new(), String::new(), String::new()];
    for number in 0..3_000 {
        let file = number as usize % 2 + 2 * (number as usize / 1_500);
        files[file].push_str(&numbered(number, 4_000));
    }
    for (name, text) in ["1", "2", "1.1", "2.1"].iter().zip(&files) {
        append(&play.path(&format!("events-2025-10-06.{name}.jsonl")), text);
    }
    let first = play.poll();
    assert_eq!(first.wait, Duration::ZERO);
    assert!(first.reading.bytes_read <= 11 << 20, "{}", first.reading.bytes_read);
    let given = play.given();
    assert_eq!(given, (0..3_000).map(|number| number.to_string()).collect::<Vec<_>>().join(" "));
}

#[test]
fn a_backlog_of_many_processes_comes_in_steps_as_small() {
    let mut play = Play::new(Start::Now);
    assert_eq!(play.given(), "");
    // 24 MB by turns.
    let mut files = vec![String::new(); 24];
    for number in 0..3_000 {
        files[number as usize % 24].push_str(&numbered(number, 8_000));
    }
    for (slot, text) in (1..).zip(&files) {
        append(&play.path(&format!("events-2025-10-06.{slot}.jsonl")), text);
    }
    let first = play.poll();
    assert!(first.reading.bytes_read <= 15 << 20, "{}", first.reading.bytes_read);
    let given = play.given();
    assert_eq!(given, (0..3_000).map(|number| number.to_string()).collect::<Vec<_>>().join(" "));
}

#[test]
fn polls_are_far_apart_while_nothing_comes() {
    let mut play = Play::new(Start::Now);
    play.add(FIRST, 0..1);
    let waits: Vec<Duration> = (0..12).map(|_| play.poll().wait).collect();
    assert_eq!(waits.last(), Some(&WAIT_MAX));
    play.add(FIRST, 1..2);
    assert!(play.poll().wait <= WAIT_MIN);
    assert_eq!(play.given(), "1");
    // The end, before what was read is due.
    play.add(FIRST, 2..3);
    let _ = play.poll();
    let mut last = Vec::new();
    let given = play.follow.finish(&mut |line| {
        last.push(line.msg.clone().unwrap());
        ControlFlow::Continue(())
    });
    assert_eq!(given, 1);
    assert_eq!(last, ["2"]);
}

#[test]
fn a_single_day_file_is_followed_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let query = Query::new(vec![dir.path().join(FIRST), dir.path().join(FIRST)]);
    append(&dir.path().join(FIRST), &line(1));
    let mut play = Play::with(dir, query, Start::Tail(10));
    assert_eq!(play.given(), "1");
    play.add(FIRST, 2..3);
    play.add(SECOND, 3..4);
    play.seal(FIRST);
    assert_eq!(play.given(), "2");
}

#[test]
fn a_file_that_is_named_besides_its_directory_is_followed_once() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    fs::create_dir(&root).unwrap();
    let others = |number| line(number).replace("\"id\"", "\"no\"");
    append(&root.join(FIRST), &others(1));
    let spans = dir.path().join("spans-2025-10-06.jsonl");
    append(&spans, "");
    let link = dir.path().join("link");
    let mut named = vec![root.clone(), root.join(FIRST), root.join(SECOND), spans.clone()];
    if cfg!(unix) {
        #[cfg(unix)]
        std::os::unix::fs::symlink(&root, &link).unwrap();
        named.extend([link.clone(), link.join(FIRST)]);
    }
    let mut query = Query::new(named);
    query.signals = vec![crate::names::Signal::Events];
    let mut play = Play::with(dir, query, Start::Tail(5));
    assert_eq!(play.given(), "1");
    append(&root.join(FIRST), &others(2));
    append(&root.join(SECOND), &others(3));
    append(&spans, &others(4));
    assert_eq!(play.given(), "2 3");
}

#[test]
fn the_newest_lines_are_as_many_as_there_is_room_for() {
    let mut play = Play::new(Start::Tail(1_000));
    append(
        &play.path(FIRST),
        &(0..300).map(|number| numbered(number, 8 << 10)).collect::<String>(),
    );
    let given = play.given();
    assert!(given.ends_with(" 298 299") && given.split(' ').count() < 130, "{given}");
    assert!(play.reading.has_older);
    play.add(FIRST, 300..301);
    assert_eq!(play.given(), "300");
}

#[test]
fn lines_that_share_what_others_call_an_id_all_come() {
    let mut play = Play::new(Start::All);
    let about = |number: u32| line(number).replace(&format!("aaaaaaaa.1.{number}"), "request-1");
    append(&play.path(FIRST), &(about(0) + &about(1)));
    assert_eq!(play.given(), "0 1");
    append(&play.path(FIRST), &(about(2) + &about(3)));
    assert_eq!(play.given(), "2 3");
    assert_eq!(play.reading.duplicates, 0);
}

#[test]
fn what_was_there_is_gone_through_until_somebody_ends_it() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    for start in [Start::All, Start::Tail(1)] {
        let dir = tempfile::tempdir().unwrap();
        let mut query = Query::new(vec![dir.path().to_owned()]);
        query.evt = vec!["nothing.such".to_owned()];
        let mut play = Play::with(dir, query, start);
        // Some twenty blocks in each of two files.
        for name in [FIRST, "events-2025-10-07.jsonl"] {
            append(&play.path(name), &numbered(1, 4_000).repeat(1_300));
        }
        let asked = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&asked);
        play.follow = play.follow.until(move || counted.fetch_add(1, Ordering::Relaxed) >= 10);
        let progress = play.poll();
        assert!(progress.is_ended, "{start:?}");
        let bytes_read = progress.reading.bytes_read;
        assert!((1 << 20..4 << 20).contains(&bytes_read), "{start:?}: {bytes_read}");
    }
}

#[test]
fn whoever_takes_the_lines_may_break_off() {
    for start in [Start::All, Start::Tail(100), Start::Now] {
        let mut play = Play::new(start);
        play.add(FIRST, 0..100);
        let mut given = Vec::new();
        let mut poll = |play: &mut Play| {
            play.now += Duration::from_secs(1);
            let _ = play.follow.poll(play.now, &mut |line| {
                given.push(line.msg.clone().unwrap());
                ControlFlow::Break(())
            });
            given.len()
        };
        let is_now = start == Start::Now;
        assert_eq!(poll(&mut play), usize::from(!is_now), "{start:?}");
        play.add(FIRST, 100..103);
        let _ = poll(&mut play);
        assert_eq!(poll(&mut play), 2 - usize::from(is_now), "{start:?}");
        let mut rest = 0;
        let _ = play.follow.finish(&mut |_| {
            rest += 1;
            ControlFlow::Continue(())
        });
        assert_eq!(rest, 2, "what waited");
    }
}
