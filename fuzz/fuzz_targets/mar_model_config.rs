//! Any bytes, read by `envdiff_mar::fuzz::model_config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| envdiff_mar::fuzz::model_config(bytes));
