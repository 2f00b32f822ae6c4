//! See `radiosonde_fuzz::propagation::propagation_texts`.
#![no_main]
#![forbid(unsafe_code)]

libfuzzer_sys::fuzz_target!(|data: &[u8]| radiosonde_fuzz::propagation::propagation_texts(data));
