//! Requirements that are missing come in; one error each where something wants them, for a record one warning for the rest,
//! and one error for all the CUDA wheels that the image's torch does without, come out.

use std::collections::BTreeMap;

use envdiff_model::{
    CudaLibraries, Evidence, Name, PathSource, ReadAs, Severity, Text, Torch, TorchVariant, Verdict, say,
};

use crate::archives;
use crate::case::{Case, Spoken, Subject};
use crate::installed::file_name;
use crate::stack;
use crate::wording;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let mut out = Vec::new();
    let mut unneeded: BTreeMap<usize, Vec<Subject<'_>>> = BTreeMap::new();
    let mut of_torch: BTreeMap<usize, Vec<Subject<'_>>> = BTreeMap::new();
    for subject in case.of(Verdict::Missing) {
        let Some(name) = &subject.requirement.name else { continue };
        let needed =
            case.needs.of_name(name).next().is_some() || archives::imports_of(case, name).next().is_some();
        let allowed = case.policy.allowance("package-missing", &subject.name()).is_some();
        if without(case, name).is_some() && !needed && !allowed && subject.lock.read_as == ReadAs::Demand {
            of_torch.entry(subject.judged.lock).or_default().push(subject);
        } else if subject.lock.read_as == ReadAs::Demand || needed {
            out.push(alone(case, subject, name, Severity::Error));
        } else if allowed {
            // Told by itself, so that the allowance covers it and the common warning does not name it.
            out.push(alone(case, subject, name, Severity::Warning));
        } else {
            unneeded.entry(subject.judged.lock).or_default().push(subject);
        }
    }
    for subjects in unneeded.values() {
        match subjects.as_slice() {
            [] => {}
            [only] => {
                out.extend(only.requirement.name.as_ref().map(|n| alone(case, *only, n, Severity::Warning)))
            }
            [first, ..] => out.push(together(case, first, subjects)),
        }
    }
    for subjects in of_torch.values() {
        match (subjects.as_slice(), stack::torch(case)) {
            ([only], _) => {
                out.extend(only.requirement.name.as_ref().map(|n| alone(case, *only, n, Severity::Error)));
            }
            ([first, ..], Some(torch)) => {
                let why =
                    first.requirement.name.as_ref().and_then(|name| without(case, name)).unwrap_or_default();
                out.push(parts_of_torch(torch, &why, first, subjects));
            }
            _ => {}
        }
    }
    out
}

/// Why the image's torch does without a package that a lock has for its own build of torch (a CUDA wheel, the compiler beside
/// it), a clause; `None` where it takes such, or that cannot be told.
fn without(case: &Case<'_>, name: &Name) -> Option<Text> {
    let torch = stack::torch(case)?;
    let wheel = stack::cuda_wheel(name);
    if wheel.is_none() && !matches!(name.as_str(), "cuda-toolkit" | "cuda-bindings" | "triton") {
        return None;
    }
    match (torch.variant.value()?, torch.libraries) {
        (TorchVariant::Cpu, _) => Some("is a build for the CPU alone and uses no CUDA".into()),
        (TorchVariant::Rocm(_), _) => Some("is a build for AMD's GPUs and uses no CUDA".into()),
        (TorchVariant::Xpu(_), _) => Some("is a build for Intel's GPUs and uses no CUDA".into()),
        (TorchVariant::Cuda(_), Some(CudaLibraries::Bundled)) => {
            Some("brings the libraries of CUDA in torch/lib".into())
        }
        (TorchVariant::Cuda(_), Some(CudaLibraries::System)) => {
            Some("takes the libraries of CUDA from outside Python's packages".into())
        }
        (TorchVariant::Cuda(_), Some(CudaLibraries::Wheels)) => {
            let own = stack::cuda(torch)?.major;
            // From CUDA 13 on most wheels bear no major in their names.
            let of_wheel = wheel?.1.unwrap_or(13);
            (of_wheel != own).then(|| say!("takes the wheels of CUDA ", own))
        }
        (TorchVariant::Cuda(_), None) => None,
    }
}

/// One finding for all of them: one cause, the build of torch.
fn parts_of_torch(torch: &Torch, why: &Text, first: &Subject<'_>, subjects: &[Subject<'_>]) -> Spoken {
    let names: Vec<Text> = subjects.iter().map(Subject::name).collect();
    Spoken::new(
        "torch",
        say!(
            names.len(),
            " packages of ",
            first.lock.path,
            " that go with the lock's build of torch are not installed: the image's torch ",
            torch.version,
            " ",
            why
        ),
    )
    .severity(Severity::Error)
    .about(first.judged)
    .label(say!("this and ", names.len() - 1, " more are not in the image"))
    .seen(torch.variant.evidence().iter().cloned())
    .seen([Evidence::new(first.lock.path.clone(), say!("not installed: ", wording::list(&names)))])
    .why(
        "the lock says that they must be there, so it is not met; nothing that is installed needs them, and the image's torch is \
         imported without them",
    )
    .fix(
        "where this build of torch is meant, make a lock for it (from the index that serves it); else install the lock's build of \
         torch with its packages",
    )
}

fn alone(case: &Case<'_>, subject: Subject<'_>, name: &Name, severity: Severity) -> Spoken {
    let needed: Vec<_> = case.needs.of_name(name).collect();
    let why = match needed.first() {
        Some(edge) => {
            let mut from: Vec<&Name> = needed.iter().map(|edge| edge.from_name).collect();
            from.dedup();
            let extra = edge.extra.map(|extra| say!("[", extra, "]")).unwrap_or_default();
            if from.len() > 1 {
                say!(wording::list(&from), " require it: importing them, or a part of them, ends with ModuleNotFoundError")
            } else {
                let who = edge.from_name;
                say!(who, extra, " requires it: importing ", who, ", or a part of it, ends with ModuleNotFoundError")
            }
        }
        None if subject.lock.read_as == ReadAs::Demand => {
            "the lock says that it must be there; code that imports it ends with ModuleNotFoundError".into()
        }
        None => "training had it and nothing installed here requires it; it is missed only if the model's own code \
                 imports it"
            .into(),
    };
    let imported: Vec<_> = archives::imports_of(case, name).collect();
    let why = match imported.first() {
        Some((load, import)) if needed.is_empty() => say!(
            load.archive,
            " imports ",
            import.module,
            ": what needs it there ends with ModuleNotFoundError"
        ),
        _ => why,
    };
    let imported = imported.into_iter().map(|(load, import)| {
        let path = match &import.at {
            Some(at) => say!(load.file(&at.file), ":", at.line),
            None => load.archive.clone(),
        };
        Evidence::new(path, say!("imports ", import.module))
    });
    let required = needed.iter().filter_map(|edge| {
        let from = case.installed.copy(edge.from)?;
        Some(Evidence::new(from.distribution.metadata.clone(), say!("Requires-Dist: ", edge.need.text)))
    });
    Spoken::new(
        subject.name(),
        say!(name, " is not installed, the lock wants ", wording::wants(subject.requirement)),
    )
    .severity(severity)
    .about(subject.judged)
    .label("not in the image")
    .seen(required)
    .seen(imported)
    .seen(traces(case, name))
    .seen(searched(case))
    .why(why)
    .fix(say!("install it: ", wording::install(case, subject.requirement)))
}

/// What tells that the package was there, or that somebody believes it is.
fn traces(case: &Case<'_>, name: &Name) -> Vec<Evidence> {
    let mut out = Vec::new();
    for copy in
        case.installed.leftovers.get(name).into_iter().flatten().filter_map(|at| case.installed.copy(*at))
    {
        let why = if file_name(&copy.distribution.metadata).starts_with(b"~") {
            "left behind by an interrupted installation; no installer takes it for the package"
        } else {
            "a folder of this name is no installer's, and pip passes over it"
        };
        out.push(Evidence::new(copy.distribution.metadata.clone(), why));
    }
    if let Some(package) = case.installed.conda.get(name) {
        let detail = say!("conda's record of ", package.version, ", without a distribution of Python");
        out.push(Evidence::new(package.record.clone(), detail));
    }
    out
}

/// The most folders that evidence names.
const FOLDERS_NAMED: usize = 8;

/// The folders in which it was looked for.
fn searched(case: &Case<'_>) -> Vec<Evidence> {
    let entries = case.environment.sys_path.value().map_or(&[][..], Vec::as_slice);
    entries
        .iter()
        .filter(|entry| entry.exists)
        .filter(|entry| matches!(entry.from, PathSource::Site | PathSource::Venv | PathSource::User))
        .take(FOLDERS_NAMED)
        .map(|entry| Evidence::new(entry.path.clone(), "no distribution of this name"))
        .collect()
}

fn together(case: &Case<'_>, first: &Subject<'_>, subjects: &[Subject<'_>]) -> Spoken {
    let names: Vec<Text> = subjects.iter().map(Subject::name).collect();
    Spoken::new(
        first.lock.path.clone(),
        say!(
            wording::count(names.len(), "package", "packages"),
            " of ",
            first.lock.path,
            " are not installed, and nothing installed here requires them: ",
            wording::list(&names)
        ),
    )
    .severity(Severity::Warning)
    .seen(searched(case))
    .why("the lock is a record of the training environment, which holds much that serving never imports; what the \
          model's own code imports is missed")
    .fix("install what the model's code imports; read the lock as a demand (--demand) to make each one an error")
}
