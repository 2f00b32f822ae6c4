//! Day files that become parts, as whoever seals one does it that finds another sealed file of its name.

use super::*;
use crate::names::DayFile;

fn others(number: u32) -> String {
    line(number).replace("\"id\"", "\"no\"")
}

fn of(numbers: std::ops::Range<u32>) -> String {
    numbers.map(others).collect()
}

/// A day file of these lines beside a sealed one of its name, both there before following began.
fn begun(numbers: std::ops::Range<u32>) -> Play {
    let mut play = Play::new(Start::Now);
    append(&play.path(FIRST), &of(50..53));
    play.seal(FIRST);
    append(&play.path(FIRST), &of(numbers));
    assert_eq!(play.given(), "");
    play
}

fn close(play: &mut Play) {
    let _ = play.follow.places[0].close_all();
}

#[test]
fn what_becomes_a_part_and_is_sealed_between_two_looks_is_not_read_again() {
    // Lines nobody has read, and whether its name is given to another file.
    for (unread, is_begun_anew) in [(0, false), (0, true), (2, false), (2, true)] {
        for is_closed in [false, true] {
            let case = format!("{unread} {is_begun_anew} {is_closed}");
            let mut play = begun(0..9);
            if is_closed {
                close(&mut play);
            }
            append(&play.path(FIRST), &of(10..10 + unread));
            fs::rename(play.path(FIRST), play.path(SECOND)).unwrap();
            play.seal(SECOND);
            let mut expect: Vec<String> = (10..10 + unread).map(|n| n.to_string()).collect();
            if is_begun_anew {
                append(&play.path(FIRST), &others(20));
                expect.push("20".to_owned());
            }
            assert_eq!(play.given(), expect.join(" "), "{case}");
            append(&play.path(FIRST), &others(21));
            assert_eq!(play.given(), "21", "{case}");
            assert_eq!(play.told(), [""; 0], "{case}");
            assert_eq!(play.reading.duplicates, 0, "{case}");
        }
    }
}

#[test]
fn what_was_read_to_its_end_and_comes_back_as_a_sealed_part_is_not_read_again() {
    for is_closed in [false, true] {
        let mut play = begun(0..9);
        if is_closed {
            close(&mut play);
        }
        fs::rename(play.path(FIRST), play.path("away")).unwrap();
        assert_eq!(play.given(), "", "{is_closed}");
        let sealed = play.path(&format!("{SECOND}.zst"));
        let _ = seal(&play.path("away"), &sealed, &SealOptions::default(), &mut || true).unwrap();
        assert_eq!(play.given(), "", "{is_closed}");
        assert_eq!(play.told(), [""; 0], "{is_closed}");
    }
}

#[test]
fn what_is_renamed_between_the_list_and_a_look_at_it_goes_on() {
    for is_closed in [false, true] {
        let mut play = begun(0..9);
        append(&play.path(FIRST), &others(10));
        assert_eq!(play.given(), "10");
        if is_closed {
            close(&mut play);
        }
        fs::rename(play.path(FIRST), play.path(SECOND)).unwrap();
        // The list has neither.
        let place = &mut play.follow.places[0];
        place.note_gone(&[], &Wanted::default(), &mut Told::default());
        let mut progress = Progress::default();
        let each = &mut |_: &Line| panic!("was given");
        let _ = play.follow.read(play.now, &mut progress, &mut Told::default(), each);
        append(&play.path(SECOND), &others(11));
        assert_eq!(play.given(), "11", "{is_closed}");
        assert_eq!(play.told(), [""; 0], "{is_closed}");
    }
}

#[test]
fn another_file_that_is_as_long_is_read() {
    // In the place of one, or as a part of its day.
    for name in [FIRST, SECOND] {
        for is_closed in [false, true] {
            for is_at_once in [false, true] {
                let case = format!("{name} {is_closed} {is_at_once}");
                let mut play = Play::new(Start::Now);
                append(&play.path(FIRST), &of(0..4));
                assert_eq!(play.given(), "", "{case}");
                if is_closed {
                    close(&mut play);
                }
                let length = fs::metadata(play.path(FIRST)).unwrap().len();
                fs::remove_file(play.path(FIRST)).unwrap();
                if !is_at_once {
                    assert_eq!(play.given(), "", "{case}");
                }
                append(&play.path(name), &of(4..8));
                assert_eq!(fs::metadata(play.path(name)).unwrap().len(), length);
                play.seal(name);
                assert_eq!(play.given(), "4 5 6 7", "{case}");
                assert_eq!(play.told(), [""; 0], "{case}");
            }
        }
    }
}

#[test]
fn a_file_that_was_empty_when_it_was_looked_at_is_read_once() {
    for name in [FIRST, SECOND] {
        for is_closed in [false, true] {
            let mut play = Play::new(Start::Now);
            append(&play.path(FIRST), "");
            assert_eq!(play.given(), "");
            if is_closed {
                close(&mut play);
            }
            append(&play.path(FIRST), &of(0..3));
            if name != FIRST {
                fs::rename(play.path(FIRST), play.path(name)).unwrap();
            }
            play.seal(name);
            assert_eq!(play.given(), "0 1 2", "{name} {is_closed}");
            assert_eq!(play.told(), [""; 0], "{name} {is_closed}");
        }
    }
}

#[test]
fn nothing_is_given_of_a_sealed_part_while_its_day_file_waits_for_a_descriptor() {
    let mut play = begun(0..9);
    close(&mut play);
    play.follow.places[0].open_files_max = 0;
    append(&play.path(FIRST), &others(10));
    fs::rename(play.path(FIRST), play.path(SECOND)).unwrap();
    play.seal(SECOND);
    let _ = play.poll();
    let _ = play.poll();
    assert_eq!(play.given, [""; 0]);
    play.follow.places[0].open_files_max = 8;
    assert_eq!(play.given(), "10");
    let part = DayFile::parse(SECOND).unwrap();
    assert!(play.follow.places[0].sealed.contains(&part));
    assert_eq!(play.told(), [""; 0]);
}
