//! Spans found by what they link to, and readings that end early.

use super::*;

const ASKED: &str = "0edadbc0a1b2c3d4e5f60718293a4b5c";
const OTHER: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A line of a span or of something else, with these links.
fn linking(n: u32, evt: &str, trace: &str, links: &str) -> String {
    format!(
        r#"{{"ts":"2025-10-06T10:00:{n:02}Z","level":"info","evt":"{evt}","msg":"m{n}","trace_id":"{trace}","meta":{{"name":"m{n}","links":{links},"attributes":{{"to":"{ASKED}"}}}},"id":"aaaaaaaa.1.{n}"}}"#
    )
}

fn to(trace: &str) -> String {
    format!(r#"{{"trace_id":"{trace}","span_id":"00f067aa0ba902b7"}}"#)
}

fn asked(dir: &tempfile::TempDir, traces: &[&str]) -> Query {
    let links_to = traces.iter().map(|&trace| trace.to_owned()).collect();
    Query { links_to, signals: vec![Signal::Spans], ..query(dir) }
}

#[test]
fn a_span_that_links_to_another_trace_that_is_asked_for_is_found() {
    let near = format!("{}5d", &ASKED[..30]);
    let text = [
        linking(1, "span", OTHER, &format!("[{}]", to(ASKED))),
        linking(2, "span", OTHER, &format!("[{},{}]", to(&near), to(ASKED))),
        linking(3, "span", ASKED, &format!("[{}]", to(ASKED))),
        linking(4, "span", OTHER, &format!("[{}]", to(&near))),
        linking(5, "span", OTHER, &format!("[{}]", to(&ASKED[..8]))),
        linking(6, "log", OTHER, &format!("[{}]", to(ASKED))),
        linking(7, "span", OTHER, "7"),
        linking(8, "span", OTHER, r#"[null,1,{},{"trace_id":3},[[]]]"#),
    ]
    .join("\n")
        + "\n";
    let dir = dir(&[("spans-2025-10-06.jsonl", text.as_bytes())]);
    let found = |traces: &[&str]| {
        let answer = asked(&dir, traces).run();
        assert!(!answer.reading.is_partial() && !answer.reading.is_cut_off);
        messages(&answer.lines).join(" ")
    };
    assert_eq!(found(&[ASKED]), "m1 m2");
    // Several are looked for by another sign than one.
    assert_eq!(found(&[ASKED, &near]), "m1 m2 m4");
    assert_eq!(found(&[ASKED, OTHER]), "m1 m2");
    assert_eq!(found(&[OTHER]), "");
    assert_eq!(found(&[&"f".repeat(32)]), "");
    let mut narrowed = asked(&dir, &[ASKED]);
    narrowed.since = Some("2025-10-06T10:00:02Z".parse().unwrap());
    assert_eq!(messages(&narrowed.run().lines), ["m2"]);
    let day = dir.path().join("spans-2025-10-06.jsonl");
    let sealed = dir.path().join("spans-2025-10-06.jsonl.zst");
    let _ = crate::sealed::seal(&day, &sealed, &Default::default(), &mut || true).unwrap();
    fs::remove_file(day).unwrap();
    assert_eq!(found(&[ASKED]), "m1 m2");
}

#[test]
fn a_reading_of_too_many_bytes_ends_and_says_so() {
    // Each file is one piece; what is left of a piece that was begun is gone through.
    let file = |n| line(n, "j", "") + "\n";
    let files = [file(1), file(2), file(3)];
    let dir = dir(&[
        ("events-2025-10-06.jsonl", files[0].as_bytes()),
        ("events-2025-10-07.jsonl", files[1].as_bytes()),
        ("events-2025-10-08.jsonl", files[2].as_bytes()),
    ]);
    let size = files[0].len() as u64;
    for (bytes_max, found, cut) in [
        (None, 3, false),
        (Some(3 * size), 3, false),
        (Some(3 * size - 1), 3, false),
        (Some(2 * size), 2, true),
        (Some(1), 1, true),
        (Some(0), 0, true),
    ] {
        let query = Query { bytes_max, ..query(&dir) };
        let answer = query.run();
        assert_eq!((answer.lines.len(), answer.reading.is_cut_off), (found, cut), "{bytes_max:?}");
        let (lines, reading) = streamed(&query);
        assert_eq!((lines.len(), reading.is_cut_off), (found, cut), "{bytes_max:?}");
        let mut all = Reading::default();
        all.merge(reading);
        assert_eq!(all.is_cut_off, cut);
    }
}
