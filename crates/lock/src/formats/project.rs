//! The `pyproject.toml` beside a lock comes in; what the lock's own tool takes from it comes out.

use envdiff_model::Name;

use crate::registry::Input;
use crate::tree::{Table, toml};

/// A `pyproject.toml` that is TOML.
pub(crate) struct Project {
    text: String,
}

/// The one in the folder of a lock, where there is one that can be read; what is wrong with it is its own tool's concern.
pub(crate) fn beside(input: &Input<'_>) -> Option<Project> {
    let path = input.beside("pyproject.toml")?;
    let bytes = input.reader.read(&path).ok()?;
    let text = crate::text::decode(bytes).ok()?;
    toml::parse(&text).is_ok().then_some(Project { text })
}

/// Groups that are installed without being asked for.
pub(crate) enum Defaults {
    All,
    These(Vec<Name>),
}

impl Project {
    pub(crate) fn table(&self) -> Table<'_> {
        toml::parse(&self.text).unwrap_or_default()
    }

    /// `tool.uv.default-groups`.
    pub(crate) fn uv_default_groups(&self) -> Option<Defaults> {
        let root = self.table();
        let uv = root.table("tool").ok()??.table("uv").ok()??;
        let node = uv.get("default-groups")?;
        match (node.text(), node.list()) {
            (Some("all"), _) => Some(Defaults::All),
            (_, Some(items)) => {
                Some(Defaults::These(items.iter().filter_map(|item| item.text()).map(Name::new).collect()))
            }
            _ => None,
        }
    }
}
