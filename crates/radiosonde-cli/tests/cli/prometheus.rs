//! `metrics --prometheus`: a real one, and servers that mean no good.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::fixture::{Ran, command, run};

/// Long enough for a loaded machine; never waited for when all is well.
const PATIENCE: Duration = Duration::from_secs(60);

fn ask(url: &str, args: &[&str]) -> Ran {
    let mut all = vec!["metrics", "--prometheus", url];
    all.extend(args);
    run(command(&all))
}

/// Gives each caller the same answer, and hands out what it was asked.
fn stub(answer: impl Into<Vec<u8>>) -> (String, Receiver<String>) {
    let (answer, listener) = (answer.into(), TcpListener::bind("127.0.0.1:0").unwrap());
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (told, asked) = channel();
    let _ends_with_the_test = std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut question, mut piece) = (Vec::new(), [0; 4096]);
            // The form is the last of it.
            while !question.windows(5).any(|five| five == b"step=") {
                match stream.read(&mut piece) {
                    Ok(read) if read > 0 => question.extend(&piece[..read]),
                    _ => break,
                }
            }
            let _ = told.send(String::from_utf8_lossy(&question).into_owned());
            let _ = stream.write_all(&answer);
        }
    });
    (url, asked)
}

fn http(status: &str, head: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{head}\r\n{body}"
    )
}

fn matrix(series: &str) -> String {
    format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[{series}]}}}}"#)
}

#[test]
fn an_answer_is_drawn_and_the_question_has_its_headers() {
    let series = r#"{"metric":{"__name__":"up","job":"a\u001b[2J"},"values":[[1759748400,"0"],[1759748460,"1"],[1759750000,"NaN"]]},
        {"metric":{},"values":[[1759748400,"+Inf"]]}"#;
    let (url, asked) = stub(http("200 OK", "", &matrix(series)));
    let args = ["up", "--since", "2025-10-06T11:00:00Z", "--until", "2025-10-06T12:00:00Z"];
    let header = ["--header", "Authorization: Bearer geheim"];
    let ran = ask(&url, &[&args[..], &header].concat()).exits(0).prints(&[
        "up · 2025-10-06 11:00:00.000",
        "up{job=\"a\\u{1b}[2J\"}  NaN",
        "  {}",
        "  inf",
        "0 to 1",
    ]);
    assert!(!ran.out.contains('\u{1b}') && !(ran.out + &ran.err).contains("geheim"));
    let question = asked.recv_timeout(PATIENCE).unwrap();
    assert!(question.starts_with("POST /api/v1/query_range HTTP/1.1\r\n"), "{question}");
    assert!(question.to_lowercase().contains("authorization: bearer geheim\r\n"), "{question}");
    assert!(
        question.contains("query=up&start=1759748400.000&end=1759752000.000&step="),
        "{question}"
    );
    let json = ask(&url, &[&args[..], &["-o", "json"]].concat()).exits(0);
    assert_eq!(json.out.lines().count(), 2);
    assert!(json.out.contains(r#""query":"up""#), "{}", json.out);
}

#[test]
fn a_counter_is_asked_for_its_rate_and_a_histogram_for_its_quantiles() {
    let (url, asked) = stub(http("200 OK", "", &matrix("")));
    let _ = ask(&url, &["runs_total"]).exits(1).tells(&["has nothing for runs_total"]);
    let rate = asked.recv_timeout(PATIENCE).unwrap();
    // Two scrapes at least, where they are a minute apart: a rate has need of two.
    assert!(rate.contains("query=rate") && rate.contains("runs_total%5B240s"), "{rate}");
    let _ = ask(&url, &["wait_seconds"]).exits(1);
    let [own, quantile] = [0, 1].map(|_| asked.recv_timeout(PATIENCE).unwrap());
    assert!(own.contains("query=wait_seconds&"), "{own}");
    assert!(quantile.contains("wait_seconds_bucket"), "{quantile}");
}

#[test]
fn what_a_server_refuses_is_told_in_its_words() {
    let error = |kind: &str, text: &str| {
        format!(r#"{{"status":"error","errorType":"{kind}","error":"{text}"}}"#)
    };
    let elsewhere = "location: http://127.0.0.1:1/\u{1b}elsewhere\r\n".replace('\u{1b}', "");
    let odd = matrix(r#"{"metric":7,"values":"x"}"#);
    let cases = [
        (
            http("400 Bad Request", "", &error("bad_data", "parse error: unexpected \\u001b")),
            2,
            "bad_data: parse error: unexpected \\u{1b}",
        ),
        (http("422 Unprocessable", "", &error("execution", "too many")), 2, "too many"),
        (http("503 Busy", "", &error("timeout", "query timed out")), 3, "query timed out"),
        (http("401 Unauthorized", "", "go away"), 3, "--header 'Authorization"),
        (http("404 Not Found", "", "<html>"), 3, "is that the address of a Prometheus?"),
        (http("200 OK", "", "<html>"), 3, "no JSON"),
        (http("200 OK", "", &odd), 3, "not understood"),
        (http("200 OK", "", "{}"), 3, "status 200"),
        (
            http("302 Found", &elsewhere, ""),
            3,
            "redirects to http://127.0.0.1:1/elsewhere, which is not followed",
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{".to_owned(), 3, "127.0.0.1"),
        ("SSH-2.0-OpenSSH\r\n".to_owned(), 3, "127.0.0.1"),
        (String::new(), 3, "127.0.0.1"),
    ];
    for (answer, status, told) in cases {
        let (url, _asked) = stub(answer);
        let ran = ask(&url, &["up{"]).exits(status).tells(&[told]);
        assert!(ran.out.is_empty() && !ran.err.contains('\u{1b}'), "{}", ran.err);
    }
}

#[test]
fn an_endless_answer_ends_and_many_series_are_cut() {
    let body = format!("[{}", " ".repeat(17 << 20));
    let (url, _asked) = stub(http("200 OK", "", &body));
    let _ = ask(&url, &["up"]).exits(3).tells(&["more than 16 MiB", "narrow the query"]);
    let one = |n: u32| format!(r#"{{"metric":{{"n":"{n:05}"}},"values":[[1759748400,"{n}"]]}}"#);
    let all: Vec<_> = (0..100_000).rev().map(one).collect();
    let (url, _asked) = stub(http("200 OK", "", &matrix(&all.join(","))));
    let span = ["--since", "2025-10-06T11:00:00Z", "--until", "2025-10-06T12:00:00Z"];
    let ran =
        ask(&url, &[&["up", "-n", "3"][..], &span].concat()).exits(0).tells(&["99997 more series"]);
    assert!(ran.out.contains("{n=\"00002\"}") && !ran.out.contains("00003"), "{}", ran.out);
}

#[test]
fn what_cannot_be_asked_is_told_before_it_is() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _ = ask(&format!("http://{free}"), &["up"]).exits(3).tells(&["refused"]);
    for (url, args) in [
        ("localhost:9090", &["up"][..]),
        ("http://u:geheim@x", &["up"]),
        ("http://x", &[]),
        ("http://x", &["up", "--job", "j"]),
        ("http://x", &["up", "--header", "geheim"]),
    ] {
        let ran = ask(url, args).exits(2);
        assert!(!ran.err.contains("geheim") || args.contains(&"geheim"), "{}", ran.err);
    }
    // What chooses among lines is not passed over, whoever has said it.
    let of_labels = "write the labels into the query";
    let ran = ask("http://x", &["up", "--where", "job=y"]).exits(2);
    let _ = ran.tells(&["--where chooses among lines", of_labels]);
    for (variable, value) in [("RADIOSONDE_CLI_WHERE", "job=y"), ("RADIOSONDE_CLI_JOB", "j")] {
        let mut command = command(&["metrics", "--prometheus", "http://x", "up"]);
        let _ = command.env(variable, value);
        let _ = run(command).exits(2).tells(&[variable, of_labels]);
    }
    // A server of plain HTTP at an address that says https.
    let (url, _asked) = stub(http("200 OK", "", "{}"));
    let _ = ask(&url.replace("http:", "https:"), &["up"]).exits(3);
}

/// A Prometheus that looks at itself, stopped by its process id.
struct Prometheus {
    child: Child,
    addr: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn prometheus() -> Option<Prometheus> {
    let program = std::env::var_os("PROMETHEUS").unwrap_or_else(|| "prometheus".into());
    let quiet = |command: &mut Command| {
        let _ = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    };
    let mut version = Command::new(&program);
    quiet(version.arg("--version"));
    let is_left_out = std::env::var("XTASK_WITHOUT").is_ok_and(|out| out.contains("prometheus"));
    if is_left_out || !version.status().is_ok_and(|status| status.success()) {
        let required = std::env::var("XTASK_REQUIRE_SERVERS").is_ok_and(|value| value == "1");
        assert!(!required || is_left_out, "no prometheus: install it, or set PROMETHEUS");
        eprintln!("not run: no prometheus");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = format!(
        "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n\
         - job_name: itself\n  static_configs:\n  - targets: ['{addr}']\n"
    );
    fs::write(folder.path().join("prometheus.yml"), config).unwrap();
    let mut command = Command::new(program);
    quiet(
        command
            .current_dir(folder.path())
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address={addr}")),
    );
    Some(Prometheus { child: command.spawn().unwrap(), addr, _folder: folder })
}

#[test]
fn a_real_prometheus_is_asked_and_drawn() {
    let Some(server) = prometheus() else { return };
    let url = format!("http://{}", server.addr);
    let begun = Instant::now();
    let two = "count_over_time(up[1h]) > 2";
    while ask(&url, &[two, "--since", "5m"]).status != 0 {
        assert!(begun.elapsed() < PATIENCE, "it has no figures");
        sleep(Duration::from_millis(200));
    }
    let _ = ask(&url, &["up"]).exits(0).prints(&["up{instance=", "job=\"itself\"}  1"]);
    let counter = "prometheus_tsdb_head_samples_appended_total";
    let _ = ask(&url, &[counter]).exits(0).prints(&["rate(prometheus_tsdb_head", "/s"]);
    let histogram = "prometheus_http_request_duration_seconds";
    let ran = ask(&url, &[histogram]).exits(0);
    assert_eq!(ran.out.matches("histogram_quantile(").count(), 3, "{}", ran.out);
    let _ = ask(&url, &["sum("]).exits(2).tells(&["bad_data"]);
    let _ = ask(&url, &["no_such_metric"]).exits(1);
}
