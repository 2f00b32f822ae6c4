//! What is read from a request when it comes, and the span made of it.

use std::net::IpAddr;
use std::sync::OnceLock;

use http::{Extensions, HeaderMap, Method, Request, Uri, Version};
use http_body::Body;
use radiosonde_context::{Context, propagation, with_current};
use tracing::Span;
use tracing::field::{Empty, Field, Value};

use super::layer::Settings;
use super::size;
use crate::exchange::{Begun, Exchange};
use crate::headers::Headers;
use crate::method;
use crate::peer::{self, ClientAddress, Forwarded, named};
use crate::place::{Place, Route};
use crate::series::{self, Kind, Labels, Series};
use crate::url;

/// A request without its body.
#[derive(Debug)]
pub struct Head<'r> {
    method: &'r Method,
    uri: &'r Uri,
    version: Version,
    headers: &'r HeaderMap,
    extensions: &'r Extensions,
}

impl<'r> Head<'r> {
    pub(crate) fn of<B>(request: &'r Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            version: request.version(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }

    /// The method as it was sent.
    pub fn method(&self) -> &'r Method {
        self.method
    }

    /// What was asked for.
    pub fn uri(&self) -> &'r Uri {
        self.uri
    }

    /// The headers.
    pub fn headers(&self) -> &'r HeaderMap {
        self.headers
    }

    /// What routers and outer layers left with the request.
    pub fn extensions(&self) -> &'r Extensions {
        self.extensions
    }
}

/// Begins the exchange of a request; `None` for one that is not observed.
pub(super) fn begin<B: Body + 'static>(
    settings: &Settings,
    request: &mut Request<B>,
) -> Option<Begun> {
    let head = Head::of(request);
    if settings.filter.as_ref().is_some_and(|filter| !filter(&head)) {
        return None;
    }
    let place = route(settings, &head);
    let method = method::Method::of(head.method, settings.known_methods);
    let headers = Headers::of(head.headers);
    let peer = Peer::of(settings, &head, &headers);
    let (context, caller) = callers_context(settings.is_public, &headers);
    let begun = Labels::begun(Kind::HttpServer, method.name, peer.scheme, place.as_str());
    let series = series::of(&begun);
    let attached = context.as_ref().map(Context::attach);
    let span = span(&head, method, &series, &peer);
    if let Some(caller) = caller {
        link(&span, &caller);
    }
    let mut exchange = Exchange::new(Kind::HttpServer, span, method.name, place);
    exchange.begin(&series);
    exchange.account.request_bytes = size::of(request);
    Some(Begun { exchange: exchange.in_context(context), attached })
}

/// The context a request is worked on in, when that is another than the current one; and the span of
/// its caller, when that is only linked to.
pub(crate) fn callers_context(
    is_public: bool,
    headers: &Headers<'_>,
) -> (Option<Context>, Option<Context>) {
    let sent = propagation::extract(headers);
    if is_public {
        let here = Context::current();
        let context = here.trace_id().map(|_| here.without_span());
        return (context, sent.trace_id().map(|_| sent));
    }
    if sent.is_empty() {
        return (None, None);
    }
    let mut context = sent;
    with_current(|current| context.fill(current));
    (Some(context), None)
}

/// Links a span to the one it was called from.
pub(crate) fn link(span: &Span, caller: &Context) {
    if let (Some(trace), Some(id)) = (caller.trace_id(), caller.span_id()) {
        let flags = u8::from(caller.is_sampled() == Some(true));
        let link = format!("00-{trace}-{id}-{flags:02x}");
        span.record("otel.link", &*link);
    }
}

fn route(settings: &Settings, head: &Head<'_>) -> Place {
    if let Some(Route(place)) = settings.route_of.as_ref().and_then(|route_of| route_of(head)) {
        return place;
    }
    if let Some(Route(place)) = head.extensions.get::<Route>() {
        return place.clone();
    }
    #[cfg(feature = "axum")]
    if let Some(path) = head.extensions.get::<axum::extract::MatchedPath>() {
        return Place::Matched(path.clone());
    }
    Place::NONE
}

/// Who asks whom, and how.
struct Peer<'r> {
    scheme: &'static str,
    host: Option<&'r str>,
    port: Option<u16>,
    client: Option<IpAddr>,
    connected: Option<IpAddr>,
    user_agent: Option<&'r str>,
}

impl<'r> Peer<'r> {
    fn of(settings: &Settings, head: &Head<'r>, headers: &Headers<'r>) -> Self {
        let forwarded = match settings.trusts_forwarded {
            true => Forwarded::of(head.headers),
            false => Forwarded::default(),
        };
        let authority = || Some(head.uri.authority()?.as_str());
        let host_header = || headers.host?.to_str().ok();
        let host = forwarded.host.and_then(named);
        let host = host.or_else(|| named(authority()?)).or_else(|| named(host_header()?));
        let said = forwarded.scheme.or_else(|| head.uri.scheme_str());
        let scheme = match said {
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => "https",
            Some(_) => "http",
            None if settings.is_https => "https",
            None => "http",
        };
        let connected = connected(head.extensions);
        Self {
            scheme,
            host: host.map(|(host, _)| host),
            port: host.and_then(|(_, port)| port),
            client: forwarded.client.or_else(|| told(head.extensions)).or(connected),
            connected,
            user_agent: headers.user_agent.and_then(|name| name.to_str().ok()),
        }
    }
}

/// The client, as far as it is known without a proxy's word.
pub(crate) fn client(extensions: &Extensions) -> Option<IpAddr> {
    told(extensions).or_else(|| connected(extensions))
}

/// What somebody left with the request.
fn told(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get().map(|ClientAddress(address)| address.ip())
}

/// The other end of the connection, where the framework knows it.
fn connected(extensions: &Extensions) -> Option<IpAddr> {
    #[cfg(feature = "axum")]
    if let Some(info) = extensions.get::<axum::extract::ConnectInfo<std::net::SocketAddr>>() {
        return Some(info.0.ip());
    }
    let _none = extensions;
    None
}

/// Fields of a server's span that its end tells.
const LATE: [&str; 7] = [
    "otel.name",
    "http.route",
    "http.request.body.size",
    "http.response.status_code",
    "http.response.body.size",
    "error.type",
    "otel.status_code",
];

/// Records these fields of a server's span, in their order, all at once. To look for each by its name
/// would cost as much as to record it.
pub(crate) fn record_late(span: &Span, values: [&dyn Value; LATE.len()]) {
    static FIELDS: OnceLock<Option<[Field; LATE.len()]>> = OnceLock::new();
    let Some(metadata) = span.metadata().filter(|_| !span.is_disabled()) else { return };
    let known = metadata.fields();
    let find = || {
        let found: Vec<Field> = LATE.iter().filter_map(|name| known.field(name)).collect();
        found.try_into().ok()
    };
    let Some(fields) = FIELDS.get_or_init(find) else { return };
    let mut values = values.into_iter();
    let pairs = fields.each_ref().map(|field| (field, values.next()));
    span.record_all(&known.value_set(&pairs));
}

fn span(head: &Head<'_>, method: method::Method<'_>, series: &Series, peer: &Peer<'_>) -> Span {
    let route = series.place();
    // Nothing of this is made for a span that is off.
    tracing::info_span!(
        "http.server.request",
        // Without a route it waits for the answer, which may tell one.
        otel.name = (!route.is_empty()).then(|| series.name()),
        otel.kind = "server",
        http.request.method = method.name,
        http.request.method_original = method.original,
        http.route = (!route.is_empty()).then_some(route),
        url.path = &*url::redacted_path(head.uri.path()),
        url.query = head.uri.query().map(url::redacted_query).as_deref(),
        url.scheme = peer.scheme,
        server.address = peer.host,
        server.port = peer.port,
        client.address = peer.client.map(display),
        network.peer.address = peer.connected.map(display),
        network.protocol.version = peer::version(head.version),
        user_agent.original = peer.user_agent,
        http.request.body.size = Empty,
        http.response.status_code = Empty,
        http.response.body.size = Empty,
        error.type = Empty,
        otel.status_code = Empty,
        otel.link = Empty,
    )
}
