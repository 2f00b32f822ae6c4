//! Trace ids in capitals, as others write them, are found like those in lower case.

use super::*;
use crate::fuzzing::{seal_in_frames, with_sections};
use crate::sealed::sections;

const PLAIN: &str = "events-2025-10-06.jsonl";
const SEALED: &str = "events-2025-10-06.jsonl.zst";

/// Two ids: one with digits in a row, and one without.
const IDS: [&str; 2] = ["abcdef00000000000000000000000001", "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6"];

/// An id in lower case, in capitals and in both.
fn spellings(id: &str) -> [String; 3] {
    let mixed = |(at, letter): (usize, char)| match at % 3 {
        0 => letter.to_ascii_uppercase(),
        _ => letter,
    };
    [id.to_owned(), id.to_uppercase(), id.chars().enumerate().map(mixed).collect()]
}

/// Lines of many traces, most of nobody: each spelling of each id stands in one of them.
fn content() -> String {
    let mut spelled: Vec<String> = IDS.iter().flat_map(|id| spellings(id)).collect();
    let filler = "x".repeat(200);
    (0..60)
        .map(|n| {
            let trace = if n % 10 == 5 { spelled.remove(0) } else { format!("{n:032x}") };
            line(n, "j", &format!(r#","source":"{filler}","trace_id":"{trace}""#)) + "\n"
        })
        .collect()
}

fn sealed(content: &str) -> tempfile::TempDir {
    let dir = dir(&[(PLAIN, content.as_bytes())]);
    let (plain, sealed) = (dir.path().join(PLAIN), dir.path().join(SEALED));
    let _ = seal_in_frames(&plain, &sealed, 1_000).unwrap();
    fs::remove_file(plain).unwrap();
    dir
}

/// The same as it was sealed once: the filters have ids as they were written, and no flag says otherwise.
fn sealed_before() -> tempfile::TempDir {
    let [own, without] = [content(), content().replace(|c: char| "ABCDEF".contains(c), "9")];
    let (own, without) = (sealed(&own), sealed(&without));
    let path = own.path().join(SEALED);
    let (_, filters) = sections(&without.path().join(SEALED), &[3, 4, 6]).unwrap();
    let (_, totals) = sections(&path, &[1]).unwrap();
    let mut totals = totals[0].1.clone();
    totals[44] &= !4;
    let filters = filters.iter().map(|(kind, bytes)| (*kind, bytes.as_slice()));
    let others: Vec<_> = filters.chain([(1, totals.as_slice())]).collect();
    fs::write(&path, with_sections(&path, &[2, 5], &others).unwrap()).unwrap();
    own
}

#[test]
fn a_trace_is_found_in_either_case_wherever_it_stands() {
    let content = content();
    let (first, rest) = content.split_at(content.len() / 2);
    let first = first.to_owned() + &rest[..=rest.find('\n').unwrap()];
    let rest = &content[first.len()..];
    let mixed = sealed(&first);
    fs::write(mixed.path().join("events-2025-10-06.0.1.jsonl"), rest).unwrap();
    let places = [dir(&[(PLAIN, content.as_bytes())]), sealed(&content), mixed, sealed_before()];
    // Nothing is too short for several threads.
    let skimmed = Limits { skim_bytes_min: 0, ..Limits::default() };
    for (id, expect) in IDS.iter().zip(["m5 m15 m25", "m35 m45 m55"]) {
        for asked in spellings(id).iter().flat_map(|id| [&id[..], &id[..3], &id[..7]]) {
            for (number, place) in places.iter().enumerate() {
                let of_option = Query { traces: vec![asked.to_owned()], ..query(place) };
                let with = |conditions: &[String]| {
                    let conditions = conditions.iter().map(|text| text.parse().unwrap()).collect();
                    Query { conditions, ..query(place) }
                };
                let key = with(&[format!("trace_id={asked}")]);
                let short = with(&[format!("trace={asked}")]);
                for query in [of_option, key, short] {
                    let answer = query.run();
                    assert_eq!(messages(&answer.lines).join(" "), expect, "{asked} in {number}");
                    assert_eq!(answer.reading.damages, 0, "{:?}", answer.reading);
                    assert_eq!(streamed(&query).0, answer.lines, "{asked} in {number}");
                    let answer = query.run_within(&skimmed);
                    assert_eq!(messages(&answer.lines).join(" "), expect, "{asked} in {number}");
                }
                let others = with(&[format!("trace_id!={asked}")]).run();
                assert_eq!(others.lines.len(), 57, "{asked} in {number}");
                // In quotes it is the whole id, as it is written.
                let quoted = with(&[format!("trace_id=\"{asked}\"")]).run();
                let count = usize::from(asked.len() == 32);
                assert_eq!(quoted.lines.len(), count, "{asked} in {number}");
            }
        }
        // By its filters, which rule out nearly all of what is sealed now.
        let query = Query { traces: vec![id.to_uppercase()], ..query(&places[1]) };
        let reading = query.run().reading;
        assert!(reading.frames_read <= 4 && reading.frames_skipped > 10, "{reading:?}");
    }
}

#[test]
fn a_span_that_links_to_a_trace_in_capitals_is_found() {
    let [small, capital, _] = spellings(IDS[0]);
    let span = |own: &str, linked: &str| {
        line(1, "j", &format!(r#","trace_id":"{own}""#))
            .replace("\"log\"", "\"span\"")
            .replace("{}", &format!(r#"{{"links":[{{"trace_id":"{linked}"}}]}}"#))
            + "\n"
    };
    for (own, linked, found) in
        [(IDS[1], &capital, 1), (IDS[1], &small, 1), (&capital, &capital, 0), (&capital, &small, 0)]
    {
        let dir = dir(&[("spans-2025-10-06.jsonl", span(own, linked).as_bytes())]);
        let query = Query { links_to: [small.clone()].into(), ..query(&dir) };
        assert_eq!(query.run().lines.len(), found, "{own} {linked}");
    }
}
