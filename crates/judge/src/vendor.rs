//! A version that a vendor gives its build of a release comes in; the release that it calls itself a pre-release of comes out.

use envdiff_packaging::Version;

/// The release of NVIDIA's build of it: 2.4.0 of `2.4.0a0+f70bd71a48.nv24.6`. Such a build is cut from the source
/// before the release is out, so it calls itself a pre-release; what goes with the release is built and run against it. `None` for all other versions.
pub(crate) fn release(version: &Version) -> Option<Version> {
    let is_vendors = version
        .local()?
        .split('.')
        .any(|part| part.strip_prefix("nv").is_some_and(|n| n.starts_with(|c: char| c.is_ascii_digit())));
    if !is_vendors || !version.is_prerelease() {
        return None;
    }
    let numbers: Vec<String> = version.release().map(|n| n.to_string()).collect();
    Version::parse(&numbers.join(".")).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use envdiff_packaging::Version;

    use super::release;

    #[test]
    fn what_calls_itself_a_pre_release_of_a_release() {
        for (version, of) in [
            ("2.4.0a0+f70bd71a48.nv24.6", Some("2.4.0")),
            ("2.3.0a0+6ddf5cf85e.nv24.04", Some("2.3.0")),
            ("2.4.0a0+git1234567", None),
            ("2.4.0a0+nvidia", None),
            ("2.4.0+nv24.6", None),
            ("2.6.0.dev20241001+cu124", None),
            ("2.4.0", None),
        ] {
            let told = release(&Version::parse(version).unwrap()).map(|release| release.to_string());
            assert_eq!(told.as_deref(), of, "{version}");
        }
    }
}
