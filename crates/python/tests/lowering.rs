//! Our tree of a file, printed, against what CPython's `ast` makes of it (fixtures/python/dump.py): every statement and expression
//! once, each with its place.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod dump;

use envdiff_python::{Version, parse};

#[test]
fn trees_are_cpythons() {
    let source = include_bytes!("../../../fixtures/python/everything.py");
    let told = include_str!("../../../fixtures/python/everything.dump");
    let ours = dump::module(&parse(source, Version(3, 13)).unwrap());
    for (nth, (ours, told)) in ours.lines().zip(told.lines()).enumerate() {
        assert_eq!(ours, told, "line {} of everything.dump", nth + 1);
    }
    assert_eq!(ours.lines().count(), told.lines().count());
}
