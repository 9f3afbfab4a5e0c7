//! Any bytes, read by `envdiff_mar::fuzz::zip`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| envdiff_mar::fuzz::zip(bytes));
