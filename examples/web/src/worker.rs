//! The worker: it packs what comes out of the queue.

use std::time::Duration;

use radiosonde::propagation;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::Error;
use crate::queue::{self, Message};

/// Packs until the queue is closed.
pub(crate) async fn work() -> Result<(), Error> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let message = queue::message(&line);
        // The context that came with the message: trace, job and session.
        let context = propagation::extract(&message);
        context.wrap(pack(message)).await;
    }
    Ok(())
}

#[tracing::instrument(name = "process packing", skip_all, fields(otel.kind = "consumer", order))]
async fn pack(message: Message) {
    let Some(order) = message.get("order") else {
        return tracing::error!("a message without an order");
    };
    tracing::Span::current().record("order", order);
    tokio::time::sleep(Duration::from_millis(20)).await;
    radiosonde::event!("order.packed", order, "packed");
}
