//! Any bytes as an image archive, plain or packed.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _entries = envdiff_image::read_archive_bytes(bytes, &envdiff_observe::LIKELY);
});
