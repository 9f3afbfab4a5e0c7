//! Texts of versions, compute capabilities and build variants come in; numbers that compare come out.
//!
//! Every reader is total: a text that it does not know is `None`, never a guess. The build script reads the tables
//! with this very file, so that a row and a text from an image mean the same.

use std::fmt;

/// A number as these texts write it: ASCII digits alone (no sign, which `str::parse` would take).
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// A CUDA version up to its minor: 12.1 of 12.1.105.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CudaVersion {
    /// 12 of 12.1.
    pub major: u16,
    /// 1 of 12.1.
    pub minor: u16,
}

impl CudaVersion {
    /// From its two numbers.
    #[must_use]
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// Reads `12.1`, `12.1.105` and what the driver calls `12010`. A major alone (`12`) names no version.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let first = parts.next()?;
        let Some(second) = parts.next() else {
            return (first.len() >= 4).then(|| number(first)).flatten().and_then(Self::from_integer);
        };
        let version = Self { major: number(first)?, minor: number(second)? };
        let rest: Vec<&str> = parts.collect();
        (rest.len() <= 2 && rest.iter().all(|part| number::<u32>(part).is_some())).then_some(version)
    }

    /// From `major * 1000 + minor * 10`, as `cuDriverGetVersion` and torch's messages write it; `None` for a number
    /// that is none of these.
    #[must_use]
    pub fn from_integer(integer: u32) -> Option<Self> {
        let (major, minor) = (integer / 1000, integer % 1000);
        if major == 0 || minor % 10 != 0 {
            return None;
        }
        Some(Self { major: u16::try_from(major).ok()?, minor: u16::try_from(minor / 10).ok()? })
    }
}

impl fmt::Display for CudaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A driver version: 535.104.05. One that has two numbers (580.65) has 0 for the third.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DriverVersion {
    /// 535 of 535.104.05.
    pub branch: u16,
    /// 104 of 535.104.05.
    pub minor: u16,
    /// 5 of 535.104.05.
    pub patch: u16,
}

impl DriverVersion {
    /// From its three numbers.
    #[must_use]
    pub const fn new(branch: u16, minor: u16, patch: u16) -> Self {
        Self { branch, minor, patch }
    }

    /// Reads `535.104.05` and `580.65`. A branch alone (`535`) names no version: it could be older or newer than any
    /// floor inside the branch.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let version = Self {
            branch: number(parts.next()?)?,
            minor: number(parts.next()?)?,
            patch: parts.next().map_or(Some(0), number)?,
        };
        parts.next().is_none().then_some(version)
    }
}

/// As the driver prints it, the third number with two digits.
impl fmt::Display for DriverVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.branch, self.minor)?;
        if self.patch == 0 { Ok(()) } else { write!(f, ".{:02}", self.patch) }
    }
}

/// A compute capability: 8.6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capability {
    /// 8 of 8.6.
    pub major: u8,
    /// 6 of 8.6; one digit, as in `sm_86`.
    pub minor: u8,
}

impl Capability {
    /// From its two numbers.
    #[must_use]
    pub const fn new(major: u8, minor: u8) -> Self {
        Self { major, minor }
    }

    /// Reads `8.6`, `86`, `sm_86` and `compute_86`. What has a suffix (`sm_90a`) is no capability but a [`Target`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some((major, minor)) = text.split_once('.') {
            let capability = Self { major: number(major)?, minor: number(minor)? };
            return (capability.minor <= 9).then_some(capability);
        }
        let target = Target::parse(text)?;
        (target.reach == Reach::Ordinary).then_some(target.capability)
    }

    /// The digits of `86`.
    fn of_code(text: &str) -> Option<Self> {
        let code: u16 = number(text).filter(|_| matches!(text.len(), 2 | 3) && !text.starts_with('0'))?;
        Some(Self { major: u8::try_from(code / 10).ok()?, minor: u8::try_from(code % 10).ok()? })
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// How far code for one capability goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// As the rules of compatibility say.
    Ordinary,
    /// `sm_90a`: its own capability alone.
    ArchSpecific,
    /// `sm_100f`: its own family alone.
    Family,
}

/// What a compiler was told to compile for: `sm_86`, `sm_90a`, `compute_120`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Target {
    /// The capability named.
    pub capability: Capability,
    /// What its suffix says.
    pub reach: Reach,
    /// Whether it is PTX (`compute_90`) and no cubin (`sm_90`).
    pub ptx: bool,
}

impl Target {
    /// Reads `sm_86`, `sm_90a`, `sm_100f`, `compute_90`, and `86`, which means the cubin.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (ptx, code) = match (text.strip_prefix("sm_"), text.strip_prefix("compute_")) {
            (Some(code), _) => (false, code),
            (_, Some(code)) => (true, code),
            (None, None) => (false, text),
        };
        let (reach, digits) = match (code.strip_suffix('a'), code.strip_suffix('f')) {
            (Some(digits), _) => (Reach::ArchSpecific, digits),
            (_, Some(digits)) => (Reach::Family, digits),
            (None, None) => (Reach::Ordinary, code),
        };
        Some(Self { capability: Capability::of_code(digits)?, reach, ptx })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suffix = match self.reach {
            Reach::Ordinary => "",
            Reach::ArchSpecific => "a",
            Reach::Family => "f",
        };
        let kind = if self.ptx { "compute" } else { "sm" };
        write!(f, "{kind}_{}{}{suffix}", self.capability.major, self.capability.minor)
    }
}

/// What a torch wheel is built for, as its local version says: `cu121`, `cpu`, `rocm6.0`, `xpu`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Variant {
    /// `cpu`
    Cpu,
    /// `cu121`
    Cuda(CudaVersion),
    /// `rocm6.2.4`; what is not written is 0.
    Rocm(u16, u16, u16),
    /// `xpu`
    Xpu,
}

impl Variant {
    /// Reads a local version without its plus. More labels behind it (`cu117.with.pypi.cudnn`, `cpu.cxx11.abi`) change
    /// nothing; a label that is not torch's (`nv24.6`, `git1234`, `cu12torch2.3`) is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(version) = text.strip_prefix("rocm") {
            let numbers = Numbers::parse(version)?.0;
            let [major, minor, patch, 0] = numbers else { return None };
            let short = |n| u16::try_from(n).ok();
            return Some(Self::Rocm(short(major)?, short(minor)?, short(patch)?));
        }
        let first = text.split('.').next()?;
        match (first, first.strip_prefix("cu")) {
            ("cpu", _) => Some(Self::Cpu),
            ("xpu", _) => Some(Self::Xpu),
            // The last digit is the minor: cu92, cu102, cu121. Four digits would be two readings.
            (_, Some(digits)) if matches!(digits.len(), 2 | 3) => {
                let code: u16 = number(digits).filter(|code| *code >= 10)?;
                Some(Self::Cuda(CudaVersion::new(code / 10, code % 10)))
            }
            _ => None,
        }
    }

    /// The local version of a version as metadata writes it, read: `cu121` of `2.1.2+cu121`.
    #[must_use]
    pub fn of_version(version: &str) -> Option<Self> {
        Self::parse(version.split_once('+')?.1)
    }

    /// The CUDA of a CUDA build.
    #[must_use]
    pub const fn cuda(self) -> Option<CudaVersion> {
        match self {
            Self::Cuda(version) => Some(version),
            Self::Cpu | Self::Rocm(..) | Self::Xpu => None,
        }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Xpu => f.write_str("xpu"),
            Self::Cuda(CudaVersion { major, minor }) => write!(f, "cu{major}{minor}"),
            Self::Rocm(major, minor, 0) => write!(f, "rocm{major}.{minor}"),
            Self::Rocm(major, minor, patch) => write!(f, "rocm{major}.{minor}.{patch}"),
        }
    }
}

/// The first two numbers of a version: torch 2.1, Python 3.12, glibc 2.28.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minor {
    /// 3 of 3.12.
    pub major: u16,
    /// 12 of 3.12.
    pub minor: u16,
}

impl Minor {
    /// From its two numbers.
    #[must_use]
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// Reads `3.12`, and nothing longer or shorter.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self { major: number(major)?, minor: number(minor)? })
    }

    /// The minor that a longer version is of: 2.4 of `2.4.0a0+f70bd71a48.nv24.6`, 3.12 of `3.12.1`.
    #[must_use]
    pub fn of(version: &str) -> Option<Self> {
        let (major, rest) = version.split_once('.')?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        Some(Self { major: number(major)?, minor: number(rest.get(..digits)?)? })
    }
}

impl fmt::Display for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// One to four dotted numbers, padded with zeros: 9.1.0.70.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Numbers(pub [u32; 4]);

impl Numbers {
    /// Reads dotted numbers and nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = [0; 4];
        let mut places = numbers.iter_mut();
        for part in text.split('.') {
            *places.next()? = number(part)?;
        }
        Some(Self(numbers))
    }

    /// Splits a version as metadata writes it into its numbers and what follows (`.post1`, `rc1`); its local part is
    /// left out.
    #[must_use]
    pub fn split(version: &str) -> Option<(Self, &str)> {
        let public = version.split('+').next()?;
        let end = public.bytes().position(|b| !b.is_ascii_digit() && b != b'.').map_or(public.len(), |end| {
            if public.get(..end).is_some_and(|s| s.ends_with('.')) { end - 1 } else { end }
        });
        let (numbers, rest) = public.split_at_checked(end)?;
        Some((Self::parse(numbers)?, rest))
    }

    /// Its first two.
    #[must_use]
    pub fn minor(self) -> Option<Minor> {
        let [major, minor, ..] = self.0;
        Some(Minor { major: u16::try_from(major).ok()?, minor: u16::try_from(minor).ok()? })
    }
}
