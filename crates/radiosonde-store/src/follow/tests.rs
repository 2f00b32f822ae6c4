//! Whatever becomes of the files, each line comes once.

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
fn a_sealed_file_is_not_read_again_also_without_ids() {
    let mut play = Play::new(Start::Now);
    assert_eq!(play.given(), "");
    let without_id = line(1).replace("aaaaaaaa.1.", "").replace(",\"id\":\"1\"", "");
    assert!(!without_id.contains("\"id\""));
    append(&play.path(FIRST), &without_id);
    // Both forms are there for a while, as whoever seals has it.
    assert_eq!(play.given(), "1");
    let sealed = play.path(&format!("{FIRST}.zst"));
    let _ = seal(&play.path(FIRST), &sealed, &SealOptions::default(), &mut || true).unwrap();
    assert_eq!(play.given(), "");
    fs::remove_file(play.path(FIRST)).unwrap();
    assert_eq!(play.given(), "");
    // One that comes with other content under the name is another file.
    append(&play.path(SECOND), &without_id);
    assert_eq!(play.given(), "1", "an id would have told it");
}

#[test]
fn a_sealed_file_of_which_nothing_was_open_goes_on_where_the_day_file_was() {
    let mut play = Play::new(Start::Now);
    play.add(FIRST, 0..2);
    assert_eq!(play.given(), "");
    let without_id = |number| line(number).replace("\"id\"", "\"no\"");
    append(&play.path(FIRST), &without_id(2));
    assert_eq!(play.given(), "2");
    for place in &mut play.follow.places {
        place.close_all();
    }
    append(&play.path(FIRST), &without_id(3));
    play.seal(FIRST);
    assert_eq!(play.given(), "3");
    assert_eq!(play.told(), [""; 0]);
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
fn a_file_that_got_shorter_is_told_and_nothing_is_given_twice() {
    let mut play = Play::new(Start::Tail(1));
    play.follow.began = "2025-10-06T10:00:02.5Z".parse().unwrap();
    play.add(FIRST, 0..3);
    assert_eq!(play.given(), "2");
    play.add(FIRST, 3..6);
    assert_eq!(play.given(), "3 4 5");
    let length = fs::metadata(play.path(FIRST)).unwrap().len();
    let keep = play.path(FIRST);
    // In the middle of line 2.
    OpenOptions::new().write(true).open(&keep).unwrap().set_len(length / 2 - 9).unwrap();
    append(&keep, "\n");
    play.add(FIRST, 6..7);
    assert_eq!(play.given(), "6");
    let told = play.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with(&format!("{FIRST} {length} became shorter")), "{told:?}");
    // To nothing, as a log rotation of others does it.
    fs::write(&keep, "").unwrap();
    assert_eq!(play.given(), "");
    play.follow.began = Timestamp::now();
    play.add(FIRST, 7..9);
    assert_eq!(play.given(), "7 8", "however late they are");
    assert_eq!(play.told().len(), 1);
}

#[test]
fn a_file_that_is_written_anew_in_its_place_is_told_and_read_from_its_beginning() {
    let others = |number| line(number).replace("\"id\"", "\"no\"");
    // As long as before, longer, and as others rotate: copied, cut off, and written to again.
    for (old, new, expect) in
        [(0..3, 3..6, "3 4 5"), (0..3, 3..9, "3 4 5 6 7 8"), (0..3, 0..9, "3 4 5 6 7 8")]
    {
        for is_closed in [false, true] {
            let mut play = Play::new(Start::Tail(1));
            // Lines of the past, as far as they were there.
            play.follow.began = "2025-10-06T10:00:02.5Z".parse().unwrap();
            append(&play.path(FIRST), &old.clone().map(others).collect::<String>());
            assert_eq!(play.given(), "2");
            if is_closed {
                let _ = play.follow.places[0].close_all();
            }
            let text: String = new.clone().map(others).collect();
            let is_appended = old.start == new.start;
            wait_for_another_time(&play.path(FIRST));
            fs::write(play.path(FIRST), &text).unwrap();
            assert_eq!(play.given(), expect, "{new:?} {is_closed}");
            let told = play.told();
            assert_eq!(told.is_empty(), is_appended, "{told:?}");
            assert!(is_appended || told[0].contains("was written anew"), "{told:?}");
            append(&play.path(FIRST), &others(10));
            assert_eq!((play.given(), play.told()), ("10".to_owned(), vec![]), "said once");
        }
    }
}

/// Until what is written gets another time than the file has.
fn wait_for_another_time(path: &Path) {
    let changed = || fs::metadata(path).unwrap().modified().unwrap();
    let before = changed();
    let probe = path.with_extension("probe");
    loop {
        fs::write(&probe, "").unwrap();
        if fs::metadata(&probe).unwrap().modified().unwrap() > before {
            break;
        }
    }
    fs::remove_file(probe).unwrap();
}

#[test]
fn a_file_that_is_sealed_between_the_list_and_a_look_at_it_is_not_read_again() {
    for is_closed in [false, true] {
        let mut play = Play::new(Start::Now);
        play.add(FIRST, 0..3);
        play.add(SECOND, 3..5);
        assert_eq!(play.given(), "");
        if is_closed {
            let _ = play.follow.places[0].close_all();
        }
        play.seal(FIRST);
        // The list has neither.
        let place = &mut play.follow.places[0];
        let plain = place.dir.join(SECOND).symlink_metadata().unwrap();
        let plain = [(crate::names::DayFile::parse(SECOND).unwrap(), plain)];
        place.note_gone(&plain, &Wanted::default(), &mut Told::default());
        let mut progress = Progress::default();
        let each = &mut |_: &Line| panic!("was there before");
        let _ = play.follow.read(play.now, &mut progress, &mut Told::default(), each);
        assert_eq!(play.given(), "", "{is_closed}");
        assert_eq!(play.told(), [""; 0]);
    }
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
fn long_lines_and_lines_that_are_none_are_passed_and_counted() {
    let mut play = Play::new(Start::Now);
    play.add(FIRST, 0..1);
    assert_eq!(play.given(), "");
    let long = numbered(1, 10 << 20);
    // In two steps, with a poll between them.
    append(&play.path(FIRST), &long[..6 << 20]);
    assert_eq!(play.given(), "");
    append(&play.path(FIRST), &long[6 << 20..]);
    append(&play.path(FIRST), "{\"no\":\"line\"}\n\n");
    append(&play.path(FIRST), &line(2));
    assert_eq!(play.given(), "1 2");
    assert_eq!((play.reading.skipped, play.reading.skips.len()), (1, 1));
    let offset = (line(0).len() + long.len()) as u64;
    assert_eq!(play.reading.skips[0].offset, offset);
    // Longer than any line, in steps as well.
    let overlong = "y".repeat(17 << 20);
    append(&play.path(FIRST), &overlong);
    assert_eq!(play.given(), "");
    append(&play.path(FIRST), &(overlong + "\n" + &line(3)));
    assert_eq!(play.given(), "3");
    assert_eq!(play.reading.skipped, 2);
    assert!(play.reading.skips[1].reason.contains("16 MiB"));
}

/// What each poll reads of a file that grew by so many bytes without a line break, and the lines in the end.
fn without_an_end(content: &[u8], length: u64) -> (u64, String) {
    let mut play = Play::new(Start::Now);
    play.add(FIRST, 0..1);
    assert_eq!(play.given(), "");
    let mut file = OpenOptions::new().append(true).open(play.path(FIRST)).unwrap();
    file.write_all(content).unwrap();
    file.set_len(line(0).len() as u64 + length).unwrap();
    let (mut bytes_read, mut skipped, mut polls) = (0, 0, 0);
    while bytes_read < length - LINE_BYTES_MAX as u64 {
        let progress = play.poll();
        // A line within bounds may have been read before it turned out to be none.
        let most = if polls == 0 { 26 << 20 } else { 18 << 20 };
        assert!(progress.reading.bytes_read < most, "{:?}", progress.reading);
        bytes_read += progress.reading.bytes_read;
        skipped += progress.reading.skipped;
        polls += 1;
        assert!(polls < 100);
    }
    assert!(polls > 2, "{polls}");
    if !content.is_empty() {
        append(&play.path(FIRST), "\n");
    }
    play.add(FIRST, 1..2);
    let given = play.given();
    assert_eq!(play.told(), [""; 0]);
    (skipped + play.reading.skipped, given)
}

#[test]
fn a_line_without_an_end_is_told_and_passed_in_bounded_steps() {
    let (skipped, given) = without_an_end(&vec![b'y'; 17 << 20], 60 << 20);
    assert_eq!((skipped, given.as_str()), (1, "1"));
}

#[test]
fn nuls_in_front_of_a_line_are_passed_however_many() {
    // They are told, as in a query.
    assert_eq!(without_an_end(b"", 60 << 20), (1, "1".to_owned()));
}

#[cfg(unix)]
#[test]
fn what_cannot_be_read_is_told_once_and_holds_nothing_up() {
    let mut play = Play::new(Start::Now);
    assert_eq!(play.given(), "");
    std::os::unix::fs::symlink("/dev/null", play.path(FIRST)).unwrap();
    fs::create_dir(play.path("events-2025-10-08.jsonl")).unwrap();
    play.add("events-2025-10-07.jsonl", 1..2);
    assert_eq!(play.given(), "1");
    play.add("events-2025-10-07.jsonl", 2..3);
    assert_eq!(play.given(), "2");
    let told = play.told();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("symbolic link") && told[1].contains("directory"), "{told:?}");
    fs::remove_file(play.path(FIRST)).unwrap();
    play.add(FIRST, 3..4);
    assert_eq!(play.given(), "3");
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
fn what_is_there_compressed_is_given_whatever_stands_beside_it() {
    let day = "events-2025-10-05.jsonl";
    for begun in [None, Some(""), Some(&line(1)[..20]), Some(line(1).as_str())] {
        let mut play = Play::new(Start::Tail(9));
        play.add(day, 0..1);
        play.seal(day);
        let mut expect = vec!["0"];
        if let Some(text) = begun {
            append(&play.path(day), text);
            expect.extend(text.ends_with('\n').then_some("1"));
        }
        play.add(FIRST, 2..3);
        expect.push("2");
        assert_eq!(play.given(), expect.join(" "), "{begun:?}");
        assert_eq!(play.told(), [""; 0]);
    }
}

#[cfg(feature = "gzip")]
#[test]
fn what_others_compressed_is_given_once() {
    use crate::fuzzing::{Packing, pack};

    let name = "events-2025-10-05.jsonl";
    for (start, single) in [(Start::All, false), (Start::Tail(9), false), (Start::All, true)] {
        let dir = tempfile::tempdir().unwrap();
        let packed = dir.path().join(format!("{name}.gz"));
        let text = line(0) + &line(1);
        fs::write(&packed, pack(text.as_bytes(), Packing::Gzip, true)).unwrap();
        let place = if single { packed } else { dir.path().to_owned() };
        let mut play = Play::with(dir, Query::new(vec![place]), start);
        assert_eq!(play.given(), "0 1", "{start:?}, {single}");
        play.add(name, 2..3);
        assert_eq!(play.given(), "2", "the day is begun anew");
        assert_eq!(play.told(), [""; 0]);
    }
}

#[cfg(feature = "gzip")]
#[test]
fn what_others_compress_meanwhile_is_given_once() {
    use crate::fuzzing::{Packing, pack};

    let others = |number| line(number).replace("\"id\"", "\"no\"");
    let text = |numbers: std::ops::Range<u32>| numbers.map(others).collect::<String>();
    let gzip = |text: &str| pack(text.as_bytes(), Packing::Gzip, true);
    let packed = |play: &Play, name: &str| play.path(&format!("{name}.gz"));
    for is_closed in [false, true] {
        let mut play = Play::new(Start::Now);
        append(&play.path(FIRST), &text(0..3));
        append(&play.path("events-2025-10-05.jsonl"), &text(3..5));
        assert_eq!(play.given(), "", "was there before");
        append(&play.path(FIRST), &text(5..7));
        assert_eq!(play.settled(), "5 6");
        // Beside its day file, before it is whole, and when that is gone; with lines nobody has read.
        append(&play.path(FIRST), &text(7..8));
        if is_closed {
            let _ = play.follow.places[0].close_all();
        }
        let whole = gzip(&(text(0..3) + &text(5..8)));
        fs::write(packed(&play, FIRST), &whole[..whole.len() / 2]).unwrap();
        if !is_closed {
            assert_eq!(play.settled(), "7");
        }
        fs::write(packed(&play, FIRST), &whole).unwrap();
        fs::remove_file(play.path(FIRST)).unwrap();
        let expect = if is_closed { "7" } else { "" };
        assert_eq!(play.settled(), expect, "{is_closed}");
        // One of which all was there before.
        let name = "events-2025-10-05.jsonl";
        fs::write(packed(&play, name), gzip(&text(3..5))).unwrap();
        fs::remove_file(play.path(name)).unwrap();
        assert_eq!(play.settled(), "");
        // One that somebody brings, in two steps, and a day that is begun anew.
        let name = "events-2025-10-07.jsonl";
        let whole = gzip(&text(10..40));
        fs::write(packed(&play, name), &whole[..whole.len() / 2]).unwrap();
        let _ = play.poll();
        fs::write(packed(&play, name), &whole).unwrap();
        append(&play.path(FIRST), &text(8..9));
        let all = (10..40).map(|number| format!(" {number}")).collect::<String>();
        assert_eq!(play.settled(), format!("8{all}"));
        assert_eq!(play.told(), [""; 0]);
        // A copy stays one, whatever comes to its day file and becomes of it.
        fs::write(packed(&play, "events-2025-10-08.jsonl"), gzip(&text(50..51))).unwrap();
        append(&play.path("events-2025-10-08.jsonl"), &text(50..52));
        assert_eq!(play.settled(), "50 51");
        append(&play.path("events-2025-10-08.jsonl"), &text(52..53));
        assert_eq!(play.settled(), "52");
        fs::remove_file(play.path("events-2025-10-08.jsonl")).unwrap();
        assert_eq!(play.settled(), "");
        // A sealed one that is compressed in another way.
        play.add(SECOND, 60..62);
        assert_eq!(play.settled(), "60 61");
        play.seal(SECOND);
        assert_eq!(play.settled(), "");
        fs::write(packed(&play, SECOND), gzip(&(line(60) + &line(61)))).unwrap();
        fs::remove_file(play.path(&format!("{SECOND}.zst"))).unwrap();
        assert_eq!((play.settled(), play.told()), (String::new(), vec![]));
        assert_eq!(play.reading.duplicates, 0, "not read again");
    }
}

#[cfg(feature = "gzip")]
#[test]
fn what_others_compressed_and_cut_is_told_and_goes_on_when_the_rest_comes() {
    use crate::fuzzing::{Packing, pack};

    let mut play = Play::new(Start::Now);
    assert_eq!(play.settled(), "");
    let text: String = (0..40).map(|number| numbered(number, 100)).collect();
    let whole = pack(text.as_bytes(), Packing::Gzip, true);
    let path = play.path(&format!("{FIRST}.gz"));
    fs::write(&path, &whole[..whole.len() - 20]).unwrap();
    let first = play.settled();
    let told = play.told();
    assert_eq!(told.len(), 1, "{told:?}");
    fs::write(&path, &whole).unwrap();
    play.now += Duration::from_secs(10);
    let rest = play.settled();
    let all = format!("{first} {rest}");
    assert_eq!(all.trim(), (0..40).map(|n| n.to_string()).collect::<Vec<_>>().join(" "));
    assert_eq!(play.told(), [""; 0]);
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
