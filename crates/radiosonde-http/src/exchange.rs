//! One request under way: its span, its place in the gauge, and what is known of its end.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use http::{HeaderMap, Response, Version, header};
use http_body::Body;
use metrics::Gauge;
use radiosonde_context::{Attached, Context};
use tracing::Span;

use crate::error_type::{self, ErrorType};
use crate::grpc::{self, GrpcMethod};
use crate::place::{Place, Route};
use crate::series::{self, Kind, Labels, Measured, Series};

/// How a request ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// With the end of the response's body, or with its head where there is no body.
    Complete,
    /// Future or body were dropped before that.
    Cancelled,
    /// The code that was called panicked.
    Panicked,
    /// The service or a body failed.
    Failed(ErrorType),
}

/// Bytes of the request's body.
#[derive(Clone, Debug)]
pub(crate) enum RequestBytes {
    Unknown,
    Known(u64),
    /// Whoever reads the body counts; [`NOT_READ`] until then. Where nobody does, [`NOT_COUNTED`] stays,
    /// and what was announced is all there is.
    Counted(Arc<AtomicU64>, Option<u64>),
}

/// No body has so many bytes.
pub(crate) const NOT_READ: u64 = u64::MAX;
pub(crate) const NOT_COUNTED: u64 = u64::MAX - 1;

/// No body is announced with so many bytes and comes.
const ANNOUNCED_END: u64 = 1 << 40;

impl RequestBytes {
    /// What is known at the end of a request, which may be complete.
    fn told(&self, is_complete: bool) -> Option<u64> {
        let announced = |bytes: Option<u64>| bytes.filter(|_| is_complete).and_then(believed);
        match self {
            Self::Unknown => None,
            Self::Known(bytes) => Some(*bytes),
            Self::Counted(counted, length) => match counted.load(Ordering::Relaxed) {
                NOT_READ => None,
                NOT_COUNTED => announced(*length),
                bytes => Some(bytes),
            },
        }
    }
}

/// What was announced, unless it cannot be.
fn believed(bytes: u64) -> Option<u64> {
    (bytes < ANNOUNCED_END).then_some(bytes)
}

/// A request under way. Its drop ends it, whatever happened: the span is closed, the gauge falls, the
/// histograms have it.
#[derive(Debug)]
pub(crate) struct Exchange {
    span: Span,
    /// What is current around every poll, where that is not what is current anyway.
    context: Option<Context>,
    /// Set around every call of foreign code: still set in `drop`, that code panicked.
    is_running: bool,
    pub(crate) account: Account,
}

/// A request that is about to be handed on, in the context it was begun in.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) exchange: Box<Exchange>,
    pub(crate) attached: Option<Attached>,
}

/// What is known of a request, and told at its end.
#[derive(Debug)]
pub(crate) struct Account {
    kind: Kind,
    method: &'static str,
    place: Place,
    pub(crate) grpc: Option<GrpcMethod>,
    pub(crate) request_bytes: RequestBytes,
    /// Whether the span has no name yet.
    is_unnamed: bool,
    started: Instant,
    active: Gauge,
    status: Option<u16>,
    /// Of the response.
    version: Option<Version>,
    /// Of gRPC, from the response's head or its trailers.
    code: Option<u16>,
    /// Whether the response's body is of messages of gRPC.
    has_messages: bool,
    /// Length of the response's body, when it is known beforehand.
    expected: Option<u64>,
    sent: u64,
    is_done: bool,
}

/// A request while code of it runs, inside its span.
#[derive(Debug)]
pub(crate) struct Running<'e> {
    span: &'e Span,
    pub(crate) account: &'e mut Account,
}

impl Exchange {
    /// In a box: it is handed on a dozen times.
    pub(crate) fn new(kind: Kind, span: Span, method: &'static str, place: Place) -> Box<Self> {
        let account = Account {
            is_unnamed: kind == Kind::HttpServer && place.as_str().is_empty(),
            kind,
            method,
            place,
            grpc: None,
            request_bytes: RequestBytes::Unknown,
            started: Instant::now(),
            active: Gauge::noop(),
            status: None,
            version: None,
            code: None,
            has_messages: false,
            expected: None,
            sent: 0,
            is_done: false,
        };
        Box::new(Self { span, context: None, is_running: false, account })
    }

    /// In this context, which is not that of the caller.
    pub(crate) fn in_context(mut self: Box<Self>, context: Option<Context>) -> Box<Self> {
        self.context = context;
        self
    }

    /// Counts it among those under way.
    pub(crate) fn begin(&mut self, series: &Series) {
        self.account.active = series.active();
        self.account.active.increment(1.0);
    }

    /// Runs foreign code inside the span.
    pub(crate) fn run<R>(&mut self, f: impl FnOnce(Running<'_>) -> R) -> R {
        let attached = self.context.as_ref().map(Context::attach);
        self.run_attached(attached, f)
    }

    /// As [`Exchange::run`], with its context attached already.
    pub(crate) fn run_attached<R>(
        &mut self,
        attached: Option<Attached>,
        f: impl FnOnce(Running<'_>) -> R,
    ) -> R {
        self.is_running = true;
        let result = {
            let _attached = attached;
            let _entered = self.span.enter();
            f(Running { span: &self.span, account: &mut self.account })
        };
        self.is_running = false;
        result
    }

    /// Whether foreign code panicked: it was called and never returned.
    pub(crate) fn has_panicked(&self) -> bool {
        self.is_running
    }

    /// Whether its end has been told.
    pub(crate) fn is_done(&self) -> bool {
        self.account.is_done
    }
}

impl Running<'_> {
    /// Ends the request, unless that has happened.
    pub(crate) fn finish(self, ending: Ending) {
        self.account.finish(self.span, ending);
    }
}

impl Account {
    /// Takes a route that became known inside, unless there is one.
    pub(crate) fn routed(&mut self, route: &Route) {
        if self.kind != Kind::HttpServer || !self.place.as_str().is_empty() {
            return;
        }
        self.place = route.0.clone();
    }

    /// Takes the head of the response, and the length of its body when that is known.
    pub(crate) fn head<B: Body>(&mut self, response: &Response<B>) {
        self.status = Some(response.status().as_u16());
        self.version = Some(response.version());
        let headers = response.headers();
        let announced = || headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
        self.expected = response.body().size_hint().exact().or_else(announced);
        if self.kind.is_grpc() {
            self.code = grpc::code(headers);
            self.has_messages = response.status() == 200 && grpc::has_messages(headers);
            self.learn();
        }
    }

    /// Whether nothing of the body will be sent, whatever there is of it.
    pub(crate) fn has_no_body(&self) -> bool {
        let status = self.status.unwrap_or_default();
        let is_empty = matches!(status, 100..=199 | 204 | 304);
        is_empty || self.method == "HEAD" || (self.method == "CONNECT" && status / 100 == 2)
    }

    /// Counts bytes of the response's body.
    pub(crate) fn data(&mut self, bytes: usize) {
        self.sent = self.sent.saturating_add(bytes as u64);
        // Only a method sends messages; a stream that is given up has no code.
        if self.has_messages
            && bytes > 0
            && let Some(method) = &mut self.grpc
        {
            method.implemented();
        }
    }

    pub(crate) fn trailers(&mut self, trailers: &HeaderMap) {
        if self.kind.is_grpc() {
            self.code = grpc::code(trailers).or(self.code);
            self.learn();
        }
    }

    /// Takes from the code whether there is the method that was asked for.
    fn learn(&mut self) {
        if let (Some(method), Some(code), Some(200)) = (&mut self.grpc, self.code, self.status) {
            method.answered(code);
        }
    }

    /// Ends the request, unless that has happened. The span is entered: exemplars and jobs' ledgers
    /// belong to it.
    fn finish(&mut self, span: &Span, ending: Ending) {
        if std::mem::replace(&mut self.is_done, true) {
            return;
        }
        self.active.decrement(1.0);
        let seconds = self.started.elapsed().as_secs_f64();
        let request_bytes = self.request_bytes.told(matches!(ending, Ending::Complete));
        let response_bytes = self.response_bytes(&ending);
        let summary = match self.kind.is_grpc() {
            true => self.summed_up_grpc(ending),
            false => self.summed_up(ending),
        };
        let place = self.grpc.as_ref().map_or(self.place.as_str(), GrpcMethod::label);
        let (kind, method, status) = (self.kind, self.method, summary.status);
        let error = &*summary.error;
        let series = series::of(&Labels { kind, method, scheme: "", place, status, error });
        let error = (!error.is_empty()).then_some(error);
        let otel_status = summary.is_failure.then_some("error");
        if self.kind.is_grpc() {
            let code = grpc::code_name(summary.status);
            self.name_grpc(span);
            tracing::record_all!(
                span,
                rpc.response.status_code = code,
                error.type = error,
                otel.status_code = otel_status
            );
        } else {
            let status = (summary.status != 0).then_some(summary.status);
            if self.kind == Kind::HttpServer {
                // The name waited for a route to become known.
                let name = self.is_unnamed.then(|| series.name());
                let route = (self.is_unnamed && !place.is_empty()).then_some(place);
                crate::server::record_late(
                    span,
                    [&name, &route, &request_bytes, &status, &response_bytes, &error, &otel_status],
                );
            } else {
                tracing::record_all!(
                    span,
                    network.protocol.version = self.version.and_then(crate::peer::version),
                    http.request.body.size = request_bytes,
                    http.response.status_code = status,
                    http.response.body.size = response_bytes,
                    error.type = error,
                    otel.status_code = otel_status
                );
            }
        }
        series.record(&Measured { seconds, request_bytes, response_bytes });
    }

    /// What is known of the size of the response's body. A client that drops it has not had it, but may
    /// know how long it would have been.
    fn response_bytes(&self, ending: &Ending) -> Option<u64> {
        let _status = self.status?;
        match ending {
            Ending::Cancelled if self.kind == Kind::HttpClient => {
                let announced = self.expected.and_then(believed);
                announced.or(Some(self.sent).filter(|sent| *sent > 0))
            }
            _ => Some(self.sent),
        }
    }

    fn summed_up(&self, ending: Ending) -> Summary {
        let is_server = self.kind == Kind::HttpServer;
        let status = self.status.unwrap_or_default();
        let is_failed_answer = status >= if is_server { 500 } else { 400 };
        match ending {
            // The answer says it, whether its body was read or not.
            _ if is_failed_answer && !matches!(ending, Ending::Panicked | Ending::Failed(_)) => {
                Summary { status, error: status_text(status), is_failure: true }
            }
            // A client that has its answer need not read it to the end.
            Ending::Cancelled if is_server || status == 0 => {
                // It is the one who waited who did not want it any more: nobody's failure.
                Summary { status, error: error_type::CANCELLED, is_failure: false }
            }
            Ending::Complete | Ending::Cancelled => {
                Summary { status, error: Cow::Borrowed(""), is_failure: false }
            }
            // Servers close the connection: there is no status unless one was sent.
            Ending::Panicked => Summary { status, error: error_type::PANIC, is_failure: true },
            Ending::Failed(error) => Summary { status, error, is_failure: true },
        }
    }

    fn summed_up_grpc(&self, ending: Ending) -> Summary {
        let is_server = self.kind == Kind::GrpcServer;
        let (status, error) = match ending {
            Ending::Complete => {
                let told = self.code;
                (told.unwrap_or_else(|| grpc::code_of_http(self.status)), None)
            }
            Ending::Cancelled => (grpc::CANCELLED, None),
            Ending::Panicked => (grpc::INTERNAL, Some(error_type::PANIC)),
            Ending::Failed(error) => {
                let code = match (is_server, self.status) {
                    (true, _) => grpc::INTERNAL,
                    (false, None) => grpc::UNAVAILABLE,
                    (false, Some(_)) => grpc::UNKNOWN,
                };
                (code, Some(error))
            }
        };
        let is_failure =
            if is_server { grpc::is_servers_fault(status) } else { status != grpc::OK };
        let name = || if is_failure { grpc::code_name(status) } else { "" };
        let error = error.unwrap_or_else(|| Cow::Borrowed(name()));
        Summary { status, error, is_failure }
    }

    /// Tells the span the method's name, which is known for certain only now.
    fn name_grpc(&self, span: &Span) {
        if self.kind != Kind::GrpcServer || span.is_disabled() {
            return;
        }
        let Some(method) = &self.grpc else { return };
        let asked = method.asked();
        if method.is_known() {
            tracing::record_all!(span, otel.name = asked, rpc.method = asked);
        } else {
            let other = crate::method::OTHER;
            tracing::record_all!(
                span,
                otel.name = "grpc",
                rpc.method = other,
                rpc.method_original = &*method.shown()
            );
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let account = &mut self.account;
        if account.is_done {
            return;
        }
        // HTTP/1 stops reading a body of known length before its end.
        let is_all_sent = account.expected.is_some_and(|expected| account.sent >= expected);
        let ending = match (self.is_running, is_all_sent && account.status.is_some()) {
            (true, _) => Ending::Panicked,
            (false, true) if !account.kind.is_grpc() || account.code.is_some() => Ending::Complete,
            (false, _) => Ending::Cancelled,
        };
        let _context = self.context.as_ref().map(Context::attach);
        let _entered = self.span.enter();
        account.finish(&self.span, ending);
    }
}

impl Kind {
    fn is_grpc(self) -> bool {
        matches!(self, Self::GrpcServer | Self::GrpcClient)
    }
}

/// What span and metrics say about the end.
struct Summary {
    /// Of HTTP, 0 for none; of gRPC, its code.
    status: u16,
    /// Empty when nothing went wrong.
    error: ErrorType,
    /// Whether the span has failed.
    is_failure: bool,
}

fn status_text(status: u16) -> ErrorType {
    Cow::Borrowed(match status {
        400 => "400",
        401 => "401",
        403 => "403",
        404 => "404",
        409 => "409",
        429 => "429",
        500 => "500",
        502 => "502",
        503 => "503",
        504 => "504",
        other => return Cow::Owned(other.to_string()),
    })
}
