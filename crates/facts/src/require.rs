//! The environment of an image comes in; the requirements that the legacy NVIDIA hook finds in it, and whether a host
//! meets them, come out.
//!
//! The rules are those of `libnvidia-container` (`src/cli/dsl.c`, `configure.c`), which evaluates lazily from left to
//! right, and of `nvidia-container-toolkit` (`internal/config/image/cuda_image.go`), which collects. A blank is OR, a
//! comma is AND. Hosts that hand out GPUs by CDI evaluate nothing of this.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

use crate::{Capability, CudaVersion, DriverVersion};

/// More requirements than this end the hook with "too many requirements".
pub const MAX_REQUIREMENTS: usize = 32;

/// A false factor is printed into a buffer of this many bytes, the last of which ends it; one that does not fit is
/// taken for a syntax error.
const PRINTED_MAX: usize = 128;

/// What the hook finds in an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Collected<'a> {
    /// `NVIDIA_DISABLE_REQUIRE` is true: nothing is checked.
    Disabled,
    /// Every requirement with the variable it comes from. All of them must hold.
    Requirements(Vec<(&'a str, Cow<'a, str>)>),
    /// `CUDA_VERSION` stands for a requirement and cannot be read: the hook ends with "failed to get requirements".
    UnreadableCudaVersion(&'a str),
}

/// The requirements of a container's environment; of a name that is set twice the last value counts.
#[must_use]
pub fn collect<'a>(environment: impl IntoIterator<Item = (&'a str, &'a str)>) -> Collected<'a> {
    let mut disabled = false;
    let mut cuda_version = "";
    let mut found: Vec<(&str, Cow<'_, str>)> = Vec::new();
    for (name, value) in environment {
        match name {
            "NVIDIA_DISABLE_REQUIRE" => disabled = go_boolean(value) == Some(true),
            "CUDA_VERSION" => cuda_version = value,
            _ if name.starts_with("NVIDIA_REQUIRE_") && !name.starts_with("NVIDIA_REQUIRE_JETPACK") => {
                found.retain(|(earlier, _)| *earlier != name);
                found.push((name, Cow::Borrowed(value)));
            }
            _ => {}
        }
    }
    if disabled {
        return Collected::Disabled;
    }
    let names_cuda = found.iter().any(|(name, value)| *name == "NVIDIA_REQUIRE_CUDA" && !value.is_empty());
    if !cuda_version.is_empty() && !names_cuda {
        match major_minor(cuda_version) {
            Some(minor) => found.insert(0, ("CUDA_VERSION", Cow::Owned(format!("cuda>={minor}")))),
            None => return Collected::UnreadableCudaVersion(cuda_version),
        }
    }
    Collected::Requirements(found)
}

/// A boolean as Go's `strconv.ParseBool` reads it; what is none (`yes`, `on`, nothing) counts as false for the hook.
#[must_use]
pub fn go_boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// `MAJOR.MINOR` of a version as Go's `semver` reads it once it has a `v`.
fn major_minor(version: &str) -> Option<String> {
    let version = version.strip_prefix('v').unwrap_or(version);
    let is_number = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|b| b.is_ascii_digit())
            && (text == "0" || !text.starts_with('0'))
    };
    let (release, build) = version.split_once('+').map_or((version, None), |(r, b)| (r, Some(b)));
    let (release, pre) = release.split_once('-').map_or((release, None), |(r, p)| (r, Some(p)));
    let parts: Vec<&str> = release.split('.').collect();
    let are_labels = |text: &str, strict: bool| {
        text.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && (!strict || !label.bytes().all(|b| b.is_ascii_digit()) || is_number(label))
        })
    };
    let is_valid = parts.len() <= 3
        && parts.iter().all(|part| is_number(part))
        && (parts.len() == 3 || (pre.is_none() && build.is_none()))
        && pre.is_none_or(|text| are_labels(text, true))
        && build.is_none_or(|text| are_labels(text, false));
    let mut numbers = parts.into_iter();
    let (major, minor) = (numbers.next()?, numbers.next().unwrap_or("0"));
    let fits = major.parse::<u32>().is_ok() && minor.parse::<u32>().is_ok();
    (is_valid && fits).then(|| format!("{major}.{minor}"))
}

/// What a factor asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Property {
    /// The CUDA of the host's own driver, never that of a compat library in the image.
    Cuda,
    /// The host's driver.
    Driver,
    /// The capability of the GPU.
    Arch,
    /// The brand of the GPU.
    Brand,
}

impl Property {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cuda => "cuda",
            Self::Driver => "driver",
            Self::Arch => "arch",
            Self::Brand => "brand",
        }
    }
}

/// How a factor compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=`, and `!` alone
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
}

impl Operator {
    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "=" => Self::Equal,
            // The tool compares as many characters as are written, and `!` begins nothing else.
            "!=" | "!" => Self::NotEqual,
            "<" => Self::Less,
            "<=" => Self::LessEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterEqual,
            _ => return None,
        })
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
        }
    }

    const fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterEqual => ordering.is_ge(),
        }
    }
}

/// Why a factor is a syntax error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// Nothing stands before the operator.
    NoName,
    /// It has no operator.
    NoOperator,
    /// Its operator is none: `==`, `=>`.
    UnknownOperator,
    /// Nothing stands behind the operator.
    NoValue,
    /// It asks about something else than cuda, driver, arch and brand.
    UnknownName,
    /// Its value is no version.
    NotAVersion,
    /// Brands have no order.
    NoOrder,
    /// It is false and too long to be printed.
    TooLong,
}

/// A factor that can be evaluated: `driver>=535`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition<'a> {
    /// What it asks about.
    pub property: Property,
    /// How it compares.
    pub operator: Operator,
    /// What it compares with.
    pub value: &'a str,
    /// The length of its name, operator and value as the tool prints them.
    printed: usize,
    /// Why its value is a syntax error wherever the host has one to compare it with.
    fault: Option<Malformed>,
}

/// What stands between two commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor<'a> {
    /// Where it stands in the value, in bytes.
    pub span: Range<usize>,
    /// What it says.
    pub read: Result<Condition<'a>, Malformed>,
}

impl Factor<'_> {
    /// Why it is a syntax error, if it is reached on a host that has the property it asks about.
    #[must_use]
    pub fn fault(&self) -> Option<Malformed> {
        match &self.read {
            Ok(condition) => condition.fault,
            Err(fault) => Some(*fault),
        }
    }
}

/// What stands between two blanks: all its factors must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternative<'a> {
    /// Where it stands in the value, in bytes.
    pub span: Range<usize>,
    /// Its factors; none where it is made of commas alone, which ends the evaluation.
    pub factors: Vec<Factor<'a>>,
}

/// The value of one `NVIDIA_REQUIRE_*`: one of its alternatives must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement<'a> {
    /// The value.
    pub text: &'a str,
    /// Its alternatives, empty ones left out.
    pub alternatives: Vec<Alternative<'a>>,
}

/// What is known of one property of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told<T> {
    /// It is this.
    Is(T),
    /// The hook itself has no value (no GPU is visible, an old driver): it takes every condition on it for true.
    Assumed,
    /// The hook has a value, and it is not known here.
    Unknown,
}

/// A host, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host<'a> {
    /// The CUDA of its driver.
    pub cuda: Told<CudaVersion>,
    /// Its driver.
    pub driver: Told<DriverVersion>,
    /// The capability of the GPU. Each visible GPU is asked in turn, and all must pass.
    pub arch: Told<Capability>,
    /// The brand of the GPU.
    pub brand: Told<&'a str>,
}

impl Host<'_> {
    /// A host of which nothing is known.
    pub const UNKNOWN: Self =
        Self { cuda: Told::Unknown, driver: Told::Unknown, arch: Told::Unknown, brand: Told::Unknown };
}

/// Whether a host meets a requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It does.
    Satisfied,
    /// It does not, or may end at a syntax error instead: the hook refuses it in any case.
    Unsatisfied {
        /// The last factor that was false.
        factor: Range<usize>,
    },
    /// It depends on what is not known of the host.
    Unknown {
        /// Every property that would have been asked, in their order.
        missing: Vec<Property>,
    },
    /// The evaluation ends at a syntax error: "invalid expression".
    Malformed {
        /// Where.
        factor: Range<usize>,
        /// Why.
        why: Malformed,
    },
}

/// Reads the value of a requirement. Every text is one; what is wrong in it stands in its factors.
#[must_use]
pub fn parse(text: &str) -> Requirement<'_> {
    let alternatives = pieces(text, 0, ' ')
        .map(|(start, piece)| Alternative {
            span: start..start + piece.len(),
            factors: pieces(piece, start, ',')
                .map(|(start, piece)| Factor { span: start..start + piece.len(), read: condition(piece) })
                .collect(),
        })
        .collect();
    Requirement { text, alternatives }
}

/// The pieces of a text that are not empty, with their places; the text itself stands at `base`.
fn pieces(text: &str, base: usize, separator: char) -> impl Iterator<Item = (usize, &str)> {
    let mut next = base;
    text.split(separator)
        .map(move |piece| {
            let start = next;
            next = start + piece.len() + separator.len_utf8();
            (start, piece)
        })
        .filter(|(_, piece)| !piece.is_empty())
}

fn condition(text: &str) -> Result<Condition<'_>, Malformed> {
    let is_sign = |c: char| matches!(c, '<' | '>' | '=' | '!');
    let signs = text.find(is_sign).ok_or(Malformed::NoOperator)?;
    let (name, rest) = text.split_at_checked(signs).ok_or(Malformed::NoOperator)?;
    if name.is_empty() {
        return Err(Malformed::NoName);
    }
    let value = rest.trim_start_matches(is_sign);
    let operator = rest.strip_suffix(value).and_then(Operator::read).ok_or(Malformed::UnknownOperator)?;
    if value.is_empty() {
        return Err(Malformed::NoValue);
    }
    let property = [Property::Cuda, Property::Driver, Property::Arch, Property::Brand]
        .into_iter()
        .find(|property| property.as_str().eq_ignore_ascii_case(name))
        .ok_or(Malformed::UnknownName)?;
    let fault = match (property, operator) {
        (Property::Brand, Operator::Equal | Operator::NotEqual) => None,
        (Property::Brand, _) => Some(Malformed::NoOrder),
        // Any version shows what no version can be compared with.
        _ => compare("0", value).is_none().then_some(Malformed::NotAVersion),
    };
    let printed = name.len() + 1 + operator.as_str().len() + 1 + value.len();
    Ok(Condition { property, operator, value, printed, fault })
}

/// Compares as `dsl_compare_version` does: number by number, runs of dots as one; where one side ends, what is left of
/// the other counts unless it is zeros. `None` where the tool finds a syntax error.
fn compare(left: &str, right: &str) -> Option<Ordering> {
    if ![left, right].iter().all(|text| text.bytes().all(|b| b.is_ascii_digit() || b == b'.')) {
        return None;
    }
    let (mut left, mut right) = (left, right);
    while !left.is_empty() && !right.is_empty() {
        let ((a, rest_left), (b, rest_right)) = (leading_number(left)?, leading_number(right)?);
        if a != b {
            return Some(a.cmp(&b));
        }
        (left, right) = (rest_left, rest_right);
    }
    let is_nothing = |text: &str| text.trim_start_matches(['.', '0']).is_empty();
    Some(is_nothing(right).cmp(&is_nothing(left)))
}

/// The number in front of a text, and what follows its dots. A number that fills 64 bits is refused by the tool.
fn leading_number(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at_checked(digits)?;
    let number = number.parse().ok().filter(|number| *number != u64::MAX)?;
    Some((number, rest.trim_start_matches('.')))
}

/// What may come of a factor, or of an evaluation.
#[derive(Default)]
struct Possible {
    holds: bool,
    fails: bool,
    malformed: Option<Malformed>,
}

impl Condition<'_> {
    fn possible(&self, host: &Host<'_>) -> Possible {
        match self.property {
            Property::Cuda => self.version(host.cuda),
            Property::Driver => self.version(host.driver),
            Property::Arch => self.version(host.arch),
            Property::Brand => self.told(host.brand, |brand| {
                let same =
                    if brand.eq_ignore_ascii_case(self.value) { Ordering::Equal } else { Ordering::Less };
                self.fault.is_none().then(|| self.operator.holds(same)).ok_or(Malformed::NoOrder)
            }),
        }
    }

    fn version(&self, told: Told<impl std::fmt::Display>) -> Possible {
        self.told(told, |version| {
            let ordering = compare(&version.to_string(), self.value).ok_or(Malformed::NotAVersion)?;
            Ok(self.operator.holds(ordering))
        })
    }

    fn told<T>(&self, told: Told<T>, test: impl Fn(&T) -> Result<bool, Malformed>) -> Possible {
        let too_long = (self.printed >= PRINTED_MAX).then_some(Malformed::TooLong);
        let (holds, fails) = match told {
            Told::Assumed => (true, false),
            Told::Is(value) => match test(&value) {
                Ok(holds) => (holds, !holds),
                Err(fault) => return Possible { malformed: Some(fault), ..Possible::default() },
            },
            Told::Unknown if self.fault.is_some() => {
                return Possible { malformed: self.fault, ..Possible::default() };
            }
            Told::Unknown => (true, true),
        };
        Possible { holds, fails: fails && too_long.is_none(), malformed: too_long.filter(|_| fails) }
    }

    const fn is_unknown(&self, host: &Host<'_>) -> bool {
        match self.property {
            Property::Cuda => matches!(host.cuda, Told::Unknown),
            Property::Driver => matches!(host.driver, Told::Unknown),
            Property::Arch => matches!(host.arch, Told::Unknown),
            Property::Brand => matches!(host.brand, Told::Unknown),
        }
    }
}

impl<'a> Requirement<'a> {
    /// What the hook's message names when the requirement is not met: the text before the first blank, whatever failed.
    #[must_use]
    pub fn named_in_message(&self) -> &'a str {
        self.text.split(' ').next().unwrap_or("")
    }

    /// Every factor that is a syntax error where it is reached.
    pub fn faults(&self) -> impl Iterator<Item = (&Range<usize>, Malformed)> {
        let factors = self.alternatives.iter().flat_map(|alternative| &alternative.factors);
        factors.filter_map(|factor| Some((&factor.span, factor.fault()?)))
    }

    /// Whether a host meets it. Evaluation is lazy, so that text that is never reached is never a syntax error; over an
    /// unknown property both ways are followed, and where both end alike the outcome is known.
    #[must_use]
    pub fn evaluate(&self, host: &Host<'_>) -> Outcome {
        let mut satisfied = false;
        let mut malformed: Option<(&Range<usize>, Malformed)> = None;
        let mut false_factor: Option<&Range<usize>> = None;
        let mut missing: Vec<Property> = Vec::new();
        // Whether some way is still open at the alternative at hand, and what an alternative of commas ends it with.
        let mut open = true;
        for alternative in &self.alternatives {
            if alternative.factors.is_empty() {
                break;
            }
            let mut all_hold = true;
            let mut some_fail = false;
            for factor in &alternative.factors {
                let possible = match &factor.read {
                    Ok(condition) => {
                        if condition.is_unknown(host) {
                            missing.push(condition.property);
                        }
                        condition.possible(host)
                    }
                    Err(fault) => Possible { malformed: Some(*fault), ..Possible::default() },
                };
                if let Some(why) = possible.malformed {
                    malformed = malformed.or(Some((&factor.span, why)));
                }
                if possible.fails {
                    some_fail = true;
                    false_factor = Some(&factor.span);
                }
                if !possible.holds {
                    all_hold = false;
                    break;
                }
            }
            satisfied |= all_hold;
            open = some_fail;
            if !open {
                break;
            }
        }
        // What is still open has seen a false factor, or no factor at all: the tool begins with true.
        let unsatisfied = false_factor.filter(|_| open);
        satisfied |= open && false_factor.is_none();
        match (satisfied, unsatisfied, malformed) {
            (true, None, None) => Outcome::Satisfied,
            (false, Some(factor), _) => Outcome::Unsatisfied { factor: factor.clone() },
            (false, None, Some((factor, why))) => Outcome::Malformed { factor: factor.clone(), why },
            (true, _, _) | (false, None, None) => {
                missing.sort();
                missing.dedup();
                Outcome::Unknown { missing }
            }
        }
    }
}
