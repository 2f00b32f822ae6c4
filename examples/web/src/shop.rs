//! The server: it takes orders, and has them packed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use radiosonde::http::server::ServerLayer;
use tokio::net::TcpListener;

use crate::Error;
use crate::queue::Queue;

#[derive(Clone)]
struct Shop {
    queue: Queue,
    is_awake: Arc<AtomicBool>,
}

/// Starts the server on a port that is free.
pub(crate) async fn start(queue: Queue) -> Result<SocketAddr, Error> {
    let shop = Shop { queue, is_awake: Arc::default() };
    let app =
        Router::new().route("/orders/{id}", post(order)).with_state(shop).layer(ServerLayer::new()); // the one line
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    // Of a task that serves all callers none is the parent: a plain spawn is right here.
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

async fn order(
    State(shop): State<Shop>,
    Path(id): Path<u64>,
    what: String,
) -> Result<(StatusCode, String), StatusCode> {
    if !shop.is_awake.swap(true, Ordering::Relaxed) {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    // A thread that may block: the helper takes the request's context there.
    let price = radiosonde::spawn_blocking(move || price(&what)).await;
    let price = price.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    shop.queue.put(id).await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    radiosonde::event!("order.taken", order = id, price, "taken");
    Ok((StatusCode::ACCEPTED, format!("order {id}: {price}")))
}

#[tracing::instrument(ret)]
fn price(what: &str) -> u64 {
    what.bytes().map(u64::from).sum::<u64>() / 100
}
