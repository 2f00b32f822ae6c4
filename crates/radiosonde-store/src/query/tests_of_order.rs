//! Files that change while they are merged, lines that have to wait, and what is told of them.

use super::*;
use crate::query::limits::Limits;
use crate::sealed::{SealOptions, seal};

const ONE: &str = "events-2025-10-06.jsonl";
const TWO: &str = "events-2025-10-07.jsonl";

/// Nothing is taken early, and every line is a stretch of its own.
fn small(dir: &tempfile::TempDir) -> Limits {
    let temporary = dir.path().to_owned();
    Limits { early_bytes: 0, piece_bytes: 1, stretch_bytes: 1, temporary, ..Limits::default() }
}

fn lines(numbers: impl IntoIterator<Item = u32>) -> String {
    numbers.into_iter().map(|n| line(n, "j", "") + "\n").collect()
}

/// What a stream gives while `change` is done to the directory at the first line.
fn changed(dir: &tempfile::TempDir, change: impl Fn(&Path)) -> (Vec<String>, Reading) {
    let mut found = Vec::new();
    let mut query = query(dir);
    query.job = Some("j".to_owned());
    let reading = query.stream_within(&small(dir), &mut |line| {
        if found.is_empty() {
            change(dir.path());
        }
        found.extend(line.msg.clone());
        ControlFlow::Continue(())
    });
    (found, reading)
}

#[test]
fn a_file_that_is_sealed_while_it_is_merged_is_read_from_its_sealed_form() {
    let dir = dir(&[(ONE, lines([1, 3, 5, 7]).as_bytes()), (TWO, lines([2, 4]).as_bytes())]);
    let (found, reading) = changed(&dir, |dir| {
        for name in [ONE, TWO] {
            let sealed = dir.join(format!("{name}.zst"));
            let _ = seal(&dir.join(name), &sealed, &SealOptions::default(), &mut || true).unwrap();
            fs::remove_file(dir.join(name)).unwrap();
        }
    });
    assert_eq!(found, ["m1", "m2", "m3", "m4", "m5", "m7"]);
    assert!(!reading.is_partial(), "{reading:?}");
}

#[test]
fn a_file_that_becomes_a_part_while_it_is_merged_is_read_where_it_is_then() {
    let seal_to = |plain: &Path, sealed: &Path| {
        let _ = seal(plain, sealed, &SealOptions::default(), &mut || true).unwrap();
        fs::remove_file(plain).unwrap();
    };
    type Move = fn(&Path, &Path, &dyn Fn(&Path, &Path));
    let moves: [Move; 3] = [
        |plain, part, _| fs::rename(plain, part).unwrap(),
        |plain, part, seal_to| seal_to(plain, &part.with_extension("jsonl.zst")),
        // And begun anew by the time it is read.
        |plain, part, seal_to| {
            seal_to(plain, &part.with_extension("jsonl.zst"));
            fs::write(plain, lines([9])).unwrap();
        },
    ];
    for (number, act) in moves.into_iter().enumerate() {
        let dir = dir(&[(ONE, lines([1, 3]).as_bytes()), (TWO, lines([6, 7, 8]).as_bytes())]);
        // There is a sealed file of its name, which holds something else, and a part before.
        let (plain, sealed) = (dir.path().join(TWO), dir.path().join(format!("{TWO}.zst")));
        seal_to(&plain, &sealed);
        fs::write(dir.path().join("events-2025-10-07.0.1.jsonl"), lines([5])).unwrap();
        fs::write(&plain, lines([2, 4])).unwrap();
        let part = dir.path().join("events-2025-10-07.0.2.jsonl");
        let (found, reading) = changed(&dir, |_| act(&plain, &part, &seal_to));
        let all = ["m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8"];
        assert_eq!(found, all, "{number}");
        assert!(!reading.is_partial(), "{number}: {reading:?}");
    }
}

#[test]
fn a_file_that_is_sealed_and_damaged_while_it_is_merged_is_read_but_for_that() {
    let dir = dir(&[(ONE, lines([1]).as_bytes()), (TWO, lines(2..9).as_bytes())]);
    let (plain, sealed) = (dir.path().join(TWO), dir.path().join(format!("{TWO}.zst")));
    let (found, reading) = changed(&dir, |_| {
        // A frame for each line.
        let _ = crate::fuzzing::seal_in_frames(&plain, &sealed, 10).unwrap();
        fs::remove_file(&plain).unwrap();
        let mut bytes = fs::read(&sealed).unwrap();
        bytes[40] ^= 1;
        fs::write(&sealed, bytes).unwrap();
    });
    assert_eq!(found, ["m1", "m3", "m4", "m5", "m6", "m7", "m8"]);
    assert_eq!(reading.unreadable.len(), 1, "{reading:?}");
    let told = &reading.unreadable[0];
    assert_eq!((&told.path, told.offset), (&plain, 0));
    assert!(told.error.to_string().contains("frame 0"), "{told:?}");
}

#[test]
fn of_a_file_that_is_removed_nothing_of_another_comes_instead() {
    let of = |file: &str, numbers: &[u32]| {
        let lines = lines(numbers.iter().copied()).replace("\"id\"", "\"no\"");
        lines.replace("\"msg\":\"", &format!("\"msg\":\"{file}-"))
    };
    let (one, two) = (of("one", &[1, 2]), of("two", &[2]));
    let dir = dir(&[(ONE, one.as_bytes()), (TWO, two.as_bytes())]);
    let (found, reading) = changed(&dir, |dir| fs::remove_file(dir.join(TWO)).unwrap());
    assert_eq!((found.join(" ").as_str(), reading.unreadable.len()), ("one-m1 one-m2", 1));
}

#[test]
fn a_file_that_is_removed_cut_off_or_overwritten_while_it_is_merged_is_told_with_its_place() {
    let text = lines([2, 4]);
    let size = text.len() as u64 / 2;
    let later = lines([8, 9]);
    type Change = fn(&Path, &str);
    let cases: [(Change, &[&str], u64, &str); 5] = [
        (|file, _| fs::remove_file(file).unwrap(), &["m1", "m3"], 0, "No such file"),
        (|file, _| fs::write(file, "").unwrap(), &["m1", "m3"], 0, "cut off"),
        (
            |file, text| fs::write(file, &text[..text.len() - 9]).unwrap(),
            &["m1", "m2", "m3"],
            2 * size - 9,
            "cut off",
        ),
        // As long as it was, and of the same times: what is there now is given out, and what was
        // there is not.
        (
            |file, text| fs::write(file, text.replace("m4", "mx")).unwrap(),
            &["m1", "m2", "m3", "mx"],
            size,
            "changed",
        ),
        (
            |file, text| {
                let job = text.replace(r#""job_id":"j""#, r#""job_id":"x""#);
                fs::rename(file, file.with_extension("old")).unwrap();
                fs::write(file, job).unwrap();
            },
            &["m1", "m3"],
            0,
            "changed",
        ),
    ];
    for (number, (change, expect, offset, reason)) in cases.into_iter().enumerate() {
        let dir = dir(&[(ONE, lines([1, 3]).as_bytes()), (TWO, text.as_bytes())]);
        let (found, reading) = changed(&dir, |dir| change(&dir.join(TWO), &text));
        assert_eq!(found, expect, "case {number}");
        assert_eq!(reading.unreadable.len(), 1, "case {number}: {reading:?}");
        let told = &reading.unreadable[0];
        assert_eq!((&told.path, told.offset), (&dir.path().join(TWO), offset), "case {number}");
        assert!(told.error.to_string().contains(reason), "case {number}: {told:?}");
    }
    // Lines of other times would come where their turn may be over.
    let dir = dir(&[(ONE, lines([1, 3]).as_bytes()), (TWO, text.as_bytes())]);
    let (found, reading) = changed(&dir, |dir| fs::write(dir.join(TWO), &later).unwrap());
    assert_eq!(found, ["m1", "m3"]);
    assert_eq!(reading.unreadable.len(), 1);
    assert!(reading.unreadable[0].error.to_string().contains("changed"), "{reading:?}");
}

#[test]
fn the_first_lines_come_before_the_later_stretches_are_read() {
    let dir = dir(&[(ONE, lines(0..100).as_bytes()), (TWO, lines(100..200).as_bytes())]);
    for name in [ONE, TWO] {
        let options = SealOptions::default();
        let manner =
            crate::sealed::Manner { frame_bytes: 700, ..crate::sealed::Manner::of(&options) };
        let (plain, sealed) = (dir.path().join(name), dir.path().join(format!("{name}.zst")));
        let _ = crate::sealed::seal_in(&plain, &sealed, &manner, &mut |_| true).unwrap();
        fs::remove_file(plain).unwrap();
    }
    let mut seen = 0;
    let reading = query(&dir).stream(&mut |_| {
        seen += 1;
        if seen == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let frames = reading.frames_read + reading.frames_skipped;
    assert!(reading.frames_read <= 3 && frames >= 40, "{reading:?}");
    assert_eq!(reading.files_skipped, 1);
    let nothing = Query { job: Some("none".to_owned()), ..query(&dir) }.run().reading;
    assert_eq!((nothing.frames_read, nothing.frames_skipped), (0, frames));
    let all = nothing.bytes_skipped;
    for tail in [false, true] {
        let query = Query { limit: Some(5), tail, ..query(&dir) };
        let answer = query.run();
        let first = if tail { 195 } else { 0 };
        let expect: Vec<String> = (first..first + 5).map(|n| format!("m{n}")).collect();
        assert_eq!(messages(&answer.lines), expect, "{tail}");
        let reading = answer.reading;
        assert!(reading.frames_read <= 4 && reading.lines_parsed <= 30, "{tail}: {reading:?}");
        assert_eq!(reading.frames_read + reading.frames_skipped, frames, "{tail}");
        let skipped = reading.bytes_skipped;
        assert!((all / 5 * 4..all).contains(&skipped), "{tail}: {skipped} of {all}");
        assert_eq!((reading.files_read, reading.files_skipped), (2, 1), "{tail}");
    }
}

#[test]
fn the_newest_lines_of_a_day_file_are_found_without_taking_the_others_apart() {
    let dir = dir(&[(ONE, lines(0..2_000).as_bytes())]);
    let query = Query { limit: Some(3), tail: true, ..query(&dir) };
    let limits = Limits { piece_bytes: 400, stretch_bytes: 1_000, ..Limits::default() };
    let answer = query.run_within(&limits);
    assert_eq!(messages(&answer.lines), ["m1997", "m1998", "m1999"]);
    assert!(answer.reading.lines_parsed <= 20, "{:?}", answer.reading);
    assert_eq!(answer.reading.matched, 4, "one more than the limit");
}

#[test]
fn what_is_no_line_is_told_once_wherever_that_is_noticed() {
    let ts = r#"{"ts":"2025-10-06T10:00:01.000000Z""#;
    let texts = [
        format!("{ts},\"evt\":\"log\",\"meta\":{{\"a\":nope}}}}"),
        format!("{ts},\"evt\":\"log\",\"evt\":\"log\",\"id\":\"aaaaaaaa.1.1\"}}"),
        format!("{ts},\"evt\":\"lo"),
        "rubbish".to_owned(),
        r#"{"evt":"log"}"#.to_owned(),
        line(2, "j", ""),
    ];
    let dir = dir(&[(ONE, (texts.join("\n") + "\n").as_bytes())]);
    for limits in [Limits::default(), small(&dir), Limits { early_bytes: 0, ..small(&dir) }] {
        let mut found = 0;
        let reading = query(&dir).stream_within(&limits, &mut |_| {
            found += 1;
            ControlFlow::Continue(())
        });
        assert_eq!((found, reading.matched, reading.skipped), (1, 1, 5), "{reading:?}");
        let mut offsets: Vec<u64> = reading.skips.iter().map(|skip| skip.offset).collect();
        offsets.sort_unstable();
        let starts: Vec<u64> = (0..5)
            .map(|number| texts[..number].iter().map(|text| text.len() as u64 + 1).sum())
            .collect();
        assert_eq!(offsets, starts);
    }
}

#[test]
fn lines_that_cannot_wait_anywhere_end_the_query_and_are_told() {
    let dir = dir(&[(ONE, lines((0..50).rev()).as_bytes())]);
    let temporary = dir.path().join("none");
    let limits = Limits { waiting_bytes: 2_000, stretch_bytes: 1 << 20, ..small(&dir) };
    let mut found = Vec::new();
    let mut each = |line: &Line| {
        found.extend(line.msg.clone());
        ControlFlow::Continue(())
    };
    let reading = query(&dir)
        .stream_within(&Limits { temporary: temporary.clone(), ..limits.clone() }, &mut each);
    assert_eq!(reading.unreadable.len(), 1);
    assert_eq!(reading.unreadable[0].path, temporary);
    assert!(reading.is_partial());
    // Where too little would be left for others.
    let none_left = Limits { left_free: (u64::MAX, 1), ..limits.clone() };
    let reading = query(&dir).stream_within(&none_left, &mut each);
    assert_eq!(reading.unreadable[0].path, limits.temporary);
    let told = reading.unreadable[0].error.to_string();
    assert!(told.contains("MiB are free there"), "{told}");
    let reading = query(&dir).stream_within(&limits, &mut each);
    assert!(reading.bytes_spilled > 2_000 && !reading.is_partial(), "{reading:?}");
    // Nothing was given out before it was known whether the order can be kept.
    assert_eq!(found, (0..50).map(|n| format!("m{n}")).collect::<Vec<_>>());
}

#[test]
fn the_newest_are_bounded_by_their_bytes_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let filler = "x".repeat(1_000);
    let line = |second: usize| {
        let ts = format!("2025-10-06T10:00:{second:02}.000000Z");
        format!("{{\"ts\":\"{ts}\",\"msg\":\"m{second}\",\"source\":\"{filler}\"}}\n")
    };
    // Neither the oldest nor the newest come first.
    let text: String = (0..60).map(|number| line(number * 7 % 60)).collect();
    std::fs::write(dir.path().join("events-2025-10-06.jsonl"), &text).unwrap();
    let mut query = Query::new(vec![dir.path().to_owned()]);
    (query.limit, query.tail) = (Some(50), true);
    let size = line(10).len() as u64 - 1;
    for (bytes_max, count, has_older) in [
        (None, 50, false),
        (Some(100 * size), 50, false),
        (Some(20 * size), 20, true),
        (Some(size / 2), 1, true),
    ] {
        query.kept_bytes_max = bytes_max;
        let answer = query.run();
        let found: Vec<_> = answer.lines.iter().map(|line| line.msg.clone().unwrap()).collect();
        let expect: Vec<_> = (60 - count..60).map(|second| format!("m{second}")).collect();
        assert_eq!((found, answer.reading.has_older), (expect, has_older), "{bytes_max:?}");
    }
}
