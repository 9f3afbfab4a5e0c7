//! Any bytes as a zip: names and metadata members.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut file = bytes;
    let _view = envdiff_files::zip_view(&mut file);
});
