//! Queries over files that other programs compressed, held against the same over day files.

use std::io::Write as _;
use std::path::PathBuf;

use super::*;
use crate::sealed::{SealOptions, seal};

const PLAIN: &str = "events-2025-10-06.jsonl";
const SEALED: &str = "events-2025-10-06.jsonl.zst";
const LINES: u32 = 1_500;
/// With the one that has no end.
const ALL: usize = LINES as usize + 1;
const LINE_MAX: usize = crate::reader::LINE_BYTES_MAX;
const GZIP: &str = "events-2025-10-06.jsonl.gz";

/// Lines of 30 jobs, some without an id, one that is none, and one without its end.
fn content() -> Vec<u8> {
    let filler = "x".repeat(1_500);
    let mut text = String::new();
    for n in 0..LINES {
        let row = line(n, &format!("job-{}", n % 30), &format!(r#","source":"{filler}{n}""#));
        text += &if n % 50 == 0 { row.replace(r#","id":"#, r#","x":"#) } else { row };
        text += "\n";
    }
    text += "no line\n";
    text += &line(3_500, "job-7", "");
    text.into_bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut out = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// The directory of a file that is sealed.
fn sealed(text: &[u8]) -> tempfile::TempDir {
    let dir = dir(&[(PLAIN, text)]);
    let (source, target) = (dir.path().join(PLAIN), dir.path().join(SEALED));
    let _ = seal(&source, &target, &SealOptions::default(), &mut || true).unwrap();
    fs::remove_file(source).unwrap();
    dir
}

/// A query for what is behind a path.
fn of(path: PathBuf) -> Query {
    Query::new(vec![path])
}

#[test]
fn one_text_gives_the_same_lines_in_every_form() {
    let text = content();
    let bytes_sealed = fs::read(sealed(&text).path().join(SEALED)).unwrap();
    let frames = text.chunks(700_000).flat_map(|part| zstd::bulk::compress(part, 1).unwrap());
    let dir = dir(&[
        ("plain.txt", text.as_slice()),
        ("bom", [b"\xef\xbb\xbf".as_slice(), &text].concat().as_slice()),
        ("crlf", String::from_utf8(text.clone()).unwrap().replace('\n', "\r\n").as_bytes()),
        ("a.gz", gzip(&text).as_slice()),
        ("gzip-by-its-bytes.jsonl", gzip(&text).as_slice()),
        ("stream.zst", zstd(&text).as_slice()),
        ("frames.zst", frames.collect::<Vec<u8>>().as_slice()),
        ("sealed-elsewhere", bytes_sealed.as_slice()),
        // What is called like one form and is another.
        ("events-2025-10-01.jsonl", gzip(&text).as_slice()),
        ("events-2025-10-02.jsonl", zstd(&text).as_slice()),
        ("events-2025-10-03.jsonl.gz", zstd(&text).as_slice()),
        ("events-2025-10-04.jsonl.gz", text.as_slice()),
        ("events-2025-10-05.jsonl.zst", zstd(&text).as_slice()),
    ]);
    type Set = fn(&mut Query);
    let sets: [Set; 5] = [
        |_| {},
        |query| query.job = Some("job-7".into()),
        |query| query.since = Some("2025-10-06T10:20:00Z".parse().unwrap()),
        |query| query.job = Some("job".into()),
        |query| query.signals = vec![Signal::Spans],
    ];
    let raw = |lines: &[Line]| -> Vec<String> {
        lines.iter().map(|line| line.raw.trim_end().to_owned()).collect()
    };
    for (number, set) in sets.into_iter().enumerate() {
        let mut expected = of(dir.path().join("plain.txt"));
        set(&mut expected);
        let expected = raw(&expected.run().lines);
        assert_eq!(expected.is_empty(), number > 2, "{number}");
        for entry in fs::read_dir(dir.path()).unwrap() {
            let path = entry.unwrap().path();
            let mut query = of(path.clone());
            set(&mut query);
            let answer = query.run();
            assert!(answer.reading.unreadable.is_empty(), "{path:?}: {:?}", answer.reading);
            assert_eq!(answer.reading.damages, u64::from(path.ends_with("frames.zst")), "{path:?}");
            // By an id, only lines that hold it are judged.
            assert!(answer.reading.skipped <= 1, "{path:?}");
            assert!(raw(&answer.lines) == expected, "{number}, {path:?}: {}", answer.lines.len());
            assert!(raw(&streamed(&query).0) == expected, "{number}, {path:?}");
        }
    }
}

#[test]
fn a_directory_gives_what_somebody_compressed_and_each_line_once() {
    let text = content();
    let other = line(9, "job-new", "").replace("aaaaaaaa.1", "bbbbbbbb.1") + "\n";
    for (what, files, expect) in [
        ("alone", vec![(GZIP, gzip(&text))], ALL),
        ("beside its source", vec![(PLAIN, text.clone()), (GZIP, gzip(&text))], ALL),
        ("under way", vec![(PLAIN, text.clone()), (GZIP, gzip(&text)[..9_000].to_vec())], ALL),
        ("just begun", vec![(PLAIN, text.clone()), (GZIP, Vec::new())], ALL),
        (
            "a copy of its beginning",
            vec![(PLAIN, text.clone()), (GZIP, gzip(&text[..text.len() / 2]))],
            ALL,
        ),
        ("of the morning", vec![(PLAIN, other.clone().into_bytes()), (GZIP, gzip(&text))], ALL + 1),
    ] {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in &files {
            fs::write(dir.path().join(name), content).unwrap();
        }
        let answer = query(&dir).run();
        assert_eq!(answer.lines.len(), expect, "{what}");
        assert!(answer.reading.unreadable.is_empty(), "{what}: {:?}", answer.reading);
        assert_eq!(streamed(&query(&dir)).0.len(), expect, "{what}");
    }
    let all = sealed(&text);
    fs::write(all.path().join(GZIP), gzip(&text)).unwrap();
    assert_eq!(query(&all).run().lines.len(), ALL, "beside the sealed one");
    fs::write(all.path().join(PLAIN), &other).unwrap();
    assert_eq!(query(&all).run().lines.len(), ALL + 1, "beside both, which differ");
    fs::write(all.path().join(GZIP), gzip(other.as_bytes())).unwrap();
    assert_eq!(query(&all).run().lines.len(), ALL + 1, "of the first of them");
}

#[test]
fn what_cannot_be_compared_is_read_and_named() {
    let (mine, other) = (line(1, "a", "") + "\n", line(2, "b", "") + "\n");
    let whole = gzip(other.as_bytes());
    for cut in [5, 12, 40] {
        let dir = dir(&[(PLAIN, mine.as_bytes()), (GZIP, &whole[..cut])]);
        let answer = query(&dir).run();
        assert_eq!(answer.reading.unreadable.len(), 1, "{cut}: {:?}", answer.reading);
        assert_eq!(answer.reading.unreadable[0].path, dir.path().join(GZIP));
        assert_eq!(answer.lines[0].job_id.as_deref(), Some("a"), "{cut}");
    }
    // A line that is too long tells nothing of what is behind it.
    let overlong = "x".repeat(17 << 20) + "\n";
    let text = [mine.as_str(), &overlong, &other].concat();
    for (beside, expect) in [(mine.clone(), 2), (mine + &overlong, 2), (text.clone(), 2)] {
        let dir = dir(&[(PLAIN, beside.as_bytes()), (GZIP, &gzip(text.as_bytes()))]);
        let answer = query(&dir).run();
        assert_eq!(answer.lines.len(), expect, "{}", beside.len());
        let is_same = beside.len() == text.len();
        assert_eq!(answer.reading.duplicates, u64::from(!is_same), "{}", beside.len());
    }
}

#[test]
fn a_file_that_is_compressed_during_the_query_is_still_found() {
    let dir = dir(&[
        ("events-2025-10-05.jsonl", (line(1, "a", "") + "\n").as_bytes()),
        (PLAIN, content().as_slice()),
    ]);
    let mut found = 0;
    let reading = query(&dir).scan(&mut |_| {
        if found == 0 {
            fs::write(dir.path().join(GZIP), gzip(&content())).unwrap();
            fs::remove_file(dir.path().join(PLAIN)).unwrap();
        }
        found += 1;
    });
    assert_eq!((found, reading.files_read, reading.unreadable.len()), (LINES + 2, 2, 0));
}

#[test]
fn a_copy_under_way_gives_the_lines_before_and_its_place() {
    let text = content();
    for whole in [gzip(&text), zstd(&text)] {
        let cut = whole.len() / 2;
        let dir = dir(&[("copy", &whole[..cut])]);
        let path = dir.path().join("copy");
        let answer = of(path.clone()).run();
        assert!(answer.reading.is_partial());
        assert!((200..1_400).contains(&answer.lines.len()), "{}", answer.lines.len());
        let gone = &answer.reading.unreadable[0];
        assert_eq!((&gone.path, gone.offset), (&path, cut as u64));
    }
}

#[test]
fn a_line_behind_what_a_power_cut_left_is_found_and_the_rest_is_told() {
    let text = [b"\0\0\0\0\0".as_slice(), line(1, "a", "").as_bytes(), b"\n\0\0\n\0\0"].concat();
    let dir = dir(&[(PLAIN, text.as_slice())]);
    let answer = query(&dir).run();
    assert_eq!(messages(&answer.lines), ["m1"]);
    let skips: Vec<_> = answer.reading.skips.iter().map(|skip| skip.offset).collect();
    assert_eq!(skips, [0, text.len() as u64 - 5]);
    assert_eq!(messages(&streamed(&query(&dir)).0), ["m1"]);
    let mut of_job = query(&dir);
    of_job.job = Some("a".into());
    assert_eq!(messages(&of_job.run().lines), ["m1"]);
}

#[test]
fn a_line_behind_more_nuls_than_a_line_may_have_is_found_in_every_form() {
    let (before, behind) = (line(1, "a", "") + "\n", line(2, "b", "") + "\n");
    let start = before.len() as u64;
    for (nuls, is_found) in [(LINE_MAX + 1, false), (LINE_MAX + 2, true), (20 << 20, true)] {
        let text = [before.as_bytes(), &vec![0; nuls], behind.as_bytes()].concat();
        let sealed = sealed(&text);
        let files =
            dir(&[("plain", text.as_slice()), ("a.gz", &gzip(&text)), ("a.zst", &zstd(&text))]);
        let content = fs::read(sealed.path().join(SEALED)).unwrap();
        fs::write(files.path().join(SEALED), &content[..content.len() - 10]).unwrap();
        let at = |name: &str| files.path().join(name);
        let mut cases = vec![(at("plain"), true), (sealed.path().to_owned(), true)];
        if nuls == 20 << 20 {
            // Without its index, what is longer than any frame cannot be told apart.
            cases.extend([(at("a.gz"), true), (at("a.zst"), true), (at(SEALED), false)]);
        }
        for (path, is_skipped) in cases {
            let mut query = of(path.clone());
            query.job = Some("b".to_owned());
            let answer = query.run();
            let what = format!("{nuls}, {path:?}: {:?}", answer.reading);
            assert_eq!(answer.lines.len(), usize::from(is_found), "{what}");
            assert!(answer.reading.is_partial(), "{what}");
            if is_skipped {
                assert_eq!(skips(&answer.reading), [(start, "line over 16 MiB")], "{what}");
            }
            query.job = None;
            let expect = if is_found { &["m1", "m2"][..] } else { &["m1"] };
            assert_eq!(messages(&streamed(&query).0), expect, "{path:?}");
        }
    }
}

/// What is told of what was skipped: where, and why.
fn skips(reading: &Reading) -> Vec<(u64, &str)> {
    reading.skips.iter().map(|skip| (skip.offset, skip.reason.as_str())).collect()
}

#[test]
fn a_last_line_without_its_break_is_a_line_or_told_but_where_somebody_may_write_on() {
    let (whole, other) = (line(1, "a", ""), line(2, "b", ""));
    let cut = &other[..other.len() - 9];
    let at = whole.len() as u64 + 1;
    let text = |end: &str| format!("{whole}\n{end}").into_bytes();
    let (half, none) = (text(cut), text("<html>"));
    for (name, content, wrong, unfinished) in [
        ("any", text(&other), false, 0),
        ("any", half.clone(), true, 0),
        ("any", none.clone(), true, 0),
        ("any.gz", gzip(&half), true, 0),
        ("any.zst", zstd(&half), true, 0),
        ("frames.zst", [zstd(b""), zstd::bulk::compress(&half, 1).unwrap()].concat(), true, 0),
        (GZIP, gzip(&half), true, 0),
        (SEALED, zstd(&half), true, 0),
        (PLAIN, gzip(&half), true, 0),
        (PLAIN, zstd(&half), true, 0),
        (PLAIN, text(&other), false, 0),
        (PLAIN, half.clone(), false, 1),
        (PLAIN, none.clone(), true, 0),
        (PLAIN, text("\0\0\0"), false, 0),
        (PLAIN, text("{\"ts\0\0\0"), true, 0),
    ] {
        let dir = dir(&[(name, content.as_slice())]);
        // Whether its bytes are there does not decide: what was cut off may have held them.
        for job in ["a", "b", "nobody"] {
            let place = if name.starts_with("events") { PathBuf::new() } else { name.into() };
            let mut query = of(dir.path().join(place));
            query.job = Some(job.to_owned());
            let mut scanned = 0;
            for reading in
                [query.run().reading, streamed(&query).1, query.scan(&mut |_| scanned += 1)]
            {
                let told: Vec<u64> = skips(&reading).iter().map(|skip| skip.0).collect();
                let what = format!("{name}, {job}: {reading:?}");
                assert_eq!(told, if wrong { vec![at] } else { vec![] }, "{what}");
                assert_eq!(reading.unfinished, unfinished, "{what}");
                let is_found = job == "a" || job == "b" && !wrong && unfinished == 0;
                let is_there = is_found && !(job == "b" && content.ends_with(b"\0\0\0"));
                assert_eq!(reading.matched, u64::from(is_there), "{what}");
            }
        }
    }
    // As it was when it was sealed.
    for (content, wrong, unfinished) in [(half, 0, 1), (none, 1, 0), (text(&other), 0, 0)] {
        let dir = sealed(&content);
        for query in [query(&dir), of(dir.path().join(SEALED))] {
            let reading = query.run().reading;
            assert_eq!((reading.skipped, reading.unfinished), (wrong, unfinished), "{reading:?}");
        }
    }
}

#[test]
fn what_is_no_text_is_told_whatever_is_looked_for() {
    let fine = line(1, "a", "") + "\n";
    let binary = [b"\x7fELF\x02\0\0\n".as_slice(), fine.as_bytes()].concat();
    for (content, told) in [
        (binary.as_slice(), vec![(0, "NUL bytes")]),
        (b"\0\0\x80\n", vec![(2, "invalid UTF-8")]),
        // Of another program, and it does not hold what is looked for.
        (b"# Read me\n\xff\n", vec![]),
        (fine.as_bytes(), vec![]),
    ] {
        let dir = dir(&[("any", content), ("any.gz", &gzip(content))]);
        for name in ["any", "any.gz"] {
            let mut query = of(dir.path().join(name));
            query.job = Some("b".to_owned());
            assert_eq!(skips(&query.run().reading), told, "{name}, {content:?}");
            query.job = None;
            let all = query.run().reading;
            assert_eq!(
                all.skips.first().map(|skip| skip.offset),
                match told.first() {
                    None if content.ends_with(b"\xff\n") => Some(0),
                    None => None,
                    // All NULs in front of a line are told as well.
                    Some(_) => Some(0),
                }
            );
        }
    }
}

#[test]
fn a_day_file_that_is_compressed_under_its_name_is_read_or_named() {
    let text = line(1, "a", "") + "\n";
    let frames = text.as_bytes().chunks(50).flat_map(|part| zstd::bulk::compress(part, 1).unwrap());
    for packed in [gzip(text.as_bytes()), zstd(text.as_bytes()), frames.collect()] {
        let dir = dir(&[(PLAIN, packed.as_slice())]);
        assert_eq!(messages(&query(&dir).run().lines), ["m1"]);
        assert_eq!(messages(&streamed(&query(&dir)).0), ["m1"]);
    }
    let dir = dir(&[(PLAIN, b"\xfd7zXZ\0\0\x04")]);
    for query in [query(&dir), of(dir.path().join(PLAIN))] {
        let reading = query.run().reading;
        let gone = &reading.unreadable[0];
        assert_eq!((&gone.path, gone.offset), (&dir.path().join(PLAIN), 0));
        assert!(gone.error.to_string().contains("xz -dc FILE"), "{}", gone.error);
    }
}

#[test]
fn a_path_that_is_no_file_is_told() {
    let dir = dir(&[("fine", (line(1, "a", "") + "\n").as_bytes())]);
    let at = |name: &str| dir.path().join(name);
    fs::create_dir(at("folder")).unwrap();
    let query = Query::new(vec![at("missing"), at("fine"), at("fine"), at("folder")]);
    let answer = query.run();
    assert_eq!(answer.lines.len(), 1);
    assert_eq!(answer.reading.files_read, 1);
    let paths: Vec<_> = answer.reading.unreadable.iter().map(|gone| &gone.path).collect();
    assert_eq!(paths, [&at("missing")]);
}

#[cfg(unix)]
#[test]
fn a_directory_under_several_names_counts_once() {
    use std::os::unix::ffi::OsStrExt;
    let text = line(1, "a", "").replace(r#","id":"#, r#","x":"#) + "\n";
    let dir = dir(&[(PLAIN, text.as_bytes())]);
    let at = |name: &str| dir.path().join(name);
    let odd = at("x").with_file_name(std::ffi::OsStr::from_bytes(b"\xff.jsonl"));
    fs::write(&odd, text.replace("\"m1\"", "\"odd\"")).unwrap();
    fs::create_dir(at("folder")).unwrap();
    std::os::unix::fs::symlink(dir.path(), at("folder/link")).unwrap();
    std::os::unix::fs::symlink(at(PLAIN), at("link")).unwrap();
    let answer = Query::new(vec![
        dir.path().to_owned(),
        at("folder/.."),
        at("folder/link"),
        at(PLAIN),
        at("link"),
        at("folder/../link"),
        odd,
    ])
    .run();
    assert_eq!(answer.lines.len(), 2);
    assert!(!answer.reading.is_partial(), "{:?}", answer.reading);
}

#[test]
fn lines_of_a_file_without_a_signal_tell_their_own() {
    let kinds = ["log", "span", "metric", "job_completed"].iter().enumerate();
    let text: String = kinds
        .map(|(n, kind)| line(n as u32, "a", "").replace("\"log\"", &format!("\"{kind}\"")) + "\n")
        .collect();
    let dir = dir(&[("mixed", text.as_bytes())]);
    for (signal, expect) in [(Signal::Events, 2), (Signal::Spans, 1), (Signal::Metrics, 1)] {
        let mut query = of(dir.path().join("mixed"));
        query.signals = vec![signal];
        let mut found = 0;
        let _ = query.scan(&mut |line| {
            assert_eq!((line.signal, line.file), (signal, None));
            found += 1;
        });
        assert_eq!(found, expect);
    }
}

/// Many files, by the usual limit of open ones.
#[test]
fn files_beyond_the_limit_of_open_ones_are_read_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let text = line(1, "a", "");
    for n in 0..1_200 {
        let row = text.replace("aaaaaaaa.1.1", &format!("aaaaaaaa.1.{n}")) + "\n";
        let path = dir.path().join(format!("events-2025-10-06.{}.jsonl.gz", n + 1));
        fs::write(path, gzip(row.as_bytes())).unwrap();
    }
    let mut most = 0;
    let reading = query(&dir).scan(&mut |_| {
        most = most.max(fs::read_dir("/proc/self/fd").map_or(0, Iterator::count));
    });
    assert_eq!(reading.matched, 1_200);
    assert!(most < 500, "{most} open files");
}

#[test]
fn lines_with_the_time_of_others_are_found_by_it_in_every_form() {
    // Their times go on by a second, but for the last, of the day before.
    let lines = [
        r#"{"level":50,"time":1759744800000,"msg":"at 0"}"#,
        r#"{"level":"info","ts":1759744801.0,"message":"at 1"}"#,
        r#"{"timestamp":"2025-10-06T12:00:02+02:00","level":"error","event":"at 2"}"#,
        r#"{"ts":"2025-10-06T10:00:03.000000Z","msg":"x","msg":"at 3","level":"info","level":"error"}"#,
        r#"{"ts":"2025-10-06T10:00:04.000000Z","meta":"text","msg":"at 4","level":"warning"}"#,
        r#"{"@t":"2025-10-06T10:00:05Z","@mt":"at 5"}"#,
        r#"{"@timestamp":"2025-10-05T10:00:00Z","log.level":"ERROR","message":"before"}"#,
    ];
    let text = lines.join("\n") + "\n";
    let dir = dir(&[
        ("plain", text.as_bytes()),
        ("a.gz", gzip(text.as_bytes()).as_slice()),
        ("a.zst", zstd(text.as_bytes()).as_slice()),
        (PLAIN, text.as_bytes()),
    ]);
    let sealed = sealed(text.as_bytes());
    let mut places: Vec<PathBuf> =
        ["plain", "a.gz", "a.zst", PLAIN].iter().map(|name| dir.path().join(name)).collect();
    places.push(sealed.path().to_path_buf());
    let at = |ts: &str| Some(ts.parse::<jiff::Timestamp>().unwrap());
    let where_ = |text: &str| vec![text.parse::<Condition>().unwrap()];
    for place in places {
        let of = || of(place.clone());
        for (query, expect) in [
            (of(), &["before", "at 0", "at 1", "at 2", "at 3", "at 4", "at 5"][..]),
            (Query { since: at("2025-10-06T10:00:04Z"), ..of() }, &["at 4", "at 5"]),
            (Query { until: at("2025-10-06T10:00:02Z"), ..of() }, &["before", "at 0", "at 1"]),
            (Query { limit: Some(2), tail: true, ..of() }, &["at 4", "at 5"]),
            (Query { level: Some(Level::Error), ..of() }, &["before", "at 0", "at 2", "at 3"]),
            (Query { conditions: where_("msg=at 2"), ..of() }, &["at 2"]),
            (Query { conditions: where_("msg>\"at 3\""), ..of() }, &["before", "at 4", "at 5"]),
            (Query { conditions: where_("message?"), ..of() }, &["before", "at 1"]),
            (Query { conditions: where_("!msg?"), ..of() }, &[]),
            (Query { conditions: where_("meta=text"), ..of() }, &["at 4"]),
            (Query { conditions: where_("ts<2025-10-06T00:00:00Z"), ..of() }, &["before"]),
        ] {
            let told = format!("{}: {query:?}", place.display());
            let answer = query.run();
            assert_eq!(messages(&answer.lines), expect, "{told}");
            assert_eq!((answer.reading.skipped, answer.reading.damages), (0, 0), "{told}");
            let mut scanned = Vec::new();
            let _ = query.scan(&mut |found| scanned.extend(found.line.msg));
            assert!(query.limit.is_some() || scanned.len() == expect.len(), "{told}");
        }
    }
}
