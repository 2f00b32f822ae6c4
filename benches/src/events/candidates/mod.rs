//! Who is compared, each in its own words.

pub(super) mod limit;
pub(super) mod radiosonde;
pub(super) mod spans;
pub(super) mod tracing_json;
