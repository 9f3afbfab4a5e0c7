//! Any bytes as a start script of a shell.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _script = envdiff_observe::python::shell::parse(bytes);
});
