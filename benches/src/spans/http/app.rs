//! The application, and who asks it.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::{Request, Version, header};
use axum::routing::get;
use http_body_util::BodyExt as _;
use tower_service::Service as _;

/// What is sent back.
static PAGE: [u8; 1024] = [b'x'; 1024];

/// One route, one handler that waits for nothing.
pub(super) fn router() -> Router {
    Router::new().route("/items/{id}", get(item))
}

async fn item(Path(id): Path<u64>) -> Bytes {
    std::hint::black_box(id);
    Bytes::from_static(&PAGE)
}

/// A request for an item.
pub(super) struct Item(Request<Body>);

impl Item {
    /// So many requests, each in a trace of its own that its caller has sampled. They are made before
    /// the clock is read.
    pub(super) fn list(number: &mut u64, count: usize) -> Vec<Item> {
        let first = *number + 1;
        *number += count as u64;
        (first..=*number).map(Item::new).collect()
    }

    fn new(number: u64) -> Item {
        let mut request = Request::new(Body::empty());
        let path = format!("/items/{number}");
        *request.uri_mut() = path.parse().unwrap_or_default();
        *request.version_mut() = Version::HTTP_11;
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let traceparent = format!("00-{mixed:016x}{number:016x}-{mixed:016x}-01");
        let headers = [
            (header::HOST, "shop.example".to_owned()),
            (header::USER_AGENT, "benches/1.0".to_owned()),
            (header::ACCEPT, "*/*".to_owned()),
            (header::HeaderName::from_static("traceparent"), traceparent),
        ];
        for (name, value) in headers {
            if let Ok(value) = value.parse() {
                request.headers_mut().insert(name, value);
            }
        }
        Item(request)
    }
}

/// Asks for each and reads the answer to its end, as a connection does. How many came whole.
pub(super) async fn ask(router: &mut Router, items: Vec<Item>) -> usize {
    let mut answered = 0;
    for Item(request) in items {
        // The error of a router is one that cannot be.
        let Ok(response) = router.call(request).await;
        let mut bytes = 0;
        let mut body = response.into_body();
        while let Some(Ok(frame)) = body.frame().await {
            bytes += frame.data_ref().map_or(0, Bytes::len);
        }
        answered += usize::from(bytes == PAGE.len());
    }
    answered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_answered_in_full_and_belongs_to_its_own_trace() {
        let mut number = 0;
        let items = Item::list(&mut number, 3);
        let parents: Vec<_> =
            items.iter().map(|item| item.0.headers()["traceparent"].clone()).collect();
        assert!(parents[0] != parents[1] && parents.iter().all(|parent| parent.len() == 55));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        assert_eq!(runtime.block_on(ask(&mut router(), items)), 3);
        let stranger = Request::new(Body::empty());
        assert_eq!(runtime.block_on(ask(&mut router(), vec![Item(stranger)])), 0);
    }
}
