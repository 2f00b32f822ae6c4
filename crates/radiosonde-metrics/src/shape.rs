//! Label values that look like ids: each would make a series of its own. The registry holds listed
//! values and patterns to the same rules, so they are defined there.

pub(crate) use radiosonde_registry::{LABEL_VALUE_BYTES_MAX as VALUE_BYTES_MAX, id_shape};
