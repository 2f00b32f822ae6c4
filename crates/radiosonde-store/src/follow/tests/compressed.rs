//! Files that are sealed, and files that others compress.

use super::*;

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
fn a_sealed_file_beside_another_day_file_of_its_name_is_read() {
    let others = |number| line(number).replace("\"id\"", "\"no\"");
    let sealed = format!("{FIRST}.zst");
    // At once, one look later, and where the one it was sealed of had been seen.
    for (begun_first, seen) in [(false, 0), (true, 0), (false, 2)] {
        for is_closed in [false, true] {
            let case = format!("{begun_first} {seen} {is_closed}");
            let mut play = Play::new(Start::Now);
            assert_eq!(play.given(), "", "{case}");
            let away = tempfile::tempdir().unwrap();
            let dir = if begun_first { away.path() } else { play.dir.path() }.to_owned();
            let of = |numbers: std::ops::Range<u32>| numbers.map(others).collect::<String>();
            append(&dir.join(FIRST), &of(0..seen));
            let before = play.given();
            if is_closed {
                let _ = play.follow.places[0].close_all();
            }
            append(&dir.join(FIRST), &of(seen..4));
            let made = dir.join(&sealed);
            let _ = seal(&dir.join(FIRST), &made, &SealOptions::default(), &mut || true).unwrap();
            fs::remove_file(dir.join(FIRST)).unwrap();
            append(&play.path(FIRST), &others(8));
            let mut all = before;
            if begun_first {
                all = play.given();
                fs::rename(made, play.path(&sealed)).unwrap();
            }
            all = format!("{all} {}", play.given());
            let expect = if begun_first { "8 0 1 2 3" } else { "0 1 2 3 8" };
            assert_eq!(all.trim(), expect, "{case}");
            append(&play.path(FIRST), &others(9));
            assert_eq!(play.given(), "9", "{case}");
            assert_eq!(play.told(), [""; 0], "{case}");
        }
    }
}

#[test]
fn a_sealed_file_that_is_the_beginning_of_its_day_file_is_not_read_beside_it() {
    let others = |number| line(number).replace("\"id\"", "\"no\"");
    let mut play = Play::new(Start::Now);
    assert_eq!(play.given(), "");
    append(&play.path(FIRST), &(others(0) + &others(1)));
    let sealed = play.path(&format!("{FIRST}.zst"));
    let _ = seal(&play.path(FIRST), &sealed, &SealOptions::default(), &mut || true).unwrap();
    append(&play.path(FIRST), &others(2));
    assert_eq!(play.given(), "0 1 2");
    append(&play.path(FIRST), &others(3));
    assert_eq!(play.given(), "3");
    // Sealed once more, with lines nobody has read.
    append(&play.path(FIRST), &others(4));
    let _ = play.follow.places[0].close_all();
    fs::remove_file(&sealed).unwrap();
    play.seal(FIRST);
    assert_eq!((play.given(), play.told()), ("4".to_owned(), vec![]));
}

#[cfg(feature = "gzip")]
#[test]
fn what_others_compress_by_zstd_goes_on_where_the_day_file_was() {
    use crate::fuzzing::{Packing, pack};

    let others = |number| line(number).replace("\"id\"", "\"no\"");
    for is_closed in [false, true] {
        for unread in [0, 2] {
            let case = format!("{is_closed} {unread}");
            let mut play = Play::new(Start::Now);
            let mut text: String = (0..3).map(others).collect();
            append(&play.path(FIRST), &text);
            assert_eq!(play.given(), "", "{case}");
            if is_closed {
                let _ = play.follow.places[0].close_all();
            }
            // Written and compressed between two looks; how much it holds tells nobody.
            let rest: String = (3..3 + unread).map(others).collect();
            append(&play.path(FIRST), &rest);
            text += &rest;
            let packed = play.path(&format!("{FIRST}.zst"));
            fs::write(packed, pack(text.as_bytes(), Packing::Zstd, true)).unwrap();
            fs::remove_file(play.path(FIRST)).unwrap();
            let expect = if unread > 0 { "3 4" } else { "" };
            assert_eq!(play.given(), expect, "{case}");
            assert_eq!(play.told(), [""; 0], "{case}");
        }
    }
}
