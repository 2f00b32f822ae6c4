//! What a row of a span says, and in which order.

use crate::fixture::{Dir, TRACE, command, lines};

/// A span line with these keys and these members of its `meta`.
fn span(id: &str, parent: &str, name: &str, keys: &str, meta: &str) -> String {
    let parent = match parent {
        "" => String::new(),
        parent => format!(r#""parent_span_id":"{parent}","#),
    };
    format!(
        r#"{{"ts":"2025-10-06T11:50:01Z","evt":"span","msg":"{name}","trace_id":"{TRACE}","span_id":"{id}",{keys}"meta":{{"name":"{name}",{parent}"duration_us":1000{meta}}}}}"#
    )
}

fn alone(name: &str, meta: &str) -> Dir {
    let dir = Dir::empty();
    dir.write("spans-2025-10-06.jsonl", lines(&[span("a", "", name, "", meta)]));
    dir
}

const HTTP: &str = r#","kind":"client","links":[{"trace_id":"ffffffffffffffff","span_id":"1"}],"attributes":{"error.type":"503","http.request.body.size":10,"http.request.method":"GET","http.request.resend_count":2,"http.response.body.size":11,"http.response.status_code":503,"http.route":"/hello/{id}","network.protocol.version":"1.1","rpc.response.status_code":14,"server.address":"shop","server.port":8080,"url.full":"http://shop/hello/7","url.path":"/hello/7","url.scheme":"http","user.id":5}"#;

#[test]
fn what_went_wrong_and_where_comes_before_what_few_ask_for() {
    let said = "→ trace ffffffff  rpc.response.status_code=14  url.full=http://shop/hello/7  url.path=/hello/7  \
                http.request.resend_count=2  ";
    let left_out = "sizes, ports and the like are left out: --wide shows all\n";
    for (name, more) in [
        ("GET /hello/{id}", "server.address=shop  user.id=5\n"),
        ("GET", "http.route=/hello/{id}  server.address=shop  user.id=5\n"),
        ("GET /hello/{id}/7", "http.route=/hello/{id}  server.address=shop  user.id=5\n"),
        ("GETTER /hello/{id}", "http.request.method=GET  server.address=shop  user.id=5\n"),
    ] {
        let row = format!("{name}  503  client  {said}{more}");
        let _ = alone(name, HTTP).run("trace 0e").exits(0).prints(&[&row, left_out]);
    }
    let dir = alone("GET /hello/{id}", HTTP);
    let wide = "503  client  → trace ffffffff  error.type=503  http.response.status_code=503  \
                rpc.response.status_code=14  url.full=http://shop/hello/7  url.path=/hello/7  \
                http.request.resend_count=2  http.request.body.size=10  http.request.method=GET  \
                http.response.body.size=11  http.route=/hello/{id}  network.protocol.version=1.1  \
                server.address=shop  server.port=8080  url.scheme=http  user.id=5\n";
    let _ = dir.run("trace 0e --wide").exits(0).prints(&[wide]).omits(&["left out"]);
    let _ = alone("work", "").run("trace 0e").exits(0).omits(&["left out"]);
}

#[test]
fn how_a_request_ended_stands_behind_its_name() {
    let of = |rest: &str, attributes: &str| format!(r#"{rest},"attributes":{{{attributes}}}"#);
    let failed = r#","status":"error""#;
    let told = r#","status":"error","status_message":"503 no room""#;
    let other = r#","status":"error","status_message":"no room""#;
    let code = r#""http.response.status_code":503"#;
    let typed = r#""error.type":"503","http.response.status_code":503"#;
    for (meta, row) in [
        (of("", r#""http.response.status_code":202"#), "POST  202\n"),
        (of(r#","status":"ok""#, code), "POST  ok 503\n"),
        (of(failed, typed), "POST  error 503\n"),
        (
            of(failed, r#""error.type":"timeout","http.response.status_code":503"#),
            "POST  error 503  error.type=timeout\n",
        ),
        (of(told, typed), "POST  error: 503 no room\n"),
        (of(other, typed), "POST  error 503: no room\n"),
        (of(failed, r#""rpc.response.status_code":"NOT_FOUND""#), "POST  error NOT_FOUND\n"),
        (
            of(failed, r#""rpc.response.status_code":"""#),
            "POST  error  rpc.response.status_code=\"\"\n",
        ),
        (of("", r#""http.response.status_code":[1]"#), "POST  http.response.status_code=[1]\n"),
    ] {
        let ran = alone("POST", &meta).run("trace 0e").exits(0).prints(&[row]);
        let _ = ran.omits(&["left out"]);
    }
}

#[test]
fn what_was_given_up_does_not_look_like_a_success() {
    let cancelled = r#","attributes":{"error.type":"cancelled","a":1}"#;
    let failed = r#","status":"error","attributes":{"error.type":"cancelled"}"#;
    let other = r#","attributes":{"error.type":"timeout"}"#;
    for (meta, row) in [
        (cancelled, "GET  cancelled  a=1\n"),
        (failed, "GET  error  error.type=cancelled\n"),
        (other, "GET  error.type=timeout\n"),
    ] {
        let _ = alone("GET", meta).run("trace 0e").exits(0).prints(&[row]);
    }
    let coloured = alone("GET", cancelled).run("trace 0e --color always").exits(0);
    let _ = coloured.prints(&["\x1b[33mcancelled\x1b[0m"]);
}

#[test]
fn each_row_of_several_services_or_machines_names_its_own() {
    let of = |service: &str, machine: &str, id: &str, parent: &str| {
        let keys = format!(r#""service":"{service}","machine_id":"{machine}","#);
        span(id, parent, &format!("span {id}"), &keys, "")
    };
    let all = [
        of("shop", "web-1", "a", ""),
        of("shop", "web-2", "b", "a"),
        of("shop", "web-2", "c", "b"),
        of("packing", "web-2", "d", "b"),
    ];
    let log = r#"{"ts":"2025-10-06T11:50:00.999500Z","level":"error","evt":"log","msg":"no paper","service":"packing","machine_id":"web-2","trace_id":"TRACE","span_id":"d"}"#;
    let dir = Dir::empty();
    dir.write("events-2025-10-06.jsonl", lines(&[log.replace("TRACE", TRACE)]));
    // The word behind the time of each row that ends like this.
    let places = |spans: &[String], rows: &[(&str, &str)]| {
        dir.write("spans-2025-10-06.jsonl", lines(spans));
        let ran = dir.run("trace 0e").exits(0);
        for (end, place) in rows {
            let row = ran.out.lines().rfind(|row| row.ends_with(end)).unwrap();
            assert_eq!(row.split_whitespace().nth(1), Some(*place), "{row}");
        }
        ran
    };
    let several = [
        ("span a", "shop@1"),
        ("span b", "shop@2"),
        ("span c", "shop@2"),
        ("span d", "packing"),
        ("no paper", "packing"),
    ];
    let _ = places(&all, &several)
        .prints(&["from    packing on web-2, shop on web-1 and web-2\n"])
        .omits(&["machine=", "in shop"]);
    dir.write("events-2025-10-06.jsonl", "");
    let one_service = places(&all[..3], &[("span a", "1"), ("span b", "2"), ("span c", "2")]);
    let _ = one_service.prints(&["from    shop on web-1 and web-2\n"]);
    let one_machine = [all[1].clone(), all[3].clone()];
    let _ = places(&one_machine, &[("span b", "shop"), ("span d", "packing")]);
    // Where all is of one place, it stands above.
    let one = places(&all[1..3], &[]).omits(&["from ", "@"]);
    assert!(one.out.contains(" · shop · "), "{}", one.out);
}

#[test]
fn why_a_span_of_an_unsampled_trace_is_there_is_said() {
    let slow = span("a", "b", "slow", "", r#","kept":"slow""#);
    let failed = span("c", "b", "failed", "", r#","status":"error","kept":"error""#);
    let dir = Dir::empty();
    dir.write("spans-2025-10-06.jsonl", lines(&[slow.clone(), failed]));
    let _ = dir.run("trace 0e").exits(0).prints(&[
        "1 trace, 2 spans (1 error)\nnot sampled: only slow and failed spans are here\n",
        "slow  kept: slow\n",
        "failed  error  kept: error\n",
    ]);
    // Beside a trace that was sampled.
    let sampled = span("d", "", "whole", "", "").replace(TRACE, &"a".repeat(32));
    let by_job = |span: String| span.replace(r#""meta""#, r#""job_id":"j","meta""#);
    dir.write("spans-2025-10-06.jsonl", lines(&[by_job(slow), by_job(sampled)]));
    let one = "1 of 2 traces not sampled: only slow and failed spans of them are here\n";
    let _ = dir.run("trace --job j").exits(0).prints(&[one]);
    let _ = dir.run("trace aaaa").exits(0).omits(&["not sampled:", "kept"]);
}

#[cfg(target_os = "linux")]
fn on_terminal(dir: &Dir, args: &str, columns: u16) -> String {
    let args = format!("{args} -P --color never --dir {}", dir.path().display());
    crate::terminal::run(command(&args.split(' ').collect::<Vec<_>>()), columns)
}

#[test]
fn a_worker_is_named_where_its_machine_does_not_tell_it() {
    let of = |id: &str, parent: &str, machine: &str, worker: &str| {
        let keys = format!(r#""service":"w","machine_id":"{machine}","worker_id":"{worker}","#);
        span(id, parent, &format!("span {id}"), &keys, "")
    };
    let dir = Dir::empty();
    let each = [of("a", "", "m-1", "w-1"), of("b", "a", "m-2", "w-2")];
    dir.write("spans-2025-10-06.jsonl", lines(&each));
    let _ = dir.run("trace 0e").exits(0).omits(&["worker="]).prints(&["worker w-1, w-2"]);
    let two = [each.to_vec(), vec![of("c", "a", "m-2", "w-3")]].concat();
    dir.write("spans-2025-10-06.jsonl", lines(&two));
    let _ = dir.run("trace 0e").exits(0).prints(&["span c  worker=w-3\n"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_without_room_for_the_places_has_them_where_they_change() {
    let of = |service: &str, id: &str, parent: &str| {
        let keys = format!(r#""service":"{service}","machine_id":"m-{id}","#);
        span(id, parent, &format!("span {id}"), &keys, "")
    };
    let dir = Dir::empty();
    let spans = [of("shop", "a", ""), of("packing", "b", "a"), of("packing", "b", "b")];
    dir.write("spans-2025-10-06.jsonl", lines(&spans));
    let text = on_terminal(&dir, "trace 0e", 79);
    for row in ["span a  in shop on m-a\n", "span b  in packing on m-b\n"] {
        assert!(text.contains(row), "no {row:?} in:\n{text}");
    }
    let text = on_terminal(&dir, "trace 0e", 80);
    assert!(text.contains("from    packing on m-b, shop on m-a\n"), "{text}");
    assert!(text.lines().all(|row| row.chars().count() <= 80), "{text}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_narrow_terminal_shows_what_tells_two_requests_apart() {
    let client = |id: &str, host: &str, path: &str| {
        let meta = format!(
            r#","kind":"client","attributes":{{"http.request.method":"GET","http.response.status_code":200,"server.address":"{host}","url.full":"https://{host}{path}"}}"#
        );
        span(id, "a", "GET", "", &meta)
    };
    let order = span("a", "", "order", r#""service":"a-shop-with-a-name","#, "");
    let host = "stock.internal.example";
    let spans = [
        order,
        client("b", host, "/items/7"),
        client("c", host, "/items/8?a=1"),
        client("d", host, ""),
    ];
    let dir = Dir::empty();
    dir.write("spans-2025-10-06.jsonl", lines(&spans));
    let text = on_terminal(&dir, "trace 0e", 80);
    assert!(text.lines().all(|row| row.chars().count() <= 80), "{text}");
    for row in [
        " GET  200  client  url.full=…/items/7\n",
        " GET  200  client  url.full=\"…/items/8?a=1\"\n",
    ] {
        assert!(text.contains(row), "no {row:?} in:\n{text}");
    }
    // The title has its own lines.
    assert!(
        text.starts_with(&format!("trace {TRACE} · a-shop-with-a-name\n  2025-10-06")),
        "{text}"
    );
    // What would have no room is left out, and that is said.
    let text = on_terminal(&dir, "trace 0e", 50);
    assert!(text.contains(" GET  200  client\n") && !text.contains("url.full"), "{text}");
    assert!(text.ends_with("left out: --wide\nshows all\n"), "{text}");
    let wide = on_terminal(&dir, "trace 0e --wide", 50);
    assert!(wide.contains("  url.full=https://stock.internal.example/items/7  "), "{wide}");
    let _ =
        dir.run("trace 0e").exits(0).prints(&["url.full=https://stock.internal.example/items/7"]);
}

#[cfg(target_os = "linux")]
#[test]
fn names_of_series_end_before_the_edge_of_a_terminal() {
    let dir = Dir::empty();
    let line = r#"{"ts":"2025-10-06T11:50:01Z","evt":"metric","service":"shop","job_id":"j","meta":{"kind":"KIND","name":"http_server_request_duration_seconds","type":"histogram","unit":"seconds","labels":{"error_type":"","http_request_method":"GET","http_route":"/orders/{id}"},"count":4,"sum":10}}"#;
    let both = ["snapshot", "delta"].map(|kind| line.replace("KIND", kind));
    dir.write("metrics-2025-10-06.jsonl", lines(&both));
    for args in ["metrics", "metrics --job j", "correlate --job j"] {
        let text = on_terminal(&dir, args, 80);
        assert!(text.lines().all(|row| row.chars().count() <= 80), "{text}");
        let row =
            "  http_server_request_duration_seconds{http_request_method=\"GET\",http_route=\"/o…\n";
        assert!(text.contains(row) && text.ends_with("--wide shows all\n"), "{args}: {text}");
        assert!(text.contains("\n    4 × mean 2.5 s, sum 10 s\n"), "{args}: {text}");
        let whole = r#"{http_request_method="GET",http_route="/orders/{id}"}  4 × mean"#;
        let wide = on_terminal(&dir, &format!("{args} --wide"), 80);
        assert!(wide.contains(whole) && !wide.contains('…'), "{args}: {wide}");
        let _ = dir.run(args).exits(0).prints(&[whole]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn rows_of_a_deep_tree_keep_their_names_and_times_on_a_narrow_terminal() {
    let id = |depth: u32| format!("{depth:016x}");
    let name = |depth: u32| format!("step {depth:02} of the import of all warehouses {depth:02}");
    let deep = |depth: u32| {
        let parent = if depth == 0 { String::new() } else { id(depth - 1) };
        let service = ["front", "warehouse-import", "ledger"][depth as usize % 3];
        let keys = format!(r#""service":"{service}","machine_id":"machine-{}","#, depth % 2);
        let meta = r#","status":"error","status_message":"the disk is full""#;
        span(&id(depth), &parent, &name(depth), &keys, if depth == 11 { meta } else { "" })
    };
    let dir = Dir::empty();
    let spans: Vec<String> = (0..12).map(deep).collect();
    dir.write("spans-2025-10-06.jsonl", lines(&spans));
    let line = format!(
        r#"{{"ts":"2025-10-06T11:50:01Z","evt":"metric","trace_id":"{TRACE}","span_id":"{}","meta":{{"kind":"delta","name":"warehouse_import_rows_total","type":"counter","labels":{{"warehouse":"north-7"}},"value":42}}}}"#,
        id(11)
    );
    dir.write("metrics-2025-10-06.jsonl", lines(&[line]));
    let whole = dir.run(&format!("correlate --trace {TRACE}")).exits(0).out;
    let tree = |text: &str| -> Vec<String> {
        text.lines().filter(|row| row.starts_with("11:5")).map(str::to_owned).collect()
    };
    let time = |row: &str| -> Option<String> { row.get(.."11:50:01.000".len()).map(str::to_owned) };
    for columns in [60, 79, 80, 100] {
        let text = on_terminal(&dir, &format!("correlate --trace {TRACE}"), columns);
        let (rows, all) = (tree(&text), tree(&whole));
        assert_eq!(rows.len(), all.len(), "{text}");
        for (row, whole) in rows.iter().zip(&all) {
            assert!(row.chars().count() <= columns.into(), "{row}");
            assert_eq!(time(row), time(whole));
        }
        for depth in 0..12 {
            let ends =
                |row: &&String| row.contains("step ") && row.contains(&format!("s {depth:02}"));
            let row = rows.iter().find(ends).unwrap_or_else(|| panic!("no {depth} in:\n{text}"));
            assert!(row.contains(" ms ◆ "), "{text}");
            assert!(depth < 11 || row.contains(" 11  error: "), "{text}");
        }
        let metric = rows.iter().find(|row| row.contains("metric ")).unwrap();
        assert!(metric.contains("metric war") && metric.ends_with(" +42"), "{text}");
    }
}
