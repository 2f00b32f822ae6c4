//! What the index tells of lines in every form.

use super::*;

#[test]
fn lines_in_other_forms_are_told_of_as_well() {
    let ours = r#"{"ts":"2025-10-06T13:43:10.123456Z","job_id":"job-1"}"#;
    let facts = Facts::of(ours.as_bytes(), &mut Values::new());
    assert_eq!(facts.keys, [Key::stored(Kind::Job, b"job-1")]);
    for other in [
        r#" {"job_id" : "job-1", "ts" : "2025-10-06T13:43:10.123456789Z"} "#,
        r#"{"ts":"2025-10-06T15:43:10.123456+02:00","job_id":"job\u002d1","session_id":null}"#,
        r#"{"ts":"2025-10-06T13:43:10.123456Z","job\u005fid":"job-1","level":7}"#,
    ] {
        let found = Facts::of(other.as_bytes(), &mut Values::new());
        assert_eq!((found.lines, found.ts, &found.keys), (1, facts.ts, &facts.keys), "{other}");
    }
}

#[test]
fn texts_that_are_no_lines_are_counted_and_do_no_harm() {
    let deep = "[".repeat(100_000);
    let text = format!("hello\n\n{{\n{{\"ts\"\n{{\"ts\":\"x\"}}\n{{\"a\":{deep}\n{{\"a\":\"\\");
    let facts = Facts::of(text.as_bytes(), &mut Values::new());
    assert_eq!((facts.lines, facts.ts, facts.keys.len()), (7, NO_TIME, 0));
    assert_eq!(facts.others, Others { no_lines: 7, told: 5 }, "neither a blank nor a half line");
}
