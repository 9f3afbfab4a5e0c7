//! The text of one table comes in; the Rust code of its static rows comes out, or what is wrong in which row.
//!
//! Every row is read strictly: an unknown column, a missing or empty value, a version that does not parse and a row out
//! of order each stop the build. `tests/strict.rs` holds that they do.

#[path = "code.rs"]
mod code;
mod companions;
mod installed;
mod libraries;
mod nvidia;
mod python;
mod torch;
#[path = "../src/versions.rs"]
#[allow(dead_code, reason = "the build script reads versions and prints none")]
mod versions;

/// Turns the text of a table into code.
pub type Generate = fn(&str) -> Result<String, String>;

/// Every table by the name of its file.
pub const TABLES: &[(&str, Generate)] = &[
    ("torch", torch::torch),
    ("companions", companions::companions),
    ("cuda", nvidia::cuda),
    ("drivers", nvidia::drivers),
    ("gpus", nvidia::gpus),
    ("cudnn", libraries::cudnn),
    ("numpy_abi", libraries::numpy_abi),
    ("glibc", libraries::glibc),
    ("java", libraries::java),
    ("native", libraries::native),
    ("python_stdlib", python::stdlib),
    ("import_names", python::import_names),
    ("module_names", python::module_names),
    ("conda_names", python::conda_names),
    ("shared_files", installed::shared_files),
    ("bad_pairs", installed::bad_pairs),
    ("pkg_resources", installed::pkg_resources),
    ("platform_only", installed::platform_only),
];
