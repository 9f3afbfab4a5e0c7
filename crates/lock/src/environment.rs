//! What is known of the environment that a lock is selected for comes in; what a marker, a range of Python versions or the
//! file name of a wheel says there comes out, in three values with reasons.

mod tags;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use envdiff_model::{Fact, MarkerVariable, Name, Text, say};
use envdiff_packaging::{Marker, Operand, SpecifierSet, Truth, Value, Variable, Version};

pub(crate) use tags::Fit;

/// What a condition comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holds {
    Yes,
    No,
    /// The reason is a clause.
    Unknown(Text),
}

impl Holds {
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Unknown(why), _) | (_, Self::Unknown(why)) => Self::Unknown(why),
            (Self::Yes, Self::Yes) => Self::Yes,
        }
    }

    pub(crate) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::Unknown(why), _) | (_, Self::Unknown(why)) => Self::Unknown(why),
            (Self::No, Self::No) => Self::No,
        }
    }
}

/// The C library of a Linux environment, where wheels ask for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Libc {
    /// glibc of at least this version.
    Glibc(u32, u32),
    /// musl.
    Musl,
}

/// The environment that a lock is selected for: an image's, or one that was named.
#[derive(Debug, Clone)]
pub struct Environment {
    markers: BTreeMap<MarkerVariable, Fact<Text>>,
    libc: Option<Libc>,
}

/// A platform of `--platform`, with what markers say there.
struct Platform {
    name: &'static str,
    os_name: &'static str,
    sys_platform: &'static str,
    system: &'static str,
    machine: &'static str,
}

const PLATFORMS: &[Platform] = &[
    Platform {
        name: "linux-x86_64",
        os_name: "posix",
        sys_platform: "linux",
        system: "Linux",
        machine: "x86_64",
    },
    Platform {
        name: "linux-aarch64",
        os_name: "posix",
        sys_platform: "linux",
        system: "Linux",
        machine: "aarch64",
    },
    Platform {
        name: "macos-arm64",
        os_name: "posix",
        sys_platform: "darwin",
        system: "Darwin",
        machine: "arm64",
    },
    Platform {
        name: "macos-x86_64",
        os_name: "posix",
        sys_platform: "darwin",
        system: "Darwin",
        machine: "x86_64",
    },
    Platform {
        name: "windows-x86_64",
        os_name: "nt",
        sys_platform: "win32",
        system: "Windows",
        machine: "AMD64",
    },
];

impl Environment {
    /// An environment with these values; what the map does not hold is unknown.
    #[must_use]
    pub const fn new(markers: BTreeMap<MarkerVariable, Fact<Text>>, libc: Option<Libc>) -> Self {
        Self { markers, libc }
    }

    /// An environment of which nothing is known.
    #[must_use]
    pub const fn unknown() -> Self {
        Self { markers: BTreeMap::new(), libc: None }
    }

    /// CPython of a version (`3.11` or `3.11.7`) on one of [`Environment::platforms`]; either may be left out. Of `3.11` alone
    /// a marker that asks for the patch version is undecided only where patch versions differ in it.
    ///
    /// # Errors
    /// A sentence, where the version is none or the platform is not known.
    pub fn named(python: Option<&str>, platform: Option<&str>) -> Result<Self, String> {
        let mut markers = BTreeMap::new();
        let mut libc = None;
        let mut tell = |variable, value: &str, option: &str| {
            let evidence = envdiff_model::Evidence::new("command line", option);
            markers.insert(variable, Fact::known(Text::from(value), evidence));
        };
        if let Some(python) = python {
            let option = format!("--python-version {python}");
            let parts: Vec<&str> = python.split('.').collect();
            let release = Version::parse(python).ok().filter(|_| matches!(parts.len(), 2 | 3));
            let (Some(_), [major, minor, ..]) = (release, parts.as_slice()) else {
                return Err(format!("{python:?} is no version of Python such as 3.11 or 3.11.7"));
            };
            tell(MarkerVariable::PythonVersion, &format!("{major}.{minor}"), &option);
            if parts.len() == 3 {
                tell(MarkerVariable::PythonFullVersion, python, &option);
                tell(MarkerVariable::ImplementationVersion, python, &option);
            }
            tell(MarkerVariable::ImplementationName, "cpython", &option);
            tell(MarkerVariable::PlatformPythonImplementation, "CPython", &option);
        }
        if let Some(platform) = platform {
            let option = format!("--platform {platform}");
            let wanted = if platform == "windows-amd64" { "windows-x86_64" } else { platform };
            let Some(found) = PLATFORMS.iter().find(|known| known.name == wanted) else {
                let known: Vec<&str> = Self::platforms().collect();
                return Err(format!("{platform:?} is none of the platforms {}", known.join(", ")));
            };
            tell(MarkerVariable::OsName, found.os_name, &option);
            tell(MarkerVariable::SysPlatform, found.sys_platform, &option);
            tell(MarkerVariable::PlatformSystem, found.system, &option);
            tell(MarkerVariable::PlatformMachine, found.machine, &option);
            if found.sys_platform == "linux" {
                // The newest that any wheel asks for so far is below; what wheels there are is asked, not which fits best.
                libc = Some(Libc::Glibc(2, 99));
            }
        }
        Ok(Self { markers, libc })
    }

    /// The names that `--platform` takes.
    pub fn platforms() -> impl Iterator<Item = &'static str> {
        PLATFORMS.iter().map(|platform| platform.name)
    }

    /// The variables with their values.
    #[must_use]
    pub const fn markers(&self) -> &BTreeMap<MarkerVariable, Fact<Text>> {
        &self.markers
    }

    pub(crate) fn value(&self, variable: MarkerVariable) -> Option<&str> {
        self.markers.get(&variable).and_then(Fact::value).and_then(Text::as_str)
    }

    /// `3.11.7`, or `3.11` where no more is known.
    pub(crate) fn python(&self) -> Option<&str> {
        self.value(MarkerVariable::PythonFullVersion).or_else(|| self.value(MarkerVariable::PythonVersion))
    }

    /// A clause about the Python that is there.
    pub(crate) fn python_told(&self) -> String {
        self.python().map_or_else(|| "an unknown Python".to_owned(), |python| format!("Python {python}"))
    }

    pub(crate) const fn libc(&self) -> Option<Libc> {
        self.libc
    }

    fn reason(&self, because: &[Variable]) -> Text {
        let parts = because.iter().map(|variable| {
            let known = match variable {
                Variable::Environment(variable) => self.markers.get(variable),
                _ => None,
            };
            match known.and_then(Fact::reason) {
                Some(reason) => say!(variable.as_str(), " is not known: ", reason),
                None => say!(variable.as_str(), " is not known"),
            }
        });
        Text::join(parts, ", ")
    }

    fn evaluate(&self, marker: &Marker, asked: &Asked<'_>, full: Option<&str>) -> Holds {
        let truth = marker.evaluate(&|variable| match variable {
            Variable::Environment(variable @ MarkerVariable::PythonFullVersion) => {
                self.value(variable).or(full).map_or(Value::Unknown, Value::from)
            }
            Variable::Environment(variable @ MarkerVariable::ImplementationVersion)
                if self.value(variable).is_none()
                    && self.value(MarkerVariable::ImplementationName) == Some("cpython") =>
            {
                full.map_or(Value::Unknown, Value::from)
            }
            Variable::Environment(variable) => self.value(variable).map_or(Value::Unknown, Value::from),
            Variable::Extra => match asked {
                Asked::Nothing | Asked::Lists { .. } => Value::from(""),
                Asked::Extras(extras) => Value::Set(extras.to_vec()),
            },
            Variable::Extras => match asked {
                Asked::Lists { extras, .. } => Value::Set(extras.to_vec()),
                _ => Value::Absent,
            },
            Variable::DependencyGroups => match asked {
                Asked::Lists { groups, .. } => Value::Set(groups.to_vec()),
                _ => Value::Absent,
            },
        });
        match truth {
            Truth::True => Holds::Yes,
            Truth::False => Holds::No,
            Truth::Unknown { because } => Holds::Unknown(self.reason(&because)),
            Truth::Undefined(undefined) => Holds::Unknown(undefined.to_string().into()),
        }
    }

    /// What a marker says here. Where of Python only `X.Y` is known it is asked for every patch version that it could tell
    /// apart, and undecided only where the answers differ.
    pub(crate) fn holds(&self, marker: &Marker, asked: &Asked<'_>) -> Holds {
        let first = self.evaluate(marker, asked, None);
        if !matches!(first, Holds::Unknown(_)) || self.value(MarkerVariable::PythonFullVersion).is_some() {
            return first;
        }
        let Some(minor) = self.value(MarkerVariable::PythonVersion) else { return first };
        let literals = marker.comparisons().into_iter().flat_map(|comparison| {
            [&comparison.left, &comparison.right].into_iter().filter_map(|operand| match operand {
                Operand::Text(text) => Some(text.as_str()),
                Operand::Variable(_) => None,
            })
        });
        let mut told: Option<Holds> = None;
        for patch in patches(minor, literals) {
            let here = self.evaluate(marker, asked, Some(&format!("{minor}.{patch}")));
            match &told {
                Some(before) if *before != here => return first,
                Some(_) => {}
                None => told = Some(here),
            }
        }
        told.unwrap_or(first)
    }

    /// Whether this is the platform of a tag as PDM writes it: `manylinux_2_17_x86_64`, `macos_14_0_arm64`, `windows_amd64`. A C
    /// library or system that is older than the tag's is no reason to say no: files decide that.
    pub(crate) fn is_platform(&self, tag: &str) -> Holds {
        let (system, known) = match tag.split('_').next().unwrap_or("") {
            "" => return Holds::Yes,
            word if word.starts_with("manylinux") || word.starts_with("musllinux") || word == "linux" => {
                ("linux", true)
            }
            "macos" | "macosx" => ("darwin", true),
            "windows" | "win" => ("win32", true),
            _ => ("", false),
        };
        let (Some(here), Some(machine)) =
            (self.value(MarkerVariable::SysPlatform), self.value(MarkerVariable::PlatformMachine))
        else {
            return Holds::Unknown("the platform is not known".into());
        };
        if !known {
            return Holds::Unknown(say!("the platform ", tag, " is not known"));
        }
        let is_machine = tag.to_ascii_lowercase().ends_with(&machine.to_ascii_lowercase());
        if here == system && (is_machine || !tag.contains('_')) { Holds::Yes } else { Holds::No }
    }

    /// Whether a range of Python versions (`>=3.9,<3.13`) holds this Python.
    pub(crate) fn python_in(&self, range: &SpecifierSet) -> Holds {
        let within = |python: &str| {
            range.contains_with(python.trim_end_matches('+'), envdiff_packaging::Prereleases::Allowed)
        };
        if let Some(full) = self.value(MarkerVariable::PythonFullVersion) {
            return if within(full) { Holds::Yes } else { Holds::No };
        }
        let Some(minor) = self.value(MarkerVariable::PythonVersion) else {
            return Holds::Unknown("the version of Python is not known".into());
        };
        let texts: Vec<String> = range.specifiers().iter().map(ToString::to_string).collect();
        let literals = texts.iter().map(|text| text.trim_start_matches(['<', '>', '=', '!', '~', ' ']));
        let answers: Vec<bool> =
            patches(minor, literals).iter().map(|patch| within(&format!("{minor}.{patch}"))).collect();
        match (answers.iter().all(|is| *is), answers.iter().any(|is| *is)) {
            (true, _) => Holds::Yes,
            (false, false) => Holds::No,
            (false, true) => {
                Holds::Unknown(say!("of Python only ", minor, " is known, and patch versions differ"))
            }
        }
    }
}

/// The patch versions of `minor` that texts can tell apart: the first, one beyond all, and those beside each that is named.
fn patches<'a>(minor: &str, literals: impl Iterator<Item = &'a str>) -> Vec<u32> {
    const BEYOND: u32 = 99_999;
    let mut out = vec![0, BEYOND];
    for literal in literals {
        for word in literal.split([',', ' ', '|']) {
            let patch = word.strip_prefix(minor).and_then(|rest| rest.strip_prefix('.')).map(|rest| {
                rest.bytes()
                    .take_while(u8::is_ascii_digit)
                    .take(5)
                    .fold(0, |n, b| n * 10 + u32::from(b - b'0'))
            });
            if let Some(patch) = patch {
                out.extend([patch.saturating_sub(1), patch, patch + 1]);
            }
        }
    }
    out.sort_unstable();
    out.dedup();
    out
}

/// What extras and groups are asked for, as a format's markers name them.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asked<'a> {
    /// `extra` is the empty text.
    Nothing,
    /// `extra` is a set, as uv and Poetry write it.
    Extras(&'a [Name]),
    /// `extras` and `dependency_groups` are sets, as PEP 751 has them.
    Lists { extras: &'a [Name], groups: &'a [Name] },
}

/// Markers by their text: each is evaluated once for an environment, unless it hangs on what is asked for.
pub(crate) struct Markers<'e> {
    environment: &'e Environment,
    told: RefCell<HashMap<String, Holds>>,
}

impl<'e> Markers<'e> {
    pub(crate) fn of(environment: &'e Environment) -> Self {
        Self { environment, told: RefCell::default() }
    }

    /// What a marker's text says.
    pub(crate) fn holds(&self, marker: &str, asked: &Asked<'_>) -> Holds {
        let is_of_extras = marker.contains("extra") || marker.contains("dependency_groups");
        if !is_of_extras && let Some(told) = self.told.borrow().get(marker) {
            return told.clone();
        }
        let holds = match Marker::parse(marker) {
            Ok(marker) => self.environment.holds(&marker, asked),
            Err(error) => Holds::Unknown(say!("its marker cannot be read: ", error.to_string())),
        };
        if !is_of_extras {
            self.told.borrow_mut().insert(marker.to_owned(), holds.clone());
        }
        holds
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_minor_version_decides_what_patch_versions_agree_on() {
        let environment = Environment::named(Some("3.11"), Some("linux-x86_64")).unwrap();
        let holds = |marker: &str| environment.holds(&Marker::parse(marker).unwrap(), &Asked::Nothing);
        for (marker, wanted) in [
            ("python_full_version >= '3.10'", Some(true)),
            ("python_full_version < '3.11'", Some(false)),
            ("python_full_version < '3.11.4'", None),
            ("python_full_version == '3.11.*'", Some(true)),
            ("python_full_version != '3.11.3'", None),
            ("python_full_version < '3.11.4' and sys_platform == 'win32'", Some(false)),
            ("python_version == '3.11' and platform_machine == 'x86_64'", Some(true)),
            ("platform_release > '5'", None),
        ] {
            let told = match holds(marker) {
                Holds::Yes => Some(true),
                Holds::No => Some(false),
                Holds::Unknown(_) => None,
            };
            assert_eq!(told, wanted, "{marker}");
        }
        let range = |text: &str| environment.python_in(&SpecifierSet::parse(text).unwrap());
        assert_eq!(range(">=3.9,<3.13"), Holds::Yes);
        assert_eq!(range(">=3.12"), Holds::No);
        assert!(matches!(range(">=3.11.4"), Holds::Unknown(_)));
    }

    #[test]
    fn words_that_name_no_environment() {
        for (python, platform) in
            [("3", "linux-x86_64"), ("x", "linux-x86_64"), ("3.11.7.1", "linux-x86_64"), ("3.11", "beos-ppc")]
        {
            assert!(Environment::named(Some(python), Some(platform)).is_err(), "{python} {platform}");
        }
    }
}
