//! A report as JSON: `envdiff.report/1`, whole whatever the view says.

use std::io::{self, Write};

use envdiff_model::Report;

use crate::View;

pub(crate) fn write(report: &Report, _: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    envdiff_wire::write_report(report, out)
}
