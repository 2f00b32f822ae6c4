//! A queue between two processes: lines of `name=value` pairs into the worker's standard input. A real
//! one has headers or attributes of messages; whatever has names and values can carry a context.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;

use radiosonde::{Context, propagation};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::Mutex;

use crate::{Error, WORKER};

/// A message: headers, and what it is about.
pub(crate) type Message = BTreeMap<String, String>;

/// The end that messages are put into.
#[derive(Clone)]
pub(crate) struct Queue(Arc<Mutex<Option<ChildStdin>>>);

/// The process at the other end.
pub(crate) struct Worker {
    child: Child,
    queue: Queue,
}

/// Starts a worker with a queue to it.
pub(crate) fn start() -> Result<(Queue, Worker), Error> {
    let mut command = Command::new(std::env::current_exe()?);
    let mut child = command.arg(WORKER).stdin(Stdio::piped()).kill_on_drop(true).spawn()?;
    let queue = Queue(Arc::new(Mutex::new(child.stdin.take())));
    Ok((queue.clone(), Worker { child, queue }))
}

impl Queue {
    /// Puts the order of a number into the queue, with the context it is put there in.
    #[tracing::instrument(name = "publish packing", skip(self), fields(otel.kind = "producer"))]
    pub(crate) async fn put(&self, order: u64) -> Result<(), Error> {
        let mut message = Message::from([("order".to_owned(), order.to_string())]);
        propagation::inject(&Context::current(), &mut message);
        let mut end = self.0.lock().await;
        let end = end.as_mut().ok_or("the queue is closed")?;
        end.write_all(line(&message).as_bytes()).await?;
        Ok(end.flush().await?)
    }
}

impl Worker {
    /// Closes the queue and waits until everything in it is done.
    pub(crate) async fn finish(mut self) -> Result<(), Error> {
        self.queue.0.lock().await.take();
        let status = self.child.wait().await?;
        if status.success() { Ok(()) } else { Err(format!("the worker: {status}").into()) }
    }
}

/// A message as a line; tabs are in none of its parts.
fn line(message: &Message) -> String {
    let pairs: Vec<String> =
        message.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("\t") + "\n"
}

/// The message of a line.
pub(crate) fn message(line: &str) -> Message {
    let pairs = line.split('\t').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
