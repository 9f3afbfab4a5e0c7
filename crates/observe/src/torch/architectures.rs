//! `libtorch_python.so` comes in; for which GPUs torch has code comes out, as `torch._C._cuda_getArchFlags()` tells it.
//!
//! The build compiles its list of targets into that function (`CUDA_ARCH_FLAGS`, `torch/csrc/cuda/Module.cpp`) as one text
//! with spaces: `sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_90`. Measured in the wheels of the package index: 1.13.1, 2.1.2,
//! 2.6.0, 2.15.0 for x86-64 and 2.11.0 for aarch64 have it in `libtorch_python.so` and in no other small library; the section
//! searched has 0.6 to 1 MB.

use envdiff_facts::{Minor, Target, Variant, torch};
use envdiff_files::{Ask, ImagePath, Miss, Pattern, Seen};
use envdiff_model::{Evidence, Fact, Text, TorchVariant, say};

use crate::python::ask::{self, Found};

/// Where the list stands, below the package.
pub const FLAGS_LIBRARY: &str = "lib/libtorch_python.so";

/// How the list looks.
pub const ARCHITECTURES: Pattern = Pattern { prefix: b"sm_", body: Pattern::ARCHITECTURES, max_len: 1_024 };

/// The section that holds it.
const SECTION: &str = ".rodata";

/// What a search found: the one list, or why there is none.
pub(super) enum Flags {
    Listed(Vec<Text>, Evidence),
    Untold(Text),
}

/// Searches the library.
pub(super) fn scan(seen: &Seen, place: &ImagePath) -> Result<Flags, Miss> {
    let Some(library) = place.join(FLAGS_LIBRARY) else { return Ok(Flags::Untold("too long a path".into())) };
    let found = match ask::scan(seen, &library, SECTION, ARCHITECTURES)? {
        Found::Is(found) => found,
        Found::Absent => return Ok(Flags::Untold(say!(library.as_bytes(), " is not there"))),
        Found::Unreadable(why) => {
            return Ok(Flags::Untold(say!(library.as_bytes(), " cannot be read: ", why)));
        }
    };
    let mut lists: Vec<Vec<Text>> = Vec::new();
    for text in found.matches.iter().filter(|found| !found.cut).map(|found| &found.text) {
        if let Some(list) = list(text)
            && !lists.contains(&list)
        {
            lists.push(list);
        }
    }
    // A build for one GPU alone has a list of one, which other texts could look like; a longer one is nothing else.
    if lists.iter().any(|list| list.len() > 1) {
        lists.retain(|list| list.len() > 1);
    }
    Ok(match (<[Vec<Text>; 1]>::try_from(lists), found.complete) {
        (Ok([list]), _) => {
            let question = Ask::Scan { path: library.clone(), section: SECTION, pattern: ARCHITECTURES };
            let evidence = ask::evidence(seen, &question, Text::join(&list, " "));
            Flags::Listed(list, evidence)
        }
        (Err(lists), _) if !lists.is_empty() => {
            Flags::Untold(say!(library.as_bytes(), " holds several lists of architectures"))
        }
        (Err(_), true) => Flags::Untold(say!(library.as_bytes(), " holds no list of architectures")),
        (Err(_), false) => Flags::Untold(say!(library.as_bytes(), " was not searched to its end")),
    })
}

/// The words of a text that is nothing but targets: not `sm_carveout_experimental`.
fn list(text: &[u8]) -> Option<Vec<Text>> {
    let text = std::str::from_utf8(text).ok()?;
    let words: Vec<&str> = text.split(' ').collect();
    let are_targets = words.iter().all(|word| {
        (word.starts_with("sm_") || word.starts_with("compute_")) && Target::parse(word).is_some()
    });
    are_targets.then(|| words.into_iter().map(Text::from).collect())
}

/// What the library says, else the table of builds.
pub(super) fn derive(
    place: &ImagePath,
    version: &Text,
    variant: Option<&TorchVariant>,
    architecture: Option<&str>,
    flags: Flags,
) -> Fact<Vec<Text>> {
    let cuda = match variant {
        Some(TorchVariant::Cuda(cuda)) => cuda,
        Some(TorchVariant::Cpu | TorchVariant::Xpu(_)) => {
            return Fact::known(Vec::new(), Evidence::new(place.as_bytes(), "a build without CUDA"));
        }
        Some(TorchVariant::Rocm(_)) => {
            return Fact::unknown("a build for AMD's GPUs, whose list is not read");
        }
        None => return Fact::unknown("what torch was built for is not known"),
    };
    let untold = match flags {
        Flags::Listed(list, evidence) => return Fact::known(list, evidence),
        Flags::Untold(why) => why,
    };
    match table(version, cuda, architecture) {
        Some((list, row)) => Fact::known(list, Evidence::new("table of torch builds", row)),
        None => Fact::unknown(say!(untold, ", and torch ", version, " with CUDA ", cuda, " is in no table")),
    }
}

/// The list of the project's own build: only a version with its label is one.
fn table(version: &Text, cuda: &Text, architecture: Option<&str>) -> Option<(Vec<Text>, Text)> {
    let version = version.as_str()?;
    let variant = Variant::of_version(version)?;
    torch::release(version)?;
    if variant.cuda() != envdiff_facts::CudaVersion::parse(cuda.as_str()?) {
        return None;
    }
    let (sm, ptx): (&[_], &[_]) = match architecture? {
        "x86_64" => torch::build(Minor::of(version)?, variant).map(|build| (build.sm, build.ptx))?,
        "aarch64" => torch::aarch64_build(variant).map(|build| (build.sm, &[][..]))?,
        _ => return None,
    };
    let word =
        |kind: &str, c: &envdiff_facts::Capability| Text::from(format!("{kind}_{}{}", c.major, c.minor));
    let list = sm.iter().map(|c| word("sm", c)).chain(ptx.iter().map(|c| word("compute", c))).collect();
    Some((list, say!("torch ", version)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::list;

    #[test]
    fn a_list_is_targets_and_nothing_else() {
        assert_eq!(list(b"sm_50 sm_60 sm_90a compute_90").unwrap().len(), 4);
        assert_eq!(list(b"sm_80").unwrap().len(), 1);
        for other in [
            "sm_carveout_experimental",
            "sm_80 and more",
            "sm__cycles_active",
            "sm_80 ",
            "sm_80  sm_90",
            "sm_8",
        ] {
            assert_eq!(list(other.as_bytes()), None, "{other}");
        }
    }
}
