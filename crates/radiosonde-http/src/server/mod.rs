//! The server side: a layer for any tower service that answers HTTP requests.

mod layer;
mod request;
mod size;

pub use layer::{Server, ServerLayer};
pub use request::Head;
pub use size::{CountRequestBody, CountRequestBodyLayer, RequestBody};

pub(crate) use request::{callers_context, client, link, record_late};

pub use crate::body::ResponseBody;
pub use crate::future::ResponseFuture;
pub use crate::peer::ClientAddress;
pub use crate::place::Route;
