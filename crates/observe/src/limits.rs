//! What observers read and follow of an image, as the constants that they compare with and as rows of `docs/limits.md`.

use std::time::Duration;

use envdiff_files::{Ask, limits};
use envdiff_model::{Amount, Limit, Past};

/// The largest metadata file beside METADATA that is read, in bytes (contract, section 7).
pub const METADATA_FILE: u64 = 4 << 20;
/// The most distributions that are told (contract, section 7).
pub const DISTRIBUTIONS: usize = 20_000;
/// The most entries of `sys.path` (contract, section 7).
pub const SYS_PATH: usize = 1_000;
/// The most `.pth` files (contract, section 7).
pub const PTH_FILES: usize = 2_000;
/// The most lines of one `.pth` file (contract, section 7).
pub const PTH_LINES: usize = 10_000;
/// The largest `.pth` file that is read, in bytes: a metadata file as others.
pub const PTH_FILE: u64 = METADATA_FILE;
/// The largest `site.py`, or module that a `.pth` file imports, that is read, in bytes.
pub const SOURCE_FILE: u64 = 1 << 20;
/// The largest `pyvenv.cfg` that is read, in bytes.
pub const PYVENV_CFG: u64 = 1 << 20;
/// The largest record of conda that is read, in bytes; the file lists in them are long.
pub const CONDA_RECORD: u64 = METADATA_FILE;
/// The largest `/etc/passwd` that is read, in bytes.
pub const ACCOUNTS_FILE: u64 = 1 << 20;
/// The largest start script that is read, in bytes.
pub const SCRIPT_FILE: u64 = 1 << 20;
/// The most commands of a start script that are walked.
pub const SCRIPT_STEPS: usize = 20_000;
/// How deep commands of a script, and words in words, may lie within each other.
pub const SCRIPT_NESTING: usize = 48;
/// The deepest call of functions and sourced files.
pub const SCRIPT_CALLS: usize = 24;
/// The longest chain of programs that start one another.
pub const PROGRAM_CHAIN: usize = 16;
/// The most programs that are followed in all, over every way through every script.
pub const PROGRAMS: usize = 256;
/// The most folders of PATH; an environment that Linux takes hardly holds more.
pub const PATH_FOLDERS: usize = 1_000;
/// The most interpreters that are told.
pub const INTERPRETERS: usize = 64;
/// The largest `patchlevel.h`, `build-details.json` or single record of a package manager that is read, in bytes.
pub const VERSION_FILE: u64 = 256 << 10;
/// The largest `release` file of a Java that is read, in bytes.
pub const RELEASE_FILE: u64 = 64 << 10;
/// The largest database of a package manager that is read, in bytes.
pub const PACKAGE_DATABASE: u64 = 32 << 20;
/// The most of a section of a program that is searched for its version, in bytes.
pub const PROGRAM_SEARCHED: u64 = 48 << 20;
/// The largest `/etc/ld.so.cache` that is read, in bytes; one of 3,000 libraries has 0.3 MiB.
pub const LOADER_CACHE: u64 = METADATA_FILE;
/// The most bytes of names and paths that are taken from it: entries may name one string many times.
pub const CACHE_STRINGS: usize = 8 << 20;
/// The largest `/etc/ld.so.conf`, file that it includes, or `/etc/ld-musl-….path` that is read, in bytes.
pub const LOADER_CONF: u64 = 1 << 20;
/// The most files that `/etc/ld.so.conf` includes, and folders that they name.
pub const LOADER_FOLDERS: usize = 1_000;
/// How deep files may include one another.
pub const LOADER_INCLUDES: usize = 8;
/// The most extension modules, and libraries that come with them, that are looked at.
pub const MODULES: usize = 512;
/// The most libraries of one folder that are looked at.
pub const MODULES_OF_FOLDER: usize = 256;
/// The largest RECORD that is read, in bytes.
pub const RECORD_FILE: u64 = 64 << 20;
/// The most rows of all RECORDs that are held against their files (`--verify`).
pub const VERIFIED_FILES: usize = 500_000;
/// The most that is hashed for them, in bytes: a file with holes takes no room in an image.
pub const VERIFIED_BYTES: u64 = 256 << 30;
/// The largest file that is hashed where its row tells no size, in bytes.
pub const UNSIZED_FILE: u64 = 1 << 30;
/// The most lines of a RECORD (contract, section 7).
pub const RECORD_LINES: usize = 500_000;
/// The most modules of one image that are looked at for being hidden.
pub const HIDDEN_MODULES: usize = 1_000;
/// How deep arrays and objects of a JSON file in an image may lie within each other: serde_json stops at the 128th
/// (contract, section 7).
pub const JSON_NESTING: usize = 127;
/// The most warnings, architectures or GPUs that torch is heard to tell (`--exec`).
pub const TOLD_WARNINGS: usize = 200;

/// The most folders of CUDA toolkits that are looked into.
pub const CUDA_FOLDERS: usize = 32;
/// The largest list of nodes that is read, in bytes; a node is some 10 KiB.
pub const NODES_FILE: u64 = 64 << 20;
/// The most that a file or program of this machine is heard to say of its driver, in bytes.
pub const MACHINE_TEXT: u64 = 64 << 10;
/// How long NVML, and then nvidia-smi, may take to answer.
pub const MACHINE_WAIT: Duration = Duration::from_secs(5);

/// The bounds of this crate.
pub const LIMITS: &[Limit] = &[
    Limit::new(
        "the head of METADATA or PKG-INFO",
        Amount::Bytes(Ask::HEAD_LIMIT),
        Past::Unreadable,
        "crates/observe/src/limits.rs::a_head_without_an_end_is_unreadable",
    ),
    Limit::new(
        "a metadata file: INSTALLER, `top_level.txt`, `requires.txt`, `direct_url.json`, an egg-link",
        Amount::Bytes(METADATA_FILE),
        Past::Unreadable,
        "crates/observe/src/limits.rs::a_large_metadata_file_is_unreadable_and_not_absent",
    ),
    Limit::new(
        "a metadata file in a zip on `sys.path`",
        Amount::Bytes(limits::ZIP_MEMBER),
        Past::Unreadable,
        "crates/observe/src/limits.rs::a_large_metadata_file_in_a_zip_is_unreadable_and_not_absent",
    ),
    Limit::new(
        "arrays and objects of JSON within each other",
        Amount::count(JSON_NESTING),
        Past::Unreadable,
        "crates/observe/src/limits.rs::json_that_is_too_deep_is_unreadable",
    ),
    Limit::new(
        "a RECORD; without `--verify` only those of packages that are known to share files are read",
        Amount::Bytes(RECORD_FILE),
        Past::Unknown,
        "crates/observe/src/limits.rs::a_large_record_is_unreadable_and_not_absent",
    ),
    Limit::new(
        "lines of a RECORD",
        Amount::count(RECORD_LINES),
        Past::Unknown,
        "crates/observe/src/installed/record.rs::lines_beyond_the_bound_are_not_read",
    ),
    Limit::new(
        "rows of all RECORDs that are held against their files (`--verify`)",
        Amount::count(VERIFIED_FILES),
        Past::Unreadable,
        "crates/observe/src/installed/verified.rs::rows_and_bytes_beyond_the_bounds_are_not_looked_at",
    ),
    Limit::new(
        "bytes that are hashed for them",
        Amount::Bytes(VERIFIED_BYTES),
        Past::Unreadable,
        "crates/observe/src/installed/verified.rs::rows_and_bytes_beyond_the_bounds_are_not_looked_at",
    ),
    Limit::new(
        "a file that is hashed where its row tells no size",
        Amount::Bytes(UNSIZED_FILE),
        Past::Unreadable,
        "crates/observe/src/installed/verified.rs::a_row_without_a_size_is_hashed_up_to_a_bound",
    ),
    Limit::new(
        "modules that a file earlier on `sys.path` hides",
        Amount::count(HIDDEN_MODULES),
        Past::Unknown,
        "crates/observe/src/limits.rs::at_most_1000_modules_are_looked_at_for_being_hidden",
    ),
    Limit::new(
        "distributions",
        Amount::count(DISTRIBUTIONS),
        Past::Unknown,
        "crates/observe/src/python/distributions.rs::distributions_beyond_the_bound_are_not_asked_about",
    ),
    Limit::new(
        "entries of `sys.path`",
        Amount::count(SYS_PATH),
        Past::Unknown,
        "crates/observe/src/limits.rs::sys_path_has_at_most_1000_entries",
    ),
    Limit::new(
        "`.pth` files",
        Amount::count(PTH_FILES),
        Past::Unknown,
        "crates/observe/src/limits.rs::there_are_at_most_2000_pth_files",
    ),
    Limit::new(
        "lines of a `.pth` file",
        Amount::count(PTH_LINES),
        Past::Unknown,
        "crates/observe/src/limits.rs::a_pth_file_has_at_most_10000_lines",
    ),
    Limit::new(
        "a `.pth` file",
        Amount::Bytes(PTH_FILE),
        Past::Unknown,
        "crates/observe/src/limits.rs::a_large_file_that_sys_path_hangs_on_leaves_it_unknown",
    ),
    Limit::new(
        "`site.py`, or a module that a `.pth` file imports",
        Amount::Bytes(SOURCE_FILE),
        Past::Unknown,
        "crates/observe/src/limits.rs::a_large_file_that_sys_path_hangs_on_leaves_it_unknown",
    ),
    Limit::new(
        "`/etc/passwd`",
        Amount::Bytes(ACCOUNTS_FILE),
        Past::Unknown,
        "crates/observe/src/limits.rs::a_large_file_that_sys_path_hangs_on_leaves_it_unknown",
    ),
    Limit::new(
        "`pyvenv.cfg`",
        Amount::Bytes(PYVENV_CFG),
        Past::Unknown,
        "crates/observe/src/limits.rs::a_large_file_at_the_start_leaves_the_interpreter_unknown",
    ),
    Limit::new(
        "a start script",
        Amount::Bytes(SCRIPT_FILE),
        Past::Unknown,
        "crates/observe/src/limits.rs::a_large_file_at_the_start_leaves_the_interpreter_unknown",
    ),
    Limit::new(
        "commands of a start script that are walked",
        Amount::count(SCRIPT_STEPS),
        Past::Unknown,
        "crates/observe/src/limits.rs::a_start_script_is_walked_within_its_bounds",
    ),
    Limit::new(
        "commands and words of a start script within each other",
        Amount::count(SCRIPT_NESTING),
        Past::Unknown,
        "crates/observe/src/limits.rs::a_start_script_is_walked_within_its_bounds",
    ),
    Limit::new(
        "calls of functions and sourced files within each other",
        Amount::count(SCRIPT_CALLS),
        Past::Unknown,
        "crates/observe/src/limits.rs::a_start_script_is_walked_within_its_bounds",
    ),
    Limit::new(
        "programs that start one another",
        Amount::count(PROGRAM_CHAIN),
        Past::Unknown,
        "crates/observe/src/limits.rs::a_start_script_is_walked_within_its_bounds",
    ),
    Limit::new(
        "programs on all ways through the start scripts",
        Amount::count(PROGRAMS),
        Past::Unknown,
        "crates/observe/src/limits.rs::a_start_script_is_walked_within_its_bounds",
    ),
    Limit::new(
        "folders of PATH",
        Amount::count(PATH_FOLDERS),
        Past::Unknown,
        "crates/observe/src/limits.rs::path_has_at_most_1000_folders",
    ),
    Limit::new(
        "interpreters that do not start",
        Amount::count(INTERPRETERS),
        Past::Unknown,
        "crates/observe/src/limits.rs::more_interpreters_than_are_told_are_said",
    ),
    Limit::new(
        "a record of conda",
        Amount::Bytes(CONDA_RECORD),
        Past::Unreadable,
        "crates/observe/src/limits.rs::a_large_record_of_conda_is_unreadable",
    ),
    Limit::new(
        "`patchlevel.h`, `build-details.json`, a single record of a package manager",
        Amount::Bytes(VERSION_FILE),
        Past::Unknown,
        "crates/observe/src/limits.rs::the_version_is_not_read_out_of_large_files",
    ),
    Limit::new(
        "the database of a package manager",
        Amount::Bytes(PACKAGE_DATABASE),
        Past::Unknown,
        "crates/observe/src/limits.rs::the_version_is_not_read_out_of_large_files",
    ),
    Limit::new(
        "a section of the interpreter in which its version is looked for",
        Amount::Bytes(PROGRAM_SEARCHED),
        Past::Unknown,
        "crates/observe/src/limits.rs::the_version_is_not_read_out_of_large_files",
    ),
    Limit::new(
        "folders of CUDA toolkits",
        Amount::count(CUDA_FOLDERS),
        Past::Unknown,
        "crates/observe/src/limits.rs::at_most_32_folders_of_cuda",
    ),
    Limit::new(
        "what `--node` names",
        Amount::Bytes(NODES_FILE),
        Past::Refused,
        "crates/observe/src/limits.rs::a_large_list_of_nodes_is_refused",
    ),
    Limit::new(
        "what this machine's kernel module or `nvidia-smi` says of the driver",
        Amount::Bytes(MACHINE_TEXT),
        Past::Unknown,
        "crates/observe/src/machine/this/tests.rs::nvidia_smi_that_says_too_much_or_nothing_in_time_is_left",
    ),
    Limit::new(
        "how long this machine's NVML, or else `nvidia-smi`, may take",
        Amount::Seconds(MACHINE_WAIT.as_secs()),
        Past::Unknown,
        "crates/observe/src/machine/this/tests.rs::an_nvml_that_hangs_is_left",
    ),
    Limit::new(
        "`version.py` of torch and of what goes with it",
        Amount::Bytes(SOURCE_FILE),
        Past::Unknown,
        "crates/observe/src/torch/tests.rs::a_large_version_py_is_unreadable",
    ),
    Limit::new(
        "the `release` file of a Java",
        Amount::Bytes(RELEASE_FILE),
        Past::Unknown,
        "crates/observe/src/java.rs::what_cannot_be_told_is_not_none",
    ),
    Limit::new(
        "distributions, and lines of `pip freeze`, that an interpreter tells (`--exec`)",
        Amount::count(DISTRIBUTIONS),
        Past::Unknown,
        "crates/observe/src/told.rs::what_is_told_has_the_bounds_of_what_is_read",
    ),
    Limit::new(
        "entries of `sys.path` that it tells",
        Amount::count(SYS_PATH),
        Past::Unknown,
        "crates/observe/src/told.rs::what_is_told_has_the_bounds_of_what_is_read",
    ),
    Limit::new(
        "architectures that torch tells",
        Amount::count(TOLD_WARNINGS),
        Past::Unknown,
        "crates/observe/src/told.rs::what_is_told_has_the_bounds_of_what_is_read",
    ),
    Limit::new(
        "warnings, or GPUs, that torch tells",
        Amount::count(TOLD_WARNINGS),
        Past::Cut,
        "crates/observe/src/told.rs::what_is_told_has_the_bounds_of_what_is_read",
    ),
    Limit::new(
        "`/etc/ld.so.cache`",
        Amount::Bytes(LOADER_CACHE),
        Past::Unknown,
        "crates/observe/src/native/tests.rs::a_cache_beyond_its_bounds_hides_nothing",
    ),
    Limit::new(
        "names and paths of `/etc/ld.so.cache`, in bytes",
        Amount::count(CACHE_STRINGS),
        Past::Unknown,
        "crates/observe/src/native/tests.rs::a_cache_beyond_its_bounds_hides_nothing",
    ),
    Limit::new(
        "`/etc/ld.so.conf`, a file that it includes, `/etc/ld-musl-….path`",
        Amount::Bytes(LOADER_CONF),
        Past::Unknown,
        "crates/observe/src/native/tests.rs::folders_are_told_with_what_names_them_within_bounds",
    ),
    Limit::new(
        "folders of `LD_LIBRARY_PATH`, files and folders of `/etc/ld.so.conf`",
        Amount::count(LOADER_FOLDERS),
        Past::Unknown,
        "crates/observe/src/native/tests.rs::folders_are_told_with_what_names_them_within_bounds",
    ),
    Limit::new(
        "files of `/etc/ld.so.conf` within each other",
        Amount::count(LOADER_INCLUDES),
        Past::Unknown,
        "crates/observe/src/native/tests.rs::folders_are_told_with_what_names_them_within_bounds",
    ),
    Limit::new(
        "extension modules and libraries that come with them",
        Amount::count(MODULES),
        Past::Unknown,
        "crates/observe/src/native/tests.rs::modules_are_looked_at_within_bounds",
    ),
    Limit::new(
        "libraries of one folder",
        Amount::count(MODULES_OF_FOLDER),
        Past::Unknown,
        "crates/observe/src/native/tests.rs::modules_are_looked_at_within_bounds",
    ),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

    use envdiff_files::{Ask, Budget, Literal, Seen, converse};
    use envdiff_model::{Environment, Fact, ImageConfig, Text};

    use super::{
        ACCOUNTS_FILE, CONDA_RECORD, CUDA_FOLDERS, HIDDEN_MODULES, INTERPRETERS, JSON_NESTING, METADATA_FILE,
        NODES_FILE, PACKAGE_DATABASE, PATH_FOLDERS, PROGRAM_CHAIN, PROGRAM_SEARCHED, PROGRAMS, PTH_FILE,
        PTH_FILES, PTH_LINES, PYVENV_CFG, RECORD_FILE, SCRIPT_CALLS, SCRIPT_FILE, SCRIPT_STEPS, SOURCE_FILE,
        SYS_PATH, VERSION_FILE,
    };
    use crate::{Inputs, environment};

    const ELF: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0";
    const SITE: &str = "/usr/local/lib/python3.11/site-packages";
    const HEADER: &str = "/usr/local/include/python3.11/patchlevel.h";

    fn bare() -> Literal {
        Literal::new()
            .file("/usr/local/bin/python3.11", ELF)
            .link("/usr/local/bin/python3", "python3.11")
            .file("/usr/local/lib/python3.11/os.py", "")
            .file("/usr/local/lib/python3.11/site.py", "")
            .folder("/usr/local/lib/python3.11/lib-dynload")
            .folder(SITE)
            .file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
            .file("/bin/sh", ELF)
            .file("/bin/env", ELF)
    }

    /// Python 3.11.7 below `/usr/local` and nothing installed.
    fn image() -> Literal {
        bare().file(HEADER, "#define PY_VERSION \"3.11.7\"\n")
    }

    fn config(cmd: &[&str], env: &[(&str, &str)]) -> ImageConfig {
        let path = ("PATH", "/usr/local/bin:/bin");
        let env =
            std::iter::once(&path).chain(env).map(|(name, value)| (Text::from(*name), Text::from(*value)));
        ImageConfig {
            env: env.collect(),
            cmd: cmd.iter().map(|word| Text::from(*word)).collect(),
            ..ImageConfig::default()
        }
    }

    fn with(literal: Literal, config: &ImageConfig) -> Environment {
        let inputs = Inputs { config: Some(config), interpreter: None };
        let (mut seen, mut budget) = (Seen::new(), Budget::default());
        converse(&mut { literal }, &mut seen, &mut budget, |seen| environment(seen, &inputs)).unwrap()
    }

    fn of(literal: Literal) -> Environment {
        with(literal, &config(&["python3"], &[]))
    }

    /// Why something is not known; all reasons, one a line.
    fn untold(environment: &Environment, what: &str) -> String {
        let all = environment.unknown.iter().filter(|unknown| unknown.what == *what);
        all.map(|unknown| unknown.why.to_lossy().into_owned()).collect::<Vec<_>>().join("\n")
    }

    /// Why the interpreter is not known; its path where it is.
    fn interpreter(environment: &Environment) -> String {
        match &environment.interpreter {
            Fact::Known { value, .. } => value.executable.to_lossy().into_owned(),
            Fact::Unknown { reason } => reason.to_lossy().into_owned(),
        }
    }

    /// A text with blanks behind it, `len` bytes long.
    fn padded(text: &str, len: u64) -> String {
        text.to_owned() + &" ".repeat(usize::try_from(len).unwrap() - text.len())
    }

    const TOO_LARGE: &str = "larger than 4194304 bytes";

    #[test]
    fn at_most_32_folders_of_cuda() {
        let cuda = |count: usize| {
            let literal =
                (0..count).fold(image(), |literal, at| literal.folder(&format!("/usr/local/cuda-12.{at}")));
            of(literal).stack.cuda.reason().map(|why| why.to_lossy().into_owned())
        };
        assert_eq!(cuda(CUDA_FOLDERS), None);
        assert_eq!(cuda(CUDA_FOLDERS + 1).as_deref(), Some("/usr/local holds more than 32 folders of CUDA"));
    }

    #[test]
    fn a_large_list_of_nodes_is_refused() {
        let read = |len: u64| {
            let text = padded("{\"kind\": \"Node\", \"metadata\": {\"name\": \"a\"}}", len);
            crate::machine::nodes(text.as_bytes()).map(|machine| machine.hosts.len())
        };
        assert_eq!(read(NODES_FILE), Ok(1));
        assert_eq!(read(NODES_FILE + 1).unwrap_err().to_string(), "larger than 64 MiB");
    }

    #[test]
    fn a_head_without_an_end_is_unreadable() {
        let metadata = |len: u64| {
            let text = padded("Name: a\nVersion: 1\nX: ", len - 1) + "\n";
            // Beside it lies what Python would take if METADATA were not there.
            let literal = image()
                .file(&format!("{SITE}/a-1.dist-info/METADATA"), text)
                .file(&format!("{SITE}/a-1.dist-info/PKG-INFO"), "Name: other\nVersion: 2\n");
            of(literal).distributions.remove(0)
        };
        assert_eq!(metadata(Ask::HEAD_LIMIT).version, Some(Text::from("1")));
        let beyond = metadata(Ask::HEAD_LIMIT + 1);
        assert_eq!((beyond.name, beyond.version), (None, None));
        assert_eq!(beyond.error, Some(Text::from("METADATA cannot be read: larger than 1048576 bytes")));
    }

    /// A distribution of each kind of file that stands beside METADATA, each of `len` bytes.
    fn files(len: u64) -> Vec<(&'static str, String)> {
        vec![
            ("a-1.egg-info/PKG-INFO", "Name: a\nVersion: 1\n\n".to_owned()),
            ("a-1.egg-info/INSTALLER", padded("pip\n", len)),
            ("a-1.egg-info/top_level.txt", padded("a\n", len)),
            ("a-1.egg-info/requires.txt", padded("six>=1\n", len)),
            ("a-1.egg-info/direct_url.json", padded("{\"url\": \"file:///a\", \"dir_info\": {}}", len)),
        ]
    }

    #[test]
    fn a_large_metadata_file_is_unreadable_and_not_absent() {
        let installed = |len: u64| {
            let link = image()
                .file(&format!("{SITE}/b.egg-link"), padded("/srv\n.\n", len))
                .file("/srv/b.egg-info/PKG-INFO", "Name: b\nVersion: 1\n\n")
                .file(&format!("{SITE}/b.pth"), "/srv\n");
            of(files(len)
                .into_iter()
                .fold(link, |literal, (name, content)| literal.file(&format!("{SITE}/{name}"), content)))
        };
        let inside = installed(METADATA_FILE);
        assert_eq!(inside.unknown, []);
        let [a, b] = &inside.distributions[..] else { panic!("{:?}", inside.distributions) };
        assert_eq!(a.installer, Some(Text::from("pip")));
        assert_eq!(a.top_level, Some(vec![Text::from("a")]));
        assert_eq!(a.requires, [Text::from("six>=1")]);
        assert!(matches!(a.direct_url, Some(Fact::Known { .. })) && a.error.is_none() && b.editable);

        let beyond = installed(METADATA_FILE + 1);
        let unreadable = format!("unreadable: {TOO_LARGE}");
        for name in [
            "a-1.egg-info/INSTALLER",
            "a-1.egg-info/top_level.txt",
            "a-1.egg-info/requires.txt",
            "b.egg-link",
        ] {
            assert_eq!(untold(&beyond, &format!("{SITE}/{name}")), unreadable, "{name}");
        }
        let a = &beyond.distributions[0];
        assert_eq!(a.version, Some(Text::from("1")));
        assert_eq!(a.error, Some(Text::from(format!("requires.txt is {unreadable}"))));
        let Some(Fact::Unknown { reason }) = &a.direct_url else { panic!("{:?}", a.direct_url) };
        assert_eq!(*reason, *format!("{SITE}/a-1.egg-info/direct_url.json cannot be read: {TOO_LARGE}"));
    }

    /// RECORD of two distributions that share a file, one of them `len` bytes long.
    #[test]
    fn a_large_record_is_unreadable_and_not_absent() {
        let overwritten = |len: u64| {
            let mut literal = image();
            for (name, record) in [
                ("opencv_python", padded("cv2/cv2.abi3.so,sha256=a,1\n", len)),
                ("opencv_python_headless", "cv2/cv2.abi3.so,sha256=b,2\n".to_owned()),
            ] {
                let folder = format!("{SITE}/{name}-1.dist-info");
                literal = literal
                    .file(&format!("{folder}/METADATA"), format!("Name: {name}\nVersion: 1\n\n"))
                    .file(&format!("{folder}/RECORD"), record);
            }
            of(literal.file(&format!("{SITE}/cv2/cv2.abi3.so"), "xx")).stack.overwritten
        };
        let inside = overwritten(RECORD_FILE);
        let [one] = &inside.value().unwrap()[..] else { panic!("{inside:?}") };
        assert_eq!(one.path, *format!("{SITE}/cv2/cv2.abi3.so"));
        assert_eq!(one.owners, [Text::from("opencv-python"), Text::from("opencv-python-headless")]);
        assert_eq!(one.kept, Some(Text::from("opencv-python-headless")));
        let beyond = overwritten(RECORD_FILE + 1);
        let file = format!("{SITE}/opencv_python-1.dist-info/RECORD");
        assert_eq!(beyond.reason().unwrap(), &*format!("{file} cannot be read: larger than 67108864 bytes"));
    }

    #[test]
    fn at_most_1000_modules_are_looked_at_for_being_hidden() {
        let hidden = |count: usize| {
            let mut literal = image();
            for name in (0..count).map(|n| format!("m{n}.py")) {
                literal = literal
                    .file(&format!("/usr/local/lib/python3.11/{name}"), "")
                    .file(&format!("/opt/{name}"), "");
            }
            with(literal, &config(&["python3"], &[("PYTHONPATH", "/opt")])).stack.hidden
        };
        assert_eq!(hidden(HIDDEN_MODULES).value().unwrap().len(), HIDDEN_MODULES);
        let beyond = hidden(HIDDEN_MODULES + 1);
        assert_eq!(beyond.reason().unwrap(), "more than 1000 modules are hidden");
    }

    /// A zip of stored files.
    fn zip(files: &[(&str, String)]) -> Vec<u8> {
        let (mut out, mut central) = (Vec::new(), Vec::new());
        for (name, content) in files {
            let at = u32::try_from(out.len()).unwrap().to_le_bytes();
            let size = u32::try_from(content.len()).unwrap().to_le_bytes();
            let sizes = [size, size].concat();
            let name_len = u16::try_from(name.len()).unwrap().to_le_bytes();
            out.extend_from_slice(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0");
            out.extend_from_slice(
                &[&sizes[..], &name_len, &[0, 0], name.as_bytes(), content.as_bytes()].concat(),
            );
            central.extend_from_slice(b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\0");
            central.extend_from_slice(&[&sizes[..], &name_len, &[0; 12], &at, name.as_bytes()].concat());
        }
        let at = u32::try_from(out.len()).unwrap().to_le_bytes();
        out.extend_from_slice(&central);
        let count = u16::try_from(files.len()).unwrap().to_le_bytes();
        let len = u32::try_from(central.len()).unwrap().to_le_bytes();
        out.extend_from_slice(&[&b"PK\x05\x06\0\0\0\0"[..], &count, &count, &len, &at, &[0, 0]].concat());
        out
    }

    #[test]
    fn a_large_metadata_file_in_a_zip_is_unreadable_and_not_absent() {
        let zipped = |len: u64| {
            let mut files = files(len);
            files.push(("b-1.dist-info/METADATA", padded("Name: b\nVersion: 1\n\n", len)));
            // What Python would take if METADATA were not there.
            files.push(("b-1.dist-info/PKG-INFO", "Name: other\nVersion: 2\n".to_owned()));
            let literal = image().file("/srv/x.zip", zip(&files));
            with(literal, &config(&["python3"], &[("PYTHONPATH", "/srv/x.zip")]))
        };
        let inside = zipped(envdiff_files::limits::ZIP_MEMBER);
        assert_eq!(inside.unknown, []);
        let [a, b] = &inside.distributions[..] else { panic!("{:?}", inside.distributions) };
        assert_eq!((&a.installer, &b.version), (&Some(Text::from("pip")), &Some(Text::from("1"))));
        assert_eq!(a.requires, [Text::from("six>=1")]);

        let beyond = zipped(envdiff_files::limits::ZIP_MEMBER + 1);
        let why = "larger than 4 MiB, encrypted or damaged in the zip";
        for name in ["INSTALLER", "top_level.txt", "requires.txt"] {
            let told = untold(&beyond, &format!("/srv/x.zip/a-1.egg-info/{name}"));
            assert_eq!(told, format!("unreadable: {why}"), "{name}");
        }
        let [a, b] = &beyond.distributions[..] else { panic!("{:?}", beyond.distributions) };
        assert_eq!(a.error, Some(Text::from(format!("requires.txt is unreadable: {why}"))));
        assert!(matches!(a.direct_url, Some(Fact::Unknown { .. })));
        assert_eq!(
            (&b.name, &b.error),
            (&None, &Some(Text::from(format!("METADATA cannot be read: {why}"))))
        );
    }

    #[test]
    fn json_that_is_too_deep_is_unreadable() {
        let read = |deep: usize| {
            // The object around them is one too.
            let nested = ["[".repeat(deep - 1), "]".repeat(deep - 1)].concat();
            let json = format!("{{\"url\": \"file:///a\", \"dir_info\": {{}}, \"x\": {nested}}}");
            let literal = image()
                .file(&format!("{SITE}/a-1.dist-info/METADATA"), "Name: a\nVersion: 1\n\n")
                .file(&format!("{SITE}/a-1.dist-info/direct_url.json"), json);
            of(literal).distributions.remove(0).direct_url.unwrap()
        };
        assert!(matches!(read(JSON_NESTING), Fact::Known { .. }));
        let Fact::Unknown { reason } = read(JSON_NESTING + 1) else { panic!("read") };
        assert!(reason.to_lossy().contains("direct_url.json is not JSON: line 1 column "), "{reason:?}");
    }

    #[test]
    fn sys_path_has_at_most_1000_entries() {
        let paths = |count: usize| (0..count).map(|at| format!("/p{at}")).collect::<Vec<_>>().join(":");
        let read = |count: usize, pth: &str| {
            let literal = image().file(&format!("{SITE}/x.pth"), pth);
            with(literal, &config(&["python3"], &[("PYTHONPATH", &paths(count))]))
        };
        // Beside them: the working folder, the zip, the library, its compiled part, site-packages.
        let own = 5;
        let inside = read(SYS_PATH - own, "");
        assert_eq!(
            (inside.sys_path.value().unwrap().len(), untold(&inside, "sys_path").as_str()),
            (SYS_PATH, "")
        );
        let more = "more than 1000 entries";
        for (count, pth) in [
            (SYS_PATH - own + 1, ""),
            (SYS_PATH - own, "/srv\n/bin\n"),
            (SYS_PATH - own, "import sys; sys.path.insert(0, '/x'); sys.path.append('/y')\n"),
            (SYS_PATH * 3, ""),
        ] {
            let beyond = read(count, pth);
            assert_eq!(beyond.sys_path.value().unwrap().len(), SYS_PATH, "{pth}");
            assert_eq!(untold(&beyond, "sys_path"), more, "{pth}");
        }
    }

    #[test]
    fn there_are_at_most_2000_pth_files() {
        let read = |count: usize| {
            let names = (0..count).map(|at| format!("{SITE}/{at:04}.pth"));
            of(names.fold(image(), |literal, name| literal.file(&name, "")))
        };
        assert_eq!(untold(&read(PTH_FILES), "sys_path"), "");
        assert_eq!(untold(&read(PTH_FILES + 1), "sys_path"), "more than 2000 .pth files");
    }

    #[test]
    fn a_pth_file_has_at_most_10000_lines() {
        let read = |text: String| untold(&of(image().file(&format!("{SITE}/x.pth"), text)), "sys_path");
        let lines = |count: usize| vec!["#"; count].join("\n");
        assert_eq!(read(lines(PTH_LINES)), "");
        assert_eq!(read(lines(PTH_LINES) + "\n"), "");
        let more = format!("{SITE}/x.pth is more than 10000 lines");
        assert_eq!(read(lines(PTH_LINES + 1)), more);
        assert_eq!(read(lines(PTH_LINES) + "\n\n"), more);
    }

    #[test]
    fn a_large_file_that_sys_path_hangs_on_leaves_it_unknown() {
        let library = "/usr/local/lib/python3.11";
        for (most, path, text, why) in [
            (PTH_FILE, format!("{SITE}/x.pth"), "#", format!("{SITE}/x.pth cannot be read: {TOO_LARGE}")),
            (
                SOURCE_FILE,
                format!("{library}/site.py"),
                "",
                format!("{library}/site.py cannot be read: larger than 1048576 bytes"),
            ),
            (
                SOURCE_FILE,
                format!("{library}/sitecustomize.py"),
                "",
                format!("{library}/sitecustomize.py runs at start and may change it"),
            ),
            (
                SOURCE_FILE,
                format!("{SITE}/hook.py"),
                "",
                format!("{SITE}/hook.pth line 1 imports {SITE}/hook.py, which may change it"),
            ),
            (
                ACCOUNTS_FILE,
                "/etc/passwd".to_owned(),
                "root:x:0:0::/root:/bin/sh\n",
                "/etc/passwd cannot be read, so the user's home is not known: larger than 1048576 bytes"
                    .to_owned(),
            ),
        ] {
            let hook = if path.ends_with("hook.py") { "import hook\n" } else { "" };
            let read = |len| {
                let literal = image().file(&format!("{SITE}/hook.pth"), hook).file(&path, padded(text, len));
                untold(&of(literal), "sys_path")
            };
            assert_eq!(read(most), "", "{path}");
            assert_eq!(read(most + 1), why, "{path}");
        }
    }

    #[test]
    fn a_large_file_at_the_start_leaves_the_interpreter_unknown() {
        let python = "/usr/local/bin/python3";
        for (most, path, text, cmd, wanted, why) in [
            (
                PYVENV_CFG,
                "/venv/pyvenv.cfg",
                "home = /usr/local/bin\n",
                &["/venv/bin/python3"][..],
                "/venv/bin/python3",
                "/venv/pyvenv.cfg cannot be read: larger than 1048576 bytes",
            ),
            (
                SCRIPT_FILE,
                "/start",
                "#!/bin/sh\nexec python3\n",
                &["/start"],
                python,
                "/bin/sh runs /start, which cannot be read: larger than 1048576 bytes",
            ),
            (
                SCRIPT_FILE,
                "/set",
                "MODE=x\n",
                &["/bin/sh", "-c", ". /set; exec python3"],
                python,
                "/usr/local/bin/python3 on one way, on another /set cannot be read: larger than 1048576 bytes",
            ),
            (
                SCRIPT_FILE,
                "/etc/profile",
                "MODE=x\n",
                &["/bin/sh", "-lc", "exec python3"],
                python,
                "/bin/sh reads /etc/profile, which cannot be read: larger than 1048576 bytes",
            ),
        ] {
            let read = |len| {
                let literal = image().link("/venv/bin/python3", "/usr/local/bin/python3");
                interpreter(&with(literal.file(path, padded(text, len)), &config(cmd, &[])))
            };
            assert_eq!(read(most), wanted, "{path}");
            assert_eq!(read(most + 1), why, "{path}");
        }
    }

    #[test]
    fn a_start_script_is_walked_within_its_bounds() {
        let started = |script: String| {
            interpreter(&with(
                image().file("/start", format!("#!/bin/sh\n{script}")),
                &config(&["/start"], &[]),
            ))
        };
        let python = "/usr/local/bin/python3";
        let steps = |count: usize| started("A=1\n".repeat(count - 1) + "exec python3\n");
        assert_eq!(steps(SCRIPT_STEPS), python);
        assert_eq!(steps(SCRIPT_STEPS + 1), "/start is too long to follow");

        // Each brace is a command and a list of commands; the last command and its word are two more.
        let nested = |deep: usize| started("{ ".repeat(deep) + "exec python3; " + &"}; ".repeat(deep));
        let most = (super::SCRIPT_NESTING - 2) / 2;
        assert_eq!(nested(most), python);
        assert!(nested(most + 1).contains("/start"), "{}", nested(most + 1));

        let calls = |count: usize| {
            let bodies = (1..count).map(|at| format!("f{at}() {{ f{}; }}\n", at + 1)).collect::<String>();
            started(format!("{bodies}f{count}() {{ exec python3; }}\nf1\n"))
        };
        assert_eq!(calls(SCRIPT_CALLS), python);
        assert_eq!(calls(SCRIPT_CALLS + 1), "/start calls itself too often to follow");
        let sourced = |count: usize| {
            let literal = (0..count).fold(image(), |literal, at| {
                let text =
                    if at + 1 == count { "exec python3\n".to_owned() } else { format!(". /s{}\n", at + 1) };
                literal.file(&format!("/s{at}"), text)
            });
            interpreter(&with(literal, &config(&["/bin/sh", "/s0"], &[])))
        };
        assert_eq!(sourced(SCRIPT_CALLS + 1), python);
        assert_eq!(sourced(SCRIPT_CALLS + 2), "/s0 calls itself too often to follow");
        let evaluated = |count: usize| started(format!("{}exec python3\n", "eval ".repeat(count)));
        assert_eq!(evaluated(SCRIPT_CALLS), python);
        assert_eq!(evaluated(SCRIPT_CALLS + 1), "/start calls itself too often to follow");

        let chain = |count: usize| {
            let mut words = vec!["env"; count];
            words.push("python3");
            interpreter(&with(image(), &config(&words, &[])))
        };
        assert_eq!(chain(PROGRAM_CHAIN), python);
        assert_eq!(chain(PROGRAM_CHAIN + 1), "programs start one another in a circle");

        // Two ways through the first script for each way through the second, and each leads over a shell.
        let ways = |count: usize| {
            let branch = |at: usize, then: &str| format!("if [ \"$(date)\" = {at} ]; then exec {then}; fi\n");
            let first: String = (0..count).map(|at| branch(at, &format!("/second {at}"))).collect();
            let second: String = (0..8).map(|at| branch(at, &format!("nice -n {at} python3"))).collect();
            let literal = image()
                .file("/bin/nice", ELF)
                .file("/start", format!("#!/bin/sh\n{first}exec python3\n"))
                .file("/second", format!("#!/bin/sh\n{second}exec python3\n"));
            interpreter(&with(literal, &config(&["/start"], &[])))
        };
        // Sixteen for nice and Python of each branch, and the Python, the script and its shell of each way.
        let of_a_way = 8 * 2 + 1 + 2;
        let most = (PROGRAMS - 3) / of_a_way;
        assert_eq!(ways(most), python);
        let beyond = ways(most + 1);
        assert!(beyond.contains("the start scripts lead to more programs than are followed"), "{beyond}");
    }

    #[test]
    fn path_has_at_most_1000_folders() {
        let read = |count: usize| {
            let folders = (1..count).map(|at| format!("/p{at}:")).collect::<String>() + "/usr/local/bin";
            interpreter(&with(image(), &config(&["python3"], &[("PATH", &folders)])))
        };
        assert_eq!(read(PATH_FOLDERS), "/usr/local/bin/python3");
        assert_eq!(read(PATH_FOLDERS + 1), "python3 is started: PATH has more than 1000 folders");
    }

    #[test]
    fn more_interpreters_than_are_told_are_said() {
        // One of them is the one that starts.
        let read = |count: usize| {
            let literal =
                (1..count).fold(image(), |literal, at| literal.file(&format!("/opt/{at}/bin/python3"), ELF));
            untold(&of(literal), "interpreters")
        };
        assert_eq!(read(INTERPRETERS), "");
        assert_eq!(read(INTERPRETERS + 1), "more than 64 interpreters");
    }

    #[test]
    fn a_large_record_of_conda_is_unreadable() {
        let record = "/usr/local/conda-meta/x.json";
        let read = |len| of(image().file(record, padded("{\"name\": \"x\", \"version\": \"1\"}", len)));
        assert_eq!(read(CONDA_RECORD).conda.len(), 1);
        let beyond = read(CONDA_RECORD + 1);
        assert_eq!((beyond.conda.len(), untold(&beyond, record)), (0, format!("unreadable: {TOO_LARGE}")));
    }

    #[test]
    fn the_version_is_not_read_out_of_large_files() {
        let version = |literal: Literal, cmd: &str| {
            let found = with(literal, &config(&[cmd], &[]));
            match found.python {
                Fact::Known { value, .. } => value.to_lossy().into_owned(),
                Fact::Unknown { reason } => reason.to_lossy().into_owned(),
            }
        };
        let header =
            |len| version(bare().file(HEADER, padded("#define PY_VERSION \"3.11.7\"\n", len)), "python3");
        assert_eq!(header(VERSION_FILE), "3.11.7");
        let neither = "python3.11: neither header, package record nor the program itself tells it";
        assert_eq!(
            header(VERSION_FILE + 1),
            format!("{neither}; {HEADER} cannot be read: larger than 262144 bytes")
        );

        let status = "Package: python3.11-minimal\nStatus: install ok installed\nVersion: 3.11.2-6\n\nX: ";
        let debian = |len| {
            let literal = Literal::new()
                .file("/usr/bin/python3.11", ELF)
                .file("/usr/lib/python3.11/os.py", "")
                .folder("/usr/lib/python3.11/lib-dynload")
                .file("/var/lib/dpkg/status", padded(status, len));
            version(literal, "/usr/bin/python3.11")
        };
        assert_eq!(debian(PACKAGE_DATABASE), "3.11.2");
        let beyond = debian(PACKAGE_DATABASE + 1);
        assert_eq!(
            beyond,
            format!("{neither}; /var/lib/dpkg/status cannot be read: larger than 33554432 bytes")
        );

        // One section without a name, of read-only data, with the version at its end.
        let searched = |len: u64| {
            let mut program = ELF.to_vec();
            program.resize(64, 0);
            let (table, data) = (64_u64, 64 + 3 * 64_u64);
            program[40..48].copy_from_slice(&table.to_le_bytes());
            program[58..60].copy_from_slice(&64_u16.to_le_bytes());
            program[60..62].copy_from_slice(&2_u16.to_le_bytes());
            program.resize(usize::try_from(data).unwrap(), 0);
            let section = 64 + 64;
            program[section + 4] = 1;
            program[section + 8] = 2;
            program[section + 24..section + 32].copy_from_slice(&data.to_le_bytes());
            program[section + 32..section + 40].copy_from_slice(&len.to_le_bytes());
            program.resize(usize::try_from(data + len).unwrap(), 0);
            let at = program.len() - 8;
            program[at..at + 8].copy_from_slice(b"\x003.11.7\0");
            version(bare().file("/usr/local/bin/python3.11", program), "python3")
        };
        assert_eq!(searched(PROGRAM_SEARCHED), "3.11.7");
        let most = "python3.11: neither header nor package record tells it, nor the first 48 MiB of a section of the program";
        assert_eq!(searched(PROGRAM_SEARCHED + 8), most);
    }
}
