//! A model archive and the image that will serve it come in; a [`envdiff_model::Load`] comes out: whether the first worker
//! becomes ready, and else at which stage it fails, by which rule, and where.

mod container;
mod ending;
pub mod fuzz;
pub mod limits;
pub mod manifest;
pub mod model_config;
pub mod place;
pub mod properties;
pub mod requirements;
pub mod server;
mod value;
mod version;
mod yaml;

pub use container::{Archive, Container, Contents, Kind, OpenError, Unread};
pub use ending::{Ending, Found, How};
pub use value::{At, Data, Map, Type, Value};
pub use version::Version;
