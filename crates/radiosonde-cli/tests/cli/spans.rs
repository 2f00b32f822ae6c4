//! What spans tell besides their time: links, events, and that their process died in them.

use crate::fixture::{Dir, TRACE, lines};

/// A span line; `meta` is what follows the name.
fn span(id: &str, name: &str, ts: &str, meta: &str) -> String {
    format!(
        r#"{{"ts":"2025-10-06T11:50:{ts}Z","level":"info","evt":"span","msg":"{name}","trace_id":"{TRACE}","span_id":"{id}","job_id":"j","meta":{{"name":"{name}"{meta}}}}}"#
    )
}

fn interrupted(id: &str, name: &str, meta: &str) -> String {
    format!(
        r#"{{"ts":"2025-10-06T11:50:04.000000Z","level":"warning","evt":"span.interrupted","msg":"{name} was open for at least 4.0 s when its process died","trace_id":"{TRACE}","span_id":"{id}","job_id":"j","meta":{{"name":"{name}","start":"2025-10-06T11:50:00Z","open_us":4000000{meta}}},"id":"k3f9q2xw.4294967295.{id}"}}"#
    )
}

#[test]
fn a_span_that_its_process_died_in_is_drawn_with_what_happened_inside_it() {
    let dir = Dir::empty();
    let child = span(
        "bbbbbbbbbbbbbbbb",
        "fetch",
        "01",
        r#","parent_span_id":"aaaaaaaaaaaaaaaa","start":"2025-10-06T11:50:00.5Z","duration_us":500000"#,
    );
    dir.write("spans-2025-10-06.jsonl", lines(&[child]));
    let dead = interrupted("aaaaaaaaaaaaaaaa", "checkout", r#","thread":"worker-1","pid":12"#);
    // It had its line already when it was called open.
    let late = interrupted("bbbbbbbbbbbbbbbb", "fetch", "");
    dir.write("events-2025-10-06.jsonl", lines(&[dead.clone(), late]));
    for args in ["trace 0edadbc0", "trace --job j", "correlate --job j"] {
        let ran = dir.run(args).exits(0).omits(&["missing"]).prints(&[
            // The one that was closed after all is a span, and an event of having been called open.
            "1 trace, 1 span, 1 interrupted span, 1 event (1 warning)\n",
            ">4.00 s ◆ checkout  open when its process died  thread=worker-1",
            "└─ fetch\n",
            "└─ WARN  span.interrupted",
        ]);
        let row = ran.out.lines().find(|row| row.contains("checkout  open")).unwrap();
        assert!(row.contains(" ▒▒▒▒▒▒▒▒▒▒") && !row.contains('█'), "{row}");
    }
    // Where it is not asked for, it is what was around.
    let other = span(
        "cccccccccccccccc",
        "store",
        "02",
        r#","parent_span_id":"aaaaaaaaaaaaaaaa","duration_us":1"#,
    );
    dir.write(
        "spans-2025-10-07.jsonl",
        lines(&[other.replace(r#""job_id":"j""#, r#""job_id":"k""#)]),
    );
    let _ = dir.run("correlate --job k").exits(0).omits(&["missing"]).prints(&["checkout  open"]);
    // As it is stored.
    let ran = dir.run("correlate --job j -o json").exits(0);
    assert!(ran.out.contains(&dead), "{}", ran.out);
}

#[test]
fn links_and_events_of_a_span_stand_with_it() {
    let dir = Dir::empty();
    let meta = format!(
        r#","start":"2025-10-06T11:50:00Z","duration_us":2000000,"links":[{{"trace_id":"{}","span_id":"00f067aa0ba902b7"}},{{"trace_id":"{TRACE}","span_id":"1111111111111111","attributes":{{"a":1}}}}],"events":[{{"ts":"2025-10-06T11:50:01.5Z","name":"exception","attributes":{{"exception.type":"Timeout","exception.message":"too late","exception.stacktrace":"at line 1\n","attempt":2}}}},{{"ts":"2025-10-06T11:50:00.5Z","name":"retried"}}]"#,
        "f".repeat(32)
    );
    dir.write("spans-2025-10-06.jsonl", lines(&[span("aaaaaaaaaaaaaaaa", "consume", "02", &meta)]));
    let ran = dir.run("trace 0edadbc0").exits(0).omits(&["at line 1"]).prints(&[
        "consume  → trace ffffffff  → span 1111111111111111",
        "11:50:00.500",
        "├─ retried\n",
        "└─ exception  Timeout: too late  attempt=2\n",
    ]);
    assert!(ran.out.find("retried") < ran.out.find("exception"), "by time: {}", ran.out);
}

#[test]
fn hostile_links_and_events_are_harmless() {
    let dir = Dir::empty();
    let event = r#"{"ts":"2025-10-06T11:49:00Z","name":"n\u001b[2J"}"#;
    let many = vec![event; 5_000].join(",");
    let link = r#"{"trace_id":"\u001b[2J","span_id":"x"}"#;
    let metas = [
        r#","links":7,"events":"no","attributes":[1]"#.to_owned(),
        r#","links":[null,1,{},{"trace_id":3},[[]]],"events":[null,{"name":1},{"ts":5,"name":"odd","attributes":[]}]"#
            .to_owned(),
        format!(r#","links":[{}],"events":[{many}]"#, vec![link; 5_000].join(",")),
        r#","parent_span_id":"aaaaaaaaaaaaaaa3","events":[{"name":"of itself"}]"#.to_owned(),
    ];
    let spans: Vec<String> = metas
        .iter()
        .enumerate()
        .map(|(nth, meta)| span(&format!("aaaaaaaaaaaaaaa{nth}"), "odd", "02", meta))
        .collect();
    dir.write("spans-2025-10-06.jsonl", lines(&spans));
    // Circles, a start after the end, an endless span, one of another type, one without ids.
    let dead = [
        interrupted("b", "circle", r#","parent_span_id":"b""#),
        interrupted("c", "endless", "").replace("4000000", "18446744073709551615"),
        interrupted("d", "later", "").replace("2025-10-06T11:50:00Z", "2099-01-01T00:00:00Z"),
        interrupted("e", "text", "").replace("4000000", r#""long""#),
        interrupted("f", "lost", "").replace(r#""span_id":"f","#, ""),
    ];
    dir.write("events-2025-10-06.jsonl", lines(&dead));
    let ran = dir.run("trace 0edadbc0").exits(0).prints(&[
        "and 4996 more links",
        "(4872 more events in this span)",
        "of itself",
        "circle  open",
        "endless  open",
        "later  open",
        "text  open",
        "lost was open",
    ]);
    let acts = |c: char| c.is_control() && c != '\n';
    assert!(!ran.out.contains(acts), "{:?}", ran.out);
}

const BATCH: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A span of another trace and service that links to these spans of [`TRACE`].
fn batch(id: &str, ts: &str, targets: &[&str]) -> String {
    let links = targets.iter().map(|id| format!(r#"{{"trace_id":"{TRACE}","span_id":"{id}"}}"#));
    let meta = format!(r#","duration_us":1000,"links":[{}]"#, links.collect::<Vec<_>>().join(","));
    span(id, "process batch", ts, &meta)
        .replace(
            &format!(r#""msg":"process batch","trace_id":"{TRACE}""#),
            &format!(r#""msg":"process batch","service":"packing","trace_id":"{BATCH}""#),
        )
        .replace(r#""job_id":"j""#, r#""job_id":"k""#)
}

#[test]
fn a_span_that_other_traces_link_to_names_them() {
    let dir = Dir::empty();
    let publish = span("aaaaaaaaaaaaaaaa", "publish", "01", r#","duration_us":1000"#);
    let inside = r#","duration_us":10,"parent_span_id":"dddddddddddddddd""#;
    let store = span("bbbbbbbbbbbbbbbb", "store", "01", inside);
    dir.write("spans-2025-10-06.jsonl", lines(&[publish, store]));
    // Another process, later: of the trace linked to it knows nothing but the link.
    let links = [
        batch("1111111111111111", "03", &["aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa"]),
        batch("2222222222222222", "04", &["aaaaaaaaaaaaaaaa", "dddddddddddddddd"]),
        batch("3333333333333333", "05", &["eeeeeeeeeeeeeeee"]),
        batch("4444444444444444", "06", &["aaaaaaaaaaaaaaaa"]).replace("4bf92f", "5cf92f"),
    ];
    dir.write("spans-2025-10-07.1.jsonl", lines(&links));
    for args in ["trace 0edadbc0", "correlate --job j"] {
        let ran = dir.run(args).exits(0).prints(&[
            "publish  ← linked from trace 4bf92f35 (process batch in packing, and 1 more span)  \
             ← linked from trace 5cf92f35 (process batch in packing)\n",
            "store\n",
            "or not here)  ← linked from trace 4bf92f35 (process batch in packing)\n",
            "\nspans that are not here are linked from trace 4bf92f35 (process batch in packing)\n",
        ]);
        assert_eq!(ran.out.matches('←').count(), 3, "{}", ran.out);
    }
    // The other direction, and both in one timeline.
    let _ = dir.run("trace 4bf9").exits(0).omits(&["←"]).prints(&["→ trace 0edadbc0"]);
    let both = dir.run("trace --job k").exits(0);
    let _ = both.prints(&["→ trace 0edadbc0", "\ntrace 4bf92f35, 5cf92f35\n"]).omits(&["←"]);
    // For programs there are the lines as they are.
    let _ = dir.run("trace 0edadbc0 -o json").exits(0).omits(&["packing"]);
}

#[test]
fn links_to_a_trace_are_looked_for_from_its_begin_on_and_named_up_to_a_bound() {
    let dir = Dir::empty();
    dir.write(
        "spans-2025-10-06.jsonl",
        lines(&[span("aaaaaaaaaaaaaaaa", "publish", "01", r#","duration_us":1000"#)]),
    );
    let of = |nth: u32| {
        batch("1111111111111111", "03", &["aaaaaaaaaaaaaaaa"])
            .replace(BATCH, &format!("{nth:032x}"))
    };
    // A span that ended an hour before cannot have known of it.
    let mut all = vec![of(0).replace("T11:50", "T10:50")];
    all.extend((1..=1_001).map(of));
    dir.write("spans-2025-10-07.jsonl", lines(&all));
    let ran = dir.run("trace 0edadbc0").exits(0).prints(&[
        "publish  ← linked from trace 00000000 (process batch in packing)  ←",
        "← and 996 more traces\n",
        "\nmore than 1000 spans of other traces link to these: the first are shown\n",
    ]);
    assert_eq!(ran.out.matches("← linked").count(), 4, "{}", ran.out);
    dir.write("spans-2025-10-07.jsonl", lines(&all[..1]));
    let _ = dir.run("trace 0edadbc0").exits(0).omits(&["←"]);
}

#[test]
fn hostile_spans_that_link_to_a_trace_are_harmless() {
    let dir = Dir::empty();
    let of = |name: &str, links: &str| {
        let meta = format!(r#","duration_us":1,"links":{links}"#);
        span("1111111111111111", name, "03", &meta).replacen(TRACE, "\\u001b[2J", 1)
    };
    let link = format!(r#"{{"trace_id":"{TRACE}","span_id":"\u001b[2J"}}"#);
    let all = [
        span("aaaaaaaaaaaaaaaa", "publish", "01", r#","duration_us":1000"#),
        of("x\\u001b[31m", &format!("[{link},7,{{}},null]")),
        of("y", &format!(r#"{{"0":{link}}}"#)),
        of("z", &format!("[{}]", vec![link.as_str(); 5_000].join(","))),
    ];
    dir.write("spans-2025-10-06.jsonl", lines(&all));
    let ran = dir.run("trace 0edadbc0").exits(0);
    let _ = ran.omits(&["\x1b"]).prints(&["linked from trace \\u{1b}[2J (x\\u{1b}[31m"]);
}
