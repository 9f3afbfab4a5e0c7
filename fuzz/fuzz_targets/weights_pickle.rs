//! Any bytes as a pickle, plain and as joblib writes one: what is looked up, called and built.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut file = bytes;
    let pickle = envdiff_mar::weights::pickle::read(&mut file, 0, bytes.len() as u64);
    let _dangers = envdiff_mar::weights::danger::judge(&pickle);
    for release in [(1, 13, 1), (2, 3, 0), (2, 6, 0), (2, 9, 0)] {
        let safe = envdiff_mar::weights::weights_only::Safe::default();
        let _verdict = envdiff_mar::weights::weights_only::judge(&pickle, release, safe);
    }
    let _joblib = envdiff_mar::weights::pickle::read_joblib(&mut file, 0, bytes.len() as u64);
});
