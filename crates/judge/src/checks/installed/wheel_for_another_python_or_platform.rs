//! The tags of installed wheels come in; a finding for each wheel of which no tag fits the image's Python and machine comes
//! out: an error where the package is known not to import then.

use envdiff_model::{Environment, Evidence, MarkerVariable, Severity, Text, say};

use crate::case::{Case, Spoken, seen};
use crate::installed::Copy;
use crate::wording;

/// Packages whose import fails without their compiled part; others have a slower one in Python, or need it here and there.
/// Tried: wheels for Python 3.10 under 3.11.
const NEED_THEIRS: &[&str] = &[
    "lxml",
    "numpy",
    "pandas",
    "pillow",
    "pydantic-core",
    "regex",
    "scikit-learn",
    "scipy",
    "sentencepiece",
    "tokenizers",
    "torch",
];

/// Machines as wheels name them.
const MACHINES: &[&str] = &["aarch64", "armv7l", "i686", "ppc64le", "riscv64", "s390x", "x86_64"];

/// What the image offers.
struct Offer<'a> {
    /// 11 of 3.11.
    minor: Option<u32>,
    /// `x86_64`
    machine: Option<&'a str>,
    linux: bool,
}

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(offer) = offer(case.environment) else { return Vec::new() };
    case.installed
        .all()
        .filter_map(|(name, _, copy)| {
            let tags = copy.distribution.tags.as_ref().filter(|tags| !tags.is_empty())?;
            let fits = tags.iter().map(|tag| fits(tag, &offer)).collect::<Vec<_>>();
            if fits.contains(&Fit::Yes) {
                return None;
            }
            let only_python = fits.contains(&Fit::Python);
            Some(speak(case, name.as_str(), copy, tags, only_python))
        })
        .collect()
}

fn offer(environment: &Environment) -> Option<Offer<'_>> {
    let interpreter = environment.interpreter.value()?;
    // Of others than CPython the tags are not judged.
    if interpreter.implementation.as_str() != Some("cpython") {
        return None;
    }
    let marker =
        |variable| environment.markers.get(&variable).and_then(|fact| fact.value()).and_then(Text::as_str);
    let version = environment.python.value().and_then(Text::as_str);
    Some(Offer {
        minor: version.and_then(|v| v.strip_prefix("3.")).and_then(|v| v.split('.').next()?.parse().ok()),
        machine: marker(MarkerVariable::PlatformMachine).filter(|machine| MACHINES.contains(machine)),
        linux: marker(MarkerVariable::SysPlatform) == Some("linux"),
    })
}

/// Whether a tag fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// It does, or that cannot be told.
    Yes,
    /// The machine does, and Python does not.
    Python,
    /// The machine does not.
    Platform,
}

/// A tag as WHEEL writes it: `cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64`.
fn fits(tag: &Text, offer: &Offer<'_>) -> Fit {
    let parts: Vec<&str> = tag.as_str().map(|tag| tag.split('-').collect()).unwrap_or_default();
    let [python, abi, platform] = parts.as_slice() else { return Fit::Yes };
    if !platform.split('.').any(|platform| platform_fits(platform, offer)) {
        return Fit::Platform;
    }
    let pairs = || python.split('.').flat_map(|python| abi.split('.').map(move |abi| (python, abi)));
    if pairs().any(|(python, abi)| python_fits(python, abi, offer)) { Fit::Yes } else { Fit::Python }
}

fn platform_fits(platform: &str, offer: &Offer<'_>) -> bool {
    if platform == "any" {
        return true;
    }
    if offer.linux && (platform.starts_with("win") || platform.starts_with("macosx")) {
        return false;
    }
    let is_of = |machine: &&&str| platform.strip_suffix(**machine).is_some_and(|rest| rest.ends_with('_'));
    match (MACHINES.iter().find(is_of), offer.machine) {
        (Some(machine), Some(offered)) => *machine == offered,
        _ => true,
    }
}

fn python_fits(python: &str, abi: &str, offer: &Offer<'_>) -> bool {
    let minor = |tag: &str| {
        let digits = tag.strip_prefix("cp3")?;
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        digits.get(..end)?.parse::<u32>().ok()
    };
    let Some(offered) = offer.minor else { return true };
    match (abi, minor(python), minor(abi)) {
        // Nothing in it is bound to a minor, whatever its name says.
        ("none", _, _) => true,
        ("abi3", Some(lowest), _) => lowest <= offered,
        (_, Some(_), Some(built)) => built == offered,
        _ => true,
    }
}

fn speak(case: &Case<'_>, name: &str, copy: &Copy<'_>, tags: &[Text], only_python: bool) -> Spoken {
    let version = copy.distribution.version.clone().unwrap_or_default();
    let environment = case.environment;
    let (found, breaks): (Text, &str) = if only_python {
        let python = environment.python.value().cloned().unwrap_or_default();
        (
            say!("the image runs Python ", python),
            "its compiled modules have another Python in their names, so that the import does not find them: ModuleNotFoundError",
        )
    } else {
        let marker = environment.markers.get(&MarkerVariable::PlatformMachine);
        let machine = marker.and_then(|fact| fact.value()).cloned().unwrap_or_default();
        (
            say!("the image is for Linux on ", machine),
            "its compiled modules are for another processor or system, and are not found or cannot be loaded",
        )
    };
    let severity = if NEED_THEIRS.contains(&name) { Severity::Error } else { Severity::Warning };
    let rest = if severity == Severity::Error { "" } else { "; where it can do without them, it is slower" };
    let shown = wording::list(tags);
    let wheel = Evidence::new(say!(copy.distribution.metadata, "/WHEEL"), say!("Tag: ", shown));
    Spoken::new(name, say!(name, " ", version, " is a wheel for ", shown, ", ", found))
        .severity(severity)
        .seen([wheel, seen(copy.distribution)])
        .why(say!(breaks, rest))
        .fix(say!(
            "install it anew in the image: `",
            wording::pip(case),
            " install --force-reinstall --no-deps ",
            name,
            "==",
            version,
            "`"
        ))
}

#[cfg(test)]
mod tests {
    use super::{Fit, Offer, fits};

    #[test]
    fn tags_and_what_the_image_offers() {
        let offer = Offer { minor: Some(11), machine: Some("x86_64"), linux: true };
        for (tag, fit) in [
            ("cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64", Fit::Yes),
            ("cp311-cp311-linux_x86_64", Fit::Yes),
            ("cp310-cp310-manylinux_2_17_x86_64", Fit::Python),
            ("cp312-cp312-manylinux_2_17_x86_64", Fit::Python),
            ("cp37-cp37m-manylinux1_x86_64", Fit::Python),
            ("cp37-abi3-manylinux_2_28_x86_64", Fit::Yes),
            ("cp312-abi3-manylinux_2_28_x86_64", Fit::Python),
            ("cp36.cp37-abi3-manylinux1_x86_64", Fit::Yes),
            ("cp310-none-any", Fit::Yes),
            ("cp310-none-manylinux1_x86_64", Fit::Yes),
            ("py3-none-any", Fit::Yes),
            ("py2.py3-none-any", Fit::Yes),
            ("py3-none-manylinux2014_x86_64", Fit::Yes),
            ("py3-none-manylinux2014_aarch64", Fit::Platform),
            ("cp311-cp311-musllinux_1_1_x86_64", Fit::Yes),
            ("cp311-cp311-macosx_11_0_arm64", Fit::Platform),
            ("cp311-cp311-win_amd64", Fit::Platform),
            ("cp310-cp310-manylinux2014_aarch64", Fit::Platform),
            ("pp39-pypy39_pp73-manylinux1_x86_64", Fit::Yes),
            ("cp311-cp311t-manylinux_2_28_x86_64", Fit::Yes),
            ("odd", Fit::Yes),
        ] {
            assert_eq!(fits(&tag.into(), &offer), fit, "{tag}");
        }
        let nothing = Offer { minor: None, machine: None, linux: false };
        assert_eq!(fits(&"cp310-cp310-manylinux2014_aarch64".into(), &nothing), Fit::Yes);
    }
}
