//! The client side: a layer for any tower service that sends HTTP requests, and a middleware for
//! reqwest.

mod attempts;
mod layer;
mod request;
#[cfg(feature = "reqwest")]
mod reqwest;

pub use attempts::{Attempts, AttemptsLayer, CountAttempts};
pub(crate) use request::{asked, inject};

pub use layer::{Client, ClientLayer};
#[cfg(feature = "reqwest")]
pub use reqwest::ReqwestMiddleware;

pub use crate::body::ResponseBody;
pub use crate::future::ResponseFuture;
