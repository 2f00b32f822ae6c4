//! See `radiosonde_fuzz::targets::condition_parse`.
#![no_main]
#![forbid(unsafe_code)]

libfuzzer_sys::fuzz_target!(|data: &[u8]| radiosonde_fuzz::targets::condition_parse(data));
