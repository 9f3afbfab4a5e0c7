//! Any bytes as `/etc/ld.so.cache` and `/etc/ld.so.conf`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| envdiff_observe::fuzz::loader(bytes));
