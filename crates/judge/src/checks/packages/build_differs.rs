//! Requirements that are satisfied by a build with a local version come in, and those that a vendor's build satisfies by its
//! release alone; one note each comes out.

use envdiff_model::{Evidence, Name, Verdict, say};
use envdiff_packaging::{Operator, SpecifierSet, Wanted};

use crate::case::{Case, Spoken, Subject, seen};
use crate::vendor;
use crate::wording;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    case.of(Verdict::Satisfied)
        .filter_map(|subject| of_conda(case, subject).or_else(|| speak(subject)))
        .collect()
}

/// A package of conda whose record in the image tells another build of the same version.
fn of_conda(case: &Case<'_>, subject: Subject<'_>) -> Option<Spoken> {
    let origin = &subject.requirement.origin;
    let wanted = origin.build.as_ref()?.as_str()?;
    let package = origin.package.as_ref()?.as_str()?;
    let record = case.installed.conda.get(&Name::new(package))?;
    let build = record.build.as_str().filter(|build| !build.is_empty())?;
    if subject.requirement.version.as_deref() != record.version.as_str() || is_build(wanted, build) {
        return None;
    }
    Some(
        Spoken::new(
            subject.name(),
            say!(package, " ", record.version, " is conda's build ", build, ", the lock has build ", wanted),
        )
        .about(subject.judged)
        .label(say!("image has build ", build))
        .seen([Evidence::new(record.record.clone(), say!("build ", build))])
        .why("builds of one version differ in what they were compiled for and with: a Python, a CUDA, a BLAS")
        .fix(say!(
            "if that build is meant, install it: `",
            package,
            "=",
            record.version,
            "=",
            wanted,
            "`"
        )),
    )
}

/// Whether a build is the one that is asked for, in which a star stands for anything.
fn is_build(wanted: &str, build: &str) -> bool {
    let mut parts = wanted.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = build.strip_prefix(first) else { return false };
    let mut open = false;
    for part in parts {
        open = true;
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    rest.is_empty() || (open && wanted.ends_with('*'))
}

fn speak(subject: Subject<'_>) -> Option<Spoken> {
    let copy = subject.copy?;
    let name = subject.requirement.name.as_ref()?;
    let version = copy.version.as_ref().filter(|version| version.has_local())?;
    let public = version.without_local();
    let set = SpecifierSet::parse(&subject.requirement.specifier).ok()?;
    if let Some(release) = vendor::release(version).filter(|release| set.contains(&release.to_string()))
        && !set.contains(&version.to_string())
    {
        return Some(
            Spoken::new(
                subject.name(),
                say!(
                    name,
                    " ",
                    version.to_string(),
                    " is installed, the lock wants ",
                    wording::wants(subject.requirement),
                    ": the vendor's build of ",
                    release.to_string(),
                    ", compared by its release alone"
                ),
            )
            .about(subject.judged)
            .label("image has a vendor's build")
            .seen([seen(copy.distribution)])
            .why(
                "it calls itself a pre-release, for it was cut from the source before the release was out: what the release fixed \
                 last may be missing in it; an installer that is given the lock would put the index's build in its place",
            )
            .fix("keep it out of what is installed on top of such an image: a constraints file that pins the vendor's version does that"),
        );
    }
    let pins_public = set.specifiers().iter().any(|s| {
        s.operator() == Operator::Equal && matches!(s.wanted(), Wanted::Version(wanted) if *wanted == public)
    });
    if !pins_public {
        return None;
    }
    let local = version.local()?;
    Some(
        Spoken::new(
            subject.name(),
            say!(name, " ", version.to_string(), " is installed, the lock says ", subject.requirement.specifier, ": the same release, build +", local),
        )
        .about(subject.judged)
        .label(say!("image has build +", local))
        .seen([seen(copy.distribution)])
        .why("PEP 440 takes any build for the release; builds differ in what they were compiled for, such as the CUDA version")
        .fix(say!("if this build is meant, pin it: `", name, "==", version.to_string(), "`")),
    )
}
