//! gRPC: layers for servers and channels of tonic, and for whatever else speaks gRPC over tower.
//!
//! Names are those of the conventions for RPC as they stand as release candidate: `rpc.system.name`,
//! `rpc.method` with the service in it, `rpc.response.status_code`; the older `rpc.system`,
//! `rpc.service` and `rpc.grpc.status_code` are not written.

mod client;
mod method;
mod server;
mod status;

pub use client::{Client, ClientLayer};
pub use server::{Server, ServerLayer};

pub(crate) use method::GrpcMethod;
pub(crate) use status::{
    CANCELLED, INTERNAL, OK, UNAVAILABLE, UNKNOWN, code, code_name, code_of_http, has_messages,
    is_servers_fault,
};

pub use crate::body::ResponseBody;
pub use crate::future::ResponseFuture;
