//! See `radiosonde_fuzz::targets::callsites_lookup`.
#![no_main]
#![forbid(unsafe_code)]

libfuzzer_sys::fuzz_target!(|data: &[u8]| radiosonde_fuzz::targets::callsites_lookup(data));
