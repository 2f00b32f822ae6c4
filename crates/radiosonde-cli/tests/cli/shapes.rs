//! The shapes a result is printed in: tables, comma-separated values, lines as they are.

use crate::fixture::{Dir, command, event, lines, run};

#[test]
fn a_table_has_the_columns_that_were_asked_for_below_each_other() {
    let dir = Dir::story();
    let ran = dir.run("logs -o table --job job-7").exits(0);
    let rows: Vec<&str> = ran.out.lines().collect();
    assert_eq!(rows.len(), 4, "{}", ran.out);
    assert!(rows[0].starts_with("ts ") && rows[0].trim_end().ends_with("msg"), "{}", rows[0]);
    // What was asked for is the same everywhere, and what nobody has is no column.
    assert!(!rows[0].contains("job_id") && !rows[0].contains("session_id"), "{}", rows[0]);
    let column = rows[0].find("source").unwrap();
    assert!(rows[1..].iter().all(|row| row[column..].starts_with("app ")), "{}", ran.out);
    assert!(rows[1].starts_with("2025-10-06 11:50:00.050  info "), "{}", rows[1]);

    let ran = dir
        .run("logs -o table --field status,meta.attempt,level --field nobody --job job-7")
        .exits(0);
    let rows: Vec<Vec<&str>> =
        ran.out.lines().map(|row| row.split_whitespace().collect()).collect();
    let expect = [
        &["status", "meta.attempt", "level", "nobody"][..],
        &["info"],
        &["429", "2", "warning"],
        &["error"],
    ];
    assert_eq!(rows, expect);
    assert_eq!(dir.run("logs -o table --evt nobody").exits(1).out, "");
}

/// Lines of others in every column, the last of which is longer than those by which widths are found.
fn wide() -> Dir {
    let dir = Dir::empty();
    let line = |nth: u32, level: &str, evt: &str, job: &str| {
        format!(
            r#"{{"ts":"2025-10-06T11:50:00.{nth:03}Z","level":"{level}","evt":"{evt}","source":"job_platform::render","msg":"attempt {nth} failed for good","job_id":"{job}","trace_id":"{nth:032x}","worker_id":"worker-{nth}","meta":{{"status":503,"why":"the scene has no camera"}}}}"#
        )
    };
    let mut all: Vec<_> = (0..520).map(|nth| line(nth, "info", "a", "j1")).collect();
    all.push(line(900, "critical", "payment.failed.for.good", "job-000000001234"));
    dir.write("events-2025-10-06.jsonl", lines(&all));
    dir
}

#[test]
fn what_comes_late_in_a_table_is_whole_where_there_is_no_terminal() {
    let ran = wide().run("logs -o table").exits(0);
    let last = ran.out.lines().last().unwrap();
    for cell in ["critical", "payment.failed.for.good", "job-000000001234", "for good"] {
        assert!(last.contains(cell), "{last}");
    }
    assert_eq!(ran.err, "");
}

#[cfg(target_os = "linux")]
#[test]
fn columns_of_a_table_give_way_to_what_is_told() {
    let dir = wide();
    let of = |args: &str, columns: u16| {
        let mut command = command(&args.split(' ').collect::<Vec<_>>());
        let _ = command.arg("--dir").arg(dir.path());
        crate::terminal::run_all(command, columns)
    };
    for columns in [60, 80, 100] {
        let text = of("logs -o table -P -n 20", columns);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for told in ["attempt 519 failed", "critical", "without ", "source, ", "-o csv has all"] {
            assert!(text.contains(told), "no {told} in {columns}:\n{text}");
        }
    }
    // What was asked for stays.
    let text = of("logs -o table -P -n 20 --field ts,level,msg,status,why", 80);
    for told in ["attempt 519", "critical", "503", "the scene", "status", "why"] {
        assert!(text.contains(told), "no {told} in:\n{text}");
    }
    assert!(!text.contains("without"), "{text}");
    let text = of("logs -o table -P -n 20 --field ts,level,msg", 200);
    assert!(
        text.contains("attempt 519 failed for good") && !text.contains("radiosonde:"),
        "{text}"
    );
}

#[test]
fn a_level_that_nobody_knows_is_shown_as_it_is_written() {
    let dir = Dir::empty();
    let of = |rest: &str| format!(r#"{{"ts":"2025-10-06T11:50:00Z","msg":"m"{rest}}}"#);
    let all = [r#","level":"FTLL""#, r#","level":7"#, "", r#","level":"WARN""#, r#","level":null"#]
        .map(of);
    dir.write("events-2025-10-06.jsonl", lines(&all));
    for (shape, expect) in [
        ("table", ["FTLL m", "7 m", "m", "warning m", "m"]),
        ("csv", ["FTLL,m", "7,m", ",m", "warning,m", ",m"]),
    ] {
        let ran = dir.run(&format!("logs -o {shape} --field level,msg")).exits(0);
        let rows: Vec<String> = (ran.out.lines().skip(1))
            .map(|row| row.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(rows, expect, "{}", ran.out);
    }
}

#[test]
fn comma_separated_values_are_read_by_anybody_and_are_no_formulas() {
    let dir = Dir::empty();
    dir.write(
        "events-2025-10-06.jsonl",
        lines(&[
            event(
                1,
                "00.000000",
                "info",
                "log",
                r#"say \"hi\", twice"#,
                &[],
                r#"{"n":-5,"t":"-5"}"#,
            ),
            event(
                2,
                "01.000000",
                "info",
                "log",
                r"=HYPERLINK(\u0022x\u0022)",
                &[],
                r#"{"n":1.5,"t":{"a":1}}"#,
            ),
            event(3, "02.000000", "info", "log", r"two\nlines", &[], r#"{"t":null}"#),
        ]),
    );
    let ran = dir.run("logs -o csv --field ts,msg,n,t").exits(0);
    let expect = [
        "ts,msg,n,t",
        "2025-10-06T11:50:00.000000Z,\"say \"\"hi\"\", twice\",-5,'-5",
        "2025-10-06T11:50:01.000000Z,\"'=HYPERLINK(\"\"x\"\")\",1.5,\"{\"\"a\"\":1}\"",
        "2025-10-06T11:50:02.000000Z,\"two\nlines\",,",
        "",
    ];
    assert_eq!(ran.out, expect.join("\r\n"));
    // Every key of a line, where none was asked for; the header alone where nothing is found.
    let header = "ts,level,evt,source,msg,service,trace_id,span_id,job_id,machine_id,worker_id,session_id,meta,id\r\n";
    let ran = dir.run("logs -o csv -n 1").exits(0);
    assert!(ran.out.starts_with(header) && ran.out.contains(",aaaaaaaa.1.3\r\n"), "{}", ran.out);
    assert_eq!(dir.run("logs -o csv --evt nobody").exits(1).out, header);
}

#[test]
fn fields_of_lines_of_others_are_printed_as_those_of_ours() {
    let dir = Dir::empty();
    let line = r#"{"ts":"2025-10-06T10:05:00Z","level":"INFO","msg":"line 5","status":205,"user":"ann","id":"req-7"}"#;
    dir.write("app.log", format!("{line}\n"));
    let path = dir.path().join("app.log");
    let of = |args: &str| {
        let args = format!("{args} {}", path.display());
        run(command(&args.split(' ').collect::<Vec<_>>())).exits(0)
    };
    let _ = of("logs").prints(&["10:05:00.000 INFO   line 5  status=205  user=ann\n"]);
    let csv = r#""{""status"":205,""user"":""ann""}",req-7"#;
    let _ = of("logs -o csv").prints(&[csv]);
    // As it stands in the file.
    assert_eq!(of("logs -o raw").out, format!("{line}\n"));
}

#[test]
fn other_rows_are_comma_separated_as_well() {
    let dir = Dir::story();
    let ran = dir.run("coverage --known 36500d --since 36500d -o csv").exits(0);
    let rows: Vec<&str> = ran.out.split("\r\n").collect();
    assert_eq!(
        rows[0],
        "service,machine_id,state,reported,expected,last_ts,events,spans,metrics,errors"
    );
    assert!(rows[1].starts_with("ingestion,"), "{}", ran.out);
    assert_eq!(rows[1].split(',').count(), rows[0].split(',').count());
    let ran =
        dir.run("coverage --known 36500d --since 36500d -o csv --field service,spans").exits(0);
    assert!(ran.out.starts_with("service,spans\r\ningestion,"), "{}", ran.out);
    let ran = dir.run("removed -o csv").exits(1);
    assert_eq!(ran.out, "ts,dir,slot,file,rule,files,lines,bytes,pending\r\n");
}

#[test]
fn lines_are_printed_as_they_stand_in_the_files() {
    let dir = Dir::empty();
    // Keys in another order, blanks, escapes nobody needs, and a key of a newer version.
    let odd = r#"{ "msg":"\u0061","ts":"2025-10-06T11:50:00Z", "later":[1, 2] }"#;
    dir.write("events-2025-10-06.jsonl", format!("{odd}\n"));
    for output in ["json", "raw"] {
        assert_eq!(dir.run(&format!("logs -o {output}")).exits(0).out, format!("{odd}\n"));
    }
}

#[test]
fn the_manual_page_tells_of_every_command() {
    let ran = Dir::empty().run("man").status;
    assert_eq!(ran, 2, "it reads no directory");
    let page = crate::fixture::run(crate::fixture::command(&["man"])).exits(0).out;
    let title = page.lines().position(|line| line.starts_with(".TH radiosonde 1")).unwrap();
    assert!(title < 4, "{page:.200}");
    for section in
        ["NAME", "SYNOPSIS", "RADIOSONDE LOGS", "RADIOSONDE SPOOL DRAIN", "RADIOSONDE OPS CHECK"]
    {
        assert_eq!(page.matches(&format!("\n.SH {section}\n")).count(), 1, "{section}");
    }
    assert!(page.contains("RADIOSONDE_CLI_LEVEL") && page.contains(".SS EXAMPLES"));
    // Each begins with its name; a part of another would end the section it stands in.
    assert_eq!(page.matches(".TH ").count(), 1);
}
