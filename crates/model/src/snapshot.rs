//! One target as it was read: where from, its configuration, the environment derived from it.

use crate::{Environment, ImageConfig, Target};

/// What `envdiff inspect` tells and what every audit starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// What was read, and how.
    pub target: Target,
    /// The image's configuration; `None` for a bare folder.
    pub config: Option<ImageConfig>,
    /// What was derived.
    pub environment: Environment,
}
