//! What locks install as JSON (`envdiff.lock/1`).

use std::io::{self, Write};

use envdiff_model::Locked;

use crate::View;

pub(super) fn write(locked: &Locked, _: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    envdiff_wire::v1::write_lock(locked, out)
}
