//! Tables with one wrong row come in; the build script must refuse them and name the row.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "../build/tables.rs"]
mod tables;

fn table(name: &str) -> (String, tables::Generate) {
    let path = format!("{}/data/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    let (_, generate) = tables::TABLES.iter().find(|(own, _)| *own == name).unwrap();
    (std::fs::read_to_string(path).unwrap(), *generate)
}

#[test]
fn the_tables_as_they_are_build() {
    for (name, _) in tables::TABLES {
        let (text, generate) = table(name);
        let code = generate(&text).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert!(code.contains("pub static CHECKED"), "{name}");
    }
}

#[test]
fn a_wrong_row_stops_the_build() {
    for (name, old, new, says) in [
        ("torch", "version = \"2.1.2\"", "version = \"2.1.x\"", "[[torch]] row 17 (2.1.x): version"),
        ("torch", "released = \"2023-12-14\"", "released = \"2023-14-12\"", "released: \"2023-14-12\""),
        ("torch", "version = \"2.1.2\"", "version = \"2.1.0\"", "(2.1.0): stands twice, or not in order"),
        (
            "torch",
            "pypi_cuda = \"12.1\"",
            "pypi_cuda = \"12.2\"",
            "pypi_cuda is not the CUDA of pypi_variant",
        ),
        ("torch", "cuda_libs = \"wheels\"", "cuda_libs = \"both\"", "neither bundled nor wheels"),
        (
            "torch",
            "variant = \"cu121\"\ncuda",
            "variant = \"cu12x\"\ncuda",
            "variant: \"cu12x\" cannot be read",
        ),
        ("torch", "sm = [\"5.0\", \"6.0\"", "sm = [\"6.0\", \"5.0\"", "is not in order"),
        (
            "torch",
            "requires_python = \">=3.6.2\"",
            "requires_phyton = \"\"",
            "unknown field `requires_phyton`",
        ),
        ("torch", "glibc_min = \"2.17\"\n", "", "missing field `glibc_min`"),
        ("torch", "source = \"package index", "source = \"\" # ", "source: is empty"),
        ("companions", "torch = \"==2.1.2\"", "torch = \"=2.1.2\"", "torch: \"=2.1.2\" cannot be read"),
        (
            "companions",
            "torch = \"==2.1.2\"",
            "torch = \"==2.1.2\", names_torch = true",
            "either torch or names_torch",
        ),
        ("cuda", "minor = \"12.1\"", "minor = \"12.2\"", "minor is not the minor of version"),
        (
            "cuda",
            "toolkit_driver = \"530.30.02\"",
            "toolkit_driver = \"530\"",
            "(12.1.1): toolkit_driver: \"530\"",
        ),
        ("cuda", "sm_range = \"5.0-9.0\"", "sm_range = \"9.0-5.0\"", "runs backwards"),
        ("cuda", "package = \"cuda-compat-12-1\"", "package = \"cuda-12-1\"", "package: \"cuda-12-1\""),
        ("drivers", "type = \"LTSB\"", "type = \"LTS\"", "is no type of branch"),
        ("drivers", "end_of_life = \"2026-06\"", "end_of_life = \"2026-13\"", "end_of_life: \"2026-13\""),
        (
            "gpus",
            "name = \"Tesla T4\", cc = \"7.5\"",
            "name = \"Tesla T4\", cc = \"8.0\"",
            "is none of \"Turing\"",
        ),
        ("gpus", "name = \"Tesla K40m\"", "name = \"Tesla K80\"", "(Tesla K80): stands twice"),
        ("gpus", "gpu = \"NVIDIA A10G\"", "gpu = \"NVIDIA A10X\"", "those of no row of [[gpu]]"),
        ("cudnn", "cuda = \"11.8\"", "cuda = \"11\"", "cuda: \"11\" cannot be read"),
        ("numpy_abi", "abi = \"0x01000009\"", "abi = \"01000009\"", "abi: \"01000009\""),
        ("glibc", "os_release = [\"debian 9\"]", "os_release = [\"debian 10\"]", "stands in two rows"),
        ("glibc", "libc = \"musl\"", "libc = \"bionic\"", "neither glibc nor musl"),
        ("java", "class_file = 52", "class_file = 51", "is no row of [[class_file]]"),
        ("python_stdlib", "module = \"aifc\"", "module = \"aifc-\"", "module: is no name"),
        ("import_names", "name = \"cv2\"", "name = \"zzz\"", "stands twice, or not in order"),
        ("conda_names", "name = \"pytorch\"", "name = \"PyTorch\"", "is none of conda's"),
        ("import_names", "checked = \"2026-11-23\"", "checked = \"soon\"", "checked: \"soon\" is no day"),
    ] {
        let (text, generate) = table(name);
        let wrong = text.replacen(old, new, 1);
        assert_ne!(wrong, text, "{name} holds no {old:?}");
        let fault = generate(&wrong).expect_err(&format!("{name} builds with {new:?}"));
        assert!(fault.contains(says), "{name} with {new:?}: {fault}");
    }
}
