//! Any bytes as Python source, for three grammars, and the outline of what they make.
#![no_main]

use envdiff_python::{Version, outline, parse};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for version in [Version(3, 8), Version(3, 11), Version(3, 14)] {
        if let Ok(module) = parse(bytes, version) {
            let _names = outline::names_bound(&module);
        }
    }
});
