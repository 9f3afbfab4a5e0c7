//! Any bytes as an image configuration or what the engine's inspect prints.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _config = envdiff_image::read_image_json(bytes);
});
