//! Any bytes as the header of a numpy array.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let bytes = [b"\x93NUMPY\x01\x00", bytes].concat();
    let _weights = envdiff_mar::weights::Weights::read(&mut &*bytes);
});
