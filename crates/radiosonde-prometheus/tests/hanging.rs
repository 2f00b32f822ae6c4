//! Metrics that take long, hang or panic, under servers of the application: nobody else waits.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use radiosonde_metrics::{Collector, Exposition, Metrics, Scrape};
use radiosonde_prometheus::{MetricsService, PagesService, Source};
use tokio::sync::oneshot;
use tower_service::Service as _;

/// Long enough for a loaded machine; never waited for when all is well.
const PATIENCE: Duration = Duration::from_secs(30);

/// Metrics with a collector that says when it has begun, and hangs until it hears from us.
fn hanging() -> (Metrics, Receiver<()>, Sender<()>) {
    let (begin, begun) = channel();
    let (end, ended) = channel::<()>();
    let channels = Mutex::new((begin, ended));
    let metrics = Metrics::default();
    let collector: Collector = Box::new(move |snapshot| {
        let (begin, ended) = &*channels.lock().unwrap();
        let _ = begin.send(());
        let _ = ended.recv();
        snapshot.gauge("slow", &[], 1.0);
    });
    metrics.add_collector(collector);
    (metrics, begun, end)
}

/// An application on one thread, with a page of its own.
struct Application {
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Application {
    fn start(router: Router) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let addr = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let router = router.route("/own", get(async || "own"));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    () = serve(listener, router) => (),
                    _ = stopped => (),
                }
            });
            // Dropped here: it would wait for a blocking thread of its own.
            drop(runtime);
        });
        Self { addr, stop, thread }
    }

    fn send(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.addr).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    fn ask(&self, path: &str) -> String {
        read(self.send(path))
    }
}

async fn serve(listener: tokio::net::TcpListener, router: Router) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let router = router.clone();
        let service = service_fn(move |request: Request<Incoming>| router.clone().call(request));
        drop(tokio::spawn(async move {
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
        }));
    }
}

fn read(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_collector_that_hangs_holds_up_nothing_but_scrapes() {
    let (metrics, begun, end) = hanging();
    let pages = PagesService::new(common::Sample(metrics));
    let application = Application::start(Router::new().fallback_service(pages));
    let scrape = application.send("/metrics");
    begun.recv_timeout(PATIENCE).unwrap();
    let waits = application.send("/metrics");
    for (path, body) in [("/own", "own"), ("/health", "ok\n"), ("/report", "all is well\n")] {
        let answer = application.ask(path);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{path}: {answer}");
        assert!(answer.ends_with(body), "{path}: {answer}");
    }
    end.send(()).unwrap();
    assert!(read(scrape).contains("\nslow 1.0\n"));
    begun.recv_timeout(PATIENCE).unwrap();
    end.send(()).unwrap();
    assert!(read(waits).contains("\nslow 1.0\n"));
    application.stop.send(()).unwrap();
    application.thread.join().unwrap();
}

#[test]
fn a_collector_that_never_ends_keeps_no_runtime_from_ending() {
    let (metrics, begun, end) = hanging();
    let router = Router::new().route_service("/metrics", MetricsService::new(metrics));
    let application = Application::start(router);
    let scrape = application.send("/metrics");
    begun.recv_timeout(PATIENCE).unwrap();
    application.stop.send(()).unwrap();
    let (say, ended) = channel();
    let thread = application.thread;
    let _ = std::thread::spawn(move || say.send(thread.join().is_ok()));
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(true));
    drop((scrape, end));
}

#[test]
fn a_panic_is_answered_on_a_connection_that_goes_on() {
    struct Ill;
    impl Source for Ill {
        fn expose(&self, _: Scrape, _: &mut dyn Exposition) {
            panic!("of the test");
        }

        fn scraped(&self) {}
    }
    let router = Router::new().route_service("/metrics", MetricsService::new(Arc::new(Ill)));
    let application = Application::start(router);
    let mut stream = TcpStream::connect(application.addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    for path in ["/metrics", "/own"] {
        let close = if path == "/own" { "connection: close\r\n" } else { "" };
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n{close}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
    }
    let answers = read(stream);
    assert!(answers.starts_with("HTTP/1.1 500 "), "{answers}");
    assert!(answers.contains("HTTP/1.1 200 OK"), "{answers}");
    assert!(answers.ends_with("own"), "{answers}");
    application.stop.send(()).unwrap();
    application.thread.join().unwrap();
}
