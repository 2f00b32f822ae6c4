//! A collector of the tests' own, on loopback.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message as _;

/// Answers every request with 200 and an empty message, which means that all was taken.
pub(crate) struct Collector {
    pub(crate) endpoint: String,
    received: Arc<Mutex<Vec<Received>>>,
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// Its first line.
    pub(crate) request: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// What the resource says.
    pub(crate) resource: BTreeMap<String, String>,
    /// The names of the metrics.
    pub(crate) metrics: Vec<String>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let ours = Arc::clone(&received);
        drop(std::thread::spawn(move || {
            for stream in listener.incoming() {
                // A client that ends in the middle of a request is none of ours.
                if let Some(request) = stream.ok().and_then(receive) {
                    ours.lock().unwrap().push(request);
                }
            }
        }));
        Self { endpoint, received }
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

fn receive(stream: TcpStream) -> Option<Received> {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().map(|_| line.trim_end().to_owned())
    };
    let request = line()?;
    let mut headers = BTreeMap::new();
    while let Some((name, value)) = line()?.split_once(": ") {
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    reader.get_mut().write_all(answer.as_bytes()).ok()?;

    let [of_process] = &ExportMetricsServiceRequest::decode(&*body).ok()?.resource_metrics[..]
    else {
        return None;
    };
    let attributes = of_process.resource.iter().flat_map(|resource| &resource.attributes);
    let text = |value| match value {
        Value::StringValue(text) => Some(text),
        _ => None,
    };
    let resource = attributes.filter_map(|attribute| {
        Some((attribute.key.clone(), text(attribute.value.clone()?.value?)?))
    });
    let metrics = of_process.scope_metrics.iter().flat_map(|scope| &scope.metrics);
    Some(Received {
        request,
        headers,
        resource: resource.collect(),
        metrics: metrics.map(|metric| metric.name.clone()).collect(),
    })
}
