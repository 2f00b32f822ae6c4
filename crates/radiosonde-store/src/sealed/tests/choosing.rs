//! Frames are left out only where nothing in them is wanted, whatever the index is like.

use super::*;
use crate::Line;
use crate::level::Level;
use crate::query::Query;
use crate::sealed::index::{Index, PAGES, VALUES};

/// Frames are this short, so that a few lines make several.
const SMALL: usize = 600;

/// Reads what may hold what is wanted: the lines that are, how many frames were left out, and what
/// was said.
fn asked(path: &Path, query: &Query) -> (Vec<Vec<u8>>, u64, Vec<Damage>) {
    let mut reader = Reader::open(path).unwrap();
    reader.narrow(&Wanted::of(query)).unwrap();
    let mut seen = Seen::default();
    while let Some(chunk) = reader.next_chunk().unwrap() {
        seen.add(chunk);
    }
    let lines = seen.lines.into_iter().chain(seen.half).map(|(_, line)| line);
    (lines.filter(|line| fits(line, query)).collect(), reader.frames().1, seen.damaged)
}

fn fits(line: &[u8], query: &Query) -> bool {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    Line::parse(text).is_ok_and(|line| query.matches(&line))
}

/// The wanted lines of a day file.
fn expected(content: &[u8], query: &Query) -> Vec<Vec<u8>> {
    let lines = content.split_inclusive(|byte| *byte == b'\n');
    lines.filter(|line| fits(line, query)).map(<[u8]>::to_vec).collect()
}

/// Three lines a minute, of three machines, sixty jobs and a rare event.
fn content() -> Vec<u8> {
    let line = |n: u32| {
        let level = if n.is_multiple_of(40) { "error" } else { "info" };
        let evt = if n == 100 { "rare" } else { "log" };
        format!(
            "{{\"ts\":\"2025-10-06T10:{:02}:00.000000Z\",\"level\":\"{level}\",\"evt\":\"{evt}\",\"service\":\"s-{}\",\"job_id\":\"job-{}\",\"machine_id\":\"m-{}\",\"worker_id\":\"w-{n}\"}}\n",
            n / 3,
            n / 120,
            n / 3,
            n / 60
        )
    };
    (0..180).map(line).collect::<String>().into_bytes()
}

/// Queries that a file with every section answers by leaving frames out.
fn queries() -> Vec<Query> {
    let query = || Query::new(Vec::new());
    let mut queries = vec![query(); 9];
    queries[0].machine = Some("m-1".to_owned());
    queries[1].worker = Some("w-17".to_owned());
    queries[2].level = Some(Level::Warning);
    queries[3].evt = vec!["rare".to_owned(), "none".to_owned()];
    queries[4].job = Some("job-5".to_owned());
    // Each is there, and never together.
    (queries[5].job, queries[5].machine) = (Some("job-5".to_owned()), Some("m-2".to_owned()));
    queries[6].machine = Some("m-9".to_owned());
    queries[7].since = Some("2025-10-06T10:50:00Z".parse().unwrap());
    queries[8].service = Some("s-1".to_owned());
    queries
}

/// A sealed file with an index of these sections of it, and others.
fn with_sections(pair: &Pair, kinds: &[u32], others: &[(u32, Vec<u8>)]) -> PathBuf {
    let others: Vec<(u32, &[u8])> =
        others.iter().map(|(kind, bytes)| (*kind, bytes.as_slice())).collect();
    let bytes = crate::fuzzing::with_sections(&pair.sealed(), kinds, &others).unwrap();
    let path = pair.dir.path().join("events-2025-10-07.jsonl.zst");
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn every_field_leaves_frames_out() {
    let content = content();
    let pair = Pair::in_frames(&content, SMALL);
    assert!(pair.seal.frames > 20);
    for query in queries() {
        let (lines, left_out, damages) = asked(&pair.sealed(), &query);
        assert_eq!(lines, expected(&content, &query), "{query:?}");
        assert_eq!(damages, [], "{query:?}");
        assert!(left_out >= pair.seal.frames / 2, "{left_out}: {query:?}");
    }
}

#[test]
fn a_file_in_which_nothing_is_wanted_is_left_out_whole() {
    let pair = Pair::in_frames(&content(), SMALL);
    let stored = fs::metadata(pair.sealed()).unwrap().len();
    let mut query = Query::new(Vec::new());
    query.machine = Some("m-9".to_owned());
    let mut reader = Reader::open(&pair.sealed()).unwrap();
    reader.narrow(&Wanted::of(&query)).unwrap();
    assert!(reader.next_chunk().unwrap().is_none());
    assert_eq!(reader.frames(), (0, pair.seal.frames));
    let index_bytes = stored - reader.bytes_skipped();
    assert!(reader.bytes_read() <= stored && index_bytes < stored, "{}", reader.bytes_read());
    // A reader that was not narrowed counts the same as left out: nothing.
    let mut reader = Reader::open(&pair.sealed()).unwrap();
    while reader.next_chunk().unwrap().is_some() {}
    assert_eq!((reader.frames(), reader.bytes_skipped()), ((pair.seal.frames, 0), 0));
}

#[test]
fn files_with_fewer_and_with_more_sections_answer_the_same() {
    let content = content();
    let pair = Pair::in_frames(&content, SMALL);
    let later = (99, b"what a later version adds".to_vec());
    // As files were sealed at first; with one of the sections that came later; with one to come.
    for (kinds, others) in [
        (&[1, 2, 3, 4][..], &[][..]),
        (&[1, 2, 3, 4, VALUES], &[]),
        (&[1, 2, 3, 4, PAGES], &[]),
        (&[PAGES, VALUES, 4, 3, 2, 1], &[later]),
    ] {
        let path = with_sections(&pair, kinds, others);
        assert!(is_sealed_copy(&pair.plain(), &path, &mut || true).unwrap(), "{kinds:?}");
        for query in queries() {
            let (lines, left_out, damages) = asked(&path, &query);
            assert_eq!(lines, expected(&content, &query), "{kinds:?}: {query:?}");
            assert_eq!(damages, [], "{kinds:?}: {query:?}");
            assert!(left_out > 0 || !kinds.contains(&VALUES) || query.job.is_some());
        }
    }
}

#[test]
fn sections_of_impossible_lengths_rule_out_nothing_and_are_told() {
    let content = content();
    let pair = Pair::in_frames(&content, SMALL);
    let huge = u32::MAX.to_le_bytes();
    let bitmap = vec![0xff; pair.seal.frames.div_ceil(8) as usize];
    let field = |count: [u8; 4]| [&3_u32.to_le_bytes()[..], &count, &bitmap].concat();
    let values = [
        vec![0],
        field(huge),
        [&field(1_u32.to_le_bytes())[..], &huge, b"m-1"].concat(),
        [&field(1_u32.to_le_bytes())[..], &3_u32.to_le_bytes(), b"m-1"].concat(),
        [3_u32.to_le_bytes(), huge].concat(),
    ];
    let run = |end: u32, place: u64| {
        let numbers = [1, 0, 0, end].map(u32::to_le_bytes).concat();
        [numbers, place.to_le_bytes().to_vec(), vec![0; 16]].concat()
    };
    let pages =
        [vec![], vec![0; 7], [huge, huge].concat(), vec![0; 8], run(u32::MAX, 0), run(1, u64::MAX)];
    let values = values.into_iter().map(|section| (PAGES, (VALUES, section), 0));
    let pages = pages.into_iter().map(|section| (VALUES, (PAGES, section), 4));
    for (number, (kept, other, asks)) in values.chain(pages).enumerate() {
        let path = with_sections(&pair, &[1, 2, 3, 4, kept], &[other]);
        let query = &queries()[asks];
        let (lines, _, damages) = asked(&path, query);
        assert_eq!(lines, expected(&content, query), "case {number}");
        let [damage] = &damages[..] else { panic!("case {number}: {damages:?}") };
        assert_eq!((damage.part, damage.lines_lost), (Part::Index, false), "case {number}");
        assert!(damage.reason.contains("impossible"), "case {number}: {damage:?}");
    }
}

#[test]
fn any_flip_in_a_section_loses_no_wanted_line() {
    let content: Vec<u8> =
        content().split_inclusive(|b| *b == b'\n').take(40).flatten().copied().collect();
    let pair = Pair::in_frames(&content, SMALL);
    let bytes = fs::read(pair.sealed()).unwrap();
    let file = fs::File::open(pair.sealed()).unwrap();
    let start = Index::start(&file, bytes.len() as u64).unwrap().unwrap() as usize;
    let path = pair.dir.path().join("flipped");
    let queries = queries();
    for at in start..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(&path, damaged).unwrap();
        // Whoever removes the day file would trust its index from then on.
        assert!(!is_sealed_copy(&pair.plain(), &path, &mut || true).unwrap(), "byte {at}");
        // In turns: every byte is read by some.
        for query in queries.iter().skip(at % 3).step_by(3) {
            let (lines, _, damages) = asked(&path, query);
            assert_eq!(lines, expected(&content, query), "byte {at}: {query:?}");
            assert!(damages.iter().all(|damage| !damage.lines_lost), "byte {at}: {damages:?}");
        }
    }
}

/// Lines in any form a reader takes, and some it does not.
fn any_line() -> impl Strategy<Value = String> {
    let id = prop_oneof![
        4 => "[ab][0-2]",
        1 => Just("a".repeat(130)),
        1 => Just(r"a\u0031".to_owned()),
    ];
    let level = prop_oneof![
        4 => prop_oneof![Just("info"), Just("error"), Just("WARN"), Just("debug")].prop_map(|word| format!("\"{word}\"")),
        1 => prop_oneof![Just("\"emergency\""), Just("7"), Just("null")].prop_map(str::to_owned),
    ];
    let member = |key: &'static str, value: BoxedStrategy<String>| {
        proptest::option::weighted(0.8, value.prop_map(move |value| format!("\"{key}\":{value}")))
    };
    let quoted = |id: BoxedStrategy<String>| id.prop_map(|id| format!("\"{id}\"")).boxed();
    let id = id.boxed();
    let members = (
        member("level", level.boxed()),
        member("evt", quoted(id.clone())),
        member("machine_id", quoted(id.clone())),
        member("worker_id", quoted(id.clone())),
        member("job_id", quoted(id)),
    );
    (0u32..60, members, any::<bool>(), 0u8..20).prop_map(|(second, members, is_spaced, other)| {
        if other == 0 {
            return "no line at all\n".to_owned();
        }
        let (a, b, c, d, e) = members;
        let time = format!("\"ts\":\"2025-10-06T10:00:{second:02}.000000Z\"");
        let members: Vec<String> = [Some(time), a, b, c, d, e].into_iter().flatten().collect();
        let between = if is_spaced { " , " } else { "," };
        format!("{{{}}}\n", members.join(between))
    })
}

fn any_query() -> impl Strategy<Value = Query> {
    let id = || prop_oneof!["[ab][0-3]", Just("a".repeat(130)), Just("a1".to_owned())];
    let some = |weight: f64| proptest::option::weighted(weight, id());
    let levels = proptest::option::weighted(0.4, 0usize..Level::ALL.len());
    let evt = proptest::collection::vec(prop_oneof![3 => id(), 1 => Just(String::new())], 0..3);
    let since = proptest::option::weighted(0.2, 0u32..60);
    (some(0.3), some(0.3), some(0.2), levels, evt, since).prop_map(
        |(machine, worker, job, level, evt, since)| {
            let mut query = Query::new(Vec::new());
            (query.machine, query.worker, query.job, query.evt) = (machine, worker, job, evt);
            query.level = level.map(|at| Level::ALL[at]);
            query.since =
                since.map(|second| format!("2025-10-06T10:00:{second:02}Z").parse().unwrap());
            query
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn no_wanted_line_is_left_out(
        lines in proptest::collection::vec(any_line(), 0..60),
        queries in proptest::collection::vec(any_query(), 8),
    ) {
        let content = lines.concat().into_bytes();
        let pair = Pair::in_frames(&content, SMALL);
        for query in queries {
            let (lines, _, damages) = asked(&pair.sealed(), &query);
            prop_assert_eq!(lines, expected(&content, &query), "{:?}", query);
            prop_assert!(damages.is_empty());
        }
    }
}
