//! See `radiosonde_fuzz::registry::registry_parse`.
#![no_main]
#![forbid(unsafe_code)]

libfuzzer_sys::fuzz_target!(|data: &[u8]| radiosonde_fuzz::registry::registry_parse(data));
