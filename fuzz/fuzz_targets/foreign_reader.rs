//! See `radiosonde_fuzz::foreign::foreign_reader`.
#![no_main]
#![forbid(unsafe_code)]

libfuzzer_sys::fuzz_target!(|data: &[u8]| radiosonde_fuzz::foreign::foreign_reader(data));
