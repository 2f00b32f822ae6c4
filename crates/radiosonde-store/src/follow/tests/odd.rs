//! Files that are cut or written anew, and what is no line.

use super::*;

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

#[test]
fn a_copy_in_the_place_of_a_file_goes_on_where_that_was_read_to() {
    let others = |number| line(number).replace("\"id\"", "\"no\"");
    let of = |numbers: std::ops::Range<u32>| numbers.map(others).collect::<String>();
    for is_closed in [false, true] {
        for begins in [Start::All, Start::Now] {
            let mut play = Play::new(begins);
            let is_all = begins == Start::All;
            append(&play.path(FIRST), &of(0..2));
            assert_eq!(play.given(), if is_all { "0 1" } else { "" });
            append(&play.path(FIRST), &of(2..4));
            assert_eq!(play.given(), "2 3");
            let replace = |play: &mut Play, text: &str| {
                if is_closed {
                    let _ = play.follow.places[0].close_all();
                }
                let copy = play.path("copy");
                fs::write(&copy, text).unwrap();
                fs::rename(copy, play.path(FIRST)).unwrap();
                play.given()
            };
            let case = format!("{is_closed} {begins:?}");
            assert_eq!(replace(&mut play, &of(0..4)), "", "{case}");
            append(&play.path(FIRST), &of(4..5));
            assert_eq!(play.given(), "4", "{case}");
            assert_eq!(replace(&mut play, &of(0..7)), "5 6", "{case}");
            // With lines that were in the other one as well, and nobody had read.
            append(&play.path(FIRST), &of(7..8));
            assert_eq!(replace(&mut play, &of(0..9)), "7 8", "{case}");
            assert_eq!(play.told(), [""; 0], "{case}");
            // What is none is read from its beginning.
            assert_eq!(replace(&mut play, &of(20..22)), "20 21", "{case}");
            assert_eq!(replace(&mut play, &of(20..21)), "20", "{case}");
            assert_eq!(play.told(), [""; 0], "{case}");
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
