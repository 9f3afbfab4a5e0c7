//! The judge from outside: its pages, its registry, the corpus, allowances, `--why`, speed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests"
)]

mod archive;
mod combinations;
mod corpus;
mod example;
mod image;
mod pages;
mod policy;
mod registry;
mod speed;
mod told;
mod torchserve;
mod truth;
mod why;
