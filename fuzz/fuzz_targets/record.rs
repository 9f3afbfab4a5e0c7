//! Any bytes as a RECORD.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| envdiff_observe::fuzz::record(bytes));
