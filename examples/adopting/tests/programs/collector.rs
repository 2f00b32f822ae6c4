//! A collector on loopback that keeps the spans it is sent.

use std::io::{BufRead, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

/// Takes OTLP/HTTP with protobuf for as long as the test runs.
pub(crate) struct Collector {
    pub(crate) endpoint: String,
    received: Arc<Mutex<Received>>,
}

#[derive(Default)]
struct Received {
    spans: Vec<Span>,
    connections: usize,
}

impl Collector {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::<Mutex<Received>>::default();
        let keeping = Arc::clone(&received);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                keeping.lock().unwrap().connections += 1;
                let keeping = Arc::clone(&keeping);
                std::thread::spawn(move || serve(&stream.unwrap(), &keeping));
            }
        });
        Self { endpoint, received }
    }

    /// What has come by now. The exporter has its answer before its program ends.
    pub(crate) fn spans(&self) -> Vec<Span> {
        self.received.lock().unwrap().spans.clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.received.lock().unwrap().connections
    }
}

/// An empty `ExportTraceServiceResponse`: everything was taken.
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";

/// Answers requests until the other side has no more of them.
fn serve(stream: &TcpStream, received: &Mutex<Received>) {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    while let Some((head, body)) = request(&mut reader) {
        assert!(head.starts_with("POST /v1/traces "), "{head}");
        let request = ExportTraceServiceRequest::decode(&*body).unwrap();
        let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        received.lock().unwrap().spans.extend(scopes.flat_map(|scope| scope.spans));
        writer.write_all(ANSWER).unwrap();
    }
}

/// Head and body of the next request.
fn request(reader: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let lower = head.to_ascii_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap();
    let mut body = vec![0; length.trim().parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    Some((head, body))
}
