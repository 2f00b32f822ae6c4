//! The answer to one scrape.

use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER,
    VARY,
};
use hyper::{HeaderMap, Method, Response, StatusCode};
use radiosonde_metrics::{Exposition, Metrics, Scrape};

use crate::aside::Wanted;
use crate::negotiate::{self, Agreed};
use crate::pool::{Held, Pool};
use crate::trouble::Trouble;

pub(crate) const PLAIN: &str = "text/plain; charset=utf-8";

/// Largest text of `/metrics` unless told otherwise, in bytes before it is compressed: 64 MiB.
pub const BODY_BYTES_MAX: usize = 64 << 20;

/// Texts below this are not compressed, in bytes: they fit into a packet or two as they are.
const GZIP_BYTES_MIN: usize = 1024;

/// Said by Prometheus with every scrape.
const SCRAPER: &str = "x-prometheus-scrape-timeout-seconds";

/// Where the metrics come from.
pub trait Source: Send + Sync {
    /// Writes all families. Called on a thread of its own, which stands in the runtime of the server
    /// if it has one, a call at a time per service; it may take long. A panic becomes a 500.
    fn expose(&self, scrape: Scrape, to: &mut dyn Exposition);

    /// The answer to the last scrape with `from_zero` has been made whole, and goes out; see
    /// [`Metrics::scraped`], which is to be called: who does not has every series stay at 0 for
    /// scrapers.
    fn scraped(&self);

    /// Hears of each scrape that is refused or incomplete; by default nobody does. Must not block:
    /// it may be the server's thread that calls it.
    fn trouble(&self, _trouble: &Trouble) {}
}

impl Source for Metrics {
    fn expose(&self, scrape: Scrape, to: &mut dyn Exposition) {
        Metrics::expose(self, scrape, to);
    }

    fn scraped(&self) {
        Metrics::scraped(self);
    }
}

impl<S: Source + ?Sized> Source for Arc<S> {
    fn expose(&self, scrape: Scrape, to: &mut dyn Exposition) {
        (**self).expose(scrape, to);
    }

    fn scraped(&self) {
        (**self).scraped();
    }

    fn trouble(&self, trouble: &Trouble) {
        (**self).trouble(trouble);
    }
}

/// What a request for metrics asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    agreed: Agreed,
    gzip: bool,
    pub(crate) head: bool,
    scrape: Scrape,
}

impl Asked {
    pub(crate) fn new(method: &Method, headers: &HeaderMap) -> Self {
        let head = method == Method::HEAD;
        let mut scrape = Scrape::default();
        // Who asks for the head alone has not seen a series, nor has a person who looks.
        scrape.from_zero = !head && headers.contains_key(SCRAPER);
        let (agreed, gzip) = (negotiate::format(headers), negotiate::gzip(headers));
        Self { agreed, gzip, head, scrape }
    }
}

/// The metrics as an answer. Takes as long as the source takes.
pub(crate) fn metrics(
    source: &dyn Source,
    pool: &Arc<Pool>,
    asked: Asked,
    wanted: Wanted<'_>,
) -> Answer {
    let written = catch_unwind(AssertUnwindSafe(|| {
        let expose = |writer: &mut crate::Writer| source.expose(asked.scrape, writer);
        pool.render(asked.agreed.format, expose, |trouble| source.trouble(trouble))
    }));
    let text = match written.unwrap_or(Err(Trouble::Panicked)) {
        Ok(text) => text,
        Err(trouble) => return refusal(source, &trouble, asked.head),
    };
    let zipped = asked.gzip && text.as_ref().len() >= GZIP_BYTES_MIN;
    let body = if zipped { gzip(&text, pool) } else { Ok(Bytes::from_owner(text)) };
    // Compressing into memory cannot fail.
    let Ok(body) = body else { return refusal(source, &Trouble::Panicked, asked.head) };
    // A scraper that has hung up meanwhile has seen nothing.
    let seen = asked.scrape.from_zero && wanted();
    if seen && catch_unwind(AssertUnwindSafe(|| source.scraped())).is_err() {
        return refusal(source, &Trouble::Panicked, asked.head);
    }
    let mut answer = answer(StatusCode::OK, asked.agreed.content_type, body, asked.head);
    let headers = answer.headers_mut();
    if zipped {
        let _ = headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let _ = headers.insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
    answer
}

/// The answer to a scrape that is refused, of which the source hears.
pub(crate) fn refusal(source: &dyn Source, trouble: &Trouble, head: bool) -> Answer {
    // Its panic must not take the connection along.
    let _ = catch_unwind(AssertUnwindSafe(|| source.trouble(trouble)));
    refused(trouble, head)
}

/// The answer to a request that is refused.
pub(crate) fn refused(trouble: &Trouble, head: bool) -> Answer {
    let status = match trouble {
        Trouble::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut answer =
        answer(status, PLAIN, format!("{trouble}; fix: {}\n", trouble.fix()).into(), head);
    if trouble.passes() {
        let _ = answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("10"));
    }
    answer
}

/// Compressed fast.
fn gzip(text: &Held<String>, pool: &Arc<Pool>) -> io::Result<Bytes> {
    let memory = Vec::with_capacity(text.as_ref().len() / 8);
    let mut encoder = GzEncoder::new(memory, Compression::fast());
    encoder.write_all(text.as_ref())?;
    let zipped = encoder.finish()?;
    Ok(Bytes::from_owner(pool.hold(zipped)))
}

/// What is answered.
pub(crate) type Answer = Response<Full<Bytes>>;

/// Of a method that is neither GET nor HEAD.
pub(crate) fn not_allowed() -> Answer {
    let text = "method not allowed; use GET or HEAD\n";
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let mut answer = answer(status, PLAIN, Bytes::from_static(text.as_bytes()), false);
    let _ = answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    answer
}

/// An answer that nobody is to keep; of HEAD without the body.
pub(crate) fn answer(
    status: StatusCode,
    media_type: &'static str,
    body: Bytes,
    head: bool,
) -> Answer {
    let length = body.len();
    let mut answer = Response::new(Full::new(if head { Bytes::new() } else { body }));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    let _ = headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    let _ = headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let _ = headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    answer
}
