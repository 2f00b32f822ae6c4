//! One line of each logger, as it comes.

use super::*;

fn line(text: &str) -> Line {
    Line::parse(text.as_bytes()).unwrap_or_else(|reason| panic!("{text}: {reason}"))
}

fn beside(line: &Line) -> Vec<String> {
    line.beside().iter().map(|(name, value)| format!("{name}={value}")).collect()
}

#[test]
fn lines_of_every_logger_are_read_as_they_come() {
    // All of them at 13:43:10.5 but where one has whole seconds.
    for (logger, level, msg, fields, text) in [
        (
            "pino",
            Some(Level::Error),
            Some("timed out"),
            &["pid=7", r#"hostname="m""#][..],
            r#"{"level":50,"time":1759758190500,"pid":7,"hostname":"m","msg":"timed out"}"#,
        ),
        (
            "zap, epoch",
            Some(Level::Warning),
            Some("timed out"),
            &[r#"caller="a.go:7""#, "n=1"],
            r#"{"level":"warn","ts":1759758190.5,"caller":"a.go:7","msg":"timed out","n":1}"#,
        ),
        (
            "zap, ISO",
            Some(Level::Critical),
            Some("timed out"),
            &[],
            r#"{"level":"dpanic","ts":"2025-10-06T15:43:10.500+0200","msg":"timed out"}"#,
        ),
        (
            "slog",
            Some(Level::Info),
            Some("timed out"),
            &["n=1"],
            r#"{"time":"2025-10-06T15:43:10.500000000+02:00","level":"INFO","msg":"timed out","n":1}"#,
        ),
        (
            "structlog",
            Some(Level::Error),
            Some("timed out"),
            &["n=1"],
            r#"{"n": 1, "event": "timed out", "level": "error", "timestamp": "2025-10-06T13:43:10.500000Z"}"#,
        ),
        (
            "Google Cloud",
            Some(Level::Error),
            Some("timed out"),
            &[r#"severity="ERROR""#],
            r#"{"severity":"ERROR","message":"timed out","time":"2025-10-06T13:43:10.500Z"}"#,
        ),
        (
            "Serilog",
            Some(Level::Critical),
            Some("timed out after {n}"),
            &[r#"@l="Fatal""#, "n=1"],
            r#"{"@t":"2025-10-06T13:43:10.5000000Z","@mt":"timed out after {n}","@l":"Fatal","n":1}"#,
        ),
        (
            "Serilog, rendered",
            Some(Level::Info),
            Some("timed out"),
            &[],
            r#"{"@t":"2025-10-06T13:43:10.5000000Z","@m":"timed out"}"#,
        ),
        (
            "logback",
            Some(Level::Error),
            Some("timed out"),
            &[r#"@version="1""#, r#"logger_name="a.B""#],
            r#"{"@timestamp":"2025-10-06T15:43:10.5+02:00","@version":"1","message":"timed out","logger_name":"a.B","level":"ERROR"}"#,
        ),
        (
            "logback's own",
            Some(Level::Error),
            Some("timed out"),
            &["nanoseconds=500000000"],
            r#"{"timestamp":1759758190500,"nanoseconds":500000000,"level":"ERROR","message":"timed out"}"#,
        ),
        (
            "ECS",
            Some(Level::Error),
            Some("timed out"),
            &[r#"log.level="ERROR""#, r#"event={"dataset":"a"}"#],
            r#"{"@timestamp":"2025-10-06T13:43:10.500Z","log.level":"ERROR","message":"timed out","event":{"dataset":"a"}}"#,
        ),
        (
            "ECS, nested",
            Some(Level::Warning),
            Some("timed out"),
            &[r#"log={"level":"warn"}"#],
            r#"{"@timestamp":"2025-10-06T13:43:10.500Z","log":{"level":"warn"},"message":"timed out"}"#,
        ),
        (
            "bunyan",
            Some(Level::Info),
            Some("timed out"),
            &[r#"name="a""#, "v=0"],
            r#"{"name":"a","level":30,"msg":"timed out","time":"2025-10-06T13:43:10.500Z","v":0}"#,
        ),
        (
            "winston",
            Some(Level::Error),
            Some("timed out"),
            &[],
            r#"{"level":"error","message":"timed out","timestamp":"2025-10-06T13:43:10.500Z"}"#,
        ),
        (
            "Docker",
            None,
            Some("timed out"),
            &[r#"stream="stderr""#],
            r#"{"log":"timed out\n","stream":"stderr","time":"2025-10-06T13:43:10.500000000Z"}"#,
        ),
        (
            "zerolog",
            Some(Level::Debug),
            Some("timed out"),
            &[],
            r#"{"level":"debug","time":1759758190,"message":"timed out"}"#,
        ),
        (
            "tracing",
            Some(Level::Error),
            Some("timed out"),
            &[r#"fields={"n":1}"#, r#"target="a::b""#],
            r#"{"timestamp":"2025-10-06T13:43:10.500000Z","level":"ERROR","fields":{"message":"timed out","n":1},"target":"a::b"}"#,
        ),
        (
            "tracing, the text alone",
            Some(Level::Error),
            Some("timed out"),
            &[],
            r#"{"timestamp":"2025-10-06T13:43:10.500000Z","level":"ERROR","fields":{"message":"timed out"}}"#,
        ),
        (
            "Python",
            Some(Level::Critical),
            Some("timed out"),
            &[r#"levelname="CRITICAL""#],
            r#"{"timestamp": "2025-10-06T13:43:10.500000+00:00", "levelname": "CRITICAL", "message": "timed out"}"#,
        ),
        (
            "AWS",
            None,
            None,
            &[r#"eventName="GetObject""#],
            r#"{"eventTime":"2025-10-06T13:43:10.5Z","eventName":"GetObject"}"#,
        ),
        (
            ".NET",
            Some(Level::Info),
            Some("timed out"),
            &[],
            r#"{"Timestamp":"2025-10-06T13:43:10.5Z","level":"Information","message":"timed out"}"#,
        ),
    ] {
        let line = line(text);
        let expect = match text.contains(":1759758190,") {
            true => "2025-10-06T13:43:10Z",
            false => "2025-10-06T13:43:10.5Z",
        };
        assert_eq!(line.ts.to_string(), expect, "{logger}");
        assert_eq!((line.level, line.msg.as_deref()), (level, msg), "{logger}");
        assert_eq!(beside(&line), fields, "{logger}");
        assert_eq!((line.evt.as_str(), line.raw.as_str()), ("", text), "{logger}");
        // A look finds no time of ours there, and leaves it to be taken apart.
        assert_eq!(crate::peek::ts(text.as_bytes()), None, "{logger}");
        assert_eq!(crate::peek::facts(text.as_bytes()), None, "{logger}");
    }
}

#[test]
fn a_time_that_is_written_goes_before_a_number() {
    for fields in [
        r#""time":1759758200,"timestamp":"2025-10-06T13:43:10Z""#,
        r#""@timestamp":"2025-10-06T13:43:10Z","time":1759758200000"#,
    ] {
        let line = Line::parse(format!(r#"{{{fields},"msg":"m"}}"#).as_bytes()).unwrap();
        assert_eq!(line.ts.to_string(), "2025-10-06T13:43:10Z", "{fields}");
    }
}

#[test]
fn the_size_of_a_number_says_its_unit() {
    let second = "2025-10-06T13:43:10Z";
    for (time, expect) in [
        ("1759758190", Some(second)),
        ("1759758190000", Some(second)),
        ("1759758190000000", Some(second)),
        ("1759758190000000000", Some(second)),
        ("1759758190.0", Some(second)),
        ("1.75975819e9", Some(second)),
        (r#""1759758190""#, Some(second)),
        (r#""1759758190.25""#, Some("2025-10-06T13:43:10.25Z")),
        ("1759758190123456789", Some("2025-10-06T13:43:10.123456789Z")),
        ("1759758190.123456", Some("2025-10-06T13:43:10.123456Z")),
        ("1759758190123.456", Some("2025-10-06T13:43:10.123456Z")),
        ("1000000000", Some("2001-09-09T01:46:40Z")),
        ("4199999999999", Some("2103-02-04T02:39:59.999Z")),
        // How long something took, most likely, or a date without its signs, or nothing.
        ("350000000", None),
        ("12345678901", None),
        ("20261123060003", None),
        ("99999999", None),
        ("12.5", None),
        ("0", None),
        ("-1759758190", None),
        ("1e20", None),
        ("18446744073709551616000", None),
        ("1E400", None),
        ("true", None),
        (r#""""#, None),
        (r#""12 s""#, None),
        (r#"["2025-10-06T13:43:10Z"]"#, None),
    ] {
        for key in ["ts", "time", "@timestamp"] {
            let text = format!(r#"{{"{key}":{time},"msg":"m"}}"#);
            match (Line::parse(text.as_bytes()), expect) {
                (Ok(line), Some(expect)) => assert_eq!(line.ts.to_string(), expect, "{text}"),
                (Err(reason), None) => {
                    let reason = reason.to_string();
                    let told = format!("`{key}` is no time: lines of others need one such as 2");
                    assert!(reason.contains(&told), "{text}: {reason}");
                }
                (other, _) => panic!("{text}: {other:?}"),
            }
        }
    }
}

#[test]
fn the_first_time_that_is_one_counts_and_what_lacks_is_told() {
    for (fields, expect) in [
        (r#""time":12.5,"timestamp":"2025-10-06T13:43:10Z""#, Ok("2025-10-06T13:43:10Z")),
        (r#""timestamp":"2025-10-06T13:43:10Z","time":1700000000"#, Ok("2025-10-06T13:43:10Z")),
        (r#""timestamp":1700000000,"time":1600000000"#, Ok("2020-09-13T12:26:40Z")),
        (r#""ts":"noon","time":"2025-10-06T13:43:10Z""#, Ok("2025-10-06T13:43:10Z")),
        (r#""asctime":"2025-10-06 13:43:10,5Z""#, Ok("2025-10-06T13:43:10.5Z")),
        (r#""ts":null,"time":"2025-10-06T13:43:10Z""#, Ok("2025-10-06T13:43:10Z")),
        (r#""time":null,"a":1"#, Err("no time: lines of others need `ts` or `time`, such as 2")),
        (r#""asctime":"2025-10-06 13:43:10,123""#, Err("`asctime` has no zone: lines of")),
        (r#""time":"2025-10-06T13:43:10.123""#, Err("`time` has no zone: lines of others")),
        (r#""date":"06/Oct/2025""#, Err("no time: lines of others need `ts` or `time`")),
        // Ours have `ts`.
        (r#""time":1700000000,"id":"aaaaaaaa.1.2""#, Err("missing field `ts`")),
    ] {
        let text = format!("{{{fields}}}");
        match (Line::parse(text.as_bytes()), expect) {
            (Ok(line), Ok(expect)) => assert_eq!(line.ts.to_string(), expect, "{text}"),
            (Err(reason), Err(expect)) => {
                assert!(reason.to_string().starts_with(expect), "{text}: {reason}");
            }
            (other, _) => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn a_text_of_its_own_stays_what_it_is() {
    let ts = r#""ts":"2025-10-06T13:43:10Z""#;
    for (fields, msg, beside_it) in [
        (r#""msg":"a","message":"b""#, Some("a"), &[r#"message="b""#][..]),
        (r#""msg":"","message":"b""#, Some(""), &[r#"message="b""#]),
        (r#""msg":null,"message":"b""#, Some("b"), &[]),
        (r#""message":{"a":1},"event":"e""#, Some("e"), &[r#"message={"a":1}"#]),
        (r#""message":"b","event":"e""#, Some("b"), &[r#"event="e""#]),
        (r#""message":5"#, None, &["message=5"]),
        (r#""meta":{"message":"b"}"#, None, &[]),
        // Of ours a message is a field.
        (r#""message":"b","id":"aaaaaaaa.1.2""#, None, &[]),
    ] {
        let line = line(&format!("{{{ts},{fields}}}"));
        assert_eq!(line.msg.as_deref(), msg, "{fields}");
        if line.process().is_none() {
            assert_eq!(beside(&line), beside_it, "{fields}");
        }
    }
}

#[test]
fn of_a_key_that_comes_twice_the_last_counts_but_for_the_time() {
    let text = r#"{"ts":"2025-10-06T13:43:10.500000Z","level":"info","msg":"a","evt":"e","job_id":"j1","n":1,"msg":"b","level":"error","job_id":"j2","id":7,"id":"r-1","evt":null,"ts":"2020-01-01T00:00:00.000000Z","meta":{"z":1,"a":2},"meta":{"z":3,"a":1E400},"n":2}"#;
    let line = line(text);
    assert_eq!(line.ts.to_string(), "2025-10-06T13:43:10.5Z");
    assert_eq!((line.level, line.msg.as_deref()), (Some(Level::Error), Some("b")));
    assert_eq!((line.evt.as_str(), line.job_id.as_deref()), ("", Some("j2")));
    assert_eq!(line.id.as_deref(), Some("r-1"));
    let meta: Vec<_> = line.meta.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(meta, ["z=3", r#"a="1E400""#], "in the order written");
    assert_eq!(line.raw, text);
}

#[test]
fn a_meta_that_is_no_object_has_no_fields_and_stands_beside() {
    for meta in [r#""text""#, "[1]", "5", "true"] {
        let line = line(&format!(r#"{{"ts":"2025-10-06T13:43:10Z","meta":{meta},"a":1}}"#));
        assert_eq!(line.meta, Fields::default());
        assert_eq!(beside(&line), [format!("meta={meta}"), "a=1".to_owned()]);
    }
    let line = line(r#"{"ts":"2025-10-06T13:43:10Z","meta":{"a":1},"meta":null}"#);
    assert_eq!((line.meta, line.msg), (Fields::default(), None));
}

#[test]
fn what_our_writer_never_writes_is_refused_under_an_id_of_ours() {
    let ours = r#"{"ts":"2025-10-06T13:43:10.500000Z","level":"info","evt":"log","msg":"a","meta":{},"id":"aaaaaaaa.1.2"}"#;
    assert!(Line::parse(ours.as_bytes()).is_ok());
    for (from, to, reason) in [
        (r#""msg":"a""#, r#""msg":"a","msg":"b""#, "duplicate field `msg`"),
        (r#""meta":{}"#, r#""meta":"text""#, "expected an object"),
        (r#""ts":"2025-10-06T13:43:10.500000Z""#, r#""time":"2025-10-06T13:43:10Z""#, "missing"),
        ("}", "}garbage", "column"),
    ] {
        let broken = ours.replace(from, to);
        let error = Line::parse(broken.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(reason), "{broken}: {error}");
    }
    // A line that was torn, and the next one glued to it.
    for cut in 1..ours.len() {
        let glued = format!("{}{ours}", &ours[..cut]);
        assert!(Line::parse(glued.as_bytes()).is_err(), "{glued}");
    }
}
