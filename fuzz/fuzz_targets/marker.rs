//! Any bytes as a marker, evaluated where half of the variables are unknown.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    envdiff_packaging::fuzz::marker(bytes);
});
