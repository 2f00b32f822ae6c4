//! A scrape over HTTP and under another server: formats, compression, sizes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::io::Read as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Waker};

use axum::Router;
use axum::body::Bytes;
use common::Sample;
use flate2::read::GzDecoder;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response};
use radiosonde_metrics::{Exposition, Metrics, Scrape, Snapshot};
use radiosonde_prometheus::{
    Endpoints, Format, Health, MetricsService, PagesService, Source, Trouble, text,
};
use tower_service::Service;

const OPEN: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::default()).unwrap()
}

/// What came back: status, a way to its headers, the body.
struct Seen {
    status: u16,
    headers: axum::http::HeaderMap,
    body: Vec<u8>,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn text(&self) -> String {
        if self.header("content-encoding") == "gzip" {
            let mut text = String::new();
            let _ = GzDecoder::new(&*self.body).read_to_string(&mut text).unwrap();
            return text;
        }
        String::from_utf8(self.body.clone()).unwrap()
    }
}

async fn ask<S, B>(service: &S, request: Request<Full<Bytes>>) -> Seen
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone,
    S::Error: std::fmt::Debug,
    B: hyper::body::Body,
    B::Error: std::fmt::Debug,
{
    let response = service.clone().call(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Seen { status: parts.status.as_u16(), headers: parts.headers, body }
}

fn large(series: usize) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for n in 0..series {
        snapshot.gauge("large", &[("n", &format!("{n:05}"))], n as f64);
    }
    snapshot
}

/// Metrics that stay as they are, and what was asked and heard.
#[derive(Default)]
struct Still {
    snapshot: Snapshot,
    scrapes: Mutex<Vec<Scrape>>,
    troubles: Mutex<Vec<Trouble>>,
    completed: AtomicUsize,
}

impl Source for Still {
    fn expose(&self, scrape: Scrape, to: &mut dyn Exposition) {
        self.scrapes.lock().unwrap().push(scrape);
        self.snapshot.expose(to);
    }

    fn scraped(&self) {
        let _ = self.completed.fetch_add(1, Ordering::Relaxed);
    }

    fn trouble(&self, trouble: &Trouble) {
        self.troubles.lock().unwrap().push(trouble.clone());
    }
}

impl Endpoints for Still {
    fn health(&self) -> Health {
        Health { ok: true, text: String::new() }
    }

    fn report_text(&self) -> String {
        String::new()
    }

    fn report_json(&self) -> String {
        String::new()
    }
}

fn still(snapshot: Snapshot) -> Arc<Still> {
    Arc::new(Still { snapshot, ..Still::default() })
}

#[tokio::test]
async fn the_format_and_the_coding_are_the_clients_choice() {
    let still = still(large(1000));
    let service = MetricsService::new(still.clone());
    let open = text::render_as(&still.snapshot, Format::OpenMetrics);
    let plain = text::render(&still.snapshot);
    for (accept, coding, content_type, expected, zipped) in [
        ("", "", TEXT, &plain, false),
        ("*/*", "identity", TEXT, &plain, false),
        ("*/*", "gzip", TEXT, &plain, true),
        ("application/openmetrics-text", "", OPEN, &open, false),
        ("application/openmetrics-text;version=1.0.0", "deflate, gzip;q=0.5", OPEN, &open, true),
        ("text/plain;version=0.0.4", "gzip;q=0", TEXT, &plain, false),
    ] {
        for method in ["GET", "HEAD"] {
            let headers = [("accept", accept), ("accept-encoding", coding)];
            let seen = ask(&service, request(method, "/any/path", &headers)).await;
            assert_eq!(seen.status, 200);
            assert_eq!(seen.header("content-type"), content_type, "{headers:?}");
            assert_eq!(seen.header("vary"), "accept, accept-encoding");
            assert_eq!(seen.header("cache-control"), "no-store");
            assert_eq!(seen.header("content-encoding") == "gzip", zipped, "{headers:?}");
            let length: usize = seen.header("content-length").parse().unwrap();
            if method == "GET" {
                assert_eq!(seen.body.len(), length);
                assert!(!zipped || length < expected.len() / 3, "{length}");
                assert_eq!(seen.text(), **expected);
            } else {
                assert!(seen.body.is_empty());
                let got = ask(&service, request("GET", "/any/path", &headers)).await;
                assert_eq!(got.body.len(), length);
            }
        }
    }
    assert_eq!(*still.troubles.lock().unwrap(), []);
}

#[tokio::test]
async fn small_answers_are_not_compressed_and_large_ones_are() {
    let headers = [("accept-encoding", "gzip")];
    let small = MetricsService::new(still(large(3)));
    assert_eq!(ask(&small, request("GET", "/", &headers)).await.header("content-encoding"), "");
    let still = still(large(50_000));
    let seen = ask(&MetricsService::new(still.clone()), request("GET", "/", &headers)).await;
    assert_eq!(seen.header("content-encoding"), "gzip");
    let expected = text::render(&still.snapshot);
    assert!(expected.len() > 1 << 20);
    assert_eq!(seen.text(), expected);
}

#[tokio::test]
async fn only_a_scraper_that_comes_again_is_shown_series_from_zero() {
    let still = still(large(1));
    let service = MetricsService::new(still.clone());
    let scraper = [("x-prometheus-scrape-timeout-seconds", "10")];
    let _ = ask(&service, request("GET", "/", &scraper)).await;
    let _ = ask(&service, request("HEAD", "/", &scraper)).await;
    let _ = ask(&service, request("GET", "/", &[])).await;
    let asked: Vec<bool> = still.scrapes.lock().unwrap().iter().map(|it| it.from_zero).collect();
    assert_eq!(asked, [true, false, false]);
}

#[tokio::test]
async fn only_a_scrape_that_was_made_whole_counts_as_seen() {
    let scraper = [("x-prometheus-scrape-timeout-seconds", "10"), ("accept-encoding", "gzip")];
    let still = still(large(1000));
    let refusing = MetricsService::new(still.clone()).body_bytes_max(10_000);
    assert_eq!(ask(&refusing, request("GET", "/", &scraper)).await.status, 503);
    let service = MetricsService::new(still.clone());
    let _ = ask(&service, request("HEAD", "/", &scraper)).await;
    let _ = ask(&service, request("GET", "/", &[])).await;
    assert_eq!(still.completed.load(Ordering::Relaxed), 0);
    for completed in 1..3 {
        assert_eq!(ask(&service, request("GET", "/", &scraper)).await.status, 200);
        assert_eq!(still.completed.load(Ordering::Relaxed), completed);
    }
}

#[tokio::test]
async fn a_scraper_that_has_hung_up_has_seen_nothing() {
    struct Slow(Arc<Still>, Mutex<mpsc::Receiver<()>>);
    impl Source for Slow {
        fn expose(&self, scrape: Scrape, to: &mut dyn Exposition) {
            self.0.expose(scrape, to);
            let _ = self.1.lock().unwrap().recv();
        }
        fn scraped(&self) {
            self.0.scraped();
        }
    }
    let (go, gone) = mpsc::channel();
    let still = still(large(1));
    let mut service = MetricsService::new(Slow(still.clone(), Mutex::new(gone)));
    let scraper = [("x-prometheus-scrape-timeout-seconds", "10")];
    let mut answer = service.call(request("GET", "/", &scraper));
    let mut context = Context::from_waker(Waker::noop());
    assert!(answer.as_mut().poll(&mut context).is_pending());
    drop(answer);
    go.send(()).unwrap();
    drop(go);
    // Its turn comes when the first one is done.
    assert_eq!(ask(&service, request("GET", "/", &[])).await.status, 200);
    assert_eq!(still.scrapes.lock().unwrap().len(), 2);
    assert_eq!(still.completed.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_scrape_that_panics_uses_nothing_up() {
    struct Ill(Metrics, AtomicUsize);
    impl Source for Ill {
        fn expose(&self, scrape: Scrape, to: &mut dyn Exposition) {
            self.0.expose(scrape, to);
            assert!(self.1.fetch_add(1, Ordering::Relaxed) > 0, "the first one fails");
        }
        fn scraped(&self) {
            self.0.scraped();
        }
    }
    let metrics = Metrics::default();
    metrics::with_local_recorder(&metrics.recorder(), || {
        metrics::counter!("runs_total").increment(3);
    });
    let service = MetricsService::new(Ill(metrics, AtomicUsize::new(0)));
    let scraper = [("x-prometheus-scrape-timeout-seconds", "10")];
    assert_eq!(ask(&service, request("GET", "/", &scraper)).await.status, 500);
    for line in ["\nruns_total 0\n", "\nruns_total 3\n"] {
        let seen = ask(&service, request("GET", "/", &scraper)).await;
        assert!(seen.text().contains(line), "{}", seen.text());
    }
}

#[tokio::test]
async fn other_methods_are_not_allowed() {
    let service = MetricsService::new(Metrics::default());
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"] {
        let seen = ask(&service, request(method, "/metrics", &[])).await;
        assert_eq!((seen.status, seen.header("allow")), (405, "GET, HEAD"), "{method}");
    }
}

#[tokio::test]
async fn metrics_that_are_too_large_are_refused_and_told() {
    let still = still(large(1000));
    let service = PagesService::new(still.clone()).body_bytes_max(10_000);
    for _ in 0..2 {
        let seen = ask(&service, request("GET", "/metrics", &[("accept-encoding", "gzip")])).await;
        assert_eq!(seen.status, 503);
        assert_eq!(
            seen.text(),
            "a scrape was refused: the metrics are more than 10000 bytes of text; fix: record \
             fewer metrics or series: a lower `series_limit`, fewer labels or buckets\n"
        );
    }
    assert_eq!(*still.troubles.lock().unwrap(), vec![Trouble::TooLarge { limit: 10_000 }; 2]);
    assert!(still.troubles.lock().unwrap().iter().all(Trouble::refused));
    assert_eq!(ask(&service, request("GET", "/health", &[])).await.status, 200);
}

#[tokio::test]
async fn answers_that_nobody_reads_keep_others_waiting_and_not_the_memory_growing() {
    let still = still(large(1000));
    let mut service = MetricsService::new(still.clone()).body_bytes_max(100_000);
    let mut unread = Vec::new();
    let refused = loop {
        let response = service.call(request("GET", "/", &[])).await.unwrap();
        if response.status() != 200 {
            break response;
        }
        unread.push(response);
        assert!(unread.len() < 100);
    };
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(*still.troubles.lock().unwrap(), [Trouble::Busy { limit: 100_000 }]);
    drop(unread);
    assert_eq!(ask(&service, request("GET", "/", &[])).await.status, 200);
}

#[tokio::test]
async fn what_a_format_has_no_room_for_is_told_and_the_rest_answered() {
    let mut snapshot = Snapshot::default();
    snapshot.float_counter("falls_total", &[], -1.0);
    snapshot.gauge("stays", &[], 1.0);
    let still = still(snapshot);
    let service = MetricsService::new(still.clone());
    let seen = ask(&service, request("GET", "/", &[("accept", "application/openmetrics-text")]));
    assert_eq!(seen.await.text(), "# TYPE falls counter\n# TYPE stays gauge\nstays 1.0\n# EOF\n");
    let told = still.troubles.lock().unwrap().clone();
    assert_eq!(told, [Trouble::LeftOut { family: "falls_total".into(), count: 1 }]);
    assert!(!told[0].refused());
}

#[tokio::test]
async fn the_services_serve_under_axum() {
    let app: Router = Router::new()
        .route_service("/internal/metrics", MetricsService::new(common::metrics()))
        .fallback_service(PagesService::new(Sample(common::metrics())));
    let ask = async |method: &str, path: &str| {
        let (parts, body) = request(method, path, &[]).into_parts();
        let request = Request::from_parts(parts, axum::body::Body::new(body));
        let response = app.clone().call(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Seen { status: parts.status.as_u16(), headers: parts.headers, body }
    };
    for path in ["/internal/metrics", "/metrics"] {
        let seen = ask("GET", path).await;
        assert_eq!((seen.status, seen.header("content-type")), (200, TEXT), "{path}");
        assert!(seen.text().contains("\nruns_total{"), "{path}");
        let head = ask("HEAD", path).await;
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("content-length"), seen.header("content-length"));
        assert_eq!(ask("POST", path).await.status, 405);
    }
    assert_eq!(ask("GET", "/health").await.text(), "ok\n");
    assert_eq!(ask("GET", "/nothing").await.status, 404);
}
