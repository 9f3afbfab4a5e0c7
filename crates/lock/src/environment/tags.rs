//! The file name of a wheel and an environment come in; whether pip or uv would install it there comes out, by its tags (PEP
//! 425, 600, 656) as far as the environment is known.

use envdiff_model::MarkerVariable;
use envdiff_packaging::WheelName;

use super::{Environment, Libc};

/// Whether a wheel fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    Yes,
    No,
    /// What would decide is not known.
    Unknown,
}

impl Environment {
    /// Whether a wheel of this file name can be installed here.
    pub(crate) fn fits(&self, file: &str) -> Fit {
        let Ok(wheel) = WheelName::parse(file) else { return Fit::Unknown };
        let Some(python) = self.minor() else { return Fit::Unknown };
        if self.value(MarkerVariable::ImplementationName) != Some("cpython") {
            return if wheel.interpreters.iter().any(|tag| tag == "py3") { Fit::Yes } else { Fit::Unknown };
        }
        let is_python = wheel
            .interpreters
            .iter()
            .any(|interpreter| wheel.abis.iter().any(|abi| of_python(interpreter, abi, python)));
        if !is_python {
            return Fit::No;
        }
        let mut best = Fit::No;
        for platform in &wheel.platforms {
            match self.on_platform(platform) {
                Fit::Yes => return Fit::Yes,
                Fit::Unknown => best = Fit::Unknown,
                Fit::No => {}
            }
        }
        best
    }

    fn minor(&self) -> Option<(u32, u32)> {
        let (major, minor) = self.value(MarkerVariable::PythonVersion)?.split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    }

    fn on_platform(&self, tag: &str) -> Fit {
        if tag == "any" {
            return Fit::Yes;
        }
        let (Some(system), Some(machine)) =
            (self.value(MarkerVariable::SysPlatform), self.value(MarkerVariable::PlatformMachine))
        else {
            return Fit::Unknown;
        };
        let machine = machine.to_ascii_lowercase();
        let yes = |is: bool| if is { Fit::Yes } else { Fit::No };
        match system {
            "linux" => {
                let Some(rest) = tag.strip_suffix(&machine).and_then(|rest| rest.strip_suffix('_')) else {
                    return Fit::No;
                };
                self.on_libc(rest)
            }
            "darwin" => {
                let Some(rest) = tag.strip_prefix("macosx_") else { return Fit::No };
                let architecture = rest.splitn(3, '_').nth(2).unwrap_or("");
                let also: &[&str] = match machine.as_str() {
                    "arm64" => &["universal2"],
                    "x86_64" => &["universal2", "universal", "intel", "fat64", "fat3"],
                    _ => &[],
                };
                yes(architecture == machine || also.contains(&architecture))
            }
            "win32" => yes(match machine.as_str() {
                "amd64" | "x86_64" => tag == "win_amd64",
                "arm64" => tag == "win_arm64",
                _ => tag == "win32",
            }),
            _ => Fit::Unknown,
        }
    }

    /// Whether the part of a Linux tag before the machine suits the C library.
    fn on_libc(&self, rest: &str) -> Fit {
        let wanted = match rest {
            "linux" => return Fit::Yes,
            "manylinux1" => (2, 5),
            "manylinux2010" => (2, 12),
            "manylinux2014" => (2, 17),
            _ => {
                let numbers = |rest: &str| -> Option<(u32, u32)> {
                    let (major, minor) = rest.split_once('_')?;
                    Some((major.parse().ok()?, minor.parse().ok()?))
                };
                if rest.starts_with("musllinux_") {
                    return match self.libc() {
                        Some(Libc::Musl) => Fit::Yes,
                        Some(Libc::Glibc(..)) => Fit::No,
                        None => Fit::Unknown,
                    };
                }
                match rest.strip_prefix("manylinux_").and_then(numbers) {
                    Some(version) => version,
                    None => return Fit::No,
                }
            }
        };
        match self.libc() {
            Some(Libc::Glibc(major, minor)) if (major, minor) >= wanted => Fit::Yes,
            Some(_) => Fit::No,
            None => Fit::Unknown,
        }
    }
}

/// Whether an interpreter tag and an ABI tag are ones that CPython of this version takes.
fn of_python(interpreter: &str, abi: &str, (major, minor): (u32, u32)) -> bool {
    let version = |digits: &str| -> Option<(u32, Option<u32>)> {
        let (first, rest) = digits.split_at_checked(1)?;
        let rest = if rest.is_empty() { None } else { Some(rest.parse().ok()?) };
        Some((first.parse().ok()?, rest))
    };
    if let Some((of, at)) = interpreter.strip_prefix("cp").and_then(version) {
        let own = format!("cp{major}{minor}");
        let is_this = of == major && at.is_none_or(|at| at == minor);
        let is_older = of == major && at.is_some_and(|at| at <= minor);
        return match abi {
            "none" => is_this,
            "abi3" => is_older,
            // Up to 3.7 the ABI had flags behind it.
            abi => is_this && (abi == own || (minor < 8 && abi == format!("{own}m"))),
        };
    }
    let Some((of, at)) = interpreter.strip_prefix("py").and_then(version) else { return false };
    abi == "none" && of == major && at.is_none_or(|at| at <= minor)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn tags_of_wheels() {
        let linux = Environment::named(Some("3.11.7"), Some("linux-x86_64")).unwrap();
        let mac = Environment::named(Some("3.11"), Some("macos-arm64")).unwrap();
        let bare = Environment::named(Some("3.11"), None).unwrap();
        for (wheel, wanted) in [
            ("a-1-py3-none-any.whl", [Fit::Yes, Fit::Yes, Fit::Yes]),
            ("a-1-py2.py3-none-any.whl", [Fit::Yes, Fit::Yes, Fit::Yes]),
            ("a-1-py312-none-any.whl", [Fit::No, Fit::No, Fit::No]),
            (
                "a-1-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
                [Fit::Yes, Fit::No, Fit::Unknown],
            ),
            ("a-1-cp311-cp311-musllinux_1_2_x86_64.whl", [Fit::No, Fit::No, Fit::Unknown]),
            ("a-1-cp311-cp311-macosx_11_0_arm64.whl", [Fit::No, Fit::Yes, Fit::Unknown]),
            ("a-1-cp38-abi3-macosx_10_9_universal2.whl", [Fit::No, Fit::Yes, Fit::Unknown]),
            ("a-1-cp313-cp313t-manylinux_2_28_x86_64.whl", [Fit::No, Fit::No, Fit::No]),
            ("a-1-cp311-cp311-win_amd64.whl", [Fit::No, Fit::No, Fit::Unknown]),
            ("a-1-pp310-pypy310_pp73-manylinux_2_28_x86_64.whl", [Fit::No, Fit::No, Fit::No]),
        ] {
            assert_eq!([&linux, &mac, &bare].map(|here| here.fits(wheel)), wanted, "{wheel}");
        }
    }
}
