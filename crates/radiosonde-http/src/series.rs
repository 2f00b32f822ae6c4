//! The keys of the metrics, made once a thread for each set of labels, and the handles for them.
//!
//! To make a key takes a dozen allocations and a hash over all its texts, and to find its series as
//! much as to write it. A thread keeps those it wrote lately; the recorder is asked with each write
//! where it might answer otherwise, so that a local one, or one that is installed later, gets what is
//! its own.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use metrics::{Gauge, Histogram, Key, Label, Level, Metadata};
use radiosonde_metrics::Lasting;
use rapidhash::v3::{RapidSecrets, rapidhash_v3_inline};

/// Sets of labels a thread keeps, each of them in about a kilobyte. Two that want the same place
/// take turns.
const PLACES: usize = 128;

static METADATA: Metadata<'static> =
    Metadata::new("radiosonde_http", Level::INFO, Some(module_path!()));

static SECRETS: RapidSecrets = RapidSecrets::seed(0x7261_6469_6f73);

/// Which metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    HttpServer,
    HttpClient,
    GrpcServer,
    GrpcClient,
}

/// The labels of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Labels<'l> {
    pub(crate) kind: Kind,
    pub(crate) method: &'static str,
    pub(crate) scheme: &'static str,
    /// The route, the host that was asked, or the method of gRPC; empty when there is none.
    pub(crate) place: &'l str,
    /// 0 when there is none.
    pub(crate) status: u16,
    /// Empty when nothing went wrong.
    pub(crate) error: &'l str,
}

/// What one request adds to the histograms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) seconds: f64,
    /// Bytes of the bodies; `None` when nobody counted.
    pub(crate) request_bytes: Option<u64>,
    pub(crate) response_bytes: Option<u64>,
}

impl<'l> Labels<'l> {
    /// Of a request that begins.
    pub(crate) fn begun(
        kind: Kind,
        method: &'static str,
        scheme: &'static str,
        place: &'l str,
    ) -> Self {
        Self { kind, method, scheme, place, status: 0, error: "" }
    }
}

/// A set of labels with the keys that have it.
pub(crate) struct Series {
    kind: Kind,
    method: &'static str,
    scheme: &'static str,
    place: Box<str>,
    status: u16,
    error: Box<str>,
    /// What the span of a server is called: `GET /users/{id}`, or `GET` where there is no route.
    name: Box<str>,
    active: Option<Keyed<Gauge>>,
    duration: Option<Keyed<Histogram>>,
    request: Option<Keyed<Histogram>>,
    response: Option<Keyed<Histogram>>,
}

/// A key, and its handle while that is the one the recorder would give.
struct Keyed<H> {
    key: Key,
    kept: OnceCell<Lasting<H>>,
}

impl<H> Keyed<H> {
    fn new(name: &'static str, labels: &dyn Fn() -> Vec<Label>) -> Option<Self> {
        let key = || Key::from_parts(name, labels());
        (!name.is_empty()).then(|| Self { key: key(), kept: OnceCell::new() })
    }

    fn with<R>(
        &self,
        ask: impl FnOnce(&Key, &Metadata<'_>) -> Result<Lasting<H>, H>,
        to: impl FnOnce(&H) -> R,
    ) -> R {
        if let Some(handle) = self.kept.get().and_then(Lasting::current) {
            return to(handle);
        }
        match ask(&self.key, &METADATA) {
            Ok(lasting) => to(self.kept.get_or_init(|| lasting).handle()),
            Err(handle) => to(&handle),
        }
    }
}

thread_local! {
    static KEPT: RefCell<Vec<Option<Rc<Series>>>> = const { RefCell::new(Vec::new()) };
}

/// Those that have these labels.
pub(crate) fn of(labels: &Labels<'_>) -> Rc<Series> {
    let find = |kept: &RefCell<Vec<Option<Rc<Series>>>>| {
        let mut kept = kept.try_borrow_mut().ok()?;
        if kept.is_empty() {
            kept.resize_with(PLACES, || None);
        }
        let place = kept.get_mut(place(labels))?;
        match place {
            Some(series) if series.is_for(labels) => Some(series.clone()),
            _ => Some(place.insert(Rc::new(Series::new(labels))).clone()),
        }
    };
    // An error means that the thread is ending.
    let found = KEPT.try_with(find).ok().flatten();
    found.unwrap_or_else(|| Rc::new(Series::new(labels)))
}

fn place(labels: &Labels<'_>) -> usize {
    let text = rapidhash_v3_inline::<true, false, false>(labels.place.as_bytes(), &SECRETS);
    let rest = labels.method.as_ptr().addr() ^ labels.error.len().rotate_left(32);
    let mixed =
        text ^ (rest as u64) ^ (u64::from(labels.status) << 20) ^ (labels.kind as u64) << 50;
    (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as usize % PLACES
}

impl Series {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// The gauge of requests under way.
    pub(crate) fn active(&self) -> Gauge {
        let active = self.active.as_ref();
        active.map_or_else(Gauge::noop, |keyed| keyed.with(Lasting::gauge, Gauge::clone))
    }

    /// Writes a finished request.
    pub(crate) fn record(&self, measured: &Measured) {
        let write = |keyed: &Option<Keyed<Histogram>>, value: Option<f64>| {
            if let (Some(keyed), Some(value)) = (keyed, value) {
                keyed.with(Lasting::histogram, |histogram| histogram.record(value));
            }
        };
        #[expect(clippy::cast_precision_loss, reason = "no body has 2^53 bytes")]
        let bytes = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64);
        write(&self.duration, Some(measured.seconds));
        write(&self.request, bytes(measured.request_bytes));
        write(&self.response, bytes(measured.response_bytes));
    }

    fn new(labels: &Labels<'_>) -> Self {
        let place = || label(labels.kind.place(), labels.place);
        let active = || match labels.kind {
            Kind::HttpServer => vec![method(labels), label("url_scheme", labels.scheme)],
            _ => vec![method(labels), place()],
        };
        let status: Cow<'static, str> = match (labels.kind, labels.status) {
            (Kind::GrpcServer | Kind::GrpcClient, code) => crate::grpc::code_name(code).into(),
            (_, 0) => "".into(),
            (_, status) => status.to_string().into(),
        };
        let finished = || {
            let error = Label::new("error_type", labels.error.to_owned());
            let status = Label::new(labels.kind.status(), status.clone());
            match labels.kind {
                Kind::HttpServer | Kind::HttpClient => {
                    vec![method(labels), place(), status, error]
                }
                Kind::GrpcServer | Kind::GrpcClient => {
                    vec![label("rpc_system_name", "grpc"), place(), status, error]
                }
            }
        };
        let [active_name, duration, request, response] = labels.kind.names();
        Self {
            kind: labels.kind,
            method: labels.method,
            scheme: labels.scheme,
            place: labels.place.into(),
            status: labels.status,
            error: labels.error.into(),
            name: name(labels).into(),
            active: Keyed::new(active_name, &active),
            duration: Keyed::new(duration, &finished),
            request: Keyed::new(request, &finished),
            response: Keyed::new(response, &finished),
        }
    }

    fn is_for(&self, labels: &Labels<'_>) -> bool {
        // Mostly constants, and empty: few texts have to be read.
        let same = |one: &str, other: &str| {
            one.len() == other.len() && (one.is_empty() || std::ptr::eq(one, other) || one == other)
        };
        self.status == labels.status
            && self.kind == labels.kind
            && same(self.method, labels.method)
            && same(self.scheme, labels.scheme)
            && same(&self.place, labels.place)
            && same(&self.error, labels.error)
    }
}

impl Kind {
    /// The gauge, and the histograms of time and of both bodies; empty for what there is none of.
    fn names(self) -> [&'static str; 4] {
        match self {
            Self::HttpServer => [
                "http_server_active_requests",
                "http_server_request_duration_seconds",
                "http_server_request_body_size_bytes",
                "http_server_response_body_size_bytes",
            ],
            Self::HttpClient => [
                "http_client_active_requests",
                "http_client_request_duration_seconds",
                "http_client_request_body_size_bytes",
                "http_client_response_body_size_bytes",
            ],
            Self::GrpcServer => ["", "rpc_server_call_duration_seconds", "", ""],
            Self::GrpcClient => ["", "rpc_client_call_duration_seconds", "", ""],
        }
    }

    fn place(self) -> &'static str {
        match self {
            Self::HttpServer => "http_route",
            Self::HttpClient => "server_address",
            Self::GrpcServer | Self::GrpcClient => "rpc_method",
        }
    }

    fn status(self) -> &'static str {
        match self {
            Self::HttpServer | Self::HttpClient => "http_response_status_code",
            Self::GrpcServer | Self::GrpcClient => "rpc_response_status_code",
        }
    }
}

fn name(labels: &Labels<'_>) -> String {
    let method = crate::method::in_span_name(labels.method);
    match labels.place {
        "" => method.to_owned(),
        place => format!("{method} {place}"),
    }
}

fn method(labels: &Labels<'_>) -> Label {
    Label::from_static_parts("http_request_method", labels.method)
}

fn label(name: &'static str, value: &str) -> Label {
    Label::new(name, value.to_owned())
}
