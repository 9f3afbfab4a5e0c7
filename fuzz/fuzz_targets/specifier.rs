//! Any bytes as a version and a specifier set.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    envdiff_packaging::fuzz::specifier(bytes);
});
