//! A loader comes in; the C and the C++ library that it takes come out, with the highest symbol versions that they define.

use envdiff_files::{Ask, ElfView, Miss, Seen};
use envdiff_model::{Fact, Libc, Libstdcxx, Text, say};

use super::loader::{Hit, Loader, Object, Style};
use crate::python::ask::{self, Found};

/// The name of glibc's library.
pub(crate) const GLIBC: &[u8] = b"libc.so.6";
/// The name of GCC's C++ library.
pub(crate) const LIBSTDCXX: &[u8] = b"libstdc++.so.6";

/// The C library that the interpreter loads.
pub(crate) fn libc(seen: &Seen, loader: &Loader<'_>) -> Result<Fact<Libc>, Miss> {
    let Some(interpreter) = loader.interpreter() else {
        return Ok(Fact::unknown("the interpreter is not known, or cannot be read"));
    };
    if loader.style() == Style::Musl {
        let question = Ask::Elf(interpreter.path.clone());
        let asked_for = interpreter.view.interpreter.as_deref().unwrap_or_default();
        return Ok(Fact::known(
            Libc::Musl(None),
            ask::evidence(seen, &question, say!("asks for ", asked_for)),
        ));
    }
    if !interpreter.view.needed.iter().any(|name| **name == *GLIBC) {
        return Ok(Fact::unknown("the interpreter loads none"));
    }
    let hit = match loader.find(GLIBC, &[])? {
        Found::Is(hit) => hit,
        Found::Absent => return Ok(Fact::unknown("libc.so.6 is not there")),
        Found::Unreadable(why) => return Ok(Fact::unknown(why)),
    };
    let real = ask::real(seen, &hit.path);
    let view = match view(seen, &hit)? {
        Ok(view) => view,
        Err(why) => return Ok(Fact::unknown(why)),
    };
    let name = match real? {
        Found::Is(real) => real.file_name(),
        Found::Absent | Found::Unreadable(_) => &[],
    };
    let (defined, named) = (highest(&view.version_definitions, "GLIBC_"), named(name));
    let by_number = |version: &Option<String>| version.as_deref().and_then(numbers);
    let told = if by_number(&named) > by_number(&defined) {
        named.map(|version| (version, say!("is ", name)))
    } else {
        defined.map(|version| (version.clone(), say!("defines GLIBC_", version)))
    };
    Ok(match told {
        Some((version, detail)) => {
            Fact::known(Libc::Glibc(version.into()), ask::evidence(seen, &Ask::Elf(hit.path), detail))
        }
        None => Fact::unknown(say!(hit.path.as_bytes(), " defines no version of glibc")),
    })
}

/// The version in the name that glibc's library had up to 2.33, to which `libc.so.6` is a link: `libc-2.31.so`. What the
/// library defines can lag behind: the symbols of `GLIBC_2.31` are in libm and libpthread alone.
fn named(file: &[u8]) -> Option<String> {
    let version = std::str::from_utf8(file).ok()?.strip_prefix("libc-")?.strip_suffix(".so")?;
    numbers(version).map(|_| version.to_owned())
}

/// The `libstdc++.so.6` that is found for the first of `by`, or for the interpreter alone.
pub(crate) fn libstdcxx(
    seen: &Seen,
    loader: &Loader<'_>,
    by: &[Object<'_>],
) -> Result<Fact<Option<Libstdcxx>>, Miss> {
    if loader.interpreter().is_none() {
        return Ok(Fact::unknown("the interpreter is not known, or cannot be read"));
    }
    let hit = match loader.find(LIBSTDCXX, by)? {
        Found::Is(hit) => hit,
        Found::Absent => return Ok(Fact::seen(None, Vec::new())),
        Found::Unreadable(why) => return Ok(Fact::unknown(why)),
    };
    let view = match view(seen, &hit)? {
        Ok(view) => view,
        Err(why) => return Ok(Fact::unknown(why)),
    };
    let Some(glibcxx) = highest(&view.version_definitions, "GLIBCXX_") else {
        return Ok(Fact::unknown(say!(hit.path.as_bytes(), " defines no version of libstdc++")));
    };
    let cxxabi = highest(&view.version_definitions, "CXXABI_").unwrap_or_default();
    let evidence = ask::evidence(seen, &Ask::Elf(hit.path.clone()), say!("defines GLIBCXX_", &glibcxx));
    let path = Text::from(hit.path.as_bytes());
    Ok(Fact::known(Some(Libstdcxx { path, glibcxx: glibcxx.into(), cxxabi: cxxabi.into() }), evidence))
}

fn view<'a>(seen: &'a Seen, hit: &Hit) -> Result<Result<&'a ElfView, Text>, Miss> {
    match seen.elf(&hit.path) {
        Ok(view) => Ok(Ok(view)),
        Err(Miss::Pending) => Err(Miss::Pending),
        Err(Miss::Absent) => Ok(Err(say!(hit.path.as_bytes(), " is not there"))),
        Err(Miss::Unreadable(reason)) => {
            Ok(Err(say!(hit.path.as_bytes(), " cannot be read: ", reason.to_string())))
        }
    }
}

/// The highest of the versions that begin so, without that: `2.36`. `GLIBC_PRIVATE` and others without number do not count,
/// but for `GLIBC_ABI_DT_RELR`, which glibc defines since 2.36.
pub(crate) fn highest<'a, T: AsRef<[u8]> + 'a>(
    names: impl IntoIterator<Item = &'a T>,
    prefix: &str,
) -> Option<String> {
    names
        .into_iter()
        .filter_map(|name| {
            let name = std::str::from_utf8(name.as_ref()).ok()?;
            let version = if name == "GLIBC_ABI_DT_RELR" { "2.36" } else { name.strip_prefix(prefix)? };
            Some((numbers(version)?, version))
        })
        .filter(|_| !prefix.is_empty())
        .max()
        .map(|(_, version)| version.to_owned())
}

/// `2.28` as numbers, to be compared.
fn numbers(version: &str) -> Option<Vec<u32>> {
    version.split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::{highest, named};

    #[test]
    fn the_file_that_libc_so_6_leads_to_can_tell_its_version() {
        assert_eq!(named(b"libc-2.31.so").as_deref(), Some("2.31"));
        for other in ["libc.so.6", "libc-2.31.so.1", "libc-musl.so", "libc-.so"] {
            assert_eq!(named(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn the_highest_version_is_by_number() {
        let of = |names: &[&str], prefix| highest(names, prefix);
        let names = ["GLIBC_2.2.5", "GLIBC_2.28", "GLIBC_2.4", "GLIBC_PRIVATE", "GLIBCXX_3.4.9"];
        assert_eq!(of(&names, "GLIBC_").as_deref(), Some("2.28"));
        assert_eq!(
            of(&["GLIBCXX_3.4.9", "GLIBCXX_3.4.30", "GLIBCXX_DEBUG"], "GLIBCXX_").as_deref(),
            Some("3.4.30")
        );
        assert_eq!(of(&["GLIBC_2.34", "GLIBC_ABI_DT_RELR"], "GLIBC_").as_deref(), Some("2.36"));
        assert_eq!(of(&["MADE_1.0"], "GLIBC_"), None);
    }
}
