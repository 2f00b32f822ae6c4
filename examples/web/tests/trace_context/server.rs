//! A server of axum with our layers, a caller that sends what it is told byte by byte, and whoever
//! the server calls in turn.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path as Segment, State};
use axum::routing::get;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use radiosonde::http::{client, server};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tower::{Layer as _, ServiceExt as _};

/// Longer than anything here takes, on any machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Telemetry of a service that shows nothing on the console.
pub(crate) fn telemetry(directory: &Path) -> radiosonde::Guard {
    radiosonde::init!(service = "forwarder", dir = directory, profile = radiosonde::Profile::Cli)
}

/// The headers of a request as they came, in their order.
#[derive(Clone, Debug)]
pub(crate) struct Headers(Vec<(String, String)>);

impl Headers {
    /// The values of a name.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = self.0.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    fn parse(head: &str) -> Self {
        let lines = head.lines().filter_map(|line| line.split_once(':'));
        Self(lines.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect())
    }
}

/// A running server that sends every request on.
pub(crate) struct Server {
    address: SocketAddr,
    running: Vec<JoinHandle<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.iter().for_each(JoinHandle::abort);
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream_address = upstream.local_addr().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = app(upstream_address);
        let running = vec![
            tokio::spawn(echo(upstream)),
            tokio::spawn(async move { axum::serve(listener, app).await.unwrap() }),
        ];
        Self { address, running }
    }

    /// Sends a request with these headers, and returns those of the request that the server made of
    /// it.
    pub(crate) async fn forward(&self, case: usize, headers: &[(&str, String)]) -> Headers {
        let mut request = format!("GET /case/{case} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += "\r\n";
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        tokio::time::timeout(PATIENCE, read).await.unwrap().unwrap();
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "case {case}: {head}");
        Headers::parse(body)
    }
}

fn app(upstream: SocketAddr) -> Router {
    let forward = get(forward).with_state(upstream);
    Router::new().route("/case/{case}", forward).layer(server::ServerLayer::new())
}

/// Sends the request on, as a new one, and answers with what its head was.
async fn forward(State(upstream): State<SocketAddr>, Segment(case): Segment<String>) -> Bytes {
    tracing::info!(case, "forwarding");
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let client = client::ClientLayer::new().layer(client);
    let request = http::Request::get(format!("http://{upstream}/")).body(Empty::new()).unwrap();
    let response = client.oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap().to_bytes()
}

/// Answers every request with its own head, a connection each.
async fn echo(listener: TcpListener) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await.unwrap() == 0 {
                break;
            }
        }
        let length = head.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{head}"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    }
}

/// The lines of the day files whose names begin so.
pub(crate) fn lines(directory: &Path, prefix: &str) -> Vec<serde_json::Value> {
    let paths = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let named =
        paths.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(prefix));
    let texts = named.map(|path| std::fs::read_to_string(path).unwrap());
    let lines: Vec<_> = texts
        .flat_map(|text| {
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>()
        })
        .collect();
    lines
}
