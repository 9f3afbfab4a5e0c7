//! Any bytes as a `.pth` file, by both ways in which site.py reads one.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _old = envdiff_observe::python::pth::parse_text_mode(bytes);
    let _new = envdiff_observe::python::pth::parse_splitlines(bytes);
});
