//! Any bytes as the handler of an archive, read by `envdiff_mar::fuzz::handler`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| envdiff_mar::fuzz::handler(bytes));
