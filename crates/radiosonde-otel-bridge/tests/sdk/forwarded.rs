//! A client behind ours: a team keeps its collector.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry::logs::{LogRecord as _, Logger as _, LoggerProvider as _};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{LogExporter, RetryPolicy, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::logs::SdkLoggerProvider;
use radiosonde_otel_bridge::sdk::SdkClient;
use radiosonde_record::{Kind, with_journal};

use super::bodies::{journal, logs, request};
use super::{lines_of, send, telemetry};

/// What a collector has received: the head of a request, and its body.
type Received = (Vec<String>, Vec<u8>);

/// A collector that answers these statuses, one after the other.
fn collector(statuses: Vec<u16>) -> (String, Receiver<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (to, received) = channel();
    let _thread = std::thread::spawn(move || {
        for status in statuses {
            let (mut stream, _) = listener.accept().unwrap();
            to.send(receive(&mut stream)).unwrap();
            write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .unwrap();
        }
    });
    (address, received)
}

fn receive(stream: &mut TcpStream) -> Received {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_ascii_lowercase()),
        }
    }
    let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    (head, body)
}

/// A team's own client: one request a connection. It remembers what it was given.
#[derive(Clone, Debug, Default)]
struct Plain(Arc<Mutex<Vec<Bytes>>>);

impl HttpClient for Plain {
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        let given = Arc::clone(&self.0);
        Box::pin(async move {
            given.lock().unwrap().push(request.body().clone());
            let uri = request.uri();
            let mut stream = TcpStream::connect(uri.authority().unwrap().as_str())?;
            write!(stream, "POST {} HTTP/1.1\r\n", uri.path())?;
            for (name, value) in request.headers() {
                write!(stream, "{name}: {}\r\n", value.to_str()?)?;
            }
            write!(stream, "content-length: {}\r\n\r\n", request.body().len())?;
            stream.write_all(request.body())?;
            let mut status = String::new();
            BufReader::new(stream).read_line(&mut status)?;
            let status: u16 = status.split(' ').nth(1).ok_or("no status")?.parse()?;
            Ok(Response::builder().status(status).body(Bytes::new())?)
        })
    }
}

fn provider(address: &str, client: SdkClient, retry: RetryPolicy) -> SdkLoggerProvider {
    let _running = telemetry();
    let headers = [("Dash0-Dataset".to_owned(), "staging".to_owned())];
    let exporter = LogExporter::builder()
        .with_http()
        .with_endpoint(format!("{address}/otlp/v1/logs"))
        .with_headers(headers.into())
        .with_http_client(client)
        .with_retry_policy(retry)
        .build()
        .unwrap();
    SdkLoggerProvider::builder().with_simple_exporter(exporter).build()
}

fn emit(logs: &SdkLoggerProvider, scope: &'static str, text: &'static str) {
    let logger = logs.logger(scope);
    let mut record = logger.create_log_record();
    record.set_body(text.into());
    logger.emit(record);
}

#[test]
fn the_request_goes_on_as_it_came_and_its_lines_are_here() {
    let (address, received) = collector(vec![200]);
    let plain = Plain::default();
    let logs = provider(&address, SdkClient::in_front_of(plain.clone()), RetryPolicy::disabled());
    emit(&logs, "forwarded.once", "to both");
    let (head, body) = received.recv_timeout(Duration::from_secs(30)).unwrap();
    assert_eq!(head[0], "post /otlp/v1/logs http/1.1");
    for header in ["dash0-dataset: staging", "content-type: application/x-protobuf"] {
        assert!(head.iter().any(|line| line == header), "{header}: {head:?}");
    }
    assert!(
        head.iter().any(|line| line.starts_with("user-agent: otel-otlp-exporter-rust")),
        "{head:?}"
    );
    assert_eq!(plain.0.lock().unwrap()[0], body);
    let lines = lines_of("events", |line| line["source"] == "forwarded.once");
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["msg"], "to both");
}

#[test]
fn a_retry_of_the_sdk_is_recorded_once() {
    let (address, received) = collector(vec![503, 503, 200, 200]);
    let plain = Plain::default();
    let retry = RetryPolicy::recommended();
    let logs = provider(&address, SdkClient::in_front_of(plain), retry);
    emit(&logs, "forwarded.retried", "first");
    emit(&logs, "forwarded.retried", "second");
    let bodies: Vec<_> =
        (0..4).map(|_| received.recv_timeout(Duration::from_secs(30)).unwrap().1).collect();
    assert!(bodies[0] == bodies[1] && bodies[1] == bodies[2] && bodies[2] != bodies[3]);
    let lines = lines_of("events", |line| line["source"] == "forwarded.retried");
    let texts: Vec<_> = lines.iter().map(|line| line["msg"].as_str().unwrap()).collect();
    assert_eq!(texts, ["first", "second"]);
}

/// Never answers.
#[derive(Debug)]
struct Silent;

impl HttpClient for Silent {
    fn send_bytes<'a, 'b>(
        &'a self,
        _: Request<Bytes>,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(std::future::pending())
    }
}

#[test]
fn a_request_that_is_given_up_and_comes_again_is_recorded_once() {
    let journal = journal();
    let client = SdkClient::in_front_of(Silent);
    with_journal(&journal, || {
        for _ in 0..3 {
            let request = request("/v1/logs", "application/x-protobuf", "", logs(2));
            let mut sending = client.send_bytes(request);
            let waker = std::task::Waker::noop();
            let poll = sending.as_mut().poll(&mut std::task::Context::from_waker(waker));
            assert!(poll.is_pending());
        }
    });
    assert_eq!(journal.account(Kind::Event).offered, 2);
}

/// Answers at once.
#[derive(Debug)]
struct Glad;

impl HttpClient for Glad {
    fn send_bytes<'a, 'b>(
        &'a self,
        _: Request<Bytes>,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(std::future::ready(Ok(Response::new(Bytes::from_static(b"thanks")))))
    }
}

#[test]
fn what_cannot_be_recorded_goes_on_all_the_same() {
    let journal = journal();
    let client = SdkClient::in_front_of(Glad);
    let json = || request("/v1/logs", "application/json", "", b"{}".to_vec());
    let answer = with_journal(&journal, || send(&client, json())).unwrap();
    assert_eq!((answer.status().as_u16(), answer.body().as_ref()), (200, &b"thanks"[..]));
    assert_eq!(journal.account(Kind::Event).rejected, 1);
    // The same bytes again, after an answer, are new ones.
    let again = with_journal(&journal, || send(&client, json())).unwrap();
    assert_eq!((again.status().as_u16(), journal.account(Kind::Event).rejected), (200, 2));
}

#[test]
fn that_somebody_else_sends_a_signal_is_known_once_it_was_recorded_in_front_of_him() {
    let journal = journal();
    let elsewhere = || Kind::ALL.map(|kind| journal.is_sent_elsewhere(kind));
    let logs = |kind: &str| request("/v1/logs", kind, "", logs(2));
    with_journal(&journal, || {
        assert!(send(&SdkClient::new(), logs("application/x-protobuf")).is_ok());
        assert_eq!(elsewhere(), [false; 3], "nobody is behind");
        let client = SdkClient::in_front_of(Glad);
        assert!(send(&client, logs("application/json")).is_ok());
        assert_eq!(elsewhere(), [false; 3], "it was not recorded");
        assert!(send(&client, logs("application/x-protobuf")).is_ok());
    });
    assert_eq!(elsewhere(), [true, false, false]);
}

/// Answers 503 at once.
#[derive(Debug)]
struct Busy;

impl HttpClient for Busy {
    fn send_bytes<'a, 'b>(
        &'a self,
        _: Request<Bytes>,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        let answer = Response::builder().status(503).body(Bytes::new());
        Box::pin(std::future::ready(answer.map_err(Into::into)))
    }
}

#[test]
fn what_was_not_recorded_and_comes_again_is_no_repeat() {
    let client = SdkClient::in_front_of(Busy);
    let body = || request("/v1/logs", "application/x-protobuf", "", logs(2));
    let ended = journal();
    assert!(ended.close(Duration::from_secs(10)));
    let answer = with_journal(&ended, || send(&client, body())).unwrap();
    assert_eq!((answer.status().as_u16(), ended.account(Kind::Event).dropped_total()), (503, 2));
    let journal = journal();
    for _ in 0..3 {
        let answer = with_journal(&journal, || send(&client, body())).unwrap();
        assert_eq!(answer.status().as_u16(), 503);
    }
    assert_eq!(journal.account(Kind::Event).offered, 2, "recorded, and then repeats");
}
