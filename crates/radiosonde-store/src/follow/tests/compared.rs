//! Long files that may be copies of one another, while other lines come.

use super::*;
use crate::follow::compare::POLL_BYTES;

/// Lines without ids of ours, of 4 KB each.
fn long(numbers: std::ops::Range<u32>) -> String {
    numbers.map(|number| numbered(number, 4_000).replace("\"id\"", "\"no\"")).collect()
}

fn all(numbers: std::ops::Range<u32>) -> String {
    numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(" ")
}

/// Of a text that one poll does not compare.
const MANY: u32 = 800;
const OTHER: &str = "events-2025-10-06.7.jsonl";

impl Play {
    fn is_comparing(&self) -> bool {
        self.follow.places[0].comparisons.is_going_on()
    }

    /// Seals a file that stays, or becomes another one's copy.
    fn seal_beside(&self, text: &str, name: &str) {
        let source = self.path("source");
        fs::write(&source, text).unwrap();
        let sealed = self.path(&format!("{name}.zst"));
        let _ = seal(&source, &sealed, &SealOptions::default(), &mut || true).unwrap();
        fs::remove_file(source).unwrap();
    }

    /// Polls for as long as files are compared, and appends a line before each. How many that were; each
    /// has to come within two polls.
    fn append_while_comparing(&mut self, first: u32) -> u32 {
        let mut appended = 0;
        while appended == 0 || self.is_comparing() {
            self.add(OTHER, first + appended..first + appended + 1);
            appended += 1;
            let progress = self.poll();
            assert!(progress.wait.is_zero() || !self.is_comparing(), "goes on at once");
            self.reading.merge(progress.reading);
            let given = self.given.len() as u32;
            assert!(given + 1 >= appended, "{given} of {appended}");
        }
        appended
    }
}

#[test]
fn a_sealed_file_is_compared_with_its_day_file_while_lines_come() {
    let text = long(0..MANY);
    assert!(text.len() as u64 > 2 * POLL_BYTES);
    let mut play = Play::new(Start::Now);
    append(&play.path(FIRST), &text);
    assert_eq!(play.given(), "");
    play.seal_beside(&text, FIRST);
    let polls = play.append_while_comparing(5_000);
    assert!(u64::from(polls) > text.len() as u64 / POLL_BYTES, "{polls}");
    assert_eq!(play.given(), all(5_000..5_000 + polls), "in one poll no more than so much");
    // Known now, and not compared again.
    append(&play.path(FIRST), &long(MANY..MANY + 1));
    assert_eq!(play.poll().wait, WAIT_MIN);
    assert_eq!(play.given(), MANY.to_string());
    assert_eq!(play.told(), [""; 0]);
}

#[test]
fn what_is_compared_may_go_meanwhile() {
    let (text, other) = (long(0..MANY), long(MANY..2 * MANY));
    for is_closed in [false, true] {
        // The day file, as by whoever sealed it, the sealed one, or both.
        for (plain_goes, sealed_goes) in [(true, false), (false, true), (true, true)] {
            let case = format!("{is_closed} {plain_goes} {sealed_goes}");
            let mut play = Play::new(Start::Now);
            append(&play.path(FIRST), &text);
            // One that waits for the other comparison.
            append(&play.path(SECOND), &other);
            assert_eq!(play.given(), "", "{case}");
            play.seal_beside(&text, FIRST);
            play.seal_beside(&other, SECOND);
            let _ = play.poll();
            assert!(play.is_comparing(), "{case}");
            if is_closed {
                let _ = play.follow.places[0].close_all();
            }
            if plain_goes {
                fs::remove_file(play.path(FIRST)).unwrap();
            }
            if sealed_goes {
                fs::remove_file(play.path(&format!("{FIRST}.zst"))).unwrap();
            }
            append(&play.path(SECOND), &long(6_000..6_002));
            assert_eq!(play.given(), "6000 6001", "{case}");
            assert!(!play.is_comparing(), "{case}");
            assert_eq!(play.told(), [""; 0], "{case}");
            let part = crate::names::DayFile::parse(SECOND).unwrap();
            assert!(play.follow.places[0].doubled.contains_key(&part), "{case}");
        }
    }
}

#[test]
fn a_long_sealed_file_that_is_none_of_its_day_file_comes_once_when_that_is_known() {
    // They differ at their ends alone.
    let (text, other) = (long(0..MANY), long(0..MANY - 1) + &long(MANY..MANY + 1));
    assert_eq!(text.len(), other.len());
    let mut play = Play::new(Start::Now);
    append(&play.path(FIRST), &text);
    assert_eq!(play.given(), "");
    play.seal_beside(&other, FIRST);
    let _ = play.poll();
    assert!(play.is_comparing());
    assert_eq!(play.given, [""; 0]);
    // Better twice than none.
    assert_eq!(play.given(), all(0..MANY - 1) + &format!(" {MANY}"));
    append(&play.path(FIRST), &long(1..2));
    assert_eq!(play.given(), "1");
    assert_eq!(play.told(), [""; 0]);
}

#[cfg(feature = "gzip")]
#[test]
fn what_others_compressed_is_compared_with_the_sealed_file_while_lines_come() {
    use crate::fuzzing::{Packing, pack};

    let text = long(0..MANY);
    for is_other in [false, true] {
        let mut play = Play::new(Start::Now);
        play.seal_beside(&text, FIRST);
        assert_eq!(play.given(), "");
        let mut theirs = text.clone().into_bytes();
        if is_other {
            theirs.extend_from_slice(long(MANY..MANY + 1).as_bytes());
        }
        fs::write(play.path(&format!("{FIRST}.gz")), pack(&theirs, Packing::Gzip, true)).unwrap();
        // Until it has not changed for a while.
        let _ = play.poll();
        let _ = play.poll();
        assert!(play.is_comparing(), "{is_other}");
        let read = play.reading.bytes_read;
        if is_other {
            assert_eq!(play.given(), all(0..MANY + 1));
        } else {
            let polls = play.append_while_comparing(5_000);
            assert!(u64::from(polls) >= text.len() as u64 / POLL_BYTES, "{polls}");
            assert_eq!(play.given(), all(5_000..5_000 + polls));
            assert!(play.reading.bytes_read - read < POLL_BYTES, "nothing of it was read");
        }
        assert_eq!(play.told(), [""; 0]);
    }
}

#[test]
fn two_directories_are_compared_one_after_the_other() {
    let text = long(0..MANY);
    let root = tempfile::tempdir().unwrap();
    let dirs = ["a", "b"].map(|name| root.path().join(name));
    for dir in &dirs {
        fs::create_dir(dir).unwrap();
        append(&dir.join(FIRST), &text);
    }
    let mut play = Play::with(root, Query::new(dirs.to_vec()), Start::Now);
    assert_eq!(play.given(), "");
    for dir in &dirs {
        let sealed = dir.join(format!("{FIRST}.zst"));
        let _ = seal(&dir.join(FIRST), &sealed, &SealOptions::default(), &mut || true).unwrap();
    }
    let mut polls = 0;
    while polls == 0 || play.follow.places.iter().any(|place| place.comparisons.is_going_on()) {
        polls += 1;
        assert!(play.poll().reading.bytes_read == 0);
    }
    assert!(polls > 2 * text.len() as u64 / POLL_BYTES, "{polls}");
    assert_eq!((play.given(), play.told()), (String::new(), vec![]));
}
