//! The client: it orders, and tries again when the shop is busy.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use radiosonde::http::client::{Attempts, ClientLayer};
use tower::{Layer as _, ServiceExt as _};

use crate::Error;

/// How often an order is sent at most.
const ATTEMPTS: usize = 3;

/// Orders something as the job `order-17`, and returns the trace of it.
pub(crate) async fn order(shop: SocketAddr) -> Result<String, Error> {
    radiosonde::scope().job("order-17").session("visitor-4").wrap(order_in_job(shop)).await
}

#[tracing::instrument(name = "order", skip(shop), err)]
async fn order_in_job(shop: SocketAddr) -> Result<String, Error> {
    let context = radiosonde::Context::current();
    let trace = context.trace_id().map(|trace| trace.to_string()).unwrap_or_default();
    // A span an attempt, with the number of the attempt on it.
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let client = ClientLayer::new().layer(client);
    let attempts = Attempts::default();
    for _ in 0..ATTEMPTS {
        let mut request = Request::post(format!("http://{shop}/orders/17?coupon=spring"))
            .body(Full::from("three balloons"))?;
        request.extensions_mut().insert(attempts.clone());
        let response = client.clone().oneshot(request).await?;
        let status = response.status();
        let said = response.into_body().collect().await?.to_bytes();
        if status == StatusCode::ACCEPTED {
            tracing::info!(said = %String::from_utf8_lossy(&said), "ordered");
            return Ok(trace);
        }
        tracing::warn!(status = status.as_u16(), "the shop did not take the order");
    }
    Err("the shop took no order".into())
}
