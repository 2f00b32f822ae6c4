//! See `radiosonde_fuzz::otlp::settings`.
#![no_main]
#![forbid(unsafe_code)]

libfuzzer_sys::fuzz_target!(|data: &[u8]| radiosonde_fuzz::otlp::settings(data));
