//! Any bytes as a snapshot.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _snapshot = envdiff_wire::read_snapshot(bytes);
});
