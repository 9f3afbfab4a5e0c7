//! One file a format: how its text becomes a lock, and what of it its own tool installs in an environment.

pub(crate) mod collect_env;
pub(crate) mod conda;
pub(crate) mod conda_environment;
pub(crate) mod conda_list;
pub(crate) mod conda_lock;
pub(crate) mod cyclonedx;
pub(crate) mod header;
pub(crate) mod mlflow;
pub(crate) mod pdm_lock;
pub(crate) mod pip_inspect;
pub(crate) mod pip_list;
pub(crate) mod pipfile_lock;
pub(crate) mod pixi_lock;
pub(crate) mod poetry_lock;
pub(crate) mod project;
pub(crate) mod purl;
pub(crate) mod pylock;
pub(crate) mod pyproject;
pub(crate) mod requirements;
pub(crate) mod setup_cfg;
pub(crate) mod snapshot;
pub(crate) mod spdx;
pub(crate) mod uv_lock;
