//! What is in a target as lines of a requirements file, as `pip freeze` prints them.

use std::io::{self, Write};

use super::Inspection;
use crate::View;
use crate::escape::shown;

pub(super) fn write(inspection: &Inspection<'_>, _: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    for line in inspection.freeze {
        writeln!(out, "{}", shown(line))?;
    }
    Ok(())
}
