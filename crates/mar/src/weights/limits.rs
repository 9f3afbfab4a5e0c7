//! What is read of a file of weights, as the constants that the readers compare with and as rows of `docs/limits.md`.

use envdiff_model::{Amount, Limit, Past};

/// The most opcodes of a pickle (contract, section 7).
pub const PICKLE_OPCODES: u64 = 20_000_000;
/// The most values on an unpickler's stack.
pub const PICKLE_STACK: usize = 4_000_000;
/// The highest number of a memo that is kept.
pub const PICKLE_MEMO: usize = 6_000_000;
/// The most objects of a pickle that are told apart.
pub const PICKLE_OBJECTS: usize = 2_000_000;
/// The most elements of all tuples of a pickle together that are kept.
pub const PICKLE_TUPLES: usize = 8_000_000;
/// The most entries of all dictionaries of a pickle together that are kept.
pub const PICKLE_ENTRIES: usize = 1_000_000;
/// The most bytes of all strings of a pickle together that are kept.
pub const PICKLE_STRINGS: usize = 64 << 20;
/// The longest string of a pickle that is kept, in bytes.
pub const PICKLE_STRING: usize = 4_096;
/// The longest line of a pickle's text opcodes, in bytes.
pub const PICKLE_LINE: usize = 1 << 20;
/// The most different classes and functions that a pickle names.
pub const PICKLE_GLOBALS: usize = 100_000;
/// The most storages of a torch pickle that are kept.
pub const PICKLE_STORAGES: usize = 200_000;
/// The largest compressed `data.pkl`, `constants.pkl` or text of a zip that is inflated, in bytes.
pub const ZIP_INFLATED: u64 = 256 << 20;
/// The most bytes of a file compressed as a whole that are read and inflated: what is longer is told as far as that.
pub const COMPRESSED: u64 = 64 << 20;
/// The most pickles behind the first one, or in a zip of anything, that are read.
pub const MORE_PICKLES: usize = 64;
/// The largest central directory of a zip of weights, in bytes (contract, section 7).
pub const ZIP_DIRECTORY: u64 = 256 << 20;
/// The most entries of a zip of weights.
pub const ZIP_ENTRIES: u64 = 1_000_000;
/// The largest code of a TorchScript archive that is read, all files together, in bytes.
pub const SCRIPT_CODE: u64 = 64 << 20;
/// The longest header of a safetensors file, in bytes: the format's own bound.
pub const SAFETENSORS_HEADER: u64 = 100_000_000;
/// The most fields of an ONNX model's top level and operator sets that are passed.
pub const ONNX_FIELDS: usize = 1_000_000;
/// The longest header of a `.npy` file, in bytes.
pub const NPY_HEADER: u64 = 1 << 20;
/// The most arrays of a `.npz` file that are looked into.
pub const NPZ_ARRAYS: usize = 10_000;

/// The rows of the table.
pub const LIMITS: &[Limit] = &[];
const _: (Amount, Past) = (Amount::Count(0), Past::Unknown);
