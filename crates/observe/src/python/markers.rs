//! What is known of an interpreter and its image to the marker variables of PEP 508.

use std::collections::BTreeMap;

use envdiff_model::{Evidence, Fact, ImageConfig, MarkerVariable, Text, say};

use super::layout::{Implementation, Layout};

/// Why the kernel's variables are not known.
const KERNEL: &str = "belongs to the kernel that will run the image";

/// The variables for a known interpreter. `machine`: `e_machine` of its ELF header, where that was read.
pub(crate) fn derive(
    layout: &Layout,
    python: &Fact<Text>,
    pypy: Option<&Text>,
    config: Option<&ImageConfig>,
    machine: Option<u16>,
) -> BTreeMap<MarkerVariable, Fact<Text>> {
    let from = || Evidence::new(layout.executable.as_bytes(), layout.feature.folder());
    let known = |text: &str| Fact::known(Text::from(text), from());
    let pypy_build = layout.feature.implementation == Implementation::PyPy;
    MarkerVariable::ALL
        .into_iter()
        .map(|variable| {
            let fact = match variable {
                MarkerVariable::ImplementationName => known(if pypy_build { "pypy" } else { "cpython" }),
                MarkerVariable::ImplementationVersion if pypy_build => match pypy {
                    Some(version) => Fact::known(version.clone(), from()),
                    None => Fact::unknown("nothing tells PyPy's own version"),
                },
                MarkerVariable::ImplementationVersion => python.clone().map(|v| implementation_version(&v)),
                MarkerVariable::OsName => known("posix"),
                MarkerVariable::PlatformMachine => platform_machine(layout, config, machine),
                MarkerVariable::PlatformPythonImplementation => {
                    known(if pypy_build { "PyPy" } else { "CPython" })
                }
                MarkerVariable::PlatformRelease | MarkerVariable::PlatformVersion => Fact::unknown(KERNEL),
                MarkerVariable::PlatformSystem => known("Linux"),
                MarkerVariable::PythonFullVersion => python.clone(),
                MarkerVariable::PythonVersion => {
                    known(&format!("{}.{}", layout.feature.major, layout.feature.minor))
                }
                MarkerVariable::SysPlatform => known("linux"),
            };
            (variable, fact)
        })
        .collect()
}

/// `packaging`'s text of `sys.implementation.version`: without the `+` of a build between releases, and of the release
/// level's name the first letter alone (`candidate`: `c`).
fn implementation_version(python: &Text) -> Text {
    let text = python.as_bytes().strip_suffix(b"+").unwrap_or(python.as_bytes());
    match text.windows(2).position(|w| w == b"rc") {
        Some(at) => say!(text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default()),
        None => Text::from(text),
    }
}

/// Every variable unknown for one reason; the kernel's keep theirs.
pub(crate) fn unknown(reason: &Text) -> BTreeMap<MarkerVariable, Fact<Text>> {
    MarkerVariable::ALL
        .into_iter()
        .map(|variable| {
            let fact = match variable {
                MarkerVariable::PlatformRelease | MarkerVariable::PlatformVersion => Fact::unknown(KERNEL),
                _ => Fact::unknown(say!("the interpreter is not known: ", reason)),
            };
            (variable, fact)
        })
        .collect()
}

/// `uname -m` in a container of the image: what the kernel tells a program of that architecture.
fn platform_machine(layout: &Layout, config: Option<&ImageConfig>, machine: Option<u16>) -> Fact<Text> {
    // Of 32-bit programs the kernel may be a 64-bit one, whose name they see.
    const THIRTY_TWO: &str = "a 32-bit image: the machine's name is the kernel's that will run it";
    let configured = config.and_then(|c| c.architecture.as_ref());
    if let Some(architecture) = configured {
        let evidence = Evidence::new("image configuration", say!("architecture ", architecture));
        return match architecture.as_str() {
            Some("amd64") => Fact::known(Text::from("x86_64"), evidence),
            Some("arm64") => Fact::known(Text::from("aarch64"), evidence),
            Some(same @ ("ppc64le" | "s390x" | "riscv64" | "loong64" | "mips64" | "ppc64")) => {
                let name = if same == "loong64" { "loongarch64" } else { same };
                Fact::known(Text::from(name), evidence)
            }
            Some("386" | "arm" | "mips" | "mipsle") => Fact::unknown(THIRTY_TWO),
            _ => Fact::unknown(say!("nothing is known of the architecture ", architecture)),
        };
    }
    let evidence = || {
        let path = layout.real.as_ref().unwrap_or(&layout.executable);
        Evidence::new(path.as_bytes(), "ELF header")
    };
    match machine {
        Some(62) => Fact::known(Text::from("x86_64"), evidence()),
        Some(183) => Fact::known(Text::from("aarch64"), evidence()),
        Some(243) => Fact::known(Text::from("riscv64"), evidence()),
        Some(22) => Fact::known(Text::from("s390x"), evidence()),
        Some(258) => Fact::known(Text::from("loongarch64"), evidence()),
        Some(3 | 40) => Fact::unknown(THIRTY_TWO),
        _ => Fact::unknown("neither the image's configuration nor its interpreter tells the architecture"),
    }
}
