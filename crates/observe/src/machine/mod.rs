//! What the command line names, what this machine says, or what a cluster's nodes are labelled with comes in; the machine
//! that the image will run on comes out. The one part of this crate that looks at the world instead of at the image.

mod error;
mod named;
mod nodes;
mod this;

use envdiff_facts::Capability;
use envdiff_facts::gpus::Gpu as Row;
use envdiff_model::{Gpu, Text};

pub use error::MachineError;
pub use named::named;
pub use nodes::{NodesError, node_file, nodes};
pub(crate) use this::parse_smi;
pub use this::{NOT_NAMED, this};

/// A GPU of the table.
fn of_table(row: &Row) -> Gpu {
    Gpu { name: Some(Text::from(row.name)), capability: Some(capability(row.capability)) }
}

fn capability(capability: Capability) -> Text {
    Text::from(capability.to_string())
}
