//! A report goes in; it stands on standard output and in the files of `--report`, and the exit status comes out.

use std::path::PathBuf;

use envdiff_judge::Policy;
use envdiff_model::Report;
use envdiff_report::{Format, View};

use crate::cli::{FailOn, ReportOptions, Shared};
use crate::failure::Failure;
use crate::output::{Destination, Stdout};
use crate::status::Status;

/// Where a report goes.
pub(crate) struct Answer {
    format: &'static Format,
    files: Vec<(&'static Format, Destination)>,
    /// What makes it fail.
    pub(crate) policy: Policy,
}

impl Answer {
    /// The files are made before anything slow, so that a folder that is not there costs nothing.
    pub(crate) fn prepare(options: &ReportOptions) -> Result<Self, Failure> {
        let mut seen: Vec<&PathBuf> = Vec::new();
        let mut files = Vec::new();
        for (format, path) in &options.reports {
            if seen.contains(&path) {
                return Err(Failure::SameFile(path.clone()));
            }
            seen.push(path);
            files.push((format.0, Destination::open(path)?));
        }
        let fail_on = if options.exit_zero { FailOn::Never } else { options.fail_on };
        let policy = Policy { fail_on: fail_on.severity(), ignores: options.ignore.clone() };
        Ok(Self { format: options.format.0, files, policy })
    }

    /// Writes the report everywhere.
    pub(crate) fn give(self, report: &Report, shown: &View<'_>, shared: &Shared) -> Result<Status, Failure> {
        for (format, destination) in self.files {
            // A file is as wide as a pipe, whatever terminal the command was called from.
            let in_file = View { width: View::WIDTH, ..shown.clone() };
            destination.write(&written(format, report, &in_file)?)?;
        }
        Stdout::new(shared).write(&written(self.format, report, shown)?)?;
        Ok(status(&self.policy, report))
    }
}

/// `never` is told in the policy: the report's own verdict goes by errors then, and the status does not. What could not be
/// audited is no finding that anybody allows.
fn status(policy: &Policy, report: &Report) -> Status {
    if !report.unaudited.is_empty() {
        Status::NotAudited
    } else if report.fails && policy.fail_on.is_some() {
        Status::Findings
    } else {
        Status::Clean
    }
}

fn written(format: &Format, report: &Report, view: &View<'_>) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    (format.write)(report, view, &mut text).map_err(Failure::Stdout)?;
    Ok(text)
}
