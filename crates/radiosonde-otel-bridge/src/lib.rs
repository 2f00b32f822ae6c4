//! Programs and libraries that use the OpenTelemetry API, on radiosonde.
#![forbid(unsafe_code)]

#[cfg(feature = "sdk")]
pub mod sdk;
