//! A model archive and the image that will serve it come in; a [`envdiff_model::Load`] comes out: whether the first worker
//! becomes ready, and else at which stage it fails, by which rule, and where.

pub mod weights;
