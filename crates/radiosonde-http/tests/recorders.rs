//! Where the metrics go, with a recorder of the process and others in its place. One test: there is
//! one such recorder.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use radiosonde_http::server::{Route, ServerLayer};
use radiosonde_metrics::{Metrics, Settings, Value};
use tower::{Layer, Service, service_fn};

const DURATION: &str = "http_server_request_duration_seconds";
const ACTIVE: &str = "http_server_active_requests";

/// More routes than a metric has series without a registry.
const ROUTES: u64 = 300;
const SERIES: usize = 200;

/// Asks for a route that is called as the number.
fn ask(number: u64) {
    let layer = ServerLayer::new().route(|head| Some(Route::from(head.uri().path().to_owned())));
    let mut server = layer.layer(service_fn(async |_: Request<Empty<Bytes>>| {
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    }));
    let request = Request::get(format!("/route-{number}")).body(Empty::new()).expect("a request");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let response = server.call(request).await.expect("an answer");
        let _read = response.into_body().collect().await.expect("a body");
    });
}

/// Requests by series: those of this route, and all of them.
fn counts(metrics: &Metrics, number: u64) -> (u64, u64, usize) {
    let snapshot = metrics.snapshot();
    let Some(family) = snapshot.family(DURATION) else { return (0, 0, 0) };
    let route = format!("/route-{number}");
    let (mut own, mut all) = (0, 0);
    for series in family.series.iter() {
        let Value::Histogram { count, .. } = series.value else { panic!("{series:?}") };
        all += count;
        own += if series.labels.iter().any(|(_, value)| **value == *route) { count } else { 0 };
    }
    (own, all, family.series.len())
}

fn active(metrics: &Metrics) -> f64 {
    let snapshot = metrics.snapshot();
    let family = snapshot.family(ACTIVE).expect("the gauge");
    let values = family.series.iter().map(|series| match series.value {
        Value::Gauge(value) => value,
        ref other => panic!("{other:?}"),
    });
    values.map(f64::abs).sum()
}

#[test]
fn every_request_is_counted_where_it_belongs() {
    // Nobody listens yet.
    ask(0);
    let metrics = Metrics::new(Settings::default());
    metrics.recorder().install().expect("the only recorder of this program");
    (0..3).for_each(|_| ask(0));
    assert_eq!(counts(&metrics, 0), (3, 3, 1));

    // A local recorder gets its own, and what is kept for the process stays there.
    let local = Metrics::new(Settings::default());
    metrics::with_local_recorder(&local.recorder(), || (0..2).for_each(|_| ask(0)));
    ask(0);
    assert_eq!((counts(&local, 0), counts(&metrics, 0)), ((2, 2, 1), (4, 4, 1)));
    assert_eq!((active(&local), active(&metrics)), (0.0, 0.0));

    // The cap is exact, and nothing is lost at it.
    for _ in 0..3 {
        (1..ROUTES).for_each(ask);
    }
    let all = 4 + 3 * (ROUTES - 1);
    assert_eq!(counts(&metrics, ROUTES - 1), (0, all, SERIES + 1));
    assert_eq!(active(&metrics), 0.0);
}
