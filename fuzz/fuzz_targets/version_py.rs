//! Any bytes as `version.py` of a build, and as the `release` file of a Java.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    envdiff_observe::fuzz::versions_of_builds(bytes);
});
