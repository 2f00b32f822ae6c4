//! The API, called by something that knows nothing of traces and jobs.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use crate::world::{Ended, Platform, check_job, named};

/// Status and body of an answer.
fn ask(api: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(api).unwrap();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {api}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn a_caller_without_a_trace_gets_one_and_its_job_is_on_every_line_of_it() {
    let platform = Platform::start(&[]);
    let api = platform.api();
    let (status, body) = ask(&api, "POST", "/jobs", r#"{"kind":"render","payload":"kites"}"#);
    assert_eq!(status, 202, "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    let job = body["job_id"].as_str().unwrap().to_owned();
    let path = format!("/jobs/{job}?wait_ms=10000");
    let answer = loop {
        let (status, body) = ask(&api, "GET", &path, "");
        assert_eq!(status, 200, "{body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        if answer["state"] == "ended" {
            break answer;
        }
    };
    assert_eq!((&answer["outcome"], &answer["attempts"]), (&"success".into(), &1.into()));

    for (method, path, body, expected) in [
        ("GET", "/health", "", 200),
        ("GET", "/jobs/no-such-job", "", 404),
        ("GET", "/jobs/", "", 404),
        ("GET", "/jobsearch", "", 404),
        ("POST", "/jobs", r#"{"kind":"no such kind","payload":"x"}"#, 422),
        ("POST", "/jobs", "no JSON", 400),
        ("GET", "/jobs/..%2F..%2Fetc%2Fpasswd", "", 404),
        ("DELETE", "/jobs", "", 405),
    ] {
        assert_eq!(ask(&api, method, path, body).0, expected, "{method} {path}");
    }
    let (_folder, lines) = platform.end();

    // The questions are traces of their own, of the same job: here is the one of the work.
    let published = |line: &&Value| line["job_id"] == *job && line["meta"]["name"] == "publish job";
    let published = lines.iter().find(published).unwrap();
    let trace = published["trace_id"].as_str().unwrap().to_owned();
    let is_question = |line: &Value| line["job_id"] == *job && line["trace_id"] != *trace;
    let questions: Vec<_> = lines.iter().filter(|line| is_question(line)).collect();
    assert!(!questions.is_empty());
    let all = &lines;
    let lines: Vec<_> = all.iter().filter(|line| !is_question(line)).cloned().collect();
    let ended = Ended { job, trace, attempts: 1, outcome: "success".to_owned() };
    let spans = check_job(&lines, &ended);
    let root = named(&spans, "POST /jobs")[0];
    assert_eq!(root["meta"]["parent_span_id"], Value::Null);
    assert!(lines.iter().all(|line| line["meta"]["attributes"]["url.path"] != "/health"));
    assert!(!all.iter().any(|line| line["job_id"] == "earch"), "another path is no job");
}

#[test]
fn a_job_is_done_once_however_often_it_is_submitted() {
    let platform = Platform::start(&[]);
    let submit = |job: &str| platform.submit("render", &["--job", job]);
    let ended = submit("job-1").ended();
    assert_eq!((&*ended.job, &*ended.outcome), ("job-1", "success"));
    let api = platform.api();
    let head = format!(
        "POST /jobs HTTP/1.1\r\nhost: {api}\r\nconnection: close\r\nbaggage: job_id=job-1\r\ncontent-type: application/json\r\n"
    );
    let body = r#"{"kind":"render","payload":"kites"}"#;
    let mut stream = TcpStream::connect(&api).unwrap();
    let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 409 "), "{answer}");
    let (_folder, lines) = platform.end();
    let taken = lines.iter().filter(|line| line["evt"] == "job.taken");
    assert_eq!(taken.count(), 1);
}
