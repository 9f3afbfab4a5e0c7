//! What is in a target as JSON: `envdiff.snapshot/1`.

use std::io::{self, Write};

use super::Inspection;
use crate::View;

pub(super) fn write(inspection: &Inspection<'_>, _: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    envdiff_wire::write_snapshot(inspection.snapshot, out)
}
