//! Any bytes as METADATA, PKG-INFO or an egg's requires.txt.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _headers = envdiff_observe::python::metadata::parse(bytes);
    let _requires = envdiff_observe::python::metadata::requires_of_egg(bytes);
});
