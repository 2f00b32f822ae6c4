//! See `radiosonde_fuzz::spool::segment`.
#![no_main]
#![forbid(unsafe_code)]

libfuzzer_sys::fuzz_target!(|data: &[u8]| radiosonde_fuzz::spool::segment(data));
