//! Whether a destination answers: for people who want to know.

use std::time::{Duration, Instant};

use super::answer::Verdict;
use super::lane::Attempt;
use super::proxy::Proxies;
use super::response::stranger;
use super::transport::Transport;
use crate::destination::{Destination, Protocol};
use crate::signal::Signal;

/// What came of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Probe {
    /// Whether the receiver took an empty request, with the headers it would get.
    pub is_taken: bool,
    /// What was answered, or why nothing was, without secrets.
    pub text: String,
    /// From the connection to the answer.
    pub took: Duration,
}

/// Sends a request without records, as the sender would: name, proxy, TLS, headers and protocol are all
/// tried. Blocks for at most the timeout of the destination; not for threads of a runtime.
pub fn probe(destination: &Destination, signal: Signal, proxies: Proxies) -> Probe {
    let began = Instant::now();
    let failed = |text: String| Probe { is_taken: false, text, took: began.elapsed() };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(format!("no runtime to ask with: {error}")),
    };
    let timeout = destination.timeout();
    // A message without fields is no bytes at all.
    let attempt = Attempt { id: 0, body: Vec::new(), timeout, batch: "probe".to_owned() };
    let answer = runtime.block_on(async {
        let mut transport = Transport::new(destination.clone(), signal, proxies);
        transport.ask(attempt).await
    });
    // Nobody waits for a name that is being resolved.
    runtime.shutdown_background();
    match answer.verdict {
        Verdict::Accepted { unreadable: true, .. } if destination.protocol == Protocol::Http => {
            failed(stranger().text)
        }
        Verdict::Accepted { .. } => {
            Probe { is_taken: true, text: answer.text, took: began.elapsed() }
        }
        _ => failed(answer.text),
    }
}
