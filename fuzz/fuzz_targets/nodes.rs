//! Any bytes as the list of nodes that `--node` names, and as what nvidia-smi prints.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| envdiff_observe::fuzz::machine(bytes));
