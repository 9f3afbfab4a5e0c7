//! Any bytes as a record of conda-meta.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _record = envdiff_observe::python::conda::parse(bytes);
});
