//! x
#![forbid(unsafe_code)]

mod body;
pub mod client;
mod error_type;
mod exchange;
mod future;
pub mod grpc;
mod method;
mod peer;
mod place;
mod series;
pub mod server;
mod url;
