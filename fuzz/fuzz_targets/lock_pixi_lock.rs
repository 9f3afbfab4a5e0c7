//! Any bytes as a lock of the format pixi-lock, with what lies beside it behind the first 0x1e.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    envdiff_lock::fuzz::read("pixi-lock", bytes);
});
