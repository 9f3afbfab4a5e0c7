//! Any bytes as a tar, indexed.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _entries = envdiff_image::index_tar_bytes(bytes);
});
