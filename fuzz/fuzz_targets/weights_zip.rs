//! Any bytes as a file of weights that begins as a zip does: what it is and what loading it does.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let bytes = [b"PK\x03\x04", bytes].concat();
    let Ok(weights) = envdiff_mar::weights::Weights::read(&mut &*bytes) else { return };
    let _torch = envdiff_mar::weights::load::torch_load(&weights, &Default::default());
    let _jit = envdiff_mar::weights::load::jit_load(&weights, &Default::default());
    let _numpy = envdiff_mar::weights::load::np_load(&weights, Some(true), "");
});
