//! Extension modules and the `libstdc++.so.6` that each gets come in; an error for each distribution that needs a newer one
//! comes out.

use envdiff_model::{Evidence, Libstdcxx, Native, Text, say};

use crate::case::{Case, Spoken};
use crate::modules::{self, Readable, SHOWN};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(native) = modules::native(case.environment) else { return Vec::new() };
    let of = modules::by_distribution(native, |file| {
        modules::is_loadable(native, file) && has(native, file.libstdcxx.as_ref()).is_some()
    });
    let speak = |(name, modules): (&Text, Vec<Readable<'_>>)| {
        let broken: Vec<(Readable<'_>, Text, &Libstdcxx)> = modules
            .into_iter()
            .filter_map(|module| {
                let own = has(native, module.file.libstdcxx.as_ref())?;
                Some((module, lacking(module, own)?, own))
            })
            .collect();
        let (_, lacked, own) = broken.iter().max_by_key(|(_, lacked, _)| version(lacked))?;
        let there = if lacked.as_bytes().starts_with(b"GLIBCXX") {
            say!("GLIBCXX_", own.glibcxx)
        } else {
            say!("CXXABI_", own.cxxabi)
        };
        Some(
            Spoken::new(
                name.clone(),
                say!(name, " needs ", lacked, ", the libstdc++ that it gets ends at ", there),
            )
            .severity(modules::severity(name))
            .seen(broken.iter().take(SHOWN).map(|(module, lacked, _)| module.seen(say!("needs ", lacked))))
            .seen([Evidence::new(own.path.clone(), say!("defines ", there))])
            .why(say!("its import ends with ImportError: version `", lacked, "' not found"))
            .fix("install a newer libstdc++6 (in conda: libstdcxx-ng), or take the folder with the older one out of the loader's way"),
        )
    };
    of.into_iter().filter_map(speak).collect()
}

/// The library that a module gets: its own, or the image's.
fn has<'a>(native: &'a Native, own: Option<&'a Libstdcxx>) -> Option<&'a Libstdcxx> {
    own.or_else(|| native.libstdcxx.value()?.as_ref())
}

/// What it needs and does not get: `GLIBCXX_3.4.30`.
fn lacking(module: Readable<'_>, own: &Libstdcxx) -> Option<Text> {
    let above = |needed: Option<&Text>, there: &Text| {
        needed.filter(|needed| modules::is_above(needed, there) == Some(true)).cloned()
    };
    let glibcxx = above(module.file.glibcxx.as_ref(), &own.glibcxx).map(|version| say!("GLIBCXX_", version));
    glibcxx
        .or_else(|| above(module.file.cxxabi.as_ref(), &own.cxxabi).map(|version| say!("CXXABI_", version)))
}

fn version(lacked: &Text) -> Option<Vec<u32>> {
    let text = lacked.as_str()?;
    modules::numbers(&text.split('_').nth(1)?.into())
}
