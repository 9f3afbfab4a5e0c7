//! A tree comes in; what CPython's compiler refuses although its parser takes it comes out.

use crate::{
    refusal::{Refusal, Version},
    tree::Module,
};

/// The first refusal.
pub fn module(_module: &Module, _version: Version) -> Option<Refusal> {
    None
}
