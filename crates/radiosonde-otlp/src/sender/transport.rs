//! What takes a request to its destination and brings back what it means.

mod compress;
#[cfg(feature = "grpc")]
pub(super) mod grpc;
pub(super) mod http1;

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use http::header::{HeaderName, USER_AGENT};
use http::{HeaderMap, HeaderValue, Uri};

use super::answer::{Answer, Verdict};
use super::connect::Heard;
use super::lane::Attempt;
use super::proxy::Proxies;
use super::tls;
use crate::destination::{Destination, Protocol};
use crate::signal::Signal;

/// What names the records of a request, the same whenever they are sent.
const BATCH: HeaderName = HeaderName::from_static("x-radiosonde-batch");
/// The product, as RFC 9110 has it.
const PRODUCT: &str = concat!("radiosonde-otlp/", env!("CARGO_PKG_VERSION"));
/// Bytes of an answer that are read.
const ANSWER_MAX: usize = 64 * 1024;

/// A request on its way.
pub(super) type Asking = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// The way to one destination. Connections are made when they are needed, and anew after a failure.
pub(super) struct Transport {
    destination: Destination,
    signal: Signal,
    proxies: Proxies,
    client: Option<Client>,
}

pub(super) enum Client {
    #[cfg(feature = "grpc")]
    Grpc(grpc::Client),
    Http(http1::Client),
}

impl Transport {
    pub(super) fn new(destination: Destination, signal: Signal, proxies: Proxies) -> Self {
        Self { destination, signal, proxies, client: None }
    }

    /// Sends a request. What comes of it comes within the time it has.
    pub(super) fn ask(&mut self, attempt: Attempt) -> Asking {
        let client = match self.client.take() {
            Some(client) => Ok(client),
            None => self.connect(),
        };
        let client = match client {
            Ok(client) => self.client.insert(client),
            Err(why) => {
                let answer = Answer::new(Verdict::Misconfigured { answered: false }, why);
                return Box::pin(std::future::ready(answer));
            }
        };
        let Attempt { body, timeout, batch, .. } = attempt;
        let asking = match client {
            #[cfg(feature = "grpc")]
            Client::Grpc(client) => client.ask(body, &batch, timeout),
            Client::Http(client) => client.ask(body, &batch, timeout),
        };
        let secrets = self.secrets();
        Box::pin(async move {
            let mut answer = asking.await;
            answer.text = without(answer.text, &secrets);
            answer
        })
    }

    /// Leaves connections that may be broken.
    pub(super) fn forget(&mut self) {
        self.client = None;
    }

    pub(super) fn connect(&self) -> Result<Client, String> {
        let uri = self.destination.endpoint.parse::<Uri>();
        let uri = uri.map_err(|_| "the endpoint is no URL: set OTEL_EXPORTER_OTLP_ENDPOINT")?;
        let headers = headers(&self.destination)?;
        match self.destination.protocol {
            Protocol::Http => {
                http1::Client::new(&self.destination, uri, headers, &self.proxies).map(Client::Http)
            }
            #[cfg(feature = "grpc")]
            Protocol::Grpc => {
                let signal = self.signal;
                let client =
                    grpc::Client::new(&self.destination, signal, &uri, headers, &self.proxies);
                client.map(Client::Grpc)
            }
            #[cfg(not(feature = "grpc"))]
            Protocol::Grpc => {
                let signal = self.signal;
                Err(format!("{signal:?} go over gRPC, which this program was built without"))
            }
            Protocol::Unknown => {
                Err("it goes by a protocol that only a later version of radiosonde knows: \
                 send it with that one, or elsewhere with `radiosonde spool drain --endpoint`"
                    .to_owned())
            }
        }
    }

    /// What must not be in a text, longest first.
    fn secrets(&self) -> Vec<String> {
        let headers = self.destination.headers.iter().flat_map(|(_, value)| {
            // `Bearer abc`: the whole and the token alone.
            std::iter::once(value.as_str()).chain(value.split_whitespace())
        });
        let query = self.destination.endpoint.split_once('?').map(|(_, query)| query);
        let query = query.into_iter().flat_map(|query| {
            query.split('&').filter_map(|pair| pair.split_once('=').map(|(_, value)| value))
        });
        let secret = |text: &&str| text.len() >= SECRET_MIN;
        let mut secrets: Vec<String> =
            headers.chain(query).filter(secret).map(str::to_owned).collect();
        secrets.extend(self.destination.tokens());
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets
    }
}

/// Shorter values of headers are no secrets, and would make holes in texts.
const SECRET_MIN: usize = 6;

fn without(mut text: String, secrets: &[String]) -> String {
    for secret in secrets {
        if text.contains(secret.as_str()) {
            text = text.replace(secret.as_str(), "[redacted]");
        }
    }
    text
}

fn headers(destination: &Destination) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, HeaderValue::from_static(PRODUCT));
    for (name, value) in &destination.headers {
        let wrong = || format!("a header cannot be sent: {name}; see OTEL_EXPORTER_OTLP_HEADERS");
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    Ok(headers)
}

/// What an error on the way means, with what TLS said besides.
fn failed(error: &(dyn Error + 'static), heard: &Heard) -> Answer {
    match tls::trouble(error).or_else(|| heard.take()) {
        Some((text, true)) => Answer::new(Verdict::Misconfigured { answered: false }, text),
        Some((text, false)) => Answer::new(Verdict::Failed { timed_out: false }, text),
        None => {
            let text = tls::chain(error) + foreign(error);
            Answer::new(Verdict::Failed { timed_out: false }, text)
        }
    }
}

/// What to do about a peer that answers, and speaks another protocol.
fn foreign(error: &(dyn Error + 'static)) -> &'static str {
    let mut next = Some(error);
    while let Some(error) = next {
        let is_parse = error
            .downcast_ref::<hyper::Error>()
            .is_some_and(|error| error.is_parse() && !error.to_string().contains("too large"));
        // What HTTP/2 makes of an answer of HTTP/1.1, or of TLS; its error has no other sign of it.
        if is_parse || error.to_string().contains("frame with invalid size") {
            return " (what answers does not speak this protocol: check OTEL_EXPORTER_OTLP_PROTOCOL and the \
                    port, which is 4317 for gRPC and 4318 for HTTP, and whether it is http:// or https://)";
        }
        next = error.source();
    }
    ""
}

fn timed_out(timeout: Duration) -> Answer {
    let text = format!("no answer within {} ms", timeout.as_millis());
    Answer::new(Verdict::Failed { timed_out: true }, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_show_no_secret() {
        let mut destination = Destination::new(
            "https://h/0123456789abcdef/v1/logs?key=query-key&a=b",
            Protocol::Http,
        );
        destination.headers = vec![("authorization".into(), "Bearer hunter22".into())];
        let transport = Transport::new(destination, Signal::Logs, Proxies::default());
        let text = "Bearer hunter22 is wrong: hunter22, query-key, b; /0123456789abcdef/v1/logs"
            .to_owned();
        let shown = without(text, &transport.secrets());
        assert_eq!(shown, "[redacted] is wrong: [redacted], [redacted], b; /[redacted]/v1/logs");
    }
}
