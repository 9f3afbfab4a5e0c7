//! A name of conda's comes in; the name of the Python distribution that the package installs comes out, or that it installs none.
//!
//! Only names that differ, and names that would be taken for a distribution and are none. Source: the recipes of conda-forge and
//! of the defaults channel, whose `test: imports` and `pip check` sections and metadata (`*.dist-info`) say what they install.

/// `Some(None)`: surely no Python distribution; `None`: the table does not say.
pub(super) fn of(name: &str) -> Option<Option<&'static str>> {
    let at = NAMES.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
    NAMES.get(at).map(|(_, distribution)| *distribution)
}

/// Sorted by name.
const NAMES: &[(&str, Option<&str>)] = &[
    ("_libgcc_mutex", None),
    ("_openmp_mutex", None),
    ("atk", None),
    ("blas", None),
    ("brotli", None),
    ("brotli-bin", None),
    ("brotli-python", Some("brotli")),
    ("bzip2", None),
    ("c-ares", None),
    ("ca-certificates", None),
    ("cairo", None),
    ("cuda", None),
    ("cuda-cudart", None),
    ("cuda-nvcc", None),
    ("cuda-nvrtc", None),
    ("cuda-runtime", None),
    ("cuda-version", None),
    ("cudatoolkit", None),
    ("cudnn", None),
    ("dask-core", Some("dask")),
    ("ffmpeg", None),
    ("freetype", None),
    ("graphviz", None),
    ("icu", None),
    ("importlib-metadata", Some("importlib-metadata")),
    ("importlib_metadata", None),
    ("intel-openmp", None),
    ("jpeg", None),
    ("libblas", None),
    ("libcblas", None),
    ("libcublas", None),
    ("libffi", None),
    ("libgcc", None),
    ("libgcc-ng", None),
    ("libgomp", None),
    ("liblapack", None),
    ("libopenblas", None),
    ("libprotobuf", None),
    ("libsqlite", None),
    ("libstdcxx", None),
    ("libstdcxx-ng", None),
    ("libtorch", None),
    ("libxgboost", None),
    ("llvm-openmp", None),
    ("matplotlib", None),
    ("matplotlib-base", Some("matplotlib")),
    ("mkl", None),
    ("mpmath", Some("mpmath")),
    ("msgpack-python", Some("msgpack")),
    ("nccl", None),
    ("ncurses", None),
    ("numpy-base", None),
    ("opencv", Some("opencv-python")),
    ("openjdk", None),
    ("openssl", None),
    ("pandoc", None),
    ("py-opencv", Some("opencv-python")),
    ("py-xgboost", Some("xgboost")),
    ("pyarrow-core", Some("pyarrow")),
    ("pyqt", Some("pyqt5")),
    ("pytables", Some("tables")),
    ("python", None),
    ("python-graphviz", Some("graphviz")),
    ("python_abi", None),
    ("pytorch", Some("torch")),
    ("pytorch-cpu", None),
    ("pytorch-cuda", None),
    ("pytorch-gpu", None),
    ("pytorch-mutex", None),
    ("qt", None),
    ("readline", None),
    ("snappy", None),
    ("sqlite", None),
    ("tensorflow", Some("tensorflow")),
    ("tensorflow-base", Some("tensorflow")),
    ("tensorflow-cpu", None),
    ("tensorflow-gpu", None),
    ("tk", None),
    ("torchtriton", Some("triton")),
    ("typing-extensions", None),
    ("typing_extensions", Some("typing-extensions")),
    ("tzdata", None),
    ("xz", None),
    ("yaml", None),
    ("zlib", None),
    ("zstd", None),
];

#[cfg(test)]
mod tests {
    use super::{NAMES, of};

    #[test]
    fn the_table_is_sorted() {
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!(of("pytorch"), Some(Some("torch")));
        assert_eq!(of("python"), Some(None));
        assert_eq!(of("numpy"), None);
    }
}
