//! Any bytes as what an image's own interpreter printed when it was asked, with and without the frame of an answer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| envdiff_observe::fuzz::told(bytes));
