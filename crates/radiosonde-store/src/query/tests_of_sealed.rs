//! Queries over sealed files, held against the same over day files.

use std::io::Write as _;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::sealed::{SealOptions, seal};

const PLAIN: &str = "events-2025-10-06.jsonl";
const SEALED: &str = "events-2025-10-06.jsonl.zst";

/// Lines of several frames: a minute for each job, and a trace and a session for each.
fn content(jobs: u32) -> Vec<u8> {
    let filler = "x".repeat(900);
    (0..jobs * 100)
        .map(|n| {
            let (job, second) = (n / 100, n % 60);
            format!(
                r#"{{"ts":"2025-10-06T10:{:02}:{second:02}.000000Z","evt":"log","msg":"m{n}","source":"{filler}","trace_id":"{:032x}","job_id":"job-{job}","session_id":"s-{job}"}}
"#,
                job % 60,
                job + 1,
            )
        })
        .collect::<String>()
        .into_bytes()
}

fn seal_in(dir: &tempfile::TempDir) -> PathBuf {
    let target = dir.path().join(SEALED);
    let _ = seal(&dir.path().join(PLAIN), &target, &SealOptions::default(), &mut || true).unwrap();
    target
}

fn sealed_only(content: &[u8]) -> tempfile::TempDir {
    let dir = dir(&[(PLAIN, content)]);
    let _ = seal_in(&dir);
    fs::remove_file(dir.path().join(PLAIN)).unwrap();
    dir
}

#[test]
fn a_query_for_ids_or_times_reads_the_frames_that_may_hold_them_and_finds_the_same() {
    let content = content(50);
    let plain = dir(&[(PLAIN, content.as_slice())]);
    let sealed = sealed_only(&content);
    type Set = fn(&mut Query);
    let cases: [(Set, usize); 9] = [
        (|q| q.job = Some("job-30".into()), 100),
        (|q| q.session = Some("s-3".into()), 100),
        (|q| q.traces = vec![format!("{:032x}", 8)], 100),
        (|q| q.traces = vec![format!("{:032x}", 8), format!("{:032x}", 48)], 200),
        (|q| q.since = Some("2025-10-06T10:48:30Z".parse().unwrap()), 140),
        (|q| q.until = Some("2025-10-06T10:00:01Z".parse().unwrap()), 2),
        (
            |q| {
                q.job = Some("job-30".into());
                q.session = Some("s-3".into());
            },
            0,
        ),
        (|q| q.job = Some("job-77".into()), 0),
        (|q| q.since = Some("2025-10-07T00:00:00Z".parse().unwrap()), 0),
    ];
    for (number, (set, expect)) in cases.into_iter().enumerate() {
        let (mut of_plain, mut of_sealed) = (query(&plain), query(&sealed));
        set(&mut of_plain);
        set(&mut of_sealed);
        let (expected, found) = (of_plain.run(), of_sealed.run());
        assert_eq!(found.lines, expected.lines, "case {number}");
        let reading = found.reading;
        assert!(!reading.is_partial(), "case {number}: {reading:?}");
        assert_eq!((reading.files_read, reading.frames_read + reading.frames_skipped), (1, 6));
        assert!(reading.frames_skipped >= 3, "case {number}: {reading:?}");
        if expect == 0 {
            assert_eq!((reading.frames_read, reading.files_skipped), (0, 1), "case {number}");
        }
        assert_eq!(found.lines.len(), expect, "case {number}");
        assert_eq!(streamed(&of_sealed).0, expected.lines, "case {number}");
    }
    // The beginning of a trace id cannot be looked up.
    let mut of_sealed = query(&sealed);
    of_sealed.traces = vec![format!("{:032x}", 8)[..31].to_owned()];
    let answer = of_sealed.run();
    assert_eq!((answer.reading.frames_read, answer.reading.frames_skipped), (6, 0));
}

#[test]
fn nothing_is_shown_twice_while_both_forms_are_there() {
    // Without ids, so that copies cannot be told.
    let text = content(20);
    let both = dir(&[(PLAIN, text.as_slice())]);
    let target = seal_in(&both);
    let whole = fs::read(&target).unwrap();
    let index_damaged = [&whole[..whole.len() - 1], b"?"].concat();
    let mut frame_damaged = whole.clone();
    frame_damaged[100] ^= 1;
    let mut all_damaged = index_damaged.clone();
    all_damaged[100] ^= 1;
    for (what, bytes) in [
        ("whole", whole),
        ("index damaged", index_damaged),
        ("frame damaged", frame_damaged),
        ("both damaged", all_damaged),
    ] {
        fs::write(&target, bytes).unwrap();
        let answer = query(&both).run();
        assert_eq!(answer.lines.len(), 2_000, "{what}");
        assert!(!answer.reading.is_partial(), "{what}: the day file is whole");
        assert_eq!(streamed(&query(&both)).0.len(), 2_000, "{what}");
    }
}

#[test]
fn a_sealed_file_that_is_the_beginning_of_its_day_file_is_left_out() {
    let text = content(20);
    let lines = text.split_inclusive(|byte| *byte == b'\n').count();
    for is_index_damaged in [false, true] {
        let both = dir(&[(PLAIN, &text[..text.len() / 2])]);
        let target = seal_in(&both);
        fs::write(both.path().join(PLAIN), &text).unwrap();
        if is_index_damaged {
            let whole = fs::read(&target).unwrap();
            fs::write(&target, &whole[..whole.len() - 1]).unwrap();
        }
        let answer = query(&both).run();
        assert_eq!(answer.lines.len(), lines, "{is_index_damaged}");
        assert!(!answer.reading.is_partial(), "{is_index_damaged}");
        assert_eq!(streamed(&query(&both)).0.len(), lines, "{is_index_damaged}");
    }
}

/// What others made of a day file under the name of a sealed one.
#[test]
fn a_foreign_file_under_the_name_of_a_sealed_one_is_read_unless_it_is_its_day_file() {
    let text = content(20);
    let compressed = zstd::stream::encode_all(text.as_slice(), 1).unwrap();
    let other = (line(7, "new", "") + "\n").into_bytes();
    for (plain, expect) in [(&text, 2_000), (&other, 2_001)] {
        let both = dir(&[(PLAIN, plain.as_slice()), (SEALED, compressed.as_slice())]);
        let answer = query(&both).run();
        assert_eq!((answer.lines.len(), answer.reading.is_partial()), (expect, false));
    }
}

/// In one frame, longer than any of ours, as `zstd` makes it.
#[test]
fn a_long_foreign_file_under_the_name_of_a_sealed_one_is_read_unless_it_is_its_day_file() {
    // Of which zstd makes no less than a part in some hundred.
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state
    };
    let mut filler = || (0..1 << 16).map(|_| format!("{:016x}", next())).collect::<String>();
    let text: String =
        (0..18).map(|nth| line(nth, "long", "").replace("long", &filler()) + "\n").collect();
    let compressed = zstd::bulk::compress(text.as_bytes(), 1).unwrap();
    let other = line(99, "new", "") + "\n";
    for (plain, expect) in [(&text, 18), (&other, 19)] {
        let both = dir(&[(PLAIN, plain.as_bytes()), (SEALED, compressed.as_slice())]);
        let answer = query(&both).run();
        assert_eq!((answer.lines.len(), answer.reading.is_partial()), (expect, false));
    }
}

#[test]
fn what_can_be_read_of_a_damaged_file_is_found_beside_another_day_file() {
    let both = dir(&[(PLAIN, content(20).as_slice())]);
    let _ = seal_in(&both);
    let mut bytes = fs::read(both.path().join(SEALED)).unwrap();
    bytes[1_000] ^= 1;
    // Without the end of its index.
    bytes.truncate(bytes.len() - 10);
    fs::write(both.path().join(SEALED), bytes).unwrap();
    fs::remove_file(both.path().join(PLAIN)).unwrap();
    let alone = query(&both).run();
    assert!(!alone.lines.is_empty() && alone.reading.is_partial());
    fs::write(both.path().join(PLAIN), line(99, "new", "") + "\n").unwrap();
    let answer = query(&both).run();
    assert_eq!(answer.lines.len(), alone.lines.len() + 1);
    assert!(answer.reading.is_partial());
}

/// Both, of the same lines, as a disk that was full makes them.
#[test]
fn that_the_end_of_both_forms_is_lost_is_told() {
    let text = content(20);
    let both = dir(&[(PLAIN, text.as_slice())]);
    let whole = fs::read(seal_in(&both)).unwrap();
    fs::write(both.path().join(SEALED), &whole[..whole.len() / 2]).unwrap();
    fs::write(both.path().join(PLAIN), &text[..text.len() - 1_000]).unwrap();
    assert!(query(&both).run().reading.is_partial());
}

#[test]
fn two_files_of_one_name_that_differ_are_both_read() {
    let both = dir(&[(PLAIN, content(20).as_slice())]);
    let _ = seal_in(&both);
    // A process began the day anew.
    fs::write(both.path().join(PLAIN), line(7, "new", "") + "\n").unwrap();
    let answer = query(&both).run();
    assert_eq!(answer.lines.len(), 2_001);
    assert_eq!(streamed(&query(&both)).0.len(), 2_001);
}

#[test]
fn a_file_that_is_sealed_during_the_query_is_still_found() {
    let dir = dir(&[
        ("events-2025-10-05.jsonl", (line(1, "a", "") + "\n").as_bytes()),
        (PLAIN, content(20).as_slice()),
    ]);
    let mut sealed = false;
    let mut seal_once = |dir: &tempfile::TempDir| {
        if !std::mem::replace(&mut sealed, true) {
            let _ = seal_in(dir);
            fs::remove_file(dir.path().join(PLAIN)).unwrap();
        }
    };
    let mut found = 0;
    let reading = query(&dir).scan(&mut |_| {
        seal_once(&dir);
        found += 1;
    });
    assert_eq!(found, 2_001);
    assert_eq!((reading.files_read, reading.is_partial()), (2, false));
}

/// Who wants to grep archives unpacks them, whoever else reads them.
#[test]
fn a_file_that_is_unpacked_during_the_query_is_still_found() {
    for suffix in ["zst", "gz"] {
        let dir = dir(&[
            ("events-2025-10-05.jsonl", (line(1, "a", "") + "\n").as_bytes()),
            (PLAIN, content(20).as_slice()),
        ]);
        let packed = dir.path().join(format!("{PLAIN}.{suffix}"));
        match suffix {
            "gz" => {
                let file = fs::File::create(&packed).unwrap();
                let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
                gzip.write_all(&content(20)).unwrap();
                let _ = gzip.finish().unwrap();
            }
            _ => drop(seal_in(&dir)),
        }
        let (plain, aside) = (dir.path().join(PLAIN), dir.path().join("aside"));
        fs::rename(&plain, &aside).unwrap();
        let (mut unpacked, mut found) = (false, 0);
        let reading = query(&dir).scan(&mut |_| {
            if !std::mem::replace(&mut unpacked, true) {
                fs::rename(&aside, &plain).unwrap();
                fs::remove_file(&packed).unwrap();
            }
            found += 1;
        });
        assert_eq!(found, 2_001, "{suffix}");
        assert_eq!((reading.files_read, reading.is_partial()), (2, false), "{suffix}");
    }
}

/// The day file was read when it held half of it.
#[test]
fn what_was_unpacked_while_it_was_read_is_told() {
    let text = content(20);
    let dir = dir(&[(PLAIN, &text[..text.len() / 2])]);
    let packed = dir.path().join(format!("{PLAIN}.gz"));
    fs::write(&packed, b"still there when it was listed").unwrap();
    let reading = query(&dir).scan(&mut |_| {
        let _ = fs::remove_file(&packed);
        fs::write(dir.path().join(PLAIN), &text).unwrap();
    });
    assert!(reading.is_partial());
    let told = reading.unreadable[0].error.to_string();
    assert!(told.contains("unpacked while"), "{told}");
}

#[test]
fn a_file_that_becomes_a_part_during_the_query_is_still_found() {
    let dir = dir(&[
        ("events-2025-10-05.jsonl", (line(1, "a", "") + "\n").as_bytes()),
        (PLAIN, content(20).as_slice()),
        ("events-2025-10-07.jsonl", (line(8, "c", "") + "\n").as_bytes()),
    ]);
    let _ = seal_in(&dir);
    // A process began the day anew, and whoever seals finds two files of one name.
    fs::write(dir.path().join(PLAIN), line(7, "new", "") + "\n").unwrap();
    let mut moved = false;
    let mut found = 0;
    let reading = query(&dir).scan(&mut |_| {
        if !std::mem::replace(&mut moved, true) {
            let part = dir.path().join("events-2025-10-06.0.1.jsonl");
            fs::rename(dir.path().join(PLAIN), part).unwrap();
        }
        found += 1;
    });
    assert_eq!(found, 2_003);
    assert_eq!((reading.files_read, reading.is_partial()), (4, false));
}

#[test]
fn a_file_that_is_sealed_between_the_two_readings_of_a_stream_is_still_found() {
    let dir = dir(&[
        ("events-2025-10-05.jsonl", (line(1, "a", "").replace("10-06", "10-05") + "\n").as_bytes()),
        (PLAIN, content(20).as_slice()),
    ]);
    let mut found = 0;
    let reading = query(&dir).stream(&mut |_| {
        if found == 0 {
            let _ = seal_in(&dir);
            fs::remove_file(dir.path().join(PLAIN)).unwrap();
        }
        found += 1;
        ControlFlow::Continue(())
    });
    assert_eq!(found, 2_001);
    assert!(!reading.is_partial(), "{reading:?}");
}

#[test]
fn damage_is_told_and_the_rest_is_found() {
    let text = content(50);
    let dir = sealed_only(&text);
    let path = dir.path().join(SEALED);
    let whole = fs::read(&path).unwrap();
    let mut bytes = whole.clone();
    bytes[100] ^= 1;
    fs::write(&path, bytes).unwrap();
    let answer = query(&dir).run();
    assert!((3_900..4_100).contains(&answer.lines.len()), "{}", answer.lines.len());
    assert!(answer.reading.is_partial());
    assert_eq!(answer.reading.damages, 1);
    let Damaged { file, damage } = &answer.reading.damaged[0];
    assert_eq!((file, damage.frame, damage.bytes.start), (&path, Some(0), 0));
    assert_eq!(streamed(&query(&dir)).0.len(), answer.lines.len());
    // A damaged index is told, and costs nothing.
    fs::write(&path, [&whole[..whole.len() - 1], b"?"].concat()).unwrap();
    let mut of_job = query(&dir);
    of_job.job = Some("job-30".into());
    let answer = of_job.run();
    assert_eq!(answer.lines.len(), 100);
    assert_eq!((answer.reading.damages, answer.reading.is_partial()), (1, false));
    assert_eq!(streamed(&of_job).0, answer.lines);
}

#[test]
fn a_line_behind_nuls_is_found_by_all_that_is_asked_of_it() {
    let behind = line(30, "job-b", r#","trace_id":"0edadbc0a1b2c3d4e5f60718293a4b5c""#);
    let behind = behind.replace("\"info\"", "\"error\"").replace("\"log\"", "\"rare\"");
    let [before, after] = [1, 2].map(|second| line(second, "a", "") + "\n");
    let whole = format!("{before}\0\0\0\0{behind}\n{after}");
    let last = format!("{before}{after}\0\0\0\0{behind}");
    type Set = fn(&mut Query);
    let cases: [Set; 6] = [
        |q| q.job = Some("job-b".into()),
        |q| q.traces = vec!["0edadbc0a1b2c3d4e5f60718293a4b5c".into()],
        |q| q.since = Some("2025-10-06T10:00:20Z".parse().unwrap()),
        |q| q.level = Some(Level::Error),
        |q| q.evt = vec!["rare".into()],
        |q| (q.limit, q.tail) = (Some(1), true),
    ];
    for content in [whole, last] {
        let plain = dir(&[(PLAIN, content.as_bytes())]);
        let sealed = sealed_only(content.as_bytes());
        let path = sealed.path().join(SEALED);
        // An index of those that did not know such lines says that nothing is in the file.
        let (_, totals) = crate::sealed::sections(&path, &[1]).unwrap();
        let mut totals = totals[0].1.clone();
        totals[24..32].copy_from_slice(&i64::MAX.to_le_bytes());
        totals[32..40].copy_from_slice(&i64::MIN.to_le_bytes());
        totals[44..].fill(0);
        let older = crate::fuzzing::with_sections(&path, &[2, 3, 4, 5, 6], &[(1, &totals)]);
        let older = dir(&[(SEALED, &older.unwrap())]);
        for (number, set) in cases.iter().enumerate() {
            for place in [&plain, &sealed, &older] {
                let mut query = query(place);
                set(&mut query);
                let answer = query.run();
                let jobs: Vec<_> = answer.lines.iter().map(|line| line.job_id.as_deref()).collect();
                assert_eq!(jobs, [Some("job-b")], "case {number}, {}", place.path().display());
                assert_eq!(answer.reading.damages, 0, "{:?}", answer.reading);
                assert_eq!(streamed(&query).0.len(), if query.tail { 3 } else { 1 }, "{number}");
            }
        }
    }
}

#[test]
fn lines_of_other_times_than_the_index_says_are_left_out_and_counted() {
    let rows: Vec<String> = (1..6).map(|second| line(second, "a", "") + "\n").collect();
    // The last one without its break is no exception.
    let content = rows.concat();
    let sealed = sealed_only(content.trim_end().as_bytes());
    let path = sealed.path().join(SEALED);
    let (_, own) = crate::sealed::sections(&path, &[1, 2]).unwrap();
    let latest: Timestamp = "2025-10-06T10:00:03Z".parse().unwrap();
    let mistaken: Vec<Vec<u8>> = [(&own[0].1, 32), (&own[1].1, 40)]
        .into_iter()
        .map(|(section, at)| {
            let mut section = section.clone();
            section[at..at + 8].copy_from_slice(&latest.as_microsecond().to_le_bytes());
            section
        })
        .collect();
    let others = [(1, mistaken[0].as_slice()), (2, mistaken[1].as_slice())];
    let bytes = crate::fuzzing::with_sections(&path, &[3, 4, 5, 6], &others).unwrap();
    fs::write(&path, bytes).unwrap();
    let answer = query(&sealed).run();
    assert_eq!(answer.lines.len(), 3);
    assert_eq!((answer.reading.damages, answer.reading.damages_with_loss), (1, 1));
    let Damaged { damage, .. } = &answer.reading.damaged[0];
    assert_eq!((damage.lines, damage.time), (Some(2), None), "{damage:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_sealed_file_answers_as_its_day_file(
        rows in proptest::collection::vec((0u32..600, 0u32..12, 0u32..40, 0usize..400_000), 1..14),
        job in 0u32..14,
        trace in 0u32..40,
        since in 0u32..600,
        which in 0u8..32,
    ) {
        let text: String = rows
            .iter()
            .map(|(second, job, trace, filler)| {
                let rest = format!(r#","trace_id":"{trace:032x}","source":"{}""#, "x".repeat(*filler));
                let row = line(*second, &format!("job-{job}"), &rest);
                // Some lines have no id, and some are none.
                let row = row.replace(&format!("aaaaaaaa.1.{second}"), &format!("aaaaaaaa.{job}.{second}"));
                if second % 17 == 0 { row[..30].to_owned() + "\n" } else { row + "\n" }
            })
            .collect();
        let plain = dir(&[(PLAIN, text.as_bytes())]);
        let sealed = sealed_only(text.as_bytes());
        let (mut of_plain, mut of_sealed) = (query(&plain), query(&sealed));
        for query in [&mut of_plain, &mut of_sealed] {
            let at = |n: u32| Some(format!("2025-10-06T10:{:02}:{:02}Z", n / 60, n % 60).parse().unwrap());
            query.job = (which & 1 != 0).then(|| format!("job-{job}"));
            query.since = if which & 2 != 0 { at(since) } else { None };
            query.until = if which & 4 != 0 { at(since + 100) } else { None };
            if which & 8 != 0 {
                query.traces = vec![format!("{trace:032x}"), format!("{:032x}", trace + 1)];
            }
            if which & 16 != 0 {
                query.traces.push(format!("{trace:032x}")[..30].to_owned());
            }
        }
        prop_assert_eq!(of_sealed.run().lines, of_plain.run().lines);
        prop_assert_eq!(streamed(&of_sealed).0, streamed(&of_plain).0);
    }
}

#[test]
fn a_line_that_is_too_long_is_told_whatever_is_asked_for() {
    let line = |second: u32, job: &str| {
        let ts = format!("2025-10-06T10:00:{second:02}.000000Z");
        format!("{{\"ts\":\"{ts}\",\"msg\":\"m{second}\",\"job_id\":\"{job}\"}}\n")
    };
    let overlong = line(2, &"x".repeat(17 << 20));
    let content = [line(1, "a"), overlong, line(3, "b")].concat();
    let plain = dir(&[(PLAIN, content.as_bytes())]);
    let sealed = sealed_only(content.as_bytes());
    type Set = fn(&mut Query);
    let cases: [Set; 5] = [
        |q| q.job = Some("a".into()),
        |q| q.job = Some("nobody".into()),
        |q| q.since = Some("2025-10-06T10:00:03Z".parse().unwrap()),
        |q| q.since = Some("2025-10-06T11:00:00Z".parse().unwrap()),
        |q| (q.limit, q.tail) = (Some(1), true),
    ];
    for (number, set) in cases.into_iter().enumerate() {
        let told = [&plain, &sealed].map(|dir| {
            let mut query = query(dir);
            set(&mut query);
            let answer = query.run();
            let skips = answer.reading.skips.iter().map(|skip| (skip.offset, skip.reason.clone()));
            (messages(&answer.lines).join(" "), skips.collect::<Vec<_>>())
        });
        assert_eq!(told[0], told[1], "case {number}");
        assert_eq!(told[0].1.len(), 1, "case {number}");
    }
}
