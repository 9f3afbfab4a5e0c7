//! Any bytes as a file of weights: what it is and what every loader does with it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut file = bytes;
    let Ok(weights) = envdiff_mar::weights::Weights::read(&mut file) else { return };
    let torch = envdiff_mar::weights::load::TorchLoad { torch: Some((2, 6, 0)), ..Default::default() };
    let _torch = envdiff_mar::weights::load::torch_load(&weights, &torch);
    let _jit = envdiff_mar::weights::load::jit_load(&weights, &Default::default());
    let _safetensors = envdiff_mar::weights::load::safetensors_load(&weights);
    let _onnx = envdiff_mar::weights::load::onnx_load(&weights, "");
    let _pickle = envdiff_mar::weights::load::pickle_load(&weights, Some((3, 11)));
    let _joblib = envdiff_mar::weights::load::joblib_load(&weights, None);
    let _numpy = envdiff_mar::weights::load::np_load(&weights, None, "");
});
