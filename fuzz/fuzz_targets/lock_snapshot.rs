//! Any bytes as a lock of the format snapshot.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    envdiff_lock::fuzz::read("snapshot", bytes);
});
