//! Any bytes as direct_url.json.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _direct_url = envdiff_observe::python::direct_url::parse(bytes);
});
