//! A model archive and the image that will serve it come in; a [`envdiff_model::Load`] comes out: whether the first worker
//! becomes ready, and else at which stage it fails, by which rule, and where.

pub mod container;
pub mod ending;
mod follow;
pub mod fuzz;
mod handler;
pub mod limits;
pub mod manifest;
pub mod model_config;
pub mod place;
pub mod properties;
mod requests;
pub mod requirements;
pub mod server;
mod surroundings;
mod value;
mod version;
pub mod weights;
mod yaml;

pub use follow::{Archive, LIKELY, OpenError, Wishes, in_image, predict};
pub use handler::world::Image;
pub use surroundings::{interpreter, starts_server};
pub use value::{At, Data, Map, Type, Value};
pub use version::Version;
