//! The listener over real sockets: answers, bounds, shutdown.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use common::Sample;
use radiosonde_metrics::{Exposition, Scrape};
use radiosonde_prometheus::{
    CONNECTIONS_MAX, Endpoints, HEADER_BYTES_MAX, HEADER_TIMEOUT, Health, PagesService, Source,
    WAITING_MAX, bind, serve,
};
use tokio::sync::oneshot;

/// Long enough for a loaded machine; never waited for when all is well.
const PATIENCE: Duration = Duration::from_secs(30);

/// A listener on a thread of its own, stopped when dropped.
struct Server {
    addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(endpoints: impl Endpoints + 'static) -> Self {
        let bound = bind("127.0.0.1:0").unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let shutdown = async { drop(stopped.await) };
            runtime
                .unwrap()
                .block_on(serve(bound.listener, PagesService::new(endpoints), shutdown))
                .unwrap();
        });
        Self { addr: bound.addr, stop: Some(stop), thread: Some(thread) }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Status, headers in lower case, body.
    fn ask(&self, method: &str, path: &str, headers: &str) -> (u16, String, String) {
        let mut stream = self.connect();
        let request =
            format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        read_answer(&mut stream)
    }

    fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
        }
    }
}

fn read_answer(stream: &mut TcpStream) -> (u16, String, String) {
    let mut answer = String::new();
    // A reset after the answer is the other side's right.
    let _ = stream.read_to_string(&mut answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    (status, head.to_lowercase(), body.to_owned())
}

#[test]
fn every_path_answers_as_documented() {
    let server = Server::start(Sample(common::metrics()));
    let text = "text/plain; charset=utf-8";
    for (method, path, headers, status, media_type, body) in [
        (
            "GET",
            "/metrics",
            "",
            200,
            "text/plain; version=0.0.4; charset=utf-8",
            "# TYPE runs_total counter",
        ),
        ("GET", "/metrics?x=1", "", 200, "text/plain; version=0.0.4; charset=utf-8", "# TYPE"),
        ("GET", "/health", "", 200, text, "ok\n"),
        ("GET", "/report", "", 200, text, "all is well\n"),
        (
            "GET",
            "/report",
            "accept: application/json\r\n",
            200,
            "application/json",
            "{\"problems\":[]}",
        ),
        (
            "GET",
            "/report",
            "accept: text/html, Application/JSON;q=0.5\r\n",
            200,
            "application/json",
            "{",
        ),
        ("GET", "/report", "accept: */*\r\n", 200, text, "all is well\n"),
        ("GET", "/report", "accept: application/json;q=0\r\n", 200, text, "all is well\n"),
        ("GET", "/", "", 200, text, "/metrics"),
        ("GET", "/nothing", "", 404, text, "not found"),
        ("POST", "/nothing", "", 404, text, "not found"),
        ("POST", "/metrics", "content-length: 3\r\n", 405, text, "use GET or HEAD"),
        ("DELETE", "/health", "", 405, text, "use GET or HEAD"),
    ] {
        let answer = server.ask(method, path, headers);
        assert_eq!(answer.0, status, "{method} {path} {answer:?}");
        assert!(
            answer.1.contains(&format!("content-type: {media_type}")),
            "{method} {path} {answer:?}"
        );
        assert!(answer.2.contains(body), "{method} {path} {answer:?}");
        assert_eq!(answer.1.contains("allow: get, head"), status == 405, "{answer:?}");
    }
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let server = Server::start(Sample(common::metrics()));
    let (get, head) = (server.ask("GET", "/metrics", ""), server.ask("HEAD", "/metrics", ""));
    let length = |answer: &str| {
        answer.lines().find_map(|line| line.strip_prefix("content-length: ").map(str::to_owned))
    };
    assert_eq!((head.0, head.2.as_str()), (200, ""));
    assert_eq!(length(&head.1), Some(get.2.len().to_string()));
    assert_eq!(length(&get.1), length(&head.1));
}

#[test]
fn ill_health_is_503_and_a_panic_is_500_and_the_listener_lives_on() {
    struct Ill;
    impl Source for Ill {
        fn expose(&self, _: Scrape, _: &mut dyn Exposition) {
            panic!("metrics that panic")
        }

        fn scraped(&self) {}
    }
    impl Endpoints for Ill {
        fn health(&self) -> Health {
            Health { ok: false, text: "the disk is full\n".into() }
        }
        fn report_text(&self) -> String {
            String::new()
        }
        fn report_json(&self) -> String {
            String::new()
        }
    }
    let server = Server::start(Ill);
    for _ in 0..3 {
        assert_eq!(server.ask("GET", "/metrics", "").0, 500);
        let health = server.ask("GET", "/health", "");
        assert_eq!((health.0, health.2.as_str()), (503, "the disk is full\n"));
    }
}

#[test]
fn headers_that_are_too_long_or_no_http_are_refused() {
    let server = Server::start(Sample(common::metrics()));
    let long = format!("x-long: {}\r\n", "a".repeat(HEADER_BYTES_MAX));
    let mut stream = server.connect();
    let request = format!("GET /health HTTP/1.1\r\nhost: x\r\n{long}\r\n");
    // The listener may cut the connection before it has read all.
    let _ = stream.write_all(request.as_bytes());
    let answer = read_answer(&mut stream);
    assert!(matches!(answer.0, 431 | 0), "{answer:?}");

    let mut stream = server.connect();
    stream.write_all(b"\x16\x03\x01\x02\0\x01\0\xff\xff no http at all\r\n\r\n").unwrap();
    assert!(matches!(read_answer(&mut stream).0, 400 | 0));
    assert_eq!(server.ask("GET", "/health", "").0, 200);
}

#[test]
fn one_connection_serves_many_requests() {
    let server = Server::start(Sample(common::metrics()));
    let mut stream = server.connect();
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\nGET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 2);
}

#[test]
fn clients_that_say_nothing_are_cut_off_and_others_get_their_turn() {
    let server = Server::start(Sample(common::metrics()));
    let begun = Instant::now();
    // More than are served at a time: the last ones wait in the queue, and then get the answer.
    let mut silent: Vec<TcpStream> = (0..CONNECTIONS_MAX).map(|_| server.connect()).collect();
    for (n, stream) in silent.iter_mut().enumerate().filter(|(n, _)| n % 2 == 0) {
        stream.write_all(if n % 4 == 0 { b"GET /he" } else { b"G" }).unwrap();
    }
    assert_eq!(server.ask("GET", "/health", "").0, 200);
    let waited = begun.elapsed();
    assert!(waited < HEADER_TIMEOUT * 3, "{waited:?}");
    for mut stream in silent {
        let mut rest = Vec::new();
        // Closed, with or without a 408; a reset is an end as well.
        let _ = stream.read_to_end(&mut rest);
        assert!(!rest.starts_with(b"HTTP/1.1 200"));
    }
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
}

#[test]
fn scrapes_that_wait_for_a_collector_that_hangs_leave_connections_to_others() {
    let (begin, begun) = channel();
    let (end, ended) = channel::<()>();
    let channels = Mutex::new((begin, ended));
    let metrics = common::metrics();
    metrics.add_collector(Box::new(move |_| {
        let (begin, ended) = &*channels.lock().unwrap();
        let _ = begin.send(());
        let _ = ended.recv();
    }));
    let server = Server::start(Sample(metrics));
    // As many as there are connections: those who wait hold theirs, the others get a 503.
    let mut scrapes: Vec<TcpStream> = (0..CONNECTIONS_MAX).map(|_| server.connect()).collect();
    for scrape in &mut scrapes {
        let request = b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        scrape.write_all(request).unwrap();
    }
    begun.recv_timeout(PATIENCE).unwrap();
    assert_eq!(server.ask("GET", "/health", "").0, 200);
    // Nor does anybody wait for ever: the collector hangs to the end of the test.
    let answers: Vec<_> = scrapes.iter_mut().map(read_answer).collect();
    assert!(answers.iter().all(|answer| answer.0 == 503), "{answers:?}");
    let crowded = format!("{WAITING_MAX} others wait");
    assert!(answers.iter().any(|answer| answer.2.contains(&crowded)), "{answers:?}");
    assert!(answers.iter().any(|answer| answer.2.contains("takes more than")), "{answers:?}");
    assert_eq!(server.ask("GET", "/metrics", "").0, 503);
    drop(end);
}

#[test]
fn a_shutdown_does_not_wait_for_idle_clients() {
    let mut server = Server::start(Sample(common::metrics()));
    let mut idle = server.connect();
    idle.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    let begun = Instant::now();
    server.stop();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    let mut rest = Vec::new();
    let _ = idle.read_to_end(&mut rest);
    assert!(TcpStream::connect(server.addr).is_err(), "the port is free again");
}
