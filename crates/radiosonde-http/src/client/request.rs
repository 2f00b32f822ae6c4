//! What is read from a request before it goes, the span made of it, and the context it takes along.

use http::{HeaderMap, Uri, header};
use radiosonde_context::{Context, propagation};
use tracing::Span;
use tracing::field::Empty;

use crate::exchange::{Exchange, RequestBytes};
use crate::method::Method;
use crate::peer::named;
use crate::place::Place;
use crate::series::{self, Kind, Labels};
use crate::{method, url};

/// A request that is about to be sent.
#[derive(Debug)]
pub(super) struct Sent<'r> {
    pub(super) method: Method<'r>,
    pub(super) uri: &'r Uri,
    /// Length of its body, when it is known.
    pub(super) bytes: Option<u64>,
    /// How often it was sent before.
    pub(super) resent: Option<u32>,
}

/// Begins the exchange of a request and writes its context into the headers.
pub(super) fn begin(sent: &Sent<'_>, headers: &mut HeaderMap) -> Box<Exchange> {
    let (host, port) = asked(sent.uri, headers);
    let span = span(sent, &host, port);
    inject(&span, &host, headers);
    let series = series::of(&Labels::begun(Kind::HttpClient, sent.method.name, "", &host));
    let place = Place::Text(host.into());
    let mut exchange = Exchange::new(Kind::HttpClient, span, sent.method.name, place);
    exchange.account.request_bytes = sent.bytes.map_or(RequestBytes::Unknown, RequestBytes::Known);
    exchange.begin(&series);
    exchange
}

/// The host and the port a request goes to.
pub(crate) fn asked(uri: &Uri, headers: &HeaderMap) -> (String, Option<u16>) {
    let authority = match uri.authority() {
        Some(authority) => authority.as_str(),
        None => headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default(),
    };
    let Some((host, port)) = named(authority) else { return (String::new(), None) };
    let usual = match uri.scheme_str() {
        Some("https") => Some(443),
        Some("http") => Some(80),
        _ => None,
    };
    (host.to_owned(), port.or(usual))
}

/// Writes the context of a span into the headers of the request it is of; where the span is off,
/// that of the code around it.
pub(crate) fn inject(span: &Span, host: &str, headers: &mut HeaderMap) {
    let context = span.in_scope(Context::current);
    propagation::inject_to(host, &context, headers);
}

fn span(sent: &Sent<'_>, host: &str, port: Option<u16>) -> Span {
    let method = sent.method;
    tracing::info_span!(
        "http.client.request",
        otel.name = method::in_span_name(method.name),
        otel.kind = "client",
        http.request.method = method.name,
        http.request.method_original = method.original,
        http.request.resend_count = sent.resent,
        // A URI without a host is no URL.
        url.full = sent.uri.authority().map(|_| url::redacted_url(sent.uri)).as_deref(),
        server.address = (!host.is_empty()).then_some(host),
        server.port = port,
        http.request.body.size = Empty,
        http.response.status_code = Empty,
        http.response.body.size = Empty,
        network.protocol.version = Empty,
        error.type = Empty,
        otel.status_code = Empty,
    )
}
