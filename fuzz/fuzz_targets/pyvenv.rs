//! Any bytes as pyvenv.cfg.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _settings = envdiff_observe::python::pyvenv::parse(bytes);
});
