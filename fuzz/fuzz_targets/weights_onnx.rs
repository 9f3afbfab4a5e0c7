//! Any bytes as an ONNX model.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let bytes = [b"\x08\x08", bytes].concat();
    let _weights = envdiff_mar::weights::Weights::read(&mut &*bytes);
});
