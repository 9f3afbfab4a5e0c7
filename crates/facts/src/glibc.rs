//! A distribution's os-release, a GCC or a wheel's platform tag comes in; the C library it has or needs comes out.

use crate::{Minor, Numbers};

include!(concat!(env!("OUT_DIR"), "/glibc.rs"));

/// The C library of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Libc {
    /// glibc of this version.
    Glibc(Minor),
    /// musl of this version.
    Musl(Numbers),
}

/// A distribution.
#[derive(Debug)]
pub struct Distribution {
    /// What people call it.
    pub name: &'static str,
    /// `ID` and `VERSION_ID` of its `/etc/os-release`, and those of its rebuilds.
    pub os_release: &'static [(&'static str, &'static str)],
    /// Its C library.
    pub libc: Libc,
    /// The highest `GLIBCXX_` node of its own libstdc++.
    pub glibcxx: Option<Numbers>,
    /// The highest `CXXABI_` node of it.
    pub cxxabi: Option<Numbers>,
    /// Whether a part of the row was not read at its origin.
    pub unverified: bool,
    /// Where the row was read.
    pub source: &'static str,
}

/// The libstdc++ of a GCC.
#[derive(Debug)]
pub struct Gcc {
    /// As it is written.
    pub version: &'static str,
    /// The same, to be compared.
    pub numbers: Numbers,
    /// The highest `GLIBCXX_` node.
    pub glibcxx: Numbers,
    /// The highest `CXXABI_` node.
    pub cxxabi: Numbers,
    /// Where the row was read.
    pub source: &'static str,
}

/// What a wheel's platform tag asks of the C library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Floor {
    /// glibc of at least this version.
    Glibc(Minor),
    /// musl of at least this version.
    Musl(Minor),
    /// Nothing is promised: the symbols decide (`linux_x86_64`).
    NotTold,
    /// No code of a machine: `any`.
    None,
}

/// A platform tag without its machine.
#[derive(Debug)]
pub struct Tag {
    /// `manylinux_2_28`
    pub tag: &'static str,
    /// What it asks for.
    pub floor: Floor,
    /// What else is to be known.
    pub note: Option<&'static str>,
    /// Where the row was read.
    pub source: &'static str,
}

/// The distribution of these values of `/etc/os-release`. A longer version of the same release is that release: 8.9 of
/// 8, 3.18.4 of 3.18.
#[must_use]
pub fn distribution(id: &str, version_id: &str) -> Option<&'static Distribution> {
    let is_of = |release: &str| {
        version_id.strip_prefix(release).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    DISTRIBUTIONS.iter().find(|row| row.os_release.iter().any(|(own, release)| *own == id && is_of(release)))
}

/// The oldest GCC of the table whose libstdc++ has this `GLIBCXX_` node (`3.4.30`).
#[must_use]
pub fn first_gcc_with_glibcxx(node: Numbers) -> Option<&'static Gcc> {
    GCCS.iter().find(|gcc| gcc.glibcxx >= node)
}

/// What one platform tag asks for (`manylinux_2_28_x86_64`); `None` for a tag of another system.
#[must_use]
pub fn floor_of_tag(tag: &str) -> Option<Floor> {
    if tag == "any" {
        return Some(Floor::None);
    }
    let own = |row: &&Tag| tag.strip_prefix(row.tag).is_some_and(|rest| rest.starts_with('_'));
    if let Some(row) = TAGS.iter().find(own) {
        return Some(row.floor);
    }
    // PEP 600 and PEP 656: what is in no table says it itself.
    let read = |rest: &str| {
        let mut parts = rest.splitn(3, '_');
        let minor = Minor::parse(&format!("{}.{}", parts.next()?, parts.next()?))?;
        parts.next().map(|_machine| minor)
    };
    match (tag.strip_prefix("manylinux_"), tag.strip_prefix("musllinux_")) {
        (Some(rest), _) => read(rest).map(Floor::Glibc),
        (_, Some(rest)) => read(rest).map(Floor::Musl),
        (None, None) => None,
    }
}

/// What a compound platform tag asks for (`manylinux_2_17_x86_64.manylinux2014_x86_64`): one acceptable tag is enough
/// for an installer, so the lowest floor of the first C library named. The symbols of the wheel may want more.
#[must_use]
pub fn floor_of_tags(tags: &str) -> Option<Floor> {
    tags.split('.').filter_map(floor_of_tag).reduce(|lowest, floor| match (lowest, floor) {
        (Floor::Glibc(a), Floor::Glibc(b)) => Floor::Glibc(a.min(b)),
        (Floor::Musl(a), Floor::Musl(b)) => Floor::Musl(a.min(b)),
        (lowest, _) => lowest,
    })
}
