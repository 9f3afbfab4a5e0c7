//! What could not be told comes in; a warning for each requirement or archive that it concerns, else a note, comes out.

use envdiff_model::{About, Evidence, Fact, Severity, Text, Verdict, say};

use crate::archives;
use crate::case::{Case, Spoken, seen};
use crate::checks::gpu::{driver_too_old_for_cuda, gpu_not_in_torch_arch_list};
use crate::checks::installed::editable_install_in_image as editable;
use crate::checks::installed::files_overwritten_by_another_package as overwritten;
use crate::checks::installed::import_name_shadowed as shadowed;
use crate::checks::installed::requirement_of_installed_package_broken as broken;
use crate::checks::installed::wheel_file_changed as verify;
use crate::checks::native::shared_library_missing as library;
use crate::checks::python::interpreter_missing;
use crate::checks::torch::bitsandbytes_lacks_cuda_library as bitsandbytes;
use crate::verdict;
use crate::wording;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    if case.about == About::Archives {
        return archives::undetermined(case).collect();
    }
    let mut out = requirements(case);
    out.extend(archives::undetermined(case));
    for lock in case.locks {
        for problem in lock.problems.iter().filter(|problem| !problem.refused) {
            let place = say!("line ", problem.at.line, ": ", problem.text);
            out.push(
                Spoken::new(lock.path.clone(), problem.message.clone())
                    .severity(Severity::Warning)
                    .seen([Evidence::new(problem.at.file.clone(), place)])
                    .why("what it asks for was not compared")
                    .fix("give it as a lock of its own, or take the line out"),
            );
        }
    }
    out.extend(image(case));
    if case.needs.cut {
        out.push(
            Spoken::new(
                "requires",
                "what installed packages require of each other was not followed to the end",
            )
            .severity(Severity::Note)
            .why("there are more extras and markers than are evaluated"),
        );
    }
    out.extend(broken::undetermined(case));
    out.extend(driver_too_old_for_cuda::undetermined(case));
    out.extend(gpu_not_in_torch_arch_list::undetermined(case));
    out.extend(library::undetermined(case));
    let installed = [overwritten::undetermined(case), shadowed::undetermined(case)];
    out.extend(
        installed
            .into_iter()
            .flatten()
            .chain(editable::undetermined(case))
            .chain(bitsandbytes::undetermined(case))
            .chain(verify::undetermined(case))
            .map(|spoken| {
                spoken
                    .severity(Severity::Note)
                    .why("what was not seen may be there all the same")
                    .fix("look at it by hand where it matters")
            }),
    );
    out
}

fn requirements(case: &Case<'_>) -> Vec<Spoken> {
    let unverifiable = case.of(Verdict::Unverifiable);
    let Some(reason) = verdict::nothing_seen(case.environment) else {
        return unverifiable
            .map(|subject| {
                let reason = subject.judged.reason.clone().unwrap_or_default();
                Spoken::new(
                    subject.name(),
                    say!("whether the image holds `", subject.requirement.text, "` cannot be told: ", reason),
                )
                .severity(Severity::Warning)
                .about(subject.judged)
                .label("not determined")
                .seen(subject.copy.map(|copy| seen(copy.distribution)))
                .why("it counts neither as satisfied nor as a difference")
                .fix("compare it by hand, or allow it with --ignore")
            })
            .collect();
    };
    // The missing interpreter's own finding tells it.
    if interpreter_missing::is_missing(case.environment) {
        return Vec::new();
    }
    case.locks
        .iter()
        .enumerate()
        .filter_map(|(index, lock)| {
            let count = case.of(Verdict::Unverifiable).filter(|subject| subject.judged.lock == index).count();
            (count > 0).then(|| {
                Spoken::new(
                    lock.path.clone(),
                    say!(
                        wording::count(count, "requirement", "requirements"),
                        " of ",
                        lock.path,
                        " could not be compared: ",
                        reason
                    ),
                )
                .severity(Severity::Warning)
                .seen(others(case))
                .why("without knowing which Python starts, what is installed for it cannot be told")
                .fix("name the interpreter: --python PATH")
            })
        })
        .collect()
}

/// What is not known of the image itself.
fn image(case: &Case<'_>) -> Vec<Spoken> {
    if let Some(reason) = verdict::nothing_seen(case.environment) {
        if !case.locks.is_empty() {
            return Vec::new();
        }
        return vec![
            Spoken::new("python", say!("what is installed cannot be told: ", reason))
                .severity(Severity::Note)
                .seen(others(case))
                .why("an environment is the one of the Python that starts")
                .fix("name the interpreter: --python PATH"),
        ];
    }
    let Some(reason) = verdict::gap(case.environment) else { return Vec::new() };
    vec![
        Spoken::new("sys.path", say!("packages that were not seen may be there all the same: ", reason))
            .severity(Severity::Note)
            .why("a package in a folder that is not known of counts as not determined, never as missing")
            .fix("start the image's Python and compare its sys.path with the one in `envdiff inspect`"),
    ]
}

/// Interpreters that are there and may be the one that starts.
fn others(case: &Case<'_>) -> Vec<Evidence> {
    case.environment
        .interpreters
        .iter()
        .map(|other| {
            let detail: Text = match &other.version {
                Fact::Known { value, .. } => say!("Python ", value),
                Fact::Unknown { reason } => reason.clone(),
            };
            Evidence::new(other.executable.clone(), detail)
        })
        .collect()
}
