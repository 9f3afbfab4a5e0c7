//! Any bytes as a requirements file that may include itself.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    envdiff_packaging::fuzz::requirement_file(bytes);
});
