//! HTTP and gRPC, observed with a line for each server and client: spans, metrics, and one trace
//! through all of them.
//!
//! What a request to a server leaves, in `spans-*` and on `/metrics`:
//!
//! ```text
//! {"ts":"…","level":"info","evt":"span","source":"radiosonde_http::server::request",…,"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"…","job_id":"job-7","meta":{"name":"GET /users/{id}","parent_span_id":"00f067aa0ba902b7","start":"…","duration_us":1840,"kind":"server","status":"unset","attributes":{"http.request.method":"GET","http.route":"/users/{id}","url.path":"/users/4711","url.query":"token=[redacted]","http.response.status_code":200,…}},"id":"…"}
//! http_server_request_duration_seconds_count{error_type="",http_request_method="GET",http_response_status_code="200",http_route="/users/{id}"} 1
//! ```
//!
//! ```
//! use http_body_util::Empty;
//! use radiosonde_http::{client::ClientLayer, server::ServerLayer};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let answer = async |_| Ok::<_, std::convert::Infallible>(http::Response::new(String::from("hello")));
//! let server = ServiceBuilder::new().layer(ServerLayer::new()).service(service_fn(answer));
//! let client = ServiceBuilder::new().layer(ClientLayer::new()).service(server);
//!
//! let request = http::Request::get("http://example.org/").body(Empty::<&[u8]>::new()).unwrap();
//! let response = client.oneshot(request).await.unwrap();
//! assert_eq!(response.status(), 200);
//! # }
//! ```
//!
//! `docs/http.md` of the repository shows axum, hyper, tonic and reqwest, with all fields and labels.
//! Names are those of the OpenTelemetry conventions: the stable ones for HTTP, the release candidate
//! for RPC.
//!
//! # When a request ends
//!
//! With the last frame of the response's body, not with its head: bodies are counted as they pass,
//! and nothing is buffered. A response without a body (to `HEAD`, 101, 204, 304) ends with its head;
//! what becomes of a connection that was upgraded is the application's to observe. The span, and the
//! context of the caller with it, is current in the service, in every poll of future and body, and
//! in the destructors of both, except for a body that is never sent.
//!
//! # Behaviour under failure
//!
//! Nothing here fails, waits or panics. Whatever happens, the span is closed, the gauge falls and the
//! histograms have one value more; `error.type` tells what it was:
//!
//! | what happened | `error.type` | status of a server's span |
//! |---|---|---|
//! | a status of 500 or more; to a client, of 400 or more | the status | error |
//! | the caller went away: future or body were dropped | `cancelled` | unset |
//! | the service or the body panicked, which passes on | `panic`, without a status unless one was sent | error |
//! | the service or the body failed | `timeout`, `connection_refused`, …, or the name of the error's type | error |
//! | an error without a name | `_OTHER` | error |
//!
//! A client's span has failed with every `error.type` but `cancelled`. Of gRPC, `error.type` is the
//! status (`NOT_FOUND`, `CANCELLED`), except for `panic` and errors of the transport; a server's span
//! has failed for `UNKNOWN`, `DEADLINE_EXCEEDED`, `UNIMPLEMENTED`, `INTERNAL`, `UNAVAILABLE` and
//! `DATA_LOSS`, a client's for all but `OK`.
//!
//! # What cannot grow
//!
//! No span is named and no series made after what somebody asks for: the path is an attribute, the
//! label is the route, methods that HTTP does not have are `_OTHER`, and so are methods of gRPC that
//! the server has not answered. Hosts a client asks, and classes of errors, are bounded by the
//! guard of `radiosonde-metrics`, which folds what is too many and counts it. A thread keeps the
//! keys of 128 sets of labels.
//!
//! # Metrics
//!
//! `http_server_request_duration_seconds`, `http_server_active_requests`,
//! `http_server_request_body_size_bytes`, `http_server_response_body_size_bytes`, the same four of
//! `http_client_`, `rpc_server_call_duration_seconds` and `rpc_client_call_duration_seconds`. They
//! are built into the registry and never listed by users. They are written through the `metrics`
//! crate, so that another recorder gets them as well.
#![forbid(unsafe_code)]

mod body;
pub mod client;
mod error_type;
mod exchange;
mod future;
pub mod grpc;
mod headers;
mod method;
mod peer;
mod place;
mod series;
pub mod server;
mod service;
mod url;
